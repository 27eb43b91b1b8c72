//! Fills a policy's preset in and answers what it does with a finding.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{
    art::ART,
    conditions::Condition,
    crowd,
    doxxing::{Personal, Secrets},
    floor::{Floor, Table, asks},
    impersonation::Protected,
    links::Links,
    presets::{OFF, PRESETS, Preset, rank},
    reach::Answers,
    shares::Shares,
    strictness::Strictness,
    strikes,
    trust::{Waivable, trusting, waivable},
};
use crate::{
    config::{
        Config, CrowdConfig, FloodConfig, LadderStep, OnExpiry, OnLate, PersonalConfig,
        PolicyConfig, ShapeConfig, ShieldConfig, StrikesConfig, Unattended, Unjudged, WhileHeld,
    },
    message::{
        Category, Finding, Head, Message, ModelCard, Role, Sender, Severity, Tongues, Verdict,
    },
};

/// Five minutes: what moderators of live chats are used to.
const HOLD_MS: u64 = 300_000;

/// A policy with its preset filled in.
#[derive(Clone, Debug)]
pub struct Policy {
    pub name: Arc<str>,
    /// Where its route stands in the path; `hook` without a route. Conditions may ask.
    pub mode: &'static str,
    /// It is the stricter form of a policy, in force while the shield is up. Conditions may ask.
    pub is_shield: bool,
    /// Which of a model's thresholds apply where the policy has none of its own.
    pub preset: &'static str,
    /// What the channel speaks; empty where nobody said.
    pub language: Tongues,
    pub while_held: WhileHeld,
    pub hold_ms: u64,
    pub when_full: Unjudged,
    pub on_late: OnLate,
    pub notices: bool,
    pub exempt_roles: Vec<Role>,
    pub exempt_users: Vec<String>,
    pub flood: FloodConfig,
    pub links: Links,
    pub shape: ShapeConfig,
    pub emotes: BTreeSet<String>,
    /// What becomes of pictures made of characters.
    pub art: Verdict,
    pub personal: Personal,
    pub crowd: CrowdConfig,
    pub shield: ShieldConfig,
    /// What judges a channel in shield mode; `None` in the one that does.
    pub shielded: Option<Arc<Policy>>,
    /// What judges senders whom a moderator trusts; `None` in the one that does.
    pub trusting: Option<Arc<Policy>>,
    /// What judges while nobody is on duty, where that is another policy.
    pub stand_in: Option<Arc<Policy>>,
    /// What is held waits for somebody on duty.
    pub waits_for_duty: bool,
    /// It is the milder form, for whom a moderator trusts.
    pub is_trusting: bool,
    /// In which categories moderators may waive what is found.
    pub(super) waivable: Waivable,
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
    /// Rules and word lists that are not enforced for everybody.
    pub shares: Shares,
    pub(super) conditions: Vec<Condition>,
    pub(super) floor: Floor,
    /// The verdicts of all categories, the floor's among them.
    pub(super) table: Table,
    /// Where the floor alone is why they are so severe.
    pub(super) raised: [[bool; 4]; Category::ALL.len()],
    /// What scores could do under everything above, gone through once.
    pub(super) answers: Answers,
}

#[derive(Clone, Debug)]
pub struct CategoryPolicy {
    pub action: [Verdict; 4],
    /// For every head of the category; from 1 on, the model has no say in it.
    pub threshold: Option<f32>,
    /// Which of a model's thresholds apply where there is none of its own.
    pub thresholds: &'static str,
    /// As of which level a model is heard at the latest, whatever the threshold is.
    pub least: Option<Strictness>,
    pub on_expiry: OnExpiry,
    pub shadow: bool,
}

impl Policy {
    /// The policies of a configuration by name, the presets among them under their own names.
    ///
    /// # Errors
    /// Each policy whose preset does not exist, each rule that does not, and each condition that
    /// cannot be evaluated.
    pub fn compile(config: &Config) -> Result<BTreeMap<String, Policy>, Vec<String>> {
        let (plain, floor) = (PolicyConfig::default(), Floor::of(&config.floor));
        let mut policies = BTreeMap::new();
        for preset in &PRESETS {
            policies.insert(preset.name.to_owned(), fill(preset.name, preset, &plain, &floor));
        }
        let said = |(key, cause)| format!("{key}: {cause}");
        let mut errors: Vec<String> = Policy::problems(config).into_iter().map(said).collect();
        for (name, own) in &config.policy {
            let faults = own.links.iter().flat_map(Links::faults);
            errors.extend(faults.map(|(key, cause)| format!("policy.{name}.links.{key}: {cause}")));
            // A policy named like a preset refines it; any other starts from `standard`.
            let named = PRESETS.iter().find(|preset| preset.name == name).map(|preset| preset.name);
            let base = own.preset.as_deref().or(named).unwrap_or("standard");
            match PRESETS.iter().find(|preset| preset.name == base) {
                Some(preset) => {
                    policies.insert(name.clone(), fill(name, preset, own, &floor));
                }
                None => errors.push(format!("policy.{name}.preset: there is no preset {base:?}")),
            }
        }
        if errors.is_empty() { Ok(policies) } else { Err(errors) }
    }

    /// The same for a route of this mode.
    pub fn in_mode(&self, mode: &'static str) -> Policy {
        let form = |own: &Arc<Policy>| Arc::new(own.in_mode(mode));
        let (shielded, trusting) =
            (self.shielded.as_ref().map(form), self.trusting.as_ref().map(form));
        let stand_in = self.stand_in.as_ref().map(form);
        Policy { mode, shielded, trusting, stand_in, ..self.clone() }
    }

    /// Key and cause of everything wrong in policies that only the rules themselves can tell.
    pub fn problems(config: &Config) -> Vec<(String, String)> {
        let mut found = Vec::new();
        for (name, own) in &config.policy {
            let rules = own.rules.iter().flat_map(|rules| Shares::compile(rules).err());
            found.extend(
                rules.flatten().map(|(rule, cause)| (format!("policy.{name}.rules.{rule}"), cause)),
            );
            for (index, condition) in own.when.iter().flatten().enumerate() {
                if let Err(cause) = Condition::compile(condition) {
                    found.push((format!("policy.{name}.when[{index}].if"), cause));
                }
            }
        }
        found
    }

    /// Gives every form of the policy the channel's own secrets.
    pub fn arm(&mut self, secrets: Secrets) {
        for form in [&mut self.shielded, &mut self.trusting].into_iter().flatten() {
            Arc::make_mut(form).arm(secrets.clone());
        }
        self.personal.secrets = secrets;
    }

    /// The same with another policy's secrets besides its own.
    pub fn arm_also(&mut self, other: &Policy) {
        let own = std::mem::take(&mut self.personal.secrets);
        self.arm(own.and(&other.personal.secrets));
    }

    /// How long a message waits for a moderator.
    pub fn hold_ms(&self, message: &Message) -> u64 {
        if message.paid.is_some() { self.paid_hold_ms } else { self.hold_ms }
    }

    /// For how long somebody has to be on duty before the clock ends a message that is held;
    /// `None` where nobody has to.
    pub fn attended_ms(&self, message: &Message) -> Option<u64> {
        self.waits_for_duty.then(|| self.hold_ms(message))
    }

    /// What judges while somebody is on duty or nobody is.
    pub fn attended(&self, attended: bool) -> &Policy {
        self.stand_in.as_deref().filter(|_| !attended).unwrap_or(self)
    }

    /// Whether what was held for this may be released when nobody decides: where its category
    /// says so, and the floor where it acts.
    pub fn releases(&self, finding: &Finding) -> bool {
        let own = self.categories.get(&finding.category);
        own.is_some_and(|own| own.on_expiry == OnExpiry::Release)
            && (!self.floor.acts_on(finding) || self.floor.releases(finding.category))
    }

    /// What judges a message whose channel is in shield mode or not, of a sender whom a moderator
    /// trusts or not.
    pub fn acting(&self, shield: bool, trusted: bool) -> &Policy {
        let policy = self.shielded.as_deref().filter(|_| shield).unwrap_or(self);
        policy.trusting.as_deref().filter(|_| trusted).unwrap_or(policy)
    }

    /// The verdict that the policy's table has for a category at a severity.
    pub fn action(&self, category: Category, severity: Severity) -> Verdict {
        asks(&self.table, category, severity)
    }

    /// The verdict that a finding asks for, whatever its place in the text: by category and
    /// severity, but for the rules that have a word of their own, which the floor still binds.
    pub fn asks(&self, finding: &Finding) -> Verdict {
        let floor = asks(&self.floor.action, finding.category, finding.severity);
        match self.own_word(finding) {
            Some(own) => own.max(floor),
            None => self.action(finding.category, finding.severity),
        }
    }

    /// What becomes of a mask that the model asks for and no place has. A person has to look, but
    /// for swearing where the preset of its category says otherwise and no floor asks for the mask.
    pub(super) fn unplaced(&self, category: Category, severity: Severity) -> Verdict {
        let floor = asks(&self.floor.action, category, severity) >= Verdict::Mask;
        let own = self.categories.get(&category).filter(|_| category == Category::Profanity);
        let preset = own.filter(|_| !floor).and_then(|own| rank(own.thresholds));
        preset.map_or(Verdict::Hold, |preset| PRESETS[preset].swearing)
    }

    /// What a rule asks for whatever the table says of its category.
    pub(super) fn own_word(&self, finding: &Finding) -> Option<Verdict> {
        let enough = |level: u8| finding.severity.level() >= level;
        Some(match finding.rule.as_str() {
            _ if self.trusts_in(finding) => Verdict::Pass,
            crowd::SLOW => Verdict::Drop,
            crowd::SHIELD | strikes::STRIKES => Verdict::Hold,
            // A raid may be a friendly one: a person looks, and decides for all of it at once.
            crowd::CROWD if self.crowd.action == Verdict::Hold && enough(3) => Verdict::Drop,
            crowd::CROWD => self.crowd.action,
            crowd::NUKE if enough(4) => Verdict::Drop,
            crowd::NUKE => Verdict::Hold,
            // Nobody can list what a picture shows, and a flood of them is the flood rule's: it is
            // for a person to look at, which is not what becomes of other spam.
            ART => self.art,
            _ => return None,
        })
    }

    /// The score from which a head counts as found; `None` where the model has no say in it.
    ///
    /// The policy's own word for the head is the strongest, then its word for the head's category,
    /// then the model's for the preset; and none is above the floor's.
    pub fn threshold(&self, model: &ModelCard, head: Head) -> Option<f32> {
        let of_model = || model.threshold(self.thresholds(head), head);
        let own = self.own_threshold(head).or_else(of_model);
        let set = self.least(head).and_then(|least| model.threshold(least.name(), head));
        let floor = self.floor.thresholds[head as usize];
        let threshold = own.into_iter().chain(set).chain(floor).reduce(f32::min);
        threshold.filter(|threshold| *threshold < 1.0)
    }

    /// Whether there can be a model whose word counts for this head.
    pub fn could_find(&self, head: Head) -> bool {
        self.floor.thresholds[head as usize].is_some_and(|least| least < 1.0)
            || self.least(head).is_some_and(|least| least > Strictness::Off)
            || self.own_threshold(head).map_or(self.thresholds(head) != OFF, |own| own < 1.0)
    }

    /// Whether the model has a say in what the lists found in this category.
    pub fn hears(&self, category: Category) -> bool {
        let own = self.categories.get(&category).and_then(|own| own.threshold);
        let floor = |head: &Head| self.floor.thresholds[*head as usize].is_some_and(|t| t < 1.0);
        let mut heads = Head::ALL.into_iter().filter(|head| head.category() == Some(category));
        let set = self.categories.get(&category).and_then(|own| own.least);
        own.is_none_or(|threshold| threshold < 1.0)
            || set.is_some_and(|least| least > Strictness::Off)
            || heads.any(|head| floor(&head))
    }

    fn least(&self, head: Head) -> Option<Strictness> {
        self.categories.get(&head.category()?)?.least
    }

    /// Which of a model's thresholds apply to a head.
    fn thresholds(&self, head: Head) -> &'static str {
        let category = head.category().and_then(|category| self.categories.get(&category));
        category.map_or(self.preset, |category| category.thresholds)
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

fn fill(name: &str, preset: &Preset, own: &PolicyConfig, floor: &Floor) -> Policy {
    let mut raised = [[false; 4]; Category::ALL.len()];
    let mut category = |category: Category| {
        let said = own.category(category);
        let mut action = said.and_then(|c| c.action).unwrap_or_else(|| preset.action(category));
        let mut shadow = said.and_then(|c| c.shadow).unwrap_or(false);
        if shadow && floor.acts_in(category) {
            // The channel's own actions are on trial, the floor's are not.
            (action, shadow) = ([Verdict::Pass; 4], false);
        }
        let least = &floor.action[category as usize];
        raised[category as usize] = std::array::from_fn(|at| least[at] > action[at]);
        let policy = CategoryPolicy {
            action: std::array::from_fn(|at| action[at].max(least[at])),
            threshold: said.and_then(|c| c.threshold),
            thresholds: preset.thresholds,
            least: None,
            on_expiry: said.and_then(|c| c.on_expiry).or(own.on_expiry).unwrap_or_default(),
            shadow,
        };
        (category, policy)
    };
    let categories: BTreeMap<_, _> = Category::ALL.into_iter().map(&mut category).collect();
    let shares = own.rules.as_ref().and_then(|rules| Shares::compile(rules).ok());
    let harmless = own.harmless.unwrap_or(preset.harmless);
    let on_late = own.on_late.unwrap_or(preset.on_late);
    let when_full = own.when_full.unwrap_or(preset.when_full);
    with_forms(Policy {
        name: name.into(),
        mode: "hook",
        is_shield: false,
        preset: preset.thresholds,
        language: own.language.unwrap_or_default(),
        while_held: own.while_held.unwrap_or_default(),
        hold_ms: own.hold_ms.unwrap_or(HOLD_MS),
        when_full: if floor.when_full == Unjudged::Drop { Unjudged::Drop } else { when_full },
        on_late: if floor.on_late == OnLate::Hold { OnLate::Hold } else { on_late },
        notices: own.notices.unwrap_or(true),
        exempt_roles: own.exempt_roles.clone().unwrap_or_else(|| preset.exempt_roles.to_vec()),
        exempt_users: own.exempt_users.clone().unwrap_or_default(),
        flood: own.flood.clone().unwrap_or_default(),
        art: own.shape.as_ref().and_then(|shape| shape.art).unwrap_or(preset.art),
        shape: own.shape.clone().unwrap_or_default(),
        emotes: own.emotes.iter().flatten().cloned().collect(),
        links: Links::compile(&own.links.clone().unwrap_or_default()),
        personal: Personal::new(own.personal.as_ref().unwrap_or(&PersonalConfig::default())),
        crowd: own.crowd.clone().unwrap_or_else(|| preset.crowd()),
        shield: own.shield.clone().unwrap_or_else(|| preset.shield()),
        shielded: None,
        trusting: None,
        stand_in: None,
        waits_for_duty: own.unattended.as_ref().is_some_and(|u| u.action == Unattended::Hold),
        is_trusting: false,
        waivable: waivable(own.waivable.as_deref()),
        heads: own.heads.clone().unwrap_or_default(),
        harmless: floor.harmless.map_or(harmless, |most| harmless.min(most)),
        table: Category::ALL.map(|category| categories[&category].action),
        categories,
        shares: shares.unwrap_or_default(),
        conditions: conditions(preset, own),
        floor: floor.clone(),
        raised,
        protected: Protected::new(&own.protected.clone().unwrap_or_default(), preset.name != OFF),
        strikes: own.strikes.clone().unwrap_or_default(),
        ladder: own.ladder.clone().unwrap_or_else(|| preset.ladder()),
        paid_hold_ms: own.paid.clone().unwrap_or_default().hold_ms,
        answers: Answers::default(),
    })
}

/// The preset's come first, so that the policy has the last word. Whatever cannot be compiled is
/// named by `problems`, and the policy is not used.
fn conditions(preset: &Preset, own: &PolicyConfig) -> Vec<Condition> {
    let preset_when = preset.when();
    let when = preset_when.iter().chain(own.when.iter().flatten());
    when.filter_map(|own| Condition::compile(own).ok()).collect()
}

/// The policy with what it says of all scores, and with its other forms.
pub(super) fn with_forms(mut policy: Policy) -> Policy {
    policy.answers = Answers::of(&policy);
    policy.shielded = Some(Arc::new(stricter(&policy)));
    policy.trusting = Some(Arc::new(trusting(&policy)));
    policy
}

/// The policy in shield mode: in each category the stricter of its own table and the shield
/// preset's. Who is exempt and what is in shadow stay as they are.
fn stricter(policy: &Policy) -> Policy {
    let strict = PRESETS.iter().find(|preset| preset.name == policy.shield.preset);
    let Some(strict) = strict else { return policy.clone() };
    let mut shielded = policy.clone();
    shielded.is_shield = true;
    for category in Category::ALL {
        let own = shielded.categories.get_mut(&category);
        let own = own.expect("a policy knows every category");
        if rank(strict.thresholds) > rank(own.thresholds) {
            own.thresholds = strict.thresholds;
        }
        let own = &mut own.action;
        for (at, other) in strict.action(category).into_iter().enumerate() {
            // What the shield asks for beyond the floor is not the floor's doing.
            shielded.raised[category as usize][at] &= other <= own[at];
            own[at] = own[at].max(other);
        }
        shielded.table[category as usize] = *own;
    }
    if rank(strict.name) > rank(policy.preset) {
        shielded.preset = strict.thresholds;
        shielded.harmless = policy.harmless.min(strict.harmless);
    }
    shielded.answers = Answers::of(&shielded);
    shielded.trusting = Some(Arc::new(trusting(&shielded)));
    shielded
}
