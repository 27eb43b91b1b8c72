//! Tampers with the audit chain in every way and expects the first bad record to be named.

#![allow(clippy::unwrap_used, reason = "what fails in a test may panic, in its helpers too")]

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use sha2::{Digest, Sha256};
use tidegate::{
    audit::{Audit, Event, Record, Verified, jsonl, verify},
    message::{Sender, Verdict, now_ms},
    metrics::Metrics,
    store::{self, Expect, Store, Table, Write},
};

struct Dir(PathBuf);

impl Dir {
    fn new() -> Dir {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let next = NEXT.fetch_add(1, Ordering::Relaxed);
        Dir(std::env::temp_dir().join(format!("tidegate-audit-{}-{next}", std::process::id())))
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn record(id: &str, at_ms: u64) -> Record {
    Record {
        id: id.to_owned(),
        at_ms,
        route: "/chat".into(),
        channel: "room".into(),
        sender: Sender { id: "ben".into(), name: "Ben".into(), roles: Vec::new() },
        event: Event::Judged(Verdict::Drop),
        findings: Vec::new(),
        rules: "v1".into(),
        decided_by: String::new(),
        text_sha256: String::new(),
    }
}

fn key(seq: u64) -> String {
    format!("{seq:020}")
}

async fn set(store: &dyn Store, table: Table, key: &str, value: Option<Vec<u8>>) {
    let write = Write { table, key: key.to_owned(), expect: Expect::Anything, value };
    store.commit(vec![write]).await.unwrap();
}

async fn open(store: &Arc<dyn Store>, metrics: &Arc<Metrics>) -> Audit {
    Audit::open(store.clone(), metrics.clone(), 7, 90).await.unwrap()
}

/// A store with ten records, of which the odd ones have a text.
async fn ten(dir: &Dir) -> (Arc<dyn Store>, Audit) {
    let store = store::open(&dir.0).unwrap();
    let audit = open(&store, &Arc::default()).await;
    for number in 1..=10 {
        let text = (number % 2 == 1).then(|| format!("blorp {number}"));
        audit.record(record(&format!("id {number}"), now_ms()), text.as_deref());
    }
    audit.flush().await;
    (store, audit)
}

async fn value(store: &dyn Store, table: Table, key: &str) -> Vec<u8> {
    store.load(table, key).await.unwrap().unwrap()
}

async fn broken_at(store: &dyn Store) -> Option<u64> {
    verify(store).await.err().map(|broken| broken.seq)
}

#[tokio::test]
async fn every_changed_byte_is_found_in_its_record() {
    let dir = Dir::new();
    let (store, _audit) = ten(&dir).await;
    assert_eq!(verify(&*store).await, Ok(Verified { records: 10 }));
    for seq in [1, 5, 10] {
        let whole = value(&*store, Table::Records, &key(seq)).await;
        for place in 0..whole.len() {
            let mut changed = whole.clone();
            changed[place] ^= 1;
            set(&*store, Table::Records, &key(seq), Some(changed)).await;
            assert_eq!(broken_at(&*store).await, Some(seq), "byte {place} of {seq}");
        }
        set(&*store, Table::Records, &key(seq), Some(whole)).await;
    }
    assert_eq!(broken_at(&*store).await, None);
}

#[tokio::test]
async fn removed_moved_and_added_records_are_named() {
    // What is put where, and the first record that is then wrong.
    let check = async |changes: &[(u64, Option<u64>)], expected: u64| {
        let dir = Dir::new();
        let (store, _audit) = ten(&dir).await;
        let mut values = Vec::new();
        for (_, from) in changes {
            values.push(match from {
                Some(from) => Some(value(&*store, Table::Records, &key(*from)).await),
                None => None,
            });
        }
        for ((to, _), value) in changes.iter().zip(values) {
            set(&*store, Table::Records, &key(*to), value).await;
        }
        assert_eq!(broken_at(&*store).await, Some(expected), "{changes:?}");
    };
    check(&[(1, None)], 1).await;
    check(&[(5, None)], 5).await;
    check(&[(10, None)], 10).await;
    check(&[(8, None), (9, None), (10, None)], 8).await;
    check(&[(4, Some(5)), (5, Some(4))], 4).await;
    check(&[(9, Some(10)), (10, Some(9))], 9).await;
    check(&[(6, Some(5))], 6).await;
    check(&[(11, Some(10))], 11).await;
    // All records moved up over a removed one.
    check(&[(5, Some(6)), (6, Some(7)), (7, Some(8)), (8, Some(9)), (9, Some(10))], 5).await;
}

#[tokio::test]
async fn a_record_before_the_chain_is_no_part_of_it() {
    let dir = Dir::new();
    let (store, _audit) = ten(&dir).await;
    let forged = value(&*store, Table::Records, &key(5)).await;
    for place in ["", "0", &key(0)] {
        set(&*store, Table::Records, place, Some(forged.clone())).await;
        assert_eq!(broken_at(&*store).await, Some(1), "{place:?}");
        set(&*store, Table::Records, place, None).await;
    }
    assert_eq!(broken_at(&*store).await, None);
}

#[tokio::test]
async fn a_text_may_be_erased_but_not_changed() {
    let dir = Dir::new();
    let (store, audit) = ten(&dir).await;
    let row = format!("id 5/{}", key(5));
    let whole = value(&*store, Table::Texts, &row).await;
    assert_eq!(audit.text("id 5").await.unwrap().as_deref(), Some("blorp 5"));
    assert_eq!(audit.text("id 4").await.unwrap(), None);
    let changed = String::from_utf8(whole.clone()).unwrap().replace("blorp 5", "blorp 6");
    set(&*store, Table::Texts, &row, Some(changed.into_bytes())).await;
    assert_eq!(broken_at(&*store).await, Some(5));
    set(&*store, Table::Texts, &row, Some(whole)).await;

    assert_eq!(audit.forget("id 5").await.unwrap(), 1);
    assert_eq!(audit.forget("id 5").await.unwrap(), 0);
    assert_eq!(audit.text("id 5").await.unwrap(), None);
    assert_eq!(audit.text("id 7").await.unwrap().as_deref(), Some("blorp 7"));
    assert_eq!(audit.forget_sender("/other", "ben").await.unwrap(), 0);
    assert_eq!(audit.forget_sender("/chat", "zoe").await.unwrap(), 0);
    assert_eq!(audit.forget_sender("/chat", "ben").await.unwrap(), 4);
    assert_eq!(store.scan(Table::Texts, "", 99).await.unwrap().len(), 0);
    assert_eq!(verify(&*store).await, Ok(Verified { records: 10 }));
}

#[tokio::test]
async fn equal_texts_have_different_hashes() {
    let dir = Dir::new();
    let store = store::open(&dir.0).unwrap();
    let audit = open(&store, &Arc::default()).await;
    audit.record(record("a", 1), Some("blorp"));
    audit.record(record("b", 1), Some("blorp"));
    audit.flush().await;
    let hashes: Vec<_> =
        audit.recent(9).await.unwrap().into_iter().map(|record| record.text_sha256).collect();
    assert_eq!(hashes.iter().map(String::len).collect::<Vec<_>>(), [64, 64]);
    assert_ne!(hashes[0], hashes[1]);
}

#[tokio::test]
async fn the_chain_goes_on_over_restarts_and_writers() {
    let dir = Dir::new();
    let (store, first) = ten(&dir).await;
    let second = open(&store, &Arc::default()).await;
    for round in 0..5 {
        for (audit, name) in [(&first, "first"), (&second, "second")] {
            audit.record(record(&format!("{name} {round}"), now_ms()), None);
            audit.flush().await;
        }
    }
    assert_eq!(verify(&*store).await, Ok(Verified { records: 20 }));
    let newest: Vec<_> =
        second.recent(3).await.unwrap().into_iter().map(|record| record.id).collect();
    assert_eq!(newest, ["second 4", "first 4", "second 3"]);
    assert_eq!(second.recent(99).await.unwrap().len(), 20);
    assert_eq!(second.recent(0).await.unwrap().len(), 0);
}

#[tokio::test]
async fn one_message_is_found_with_everything_that_happened_to_it() {
    let dir = Dir::new();
    let (_store, audit) = ten(&dir).await;
    let mut heard = audit.subscribe();
    let decided = Event::Decided { state: "denied".into(), by: "ana".into() };
    audit.record(Record { event: decided.clone(), ..record("id 1", now_ms()) }, None);
    audit.record(record("id 11", now_ms()), None);
    audit.flush().await;
    let events: Vec<_> =
        audit.find("id 1").await.unwrap().into_iter().map(|record| record.event).collect();
    assert_eq!(events, [Event::Judged(Verdict::Drop), decided.clone()]);
    assert_eq!(audit.find("id").await.unwrap(), []);
    assert_eq!(heard.recv().await.unwrap().event, decided);
    assert_eq!(heard.recv().await.unwrap().id, "id 11");
}

#[tokio::test]
async fn a_full_queue_discards_and_counts() {
    let dir = Dir::new();
    let store = store::open(&dir.0).unwrap();
    let metrics = Arc::new(Metrics::new());
    let audit = open(&store, &metrics).await;
    // The writer runs on this thread too, so it takes nothing while this loop runs.
    for number in 0..4_106 {
        audit.record(record(&number.to_string(), now_ms()), None);
    }
    audit.flush().await;
    let expected = "tidegate_discarded_total{reason=\"audit_full\"} 10";
    assert!(metrics.render().contains(expected), "{}", metrics.render());
    assert_eq!(verify(&*store).await, Ok(Verified { records: 4_096 }));
}

#[tokio::test]
async fn old_records_go_and_the_rest_still_verifies() {
    let dir = Dir::new();
    let store = store::open(&dir.0).unwrap();
    let audit = Audit::open(store.clone(), Arc::default(), 999, 999).await.unwrap();
    let day_ms = 24 * 60 * 60 * 1000;
    // 300 too old in all, 10 with texts too old, 5 young.
    for (count, days) in [(300, 91), (10, 8), (5, 1)] {
        for number in 0..count {
            let record = record(&format!("{days} {number}"), now_ms() - days * day_ms);
            audit.record(record, Some("blorp"));
        }
    }
    audit.flush().await;
    assert_eq!(verify(&*store).await, Ok(Verified { records: 315 }));
    drop(audit);

    // The sweep comes with the start.
    let audit = open(&store, &Arc::default()).await;
    let count = async |table| store.scan(table, "", 999).await.unwrap().len();
    while count(Table::Texts).await > 5 || count(Table::Records).await > 15 {
        tokio::task::yield_now().await;
    }
    assert_eq!(count(Table::RecordIds).await, 15);
    assert_eq!(verify(&*store).await, Ok(Verified { records: 15 }));
    audit.record(record("new", now_ms()), None);
    audit.flush().await;
    assert_eq!(verify(&*store).await, Ok(Verified { records: 16 }));
    // The chain starts after the anchor, so its new first record is guarded like any other.
    set(&*store, Table::Records, &key(301), None).await;
    assert_eq!(broken_at(&*store).await, Some(301));
}

#[tokio::test]
async fn a_log_without_its_head_is_refused() {
    let dir = Dir::new();
    let (store, _audit) = ten(&dir).await;
    set(&*store, Table::Meta, "audit_head", None).await;
    let opened = Audit::open(store.clone(), Arc::default(), 7, 90).await;
    let error = opened.err().expect("it was opened").to_string();
    assert!(error.contains("audit verify"), "{error}");
}

#[tokio::test]
async fn an_export_can_be_checked_and_holds_nothing_a_terminal_obeys() {
    let dir = Dir::new();
    let store = store::open(&dir.0).unwrap();
    let audit = open(&store, &Arc::default()).await;
    let hostile = "\u{1b}[2J\u{7f}\u{9b}\r\n\u{202e}blorp\u{2028}\u{200b}\u{e0041}\"\\ é 🎉";
    // Of today: what is older than may be kept goes as soon as the log is opened.
    let mut hostile_record = record("a", now_ms());
    hostile_record.sender.name = hostile.to_owned();
    audit.record(hostile_record.clone(), Some(hostile));
    audit.record(record("b", now_ms()), None);
    audit.flush().await;

    let mut out = Vec::new();
    assert_eq!(jsonl::export(&*store, true, &mut out).await.unwrap(), 2);
    let out = String::from_utf8(out).unwrap();
    assert!(!out.chars().any(|c| c.is_control() && c != '\n'), "{out:?}");
    assert!(!out.contains(['\u{202e}', '\u{2028}', '\u{200b}', '\u{e0041}']), "{out:?}");
    assert_eq!(out.lines().count(), 2);
    assert!(out.contains("é 🎉"), "what is harmless stays readable");

    // The rule that the export documents, by other means than the product's.
    let mut last = String::new();
    for (number, line) in out.lines().enumerate() {
        let value: serde_json::Value = serde_json::from_str(line).unwrap();
        let start = line.find("\"record\":").unwrap() + 9;
        let end = line.find(",\"text\":").unwrap_or(line.len() - 1);
        let digest = Sha256::new().chain_update(&last).chain_update(&line[start..end]).finalize();
        last = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(value["hash"], last.as_str());
        assert_eq!(value["seq"], number + 1);
    }
    let first: serde_json::Value = serde_json::from_str(out.lines().next().unwrap()).unwrap();
    assert_eq!(
        (&first["text"], &first["record"]["sender"]["name"]),
        (&hostile.into(), &hostile.into())
    );

    let mut out = Vec::new();
    jsonl::export(&*store, false, &mut out).await.unwrap();
    assert!(!String::from_utf8(out).unwrap().contains("\"text\":"));
}
