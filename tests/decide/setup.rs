//! Sets up what the stages before `decide` found, and asks it.

use std::{ops::Range, sync::Arc};

use tidegate::{
    config::Config,
    decide::{self, Policy, Ruling, Seen},
    message::{
        Canonical, Category, Finding, Head, Hit, Message, ModelCard, Paid, Recent, Role, Score,
        Scores, Sender, Severity, Verdict, ViewKind,
    },
};

pub fn policy(name: &str, settings: &str) -> Policy {
    let config = Config::parse(settings, "t.toml").expect(settings);
    Policy::compile(&config).expect(settings).remove(name).expect(name)
}

pub fn severity(level: u8) -> Severity {
    Severity::new(level).unwrap()
}

pub fn hit(category: Category, level: u8, span: Range<usize>) -> Hit {
    Hit {
        span,
        category,
        severity: severity(level),
        view: ViewKind::Plain,
        term: "blorp".into(),
        list: "xx/test".into(),
    }
}

/// A model that finds from 0.95, 0.9 and 0.8 on, as the presets go, in every head but `sarcasm`.
pub fn card(heads: &[&str], weak: &[Head]) -> Arc<ModelCard> {
    let from = |threshold: f32| Head::ALL.into_iter().map(|head| (head, threshold)).collect();
    let presets = [("relaxed", 0.95), ("standard", 0.9), ("strict", 0.8)];
    Arc::new(ModelCard {
        id: "00112233aabb".into(),
        heads: heads.iter().map(|head| Arc::from(*head)).collect(),
        weak: weak.to_vec(),
        thresholds: presets.map(|(name, threshold)| (name.to_owned(), from(threshold))).into(),
    })
}

/// What a model says that has these heads alone.
pub fn known(scores: &[(&str, f32)]) -> Score {
    weakly(&[], scores)
}

/// The same, of a model that has these heads of little data.
pub fn weakly(weak: &[Head], scores: &[(&str, f32)]) -> Score {
    let (heads, row): (Vec<&str>, Vec<f32>) = scores.iter().copied().unzip();
    Score::Known(Scores { model: card(&heads, weak), row })
}

#[derive(Debug)]
pub struct Try {
    pub hits: Vec<Hit>,
    pub score: Score,
    pub recent: Recent,
    pub sender: Sender,
    pub text: String,
    pub paid: Option<Paid>,
}

impl Default for Try {
    fn default() -> Self {
        let recent = Recent { messages: 1, repeats: 1, ..Recent::default() };
        let sender = Sender { id: "u1".into(), name: "Una".into(), roles: vec![] };
        // Long enough for every span, and no two words alike.
        let text = (0..100).map(|n| format!("w{n} ")).collect();
        Try { hits: vec![], score: Score::Skipped, recent, sender, text, paid: None }
    }
}

impl Try {
    pub fn hits(hits: &[Hit]) -> Try {
        Try { hits: hits.to_vec(), ..Try::default() }
    }

    pub fn scored(scores: &[(&str, f32)]) -> Try {
        Try { score: known(scores), ..Try::default() }
    }

    pub fn paced(messages: u32, repeats: u32) -> Try {
        Try { recent: Recent { messages, repeats, ..Recent::default() }, ..Try::default() }
    }

    pub fn timed_out(mut self, until_ms: u64) -> Try {
        self.recent.timed_out_until_ms = Some(until_ms);
        self
    }

    pub fn paying(mut self) -> Try {
        self.paid = Paid::new("500", "bits");
        self
    }

    pub fn by(mut self, roles: &[Role]) -> Try {
        self.sender.roles = roles.to_vec();
        self
    }

    pub fn judge(&self, policy: &Policy) -> (Verdict, Vec<Finding>, bool) {
        self.seen(|seen| {
            let found = decide::findings(policy, seen, &self.score);
            let verdict = decide::judge(policy, seen, &self.score).verdict;
            (verdict, found, policy.needs_score(seen))
        })
    }

    /// Everything that is decided.
    pub fn ruling(&self, policy: &Policy) -> Ruling {
        self.seen(|seen| decide::judge(policy, seen, &self.score))
    }

    fn seen<T>(&self, ask: impl FnOnce(&Seen) -> T) -> T {
        let message = Message {
            route: "/".into(),
            channel: String::new(),
            sender: self.sender.clone(),
            id: None,
            text: self.text.clone(),
            at_ms: 1_000,
            paid: self.paid.clone(),
            ..Message::default()
        };
        let (text, hits, recent) = (Canonical::default(), &self.hits[..], &self.recent);
        ask(&Seen { message: &message, text: &text, hits, recent })
    }
}
