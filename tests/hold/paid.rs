//! Holds what somebody paid for: room of its own, and a report whenever it is not shown.

use tidegate::{
    audit::Event,
    config::HoldConfig,
    hold::{Decision, Hold, HoldError, Refunds},
    message::Paid,
    store::{Expect, Store, Table, Write},
};

use super::life::{Dir, HOUR_MS, Life, config, live, pass};

impl Life {
    fn paid(&self, live: u64, sender: &str) -> Hold {
        let message_id = Some(format!("m-{sender}"));
        Hold { paid: Paid::new("500", "bits"), message_id, ..self.message(live, sender) }
    }

    /// The sender and cause of everything that must be refunded.
    async fn owed(&self) -> Vec<(String, &'static str)> {
        let Refunds { list, more, unreadable } = self.queue.refunds(0, "", 100).await.unwrap();
        assert!(!more && unreadable == 0);
        assert!(list.iter().all(|refund| refund.amount == "500 bits"));
        list.into_iter().map(|refund| (refund.sender.id, refund.cause)).collect()
    }

    async fn reports(&self, id: &str) -> Vec<Event> {
        self.audit.flush().await;
        let records = self.audit.find(id).await.unwrap();
        let events = records.into_iter().map(|record| record.event);
        events.filter(|event| matches!(event, Event::Refund { .. })).collect()
    }
}

fn refund(sender: &str, cause: &str) -> Event {
    let (amount, message_id) = ("500 bits".to_owned(), Some(format!("m-{sender}")));
    Event::Refund { amount, message_id, cause: cause.into() }
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_has_room_for_what_was_paid_for_and_no_more_than_that() {
    let dir = Dir::new();
    let bounds = HoldConfig { held_max: 3, held_per_sender_max: 1, held_paid_max: 2, ..config() };
    let life = live(&dir, bounds).await;
    life.held(1, "ana").await;
    for _ in 0..2 {
        // One sender, one connection: neither bound is for what was paid for.
        life.queue.hold(life.paid(2, "ben")).await.unwrap();
    }
    let full = life.queue.hold(life.message(3, "eve")).await;
    assert!(matches!(full, Err(HoldError::Full(3))), "{full:?}");
    for _ in 0..2 {
        life.queue.hold(life.paid(2, "ben")).await.unwrap();
    }
    let full = life.queue.hold(life.paid(4, "una")).await;
    assert!(matches!(full, Err(HoldError::Full(5))), "{full:?}");
    let list = life.queue.list();
    let order: Vec<_> = list.iter().map(|hold| hold.sender.id.as_str()).collect();
    assert_eq!(order, ["ben", "ben", "ben", "ben", "ana"], "the paid ones first");
    assert!(list.is_sorted_by_key(|hold| (hold.paid.is_none(), hold.id.clone())));

    let turned = life.paid(4, "una");
    life.queue.turn_away(turned.clone()).await.unwrap();
    assert_eq!(life.owed().await, [("una".to_owned(), "expired")]);
    assert_eq!(life.reports(&turned.id).await, [refund("una", "expired")]);
    assert!(life.metric("tidegate_paid_unshown_total{cause=\"expired\"} 1"));
    assert_eq!(life.queue.list().len(), 5, "it is not held");
}

#[tokio::test(start_paused = true)]
async fn every_end_but_being_shown_is_reported_once() {
    let dir = Dir::new();
    let life = live(&dir, config()).await;
    let hold = async |sender: &str| life.queue.hold(life.paid(1, sender)).await.unwrap().id.clone();
    let decide = async |id: &str, decision| {
        life.queue.decide(id, decision, "mod").await.unwrap();
    };
    let denied = hold("denied").await;
    decide(&denied, Decision::Remove).await;
    assert_eq!(life.owed().await, [], "it can still be undone");
    let undone = hold("undone").await;
    decide(&undone, Decision::Remove).await;
    life.queue.undo(&undone, "mod").await.unwrap();
    let withdrawn = hold("withdrawn").await;
    life.queue.withdraw(&withdrawn).await.unwrap();
    let mut failed = Vec::new();
    for (sender, ok) in [("shown", true), ("unwritten", false)] {
        let id = hold(sender).await;
        decide(&id, Decision::Release).await;
        assert!(life.queue.claim(&id).await.unwrap());
        life.queue.written(&id, ok).await;
        failed.push(id);
    }
    let orphaned = hold("orphaned").await;
    decide(&orphaned, Decision::Release).await;
    pass(60_100).await;
    let found = life.owed().await;
    let expected = [
        ("denied".to_owned(), "denied"),
        ("withdrawn".to_owned(), "withdrawn"),
        ("unwritten".to_owned(), "not_written"),
        ("orphaned".to_owned(), "orphaned"),
    ];
    assert_eq!(found, expected);
    pass(HOUR_MS).await;
    assert_eq!(life.owed().await[1], ("undone".to_owned(), "expired"));
    for (id, sender, cause) in [
        (&denied, "denied", "denied"),
        (&undone, "undone", "expired"),
        (&withdrawn, "withdrawn", "withdrawn"),
        (&failed[1], "unwritten", "not_written"),
        (&orphaned, "orphaned", "orphaned"),
    ] {
        assert_eq!(life.reports(id).await, [refund(sender, cause)], "{sender}");
        assert!(life.metric(&format!("tidegate_paid_unshown_total{{cause=\"{cause}\"}} 1")));
    }
    assert_eq!(life.reports(&failed[0]).await, [], "it was shown");

    let late = life.queue.refunds(life.queue.now_ms(), "", 100).await.unwrap();
    assert!(late.list.is_empty(), "nothing ended since: {late:?}");
    let (mut after, mut pages) = (String::new(), Vec::new());
    loop {
        let page = life.queue.refunds(0, &after, 2).await.unwrap();
        after = page.list.last().map(|refund| refund.id.clone()).unwrap_or_default();
        pages.push(page.list.len());
        if !page.more {
            break;
        }
    }
    assert_eq!(pages, [2, 2, 1], "each once");
}

#[tokio::test(start_paused = true)]
async fn a_kill_forgets_no_payment() {
    let dir = Dir::new();
    let life = live(&dir, config()).await;
    life.queue.hold(life.paid(1, "held")).await.unwrap();
    let claimed = life.queue.hold(life.paid(1, "claimed")).await.unwrap();
    life.queue.decide(&claimed.id, Decision::Release, "mod").await.unwrap();
    assert!(life.queue.claim(&claimed.id).await.unwrap());
    let after = dir.killed();
    drop((life, dir));

    let life = live(&after, config()).await;
    let list = life.queue.list();
    assert_eq!(list.len(), 1);
    assert_eq!(list[0].paid, Paid::new("500", "bits"));
    assert_eq!(life.owed().await, [("claimed".to_owned(), "unknown")]);
    drop(list);
    pass(HOUR_MS + 100).await;
    let found = life.owed().await;
    assert_eq!(found, [("held".to_owned(), "expired"), ("claimed".to_owned(), "unknown")]);
}

#[tokio::test(start_paused = true)]
async fn a_record_that_cannot_be_read_hides_no_payment() {
    let dir = Dir::new();
    let life = live(&dir, config()).await;
    for (id, sender) in [("0", "first"), ("2", "last")] {
        let paid = Hold { id: id.into(), ..life.paid(1, sender) };
        life.queue.turn_away(paid).await.unwrap();
    }
    let (key, value) = ("1".to_owned(), Some(b"{\"hold\":".to_vec()));
    let broken = Write { table: Table::Holds, key, expect: Expect::Absent, value };
    life.store.commit(vec![broken]).await.unwrap();
    let found = life.queue.refunds(0, "", 100).await.unwrap();
    let senders: Vec<_> = found.list.iter().map(|refund| refund.sender.id.as_str()).collect();
    assert_eq!((senders, found.unreadable), (vec!["first", "last"], 1));
}
