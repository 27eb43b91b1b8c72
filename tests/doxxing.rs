//! Holds the rule for personal data to lines that must and lines that must not be found.
//!
//! `tests/corpus/<lang>/doxxing_*.tsv`: `category:severity` at least, or `-` for nothing.

use std::sync::{Arc, LazyLock};

use proptest::prelude::*;
use tidegate::{
    config::Config,
    decide::{self, Policy, SecretKey, Secrets, Seen, armed_line},
    letters,
    message::{Finding, Message, Recent, Score, Sender},
    normalize::normalize,
};

#[path = "common/corpus.rs"]
mod lines;

fn policy(settings: &str) -> Policy {
    let config = Config::parse(settings, "t.toml").expect(settings);
    let name = if settings.is_empty() { "standard" } else { "mine" };
    Policy::compile(&config).expect(settings).remove(name).expect(name)
}

/// What the rule finds in a text, without any list or model.
fn judge(policy: &Policy, text: &str) -> Vec<Finding> {
    let message = Message {
        route: Arc::from("/"),
        channel: String::new(),
        sender: Sender::default(),
        id: None,
        text: text.to_owned(),
        at_ms: 1_000,
        ..Message::default()
    };
    let (text, recent) = (normalize(&message.text), Recent { messages: 1, ..Recent::default() });
    let seen = Seen { message: &message, text: &text, hits: &[], recent: &recent };
    let mut found = decide::findings(policy, &seen, &Score::Skipped);
    found.retain(|finding| finding.rule == "doxxing");
    found
}

fn check_spans(text: &str, found: &[Finding]) {
    for finding in found {
        let span = finding.span.clone().expect("every finding has its place");
        assert!(!span.is_empty() && text.get(span).is_some(), "{text:?}: {finding:?}");
    }
}

#[test]
fn every_line_is_judged_as_expected() {
    let policy = policy("");
    let lines = lines::corpus(|file| file.starts_with("doxxing"));
    let mut wrong = Vec::new();
    for line in &lines {
        let found = judge(&policy, &line.text);
        check_spans(&line.text, &found);
        let good = match line.expected {
            None => found.is_empty(),
            Some((category, floor)) => found.iter().any(|finding| {
                finding.category == category && finding.severity.level() >= floor.unwrap_or(1)
            }),
        };
        if !good {
            wrong.push(format!("{}: {:?}: {found:?}", line.place, line.text));
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    for lang in ["en", "fr"] {
        for guilty in [true, false] {
            let of = |line: &&lines::Line| {
                line.place.contains(&format!("/{lang}/"))
                    && (line.file == "doxxing_guilty") == guilty
            };
            let count = lines.iter().filter(of).count();
            assert!(count >= 120, "{count} lines in {lang}");
        }
    }
}

#[test]
fn no_reason_repeats_what_was_found() {
    let policy = policy("");
    for line in lines::corpus(|file| file == "doxxing_guilty") {
        for finding in judge(&policy, &line.text) {
            let said = &line.text[finding.span.clone().expect("a place")];
            let digits = |text: &str| text.chars().filter(char::is_ascii_digit).count();
            assert!(!finding.why.contains(said), "{}: {}", line.place, finding.why);
            assert_eq!(digits(&finding.why), 0, "{}: {}", line.place, finding.why);
        }
    }
}

#[test]
fn the_whole_of_it_is_covered() {
    let policy = policy("");
    for (text, expected) in [
        ("so 06 12 34 56 78 ok", "06 12 34 56 78"),
        ("so é 12 rue de la Paix 75002 Paris ok", "12 rue de la Paix 75002 Paris"),
        ("write jean.dupont@exemple.fr ok", "jean.dupont@exemple.fr"),
        ("jdoe (at) mail dot com ok", "jdoe (at) mail dot com"),
        ("jean.dupont@exemple.fr .я", "jean.dupont@exemple.fr"),
        ("so ０６１２３４５６７８ ok", "０６１２３４５６７８"),
        ("at 82.64.12.201, ok", "82.64.12.201"),
        ("so 4111 1111 1111 1111 ok", "4111 1111 1111 1111"),
        ("pls swat him now", "swat him"),
    ] {
        let found = judge(&policy, text);
        let said: Vec<&str> = found.iter().filter_map(|f| text.get(f.span.clone()?)).collect();
        assert_eq!(said.join("|"), expected, "{text}: {found:?}");
    }
}

#[test]
fn the_settings_say_what_is_public_and_where_numbers_are_from() {
    let own = policy(
        "[policy.mine.personal]\nregions = [\"DE\"]\nallow = [\"una@gmail.com\", \"@blorp.fr\"]",
    );
    for (text, expected) in [
        ("una@gmail.com", 0),
        ("UNA@gmail.com", 0),
        ("ben@blorp.fr", 0),
        ("ben@notblorp.fr", 1),
        ("ben@gmail.com", 1),
        ("0151 23456789", 1),
        ("212-456-7890", 0),
        ("+1 212-456-7890", 1),
    ] {
        let found = judge(&own, text);
        assert_eq!(found.len(), expected, "{text}: {found:?}");
    }
    for (settings, cause) in [
        ("regions = [\"XX\"]", "personal.regions"),
        ("secrets = [\"blorp\"]", "personal.secrets"),
        ("blorp = 1", "blorp"),
    ] {
        let settings = format!("[policy.mine.personal]\n{settings}");
        let problem = format!("{:?}", Config::parse(&settings, "t.toml").expect_err(&settings));
        assert!(problem.contains(cause), "{settings}: {problem}");
    }
}

#[test]
fn an_armed_secret_is_found_however_it_is_written() {
    let key = SecretKey::new(&[7; 32]);
    let arm = |secret: &str| armed_line(&key, &letters::plain(secret).0).expect(secret);
    let mut policy = policy("");
    let secrets = [arm("Zéphyrine Blorpois"), arm("Gremloville")];
    policy.arm(Secrets::arm(key.clone(), &secrets).expect("they were made so"));
    for (shield, trusted) in [(false, false), (true, false), (false, true), (true, true)] {
        let found = judge(policy.acting(shield, trusted), "in gremloville");
        assert_eq!(found.len(), 1, "shield {shield}, trusted {trusted}");
    }
    for (text, expected) in [
        ("her name is Zephyrine Blorpois!", "Zephyrine Blorpois"),
        ("zephyrine-blorpois", "zephyrine-blorpois"),
        ("ZephyrineBlorpois", "ZephyrineBlorpois"),
        ("from gr3mloville", "gr3mloville"),
        ("G r e m l o v i l l e", "G r e m l o v i l l e"),
        ("in ｇｒｅｍｌｏｖｉｌｌｅ", "ｇｒｅｍｌｏｖｉｌｌｅ"),
        ("gremlo ville", "gremlo ville"),
        ("gremlovilles", ""),
        ("zephyrine", ""),
    ] {
        let found = judge(&policy, text);
        let said: Vec<&str> = found.iter().filter_map(|f| text.get(f.span.clone()?)).collect();
        assert_eq!(said.join("|"), expected, "{text}: {found:?}");
        assert!(found.iter().all(|f| f.severity.level() == 4 && !f.why.contains("ville")));
    }
}

#[test]
fn hostile_texts_give_bounded_answers() {
    let policy = policy("");
    for unit in [
        "swat ",
        "06 12 34 56 78 ",
        "1 ",
        "12 rue de la paix ",
        "a@b.co ",
        "@a ",
        "1.2.3.4 ",
        "82.64.12.201 ",
        "call him 1 2 3 4 5 6 7 ",
        "zero six ",
        "he lives at ",
        "::",
        "a:b:c:d:",
        "é",
        "🏠 12 ",
        "4111111111111111 ",
        "ab 123 cd ",
    ] {
        let text = unit.repeat(64 * 1024 / unit.len());
        let found = judge(&policy, &text);
        assert!(found.len() <= 34, "{unit}: {} findings", found.len());
        check_spans(&text, &found);
    }
}

#[test]
fn what_is_not_read_to_its_end_is_covered() {
    let policy = policy("");
    let many = "06 12 34 56 78, ".repeat(100);
    let found = judge(&policy, &many);
    let whole = |finding: &Finding| finding.span == Some(0..many.len() - ", ".len());
    assert!(found.iter().any(whole), "{found:?}");
}

static STANDARD: LazyLock<Policy> = LazyLock::new(|| policy(""));

proptest! {
    #[test]
    fn spans_lie_on_boundaries(
        parts in prop::collection::vec(
            prop_oneof![
                Just("06 12 34 56 78".to_owned()),
                Just("é@b.fr".to_owned()),
                Just("12 rue de l'Été".to_owned()),
                Just("swat him".to_owned()),
                Just("1.2.3.4".to_owned()),
                Just("FR76 3000 6000 0112".to_owned()),
                Just("AB-123-CD".to_owned()),
                Just("48.8584, 2.2945".to_owned()),
                Just("zéro six".to_owned()),
                Just("６".to_owned()),
                "\\PC{0,8}",
                "[0-9 .@:/+-]{0,12}",
            ],
            0..12,
        )
    ) {
        let text = parts.join(" ");
        check_spans(&text, &judge(&STANDARD, &text));
    }
}

/// A quick look lets most messages by; it must not let by what is spelt in common words alone.
#[test]
fn small_numbers_alone_are_looked_at() {
    let policy = policy("");
    for text in [
        "six one two six two one one two six six",
        "his phone six one two six two one one two six six",
    ] {
        assert!(!judge(&policy, text).is_empty(), "{text}");
    }
    assert_eq!(judge(&policy, "one of the two was someone, the other none").len(), 0);
}
