//! Holds messages through decisions, clocks and lost connections, on the real store.

#![allow(clippy::unwrap_used, reason = "what fails in a test may panic, in its helpers too")]

#[path = "hold/attended.rs"]
mod attended;
#[path = "hold/durable.rs"]
mod durable;
#[path = "hold/errands.rs"]
mod errands;
#[path = "hold/kill.rs"]
mod kill;
#[path = "hold/life.rs"]
mod life;
#[path = "hold/outbox.rs"]
mod outbox;
#[path = "hold/paid.rs"]
mod paid;

use futures_util::future::join_all;
use tidegate::{
    audit::Event,
    config::{HoldConfig, OnExpiry, Position},
    hold::{Change, DecideError, Decision, Hold, HoldError, Order, State, Way},
    store::StoreError,
};

use life::{Dir, HOUR_MS, Life, config, live, order, pass, release};

#[tokio::test(start_paused = true)]
async fn of_two_deciders_one_wins_and_the_other_is_told_who() {
    let dir = Dir::new();
    let life = live(&dir, config()).await;
    let decisions = [Decision::Release, Decision::Remove, Decision::TimeOut { seconds: 60 }];
    for (first, second) in decisions.into_iter().flat_map(|a| decisions.map(|b| (a, b))) {
        let hold = life.held(1, "ben").await;
        let (ana, eve) = tokio::join!(
            life.queue.decide(&hold.id, first, "ana"),
            life.queue.decide(&hold.id, second, "eve"),
        );
        let (winner, loser, by) = match (ana, eve) {
            (Ok(winner), Err(loser)) => (winner, loser, "ana"),
            (Err(loser), Ok(winner)) => (winner, loser, "eve"),
            other => panic!("{first:?} {second:?}: {other:?}"),
        };
        let decided = winner.decided.clone().unwrap();
        assert_eq!((decided.by.as_str(), decided.at_ms), (by, life.queue.now_ms()));
        match loser {
            DecideError::Already { state, decided: told } => {
                assert_eq!((state, told), (winner.state, Some(decided)));
            }
            other => panic!("{other}"),
        }
        life.audit.flush().await;
        let records = life.audit.find(&hold.id).await.unwrap();
        let expected = Event::Decided { state: winner.state.name().into(), by: by.into() };
        assert_eq!(records.into_iter().map(|r| r.event).collect::<Vec<_>>(), [expected]);
    }
    let unknown = life.queue.decide("nothing", Decision::Release, "ana").await;
    assert!(matches!(unknown, Err(DecideError::Unknown(_))), "{unknown:?}");
}

#[tokio::test(start_paused = true)]
async fn one_connection_does_not_fill_the_queue_under_many_names() {
    let dir = Dir::new();
    let bounds = HoldConfig { held_max: 50, held_per_sender_max: 2, ..config() };
    let life = live(&dir, bounds).await;
    for number in 0..5 {
        life.held(1, &format!("name {number}")).await;
    }
    let more = life.queue.hold(life.message(1, "another name")).await;
    assert!(matches!(more, Err(HoldError::Full(5))), "{more:?}");
    life.held(2, "another name").await;
}

#[tokio::test(start_paused = true)]
async fn bounds_count_what_is_open_and_nothing_else() {
    let dir = Dir::new();
    let bounds = HoldConfig { held_max: 3, held_per_sender_max: 2, ..config() };
    let life = live(&dir, bounds).await;
    let full = async |sender: &str| {
        let live = if sender == "ben" { 1 } else { 2 };
        match life.queue.hold(life.message(live, sender)).await {
            Ok(_) => None,
            Err(HoldError::Full(bound)) => Some(bound),
            Err(other) => panic!("{other}"),
        }
    };
    let first = life.held(1, "ben").await;
    // Refused for its id, it takes no room.
    let twice = life.queue.hold(Hold { text: "other".into(), ..Hold::clone(&first) }).await;
    assert!(matches!(twice, Err(HoldError::Store(StoreError::Conflict(_)))), "{twice:?}");
    assert_eq!(full("ben").await, None);
    assert_eq!(full("ben").await, Some(2));
    assert_eq!(full("zoe").await, None);
    assert_eq!(full("zoe").await, Some(3));
    assert_eq!(life.queue.list().len(), 3);
    assert!(life.metric("tidegate_held 3"));

    // A denial keeps its room until it cannot be undone any more.
    life.queue.decide(&first.id, Decision::Remove, "ana").await.unwrap();
    assert_eq!(full("zoe").await, Some(3));
    pass(60_100).await;
    assert_eq!(full("zoe").await, None);
    assert!(life.metric("tidegate_holds_ended_total{state=\"denied\"} 1"));
}

#[tokio::test(start_paused = true)]
async fn without_an_id_a_sender_is_its_connection() {
    let dir = Dir::new();
    let life = live(&dir, HoldConfig { held_per_sender_max: 1, ..config() }).await;
    life.held(1, "").await;
    assert!(matches!(life.queue.hold(life.message(1, "")).await, Err(HoldError::Full(1))));
    life.held(2, "").await;
    assert_eq!(life.queue.waiting(1, "room"), 1);
    assert_eq!(life.queue.waiting(1, "other"), 0);
    assert_eq!(life.queue.waiting(3, "room"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_release_goes_over_the_connection_that_is_there() {
    let dir = Dir::new();
    let life = live(&dir, config()).await;
    let mut own = life.session("ben");
    let mut other = life.session("zoe");
    let hold = life.held(own.live, "ben").await;
    assert_eq!(life.queue.way(&hold), Way::Connection);
    life.queue.decide(&hold.id, Decision::Release, "ana").await.unwrap();
    assert_eq!(release(&mut own).await.id, hold.id);
    assert!(other.orders.try_recv().is_err());
    let claims = join_all((0..20).map(|_| life.queue.claim(&hold.id))).await;
    assert_eq!(claims.into_iter().filter(|claim| *claim.as_ref().unwrap()).count(), 1);
    let claimed = life.queue.find(&hold.id).unwrap();
    assert_eq!((claimed.state, claimed.decided.as_ref().unwrap().written), (State::Released, None));
    life.queue.written(&hold.id, true).await;

    // Written, it leaves no text behind, in memory or on disk.
    let written = life.queue.find(&hold.id).unwrap();
    assert_eq!((written.text.as_str(), written.frame.bytes.len()), ("", 0));
    assert_eq!(written.decided.as_ref().unwrap().written, Some(true));
    let stored = life.stored(&hold.id).await.unwrap();
    assert_eq!(stored["hold"]["text"], "");
    assert_eq!(stored["hold"]["frame"]["bytes"], "");
    assert!(life.metric("tidegate_holds_ended_total{state=\"released\"} 1"));
    assert_eq!(life.queue.recent(9).len(), 1);

    // The same user's new connection serves where the old one is gone.
    let hold = life.held(own.live, "ben").await;
    drop(own);
    assert_eq!(life.queue.way(&hold), Way::Orphan);
    life.queue.decide(&hold.id, Decision::Release, "ana").await.unwrap();
    let mut again = life.session("ben");
    assert_eq!(release(&mut again).await.id, hold.id);
    // It goes away without claiming, and the route's service takes over.
    let written = life.service(Ok(()));
    assert_eq!(life.queue.way(&hold), Way::Connection);
    drop(again);
    let hold = life.until(&hold.id, State::Released).await;
    assert_eq!(*written.lock().unwrap(), ["frame of ben"]);
    assert_eq!(life.queue.way(&hold), Way::Service);
}

#[tokio::test(start_paused = true)]
async fn a_failed_service_write_is_noted_and_not_repeated() {
    let dir = Dir::new();
    let life = live(&dir, config()).await;
    let written = life.service(Err("no upstream".into()));
    let hold = life.held(1, "ben").await;
    life.queue.decide(&hold.id, Decision::Release, "ana").await.unwrap();
    pass(HOUR_MS).await;
    let hold = life.queue.find(&hold.id).unwrap();
    assert_eq!(hold.state, State::Released);
    assert_eq!(hold.decided.as_ref().unwrap().written, Some(false));
    assert_eq!(written.lock().unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_session_that_reads_no_orders_counts_as_gone() {
    let dir = Dir::new();
    let life = live(&dir, HoldConfig { held_max: 1_000, ..config() }).await;
    let mut stuck = life.session("ben");
    let written = life.service(Ok(()));
    let mut held = Vec::new();
    for number in 0..80 {
        held.push(life.held(stuck.live, &format!("user {number:02}")).await);
    }
    for hold in &held {
        life.queue.decide(&hold.id, Decision::Release, "ana").await.unwrap();
    }
    life.until(&held[79].id, State::Released).await;
    let by_service = written.lock().unwrap().clone();
    let mut by_session = Vec::new();
    while let Ok(Order::Release(hold)) = stuck.orders.try_recv() {
        by_session.push(String::from_utf8(hold.frame.bytes.clone()).unwrap());
    }
    let all: Vec<_> = by_session.into_iter().chain(by_service).collect();
    let expected: Vec<_> = (0..80).map(|number| format!("frame of user {number:02}")).collect();
    assert_eq!(all, expected);
}

#[tokio::test(start_paused = true)]
async fn nobody_to_carry_it_ends_it_orphaned() {
    let dir = Dir::new();
    let life = live(&dir, config()).await;
    let hold = life.held(1, "ben").await;
    assert_eq!(life.queue.way(&hold), Way::Orphan);
    life.queue.decide(&hold.id, Decision::Release, "ana").await.unwrap();
    pass(59_000).await;
    assert_eq!(life.queue.find(&hold.id).unwrap().state, State::Approved);
    pass(1_100).await;
    assert_eq!(life.queue.find(&hold.id).unwrap().state, State::Orphaned);
    let mut late = life.session("ben");
    assert!(late.orders.try_recv().is_err());
    assert!(!life.queue.claim(&hold.id).await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn viewers_of_the_route_are_shown_a_release() {
    let dir = Dir::new();
    let life = live(&dir, config()).await;
    let egress = |life: &Life| Hold { mode: Position::Egress, ..life.message(1, "ben") };
    let hold = life.queue.hold(egress(&life)).await.unwrap();
    assert_eq!(life.queue.way(&hold), Way::Orphan);
    let (mut one, mut two) = (life.viewer("/chat"), life.viewer("/chat"));
    let mut elsewhere = life.viewer("/other");
    let mut sender = life.session("ben");
    assert_eq!(life.queue.way(&hold), Way::Connection);
    life.queue.decide(&hold.id, Decision::Release, "ana").await.unwrap();
    for viewer in [&mut one, &mut two] {
        match order(viewer).await {
            Order::Show(shown) => {
                assert_eq!((shown.text.as_str(), shown.state), ("blorp by ben", State::Released));
            }
            other => panic!("{other:?}"),
        }
    }
    life.until(&hold.id, State::Released).await;
    assert!(elsewhere.orders.try_recv().is_err() && sender.orders.try_recv().is_err());

    // With nobody there it waits for the next viewer.
    drop((one, two));
    let hold = life.queue.hold(egress(&life)).await.unwrap();
    life.queue.decide(&hold.id, Decision::Release, "ana").await.unwrap();
    let mut later = life.viewer("/chat");
    assert!(matches!(order(&mut later).await, Order::Show(shown) if shown.id == hold.id));
}

#[tokio::test(start_paused = true)]
async fn time_decides_where_nobody_does_and_in_the_order_held() {
    let dir = Dir::new();
    let life = live(&dir, config()).await;
    let mut berth = life.session("ben");
    let expiring = |on_expiry| Hold { on_expiry, ..life.message(berth.live, "ben") };
    let started = tokio::time::Instant::now();

    let dropped = life.queue.hold(expiring(OnExpiry::Drop)).await.unwrap();
    match order(&mut berth).await {
        Order::Ended(hold) => {
            assert_eq!((&hold.id, hold.state), (&dropped.id, State::Expired));
        }
        other => panic!("{other:?}"),
    }
    let took = started.elapsed().as_millis() as u64;
    assert!((HOUR_MS..HOUR_MS + 10).contains(&took), "{took} ms");
    assert_eq!(life.queue.waiting(berth.live, "room"), 0);

    let mut expected = Vec::new();
    for _ in 0..15 {
        let hold = Hold { on_expiry: OnExpiry::Release, ..life.message(berth.live, "ben") };
        let expires_ms = life.queue.now_ms() + 1_000;
        expected.push(life.queue.hold(Hold { expires_ms, ..hold }).await.unwrap().id.clone());
    }
    let mut found = Vec::new();
    for _ in 0..15 {
        let hold = release(&mut berth).await;
        assert_eq!(hold.decided.as_ref().unwrap().by, "expiry");
        found.push(hold.id.clone());
    }
    assert_eq!(found, expected);
}

#[tokio::test(start_paused = true)]
async fn a_denial_can_be_undone_until_it_is_final() {
    let dir = Dir::new();
    let life = live(&dir, config()).await;
    let mut berth = life.session("ben");
    let hold = life.held(berth.live, "ben").await;
    life.queue.decide(&hold.id, Decision::TimeOut { seconds: 9 }, "ana").await.unwrap();
    assert_eq!((life.queue.list().len(), life.queue.waiting(berth.live, "room")), (0, 1));
    pass(59_900).await;
    let undone = life.queue.undo(&hold.id, "eve").await.unwrap();
    assert_eq!((undone.state, &undone.decided), (State::Held, &None));
    assert_eq!(undone.expires_ms, life.queue.now_ms() + HOUR_MS);
    assert!(matches!(life.queue.undo(&hold.id, "eve").await, Err(DecideError::TooLate)));
    assert!(berth.orders.try_recv().is_err(), "its sender was told of an end that was not");

    life.queue.decide(&hold.id, Decision::Remove, "ana").await.unwrap();
    match order(&mut berth).await {
        Order::Ended(ended) => assert_eq!(ended.state, State::Denied),
        other => panic!("{other:?}"),
    }
    assert!(matches!(life.queue.undo(&hold.id, "eve").await, Err(DecideError::TooLate)));
    assert_eq!(life.queue.waiting(berth.live, "room"), 0);
    life.audit.flush().await;
    let records = life.audit.find(&hold.id).await.unwrap();
    let events: Vec<_> = records.into_iter().map(|record| record.event).collect();
    let denied = Event::Decided { state: "denied".into(), by: "ana".into() };
    assert_eq!(events, [denied.clone(), Event::Undone { by: "eve".into() }, denied]);
}

#[tokio::test(start_paused = true)]
async fn a_sender_may_take_it_back_while_it_is_undecided() {
    let dir = Dir::new();
    let life = live(&dir, config()).await;
    let mut changes = life.queue.subscribe();
    let hold = life.held(1, "ben").await;
    assert_eq!(life.queue.withdraw(&hold.id).await.unwrap().state, State::Withdrawn);
    let again = life.queue.withdraw(&hold.id).await;
    assert!(matches!(again, Err(DecideError::Already { state: State::Withdrawn, .. })));
    let added = changes.recv().await.unwrap();
    assert!(matches!(added, Change::Added(added) if added.id == hold.id));
    let moved = changes.recv().await.unwrap();
    assert!(
        matches!(moved, Change::Moved(moved, Some(State::Held)) if moved.state == State::Withdrawn)
    );
}
