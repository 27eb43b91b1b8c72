//! Puts the stages in order, and nothing else.

use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::{
    decide,
    decide::{Claim, Ruling, Seen},
    history::{History, Staff, Watch},
    message::{Canonical, Judgement, Message, Named, Recent, Score, Standing, Verdict, ViewKind},
    normalize::normalize,
    rules::Ruleset,
    scan::Before,
    score::Scorer,
};

/// Judges messages; cheap to clone.
#[derive(Clone)]
pub struct Pipeline {
    pub rules: Arc<ArcSwap<Ruleset>>,
    pub history: Arc<History>,
    pub scorer: Scorer,
}

impl Pipeline {
    /// The one judgement of a message. It cannot fail, and waits for nothing but the score.
    pub async fn judge(&self, message: &Message) -> Judgement {
        let rules = self.rules.load_full();
        let policy = rules.policy(&message.route, &message.channel);
        let watch = Watch { flood: &policy.flood, crowd: &policy.crowd, shield: &policy.shield };
        let text = normalize(&message.text);
        let mut recent = match message.is_name {
            // Who is called something has not said anything.
            true => self.history.peek(message, &text, &watch),
            false => self.history.note(message, &text, &watch),
        };
        let policy = policy.acting(recent.shield);
        recent.name =
            self.history.name(message, &rules.version, |staff| named(&rules, message, staff));
        recent.link_permitted = self.history.has_permit(message)
            && decide::would_spend_permit(policy, message, &text)
            && self.history.spend_permit(message);
        let before = Before { tail: &recent.tail, room: &recent.room };
        let hits = rules.scanner.scan_after(&text, &before, policy.language);
        let seen = Seen { message, text: &text, hits: &hits, recent: &recent };
        let prepared = decide::prepare(policy, &seen);
        let needed = prepared.needs_score();
        let score = match needed {
            true => self.scorer.score(&message.text, undisguised(&text)).await,
            false => self.scorer.skip(),
        };
        let Ruling { verdict, findings, mask, grounds } = prepared.judge(&score);
        if !message.is_name && verdict >= Verdict::Hold && decide::alarms(policy, &findings) {
            self.history.found_hostile(message, &recent, &watch);
        }
        let Recent { first, strikes, warning, .. } = recent;
        let (standing, rules) = (Standing { first, strikes, warning }, rules.version.clone());
        Judgement { verdict, findings, score, needed, mask, rules, grounds, standing }
    }

    /// The score of a text that the policy had no use for, for whoever asks for it all the same.
    pub async fn score(&self, text: &str) -> Score {
        self.scorer.score(text, undisguised(&normalize(text))).await
    }
}

/// What is to be found in the name that a message's sender goes by.
fn named(rules: &Ruleset, message: &Message, staff: &[Staff]) -> Named {
    let scan = |name: &str| rules.scanner.scan(&normalize(name), &[]);
    let mut hits = scan(message.name());
    hits.extend(decide::apart(message.name()).iter().flat_map(|words| scan(words)));
    let staff = staff.iter().map(|staff| (staff.id.as_str(), staff.name.as_str()));
    let alike =
        rules.policy(&message.route, &message.channel).protected.alike(&Claim::of(message), staff);
    Named { hits: decide::worst_of(hits), alike }
}

/// The reading that says something else than the plain one, if evasion was undone: the model may
/// know the word that was meant and not the disguise.
fn undisguised(text: &Canonical) -> Option<&str> {
    let plain = text.views.iter().find(|view| view.kind == ViewKind::Plain)?;
    let last = text.undisguised().filter(|last| last.text != plain.text)?;
    Some(&last.text)
}
