//! Tries what is remembered of single senders: counts, windows, bounds.

use std::sync::LazyLock;

use super::*;
use crate::message::{Sender, View, ViewKind};

fn message(sender: &str, text: &str, at_ms: u64) -> Message {
    let sender = Sender { id: sender.into(), ..Sender::default() };
    let (id, text) = (None, text.to_owned());
    Message {
        route: "/".into(),
        channel: "#a".into(),
        sender,
        id,
        text,
        at_ms,
        ..Message::default()
    }
}

fn canonical(text: &str) -> Canonical {
    let text = text.to_lowercase();
    let original = text.clone();
    Canonical { original, views: vec![View { kind: ViewKind::Plain, text, origin: vec![] }] }
}

fn watch() -> Watch<'static> {
    static ALL: LazyLock<(FloodConfig, CrowdConfig, ShieldConfig)> =
        LazyLock::new(Default::default);
    Watch { flood: &ALL.0, crowd: &ALL.1, shield: &ALL.2 }
}

fn note(history: &History, sender: &str, text: &str, at_ms: u64) -> Recent {
    history.note(&message(sender, text, at_ms), &canonical(text), &watch())
}

#[test]
fn counts_within_the_window() {
    let history = History::new(1000);
    for (sender, text, at_ms, messages, repeats, first) in [
        ("una", "Hi", 0, 1, 1, true),
        ("una", "hi", 1_000, 2, 2, false),
        ("una", "you", 2_000, 3, 1, false),
        ("ben", "hi", 2_000, 1, 1, true),
        ("una", "hi", 9_999, 4, 3, false),
        ("una", "hi", 10_000, 4, 3, false),
        ("una", "hi", 12_000, 3, 3, false),
        // A clock that went backwards forgets rather than remembers for ever.
        ("una", "hi", 1, 3, 3, false),
        ("", "hi", 3_000, 1, 1, true),
        ("", "hi", 3_000, 1, 1, true),
    ] {
        let recent = note(&history, sender, text, at_ms);
        let found = (recent.messages, recent.repeats, recent.first);
        assert_eq!(found, (messages, repeats, first), "{sender} {text} {at_ms}");
    }
    assert_eq!(history.senders(), 2);
}

#[test]
fn channels_and_routes_are_apart() {
    let history = History::new(1000);
    note(&history, "una", "hi", 0);
    let mut elsewhere = message("una", "hi", 1);
    elsewhere.channel = "#b".into();
    assert!(history.note(&elsewhere, &canonical("hi"), &watch()).first);
    // Where one name ends and the next begins counts.
    let (mut a, mut b) = (message("bc", "x", 0), message("c", "x", 0));
    (a.channel, b.channel) = ("a".into(), "ab".into());
    assert_ne!(history.key_of(&a), history.key_of(&b));
}

#[test]
fn the_tail_is_short_recent_and_broken_by_sentences() {
    let history = History::new(1000);
    for (text, at_ms, tail) in [
        ("b", 0, vec![]),
        ("L", 1_000, vec!["b"]),
        ("o", 10_500, vec!["l"]),
        ("a sentence that is no piece of a word", 10_600, vec!["l", "o"]),
        ("r", 10_700, vec![]),
        ("p", 30_000, vec![]),
    ] {
        assert_eq!(note(&history, "una", text, at_ms).tail, tail, "{text} {at_ms}");
    }
    for n in 0..20 {
        note(&history, "una", &n.to_string(), 31_000);
    }
    let tail = note(&history, "una", "x", 31_000).tail;
    assert_eq!(tail, ["12", "13", "14", "15", "16", "17", "18", "19"]);
}

#[test]
fn peeking_leaves_no_trace() {
    let history = History::new(1000);
    let later = message("una", "b", 2);
    assert!(history.peek(&later, &canonical("b"), &watch()).first);
    note(&history, "una", "a", 0);
    note(&history, "una", "b", 1);
    for _ in 0..3 {
        let recent = history.peek(&later, &canonical("b"), &watch());
        assert_eq!((recent.messages, recent.repeats, recent.first), (3, 2, false));
        assert_eq!(recent.tail, ["a", "b"]);
    }
}

#[test]
fn ten_thousand_senders_are_the_most() {
    let history = History::new(10_000);
    for n in 0..50_000_u64 {
        note(&history, &format!("sender {n}"), "hi", n);
    }
    let senders = history.senders();
    assert!((2_500..=10_000).contains(&senders), "{senders}");
    // Those heard last are known, those heard first forgotten.
    assert!(!note(&history, "sender 49999", "hi", 50_000).first);
    assert!(note(&history, "sender 0", "hi", 50_000).first);
}

#[test]
fn one_sender_costs_a_bounded_amount() {
    let history = History::new(10_000);
    for n in 0..10_000_u64 {
        note(&history, "una", &format!("{n:016}"), n % 100);
    }
    let shard = lock(history.shard(history.key("/", "#a", "una")));
    let past = shard.senders.values().next().expect("the sender is known");
    let tail: usize = past.tail.iter().map(|(_, piece)| piece.len()).sum();
    assert_eq!((past.messages.len(), tail), (MESSAGES_MAX, TAIL_PIECES_MAX * TAIL_BYTES_MAX));
    assert!(past.messages.capacity() <= 2 * MESSAGES_MAX);
}

#[test]
fn the_silent_are_forgotten() {
    let history = History::new(16);
    note(&history, "una", "hi", 0);
    note(&history, "ben", "hi", FORGET_MS + 1);
    assert!(!note(&history, "una", "hi", FORGET_MS + 2).first);
    note(&history, "ben", "hi", 2 * FORGET_MS + 3);
    note(&history, "ben", "hi", 3 * FORGET_MS + 5);
    assert!(note(&history, "una", "hi", 3 * FORGET_MS + 6).first);
}

#[test]
fn time_outs_end_and_outlast_crowds() {
    let history = History::new(100);
    let until = |at_ms| note(&history, "una", "hi", at_ms).timed_out_until_ms;
    history.time_out("/", "#a", "una", 5_000);
    assert_eq!(until(0), Some(5_000));
    for n in 0..1_000_u64 {
        note(&history, &format!("s{n}"), "hi", n);
    }
    assert_eq!((until(4_999), until(5_000)), (Some(5_000), None));
    history.time_out("/", "#a", "una", 9_000);
    history.lift_time_out("/", "#a", "una", 9_000);
    assert_eq!(until(6_000), None);
}
