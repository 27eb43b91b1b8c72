//! Counts what an allowed term would have let through: nothing is changed, nothing is scored anew.

use std::{collections::BTreeSet, sync::Arc};

use serde::Serialize;

use super::{Doors, Failure};
use crate::{
    audit::{Event, Record},
    decide::{Policy, TERM},
    hold::Hold,
    message::{Finding, Hit, Message, Verdict, now_ms},
};

/// As far back as moderators remember what they saw.
const MINUTES: u64 = 10;
/// The newest records that are looked at; most of them are of that time.
const RECORDS_MAX: usize = 300;
/// Bytes of texts read before others have a turn on the thread: a fraction of a millisecond.
const READ_BYTES: usize = 4 * 1024;

/// What it would have come to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Foreseen {
    /// The terms, as moderators read them.
    pub terms: Vec<String>,
    pub minutes: u64,
    /// Of those that wait now, this one apart, so many would not have been held …
    pub held: usize,
    /// … and of those removed, expired, masked or dropped in the last minutes, so many would have
    /// passed whole …
    pub stopped: usize,
    /// … of so many that were looked at.
    pub of: usize,
}

/// What is looked at, and what it is asked.
struct Look<'a> {
    doors: &'a Doors,
    policy: &'a Policy,
    route: &'a str,
    channel: &'a str,
    terms: BTreeSet<(&'a str, &'a str)>,
    read: usize,
}

impl Doors {
    /// What the terms of a held message would let through, had they been allowed all along; `ended`
    /// are the last that came to an end, as far as they are remembered.
    ///
    /// # Errors
    /// Where they may not be allowed, and the store's.
    pub async fn foresee(&self, hold: &Hold, ended: &[Arc<Hold>]) -> Result<Foreseen, Failure> {
        let found = self.allowable(hold)?;
        let rules = self.settler.pipeline.rules.load_full();
        let terms = found.iter().map(|hit| (&*hit.term, &*hit.list)).collect();
        let (route, channel) = (hold.route.as_str(), hold.channel.as_str());
        let policy = rules.policy(route, channel);
        let mut look = Look { doors: self, policy, route, channel, terms, read: 0 };
        let mut seen = Foreseen {
            terms: found.iter().map(named).collect(),
            minutes: MINUTES,
            held: 0,
            stopped: 0,
            of: 0,
        };
        let since_ms = now_ms().saturating_sub(MINUTES * 60_000);
        for other in self.settler.holds.list() {
            if other.id != hold.id && look.is_here(&other.route, &other.channel) {
                seen.of += 1;
                seen.held += usize::from(look.passes(&other.findings, &other.text).await);
            }
        }
        // A released text is erased, and would have told nothing: a person let it through.
        for ended in ended {
            let here = look.is_here(&ended.route, &ended.channel);
            if here && ended.held_ms >= since_ms && !ended.text.is_empty() {
                seen.of += 1;
                seen.stopped += usize::from(look.passes(&ended.findings, &ended.text).await);
            }
        }
        for record in self.settler.audit.recent(RECORDS_MAX).await? {
            if record.at_ms < since_ms || !look.is_here(&record.route, &record.channel) {
                continue;
            }
            if let Some(text) = self.stopped(&record).await? {
                seen.of += 1;
                seen.stopped += usize::from(look.passes(&record.findings, &text).await);
            }
        }
        Ok(seen)
    }

    /// The text of what the machine alone kept back.
    async fn stopped(&self, record: &Record) -> Result<Option<String>, Failure> {
        match record.event {
            Event::Judged(Verdict::Mask | Verdict::Drop) => {
                Ok(self.settler.audit.text(&record.id).await?)
            }
            _ => Ok(None),
        }
    }
}

impl Look<'_> {
    fn is_here(&self, route: &str, channel: &str) -> bool {
        self.route == route && self.channel == channel
    }

    /// Whether nothing would have acted on it but these terms.
    async fn passes(&mut self, findings: &[Finding], text: &str) -> bool {
        self.read += text.len();
        if self.read >= READ_BYTES {
            self.read = 0;
            tokio::task::yield_now().await;
        }
        let acts = |f: &Finding| !f.shadow && self.policy.asks(f) > Verdict::Pass;
        if findings.iter().any(|finding| finding.rule != TERM && acts(finding)) {
            return false;
        }
        let message = Message {
            route: self.route.into(),
            channel: self.channel.to_owned(),
            text: text.to_owned(),
            ..Message::default()
        };
        let hits = self.doors.settler.pipeline.terms(&message);
        let (allowed, others): (Vec<&Hit>, Vec<&Hit>) = hits.iter().partition(|hit| {
            self.terms.contains(&(&*hit.term, &*hit.list))
                && self.policy.waives(hit.category, hit.severity)
        });
        let asks = |hit: &&Hit| self.policy.action(hit.category, hit.severity) > Verdict::Pass;
        allowed.iter().any(asks) && !others.iter().any(asks)
    }
}

/// A term as moderators read it.
pub fn named(hit: &Hit) -> String {
    format!("{:?} of {}", hit.term, hit.list)
}
