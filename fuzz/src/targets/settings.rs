//! Reads settings files and the conditions in them, says what is wrong where, and prints them back.

use std::sync::LazyLock;

use tidegate::{
    config::{Config, Enforce, PolicyConfig, WhenConfig},
    decide::{self, Policy, Seen},
    message::{Category, Crowd, Hit, Message, Recent, Role, Score, Severity, Verdict, ViewKind},
    normalize::normalize,
    scan::Scope,
    session::Route,
};

use crate::input::Input;

pub fn settings(bytes: &[u8]) {
    let text = Input::new(bytes).text();
    let (read, problems) = Config::examine(&text, "file");
    let lines = text.split('\n').count();
    for problem in &problems {
        assert!(problem.line.is_none_or(|line| (1..=lines).contains(&line)), "{problem:?}");
        assert!(!problem.cause.is_empty(), "{problem:?} names no cause");
        let told = problem.to_string();
        assert!(!told.contains(char::is_control), "{told:?} is more than a line");
    }
    let parsed = Config::parse(&text, "file");
    assert_eq!(parsed.is_ok(), read.is_some() && problems.is_empty());
    let Ok(config) = parsed else { return };
    let printed = toml::to_string(&config).expect("what was read can be written");
    let again = Config::parse(&printed, "printed");
    let again = again.unwrap_or_else(|wrong| panic!("{wrong:?} in {printed}"));
    assert_eq!(format!("{config:?}"), format!("{again:?}"), "printed and read again");
    // What passed the check may still be refused here, with a reason.
    let _ = Policy::compile(&config);
    for route in &config.route {
        assert!(Route::compile(route).err().is_none_or(|cause| !cause.is_empty()));
    }
    config.exposed();
}

/// One condition over a plain message, and over one of which everything is known.
pub fn conditions(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let then = input.pick(&[Verdict::Pass, Verdict::Mask, Verdict::Hold, Verdict::Drop]);
    let when = WhenConfig {
        condition: input.text().into_owned(),
        then,
        rule: "fuzz".into(),
        why: String::new(),
        mode: Enforce::Always,
        category: None,
    };
    let policy = PolicyConfig { when: Some(vec![when]), ..PolicyConfig::default() };
    let mut config = Config::default();
    config.policy.insert("own".into(), policy);
    // Most are wrong, and nothing else is compiled for them.
    let wrong = Policy::problems(&config);
    if !wrong.is_empty() {
        return assert!(wrong.iter().all(|(_, cause)| !cause.is_empty()));
    }
    let mut policies = Policy::compile(&config).expect("nothing is wrong with it");
    let policy = policies.remove("own").expect("it was put there");
    let rich = Message {
        channel: "room".into(),
        text: "a blorp, and a 😀".into(),
        first: true,
        at_ms: 1_798_761_599_000,
        ..Message::default()
    };
    let rich = Message {
        sender: tidegate::message::Sender {
            id: "7".into(),
            name: "Ana".into(),
            roles: Role::ALL.to_vec(),
        },
        ..rich
    };
    static KNOWN: LazyLock<Recent> = LazyLock::new(|| Recent {
        messages: u32::MAX,
        repeats: 3,
        newcomer: true,
        crowd: Crowd::default(),
        strikes: f32::NAN,
        ..Recent::default()
    });
    let hits = [Hit {
        span: 2..7,
        category: Category::Hate,
        severity: Severity::new(4).expect("it is 1 to 4"),
        view: ViewKind::Plain,
        term: "blorp".into(),
        list: "xx/hate".into(),
    }];
    let none = Recent::default();
    judge(&policy, &Message::default(), &none, &[]);
    judge(&policy, &rich, &KNOWN, &hits);
}

fn judge(policy: &Policy, message: &Message, recent: &Recent, hits: &[Hit]) {
    let text = normalize(&message.text);
    let seen = Seen { message, text: &text, hits, recent };
    for score in [Score::Skipped, Score::Late] {
        let needs = decide::prepare(policy, &seen).needs_score();
        let once = decide::judge(policy, &seen, &score);
        let again = decide::judge(policy, &seen, &score);
        assert_eq!((once.verdict, &once.findings), (again.verdict, &again.findings));
        assert_eq!(needs, decide::prepare(policy, &seen).needs_score());
    }
}

/// `:fr!en`, however it is spelt: what is read prints as what is read.
pub fn scope(bytes: &[u8]) {
    let text = Input::new(bytes).text();
    if let Ok(scope) = Scope::parse(&text) {
        assert_eq!(Scope::parse(&scope.to_string()), Ok(scope), "{text:?}");
    }
}
