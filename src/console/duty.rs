//! Says who is on duty: notes who acts, follows who comes and goes, and tells the log and metrics.

use std::{sync::Arc, time::Duration};

use axum::{Json, extract::State, http::HeaderMap};
use serde_json::{Value, json};
use tokio::time::{MissedTickBehavior, interval};

use super::Console;
use crate::{
    accounts::{Role, Session},
    doors::{Doors, Failure},
    history::Duty,
    message::now_ms,
};

/// Whoever did nothing for long goes off duty without anything happening; that is seen within this.
const LOOK_EVERY: Duration = Duration::from_secs(1);
const MINUTE_MS: u64 = 60_000;

/// Keeps the list of who is on duty, and follows it for as long as anybody judges.
pub fn follow(doors: &Doors) -> Duty {
    let duty = doors.settler.pipeline.history.duty.clone();
    duty.keep(u64::from(doors.config.console.duty_minutes) * MINUTE_MS);
    doors.settler.holds.attend(&duty);
    let (followed, metrics) = (duty.clone(), doors.settler.metrics.clone());
    // When those who judge are gone, the store has to be free.
    let settler = Arc::downgrade(&doors.settler);
    let mut changes = duty.subscribe();
    let mut looks = interval(LOOK_EVERY);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    tokio::spawn(async move {
        let mut before: Vec<String> = Vec::new();
        loop {
            tokio::select! {
                // It fails only when the sender is gone, and this keeps one.
                _ = changes.changed() => {}
                _ = looks.tick() => {}
            }
            let Some(settler) = settler.upgrade() else { return };
            let on = followed.on(now_ms());
            if on == before {
                continue;
            }
            metrics.on_duty.set(i64::try_from(on.len()).unwrap_or(i64::MAX));
            tracing::info!(people = on.len(), names = on.join(", "), "who is on duty changed");
            if before.is_empty() {
                settler.holds.attend(&followed);
            }
            before = on;
        }
    });
    duty
}

/// A key was pressed or a pointer moved in a page; it says so once a minute at most.
pub async fn active(
    State(console): State<Console>,
    headers: HeaderMap,
) -> Result<Json<Value>, Failure> {
    console.acts(&headers).await?;
    Ok(Json(json!({ "now_ms": now_ms(), "on_duty": console.on_duty() })))
}

/// Whether somebody's being there is duty. Of those who decide in single channels it is not: all
/// others would seem to be watched.
pub fn is_of_duty(session: &Session) -> bool {
    session.rights.everywhere(Role::Moderator)
}

impl Console {
    /// Whoever is logged in and may decide, and does something just now.
    ///
    /// What a page asks for by itself (lists, where somebody looks) is no act: it would keep people
    /// on duty who left the room.
    pub async fn acts(&self, headers: &HeaderMap) -> Result<Session, Failure> {
        let session = self.need(headers, Role::Moderator).await?;
        if is_of_duty(&session) {
            self.duty.act(&session.name, now_ms());
        }
        Ok(session)
    }

    pub fn on_duty(&self) -> Vec<String> {
        self.duty.on(now_ms())
    }
}
