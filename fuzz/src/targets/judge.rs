//! Judges messages with the lists and policies that are shipped, and masks what is to be masked.

use std::sync::{Arc, LazyLock};

use arc_swap::ArcSwap;
use futures_util::FutureExt;
use tidegate::{
    act,
    config::{Config, PolicyConfig, RouteConfig},
    history::History,
    message::{Fate, Finding, Message, Paid, Role, Sender, Verdict},
    normalize::normalize,
    pipeline::Pipeline,
    protocol::{Frame, Leg, Reading, Seat, dialect},
    rules::Ruleset,
    score::Scorer,
};

use crate::input::Input;

/// One route for each preset.
const PRESETS: [&str; 5] = ["off", "relaxed", "standard", "strict", "stage"];

static RULES: LazyLock<Arc<Ruleset>> = LazyLock::new(|| {
    let mut config = Config::default();
    for preset in PRESETS {
        let policy = PolicyConfig { preset: Some(preset.into()), ..PolicyConfig::default() };
        config.policy.insert(preset.into(), policy);
        config.route.push(RouteConfig {
            name: preset.into(),
            path: format!("/{preset}"),
            upstream: "ws://h".into(),
            protocol: "text".into(),
            policy: preset.into(),
            ..RouteConfig::default()
        });
    }
    Arc::new(Ruleset::build(&config).expect("the rules compile"))
});

pub fn check(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let pipeline = Pipeline {
        rules: Arc::new(ArcSwap::new(RULES.clone())),
        history: Arc::new(History::new(100)),
        scorer: Scorer::none(),
    };
    let preset = input.pick(&PRESETS);
    let roles = input.pick(&[None, Some(Role::Vip), Some(Role::Moderator)]);
    let paid = input.flag().then(|| Paid::new("5", "EUR")).flatten();
    let is_name = input.flag();
    let text = input.text();
    // Several lines are several messages of two senders.
    for (number, line) in text.split('\n').take(8).enumerate() {
        let id = ["ana", "ben"][number % 2];
        let sender = Sender { id: id.into(), name: id.into(), roles: roles.into_iter().collect() };
        let message = Message {
            route: preset.into(),
            channel: "room".into(),
            sender,
            text: line.to_owned(),
            at_ms: 1_798_761_599_000 + 500 * number as u64,
            paid: paid.clone(),
            is_name,
            ..Message::default()
        };
        judge(&pipeline, &message);
    }
}

fn judge(pipeline: &Pipeline, message: &Message) {
    let text = &message.text;
    let judged = pipeline.judge(message).now_or_never().expect("no score, and so no wait");
    judged.findings.iter().for_each(|finding| check_finding(text, finding));
    let mut end = 0;
    for (number, span) in judged.mask.iter().enumerate() {
        assert!(number == 0 || end < span.start, "{:?} overlap or touch", judged.mask);
        assert!(text.get(span.clone()).is_some_and(|said| !said.is_empty()), "{span:?}");
        end = span.end;
    }
    if message.paid.is_some() {
        assert!(judged.verdict <= Verdict::Hold, "what was paid for was dropped");
    }
    let found = pipeline.found(message);
    found.iter().for_each(|finding| check_finding(text, finding));
    match act::fate(&judged) {
        Fate::Keep => assert_eq!(judged.verdict, Verdict::Pass),
        Fate::Mask(spans) => {
            assert_eq!(judged.verdict, Verdict::Mask);
            let shown = masked(text, spans.clone());
            let stars = spans.iter().map(|span| text[span.clone()].chars().count());
            let expected: usize = stars.sum();
            let count = |text: &str| text.chars().filter(|letter| *letter == '*').count();
            let already: usize = spans.iter().map(|span| count(&text[span.clone()])).sum();
            assert_eq!(count(&shown), count(text) - already + expected, "stars in {shown:?}");
            assert_eq!(shown.chars().count(), text.chars().count());
            let again = normalize(&shown);
            assert!(again.views[0].text.matches('*').count() >= expected);
        }
        Fate::Remove => assert!(judged.verdict >= Verdict::Mask),
    }
}

fn check_finding(text: &str, finding: &Finding) {
    if let Some(span) = &finding.span {
        assert!(text.get(span.clone()).is_some(), "{finding:?} is at no place");
    }
    assert!(!finding.rule.is_empty() && finding.why.len() < 4096, "{finding:?}");
}

/// The text as a room of plain text sees it.
fn masked(text: &str, spans: Vec<std::ops::Range<usize>>) -> String {
    static DIALECT: LazyLock<Arc<dyn tidegate::protocol::Dialect>> = LazyLock::new(|| {
        let route = RouteConfig { protocol: "text".into(), ..RouteConfig::default() };
        dialect(&route).expect("the settings are right")
    });
    let mut protocol = DIALECT.open(Seat {
        route: "fuzz".into(),
        mode: Default::default(),
        path: "/".into(),
        query: String::new(),
        subprotocol: None,
    });
    let frame = Frame::Text(text.into());
    let Reading::Chat(units) = protocol.read(Leg::Client, &frame, 0) else {
        panic!("a text is chat")
    };
    let shown = protocol.rebuild(&frame, &units, &[Fate::Mask(spans)]);
    let shown = shown.expect("a masked frame is there");
    String::from_utf8(shown.bytes().to_vec()).expect("it is text")
}
