//! Bans, trusts and allows for longer than one message, and lifts it again.

use std::{collections::BTreeSet, slice, sync::Arc};

use axum::http::StatusCode;
use serde::Deserialize;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::{Doors, Failure, place::unfit};
use crate::{
    audit::{Event, Noted, Record},
    decide::TERM,
    history::{Decree, Full, History, What, Whose},
    hold::Hold,
    message::{Category, Finding, Hit, Message, Sender, Verdict, now_ms},
    store::{Expect, Store, StoreError, Table, Write},
};

/// A quarter of a year: what is meant for longer is meant until somebody lifts it.
const LASTING_S_MAX: u64 = 90 * 86_400;
/// Terms of one message that are allowed at once; a message with more was not held by mistake.
const TERMS_MAX: usize = 5;
/// Rows read at once when starting.
const PAGE: usize = 256;

/// The turn to change them: what is written down and what is in force change together.
#[derive(Clone)]
pub struct Decrees {
    turn: Arc<Semaphore>,
}

/// How long a decision lasts; until it is lifted, where nothing is said.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lasting {
    #[serde(default, deserialize_with = "super::whole_if_any")]
    pub seconds: Option<u64>,
}

impl Decrees {
    /// Puts what was stored in force again.
    ///
    /// # Errors
    /// Whatever the store says, and a row that is none.
    pub async fn open(store: &dyn Store, history: &History) -> Result<Decrees, StoreError> {
        let (now, mut after) = (now_ms(), String::new());
        loop {
            let page = store.scan(Table::Decrees, &after, PAGE).await?;
            let Some((last, _)) = page.last() else { break };
            after.clone_from(last);
            let mut over = Vec::new();
            for (id, bytes) in page {
                let decree: Decree = serde_json::from_slice(&bytes).map_err(|error| {
                    StoreError::Corrupt { place: format!("decree {id}"), cause: error.to_string() }
                })?;
                over.extend(history.put_decree(decree, now));
            }
            if !over.is_empty() {
                store.commit(over.iter().map(|id| removal(id)).collect()).await?;
            }
        }
        Ok(Decrees { turn: Arc::new(Semaphore::new(1)) })
    }

    pub(super) async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        // Nobody closes it.
        self.turn.acquire().await.ok()
    }
}

impl Lasting {
    pub(super) fn until_ms(self) -> Result<Option<u64>, Failure> {
        match self.seconds {
            None => Ok(None),
            Some(seconds @ 1..=LASTING_S_MAX) => Ok(Some(now_ms() + seconds * 1000)),
            Some(_) => {
                let message =
                    format!("it lasts 1 to {LASTING_S_MAX} seconds, or until it is lifted");
                Err(unfit("seconds", message))
            }
        }
    }
}

/// On a held message.
impl Doors {
    /// The listed terms for which a message is held, where they are all that it is held for and
    /// each may be allowed.
    pub fn allowable(&self, hold: &Hold) -> Result<Vec<Hit>, Failure> {
        let rules = self.settler.pipeline.rules.load();
        let policy = rules.policy(&hold.route, &hold.channel);
        let acts = |category, severity| policy.action(category, severity) > Verdict::Pass;
        for finding in hold.findings.iter().filter(|finding| !finding.shadow) {
            let acts = policy.asks(finding) > Verdict::Pass;
            if acts && !policy.waives(finding.category, finding.severity) {
                return Err(core(finding.category));
            }
        }
        let message = Message {
            route: hold.route.as_str().into(),
            channel: hold.channel.clone(),
            text: hold.text.clone(),
            ..Message::default()
        };
        let mut seen = BTreeSet::new();
        let mut terms = self.settler.pipeline.terms(&message);
        terms.retain(|hit| {
            acts(hit.category, hit.severity)
                && seen.insert((hit.term.to_string(), hit.list.to_string()))
        });
        match terms.iter().find(|hit| !policy.waives(hit.category, hit.severity)) {
            Some(hit) => Err(core(hit.category)),
            None if terms.is_empty() => {
                Err(unfit("no_term", "no listed term in it could be allowed"))
            }
            None if terms.len() > TERMS_MAX => {
                Err(unfit("terms", format!("more than {TERMS_MAX} listed terms are in it")))
            }
            None => Ok(terms),
        }
    }

    /// The same at a glance, from what was found when it was held: whether to offer it.
    pub fn may_allow(&self, hold: &Hold) -> bool {
        let rules = self.settler.pipeline.rules.load();
        let policy = rules.policy(&hold.route, &hold.channel);
        let acts = |f: &&Finding| !f.shadow && policy.asks(f) > Verdict::Pass;
        let mut acting = hold.findings.iter().filter(acts);
        acting.clone().any(|finding| finding.rule == TERM)
            && acting.all(|finding| policy.waives(finding.category, finding.severity))
    }

    /// A message that waits or ended lately.
    pub fn held(&self, id: &str) -> Result<Arc<Hold>, Failure> {
        self.settler.holds.find(id).ok_or_else(|| {
            let message = format!("there is no held message {id}");
            Failure::new(StatusCode::NOT_FOUND, "unknown", message)
        })
    }
}

/// On a sender.
impl Doors {
    pub async fn ban(&self, of: Whose<'_>, by: &str) -> Result<Decree, Failure> {
        let channel = self.meant(of)?;
        let what = What::Ban { sender: of.sender.to_owned(), name: String::new() };
        let decree = self.new_decree((of.route, &channel), what, by, None);
        self.put(decree, id_alone(of.sender)).await
    }

    pub async fn trust(
        &self,
        of: Whose<'_>,
        lasting: Lasting,
        by: &str,
    ) -> Result<Decree, Failure> {
        let (until_ms, channel) = (lasting.until_ms()?, self.meant(of)?);
        let what = What::Trust { sender: of.sender.to_owned(), name: String::new() };
        let decree = self.new_decree((of.route, &channel), what, by, until_ms);
        self.put(decree, id_alone(of.sender)).await
    }

    /// Lifts a ban, also where there is none.
    pub async fn unban(&self, of: Whose<'_>, by: &str) -> Result<(), Failure> {
        let channel = self.meant(of)?;
        let of = Whose { channel: &channel, ..of };
        self.lift_found(self.settler.pipeline.history.ban(of, now_ms()), by).await
    }

    /// Ends a trust, also where there is none.
    pub async fn untrust(&self, of: Whose<'_>, by: &str) -> Result<(), Failure> {
        let channel = self.meant(of)?;
        let of = Whose { channel: &channel, ..of };
        self.lift_found(self.settler.pipeline.history.trust(of, now_ms()), by).await
    }

    async fn lift_found(&self, found: Option<Decree>, by: &str) -> Result<(), Failure> {
        match found {
            // Somebody else may have been faster, which is as well.
            Some(own) => match self.lift(&own.id, by).await {
                Err(failure) if failure.status != StatusCode::NOT_FOUND => Err(failure),
                _ => Ok(()),
            },
            None => Ok(()),
        }
    }
}

impl Doors {
    /// Ends one before its time.
    pub async fn lift(&self, id: &str, by: &str) -> Result<Decree, Failure> {
        let (doors, id, by) = (self.clone(), id.to_owned(), by.to_owned());
        carried(async move {
            let _turn = doors.decrees.turn().await;
            doors.settler.holds.settle_doubts().await?;
            let history = &doors.settler.pipeline.history;
            let Some(decree) = history.decree(&id) else {
                let message = "it is over already";
                return Err(Failure::new(StatusCode::NOT_FOUND, "unknown_decree", message));
            };
            let noted = doors.noted(doors.lifted(&decree, &by));
            let lifted = doors.store.commit(vec![removal(&id), noted.write()]).await;
            doors.sure(lifted, &id, None).await?;
            history.lift_decree(&id);
            doors.settler.audit.record_noted(noted);
            if let What::Ban { sender, .. } = &decree.what {
                doors.settler.heed(of_decree(&decree, sender)).await;
            }
            Ok(decree)
        })
        .await
    }

    /// Writes one down with its record, and only then puts it in force.
    async fn put(&self, new: Decree, sender: Sender) -> Result<Decree, Failure> {
        let doors = self.clone();
        carried(async move {
            let _turn = doors.decrees.turn().await;
            doors.settler.holds.settle_doubts().await?;
            let event = event_of(&new);
            let decree = doors.next(vec![new])?.remove(0);
            let record = doors.settler.holds.fresh_id();
            let noted = doors.noted(doors.record_of_decree(record, &decree, sender, event));
            let mut writes = doors.rows(slice::from_ref(&decree));
            writes.push(noted.write());
            let banned = match &decree.what {
                What::Ban { sender, .. } => Some(of_decree(&decree, sender)),
                What::Trust { .. } | What::Allow { .. } => None,
            };
            let written = match banned {
                // What waits of them goes with the ban: the clock may not release it any more.
                Some(whose) => doors.settler.holds.keep_back(whose, writes).await,
                None => doors.store.commit(writes).await,
            };
            doors.sure(written, &decree.id, row(&decree).value).await?;
            doors.settler.pipeline.history.put_decree(decree.clone(), now_ms());
            doors.settler.audit.record_noted(noted);
            if let Some(whose) = banned {
                doors.settler.hush(whose).await;
            }
            Ok(decree)
        })
        .await
    }

    /// As they will be, if there is room for all.
    pub(super) fn next(&self, new: Vec<Decree>) -> Result<Vec<Decree>, Failure> {
        let next = self.settler.pipeline.history.next_decrees(new, now_ms());
        next.map_err(|Full(most)| {
            let message = format!("{most} are the most at once; lift one first");
            Failure::new(StatusCode::CONFLICT, "decrees", message)
        })
    }

    /// Their rows, and the end of the rows of those that are over.
    pub(super) fn rows(&self, decrees: &[Decree]) -> Vec<Write> {
        let over = self.settler.pipeline.history.decrees_over(now_ms());
        decrees.iter().map(row).chain(over.iter().map(|id| removal(id))).collect()
    }

    /// A commit that failed may be on the disk all the same. What is there is in force at the next
    /// start, so it is from now on.
    async fn sure(
        &self,
        written: Result<(), StoreError>,
        id: &str,
        wanted: Option<Vec<u8>>,
    ) -> Result<(), StoreError> {
        let Err(error) = written else { return Ok(()) };
        match self.store.load(Table::Decrees, id).await {
            Ok(found) if found == wanted => Ok(()),
            _ => Err(error),
        }
    }

    fn noted(&self, record: Record) -> Noted {
        self.settler.audit.note(record)
    }

    pub(super) fn new_decree(
        &self,
        (route, channel): (&str, &str),
        what: What,
        by: &str,
        until_ms: Option<u64>,
    ) -> Decree {
        Decree {
            id: self.settler.holds.fresh_id(),
            route: route.to_owned(),
            channel: channel.to_owned(),
            what,
            by: by.to_owned(),
            since_ms: now_ms(),
            until_ms,
            with: Vec::new(),
        }
    }

    pub(super) fn record_of_decree(
        &self,
        id: String,
        decree: &Decree,
        sender: Sender,
        event: Event,
    ) -> Record {
        Record {
            id,
            at_ms: now_ms(),
            route: decree.route.clone(),
            channel: decree.channel.clone(),
            sender,
            event,
            findings: Vec::new(),
            rules: self.settler.pipeline.rules.load().version.to_string(),
            text_sha256: String::new(),
            decided_by: String::new(),
        }
    }
}

/// What is put on record of one that somebody wants in force.
pub(super) fn event_of(new: &Decree) -> Event {
    let (by, until_ms) = (new.by.clone(), new.until_ms);
    match &new.what {
        What::Ban { .. } => Event::Banned { by },
        What::Trust { .. } => Event::Trusted { until_ms, by },
        What::Allow { term, list, .. } => {
            Event::Allowed { what: format!("{term:?} of {list}"), until_ms, by }
        }
    }
}

/// Carries an act through even if whoever asked goes away meanwhile.
pub(super) async fn carried<T: Send + 'static>(
    act: impl Future<Output = Result<T, Failure>> + Send + 'static,
) -> Result<T, Failure> {
    tokio::spawn(act).await.unwrap_or_else(|lost| {
        tracing::error!(%lost, "an act at a door was not carried through");
        Err(Failure::new(StatusCode::SERVICE_UNAVAILABLE, "store", "it was not carried through"))
    })
}

fn of_decree<'a>(decree: &'a Decree, sender: &'a str) -> Whose<'a> {
    Whose { route: &decree.route, channel: &decree.channel, sender }
}

pub(super) fn id_alone(sender: &str) -> Sender {
    Sender { id: sender.to_owned(), ..Sender::default() }
}

fn core(category: Category) -> Failure {
    let message = format!("{category} is released once, never allowed for longer");
    unfit("core", message)
}

pub(super) fn row(decree: &Decree) -> Write {
    let value = serde_json::to_vec(decree).expect("strings and numbers are JSON");
    let key = decree.id.clone();
    Write { table: Table::Decrees, key, expect: Expect::Anything, value: Some(value) }
}

pub(super) fn removal(id: &str) -> Write {
    Write { table: Table::Decrees, key: id.to_owned(), expect: Expect::Anything, value: None }
}
