//! Seats people in a room whose messages the real pipeline judges.

use std::{path::PathBuf, sync::Arc};

use arc_swap::ArcSwap;
use tidegate::{
    config::Config,
    history::History,
    message::{Judgement, Message, Role, Sender, Verdict},
    pipeline::Pipeline,
    rules::Ruleset,
    score::Scorer,
};

pub struct Room {
    pub pipeline: Pipeline,
    pub channel: &'static str,
    pub now: u64,
}

/// A start that is no edge case: any evening.
pub const EVENING: u64 = 1_700_000_000_000;

/// The finding rules and the verdict of each message.
pub type Judged = (Verdict, Vec<String>);

impl Room {
    /// A room under the policy `p` with these settings.
    pub fn new(settings: &str) -> Room {
        Room::with(settings, |_| {})
    }

    pub fn with(settings: &str, change: impl FnOnce(&mut Config)) -> Room {
        let route = "[[route]]\nname = \"main\"\nupstream = \"ws://h\"\npolicy = \"p\"\n";
        let policy = "[policy.p]\npreset = \"standard\"\n";
        let settings = format!("{route}{policy}{settings}");
        let mut config = Config::parse(&settings, "t.toml").expect(&settings);
        config.wordlists.embedded = false;
        config.wordlists.paths = vec![PathBuf::from("tests/data/words")];
        change(&mut config);
        let rules = Ruleset::build(&config).expect("the rules compile");
        let pipeline = Pipeline {
            rules: Arc::new(ArcSwap::from_pointee(rules)),
            history: Arc::new(History::open(&config.history)),
            scorer: Scorer::none(),
        };
        Room { pipeline, channel: "lobby", now: EVENING }
    }

    pub fn message(&self, sender: &str, text: &str) -> Message {
        let sender = Sender { id: sender.into(), name: sender.into(), roles: Vec::new() };
        let (channel, text) = (self.channel.to_owned(), text.to_owned());
        let at_ms = self.now;
        Message { route: "main".into(), channel, sender, text, at_ms, ..Message::default() }
    }

    /// Somebody says something, so many milliseconds after what was said before.
    pub async fn says(&mut self, sender: &str, text: &str, after_ms: u64) -> Judged {
        self.now += after_ms;
        let message = self.message(sender, text);
        judged(self.pipeline.judge(&message).await)
    }

    pub async fn says_as(&mut self, role: Role, sender: &str, text: &str, after_ms: u64) -> Judged {
        self.now += after_ms;
        let mut message = self.message(sender, text);
        message.sender.roles.push(role);
        judged(self.pipeline.judge(&message).await)
    }

    /// Everybody says their line, one every `step_ms`; how many of them passed.
    pub async fn all(&mut self, lines: &[(String, String)], step_ms: u64) -> usize {
        let mut passed = 0;
        for (sender, text) in lines {
            let (verdict, _) = self.says(sender, text, step_ms).await;
            passed += usize::from(verdict < Verdict::Hold);
        }
        passed
    }

    /// People who have been here for longer than anybody new.
    pub async fn settle(&mut self, people: usize) {
        for n in 0..people {
            self.says(&format!("regular{n}"), &format!("number {n} is here"), 10).await;
        }
        self.now += 600_000;
    }
}

fn judged(judgement: Judgement) -> Judged {
    let rules = judgement.findings.iter().map(|finding| finding.rule.clone());
    (judgement.verdict, rules.collect())
}

/// The same numbers each time, from a seed.
pub struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self, sides: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % sides
    }

    pub fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.roll(of.len())]
    }

    /// A word that nobody has heard.
    pub fn word(&mut self) -> String {
        let syllables =
            ["bra", "do", "fle", "gri", "mu", "ska", "ti", "vo", "wen", "zu", "pel", "no"];
        (0..2 + self.roll(2)).map(|_| self.pick(&syllables)).collect()
    }
}
