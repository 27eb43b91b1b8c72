//! Keeps a bot going: hears, acts at the platform's pace, and answers for moderators.

use std::{
    hash::{BuildHasher, RandomState},
    sync::Arc,
    time::Duration,
};

use futures_util::{StreamExt, stream::FuturesUnordered};
use tokio::{
    sync::broadcast::{Receiver, error::RecvError},
    time::{Instant, sleep, timeout},
};

use super::{
    ActError, Deed, Ears, HearError, Platform, Target, What,
    ears::{mildest, reason},
    pending::Pending,
    queue::Waiting,
};
use crate::{
    config::BotConfig,
    hold::{Change, Hold, Service, State},
    message::Message,
    protocol::Frame,
    settle::Settler,
};

/// Pauses between connections: doubled each time, reset when one was good.
const PAUSE: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(60);
/// Deeds on their way at once: a call takes a tenth of a second, and a raid has hundreds of lines.
const AT_ONCE_MAX: usize = 8;
/// After this long nobody is helped by it any more.
const TOO_LATE: Duration = Duration::from_secs(10 * 60);
const TRIES_MAX: u32 = 8;
/// A moderator waits for the answer.
const RELEASE_WAIT: Duration = Duration::from_secs(10);

pub async fn run(config: BotConfig, platform: Arc<dyn Platform>, settler: Arc<Settler>) {
    let ears = Ears::new(&config, settler);
    let changes = ears.settler.holds.subscribe();
    for hold in ears.settler.holds.list() {
        note_held(&ears, &hold);
    }
    let service = service(platform.clone(), ears.pending.clone());
    ears.settler.holds.serve(ears.name(), service);
    tokio::join!(listen(&*platform, &ears), deliver(&*platform, &ears), follow(&ears, changes));
}

async fn listen(platform: &dyn Platform, ears: &Ears) {
    let mut pause = PAUSE;
    loop {
        let ended = platform.hear(ears).await;
        if ears.was_ready() {
            pause = PAUSE;
        }
        let bot = ears.name();
        match ended {
            Ok(()) => tracing::info!(bot, "a bot's connection ended"),
            Err(HearError::Lost(cause)) => tracing::warn!(bot, cause, "a bot lost its platform"),
            Err(HearError::Refused(cause)) => {
                tracing::error!(bot, cause, "a bot is refused by its platform");
                pause = PAUSE_MAX;
            }
        }
        sleep(jittered(pause)).await;
        pause = (pause * 2).min(PAUSE_MAX);
    }
}

/// Half of it to all of it, so that many do not come back at once.
fn jittered(pause: Duration) -> Duration {
    let share = RandomState::new().hash_one(0) as f64 / u64::MAX as f64;
    pause.mul_f64(0.5 + share / 2.0)
}

/// Does what is queued, the gravest first, several at once.
async fn deliver(platform: &dyn Platform, ears: &Ears) {
    let mut pace = platform.pace();
    let mut under_way = FuturesUnordered::new();
    loop {
        let wait = pace.wait(Instant::now());
        let free = under_way.len() < AT_ONCE_MAX && wait.is_zero();
        tokio::select! {
            Some((waiting, done)) = under_way.next(), if !under_way.is_empty() => {
                if matches!(done, Err(ActError::Busy { .. })) {
                    pace.give_back();
                }
                if let Some(pause) = settle_deed(ears, waiting, done) {
                    pace.rest(Instant::now(), pause);
                }
            }
            // Nothing is chosen before it can be done: something graver may come meanwhile.
            () = sleep(wait), if !wait.is_zero() => {}
            waiting = ears.queue.next(), if free => {
                pace.take(Instant::now());
                under_way.push(async move {
                    let done = platform.act(&waiting.deed).await;
                    (waiting, done)
                });
            }
        }
    }
}

/// What follows from how a deed went: whether the platform wants a pause.
fn settle_deed(ears: &Ears, waiting: Waiting, done: Result<(), ActError>) -> Option<Duration> {
    let Waiting { deed, heard, tries, .. } = &waiting;
    let result = match &done {
        Ok(()) => "done",
        Err(ActError::Gone) => "gone",
        Err(ActError::Refused(cause)) => {
            ears.tell(deed, "refused", cause);
            return None;
        }
        Err(ActError::Busy { after }) if Instant::now() + *after <= *heard + TOO_LATE => {
            ears.put_back(Waiting { ready: Instant::now() + *after, ..waiting });
            return None;
        }
        Err(ActError::Busy { .. }) => {
            ears.settler.metrics.discard("bot_gave_up");
            ears.tell(deed, "given_up", "the platform lets no more of its kind be done");
            return None;
        }
        Err(ActError::Later { cause, after }) => {
            let (tries, now) = (tries + 1, Instant::now());
            let wait = after.unwrap_or_else(|| jittered(PAUSE * 2_u32.pow(tries.min(6))));
            if tries >= TRIES_MAX || now + wait > *heard + TOO_LATE {
                ears.settler.metrics.discard("bot_gave_up");
                ears.tell(deed, "given_up", cause);
            } else {
                ears.put_back(Waiting { tries, ready: now + wait, ..waiting });
            }
            return *after;
        }
    };
    ears.settler.metrics.bot_act_seconds.observe(heard.elapsed().as_secs_f64());
    ears.tell(deed, result, "");
    None
}

/// Shows on the platform what a moderator released; safe to tell twice.
fn service(platform: Arc<dyn Platform>, pending: Arc<Pending>) -> Service {
    Arc::new(move |frame| {
        let (platform, pending) = (platform.clone(), pending.clone());
        Box::pin(async move {
            let target = target(&frame).ok_or("what is to be released is not known any more")?;
            if pending.is_answered(&target) {
                return Ok(());
            }
            let deed = Deed {
                what: What::Allow,
                target,
                reason: reason("released"),
                decision: String::new(),
                message: Arc::default(),
                severity: mildest(),
            };
            let told = timeout(RELEASE_WAIT, allow(&*platform, &deed)).await;
            told.map_err(|_| "the platform did not answer in time".to_owned())?
        })
    })
}

async fn allow(platform: &dyn Platform, deed: &Deed) -> Result<(), String> {
    let mut pause = PAUSE;
    loop {
        match platform.act(deed).await {
            Ok(()) => return Ok(()),
            Err(ActError::Gone) => return Err("the platform does not hold it any more".into()),
            Err(ActError::Refused(cause)) => return Err(cause),
            Err(ActError::Busy { after }) => sleep(after).await,
            Err(ActError::Later { after, .. }) => sleep(after.unwrap_or(pause)).await,
        }
        pause *= 2;
    }
}

/// Denies on the platform what did not pass here, and carries time-outs there.
async fn follow(ears: &Ears, mut changes: Receiver<Change>) {
    loop {
        match changes.recv().await {
            Ok(Change::Added(_)) => {}
            Ok(Change::Moved(hold, _)) => ended(ears, &hold),
            // Behind: whatever waits here is looked at once.
            Err(RecvError::Lagged(_)) => {
                for id in ears.pending.holds() {
                    match ears.settler.holds.find(&id) {
                        Some(hold) => ended(ears, &hold),
                        None => _ = ears.pending.end(&id),
                    }
                }
            }
            Err(RecvError::Closed) => return,
        }
    }
}

/// Answers the platform where a hold has ended.
pub fn ended(ears: &Ears, hold: &Hold) {
    if hold.route != ears.name() {
        return;
    }
    let denied = match hold.state {
        State::Held | State::Approved => return,
        // The moderator may still take it back.
        State::Denied if is_open(ears, hold) => return,
        State::Denied | State::Expired | State::Withdrawn => true,
        State::Released | State::Orphaned => false,
    };
    // Its own record says whom to tell: it may have been denied before a restart.
    let answered = ears.pending.end(&hold.id);
    let told = target(&hold.frame.frame()).filter(|_| denied && !answered);
    let Some(target) = told else { return };
    let time_out = hold.decided.as_ref().and_then(|decided| decided.time_out_s);
    let time_out = time_out.map(|seconds| What::TimeOut { seconds });
    let severity = hold.findings.iter().map(|finding| finding.severity).max();
    for what in [What::Deny].into_iter().chain(time_out) {
        ears.put(
            Instant::now(),
            Deed {
                what,
                target: target.clone(),
                reason: reason(&hold.rule),
                decision: hold.id.clone(),
                message: Arc::new(message(hold)),
                severity: severity.unwrap_or_else(mildest),
            },
        );
    }
}

fn is_open(ears: &Ears, hold: &Hold) -> bool {
    let until = hold.decided.as_ref().map_or(0, |decided| decided.undo_until_ms);
    ears.settler.holds.now_ms() < until
}

fn message(hold: &Hold) -> Message {
    Message { channel: hold.channel.clone(), sender: hold.sender.clone(), ..Message::default() }
}

/// After a restart: what was held before and is to be answered yet.
fn note_held(ears: &Ears, hold: &Hold) {
    if hold.route == ears.name()
        && let Some(target) = target(&hold.frame.frame())
    {
        ears.pending.insert(&hold.id, target);
    }
}

fn target(frame: &Frame) -> Option<Target> {
    serde_json::from_slice(frame.bytes()).ok()
}
