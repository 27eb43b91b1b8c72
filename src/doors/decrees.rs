//! Bans, trusts and allows for longer than one message, and lifts it again.

use std::{collections::BTreeSet, sync::Arc};

use axum::http::StatusCode;
use serde::Deserialize;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::{Doors, Failure, place::unfit};
use crate::{
    audit::{Event, Record},
    decide::TERM,
    history::{Decree, Full, History, What, Whose},
    hold::{Decision, Hold},
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

    async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        // Nobody closes it.
        self.turn.acquire().await.ok()
    }
}

impl Lasting {
    fn until_ms(self) -> Result<Option<u64>, Failure> {
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
    /// Removes the message and bans its sender from the channel; what else screens show of the
    /// sender is taken off them. An undo takes both back.
    pub async fn ban_with(&self, id: &str, by: &str) -> Result<Arc<Hold>, Failure> {
        self.tellable(id)?;
        let hold = self.decide(id, Decision::Ban, by).await?;
        let Sender { id: sender, name, .. } = hold.sender.clone();
        let decree = self.new_decree(place(&hold), What::Ban { sender, name }, by, None);
        let decree = Decree { with: vec![hold.id.clone()], ..decree };
        self.put(decree, hold.id.clone(), hold.sender.clone()).await?;
        self.settler.take_off_of(&hold.route, &hold.channel, &hold.sender.id);
        Ok(hold)
    }

    /// Lifts the ban that came with a removal which was undone, unless it has other reasons.
    pub(super) async fn unban_with(&self, hold: &Hold, by: &str) -> Result<(), Failure> {
        let (doors, hold, by) = (self.clone(), hold.clone(), by.to_owned());
        carried(async move {
            let _turn = doors.decrees.turn().await;
            let ban = doors.settler.pipeline.history.ban(whose(&hold), now_ms());
            let Some(ban) = ban.filter(|ban| ban.with.contains(&hold.id)) else { return Ok(()) };
            let mut with = ban.with.clone();
            with.retain(|id| *id != hold.id);
            match with.is_empty() {
                true => doors.lift_here(&ban.id, &by).await.map(drop),
                false => doors.write(Decree { with, ..ban }).await.map(drop),
            }
        })
        .await
    }

    /// Releases the message, and trusts its sender in the channel for a while.
    pub async fn trust_with(
        &self,
        id: &str,
        lasting: Lasting,
        by: &str,
    ) -> Result<Arc<Hold>, Failure> {
        let until_ms = lasting.until_ms()?;
        self.tellable(id)?;
        let hold = self.decide(id, Decision::Release, by).await?;
        let Sender { id: sender, name, .. } = hold.sender.clone();
        let decree = self.new_decree(place(&hold), What::Trust { sender, name }, by, until_ms);
        self.put(decree, hold.id.clone(), hold.sender.clone()).await?;
        Ok(hold)
    }

    /// Releases the message, and allows the listed terms that it was held for in the channel.
    pub async fn allow_with(
        &self,
        id: &str,
        lasting: Lasting,
        by: &str,
    ) -> Result<Arc<Hold>, Failure> {
        let until_ms = lasting.until_ms()?;
        let found = self.held(id)?;
        // Its text is gone with the release.
        let terms = self.allowable(&found)?;
        let hold = self.decide(id, Decision::Release, by).await?;
        for hit in terms {
            let (term, list) = (hit.term.to_string(), hit.list.to_string());
            let what = What::Allow { term, list, category: hit.category };
            let decree = self.new_decree(place(&hold), what, by, until_ms);
            self.put(decree, hold.id.clone(), Sender::default()).await?;
        }
        Ok(hold)
    }

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

    /// The held message, if its sender can be told from others.
    pub(super) fn tellable(&self, id: &str) -> Result<(), Failure> {
        let found = self.settler.holds.find(id);
        match found.is_some_and(|hold| hold.sender.id.is_empty()) {
            true => {
                let message = "this sender cannot be told from others; decide the message alone";
                Err(unfit("sender", message))
            }
            false => Ok(()),
        }
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
        let decree = self.put(decree, self.settler.holds.fresh_id(), id_alone(of.sender)).await?;
        self.settler.take_off_of(of.route, &channel, of.sender);
        Ok(decree)
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
        self.put(decree, self.settler.holds.fresh_id(), id_alone(of.sender)).await
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
            doors.lift_here(&id, &by).await
        })
        .await
    }

    /// The same for whoever has the turn.
    async fn lift_here(&self, id: &str, by: &str) -> Result<Decree, Failure> {
        let history = &self.settler.pipeline.history;
        let Some(decree) = history.decree(id) else {
            let message = "it is over already";
            return Err(Failure::new(StatusCode::NOT_FOUND, "unknown_decree", message));
        };
        self.store.commit(vec![removal(id)]).await?;
        history.lift_decree(id);
        let what = match &decree.what {
            What::Allow { term, .. } => format!("allow {term:?}"),
            what => what.kind().to_owned(),
        };
        let sender = match &decree.what {
            What::Ban { sender, .. } | What::Trust { sender, .. } => id_alone(sender),
            What::Allow { .. } => Sender::default(),
        };
        let event = Event::Lifted { what, by: by.to_owned() };
        self.record_decree(self.settler.holds.fresh_id(), &decree, sender, event);
        Ok(decree)
    }

    /// Puts one in force and on record.
    async fn put(&self, new: Decree, on: String, sender: Sender) -> Result<Decree, Failure> {
        let (by, until_ms) = (new.by.clone(), new.until_ms);
        let event = match &new.what {
            What::Ban { .. } => Event::Banned { by },
            What::Trust { .. } => Event::Trusted { until_ms, by },
            What::Allow { term, list, .. } => {
                Event::Allowed { what: format!("{term:?} of {list}"), until_ms, by }
            }
        };
        let decree = self.keep(new).await?;
        self.record_decree(on, &decree, sender, event);
        Ok(decree)
    }

    /// Writes one down, and only then puts it in force.
    async fn keep(&self, new: Decree) -> Result<Decree, Failure> {
        let doors = self.clone();
        carried(async move {
            let _turn = doors.decrees.turn().await;
            let (history, now) = (&doors.settler.pipeline.history, now_ms());
            let decree = history.next_decree(new, now).map_err(|Full(most)| {
                let message = format!("{most} are the most at once; lift one first");
                Failure::new(StatusCode::CONFLICT, "decrees", message)
            })?;
            doors.write(decree).await
        })
        .await
    }

    async fn write(&self, decree: Decree) -> Result<Decree, Failure> {
        self.store.commit(vec![row(&decree)]).await?;
        let over = self.settler.pipeline.history.put_decree(decree.clone(), now_ms());
        if !over.is_empty() {
            // What is over acts no more; if it stays written, the next start removes it.
            let gone = over.iter().map(|id| removal(id)).collect();
            if let Err(error) = self.store.commit(gone).await {
                tracing::warn!(%error, "what is over was not removed");
            }
        }
        Ok(decree)
    }

    fn new_decree(
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

    fn record_decree(&self, id: String, decree: &Decree, sender: Sender, event: Event) {
        let record = Record {
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
        };
        self.settler.audit.record(record, None);
    }
}

/// Carries an act through even if whoever asked goes away meanwhile.
async fn carried<T: Send + 'static>(
    act: impl Future<Output = Result<T, Failure>> + Send + 'static,
) -> Result<T, Failure> {
    tokio::spawn(act).await.unwrap_or_else(|lost| {
        tracing::error!(%lost, "an act at a door was not carried through");
        Err(Failure::new(StatusCode::SERVICE_UNAVAILABLE, "store", "it was not carried through"))
    })
}

fn place(hold: &Hold) -> (&str, &str) {
    (&hold.route, &hold.channel)
}

fn whose(hold: &Hold) -> Whose<'_> {
    Whose { route: &hold.route, channel: &hold.channel, sender: &hold.sender.id }
}

fn id_alone(sender: &str) -> Sender {
    Sender { id: sender.to_owned(), ..Sender::default() }
}

fn core(category: Category) -> Failure {
    let message = format!("{category} is released once, never allowed for longer");
    unfit("core", message)
}

fn row(decree: &Decree) -> Write {
    let value = serde_json::to_vec(decree).expect("strings and numbers are JSON");
    let key = decree.id.clone();
    Write { table: Table::Decrees, key, expect: Expect::Anything, value: Some(value) }
}

fn removal(id: &str) -> Write {
    Write { table: Table::Decrees, key: id.to_owned(), expect: Expect::Anything, value: None }
}
