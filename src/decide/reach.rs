//! Says whether a score could still change a verdict, up or down.
//!
//! A score counts only through the heads that reach their thresholds and through being harmless,
//! so every answer of every model is one of few. They are gone through in groups: some heads have
//! spoken, of others each is free to. A free head touches its own category alone, and the verdict
//! is the worst over the categories, so the worst of a group is the worst choice in some category,
//! and its mildest is the mildest choice in each.

use super::{
    Heard, Policy, RULES, Seen, at_most, forced,
    heard::{Heads, State},
    placed, scores,
    terms::{self, Term},
};
use crate::message::{
    Category, Finding, Head, Score,
    Verdict::{self, Drop, Mask, Pass},
};

/// The heads that neither speak for others nor make a message hostile.
const PLAIN: [Head; 5] = [Head::Insult, Head::Threat, Head::Obscene, Head::Sexual, Head::SelfHarm];
/// What a harmless message may have nevertheless.
const HARMLESS: [Head; 3] = [Head::Obscene, Head::Sexual, Head::SelfHarm];

/// What a policy can say before it sees a message.
#[derive(Clone, Debug, Default)]
pub(super) struct Answers {
    groups: Vec<Group>,
    /// A score could make something of a message in which nothing was found.
    something: bool,
    /// A category in shadow wants to know.
    curious: bool,
}

impl Answers {
    pub fn of(policy: &Policy) -> Answers {
        let nothing = Reach { policy, terms: Vec::new(), fixed: Vec::new() };
        let mut groups = groups(policy);
        for group in &mut groups {
            group.bare = Category::ALL.map(|category| nothing.choices(category, group));
        }
        let something = groups.iter().any(|group| group.bare.iter().any(|(_, high)| *high > Pass));
        Answers { groups, something, curious: wants_to_know(policy) }
    }
}

impl Policy {
    /// Whether a score could change the verdict, up or down, or add what a category in shadow
    /// wants to know of a message that is not dropped already.
    pub fn needs_score(&self, seen: &Seen) -> bool {
        // An exempt sender's message passes whatever is found in it; a model reads no names.
        if self.exempts(&seen.message.sender) || seen.message.is_name {
            return false;
        }
        let reach = Reach::new(self, seen);
        let Answers { groups, something, curious } = &self.answers;
        if reach.terms.is_empty() && reach.fixed.is_empty() {
            return *something || *curious;
        }
        if reach.fixed.iter().any(|finding| finding.rule == super::time_out::TIME_OUT) {
            return false;
        }
        let touched = Category::ALL.map(|category| reach.touches(category));
        let so_far = reach.verdict(State::default());
        let changes = |group: &Group| {
            let (mildest, worst) = reach.range(group, &touched);
            let capped = |verdict| at_most(seen.message, verdict);
            capped(mildest) < capped(so_far) || capped(worst) > capped(so_far)
        };
        groups.iter().any(changes) || (so_far < Drop && *curious)
    }
}

/// Whether there is a category in shadow in which the model could find what would act.
fn wants_to_know(policy: &Policy) -> bool {
    let acts = |category: Category| {
        // A score is of severity 3 at most.
        let own = policy.categories.get(&category);
        own.is_some_and(|own| own.shadow && own.action[..3].iter().any(|action| *action > Pass))
    };
    Head::ALL.into_iter().any(|head| policy.could_find(head) && head.category().is_some_and(acts))
}

/// Answers that have some heads in common and others free.
#[derive(Clone, Debug)]
struct Group {
    spoken: State,
    free: Heads,
    /// The mildest and the worst choice in each category in which nothing else was found.
    bare: [(Verdict, Verdict); Category::ALL.len()],
}

/// Groups that hold every answer which a model could give under this policy; those that change
/// most verdicts first.
fn groups(policy: &Policy) -> Vec<Group> {
    let could = |head: &Head| policy.could_find(*head);
    // Nine, and the same with `severe`.
    let mut groups = Vec::with_capacity(18);
    let mut add = |spoken: &[Head], free: &[Head], harmless: bool| {
        if spoken.iter().all(could) {
            let at = Heads::of(spoken.iter().copied());
            let free = Heads::of(free.iter().copied().filter(could));
            let bare = [(Pass, Pass); Category::ALL.len()];
            groups.push(Group { spoken: State { at, harmless }, free, bare });
        }
    };
    add(&[Head::IdentityHate], &PLAIN, false);
    add(&[], &PLAIN, false);
    if policy.harmless > 0.0 {
        add(&[], &HARMLESS, true);
    }
    // `toxic` finds something only where no other head does what acts: it is asked alone, and
    // beside each that acts.
    add(&[Head::Toxic], &[], false);
    let acts = |head: &Head| head.category().is_some_and(|own| !policy.in_shadow(own));
    for head in PLAIN.into_iter().filter(acts) {
        add(&[Head::Toxic, head], &PLAIN, false);
    }
    // The same with `severe`, which touches every category at once.
    if could(&Head::Severe) {
        let severe = Heads::of([Head::Severe]);
        let worse = |group: &Group| {
            let at = group.spoken.at.with(severe);
            Group { spoken: State { at, ..group.spoken }, ..group.clone() }
        };
        let all: Vec<Group> = groups.iter().map(worse).collect();
        groups.extend(all);
    }
    groups
}

/// What is known of a message without its score.
struct Reach<'a> {
    policy: &'a Policy,
    terms: Vec<Term<'a>>,
    /// What acts, and no score changes.
    fixed: Vec<Finding>,
}

impl<'a> Reach<'a> {
    fn new(policy: &'a Policy, seen: &Seen<'a>) -> Reach<'a> {
        let heard = Heard::new(policy, &Score::Skipped);
        let mut fixed = Vec::new();
        for rule in RULES.iter().filter(|rule| !rule.hears()) {
            rule.find(policy, seen, &heard, &mut fixed);
        }
        fixed.retain(|finding| !finding.shadow);
        Reach { policy, terms: terms::terms(policy, seen), fixed }
    }

    fn verdict(&self, state: State) -> Verdict {
        let each = Category::ALL.into_iter().map(|category| self.value(category, state));
        each.max().unwrap_or(Pass)
    }

    fn touches(&self, category: Category) -> bool {
        self.terms.iter().any(|term| term.category() == category)
            || self.fixed.iter().any(|finding| finding.category == category)
    }

    /// The mildest and the worst verdict over a group of answers.
    fn range(&self, group: &Group, touched: &[bool; Category::ALL.len()]) -> (Verdict, Verdict) {
        let each = Category::ALL.into_iter().map(|category| match touched[category as usize] {
            true => self.choices(category, group),
            false => group.bare[category as usize],
        });
        each.fold((Pass, Pass), |all, own| (all.0.max(own.0), all.1.max(own.1)))
    }

    /// The mildest and the worst that a group of answers can make of one category.
    fn choices(&self, category: Category, group: &Group) -> (Verdict, Verdict) {
        let without = self.value(category, group.spoken);
        let (mut mildest, mut worst) = (without, without);
        for head in PLAIN.into_iter().filter(|head| head.category() == Some(category)) {
            if group.free.has(head) {
                let at = group.spoken.at.with(Heads::of([head]));
                let with = self.value(category, State { at, ..group.spoken });
                (mildest, worst) = (mildest.min(with), worst.max(with));
            }
        }
        (mildest, worst)
    }

    /// What one category asks for, as [`super::verdict`] would have it.
    fn value(&self, category: Category, state: State) -> Verdict {
        let policy = self.policy;
        let shadow = policy.in_shadow(category);
        let found = scores::found(policy, state, category).map(|(_, severity)| severity);
        let fixed = self.fixed.iter().filter(|finding| finding.category == category);
        let fixed = fixed.map(|finding| match forced(&finding.rule) {
            Some(forced) => (forced, false),
            None => (policy.action(category, finding.severity), finding.span.is_some()),
        });
        let terms = self.terms.iter().filter(|term| !shadow && term.category() == category);
        let terms = terms.map(|term| (term.severity(state, found), !term.span.is_empty()));
        let model = found.filter(|_| !shadow).map(|severity| (severity, false));
        let judged = terms.chain(model);
        let judged = judged.map(|(severity, place)| (policy.action(category, severity), place));
        let actions = fixed.chain(judged);
        let covered = actions.clone().any(|(action, place)| place && action >= Mask);
        actions.map(|(action, place)| placed(action, place || covered)).max().unwrap_or(Pass)
    }
}
