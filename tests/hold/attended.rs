//! Holds what waits for somebody on duty, over nights and restarts.

use tidegate::{
    config::OnExpiry,
    history::{Duty, OnDuty},
    hold::{Change, Decision, Hold, State},
};
use tokio::sync::broadcast::error::TryRecvError;

use super::life::{Dir, HOUR_MS, Life, config, live, pass};

/// Far longer than a look at the clock takes.
const MINUTE_MS: u64 = 60_000;
const DAY_MS: u64 = 24 * HOUR_MS;

/// A list on which nobody stands; whoever acts is on duty for two hours.
fn kept() -> Duty {
    let duty = Duty::default();
    duty.keep(2 * HOUR_MS);
    duty
}

impl Life {
    fn waiting(&self, sender: &str, on_expiry: OnExpiry) -> Hold {
        Hold { attended_ms: Some(HOUR_MS), on_expiry, ..self.message(1, sender) }
    }

    /// Somebody comes, as the console's follower says it.
    fn comes(&self, duty: &Duty, name: &str) -> OnDuty {
        let console = duty.connect(name, self.queue.now_ms());
        duty.act(name, self.queue.now_ms());
        self.queue.attend(duty);
        console
    }

    fn state(&self, id: &str) -> State {
        self.queue.find(id).unwrap().state
    }
}

#[tokio::test(start_paused = true)]
async fn what_waits_ends_only_after_somebody_was_there_for_its_time() {
    let dir = Dir::new();
    let life = live(&dir, config()).await;
    let duty = kept();
    life.queue.attend(&duty);
    let plain = life.held(1, "zoe").await;
    let drops = life.queue.hold(life.waiting("ben", OnExpiry::Drop)).await.unwrap();
    let releases = life.queue.hold(life.waiting("ana", OnExpiry::Release)).await.unwrap();
    pass(10 * HOUR_MS).await;
    assert_eq!(life.state(&plain.id), State::Expired, "as at any time");
    assert_eq!([life.state(&drops.id), life.state(&releases.id)], [State::Held; 2]);

    let mut changes = life.queue.subscribe();
    let came_ms = life.queue.now_ms();
    let _console = life.comes(&duty, "mo");
    pass(MINUTE_MS).await;
    // Whoever came sees how long there is.
    for _ in 0..2 {
        match changes.try_recv() {
            Ok(Change::Moved(hold, Some(State::Held))) => {
                assert_eq!((hold.state, hold.expires_ms), (State::Held, came_ms + HOUR_MS));
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(matches!(changes.try_recv(), Err(TryRecvError::Empty)));
    pass(HOUR_MS - 2 * MINUTE_MS).await;
    assert_eq!([life.state(&drops.id), life.state(&releases.id)], [State::Held; 2]);
    pass(2 * MINUTE_MS).await;
    assert_eq!(life.state(&drops.id), State::Expired);
    assert_eq!(life.state(&releases.id), State::Approved, "its own end, put off");
    life.audit.flush().await;
    assert_eq!(life.audit.find(&drops.id).await.unwrap().len(), 1, "the end alone is on record");
}

#[tokio::test(start_paused = true)]
async fn whoever_leaves_too_early_was_not_there() {
    let dir = Dir::new();
    let life = live(&dir, config()).await;
    let duty = kept();
    let _console = life.comes(&duty, "mo");
    pass(HOUR_MS + HOUR_MS / 2).await;
    // Half an hour before the two hours are over.
    let held = life.queue.hold(life.waiting("ben", OnExpiry::Drop)).await.unwrap();
    pass(2 * HOUR_MS).await;
    assert_eq!(life.state(&held.id), State::Held);
    let _other = life.comes(&duty, "eve");
    pass(HOUR_MS - MINUTE_MS).await;
    assert_eq!(life.state(&held.id), State::Held);
    // Decisions are as they are at any time.
    life.queue.decide(&held.id, Decision::Remove, "eve").await.unwrap();
    assert_eq!(life.state(&held.id), State::Denied);
}

#[tokio::test(start_paused = true)]
async fn it_waits_a_day_at_most() {
    let dir = Dir::new();
    let life = live(&dir, config()).await;
    life.queue.attend(&kept());
    let held = life.queue.hold(life.waiting("ben", OnExpiry::Drop)).await.unwrap();
    pass(DAY_MS + HOUR_MS - MINUTE_MS).await;
    assert_eq!(life.state(&held.id), State::Held);
    pass(2 * MINUTE_MS).await;
    assert_eq!(life.state(&held.id), State::Expired);
}

#[tokio::test(start_paused = true)]
async fn a_restart_ends_nothing_that_waits() {
    let dir = Dir::new();
    let life = live(&dir, config()).await;
    life.queue.attend(&kept());
    let late = Hold { expires_ms: life.queue.now_ms() + 1, ..life.waiting("ben", OnExpiry::Drop) };
    let held = life.queue.hold(late).await.unwrap();
    pass(MINUTE_MS).await;
    let copy = dir.killed();
    let again = live(&copy, config()).await;
    // Nobody has said yet who is on duty.
    pass(2 * MINUTE_MS).await;
    assert_eq!(again.state(&held.id), State::Held);
    let duty = kept();
    let _console = again.comes(&duty, "mo");
    pass(MINUTE_MS).await;
    let left_ms = again.queue.find(&held.id).unwrap().expires_ms - again.queue.now_ms();
    assert!(left_ms > HOUR_MS - 2 * MINUTE_MS, "{left_ms}");
    let stored = again.stored(&held.id).await.unwrap();
    assert!(stored.to_string().contains("attended_ms"), "{stored}");
}
