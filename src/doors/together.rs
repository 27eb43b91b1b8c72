//! Decides a held message together with what lasts longer, and takes both back together.
//!
//! Both are one commit: no crash leaves one without the other. Memory follows it, in a task that
//! goes on when whoever asked goes away. All such acts and their undos have one turn, so that none
//! slips between a commit and what it puts in force.

use std::sync::Arc;

use super::{
    Doors, Failure,
    acts::{TIME_OUT_S_MAX, refused},
    decrees::{Lasting, carried, event_of, id_alone, removal, row},
    place::unfit,
};
use crate::{
    audit::{Event, Record},
    history::{Decree, What},
    hold::{Along, Bring, DecideError, Decided, Decision, Hold},
    message::{Sender, now_ms},
    store::Write,
};

impl Doors {
    /// Removes the message and bans its sender from the channel; what else screens show of the
    /// sender is taken off them. An undo takes both back.
    pub async fn ban_with(&self, id: &str, by: &str) -> Result<Arc<Hold>, Failure> {
        let whom = by.to_owned();
        self.together(id, Decision::Ban, by, move |doors, hold| {
            tellable(hold)?;
            let Sender { id: sender, name, .. } = hold.sender.clone();
            let decree = doors.new_decree(place(hold), What::Ban { sender, name }, &whom, None);
            let decree = Decree { with: vec![hold.id.clone()], ..decree };
            doors.bringing(vec![decree], hold, &hold.sender)
        })
        .await
    }

    /// Removes the message and keeps its sender silent for a while, in that channel; what else
    /// screens show of the sender is taken off them.
    pub async fn time_out(&self, id: &str, seconds: u64, by: &str) -> Result<Arc<Hold>, Failure> {
        if !(1..=TIME_OUT_S_MAX).contains(&seconds) {
            let message = format!("a time-out lasts 1 to {TIME_OUT_S_MAX} seconds");
            return Err(unfit("seconds", message));
        }
        let whom = by.to_owned();
        self.together(id, Decision::TimeOut { seconds }, by, move |doors, hold| {
            tellable(hold)?;
            let history = doors.settler.pipeline.history.clone();
            // The removal's own row says until when: there is no other to write.
            Ok(Arc::new(move |hold: &Hold| {
                let until_ms = time_out_end(hold).unwrap_or_else(now_ms);
                let event = Event::TimedOut { until_ms, by: whom.clone() };
                let (history, hold) = (history.clone(), hold.clone());
                Along {
                    // The queue records the removal; the silence that came with it is a decision of
                    // its own.
                    records: vec![Record { findings: Vec::new(), ..hold.record(event, now_ms()) }],
                    then: Some(Box::new(move || {
                        history.time_out(&hold.route, &hold.channel, &hold.sender.id, until_ms);
                    })),
                    silences: true,
                    ..Along::default()
                }
            }))
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
        let (until_ms, whom) = (lasting.until_ms()?, by.to_owned());
        self.together(id, Decision::Release, by, move |doors, hold| {
            tellable(hold)?;
            let Sender { id: sender, name, .. } = hold.sender.clone();
            let what = What::Trust { sender, name };
            let decree = doors.new_decree(place(hold), what, &whom, until_ms);
            doors.bringing(vec![decree], hold, &hold.sender)
        })
        .await
    }

    /// Releases the message, and allows the listed terms that it was held for in the channel.
    pub async fn allow_with(
        &self,
        id: &str,
        lasting: Lasting,
        by: &str,
    ) -> Result<Arc<Hold>, Failure> {
        let (until_ms, whom) = (lasting.until_ms()?, by.to_owned());
        self.together(id, Decision::Release, by, move |doors, hold| {
            let terms = doors.allowable(hold)?.into_iter().map(|hit| {
                let (term, list) = (hit.term.to_string(), hit.list.to_string());
                let what = What::Allow { term, list, category: hit.category };
                doors.new_decree(place(hold), what, &whom, until_ms)
            });
            doors.bringing(terms.collect(), hold, &Sender::default())
        })
        .await
    }

    async fn together(
        &self,
        id: &str,
        decision: Decision,
        by: &str,
        bringing: impl FnOnce(&Doors, &Hold) -> Result<Arc<Bring>, Failure> + Send + 'static,
    ) -> Result<Arc<Hold>, Failure> {
        let (doors, id, by) = (self.clone(), id.to_owned(), by.to_owned());
        carried(async move {
            let _turn = doors.decrees.turn().await;
            let holds = &doors.settler.holds;
            holds.settle_doubts().await?;
            let hold = holds.undecided(&id).await.map_err(refused)?;
            // Whether there is room is known before anything is written.
            let bring = bringing(&doors, &hold)?;
            // Whoever decided meanwhile wins: then nothing of what goes with it is written.
            let hold = holds.decide_along(&id, decision, &by, bring).await.map_err(refused)?;
            if matches!(decision, Decision::Ban | Decision::TimeOut { .. }) {
                doors.settler.hush(hold.whose()).await;
            }
            Ok(hold)
        })
        .await
    }

    /// What goes with a decision that puts decrees in force.
    fn bringing(
        &self,
        new: Vec<Decree>,
        hold: &Hold,
        sender: &Sender,
    ) -> Result<Arc<Bring>, Failure> {
        let events: Vec<Event> = new.iter().map(event_of).collect();
        let silences = new.iter().any(|decree| matches!(decree.what, What::Ban { .. }));
        let decrees = self.next(new)?;
        let writes = self.rows(&decrees);
        let records = decrees.iter().zip(events).map(|(decree, event)| {
            self.record_of_decree(hold.id.clone(), decree, sender.clone(), event)
        });
        let records: Vec<Record> = records.collect();
        let history = self.settler.pipeline.history.clone();
        Ok(Arc::new(move |_: &Hold| {
            let (history, decrees) = (history.clone(), decrees.clone());
            Along {
                writes: writes.clone(),
                records: records.clone(),
                then: Some(Box::new(move || {
                    decrees.into_iter().for_each(|own| drop(history.put_decree(own, now_ms())));
                })),
                silences,
            }
        }))
    }
}

impl Doors {
    /// Takes back a removal, and the time-out or ban that came with it.
    pub async fn undo(&self, id: &str, by: &str) -> Result<Arc<Hold>, Failure> {
        let (doors, id, by) = (self.clone(), id.to_owned(), by.to_owned());
        carried(async move {
            let _turn = doors.decrees.turn().await;
            let holds = &doors.settler.holds;
            holds.settle_doubts().await?;
            let Some(before) = holds.read(&id).await? else {
                return Err(refused(DecideError::Unknown(id)));
            };
            let bring = doors.lifting(&before, &by);
            let hold = holds.undo_along(&id, &by, bring).await.map_err(refused)?;
            let with = |own: &Decided| own.banned || own.time_out_s.is_some();
            let lifted = before.decided.as_ref().is_some_and(with);
            if lifted || doors.settler.pipeline.history.is_silent(hold.whose(), now_ms()) {
                doors.settler.heed(hold.whose()).await;
            }
            Ok(hold)
        })
        .await
    }

    /// What goes with the undo of a removal: the end of the time-out or ban that came with it. A
    /// ban that has other reasons stays for those.
    fn lifting(&self, before: &Hold, by: &str) -> Arc<Bring> {
        let history = self.settler.pipeline.history.clone();
        let banned = before.decided.as_ref().is_some_and(|decided| decided.banned);
        let ban = history.ban(before.whose(), now_ms());
        let ban = ban.filter(|ban| banned && ban.with.contains(&before.id)).map(|ban| {
            let with = ban.with.iter().filter(|id| **id != before.id).cloned().collect();
            Decree { with, ..ban }
        });
        let (writes, records): (Vec<Write>, Vec<Record>) = match &ban {
            None => Default::default(),
            Some(ban) if ban.with.is_empty() => {
                (vec![removal(&ban.id)], vec![self.lifted(ban, by)])
            }
            Some(ban) => (vec![row(ban)], Vec::new()),
        };
        let until_ms = time_out_end(before);
        Arc::new(move |hold: &Hold| {
            let (history, ban, hold) = (history.clone(), ban.clone(), hold.clone());
            let Hold { route, channel, sender, .. } = hold;
            Along {
                writes: writes.clone(),
                records: records.clone(),
                then: Some(Box::new(move || {
                    if let Some(until_ms) = until_ms {
                        history.lift_time_out(&route, &channel, &sender.id, until_ms);
                    }
                    match ban {
                        Some(ban) if ban.with.is_empty() => drop(history.lift_decree(&ban.id)),
                        Some(ban) => drop(history.put_decree(ban, now_ms())),
                        None => {}
                    }
                })),
                silences: false,
            }
        })
    }

    /// On record: one that was ended before its time.
    pub(super) fn lifted(&self, decree: &Decree, by: &str) -> Record {
        let what = match &decree.what {
            What::Allow { term, .. } => format!("allow {term:?}"),
            what => what.kind().to_owned(),
        };
        let sender = match &decree.what {
            What::Ban { sender, .. } | What::Trust { sender, .. } => id_alone(sender),
            What::Allow { .. } => Sender::default(),
        };
        let event = Event::Lifted { what, by: by.to_owned() };
        self.record_of_decree(self.settler.holds.fresh_id(), decree, sender, event)
    }
}

/// When the time-out ends that came with a removal: the same whenever it is asked.
fn time_out_end(hold: &Hold) -> Option<u64> {
    let decided = hold.decided.as_ref()?;
    Some(decided.at_ms.saturating_add(decided.time_out_s?.saturating_mul(1000)))
}

/// A sender who can be told from others, or no act on them.
fn tellable(hold: &Hold) -> Result<(), Failure> {
    match hold.sender.id.is_empty() {
        true => {
            let message = "this sender cannot be told from others; decide the message alone";
            Err(unfit("sender", message))
        }
        false => Ok(()),
    }
}

fn place(hold: &Hold) -> (&str, &str) {
    (&hold.route, &hold.channel)
}
