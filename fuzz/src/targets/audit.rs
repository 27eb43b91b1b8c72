//! Reads an audit log that somebody changed, and expects the change to be found.

use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock},
};

use serde_json::Value;
use tidegate::{
    audit::{Audit, Event, Record, Verified, jsonl, verify},
    message::{Category, Finding, Sender, Severity, Verdict, now_ms},
    metrics::Metrics,
    store::{Store, Table},
};
use tokio::runtime::{Builder, Runtime};

use crate::{
    input::{Input, boundary},
    memory::Memory,
};

/// Records of the log that is changed; the odd ones have a text.
const RECORDS: u64 = 6;
/// Changes made to one log.
const CHANGES_MAX: usize = 4;

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_time().build().expect("a runtime of one thread")
}

static GENUINE: LazyLock<Memory> = LazyLock::new(|| {
    let store = Arc::new(Memory::default());
    runtime().block_on(async {
        let audit = open(store.clone()).await.expect("a new log");
        for number in 1..=RECORDS {
            let text = (number % 2 == 1).then(|| format!("blorp {number}"));
            audit.record(record(number), text.as_deref());
        }
        audit.flush().await;
    });
    store.copy()
});

async fn open(store: Arc<Memory>) -> Result<Audit, tidegate::store::StoreError> {
    Audit::open(store, Arc::new(Metrics::new()), 7, 90).await
}

fn record(number: u64) -> Record {
    Record {
        id: format!("id{number}"),
        at_ms: now_ms(),
        route: "/chat".into(),
        channel: "room".into(),
        sender: Sender { id: "ben".into(), name: "Ben\u{202e}".into(), roles: Vec::new() },
        event: Event::Judged(Verdict::Drop),
        findings: vec![Finding {
            rule: "term".into(),
            category: Category::Hate,
            severity: Severity::new(4).expect("it is 1 to 4"),
            span: Some(0..5),
            why: "\u{1b}[31m".into(),
            shadow: false,
            scored: None,
        }],
        rules: "v".into(),
        decided_by: "floor".into(),
        text_sha256: String::new(),
    }
}

pub fn check(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    if input.flag() {
        return escapes(&input.text());
    }
    let store = Arc::new(GENUINE.copy());
    for _ in 0..1 + input.below(CHANGES_MAX) {
        change(&store, &mut input);
    }
    runtime().block_on(async {
        let verified = verify(&*store).await;
        let same = |table| store.all(table) == GENUINE.all(table);
        if !same(Table::Records) || reworded(&store) {
            assert!(verified.is_err(), "a change was not found");
        } else if same(Table::Texts) {
            assert_eq!(verified, Ok(Verified { records: RECORDS }));
        }
        read(store).await;
    });
}

/// Whether a text that belongs to a record is there and says something else.
fn reworded(store: &Memory) -> bool {
    let texts = |store: &Memory| -> BTreeMap<String, (Value, Value)> {
        let read = |(key, row): (String, Vec<u8>)| {
            let row: Value = serde_json::from_slice(&row).unwrap_or_default();
            (key, (row["salt"].clone(), row["text"].clone()))
        };
        store.all(Table::Texts).into_iter().map(read).collect()
    };
    let (now, genuine) = (texts(store), texts(&GENUINE));
    genuine.iter().any(|(key, text)| now.get(key).is_some_and(|now| now != text))
}

/// One change to a record or a text: cut, written over, removed, moved, or put where none was.
fn change(store: &Memory, input: &mut Input) {
    let table = input.pick(&[Table::Records, Table::Texts]);
    let rows = store.all(table);
    let what = input.below(6);
    let (number, place, length) = (input.byte(), input.byte(), input.below(16));
    let Some((key, row)) = rows.get(usize::from(number) % rows.len().max(1)) else { return };
    let start = (usize::from(place) * 2).min(row.len());
    let end = (start + length).min(row.len());
    let new: Vec<u8> = (0..input.below(8)).map(|_| input.byte()).collect();
    let value = match what {
        0 => None,
        1 => Some([&row[..start], &new, &row[end..]].concat()),
        2 => Some([&row[..start], &row[start..end], &row[start..end], &row[end..]].concat()),
        3 => Some(rows[usize::from(place) % rows.len()].1.clone()),
        4 => {
            // Another record is put there as well, under a key that is none.
            store.set(table, &String::from_utf8_lossy(&new), Some(row.clone()));
            return;
        }
        _ => Some(row.iter().map(|byte| byte ^ length as u8).collect()),
    };
    store.set(table, key, value);
}

/// Whatever lies there, it is read or refused.
async fn read(store: Arc<Memory>) {
    let Ok(audit) = open(store.clone()).await else { return };
    let _ = audit.recent(10).await;
    let _ = audit.after(0, 10).await;
    for number in 1..=RECORDS {
        let id = format!("id{number}");
        let _ = audit.find(&id).await;
        let _ = audit.text(&id).await;
    }
    let mut out = Vec::new();
    let _ = jsonl::export(&*store, true, &mut out).await;
    let _ = audit.forget("id3").await;
    let _ = audit.forget_sender("/chat", "ben").await;
    audit.record(record(99), Some("more"));
    audit.flush().await;
    let _ = store.scan(Table::Records, "", 99).await;
}

/// What is exported says the same and is obeyed by nobody.
fn escapes(text: &str) {
    let (name, said) = text.split_at(boundary(text, text.len() / 2));
    let value = serde_json::json!({ name: said, "more": [said, name] });
    let escaped = jsonl::escaped(&value.to_string());
    assert_eq!(serde_json::from_str::<Value>(&escaped).ok(), Some(value), "{escaped}");
    let obeyed = |c: char| c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{200b}');
    assert!(!escaped.contains(obeyed), "{escaped:?}");
    assert_eq!(jsonl::escaped(&escaped), escaped, "escaped once and twice");
}
