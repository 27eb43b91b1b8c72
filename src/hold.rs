//! Keeps held messages until exactly one end: states, order, expiry, release.

use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::sync::{broadcast, mpsc};

use crate::{
    audit::{Audit, Record},
    config::{HoldConfig, OnExpiry, Position, RetentionConfig},
    message::{Finding, Gone, Language, Paid, Sender, Standing},
    metrics::Metrics,
    protocol::Frame,
    store::{Store, StoreError, Table},
};

mod along;
mod attended;
mod book;
mod clock;
mod delivery;
mod errands;
mod ledger;
mod refunds;
mod retention;
mod states;
mod told;
mod unsure;
mod withdrawn;

pub use along::{Along, Bring};
pub use errands::{Asked, Errand};
use ledger::Ledger;
pub use refunds::{Refund, Refunds};
use states::Step;

/// One held message: the only truth about it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Hold {
    /// Sorts by time; unique over restarts.
    pub id: String,
    pub route: String,
    pub mode: Position,
    pub channel: String,
    pub sender: Sender,
    /// The platform's own id of the message, which notices about it quote.
    #[serde(default)]
    pub message_id: Option<String>,
    /// Keyed hash of the handshake's identity, where the route has one it trusts.
    pub identity: Option<String>,
    /// The live connection it came by; meaningless after a restart.
    pub live: u64,
    pub language: Language,
    pub text: String,
    pub findings: Vec<Finding>,
    /// What is written when it is released.
    pub frame: StoredFrame,
    pub rules: String,
    /// What had the last word, for moderators: `policy mine, hate 3`.
    #[serde(default)]
    pub decided_by: String,
    /// The rule that its sender is told.
    #[serde(default)]
    pub rule: String,
    pub held_ms: u64,
    pub expires_ms: u64,
    pub on_expiry: OnExpiry,
    /// For how long somebody has to be on duty before the clock ends it; absent where nobody has
    /// to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attended_ms: Option<u64>,
    pub state: State,
    pub decided: Option<Decided>,
    /// What was paid for it; then it has a place of its own, and is reported if it is not shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paid: Option<Paid>,
    /// What was known of its sender when it was held.
    #[serde(default)]
    pub standing: Standing,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StoredFrame {
    pub binary: bool,
    #[serde(with = "base64_bytes")]
    pub bytes: Vec<u8>,
}

/// `held → approved → released | orphaned`; `held → denied | expired | withdrawn`.
///
/// `approved` is a release that was decided and not yet written; `denied` becomes final when its
/// undo window has passed, until then it can go back to `held`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    Held,
    Approved,
    Released,
    Denied,
    Expired,
    Withdrawn,
    Orphaned,
}

/// Who decided, and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decided {
    pub by: String,
    pub at_ms: u64,
    /// A denial can be undone until then.
    pub undo_until_ms: u64,
    /// Seconds of time-out that came with a denial.
    pub time_out_s: Option<u64>,
    /// Its sender was banned with it.
    #[serde(default)]
    pub banned: bool,
    /// Committed as released, and whether the write was seen to finish. `None` after a crash in
    /// between: shown as unknown, never sent again.
    pub written: Option<bool>,
}

/// What a moderator wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    Release,
    Remove,
    TimeOut { seconds: u64 },
    Ban,
}

/// By which way a release would go, known before anybody clicks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// The sender's own connection is there (egress: the viewers connected then).
    Connection,
    /// Tidegate's own connection to the upstream.
    Service,
    /// Nobody to carry it now; it waits for the sender's return, then ends orphaned.
    Orphan,
}

#[derive(Clone, Debug, Serialize, Deserialize, thiserror::Error)]
pub enum HoldError {
    /// The queue's bound or the sender's: the policy's `when_full` decides.
    #[error("{0} held messages are the most there may be")]
    Full(usize),
    #[error(transparent)]
    Store(#[from] StoreError),
}

#[derive(Clone, Debug, thiserror::Error)]
pub enum DecideError {
    #[error("there is no held message {0}")]
    Unknown(String),
    /// The first decision won.
    #[error("already {state:?} by {}", decided.as_ref().map_or("the clock", |d| d.by.as_str()))]
    Already { state: State, decided: Option<Decided> },
    /// Its undo window has passed, or it was not a denial.
    #[error("too late to undo")]
    TooLate,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What happened to a held message, for consoles and bots.
#[derive(Clone, Debug)]
pub enum Change {
    Added(Arc<Hold>),
    /// Decided, undone, expired, released, erased …: the record as it is now, and the state that it
    /// was in where it was known.
    Moved(Arc<Hold>, Option<State>),
}

/// What a live session is asked to do.
#[derive(Clone, Debug)]
pub enum Order {
    /// Call [`HoldQueue::claim`], write the frame if it says so, then call `written`.
    Release(Arc<Hold>),
    /// An egress release, already claimed by the queue: write the frame to the viewer.
    Show(Arc<Hold>),
    /// Egress: take a message off the viewer's screen.
    Retract(Arc<Gone>),
    /// The message ended otherwise: tell the sender (`state` says how), let waiting chat go on.
    Ended(Arc<Hold>),
}

/// What a session says of itself when it registers.
#[derive(Clone, Debug)]
pub struct Live {
    pub route: Arc<str>,
    pub mode: Position,
    pub identity: Option<String>,
}

/// A registered session; dropping it takes the session off the list.
pub struct Berth {
    pub live: u64,
    pub orders: mpsc::Receiver<Order>,
    /// Apart, so that the other two can be taken out.
    _seat: delivery::Leave,
}

/// A route's own connection to its upstream, which `session` provides so that `hold` knows no
/// socket: writes the frame and says whether it was flushed.
pub type Service = Arc<
    dyn Fn(Frame) -> futures_util::future::BoxFuture<'static, Result<(), String>> + Send + Sync,
>;

/// The queue and the rules of its game.
///
/// Whatever it is asked to change is carried through even if the caller goes away meanwhile.
#[derive(Clone)]
pub struct HoldQueue {
    ledger: Arc<Ledger>,
}

impl HoldQueue {
    /// Reads what is held from `store` and starts the clock for expiry, undo and retention.
    ///
    /// What was approved waits for its sender or the route's service; what was claimed before a
    /// crash and not seen written stays `released` with `written: None` and is never sent again.
    pub async fn open(
        store: Arc<dyn Store>,
        audit: Audit,
        metrics: Arc<Metrics>,
        config: HoldConfig,
        retention: RetentionConfig,
    ) -> Result<HoldQueue, StoreError> {
        let ledger = Ledger::open(store, audit, metrics, config, retention).await?;
        Ok(HoldQueue { ledger })
    }

    /// Gives a route's service connection; called once per route before any session.
    pub fn serve(&self, route: &str, service: Service) {
        self.ledger.book().services.insert(route.to_owned(), service);
        self.ledger.deliver();
    }

    /// Registers a live session and hands it any release that waited for it.
    ///
    /// In `egress` it gets every release of its route while it is registered.
    pub fn register(&self, live: Live) -> Berth {
        let (live, orders, seat) = self.ledger.seat(live);
        Berth { live, orders, _seat: seat }
    }

    /// Takes a message off the screens of a route's viewers.
    pub fn retract(&self, route: &str, gone: Gone) {
        self.ledger.retract(route, &Arc::new(gone));
    }

    /// A fresh id for a message, used for holds and for the audit of other verdicts.
    pub fn fresh_id(&self) -> String {
        self.ledger.fresh_id()
    }

    /// Unix milliseconds as the queue's deadlines count them.
    pub fn now_ms(&self) -> u64 {
        self.ledger.clock.now_ms()
    }

    /// Writes a held message durably; when it returns `Ok`, the sender may be told.
    ///
    /// # Errors
    /// `Full` at a bound of the configuration; `Store` where it is not written, `Conflict` among
    /// them where its id was held before. The message is then not held.
    pub async fn hold(&self, hold: Hold) -> Result<Arc<Hold>, HoldError> {
        self.add(hold, None).await
    }

    /// The same, and on record from the same moment on.
    pub async fn hold_on_record(&self, hold: Hold, record: Record) -> Result<Arc<Hold>, HoldError> {
        self.add(hold, Some(record)).await
    }

    async fn add(&self, hold: Hold, record: Option<Record>) -> Result<Arc<Hold>, HoldError> {
        if !self.is_handed_over() {
            match self.ledger.add(hold.clone(), record.clone()).await {
                // The store was left to the next process meanwhile, and has nothing of it.
                Err(HoldError::Store(_)) if self.is_handed_over() => {}
                added => return added,
            }
        }
        let (own, record) = (Box::new(hold.clone()), record.map(Box::new));
        self.send(Errand::Hold { hold: own, record }).await?;
        Ok(Arc::new(hold))
    }

    /// How many messages of this connection in this channel still wait for their end; a denial
    /// that can be undone has not ended.
    pub fn waiting(&self, live: u64, channel: &str) -> usize {
        self.ledger.book().waiting(live, channel)
    }

    /// Takes a moderator's decision; the first wins.
    ///
    /// A release is on its way when this returns: see [`HoldQueue::way`] for which.
    pub async fn decide(
        &self,
        id: &str,
        decision: Decision,
        by: &str,
    ) -> Result<Arc<Hold>, DecideError> {
        let undo_ms = self.ledger.config.undo_ms;
        let step = Step::Decide { decision, by: by.to_owned(), undo_ms };
        self.stepped(id, step, by, None).await
    }

    /// Takes a denial back within its undo window.
    pub async fn undo(&self, id: &str, by: &str) -> Result<Arc<Hold>, DecideError> {
        self.undo_along(id, by, Arc::new(|_: &Hold| Along::default())).await
    }

    /// `approved → released`, committed; `false` when somebody else has it: then do not write.
    pub async fn claim(&self, id: &str) -> Result<bool, StoreError> {
        self.ledger.claim(id).await.map(|claimed| claimed.is_some())
    }

    /// Says whether a claimed release reached the socket; its text is erased.
    pub async fn written(&self, id: &str, ok: bool) {
        if !self.is_handed_over() {
            return self.ledger.written(id, ok).await;
        }
        if let Err(error) = self.send(Errand::Written { id: id.to_owned(), ok }).await {
            tracing::error!(%error, id, "a release was not noted as written");
        }
    }

    /// The undecided: the paid ones, then the others, of each the oldest first.
    pub fn list(&self) -> Vec<Arc<Hold>> {
        let mut list: Vec<_> = self.ledger.book().undecided().cloned().collect();
        list.sort_by_key(|hold| hold.paid.is_none());
        list
    }

    /// Up to `limit` of those that ended lately, newest first.
    pub fn recent(&self, limit: usize) -> Vec<Arc<Hold>> {
        self.ledger.book().ended().take(limit).cloned().collect()
    }

    /// An undecided, undelivered or lately ended one.
    pub fn find(&self, id: &str) -> Option<Arc<Hold>> {
        self.ledger.book().entry(id).map(|entry| entry.row.hold.clone())
    }

    /// The same, and those that ended long ago, for as long as the record of it is kept.
    pub async fn look_up(&self, id: &str) -> Result<Option<Arc<Hold>>, StoreError> {
        if let Some(hold) = self.find(id) {
            return Ok(Some(hold));
        }
        let row = self.ledger.store.load(Table::Holds, id).await?;
        row.map(|bytes| ledger::read(id, &bytes).map(|row| row.hold)).transpose()
    }

    /// By which way its release would go now.
    pub fn way(&self, hold: &Hold) -> Way {
        self.ledger.book().way(hold)
    }

    /// Whether nothing can be held at present: the last that was to be held was not, for the
    /// store's sake.
    pub fn is_failing(&self) -> bool {
        self.ledger.is_failing()
    }

    /// Every change from now on; who lags behind misses some and lists anew.
    pub fn subscribe(&self) -> broadcast::Receiver<Change> {
        self.ledger.changes.subscribe()
    }

    /// Erases what is stored of one user's messages, here and in the audit log, and says how many
    /// stored texts there were. What is still undecided is withdrawn first.
    pub async fn erase_sender(&self, route: &str, sender_id: &str) -> Result<usize, StoreError> {
        retention::erase_sender(&self.ledger, route, sender_id).await
    }
}

impl Hold {
    /// Of the gravest that was found, 1 where nothing was.
    pub fn severity(&self) -> u8 {
        let acting = self.findings.iter().filter(|finding| !finding.shadow);
        acting.map(|finding| finding.severity.level()).max().unwrap_or(1)
    }
}

fn already(hold: &Hold) -> DecideError {
    DecideError::Already { state: hold.state, decided: hold.decided.clone() }
}

impl StoredFrame {
    pub fn of(frame: &Frame) -> StoredFrame {
        StoredFrame { binary: matches!(frame, Frame::Binary(_)), bytes: frame.bytes().to_vec() }
    }

    pub fn frame(&self) -> Frame {
        let bytes = Bytes::copy_from_slice(&self.bytes);
        match (self.binary, bytes.try_into()) {
            (false, Ok(text)) => Frame::Text(text),
            (_, _) => Frame::Binary(Bytes::copy_from_slice(&self.bytes)),
        }
    }
}

/// Writes bytes as base64: a third longer, where JSON's lists of numbers are three times longer.
mod base64_bytes {
    use base64::{Engine, engine::general_purpose::STANDARD};
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&STANDARD.encode(bytes))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        STANDARD.decode(String::deserialize(from)?).map_err(Error::custom)
    }
}
