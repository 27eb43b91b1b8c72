//! Gives strikes for what acted or was removed, and carries out what they come to.

use std::{
    collections::VecDeque,
    sync::{Arc, Weak},
};

use tokio::sync::broadcast::error::RecvError;

use super::{Settler, acting};
use crate::{
    audit::{Event, Record},
    config::Consequence,
    decide::{self, Policy},
    history::Whose,
    hold::{Change, Hold, State},
    message::{Judgement, Message, Sender, Verdict, now_ms},
};

/// Removals that can still be undone and are remembered for that; a moderator undoes within
/// seconds, and nobody removes this many in them.
const UNDOABLE_MAX: usize = 1_000;

/// Who is struck, and for what.
struct Offence<'a> {
    id: &'a str,
    route: &'a str,
    channel: &'a str,
    sender: &'a Sender,
    rules: &'a str,
    points: f32,
}

/// Counts a verdict that acted, unless its sender is exempt or cannot be told from others.
pub fn note(
    settler: &Settler,
    policy: &Policy,
    id: &str,
    message: &Message,
    judgement: &Judgement,
) -> Option<(Consequence, u64)> {
    if message.is_name || policy.exempts(&message.sender) {
        return None;
    }
    let given = strike(
        settler,
        policy,
        &Offence {
            id,
            route: &message.route,
            channel: &message.channel,
            sender: &message.sender,
            rules: &judgement.rules,
            points: decide::points(policy, judgement.verdict, &judgement.findings),
        },
    );
    given?.led_to
}

/// What was given for one offence, for as long as it may be undone.
struct Given {
    points: f32,
    at_ms: u64,
    led_to: Option<(Consequence, u64)>,
}

/// `None` where nobody is struck.
fn strike(settler: &Settler, policy: &Policy, offence: &Offence) -> Option<Given> {
    let Offence { id, route, channel, sender, rules, points } = *offence;
    if points <= 0.0 || sender.id.is_empty() {
        return None;
    }
    let (history, now) = (&settler.pipeline.history, now_ms());
    let whose = Whose { route, channel, sender: &sender.id };
    let struck = history.strike(whose, points, policy.strikes.half_life_ms, now);
    let led_to = decide::step(&policy.ladder, struck.before, struck.after, now);
    let given = Some(Given { points, at_ms: now, led_to });
    let Some((then, until_ms)) = led_to else { return given };
    match then {
        Consequence::Warn => history.warn(whose, now),
        Consequence::Hold => history.hold_all(whose, until_ms),
        Consequence::TimeOut | Consequence::Ban => {
            history.silence(whose, until_ms);
            settler.heed_soon(whose);
        }
    }
    settler.metrics.ladder(then.name());
    let record = Record {
        id: id.to_owned(),
        at_ms: now,
        route: route.to_owned(),
        channel: channel.to_owned(),
        sender: sender.clone(),
        event: Event::Ladder { then: then.name().to_owned(), until_ms },
        findings: Vec::new(),
        rules: rules.to_owned(),
        text_sha256: String::new(),
        decided_by: String::new(),
    };
    settler.audit.record(record, None);
    given
}

/// Takes back what one removal gave, and what that led to; the rest of the sender's past stays.
fn take_back(settler: &Settler, whose: Whose, given: &Given) {
    let history = &settler.pipeline.history;
    history.unstrike(whose, given.points, given.at_ms, now_ms());
    match given.led_to {
        Some((Consequence::Warn, _)) => history.unwarn(whose, given.at_ms),
        Some((Consequence::Hold, until_ms)) => history.unhold(whose, until_ms),
        Some((Consequence::TimeOut | Consequence::Ban, until_ms)) => {
            history.unsilence(whose, until_ms);
            settler.heed_soon(whose);
        }
        None => {}
    }
}

/// Gives strikes for what moderators remove, and takes them back with an undo, until everybody who
/// settles is gone. A release takes nothing.
pub async fn follow(settler: Weak<Settler>) {
    let Some(mut changes) = settler.upgrade().map(|settler| settler.holds.subscribe()) else {
        return;
    };
    let mut removals = Removals::default();
    loop {
        let (hold, was) = match changes.recv().await {
            Ok(Change::Moved(hold, was)) => (hold, was),
            // Behind by a thousand changes: some removals count for nothing, which is the mild
            // mistake.
            Ok(Change::Added(_)) | Err(RecvError::Lagged(_)) => continue,
            Err(RecvError::Closed) => return,
        };
        let Some(settler) = settler.upgrade() else { return };
        settler.note_released(&hold, was);
        removals.note(&settler, &hold, was);
    }
}

/// The last removals: the message's id and what was given for it.
#[derive(Default)]
struct Removals(VecDeque<(String, Given)>);

impl Removals {
    /// Only what a person did counts: a removal is erased and comes to its end as well, and stays a
    /// removal.
    fn note(&mut self, settler: &Settler, hold: &Arc<Hold>, was: Option<State>) {
        match (was, hold.state) {
            (Some(State::Held), State::Denied) => self.strike(settler, hold),
            (Some(State::Denied), State::Held) => {
                let Some(at) = self.0.iter().position(|(id, _)| *id == hold.id) else { return };
                let Some((_, given)) = self.0.remove(at) else { return };
                let Hold { route, channel, sender, .. } = &**hold;
                take_back(settler, Whose { route, channel, sender: &sender.id }, &given);
            }
            _ => {}
        }
    }

    fn strike(&mut self, settler: &Settler, hold: &Hold) {
        let rules = settler.pipeline.rules.load();
        let policy = acting(&rules, &hold.route, &hold.channel, hold.standing);
        if policy.exempts(&hold.sender) {
            return;
        }
        let offence = Offence {
            id: &hold.id,
            route: &hold.route,
            channel: &hold.channel,
            sender: &hold.sender,
            rules: &hold.rules,
            points: decide::points(policy, Verdict::Drop, &hold.findings),
        };
        let Some(given) = strike(settler, policy, &offence) else { return };
        if self.0.len() >= UNDOABLE_MAX {
            self.0.pop_front();
        }
        self.0.push_back((hold.id.clone(), given));
    }
}
