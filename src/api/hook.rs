//! Answers servers that ask before they publish, and lets them wait for a moderator.

use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Json,
    body::Body,
    extract::State,
    http::{Request, StatusCode},
};
use futures_util::FutureExt;
use serde_json::Value;
use tokio::{
    sync::Semaphore,
    time::{Instant, timeout_at},
};

use super::{
    Api,
    holds::{Named, named},
    problem::Problem,
};
use crate::{
    accounts::Scope,
    config::{HookConfig, Position, WhileHeld},
    doors::{Doors, Failure, read_json},
    hold::{Hold, State as Held},
    message::Message,
    protocol::Frame,
    settle::{By, Inlet, Settler},
};

mod answered;
mod asked;
mod remembered;
mod withdrawn;

use answered::Answered;
use asked::Asked;
use remembered::{Remembered, key};

pub use withdrawn::withdraw;

/// Connections have small numbers; those that stand for a sender of a hook have this bit.
const NO_CONNECTION: u64 = 1 << 63;

/// The hooks by name; cheap to clone.
#[derive(Clone)]
pub struct Hooks(Arc<HashMap<String, Arc<Hook>>>);

/// One server that asks.
struct Hook {
    inlet: Inlet,
    /// Messages that are being judged.
    requests: Semaphore,
    wait_max: Duration,
    /// Requests that wait for a moderator.
    waiting: Semaphore,
    remembered: Mutex<Remembered<Answered>>,
    /// Senders get numbers by it, as connections have them.
    numbers: RandomState,
}

impl Hooks {
    /// Opens every hook. What is released counts as told: the server asks for it, or waits for it.
    pub fn open(doors: &Doors) -> Hooks {
        let hooks = doors.config.hook.iter().map(|config| {
            let carried: crate::hold::Service = Arc::new(|_| Box::pin(async { Ok(()) }));
            doors.settler.holds.serve(&config.name, carried);
            (config.name.clone(), Arc::new(Hook::new(config)))
        });
        Hooks(Arc::new(hooks.collect()))
    }

    fn named(&self, name: Named<String>) -> Result<Arc<Hook>, Failure> {
        self.0.get(&named(name)?).cloned().ok_or_else(|| {
            let message = "there is no hook of this name in the settings";
            Failure::new(StatusCode::NOT_FOUND, "unknown", message)
        })
    }
}

/// `POST /v1/hook/{name}`: what is to become of a message that nobody has seen yet.
pub async fn ask(
    State(api): State<Api>,
    name: Named<String>,
    request: Request<Body>,
) -> Result<Json<Value>, Problem> {
    api.permit(request.headers(), Scope::Hook).await?;
    let hook = api.hooks.named(name)?;
    let asked: Asked = read_json(request, api.doors.config.api.body_bytes_max).await?;
    // Its own: neither can other programs keep a chat waiting, nor a chat them.
    let place = api.place_of(&hook.requests, "hook_requests")?;
    let (id, wait) = (asked.id.clone(), Duration::from_secs(asked.wait_s));
    let message = asked.message(&hook.inlet.name, &api.doors.config.limits)?;
    let settler = &api.doors.settler;
    let answered = hook.judge(settler, message).await.ok_or_else(|| {
        let message = "the message could not be judged";
        Failure::new(StatusCode::INTERNAL_SERVER_ERROR, "unjudged", message)
    })?;
    // Whoever waits for a person keeps nobody from being judged.
    drop(place);
    let Some(held) = answered.held() else { return Ok(Json(answered.json(&id))) };
    Ok(Json(match hook.outcome(&api.doors, held, wait).await {
        Some(hold) => answered.json_as(&id, settler, &hold),
        None => answered.json_of_old(&id, settler).await,
    }))
}

impl Hook {
    fn new(config: &HookConfig) -> Hook {
        let name = config.name.as_str().into();
        Hook {
            inlet: Inlet { name, position: Position::Hook, language: config.language },
            requests: Semaphore::new(config.requests_max),
            wait_max: Duration::from_secs(config.wait_max_s),
            waiting: Semaphore::new(config.waiting_max),
            remembered: Mutex::new(Remembered::new(config.remembered_max)),
            numbers: RandomState::new(),
        }
    }

    /// The one judgement of a message, however often and by how many it is asked for.
    ///
    /// It goes on where whoever asked goes away: a message is not judged by halves. `None`: it
    /// panicked.
    async fn judge(&self, settler: &Arc<Settler>, message: Message) -> Option<Arc<Answered>> {
        let (holds, settler, inlet) = (&settler.holds, settler.clone(), self.inlet.clone());
        let (key, by) = (key(&message), self.by(&settler, &message));
        let judging = move || {
            let judged = tokio::spawn(async move {
                let frame = Frame::Text(message.text.as_str().into());
                let ruled = settler.settle(&inlet, &by, &message, Some(frame)).await;
                Arc::new(Answered::of(&message, ruled))
            });
            judged.map(Result::ok).boxed().shared()
        };
        match key {
            None => judging().await,
            Some(key) => {
                let lock = || self.remembered.lock().unwrap_or_else(|broken| broken.into_inner());
                let waits = |answered: &Answered| {
                    let hold = answered.held().and_then(|id| holds.find(id));
                    hold.is_some_and(|hold| !is_final(&hold, holds.now_ms()))
                };
                let judged = lock().once(key, waits, judging);
                let answered = judged.await;
                if answered.is_none() {
                    lock().forget(key);
                }
                answered
            }
        }
    }

    /// Whose message it is: a sender's earlier message that is held counts as on a connection.
    fn by(&self, settler: &Settler, message: &Message) -> By {
        if message.sender.id.is_empty() {
            return By::default();
        }
        let live = self.numbers.hash_one(&message.sender.id) | NO_CONNECTION;
        let rules = settler.pipeline.rules.load();
        let while_held = rules.policy(&self.inlet.name, &message.channel).while_held;
        // The server cannot be told to wait with this one, so that waiting is being held.
        let matters = while_held != WhileHeld::Pass;
        let behind = matters && settler.holds.waiting(live, &message.channel) > 0;
        let held_channels = behind.then(|| message.channel.clone()).into_iter().collect();
        By { live, held_channels, ..By::default() }
    }

    /// The held message as it is when somebody has decided, or when there is no more waiting.
    async fn outcome(&self, doors: &Doors, id: &str, wait: Duration) -> Option<Arc<Hold>> {
        let holds = &doors.settler.holds;
        let wait = wait.min(self.wait_max);
        let waits = |hold: &Arc<Hold>| !is_final(hold, holds.now_ms());
        if wait.is_zero() || !holds.find(id).as_ref().is_some_and(waits) {
            return holds.find(id);
        }
        let Ok(_waiting) = self.waiting.try_acquire() else {
            doors.settler.metrics.discard("hook_waiting");
            return holds.find(id);
        };
        let until = Instant::now() + wait;
        let mut changes = holds.subscribe();
        let decided = async {
            while holds.find(id).as_ref().is_some_and(waits) {
                // Being behind is no harm: the record says how it is now.
                if let Err(tokio::sync::broadcast::error::RecvError::Closed) = changes.recv().await
                {
                    return;
                }
            }
        };
        tokio::select! {
            _ = timeout_at(until, decided) => {}
            () = doors.ready.ending() => {}
        }
        holds.find(id)
    }
}

/// Whether nothing can become of it any more.
fn is_final(hold: &Hold, now_ms: u64) -> bool {
    let undo_until = hold.decided.as_ref().map_or(0, |decided| decided.undo_until_ms);
    match hold.state {
        Held::Held | Held::Approved => false,
        // The moderator may still take it back.
        Held::Denied => now_ms >= undo_until,
        Held::Released | Held::Expired | Held::Withdrawn | Held::Orphaned => true,
    }
}
