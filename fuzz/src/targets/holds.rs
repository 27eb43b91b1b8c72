//! Opens a hold queue whose records were damaged, and holds it to its promises all the same.

use std::sync::{Arc, LazyLock};

use tidegate::{
    audit::Audit,
    config::{HoldConfig, OnExpiry, Position, RetentionConfig},
    hold::{Decision, Hold, HoldQueue, State, StoredFrame},
    message::{Language, Sender, Standing},
    metrics::Metrics,
    store::{StoreError, Table},
};
use tokio::runtime::{Builder, Runtime};

use crate::{input::Input, memory::Memory};

const HELD: usize = 4;
const CHANGES_MAX: usize = 4;
const STEPS_MAX: usize = 16;

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_time().build().expect("a runtime of one thread")
}

/// A queue of four: held, approved, denied and released.
static GENUINE: LazyLock<Memory> = LazyLock::new(|| {
    let store = Arc::new(Memory::default());
    runtime().block_on(async {
        let queue = open(store.clone()).await.expect("an empty queue");
        for number in 0..HELD {
            let held = queue.hold(hold(&queue, number)).await.expect("there is room");
            match number {
                1 | 3 => drop(queue.decide(&held.id, Decision::Release, "ana").await),
                2 => drop(queue.decide(&held.id, Decision::Remove, "ana").await),
                _ => {}
            }
            if number == 3 {
                assert!(queue.claim(&held.id).await.expect("the store works"));
            }
        }
    });
    let kept = Memory::default();
    // The log is not what is looked at.
    for (number, (_, value)) in store.all(Table::Holds).into_iter().enumerate() {
        let text = String::from_utf8(value).expect("JSON");
        let (_, id) = text.split_once("\"id\":\"").expect("a record has an id");
        let id = id.split('"').next().unwrap_or_default().to_owned();
        let text = text.replace(&id, &key(number));
        kept.set(Table::Holds, &key(number), Some(text.into_bytes()));
    }
    kept
});

/// Ids that are the same in every run, so that what is found can be found again.
fn key(number: usize) -> String {
    format!("{number:024x}")
}

async fn open(store: Arc<Memory>) -> Result<HoldQueue, StoreError> {
    let metrics = Arc::new(Metrics::new());
    let audit = Audit::open(store.clone(), metrics.clone(), 7, 90).await?;
    let config = HoldConfig { held_max: 10, held_per_sender_max: 5, ..HoldConfig::default() };
    HoldQueue::open(store, audit, metrics, config, RetentionConfig::default()).await
}

fn hold(queue: &HoldQueue, number: usize) -> Hold {
    let now_ms = queue.now_ms();
    Hold {
        id: queue.fresh_id(),
        route: "/chat".into(),
        mode: [Position::Inline, Position::Egress][number % 2],
        channel: "room".into(),
        sender: Sender { id: "ben".into(), name: "Ben".into(), roles: Vec::new() },
        message_id: None,
        identity: Some("who".into()),
        live: 1,
        language: Language::En,
        text: "blorp".into(),
        findings: Vec::new(),
        frame: StoredFrame { binary: false, bytes: b"blorp".to_vec() },
        rules: "v".into(),
        decided_by: String::new(),
        rule: String::new(),
        held_ms: now_ms,
        expires_ms: now_ms + 1_000_000_000,
        attended_ms: None,
        on_expiry: [OnExpiry::Drop, OnExpiry::Release][number % 2],
        state: State::Held,
        decided: None,
        paid: None,
        standing: Standing::default(),
    }
}

pub fn check(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let store = Arc::new(GENUINE.copy());
    for _ in 0..input.below(CHANGES_MAX) {
        change(&store, &mut input);
    }
    runtime().block_on(async {
        match open(store.clone()).await {
            Ok(queue) => play(&queue, &mut input, &store).await,
            Err(StoreError::Corrupt { place, cause }) => {
                assert!(place.starts_with("hold ") && !cause.is_empty(), "{place}: {cause}");
            }
            Err(other) => panic!("{other}"),
        }
    });
}

fn change(store: &Memory, input: &mut Input) {
    let (number, what) = (input.below(HELD), input.below(4));
    let Some((_, row)) = store.all(Table::Holds).into_iter().find(|(k, _)| *k == key(number))
    else {
        return;
    };
    let start = (usize::from(input.byte()) * 4 + input.below(4)).min(row.len());
    let end = (start + input.below(32)).min(row.len());
    let new: Vec<u8> = (0..input.below(24)).map(|_| input.byte()).collect();
    let value = match what {
        0 => None,
        1 => Some([&row[..start], &new, &row[end..]].concat()),
        2 => Some(row[..start].to_vec()),
        // A record under a key that is another's.
        _ => return store.set(Table::Holds, &key(input.below(HELD + 2)), Some(row)),
    };
    store.set(Table::Holds, &key(number), value);
}

/// Moderators and sessions at work; then the queue is opened once more, as after a crash.
async fn play(queue: &HoldQueue, input: &mut Input<'_>, store: &Arc<Memory>) {
    let mut released = [0; HELD];
    for hold in queue.list() {
        assert_eq!(hold.state, State::Held, "an end in the queue");
    }
    for _ in 0..STEPS_MAX.min(input.below(STEPS_MAX + 1)) {
        let number = input.below(HELD);
        let id = key(number);
        let before = queue.find(&id).map(|hold| hold.state);
        match input.below(7) {
            0 => {
                let decided = queue.decide(&id, Decision::Release, "ana").await;
                let after = queue.find(&id).map(|hold| hold.state);
                match decided {
                    Ok(_) => assert_eq!(before, Some(State::Held)),
                    // Unless its time had come meanwhile.
                    Err(cause) => assert_ne!(after, Some(State::Held), "{cause}"),
                }
            }
            1 => drop(queue.decide(&id, Decision::Remove, "ben").await),
            2 => drop(queue.decide(&id, Decision::TimeOut { seconds: u64::MAX }, "ben").await),
            3 => drop(queue.undo(&id, "ana").await),
            4 => drop(queue.withdraw(&id).await),
            5 => {
                let claimed = queue.claim(&id).await.expect("the store works");
                let open = [Some(State::Approved), Some(State::Held)];
                assert!(!claimed || open.contains(&before), "{before:?} was claimed");
                released[number] += u32::from(claimed);
            }
            _ => queue.written(&id, true).await,
        }
        assert!(released.iter().all(|times| *times <= 1), "released twice");
    }
    let states = |queue: &HoldQueue| -> Vec<Option<State>> {
        (0..HELD).map(|number| queue.find(&key(number)).map(|hold| hold.state)).collect()
    };
    let again = open(Arc::new(store.copy())).await.expect("what we wrote is read");
    assert_eq!(states(&again), states(queue), "opened once more");
    let _ = queue.erase_sender("/chat", "ben").await;
}
