//! Puts the stages in order, and nothing else.

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwap;

use crate::{
    decide,
    decide::{Claim, Known, Policy, Ruling, Seen},
    history::{History, Staff, Watch},
    message::{
        Canonical, Finding, Hit, Judgement, Message, Named, Recent, Score, Standing, Verdict,
        ViewKind,
    },
    normalize::normalize,
    rules::{Ruleset, Yardstick},
    scan::{Before, Scanner},
    score::{Scorer, Step},
};

/// By what one message is judged.
struct By<'a> {
    scanner: &'a Scanner,
    version: &'a Arc<str>,
    policy: &'a Policy,
    /// Nobody is on duty, and the policy stands in for the channel's own.
    unattended: bool,
    /// Where it is known which terms a moderator allowed.
    allows: Option<&'a History>,
}

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
        self.judge_within(message, None).await
    }

    /// The same, where somebody can wait longer for the score than a chat; `None`: as a chat.
    pub async fn judge_within(&self, message: &Message, wait: Option<Duration>) -> Judgement {
        let rules = self.rules.load_full();
        let (policy, unattended) = self.policy(&rules, message);
        let watch = Watch { flood: &policy.flood, crowd: &policy.crowd, shield: &policy.shield };
        let text = normalize(&message.text);
        let mut recent = match message.is_name {
            // Who is called something has not said anything.
            true => self.history.peek(message, &text, &watch),
            false => self.history.note(message, &text, &watch),
        };
        let everyday = policy;
        let policy = policy.acting(recent.shield, recent.trusted);
        recent.name =
            self.history.name(message, &rules.version, |staff| named(&rules, message, staff));
        let may_link = !message.is_name
            && self.history.has_permit(message)
            && decide::would_spend_permit(policy, message, &text);
        let permit = may_link.then(|| self.history.spend_permit(message)).flatten();
        recent.link_permitted = permit.is_some();
        let (scanner, version) = (&rules.scanner, &rules.version);
        let by = By { scanner, version, policy, unattended, allows: Some(&self.history) };
        let judgement = self.weigh(by, message, (&text, &recent), wait).await;
        let severe = judgement.verdict >= Verdict::Hold;
        if let Some(until_ms) = permit.filter(|_| severe) {
            self.history.return_permit(message, until_ms);
        }
        if severe && !message.is_name && decide::alarms(everyday, &judgement.findings) {
            self.history.found_hostile(message, &recent, &watch);
        }
        judgement
    }

    /// What would become of a message if it were said now: history is read, and told nothing.
    pub async fn consider(&self, message: &Message, wait: Option<Duration>) -> Judgement {
        let rules = self.rules.load_full();
        let (policy, unattended) = self.policy(&rules, message);
        let watch = Watch { flood: &policy.flood, crowd: &policy.crowd, shield: &policy.shield };
        let text = normalize(&message.text);
        let mut recent = self.history.peek(message, &text, &watch);
        let policy = policy.acting(recent.shield, recent.trusted);
        recent.name = self.history.peek_name(message, |staff| named(&rules, message, staff));
        recent.link_permitted =
            self.history.has_permit(message) && decide::would_spend_permit(policy, message, &text);
        let (scanner, version) = (&rules.scanner, &rules.version);
        let by = By { scanner, version, policy, unattended, allows: Some(&self.history) };
        self.weigh(by, message, (&text, &recent), wait).await
    }

    /// What would become of a message by other rules, of a sender of whom this is known: as
    /// [`Pipeline::judge`], but that history is neither asked nor told.
    pub async fn rehearse(
        &self,
        by: &Yardstick,
        message: &Message,
        recent: &Recent,
        wait: Duration,
    ) -> Judgement {
        let text = normalize(&message.text);
        let Yardstick { scanner, version, policy } = by;
        let policy = policy.acting(recent.shield, recent.trusted);
        let by = By { scanner, version, policy, unattended: false, allows: None };
        self.weigh(by, message, (&text, recent), Some(wait)).await
    }

    /// What judges a message now, and whether it stands in for the channel's own policy.
    fn policy<'a>(&self, rules: &'a Ruleset, message: &Message) -> (&'a Policy, bool) {
        let own = rules.policy(&message.route, &message.channel);
        let unattended = own.stand_in.is_some() && !self.history.duty.is_on(message.at_ms);
        (own.attended(!unattended), unattended)
    }

    async fn weigh(
        &self,
        By { scanner, version, policy, unattended, allows }: By<'_>,
        message: &Message,
        (text, recent): (&Canonical, &Recent),
        wait: Option<Duration>,
    ) -> Judgement {
        let before = Before { tail: &recent.tail, room: &recent.room };
        let mut hits = scanner.scan_after(text, &before, policy.language);
        hits.retain(|hit| {
            let allowed = || allows.is_some_and(|history| history.allows(message, hit));
            !(policy.waives(hit.category, hit.severity) && allowed())
        });
        let seen = Seen { message, text, hits: &hits, recent };
        let prepared = decide::prepare(policy, &seen);
        let needed = prepared.needs_score();
        let (said, meant) = (&message.text, undisguised(text));
        let spared = || wait.is_none() && hits.is_empty() && is_known(message, recent);
        let score = match needed {
            false => self.scorer.skip(),
            true if message.paid.is_some() => self.scorer.score_paid(said, meant, wait).await,
            true if spared() && self.scorer.overload() >= Step::Trusted => self.scorer.spare(),
            true => self.scorer.score_within(said, meant, wait).await,
        };
        let Ruling { verdict, asked, releases, findings, mask, grounds } = prepared.judge(&score);
        let Recent { first, strikes, warning, shield, trusted, crowd, .. } = *recent;
        let standing = Standing { first, strikes, warning, shield, trusted, unattended };
        Judgement {
            verdict,
            asked,
            releases,
            findings,
            score,
            needed,
            mask,
            rules: version.clone(),
            grounds,
            standing,
            crowd,
        }
    }

    /// What the rules find in a text that nobody has said: without the score, and leaving no trace.
    pub fn found(&self, message: &Message) -> Vec<Finding> {
        let (rules, text) = (self.rules.load_full(), normalize(&message.text));
        let policy = rules.policy(&message.route, &message.channel);
        let (hits, recent) = (rules.scanner.scan(&text, &[]), Recent::default());
        let seen = Seen { message, text: &text, hits: &hits, recent: &recent };
        decide::findings(policy, &seen, &Score::Skipped)
    }

    /// The listed terms in a text that nobody has said, as a moderator may allow them.
    pub fn terms(&self, message: &Message) -> Vec<Hit> {
        let rules = self.rules.load_full();
        let language = rules.policy(&message.route, &message.channel).language;
        rules.scanner.scan_in(&normalize(&message.text), &[], language)
    }

    /// The score of a text that the policy had no use for, for whoever asks for it all the same.
    pub async fn score(&self, text: &str) -> Score {
        self.score_within(text, None).await
    }

    /// The same within so long; `None`: as a chat.
    pub async fn score_within(&self, text: &str, wait: Option<Duration>) -> Score {
        self.scorer.score_within(text, undisguised(&normalize(text)), wait).await
    }
}

/// Somebody of whom little harm is to be expected: with a role, trusted, or known for long, and
/// nothing on record.
fn is_known(message: &Message, recent: &Recent) -> bool {
    let long = !recent.first && !recent.newcomer;
    let known = !message.sender.roles.is_empty() || recent.trusted || long;
    known && recent.strikes <= 0.0 && !recent.shield
}

/// What is to be found in the name that a message's sender goes by.
fn named(rules: &Ruleset, message: &Message, staff: &[Staff]) -> Named {
    let scan = |name: &str| rules.scanner.scan(&normalize(name), &[]);
    let mut hits = scan(message.name());
    hits.extend(decide::apart(message.name()).iter().flat_map(|words| scan(words)));
    let staff = staff.iter().map(|staff| Known {
        id: &staff.id,
        name: &staff.name,
        drawn: staff.drawn.get_or_init(|| decide::drawn_name(&staff.name)),
    });
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
