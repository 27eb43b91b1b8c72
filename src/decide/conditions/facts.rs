//! Resolves the variables of conditions, each only where an expression asks for it.

use std::collections::HashMap;

use cel::{
    common::{
        types::{CelBool, CelDouble, CelInt, CelList, CelMap, CelMapKey, CelString},
        value::{CowVal, Val},
    },
    context::VariableResolver,
};

use super::SoFar;
use crate::{
    decide::{Policy, Seen},
    message::{Category, Role, Score},
};

/// One message as conditions see it.
pub(super) struct Facts<'a> {
    pub policy: &'a Policy,
    pub seen: &'a Seen<'a>,
    /// What hangs on the score; `None` before it is known, and then it cannot be named.
    pub known: Option<SoFar<'a>>,
}

impl VariableResolver for Facts<'_> {
    /// `sender.first` is asked for whole, and `sender` alone only where that gave nothing.
    fn resolve<'b>(&'b self, name: &str) -> Option<CowVal<'b, 'b>> {
        let (message, recent) = (self.seen.message, self.seen.recent);
        match name.split_once('.').unwrap_or((name, "")) {
            ("channel", "") => Some(text(&message.channel)),
            ("route", "") => Some(text(&message.route)),
            ("mode", "") => Some(text(self.policy.mode)),
            ("shield", "") => Some(truth(self.policy.is_shield)),
            ("sender", "first") => Some(truth(recent.first)),
            ("sender", "newcomer") => Some(truth(self.is_newcomer())),
            ("sender", "trusted") => Some(truth(recent.trusted)),
            ("sender", "messages") => Some(number(recent.messages as usize)),
            ("sender", "repeats") => Some(number(recent.repeats as usize)),
            ("sender", "roles") => Some(self.roles()),
            ("text", "length") => Some(number(message.text.chars().count())),
            ("text", "words") => Some(number(message.text.split_whitespace().count())),
            (root, part) => self.known?.resolve(root, part),
        }
    }
}

impl Facts<'_> {
    /// Of a sender without an id, nothing is ever remembered.
    fn is_newcomer(&self) -> bool {
        let recent = self.seen.recent;
        let unknown = recent.first && self.seen.message.sender.roles.is_empty();
        recent.newcomer || (unknown && !recent.trusted)
    }

    fn roles<'b>(&self) -> CowVal<'b, 'b> {
        // Each once, whatever the protocol said: the list is bounded.
        let mine = &self.seen.message.sender.roles;
        let held = Role::ALL.into_iter().filter(|role| mine.contains(role));
        let names = held.map(|role| Box::new(CelString::from(role.name())) as Box<dyn Val>);
        CowVal::owned(CelList::from(names.collect::<Vec<_>>()))
    }
}

impl<'a> SoFar<'a> {
    fn resolve<'b>(&self, root: &str, part: &str) -> Option<CowVal<'b, 'b>>
    where
        'a: 'b,
    {
        match (root, part) {
            ("verdict", "") => Some(text(self.verdict.name())),
            ("scored", "") => Some(truth(matches!(self.heard.score, Score::Known(_)))),
            ("categories", "") => Some(self.categories()),
            ("categories", name) => Some(number(self.severity(Category::named(name)?))),
            ("scores", "") => Some(self.scores()),
            ("scores", name) => {
                let Score::Known(scores) = self.heard.score else { return None };
                let own = scores.all().find(|(head, _)| ***head == *name);
                own.map(|(_, score)| CowVal::owned(CelDouble::from(f64::from(score))))
            }
            _ => None,
        }
    }

    /// The worst that acts in a category; 0 where nothing does.
    fn severity(&self, category: Category) -> usize {
        let own = self.findings.iter().filter(|f| !f.shadow && f.category == category);
        own.map(|finding| finding.severity.level().into()).max().unwrap_or(0)
    }

    fn categories<'b>(&self) -> CowVal<'b, 'b> {
        let all = Category::ALL.into_iter();
        map(all.map(|category| (category.name(), value(self.severity(category)))))
    }

    fn scores<'b>(&self) -> CowVal<'b, 'b>
    where
        'a: 'b,
    {
        let Score::Known(scores) = self.heard.score else { return map(std::iter::empty()) };
        let one = |score: f32| Box::new(CelDouble::from(f64::from(score))) as Box<dyn Val>;
        map(scores.all().map(|(head, score)| (&**head, one(score))))
    }
}

fn text<'b>(text: &'b str) -> CowVal<'b, 'b> {
    CowVal::owned(CelString::from(text))
}

fn truth<'b>(truth: bool) -> CowVal<'b, 'b> {
    CowVal::owned(CelBool::from(truth))
}

fn number<'b>(number: usize) -> CowVal<'b, 'b> {
    CowVal::owned(CelInt::from(i64::try_from(number).unwrap_or(i64::MAX)))
}

fn value<'b>(number: usize) -> Box<dyn Val + 'b> {
    Box::new(CelInt::from(i64::try_from(number).unwrap_or(i64::MAX)))
}

fn map<'b>(entries: impl Iterator<Item = (&'b str, Box<dyn Val + 'b>)>) -> CowVal<'b, 'b> {
    let entries = entries.map(|(key, value)| (CelMapKey::from(key), value));
    CowVal::owned(CelMap::from(entries.collect::<HashMap<_, _>>()))
}
