//! Finds links and personal data in any text, bounded, whatever stands around them.

use std::sync::LazyLock;

use tidegate::{
    config::Config,
    decide::{Policy, SecretKey, Secrets, Seen, armed_line},
    fuzzing::found_by,
    message::{Finding, Message, Recent},
    normalize::normalize,
};

use crate::input::{Input, boundary};

/// More findings than either rule gives.
const FINDINGS_MAX: usize = 32;
/// What somebody armed, so that nobody says it.
const SECRET: &str = "halgrim voss";

static POLICY: LazyLock<Policy> = LazyLock::new(|| {
    let mut policies = Policy::compile(&Config::default()).expect("the default policies compile");
    let mut policy = policies.remove("strict").expect("a preset");
    let key = SecretKey::new(&[7; 32]);
    let line = armed_line(&key, SECRET).expect("it is long enough");
    policy.personal.secrets = Secrets::arm(key, &[line]).expect("it is a line");
    policy
});

pub fn links(bytes: &[u8]) {
    check("link", bytes, &["https://evil.example.com/x", "www.evil.org/a", "evil.com/free"]);
}

pub fn doxxing(bytes: &[u8]) {
    check("doxxing", bytes, &[SECRET, "someone@example.org", "Halgrim Voss"]);
}

/// `planted`: what the rule finds by itself.
fn check(rule: &str, bytes: &[u8], planted: &[&str]) {
    let mut input = Input::new(bytes);
    let (cut, planted) = (usize::from(input.byte()), input.pick(planted));
    let text = input.text();
    let found = find(rule, &text);
    assert_eq!(found, find(rule, &text), "twice, and not the same");

    let (before, behind) = text.split_at(boundary(&text, cut));
    let around = format!("{before}\n {planted} \n{behind}");
    let at = before.len() + 2..before.len() + 2 + planted.len();
    let found = find(rule, &around);
    let covers = |finding: &Finding| {
        finding.span.as_ref().is_some_and(|span| span.start < at.end && at.start < span.end)
    };
    if found.len() == FINDINGS_MAX {
        // More are not listed: what is there is enough.
        return;
    }
    assert!(found.iter().any(covers), "{planted} was hidden in {around:?}: {found:?}");
}

fn find(rule: &str, text: &str) -> Vec<Finding> {
    let message = Message { text: text.to_owned(), ..Message::default() };
    let (read, recent) = (normalize(text), Recent::default());
    let seen = Seen { message: &message, text: &read, hits: &[], recent: &recent };
    let found = found_by(rule, &POLICY, &seen);
    assert!(found.len() <= FINDINGS_MAX, "{} findings", found.len());
    for finding in &found {
        let Some(span) = finding.span.clone() else { continue };
        let said = text.get(span.clone());
        assert!(said.is_some_and(|said| !said.is_empty()), "{finding:?} is at no place");
        if rule == "doxxing" {
            // Records outlive the texts that they are about.
            let said = said.unwrap_or_default();
            let digits = said.chars().filter(char::is_ascii_digit).count();
            assert!(digits < 7 || !finding.why.contains(said), "{:?} repeats it", finding.why);
        }
    }
    found
}
