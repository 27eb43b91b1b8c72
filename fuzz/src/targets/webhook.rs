//! Writes and signs what webhooks deliver, and reads their secrets.

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;
use tidegate::{
    audit::{Event, Record},
    fuzzing::{Keys, Letter},
    message::{Category, Finding, Sender, Severity, Verdict},
};

use crate::input::{Input, boundary};

const SECRET: [u8; 24] = [7; 24];

pub fn check(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let seq = u64::from(input.byte());
    let event = input.below(4);
    let cut = usize::from(input.byte());
    let text = input.text();
    secrets(&text);
    let (name, said) = text.split_at(boundary(&text, cut));
    let record = Record {
        id: name.to_owned(),
        at_ms: seq.wrapping_mul(0x0123_4567_89ab_cdef),
        route: name.to_owned(),
        channel: said.to_owned(),
        sender: Sender { id: said.to_owned(), name: name.to_owned(), roles: Vec::new() },
        event: event_of(event, name, said),
        findings: vec![Finding {
            rule: name.to_owned(),
            category: Category::Hate,
            severity: Severity::new(2).expect("it is 1 to 4"),
            span: Some(0..said.len()),
            why: said.to_owned(),
            shadow: false,
            scored: None,
        }],
        rules: "v".into(),
        decided_by: String::new(),
        text_sha256: String::new(),
    };
    let letter = Letter::event(seq, &record, Some(said.to_owned()), true);
    let again = Letter::event(seq, &record, Some(said.to_owned()), true);
    assert_eq!((&letter.id, &letter.body), (&again.id, &again.body), "a repeat is another");
    let other = Letter::event(seq + 1, &record, None, true);
    assert_ne!(letter.id, other.id, "two events with one id");
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    assert!(letter.id.chars().all(plain), "{:?} is no header", letter.id);
    let body: Value = serde_json::from_slice(&letter.body).expect("the body is JSON");
    assert_eq!(body["data"]["text"].as_str(), Some(said));
    assert_eq!(body["type"].as_str(), Some(letter.kind.as_str()));
    signed(&letter);
}

fn event_of(number: usize, name: &str, said: &str) -> Event {
    let (name, said) = (name.to_owned(), said.to_owned());
    match number {
        0 => Event::Judged(Verdict::Drop),
        1 => Event::Decided { state: name, by: said },
        2 => Event::Settings { what: name, by: said, why: String::new() },
        _ => Event::Acted { what: name, result: said, cause: String::new() },
    }
}

fn signed(letter: &Letter) {
    let secret = format!("whsec_{}", STANDARD.encode(SECRET));
    let keys = Keys::parse(&secret).expect("a secret");
    let mut mac = Hmac::<Sha256>::new_from_slice(&SECRET).expect("any length will do");
    mac.update(format!("{}.{}.", letter.id, 5).as_bytes());
    mac.update(&letter.body);
    let expected = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
    assert_eq!(keys.sign(&letter.id, 5, &letter.body), expected);
}

fn secrets(text: &str) {
    match Keys::parse(text) {
        Ok(keys) => {
            let count = text.split_whitespace().count();
            assert_eq!(keys.sign("a", 1, b"b").split(' ').count(), count);
            assert_eq!(format!("{keys:?}"), "Keys", "a secret was shown");
        }
        // A reason that repeats a long text would show a secret.
        Err(cause) => assert!(text.len() < 16 || !cause.contains(text), "{cause:?}"),
    }
}
