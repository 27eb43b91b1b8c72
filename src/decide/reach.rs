//! Says whether a score could still change a verdict, up or down.
//!
//! A score counts only through the heads that reach their thresholds and through being harmless,
//! so every answer of every model is one of few. They are gone through in groups: some heads have
//! spoken, of others each is free to. A free head touches its own category alone, and the verdict
//! is the worst over the categories, so the worst of a group is the worst choice in some category,
//! and its mildest is the mildest choice in each.

use super::{
    Policy, Prepared, Seen,
    floor::{PASS, Table, asks},
    heard::{Heads, State},
    placed, prepare, scores, shares,
    terms::{self, Term},
};
use crate::message::{
    Category, Finding, Head, Severity,
    Verdict::{self, Drop, Hold, Mask, Pass},
};

/// The heads that neither speak for others nor make a message hostile.
const PLAIN: [Head; 5] = [Head::Insult, Head::Threat, Head::Obscene, Head::Sexual, Head::SelfHarm];
/// What a harmless message may have nevertheless.
const HARMLESS: [Head; 3] = [Head::Obscene, Head::Sexual, Head::SelfHarm];

/// What a policy can say before it sees a message, as each part of it would have it.
#[derive(Clone, Debug, Default)]
pub(super) struct Answers {
    whole: Answer,
    /// Where the model's findings are only recorded, the floor's apart.
    muted: Answer,
    floor: Answer,
    /// The part of the floor from which nobody is exempt.
    for_all: Answer,
}

impl Answers {
    pub fn of(policy: &Policy) -> Answers {
        let answer = |table, muted| Answer::of(policy, table, muted);
        Answers {
            whole: answer(&policy.table, false),
            muted: answer(&policy.table, true),
            floor: answer(&policy.floor.action, false),
            for_all: answer(&policy.floor.for_all, false),
        }
    }
}

/// What one table of verdicts makes of all answers.
#[derive(Clone, Debug, Default)]
struct Answer {
    groups: Vec<Group>,
    /// A score could make something of a message in which nothing was found.
    something: bool,
    /// A category in shadow wants to know.
    curious: bool,
}

impl Answer {
    fn of(policy: &Policy, table: &Table, muted: bool) -> Answer {
        let (terms, fixed) = (Vec::new(), Vec::new());
        let nothing = Reach { policy, table, muted, terms, fixed };
        let mut groups = groups(policy);
        for group in &mut groups {
            group.bare = Category::ALL.map(|category| nothing.choices(category, group));
        }
        let something = groups.iter().any(|group| group.bare.iter().any(|(_, high)| *high > Pass));
        Answer { groups, something, curious: wants_to_know(policy, muted) }
    }
}

impl Prepared<'_> {
    /// Whether a score could change the verdict, up or down, or add what a category or a rule in
    /// shadow wants to know of a message that is not dropped already. The verdict is the one that
    /// the policy asks for, which decides what becomes of a paid message when nobody does.
    ///
    /// Where a condition hangs on the score, it may be asked for in vain: what an expression makes
    /// of all scores is not gone through.
    pub fn needs_score(&self) -> bool {
        let (policy, seen, answers) = (self.policy, self.seen, &self.policy.answers);
        if seen.message.is_name {
            // A model reads no names.
            return false;
        }
        if policy.exempts(&seen.message.sender) {
            // Such a message passes whatever is found in it, but for the floor.
            let reach = || Reach::new(self, &policy.floor.for_all, false);
            return policy.floor.for_all != PASS && reach().changes(&answers.for_all, Pass);
        }
        let muted = policy.mutes_model(seen);
        let answer = if muted { &answers.muted } else { &answers.whole };
        match policy.foretold(seen) {
            Foretold::Table => Reach::new(self, &policy.table, muted).needs(answer),
            Foretold::Unknown => !Reach::new(self, &policy.table, muted).is_timed_out(),
            // It has the last word but for the floor.
            Foretold::Word(then) => {
                let reach = Reach::new(self, &policy.floor.action, false);
                match reach.placed(then) {
                    Some(then) => {
                        let so_far = reach.verdict(State::default()).max(then);
                        let wanted = so_far < Drop && answer.curious && !reach.is_timed_out();
                        wanted || reach.changes(&answers.floor, then)
                    }
                    None => !reach.is_timed_out(),
                }
            }
        }
    }
}

impl Policy {
    /// [`Prepared::needs_score`] of a message that is asked about alone.
    pub fn needs_score(&self, seen: &Seen) -> bool {
        prepare(self, seen).needs_score()
    }

    /// What the conditions will come to, as far as that can be told without a score: the last that
    /// applies has the word.
    fn foretold(&self, seen: &Seen) -> Foretold {
        // A nuke that acts is stronger than they are.
        if seen.recent.nuked.is_some() && !self.conditions.is_empty() {
            return Foretold::Unknown;
        }
        for condition in self.conditions.iter().rev() {
            let mute = shares::is_mute(condition.mode, &condition.rule, seen);
            match condition.foretold(self, seen) {
                Some(true) if !mute => return Foretold::Word(condition.then),
                // One in shadow wants to know as well.
                None => return Foretold::Unknown,
                Some(_) => {}
            }
        }
        Foretold::Table
    }
}

/// What is known of the conditions without a score.
enum Foretold {
    /// None applies.
    Table,
    /// The last that applies says so.
    Word(Verdict),
    /// The score has a say.
    Unknown,
}

/// Whether the model could find what would act in a category that is in shadow, or in any where
/// the model itself is.
fn wants_to_know(policy: &Policy, muted: bool) -> bool {
    let acts = |category: Category| {
        // A score is of severity 3 at most.
        let own = policy.categories.get(&category);
        own.is_some_and(|own| {
            (own.shadow || muted) && own.action[..3].iter().any(|action| *action > Pass)
        })
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
    /// Whose verdicts count.
    table: &'a Table,
    /// The model's findings are only recorded.
    muted: bool,
    terms: Vec<Term<'a>>,
    /// What acts, and no score changes.
    fixed: Vec<&'a Finding>,
}

impl<'a> Reach<'a> {
    fn new(prepared: &'a Prepared<'a>, table: &'a Table, muted: bool) -> Reach<'a> {
        let Prepared { policy, seen, .. } = *prepared;
        let fixed = prepared.fixed.iter().filter(|finding| !finding.shadow).collect();
        Reach { policy, table, muted, terms: terms::terms(policy, seen), fixed }
    }

    /// What a moderator decided needs no score.
    fn is_timed_out(&self) -> bool {
        self.fixed.iter().any(|finding| finding.rule == super::time_out::TIME_OUT)
    }

    /// What a condition's word comes to where a mask needs a place; unknown where the score may
    /// take a term that is on trial in or out.
    fn placed(&self, then: Verdict) -> Option<Verdict> {
        let acts = |term: &&Term| !self.policy.in_shadow(term.category()) && !term.span.is_empty();
        let mut terms = self.terms.iter().filter(acts);
        let place = self.fixed.iter().any(|f| f.span.as_ref().is_some_and(|s| !s.is_empty()));
        match then {
            Mask if place || terms.clone().any(|term| !term.is_muted()) => Some(Mask),
            Mask if terms.next().is_some() => None,
            then => Some(placed(then, false, Hold)),
        }
    }

    /// Whether a score could change the verdict, or is wanted.
    fn needs(&self, answer: &Answer) -> bool {
        if self.terms.is_empty() && self.fixed.is_empty() {
            return answer.something || answer.curious;
        }
        if self.is_timed_out() {
            return false;
        }
        let wanted = answer.curious && self.verdict(State::default()) < Drop;
        wanted || self.changes(answer, Pass)
    }

    /// Whether a score could change the verdict, which is `least` whatever was found.
    fn changes(&self, answer: &Answer, least: Verdict) -> bool {
        if self.is_timed_out() {
            return false;
        }
        let touched = Category::ALL.map(|category| self.touches(category));
        let bound = |verdict: Verdict| verdict.max(least);
        let so_far = bound(self.verdict(State::default()));
        answer.groups.iter().any(|group| {
            let (mildest, worst) = self.range(group, &touched);
            bound(mildest) < so_far || bound(worst) > so_far
        })
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

    /// What a finding that no score changes asks for: the floor goes by category and severity, a
    /// policy's own table leaves some rules their own word.
    fn asks(&self, finding: &Finding) -> Verdict {
        match std::ptr::eq(self.table, &self.policy.table) {
            true => self.policy.asks(finding),
            false => asks(self.table, finding.category, finding.severity),
        }
    }

    /// What becomes of a mask that the model asks for without a place; no floor lets it pass.
    fn unplaced(&self, category: Category, severity: Severity) -> Verdict {
        match std::ptr::eq(self.table, &self.policy.table) {
            true => self.policy.unplaced(category, severity),
            false => Hold,
        }
    }

    /// What one category asks for, as [`super::judge`] would have it.
    fn value(&self, category: Category, state: State) -> Verdict {
        let policy = self.policy;
        let shadow = policy.in_shadow(category);
        let found = scores::found(policy, state, category).map(|(_, severity)| severity);
        let fixed = self.fixed.iter().filter(|finding| finding.category == category);
        let fixed = fixed.map(|finding| (self.asks(finding), finding.span.is_some()));
        let by_table = |severity: Severity| asks(self.table, category, severity);
        let terms = self.terms.iter().filter(|term| term.category() == category);
        let terms = terms.filter_map(|term| {
            let severity = term.severity(state, found);
            let acts = !term.in_shadow(policy, severity);
            acts.then(|| (by_table(severity), !term.span.is_empty()))
        });
        let records = |severity: &Severity| {
            shadow || (self.muted && policy.floor_passes(category, *severity))
        };
        let model = found.filter(|own| !records(own));
        let listed = fixed.chain(terms);
        let covered = listed.clone().any(|(action, place)| place && action >= Mask);
        let model = model.map_or(Pass, |severity| {
            placed(by_table(severity), covered, self.unplaced(category, severity))
        });
        let listed = listed.map(|(action, place)| placed(action, place || covered, Hold));
        listed.max().unwrap_or(Pass).max(model)
    }
}
