//! Fills a policy's preset in and answers what it does with a finding.

use std::collections::BTreeMap;

use super::{
    impersonation::Protected,
    presets::{OFF, PRESETS, Preset},
    reach::Answers,
};
use crate::{
    config::{
        Config, FloodConfig, LadderStep, OnExpiry, OnLate, PolicyConfig, StrikesConfig, Unjudged,
        WhileHeld,
    },
    message::{Category, Finding, Head, Message, ModelCard, Role, Sender, Severity, Verdict},
};

/// Five minutes: what moderators of live chats are used to.
const HOLD_MS: u64 = 300_000;

/// A policy with its preset filled in.
#[derive(Clone, Debug)]
pub struct Policy {
    pub name: String,
    /// Which of a model's thresholds apply where the policy has none of its own.
    pub preset: &'static str,
    pub while_held: WhileHeld,
    pub hold_ms: u64,
    pub when_full: Unjudged,
    pub on_late: OnLate,
    pub notices: bool,
    pub exempt_roles: Vec<Role>,
    pub exempt_users: Vec<String>,
    pub flood: FloodConfig,
    /// The policy's own thresholds for single heads.
    pub heads: BTreeMap<Head, f32>,
    /// Below it in every hostile head, the model finds a message harmless; 0: it never does.
    pub harmless: f32,
    /// Whose names nobody else may go by.
    pub protected: Protected,
    pub strikes: StrikesConfig,
    pub ladder: Vec<LadderStep>,
    /// How long a paid message waits for a moderator.
    pub paid_hold_ms: u64,
    pub categories: BTreeMap<Category, CategoryPolicy>,
    /// What scores could do under everything above, gone through once.
    pub(super) answers: Answers,
}

#[derive(Clone, Debug)]
pub struct CategoryPolicy {
    pub action: [Verdict; 4],
    /// For every head of the category; from 1 on, the model has no say in it.
    pub threshold: Option<f32>,
    pub on_expiry: OnExpiry,
    pub shadow: bool,
}

impl Policy {
    /// The policies of a configuration by name, the four presets among them under their own names.
    ///
    /// # Errors
    /// Each policy whose preset does not exist.
    pub fn compile(config: &Config) -> Result<BTreeMap<String, Policy>, Vec<String>> {
        let plain = PolicyConfig::default();
        let mut policies = BTreeMap::new();
        for preset in &PRESETS {
            policies.insert(preset.name.to_owned(), fill(preset.name, preset, &plain));
        }
        let mut errors = Vec::new();
        for (name, own) in &config.policy {
            // A policy named like a preset refines it; any other starts from `standard`.
            let named = PRESETS.iter().find(|preset| preset.name == name).map(|preset| preset.name);
            let base = own.preset.as_deref().or(named).unwrap_or("standard");
            match PRESETS.iter().find(|preset| preset.name == base) {
                Some(preset) => drop(policies.insert(name.clone(), fill(name, preset, own))),
                None => errors.push(format!("policy.{name}.preset: there is no preset {base:?}")),
            }
        }
        if errors.is_empty() { Ok(policies) } else { Err(errors) }
    }

    /// How long a message waits for a moderator.
    pub fn hold_ms(&self, message: &Message) -> u64 {
        if message.paid.is_some() { self.paid_hold_ms } else { self.hold_ms }
    }

    /// What becomes of a held message with these findings when nobody decides: `Release` only
    /// where every acting category says so.
    pub fn on_expiry(&self, findings: &[Finding]) -> OnExpiry {
        let mut acting = findings
            .iter()
            .filter(|f| !f.shadow && self.action(f.category, f.severity) > Verdict::Pass)
            .filter_map(|f| self.categories.get(&f.category))
            .peekable();
        let released = acting.peek().is_some() && acting.all(|c| c.on_expiry == OnExpiry::Release);
        if released { OnExpiry::Release } else { OnExpiry::Drop }
    }

    /// The verdict that the policy's table has for a category at a severity.
    pub fn action(&self, category: Category, severity: Severity) -> Verdict {
        let own = self.categories.get(&category);
        own.map_or(Verdict::Pass, |own| own.action[usize::from(severity.level()) - 1])
    }

    /// The score from which a head counts as found; `None` where the model has no say in it.
    ///
    /// The policy's own word for the head is the strongest, then its word for the head's category,
    /// then the model's for the preset.
    pub fn threshold(&self, model: &ModelCard, head: Head) -> Option<f32> {
        let threshold = self.own_threshold(head).or_else(|| model.threshold(self.preset, head));
        threshold.filter(|threshold| *threshold < 1.0)
    }

    /// Whether there can be a model whose word counts for this head.
    pub fn could_find(&self, head: Head) -> bool {
        self.own_threshold(head).map_or(self.preset != OFF, |threshold| threshold < 1.0)
    }

    /// Whether the model has a say in what the lists found in this category.
    pub fn hears(&self, category: Category) -> bool {
        let own = self.categories.get(&category).and_then(|own| own.threshold);
        own.is_none_or(|threshold| threshold < 1.0)
    }

    fn own_threshold(&self, head: Head) -> Option<f32> {
        let category = head.category().and_then(|category| self.categories.get(&category));
        let own = self.heads.get(&head).copied();
        own.or_else(|| category.and_then(|category| category.threshold))
    }

    pub fn in_shadow(&self, category: Category) -> bool {
        self.categories.get(&category).is_some_and(|own| own.shadow)
    }

    /// Exempt senders' messages pass whatever is found in them; it is still recorded.
    ///
    /// Severity 4 is no exception: who is exempt is the channel's own choice, and a moderator who
    /// quotes what was said must not fight the machine. A policy that trusts nobody exempts
    /// nobody. A moderator's time-out is stronger than an exemption: a person decided it.
    pub fn exempts(&self, sender: &Sender) -> bool {
        let by_role = sender.roles.iter().any(|role| self.exempt_roles.contains(role));
        by_role || (!sender.id.is_empty() && self.exempt_users.contains(&sender.id))
    }
}

fn fill(name: &str, preset: &Preset, own: &PolicyConfig) -> Policy {
    let category = |category: Category| {
        let said = own.category(category);
        let policy = CategoryPolicy {
            action: said.and_then(|c| c.action).unwrap_or_else(|| preset.action(category)),
            threshold: said.and_then(|c| c.threshold),
            on_expiry: said.and_then(|c| c.on_expiry).or(own.on_expiry).unwrap_or_default(),
            shadow: said.and_then(|c| c.shadow).unwrap_or(false),
        };
        (category, policy)
    };
    let mut policy = Policy {
        name: name.to_owned(),
        preset: preset.name,
        while_held: own.while_held.unwrap_or_default(),
        hold_ms: own.hold_ms.unwrap_or(HOLD_MS),
        when_full: own.when_full.unwrap_or(preset.when_full),
        on_late: own.on_late.unwrap_or(preset.on_late),
        notices: own.notices.unwrap_or(true),
        exempt_roles: own.exempt_roles.clone().unwrap_or_else(|| preset.exempt_roles.to_vec()),
        exempt_users: own.exempt_users.clone().unwrap_or_default(),
        flood: own.flood.clone().unwrap_or_default(),
        heads: own.heads.clone().unwrap_or_default(),
        harmless: own.harmless.unwrap_or(preset.harmless),
        protected: Protected::new(&own.protected.clone().unwrap_or_default(), preset.name != OFF),
        strikes: own.strikes.clone().unwrap_or_default(),
        ladder: own.ladder.clone().unwrap_or_else(|| preset.ladder()),
        paid_hold_ms: own.paid.clone().unwrap_or_default().hold_ms,
        categories: Category::ALL.into_iter().map(category).collect(),
        answers: Answers::default(),
    };
    policy.answers = Answers::of(&policy);
    policy
}
