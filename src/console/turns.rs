//! Follows what shields do: takes down what is over, records it, and tells consoles.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::broadcast::{self, error::RecvError},
    time::{MissedTickBehavior, interval},
};

use super::crowds::record;
use crate::{
    audit::{Event, Record},
    doors::Doors,
    history::Turn,
    message::{Crowd, now_ms},
    settle::{Settler, Sign},
};

/// A shield that is over is taken down, and that is told, within this: nobody else may look.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Listeners are told that something changed, not what: being behind costs them nothing.
const BEHIND_MAX: usize = 16;

/// Tells consoles that shields or nukes changed.
pub type Changes = broadcast::Sender<()>;

/// Records what shields do, and passes every change on for as long as anybody judges.
///
/// It keeps neither the queue nor the history: when those are gone, the store has to be free.
pub fn follow(doors: &Doors) -> Changes {
    let (changes, _) = broadcast::channel(BEHIND_MAX);
    let (told, metrics) = (changes.clone(), doors.settler.metrics.clone());
    // The history may live on with another settler, which has a task of its own for this.
    let settler = Arc::downgrade(&doors.settler);
    let mut turns = doors.settler.pipeline.history.turns();
    let mut looks = interval(LOOK_EVERY);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    tokio::spawn(async move {
        for count in 0_u64.. {
            let turn = loop {
                tokio::select! {
                    turn = turns.recv() => break turn,
                    _ = looks.tick() => {
                        let Some(settler) = settler.upgrade() else { return };
                        settler.pipeline.history.end_shields(now_ms());
                    }
                }
            };
            match turn {
                Ok(turn) => {
                    let Some(settler) = settler.upgrade() else { return };
                    let Settler { pipeline, audit, .. } = &*settler;
                    metrics.shield_changed(turn.on, turn.by.is_none());
                    let id = format!("shield-{}-{count}", turn.at_ms);
                    let version = pipeline.rules.load().version.clone();
                    audit.record(turned(id, &turn, &version), None);
                    if raided(&turn) {
                        raid(&turn, &version).report(&pipeline.history, audit);
                    }
                }
                // The list is right all the same; the log misses some, and it shows.
                Err(RecvError::Lagged(_)) => metrics.discard("shield_turns"),
                Err(RecvError::Closed) => break,
            }
            // Nobody listening is no failure.
            let _ = told.send(());
        }
    });
    changes
}

/// Nobody switched it: so many newcomers were hostile, or so many came.
fn raided(turn: &Turn) -> bool {
    turn.on && turn.by.is_none()
}

fn raid<'a>(turn: &'a Turn, rules: &'a str) -> Sign<'a> {
    let (crowd, findings) = (Crowd::default(), Vec::new());
    Sign { route: &turn.route, channel: &turn.channel, by: "shield", crowd, findings, rules }
}

fn turned(id: String, turn: &Turn, rules: &str) -> Record {
    let what = if turn.on { "shield on" } else { "shield off" };
    let by = turn.by.as_deref().unwrap_or("itself");
    tracing::info!(route = turn.route, what, by, "a channel's shield changed");
    let record = record(id, (&turn.route, &turn.channel), what.to_owned(), by, rules);
    let event = Event::Settings { what: what.into(), by: by.into(), why: turn.why.clone() };
    Record { event, ..record }
}
