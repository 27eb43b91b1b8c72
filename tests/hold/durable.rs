//! Kills, fills disks and lets years pass: what is promised stays, what is due goes.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use tidegate::{
    audit::Audit,
    config::{HoldConfig, OnExpiry, RetentionConfig},
    hold::{Berth, DecideError, Decision, Hold, HoldError, HoldQueue, State},
    store::{self, Expect, Store, StoreError, Table, Write},
};

use super::life::{Dir, HOUR_MS, LIES, Life, REFUSES, WORKS, config, live, pass, release};

/// What one kill at a known state must lead to.
#[tokio::test(start_paused = true)]
async fn a_kill_at_each_state_loses_nothing_and_repeats_nothing() {
    let dir = Dir::new();
    let life = live(&dir, config()).await;
    let held = life.held(1, "held").await;
    let denied = life.held(1, "denied").await;
    life.queue.decide(&denied.id, Decision::Remove, "ana").await.unwrap();
    let approved = life.held(1, "approved").await;
    life.queue.decide(&approved.id, Decision::Release, "ana").await.unwrap();
    let lost = life.held(1, "lost").await;
    life.queue.decide(&lost.id, Decision::Release, "ana").await.unwrap();
    let claimed = life.held(1, "claimed").await;
    life.queue.decide(&claimed.id, Decision::Release, "ana").await.unwrap();
    assert!(life.queue.claim(&claimed.id).await.unwrap());
    let written = life.held(1, "written").await;
    life.queue.decide(&written.id, Decision::Release, "ana").await.unwrap();
    assert!(life.queue.claim(&written.id).await.unwrap());
    life.queue.written(&written.id, true).await;
    let withdrawn = life.held(1, "withdrawn").await;
    life.queue.withdraw(&withdrawn.id).await.unwrap();

    let after = dir.killed();
    drop((life, dir));
    let life = live(&after, config()).await;
    let listed: Vec<_> = life.queue.list().iter().map(|hold| hold.id.clone()).collect();
    assert_eq!(listed, std::slice::from_ref(&held.id));
    assert_eq!(life.queue.undo(&denied.id, "ana").await.unwrap().state, State::Held);

    // A connection of this start never has a number of the last.
    let mut stranger = life.session("stranger");
    let mut back = life.session("approved");
    assert!(stranger.live > 1 << 32);
    let hold = release(&mut back).await;
    assert_eq!((&hold.id, hold.text.as_str()), (&approved.id, "blorp by approved"));
    assert!(life.queue.claim(&approved.id).await.unwrap());
    assert!(!life.queue.claim(&approved.id).await.unwrap());

    let unknown = life.queue.find(&claimed.id).unwrap();
    assert_eq!((unknown.state, unknown.decided.as_ref().unwrap().written), (State::Released, None));
    let mut same_user = life.session("claimed");
    assert!(!life.queue.claim(&claimed.id).await.unwrap());
    assert!(!life.queue.claim(&written.id).await.unwrap());
    assert_eq!(life.queue.find(&withdrawn.id).unwrap().state, State::Withdrawn);
    pass(60_100).await;
    assert_eq!(life.queue.find(&lost.id).unwrap().state, State::Orphaned);
    assert!(same_user.orders.try_recv().is_err() && stranger.orders.try_recv().is_err());
}

/// Decided under either id, it would be released twice.
#[tokio::test(start_paused = true)]
async fn a_record_under_the_id_of_another_is_refused() {
    let dir = Dir::new();
    let life = live(&dir, config()).await;
    let held = life.held(1, "held").await;
    let bytes = life.store.load(Table::Holds, &held.id).await.unwrap();
    let put = |key: &str| {
        let (key, value) = (key.to_owned(), bytes.clone());
        vec![Write { table: Table::Holds, key, expect: Expect::Absent, value }]
    };
    life.store.commit(put("another")).await.unwrap();
    let decided = life.queue.decide("another", Decision::Release, "ana").await;
    assert!(matches!(decided, Err(DecideError::Store(StoreError::Corrupt { .. }))), "{decided:?}");
    let after = dir.killed();
    drop((life, dir));
    let store = store::open(&after.0).unwrap();
    let (metrics, keep) = (Arc::default(), RetentionConfig { text_days: 7, record_days: 90 });
    let audit = Audit::open(store.clone(), Arc::clone(&metrics), 7, 90).await.unwrap();
    match HoldQueue::open(store, audit, metrics, config(), keep).await.err() {
        Some(StoreError::Corrupt { place, .. }) => assert_eq!(place, "hold another"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn what_came_due_while_nobody_ran_is_worked_off_at_the_start() {
    let dir = Dir::new();
    let life = live(&dir, config()).await;
    let dropped = life.held(1, "dropped").await;
    let passed = Hold { on_expiry: OnExpiry::Release, ..life.message(1, "passed") };
    let passed = life.queue.hold(passed).await.unwrap();
    let denied = life.held(1, "denied").await;
    life.queue.decide(&denied.id, Decision::Remove, "ana").await.unwrap();
    let after = dir.killed();
    drop((life, dir));

    // The same records, written long ago.
    let store = store::open(&after.0).unwrap();
    for hold in [&dropped, &passed, &denied] {
        let bytes = store.load(Table::Holds, &hold.id).await.unwrap().unwrap();
        let mut row: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        row["hold"]["expires_ms"] = 1.into();
        if !row["hold"]["decided"].is_null() {
            row["hold"]["decided"]["undo_until_ms"] = 1.into();
        }
        let value = Some(serde_json::to_vec(&row).unwrap());
        let (table, key, expect) = (Table::Holds, hold.id.clone(), Expect::Exactly(bytes));
        store.commit(vec![Write { table, key, expect, value }]).await.unwrap();
    }
    drop(store);

    let life = live(&after, config()).await;
    let written = life.service(Ok(()));
    life.until(&dropped.id, State::Expired).await;
    life.until(&passed.id, State::Released).await;
    assert_eq!(*written.lock().unwrap(), ["frame of passed"]);
    assert!(matches!(life.queue.undo(&denied.id, "ana").await, Err(DecideError::TooLate)));
    pass(10).await;
    assert!(life.stored(&denied.id).await.unwrap()["ended_ms"].is_u64());
}

#[tokio::test(start_paused = true)]
async fn a_failing_disk_holds_nothing_and_costs_no_room() {
    let dir = Dir::new();
    let life = live(&dir, HoldConfig { held_max: 2, ..config() }).await;
    let kept = life.held(1, "kept").await;
    for mode in [REFUSES, LIES] {
        life.store.mode.store(mode, Ordering::SeqCst);
        let message = life.message(1, "ben");
        let id = message.id.clone();
        assert!(matches!(life.queue.hold(message).await, Err(HoldError::Store(_))));
        assert!(life.queue.is_failing());
        assert!(life.queue.find(&id).is_none());
        assert_eq!(life.stored(&id).await.is_some(), mode == LIES);
        pass(10_000).await;
        life.store.mode.store(WORKS, Ordering::SeqCst);
        // Its sender was told that it is not held: it must not come back.
        pass(2_000).await;
        assert!(life.stored(&id).await.is_none(), "mode {mode}");
    }
    life.store.mode.store(REFUSES, Ordering::SeqCst);
    let refused = life.queue.decide(&kept.id, Decision::Release, "ana").await;
    assert!(matches!(refused, Err(DecideError::Store(_))), "{refused:?}");
    life.store.mode.store(LIES, Ordering::SeqCst);
    let doubtful = life.queue.decide(&kept.id, Decision::Release, "ana").await;
    assert!(matches!(doubtful, Err(DecideError::Store(_))), "{doubtful:?}");
    life.store.mode.store(WORKS, Ordering::SeqCst);
    let mut berth = life.session("kept");
    let again = life.queue.decide(&kept.id, Decision::Release, "eve").await;
    match again {
        Err(DecideError::Already { decided, .. }) => assert_eq!(decided.unwrap().by, "ana"),
        other => panic!("{other:?}"),
    }
    assert_eq!(release(&mut berth).await.id, kept.id);
    life.held(1, "room for one more").await;
    assert!(!life.queue.is_failing());
}

/// A release that was offered to its session, whose claim the store refused in this way.
async fn claimed_in_vain(life: &Life, mode: u8) -> (Berth, Arc<Hold>) {
    let mut berth = life.session("ben");
    let hold = life.held(berth.live, "ben").await;
    life.queue.decide(&hold.id, Decision::Release, "ana").await.unwrap();
    release(&mut berth).await;
    life.store.mode.store(mode, Ordering::SeqCst);
    assert!(life.queue.claim(&hold.id).await.is_err());
    life.store.mode.store(WORKS, Ordering::SeqCst);
    (berth, hold)
}

#[tokio::test(start_paused = true)]
async fn a_claim_that_fails_is_offered_again() {
    let dir = Dir::new();
    let life = live(&dir, config()).await;
    let (mut berth, hold) = claimed_in_vain(&life, REFUSES).await;
    assert_eq!(release(&mut berth).await.id, hold.id);
    // Written all the same: whoever looks at it meanwhile does not take it from its carrier.
    life.store.mode.store(LIES, Ordering::SeqCst);
    assert!(life.queue.claim(&hold.id).await.is_err());
    life.store.mode.store(WORKS, Ordering::SeqCst);
    let late = life.queue.decide(&hold.id, Decision::Remove, "eve").await;
    assert!(matches!(late, Err(DecideError::Already { .. })), "{late:?}");
    assert_eq!(release(&mut berth).await.id, hold.id);
    assert!(life.queue.claim(&hold.id).await.unwrap());
    assert!(!life.queue.claim(&hold.id).await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn what_could_not_be_withdrawn_is_said_to_be_held() {
    let dir = Dir::new();
    let life = live(&dir, config()).await;
    let hold = life.held(1, "ben").await;
    life.store.mode.store(REFUSES, Ordering::SeqCst);
    assert!(life.queue.withdraw_those(|_| true).await.is_err());
    life.store.mode.store(WORKS, Ordering::SeqCst);
    let withdrawn = life.queue.withdraw_those(|_| true).await.unwrap();
    assert_eq!(withdrawn.iter().map(|own| &own.id).collect::<Vec<_>>(), [&hold.id]);
    assert!(life.queue.withdraw_those(|_| true).await.unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_release_that_may_be_under_way_is_erased_and_not_written() {
    for mode in [REFUSES, LIES] {
        let dir = Dir::new();
        let life = live(&dir, config()).await;
        let (_berth, hold) = claimed_in_vain(&life, mode).await;
        assert_eq!(life.queue.erase_sender("/chat", "ben").await.unwrap(), 1);
        assert_eq!(life.stored(&hold.id).await.unwrap()["hold"]["text"], "");
        assert!(!life.queue.claim(&hold.id).await.unwrap(), "mode {mode}");
    }
}

#[tokio::test(start_paused = true)]
async fn texts_and_records_go_when_their_days_have_passed() {
    let dir = Dir::new();
    let life = live(&dir, config()).await;
    let hold = life.held(1, "ben").await;
    life.queue.withdraw(&hold.id).await.unwrap();
    let day = Duration::from_secs(24 * 60 * 60);
    let text = async |expected: Option<&str>| {
        pass(HOUR_MS + 1).await;
        let stored = life.stored(&hold.id).await;
        let text = stored.map(|row| row["hold"]["text"].as_str().unwrap().to_owned());
        assert_eq!(text.as_deref(), expected);
    };
    tokio::time::advance(6 * day).await;
    text(Some("blorp by ben")).await;
    tokio::time::advance(day).await;
    text(Some("")).await;
    tokio::time::advance(82 * day).await;
    text(Some("")).await;
    tokio::time::advance(day).await;
    text(None).await;
    assert!(life.queue.find(&hold.id).is_none());
}

#[tokio::test(start_paused = true)]
async fn one_sender_can_be_erased() {
    let dir = Dir::new();
    let life = live(&dir, config()).await;
    let mut holds = Vec::new();
    for sender in ["ben", "zoe"] {
        for end in ["held", "denied", "approved", "withdrawn"] {
            let hold = life.held(1, sender).await;
            match end {
                "denied" => drop(life.queue.decide(&hold.id, Decision::Remove, "ana").await),
                "approved" => drop(life.queue.decide(&hold.id, Decision::Release, "ana").await),
                "withdrawn" => drop(life.queue.withdraw(&hold.id).await),
                _ => {}
            }
            life.record(&hold);
            holds.push(hold);
        }
    }
    assert_eq!(life.queue.erase_sender("/chat", "ben").await.unwrap(), 8);
    assert_eq!(life.queue.erase_sender("/chat", "ben").await.unwrap(), 0);
    for hold in holds {
        let stored = life.stored(&hold.id).await.unwrap();
        let (kept, audited) = (&stored["hold"]["text"], life.audit.text(&hold.id).await.unwrap());
        let expected = match hold.sender.id.as_str() {
            "ben" => ("", None),
            _ => ("blorp by zoe", Some("blorp by zoe")),
        };
        assert_eq!((kept.as_str().unwrap(), audited.as_deref()), expected);
    }
    assert_eq!(life.queue.list().len(), 1);
    let records = tidegate::audit::verify(&*life.store).await.unwrap().records;
    assert!(records >= 8, "{records}");
}

#[tokio::test(start_paused = true)]
async fn a_released_text_leaves_the_audit_log_too() {
    let dir = Dir::new();
    let life = live(&dir, config()).await;
    let hold = life.held(1, "ben").await;
    life.record(&hold);
    life.queue.decide(&hold.id, Decision::Release, "ana").await.unwrap();
    life.audit.flush().await;
    assert!(life.audit.text(&hold.id).await.unwrap().is_some());
    assert!(life.queue.claim(&hold.id).await.unwrap());
    life.queue.written(&hold.id, true).await;
    assert_eq!(life.audit.text(&hold.id).await.unwrap(), None);
}

#[test]
fn ids_rise_and_differ() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let dir = Dir::new();
        let life = live(&dir, config()).await;
        let ids: Vec<_> = (0..10_000).map(|_| life.queue.fresh_id()).collect();
        assert!(ids.is_sorted_by(|a, b| a < b));
    });
}
