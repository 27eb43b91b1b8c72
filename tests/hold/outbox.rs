//! Kills between a decision and its audit record: each is in the log once, whatever came between.

use std::sync::atomic::Ordering;

use tidegate::{
    audit::{Event, Record},
    config::OnExpiry,
    hold::{Decision, State},
    message::{Paid, Verdict},
    store::{Store, Table},
};

use crate::life::{Dir, HOUR_MS, LIES_OF_RECORDS, Life, NO_RECORDS, WORKS, config, live, pass};

/// The names of what the log has of a message, in order.
async fn told(life: &Life, id: &str) -> Vec<String> {
    life.audit.flush().await;
    let records = life.audit.find(id).await.unwrap();
    let name = |record: Record| match record.event {
        Event::Judged(Verdict::Hold) => "held".to_owned(),
        Event::Decided { state, .. } => state,
        Event::Undone { .. } => "undone".to_owned(),
        Event::Refund { .. } => "refund".to_owned(),
        other => format!("{other:?}"),
    };
    records.into_iter().map(name).collect()
}

async fn outbox(life: &Life) -> usize {
    life.store.scan(Table::Outbox, "", 1_000).await.unwrap().len()
}

/// Some of everything that a message can go through.
async fn decide_some(life: &Life) -> Vec<(String, Vec<&'static str>)> {
    let mut expected = Vec::new();
    let message = life.message(1, "ben");
    let (id, record) = (message.id.clone(), life.judged(&message));
    life.queue.hold_on_record(message, record).await.unwrap();
    life.queue.decide(&id, Decision::Remove, "ana").await.unwrap();
    life.queue.undo(&id, "ana").await.unwrap();
    life.queue.decide(&id, Decision::Release, "eve").await.unwrap();
    assert!(life.queue.claim(&id).await.unwrap());
    expected.push((id, vec!["held", "denied", "undone", "approved", "released"]));

    let message = life.message(1, "una");
    let (id, record) = (message.id.clone(), life.judged(&message));
    life.queue.hold_on_record(message, record).await.unwrap();
    expected.push((id, vec!["held"]));

    let paid = Paid::new("5", "bits");
    let message = tidegate::hold::Hold { paid, ..life.message(1, "tom") };
    let id = life.queue.hold(message).await.unwrap().id.clone();
    life.queue.withdraw(&id).await.unwrap();
    expected.push((id, vec!["refund", "withdrawn"]));
    expected
}

#[tokio::test(start_paused = true)]
async fn what_a_kill_left_unsaid_is_in_the_log_at_the_next_start() {
    for mode in [NO_RECORDS, LIES_OF_RECORDS, WORKS] {
        let dir = Dir::new();
        let life = live(&dir, config()).await;
        life.audit.flush().await;
        life.store.mode.store(mode, Ordering::SeqCst);
        let expected = decide_some(&life).await;
        // Killed after the decisions, at any moment of what follows them.
        for moment in [0, 100, 1_000, 60_000] {
            pass(moment).await;
            let copy = dir.killed();
            let next = live(&copy, config()).await;
            for (id, events) in &expected {
                assert_eq!(&told(&next, id).await, events, "{mode}, after {moment} ms");
            }
            assert_eq!(outbox(&next).await, 0);
            let again = copy.killed();
            let again = live(&again, config()).await;
            for (id, events) in &expected {
                assert_eq!(&told(&again, id).await, events, "{mode}: a second start");
            }
            tidegate::audit::verify(&*again.store).await.expect("it is whole");
        }
        // Without a kill: when the disk is well again.
        life.store.mode.store(WORKS, Ordering::SeqCst);
        pass(60_000).await;
        for (id, events) in &expected {
            assert_eq!(&told(&life, id).await, events, "{mode}: it lives on");
        }
        assert_eq!(outbox(&life).await, 0, "{mode}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_not_held_after_all_is_not_on_record_as_held() {
    let dir = Dir::new();
    let life = live(&dir, config()).await;
    life.store.mode.store(crate::life::LIES, Ordering::SeqCst);
    let message = life.message(1, "ben");
    let (id, record) = (message.id.clone(), life.judged(&message));
    assert!(life.queue.hold_on_record(message, record).await.is_err());
    assert_eq!(outbox(&life).await, 1, "it was written and not told");
    life.store.mode.store(WORKS, Ordering::SeqCst);
    pass(2_000).await;
    assert!(life.stored(&id).await.is_none());
    assert_eq!((outbox(&life).await, told(&life, &id).await), (0, Vec::<String>::new()));
}

#[tokio::test(start_paused = true)]
async fn what_waits_of_a_silenced_sender_is_not_released_by_the_clock() {
    let dir = Dir::new();
    let life = live(&dir, config()).await;
    let whose = |sender| tidegate::history::Whose { route: "/chat", channel: "room", sender };
    let held = async |sender: &str| {
        let message = life.message(1, sender);
        let message = tidegate::hold::Hold { on_expiry: OnExpiry::Release, ..message };
        life.queue.hold(message).await.unwrap().id.clone()
    };
    let [kept, by_hand, given, other] =
        [held("ben").await, held("ben").await, held("una").await, held("tom").await];
    life.queue.keep_back(whose("ben"), Vec::new()).await.unwrap();
    life.queue.keep_back(whose("una"), Vec::new()).await.unwrap();
    life.queue.give_back(whose("una")).await.unwrap();
    let shown = |id: &str| life.queue.find(id).unwrap().on_expiry;
    assert_eq!((shown(&kept), shown(&other)), (OnExpiry::Drop, OnExpiry::Release));
    life.queue.decide(&by_hand, Decision::Release, "ana").await.unwrap();
    // It is so after a kill, too.
    let after = dir.killed();
    let life = live(&after, config()).await;
    pass(HOUR_MS + 1).await;
    for (id, state) in [
        (kept, State::Expired),
        (by_hand, State::Orphaned),
        (given, State::Approved),
        (other, State::Approved),
    ] {
        assert_eq!(life.queue.find(&id).unwrap().state, state, "{id}");
    }
}
