//! Follows shields and slow modes: takes down what is over, records it, and tells consoles.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::broadcast::{self, error::RecvError},
    time::{MissedTickBehavior, interval},
};

use super::crowds::record;
use crate::{
    audit::{Event, Record},
    doors::Doors,
    history::{SlowTurn, Turn},
    message::{Crowd, now_ms},
    settle::{Settler, Sign},
};

/// What is over is taken down, and that is told, within this: nobody else may look.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Listeners are told that something changed, not what: being behind costs them nothing.
const BEHIND_MAX: usize = 16;

/// Tells consoles that shields, slow modes or nukes changed.
pub type Changes = broadcast::Sender<()>;

/// What changed in a channel.
enum Changed {
    Shield(Turn),
    Slow(SlowTurn),
}

/// Records what shields and slow modes do, and passes every change on for as long as anybody
/// judges.
///
/// It keeps neither the queue nor the history: when those are gone, the store has to be free.
pub fn follow(doors: &Doors) -> Changes {
    let (changes, _) = broadcast::channel(BEHIND_MAX);
    let (told, metrics) = (changes.clone(), doors.settler.metrics.clone());
    // The history may live on with another settler, which has a task of its own for this.
    let settler = Arc::downgrade(&doors.settler);
    let history = &doors.settler.pipeline.history;
    let (mut shields, mut slows) = (history.turns(), history.slow_turns());
    let mut looks = interval(LOOK_EVERY);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    tokio::spawn(async move {
        for count in 0_u64.. {
            let changed = loop {
                tokio::select! {
                    turn = shields.recv() => break turn.map(Changed::Shield),
                    turn = slows.recv() => break turn.map(Changed::Slow),
                    _ = looks.tick() => {
                        let Some(settler) = settler.upgrade() else { return };
                        let (history, now) = (&settler.pipeline.history, now_ms());
                        history.end_shields(now);
                        history.end_slow(now);
                    }
                }
            };
            match changed {
                Ok(changed) => {
                    let Some(settler) = settler.upgrade() else { return };
                    note(&settler, &changed, count);
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

fn note(settler: &Settler, changed: &Changed, count: u64) {
    let Settler { pipeline, audit, metrics, .. } = settler;
    let version = pipeline.rules.load().version.clone();
    match changed {
        Changed::Shield(turn) => {
            metrics.shield_changed(turn.on, turn.by.is_none());
            let id = format!("shield-{}-{count}", turn.at_ms);
            audit.record(turned(id, turn, &version), None);
            if raided(turn) {
                raid(turn, &version).report(&pipeline.history, audit);
            }
        }
        Changed::Slow(turn) => {
            let id = format!("slow-{}-{count}", turn.at_ms);
            audit.record(slowed(id, turn, &version), None);
        }
    }
}

fn slowed(id: String, turn: &SlowTurn, rules: &str) -> Record {
    let what = match turn.seconds {
        0 => "slow mode off".to_owned(),
        seconds => format!("slow mode on, {seconds} s"),
    };
    let by = turn.by.as_deref().unwrap_or("itself");
    tracing::info!(route = turn.route, what, by, "a channel's slow mode changed");
    record(id, (&turn.route, &turn.channel), what, by, rules)
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
