//! Keeps a bot going: hears, acts at the platform's pace, and answers for moderators.

use std::{
    hash::{BuildHasher, RandomState},
    sync::Arc,
    time::Duration,
};

use futures_util::{StreamExt, stream::FuturesUnordered};
use tokio::{
    sync::{
        Notify,
        broadcast::{Receiver, error::RecvError},
        watch,
    },
    time::{Instant, sleep, timeout},
};

use super::{
    ActError, Deed, Ears, HearError, Platform, Target, What,
    defences::Defences,
    ears::{mildest, reason},
    pending::{Pending, There},
    queue::Waiting,
};
use crate::{
    config::BotConfig,
    hold::{Change, Hold, Service, State},
    message::Message,
    protocol::Frame,
    settle::Settler,
    store::Store,
};

/// Pauses between connections: doubled each time, reset when one was good.
const PAUSE: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(60);
/// Deeds on their way at once: a call takes a tenth of a second, and a raid has hundreds of lines.
const AT_ONCE_MAX: usize = 8;
/// After this long nobody is helped by it any more.
const TOO_LATE: Duration = Duration::from_secs(10 * 60);
/// Nothing is done for longer because the platform asked for a pause: it may have meant one channel
/// or one kind of call. What it refused waits for as long as it said.
const REST_MAX: Duration = Duration::from_secs(60);
/// For what is under way when the process is to end: a supervisor waits some seconds.
const CLOSING_MAX: Duration = Duration::from_secs(3);
/// A moderator waits for the answer.
const RELEASE_WAIT: Duration = Duration::from_secs(10);

pub async fn run(
    config: BotConfig,
    platform: Arc<dyn Platform>,
    settler: Arc<Settler>,
    store: Arc<dyn Store>,
    closing: watch::Receiver<bool>,
) {
    let ears = Ears::new(&config, settler, closing);
    let changes = ears.settler.holds.subscribe();
    for hold in ears.settler.holds.list() {
        note_held(&ears, &hold);
    }
    let service = service(platform.clone(), ears.pending.clone());
    ears.settler.holds.serve(ears.name(), service);
    let defences = Defences::open(platform.clone(), store, ears.name()).await;
    let silent = Notify::new();
    let hearing = async {
        listen(&*platform, &ears).await;
        silent.notify_one();
    };
    let working = async { tokio::join!(hearing, deliver(&*platform, &ears, &silent)) };
    let all = async {
        tokio::select! {
            _ = working => {}
            () = follow(&ears, changes) => {}
            () = async { ears.closing().await; sleep(CLOSING_MAX).await; } => {}
        }
    };
    tokio::join!(all, defences.keep(&ears));
    for Waiting { deed, .. } in ears.queue.give_up() {
        ears.settler.metrics.discard("bot_gave_up");
        ears.tell(&deed, "given_up", "the process ends");
    }
}

/// Hears until the process is to end.
async fn listen(platform: &dyn Platform, ears: &Ears) {
    let mut pause = PAUSE;
    loop {
        let mut hearing = platform.hear(ears);
        let ended = tokio::select! {
            ended = &mut hearing => ended,
            () = ears.closing() => {
                if platform.owes() {
                    // How it ends does not matter any more.
                    let _ = hearing.await;
                }
                return;
            }
        };
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
        tokio::select! {
            () = sleep(jittered(pause)) => {}
            () = ears.closing() => return,
        }
        pause = (pause * 2).min(PAUSE_MAX);
    }
}

/// Half of it to all of it, so that many do not come back at once.
fn jittered(pause: Duration) -> Duration {
    let share = RandomState::new().hash_one(0) as f64 / u64::MAX as f64;
    pause.mul_f64(0.5 + share / 2.0)
}

/// Does what is queued, the gravest first, several at once; until there is nothing left to do once
/// nothing more is heard.
async fn deliver(platform: &dyn Platform, ears: &Ears, silent: &Notify) {
    let mut pace = platform.pace();
    let mut under_way = FuturesUnordered::new();
    let mut last = false;
    while !(last && under_way.is_empty() && ears.queue.is_empty()) {
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
            () = silent.notified(), if !last => last = true,
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
            let pause = || jittered(PAUSE * 2_u32.pow(tries.min(6)));
            let wait = after.map_or_else(pause, |after| after.max(PAUSE));
            if now + wait > *heard + TOO_LATE {
                ears.settler.metrics.discard("bot_gave_up");
                ears.tell(deed, "given_up", cause);
            } else {
                ears.put_back(Waiting { tries, ready: now + wait, ..waiting });
            }
            return after.map(|after| after.min(REST_MAX));
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
            let deed = Deed {
                what: What::Allow,
                target,
                reason: reason("released"),
                decision: String::new(),
                message: Arc::default(),
                severity: mildest(),
            };
            let told = timeout(RELEASE_WAIT, allow(&*platform, &pending, &deed)).await;
            told.map_err(|_| "the platform did not answer in time".to_owned())?
        })
    })
}

async fn allow(platform: &dyn Platform, pending: &Pending, deed: &Deed) -> Result<(), String> {
    let mut pause = PAUSE;
    loop {
        match pending.there(&deed.target) {
            Some(There::Shown) => return Ok(()),
            Some(There::Denied) => return Err("it was denied on the platform".into()),
            None => {}
        }
        match platform.act(deed).await {
            Ok(()) => return Ok(()),
            // Perhaps by the call before, whose answer was lost: the platform said so since.
            Err(ActError::Gone) => match pending.there(&deed.target) {
                Some(There::Shown) => return Ok(()),
                _ => return Err("the platform does not hold it any more".into()),
            },
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
        // The service that tells the platform asks yet how it ended there.
        State::Released if !is_written(hold) => return,
        State::Released | State::Orphaned => false,
    };
    // Its own record says whom to tell: it may have been denied before a restart.
    let there = ears.pending.end(&hold.id);
    let Some(target) = target(&hold.frame.frame()).filter(|_| denied) else { return };
    let answer = match (there, hold.state) {
        (None, _) => Some(What::Deny),
        // A moderator removed it here before another showed it there, and the first decision wins.
        (Some(There::Shown), State::Denied) => Some(What::Delete),
        (Some(_), _) => None,
    };
    let time_out = hold.decided.as_ref().and_then(|decided| decided.time_out_s);
    let banned = hold.decided.as_ref().is_some_and(|decided| decided.banned);
    let ban = banned.then_some(What::Ban);
    let silence = ban.or(time_out.map(|seconds| What::TimeOut { seconds }));
    let severity = hold.findings.iter().map(|finding| finding.severity).max();
    for what in answer.into_iter().chain(silence) {
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

/// Whether it is known if a release was told to the platform.
fn is_written(hold: &Hold) -> bool {
    hold.decided.as_ref().is_some_and(|decided| decided.written.is_some())
}

fn message(hold: &Hold) -> Message {
    Message { channel: hold.channel.clone(), sender: hold.sender.clone(), ..Message::default() }
}

/// After a restart: what was held before and is to be answered yet.
fn note_held(ears: &Ears, hold: &Hold) {
    if hold.route == ears.name()
        && let Some(target) = target(&hold.frame.frame())
    {
        ears.note_held(&target.message);
        ears.pending.insert(&hold.id, target);
    }
}

fn target(frame: &Frame) -> Option<Target> {
    serde_json::from_slice(frame.bytes()).ok()
}
