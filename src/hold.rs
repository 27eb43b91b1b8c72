//! Keeps held messages until exactly one end: states, order, expiry, release.

use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::sync::{broadcast, mpsc};

use crate::{
    audit::Audit,
    config::{HoldConfig, Mode, OnExpiry},
    message::{Finding, Language, Sender},
    metrics::Metrics,
    protocol::Frame,
    store::{Store, StoreError},
};

/// One held message: the only truth about it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Hold {
    /// Sorts by time; unique over restarts.
    pub id: String,
    pub route: String,
    pub mode: Mode,
    pub channel: String,
    pub sender: Sender,
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
    pub held_ms: u64,
    pub expires_ms: u64,
    pub on_expiry: OnExpiry,
    pub state: State,
    pub decided: Option<Decided>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StoredFrame {
    pub binary: bool,
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

#[derive(Clone, Debug, thiserror::Error)]
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
    /// Decided, undone, expired, released …: the record as it is now.
    Moved(Arc<Hold>),
}

/// What a live session is asked to do.
#[derive(Clone, Debug)]
pub enum Order {
    /// Call [`HoldQueue::claim`], write the frame if it says so, then call `written`.
    Release(Arc<Hold>),
    /// An egress release, already claimed by the queue: write the frame to the viewer.
    Show(Arc<Hold>),
    /// The message ended otherwise: tell the sender (`state` says how), let waiting chat go on.
    Ended(Arc<Hold>),
}

/// What a session says of itself when it registers.
#[derive(Clone, Debug)]
pub struct Live {
    pub route: Arc<str>,
    pub mode: Mode,
    pub identity: Option<String>,
}

/// A registered session; dropping it takes the session off the list.
pub struct Berth {
    pub live: u64,
    pub orders: mpsc::Receiver<Order>,
    #[allow(dead_code)]
    queue: HoldQueue,
}

/// A route's own connection to its upstream, which `session` provides so that `hold` knows no
/// socket: writes the frame and says whether it was flushed.
pub type Service = Arc<
    dyn Fn(Frame) -> futures_util::future::BoxFuture<'static, Result<(), String>> + Send + Sync,
>;

/// The queue and the rules of its game.
#[derive(Clone)]
pub struct HoldQueue {
    inner: Arc<Inner>,
}

struct Inner {}

impl HoldQueue {
    /// Reads what is held from `store` and starts the clock for expiry, undo and retention.
    pub async fn open(
        _store: Arc<dyn Store>,
        _audit: Audit,
        _metrics: Arc<Metrics>,
        _config: HoldConfig,
    ) -> Result<HoldQueue, StoreError> {
        todo!()
    }

    /// Gives a route's service connection; called once per route before any session.
    pub fn serve(&self, _route: &str, _service: Service) {
        todo!()
    }

    /// Registers a live session and hands it any release that waited for it.
    pub fn register(&self, _live: Live) -> Berth {
        todo!()
    }

    /// A fresh id for a message, used for holds and for the audit of other verdicts.
    pub fn fresh_id(&self) -> String {
        todo!()
    }

    /// Writes a held message durably; when it returns `Ok`, the sender may be told.
    pub async fn hold(&self, _hold: Hold) -> Result<Arc<Hold>, HoldError> {
        todo!()
    }

    /// How many messages of this connection in this channel still wait for their end.
    pub fn waiting(&self, _live: u64, _channel: &str) -> usize {
        todo!()
    }

    /// Takes a moderator's decision; the first wins.
    pub async fn decide(
        &self,
        _id: &str,
        _decision: Decision,
        _by: &str,
    ) -> Result<Arc<Hold>, DecideError> {
        todo!()
    }

    /// Takes a denial back within its undo window.
    pub async fn undo(&self, _id: &str, _by: &str) -> Result<Arc<Hold>, DecideError> {
        todo!()
    }

    /// `approved → released`, committed; `false` when somebody else has it: then do not write.
    pub async fn claim(&self, _id: &str) -> Result<bool, StoreError> {
        todo!()
    }

    /// Says whether a claimed release reached the socket.
    pub async fn written(&self, _id: &str, _ok: bool) {
        todo!()
    }

    /// The undecided, oldest first.
    pub fn list(&self) -> Vec<Arc<Hold>> {
        todo!()
    }

    pub fn find(&self, _id: &str) -> Option<Arc<Hold>> {
        todo!()
    }

    pub fn way(&self, _hold: &Hold) -> Way {
        todo!()
    }

    pub fn subscribe(&self) -> broadcast::Receiver<Change> {
        todo!()
    }
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
