//! Tells moderators who else is looking at a message: a courtesy, no claim, and never stored.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::{Json, body::Body, extract::State, http::Request};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::{BODY_BYTES_MAX, Console, view::sees};
use crate::{
    accounts::{Rights, Role},
    doors::{Failure, read_json},
    message::now_ms,
};

/// A page says again what it looks at every 20 seconds; one that is gone is forgotten after this.
const FRESH_MS: u64 = 50_000;

/// What each moderator looks at now, by name: whoever has two pages open looks where they last did.
#[derive(Clone)]
pub struct Looks {
    looks: Arc<Mutex<HashMap<String, Look>>>,
    changed: watch::Sender<()>,
    most: usize,
}

struct Look {
    hold: String,
    at_ms: u64,
}

impl Looks {
    /// No more than consoles may listen.
    pub fn new(most: usize) -> Looks {
        Looks { looks: Arc::default(), changed: watch::Sender::new(()), most: most.max(1) }
    }

    pub fn subscribe(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// `None`: at nothing.
    fn note(&self, name: &str, hold: Option<String>, now_ms: u64) {
        let mut looks = self.lock();
        let before = looks.get(name).map(|look| look.hold.clone());
        looks.retain(|_, look| look.is_fresh(now_ms));
        let turned = before != hold;
        match hold {
            None => drop(looks.remove(name)),
            Some(hold) => {
                if looks.len() >= self.most && !looks.contains_key(name) {
                    let oldest = looks.iter().min_by_key(|(_, look)| look.at_ms);
                    let oldest = oldest.map(|(name, _)| name.clone());
                    oldest.map(|name| looks.remove(&name));
                }
                looks.insert(name.to_owned(), Look { hold, at_ms: now_ms });
            }
        }
        drop(looks);
        if turned {
            self.changed.send_replace(());
        }
    }

    /// By message, who looks at it.
    fn list(&self, now_ms: u64) -> BTreeMap<String, Vec<String>> {
        let mut by_hold: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (name, look) in self.lock().iter().filter(|(_, look)| look.is_fresh(now_ms)) {
            by_hold.entry(look.hold.clone()).or_default().push(name.clone());
        }
        by_hold.values_mut().for_each(|names| names.sort_unstable());
        by_hold
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Look>> {
        self.looks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Look {
    fn is_fresh(&self, now_ms: u64) -> bool {
        now_ms.saturating_sub(self.at_ms) < FRESH_MS
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct At {
    hold: Option<String>,
}

/// Says what a moderator looks at now; `null`: at nothing.
pub async fn look(
    State(console): State<Console>,
    request: Request<Body>,
) -> Result<Json<Value>, Failure> {
    let session = console.need(request.headers(), Role::Moderator).await?;
    let At { hold } = read_json(request, BODY_BYTES_MAX).await?;
    // Only what is there is noted: ids are of one length, and nobody writes anything else here.
    let held = |id: &String| console.doors.settler.holds.find(id);
    let hold = hold.filter(|id| held(id).is_some_and(|hold| sees(&session.rights, &hold)));
    console.looks.note(&session.name, hold, now_ms());
    Ok(Json(json!({ "now_ms": now_ms() })))
}

impl Console {
    pub fn looks(&self, rights: &Rights) -> Value {
        let now = now_ms();
        let mut looks = self.looks.list(now);
        let held = |id: &String| self.doors.settler.holds.find(id);
        looks.retain(|id, _| held(id).is_some_and(|hold| sees(rights, &hold)));
        json!({ "now_ms": now, "looks": looks })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_looks_is_bounded_and_forgotten() {
        let looks = Looks::new(2);
        let said = |now_ms| format!("{:?}", looks.list(now_ms));
        let note = |name: &str, hold: Option<&str>, now_ms| {
            looks.note(name, hold.map(str::to_owned), now_ms);
        };
        note("ben", Some("1"), 0);
        note("ana", Some("1"), 10);
        assert_eq!(said(10), r#"{"1": ["ana", "ben"]}"#);
        note("ben", Some("2"), 20);
        assert_eq!(said(20), r#"{"1": ["ana"], "2": ["ben"]}"#);
        // One too many: whoever said it longest ago makes room.
        note("cleo", Some("3"), 30);
        assert_eq!(said(30), r#"{"2": ["ben"], "3": ["cleo"]}"#);
        note("ben", None, 40);
        assert_eq!(said(40), r#"{"3": ["cleo"]}"#);
        assert_eq!(said(30 + FRESH_MS), "{}");
    }

    #[test]
    fn saying_the_same_again_tells_nobody() {
        let looks = Looks::new(2);
        let mut told = looks.subscribe();
        looks.note("ana", Some("1".into()), 0);
        assert!(told.has_changed().expect("it is there"));
        told.mark_unchanged();
        looks.note("ana", Some("1".into()), 20_000);
        assert!(!told.has_changed().expect("it is there"));
        looks.note("ana", None, 30_000);
        assert!(told.has_changed().expect("it is there"));
    }
}
