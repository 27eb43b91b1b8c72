//! Gives strikes for what acted or was removed, and carries out what they come to.

use std::{
    collections::VecDeque,
    sync::{Arc, Weak},
};

use tokio::sync::broadcast::error::RecvError;

use super::Gate;
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
pub fn note(gate: &Gate, policy: &Policy, id: &str, message: &Message, judgement: &Judgement) {
    if message.is_name || policy.exempts(&message.sender) {
        return;
    }
    strike(
        gate,
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
}

fn strike(gate: &Gate, policy: &Policy, offence: &Offence) {
    let Offence { id, route, channel, sender, rules, points } = *offence;
    if points <= 0.0 || sender.id.is_empty() {
        return;
    }
    let (history, now) = (&gate.pipeline.history, now_ms());
    let whose = Whose { route, channel, sender: &sender.id };
    let struck = history.strike(whose, points, policy.strikes.half_life_ms, now);
    let Some((then, until_ms)) = decide::step(&policy.ladder, struck.before, struck.after, now)
    else {
        return;
    };
    match then {
        Consequence::Warn => history.warn(whose),
        Consequence::Hold => history.hold_all(whose, until_ms),
        Consequence::TimeOut | Consequence::Ban => history.silence(whose, until_ms),
    }
    gate.metrics.ladder(then.name());
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
    gate.audit.record(record, None);
}

/// Gives strikes for what moderators remove, and takes them back with an undo, until the gate is
/// gone. A release takes nothing.
pub async fn follow(gate: Weak<Gate>) {
    let Some(mut changes) = gate.upgrade().map(|gate| gate.holds.subscribe()) else { return };
    let mut removals = Removals::default();
    loop {
        let hold = match changes.recv().await {
            Ok(Change::Moved(hold)) => hold,
            // Behind by a thousand changes: some removals count for nothing, which is the mild
            // mistake.
            Ok(Change::Added(_)) | Err(RecvError::Lagged(_)) => continue,
            Err(RecvError::Closed) => return,
        };
        let Some(gate) = gate.upgrade() else { return };
        removals.note(&gate, &hold);
    }
}

/// Removals that can still be undone: the message's id, its strikes, and when they were given.
#[derive(Default)]
struct Removals(VecDeque<(String, f32, u64)>);

impl Removals {
    fn note(&mut self, gate: &Gate, hold: &Arc<Hold>) {
        let known = self.0.iter().position(|(id, ..)| *id == hold.id);
        match (hold.state, known) {
            (State::Denied, None) => {
                let rules = gate.pipeline.rules.load();
                let policy = rules.policy(&hold.route, &hold.channel);
                let points = match policy.exempts(&hold.sender) {
                    true => 0.0,
                    false => decide::points(policy, Verdict::Drop, &hold.findings),
                };
                if self.0.len() >= UNDOABLE_MAX {
                    self.0.pop_front();
                }
                self.0.push_back((hold.id.clone(), points, now_ms()));
                strike(
                    gate,
                    policy,
                    &Offence {
                        id: &hold.id,
                        route: &hold.route,
                        channel: &hold.channel,
                        sender: &hold.sender,
                        rules: &hold.rules,
                        points,
                    },
                );
            }
            (State::Held, Some(at)) => {
                let Some((_, points, given_ms)) = self.0.remove(at) else { return };
                let Hold { route, channel, sender, .. } = &**hold;
                let whose = Whose { route, channel, sender: &sender.id };
                if points > 0.0 {
                    gate.pipeline.history.unstrike(whose, points, given_ms, now_ms());
                }
            }
            // Its undo window has passed.
            (_, Some(at)) => drop(self.0.remove(at)),
            (_, None) => {}
        }
    }
}
