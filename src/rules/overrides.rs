//! Lays what is set at the console over the settings file: word lists, and channels' strictness.

use std::collections::{BTreeMap, HashSet};

use super::Ruleset;
use crate::{
    decide::Levels,
    letters::{ordinary::is_ordinary, plain},
    message::Category,
    rules::{
        candidate::{Wrong, leave_out},
        unmet,
    },
    scan::{
        MatchMode, Scanner,
        wordlist::{self, Wordlist},
    },
};

/// The folder that the console's lists seem to lie in: policies name them by it, as `term:` rules.
const FOLDER: &str = "console";
/// Listed terms, wherever they stand, that are not looked for; no list of that name can be parsed.
pub const LEFT_OUT: &str = "left_out";
/// Allow terms.
pub const ALLOW: &str = "allow";
/// Shorter parts of words are in too many of them.
const PART_CHARS_MIN: usize = 4;

/// Everything that is set at the console.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Overrides {
    /// Texts as word lists have them, by category or as [`ALLOW`] or [`LEFT_OUT`].
    pub lists: BTreeMap<String, String>,
    /// By route and channel; an empty channel is all of the route without a policy of their own.
    pub levels: BTreeMap<(String, String), Levels>,
}

/// What a text would be as one of the lists.
#[derive(Debug, Default)]
pub struct Lint {
    /// With one of these it is not taken.
    pub problems: Vec<Wrong>,
    /// What is sound and may not be meant.
    pub warnings: Vec<Wrong>,
    pub terms: usize,
}

impl Overrides {
    /// The lists that there can be, in the order in which they are shown.
    pub fn names() -> impl Iterator<Item = &'static str> {
        Category::ALL.into_iter().map(Category::name).chain([ALLOW, LEFT_OUT])
    }

    /// As a policy's `term:` rules have it.
    pub(super) fn full_names() -> impl Iterator<Item = String> {
        Category::ALL.into_iter().map(|category| full(category.name()))
    }

    pub fn with_list(&self, name: &str, text: &str) -> Overrides {
        let mut new = self.clone();
        match text.trim().is_empty() {
            true => drop(new.lists.remove(name)),
            false => drop(new.lists.insert(name.to_owned(), text.to_owned())),
        }
        new
    }

    pub fn with_levels(&self, route: &str, channel: &str, levels: Levels) -> Overrides {
        let mut new = self.clone();
        let place = (route.to_owned(), channel.to_owned());
        match levels.is_empty() {
            true => drop(new.levels.remove(&place)),
            false => drop(new.levels.insert(place, levels)),
        }
        new
    }

    /// Adds the lists to the others, and takes out what is left out.
    ///
    /// A list that was good when it was saved may be none to a newer version: nobody can mend it
    /// where the gate does not open, so it goes without and says so.
    pub(super) fn apply(&self, lists: &mut Vec<Wordlist>) {
        for (name, text) in self.lists.iter().filter(|(name, _)| *name != LEFT_OUT) {
            match wordlist::parse(&full(name), &full(name), text) {
                Ok(list) => lists.push(list),
                Err(causes) => causes.iter().for_each(|cause| {
                    tracing::error!(%cause, "a list of the console's is not used");
                }),
            }
        }
        if let Some(text) = self.lists.get(LEFT_OUT) {
            // What no list has any more is as good as left out.
            leave_out(lists, text);
        }
    }
}

fn full(name: &str) -> String {
    format!("{FOLDER}/{name}")
}

impl Ruleset {
    /// Holds a text to what a list has to be, beside the lists as they are now. It compiles, so it
    /// may take as long as a reload.
    pub fn lint(&self, name: &str, text: &str) -> Lint {
        let others = match self.lists_without(name) {
            Ok(others) => others,
            Err(wrong) => return Lint { problems: vec![wrong], ..Lint::default() },
        };
        if name == LEFT_OUT {
            return left_out(others, text);
        }
        let list = match wordlist::parse(&full(name), &full(name), text) {
            Ok(list) => list,
            Err(causes) => {
                let problems = causes.into_iter().map(|cause| Wrong::of_list("text", cause));
                return Lint { problems: problems.collect(), ..Lint::default() };
            }
        };
        let terms = list.terms.len() + list.allow.len();
        let warnings = warnings(&list, text, &others);
        let mut problems = Vec::new();
        let mut all = others;
        all.iter_mut().for_each(|other| other.examples.clear());
        all.push(list);
        problems.extend(unmet(&all).into_iter().map(|unmet| Wrong::of_list("text", unmet)));
        if problems.is_empty() {
            // Patterns have a bound that all lists share.
            problems.extend(Scanner::build(&all).err().map(|cause| Wrong::whole("text", cause)));
        }
        Lint { problems, warnings, terms }
    }

    /// Every list but one of the console's, before anything is left out.
    fn lists_without(&self, name: &str) -> Result<Vec<Wordlist>, Wrong> {
        let mut lists = self.lists_on_disk()?;
        let mut others = self.overrides.with_list(name, "");
        others.lists.remove(LEFT_OUT);
        others.apply(&mut lists);
        Ok(lists)
    }
}

fn left_out(mut lists: Vec<Wordlist>, text: &str) -> Lint {
    let mut problems = leave_out(&mut lists, text);
    problems.iter_mut().for_each(|wrong| wrong.part = "text");
    let terms = text.lines().filter(|line| !line.trim().is_empty()).count();
    Lint { problems, warnings: Vec::new(), terms }
}

/// What is sound and may not be meant: the second listing of a term, and what would find too much.
fn warnings(list: &Wordlist, text: &str, others: &[Wordlist]) -> Vec<Wrong> {
    let mut found = Vec::new();
    let listed: HashSet<&str> = list.terms.iter().map(|term| &*term.text).collect();
    for other in others {
        for term in other.terms.iter().filter(|term| listed.contains(&*term.text)) {
            let cause = format!(
                "{} has {:?} too, of severity {}",
                other.name,
                term.text,
                term.severity.level()
            );
            found.push(at_term(text, &term.text, cause));
        }
    }
    for term in &list.terms {
        let part = matches!(term.mode, MatchMode::Substring | MatchMode::Prefix);
        let short = term.text.chars().count() < PART_CHARS_MIN;
        if part && short {
            let cause = format!("{:?} is so short that it is in many words", term.text);
            found.push(at_term(text, &term.text, cause));
        } else if term.mode == MatchMode::Word
            && term.scope.is_none()
            && is_ordinary(&plain(&term.text).0)
        {
            let cause = format!("{:?} is an ordinary word", term.text);
            found.push(at_term(text, &term.text, cause));
        }
    }
    found
}

/// At the line on which a term stands.
fn at_term(text: &str, term: &str, cause: String) -> Wrong {
    let stands = |line: &str| {
        let line = line.trim();
        !line.starts_with('#') && line.split_whitespace().nth(2).is_some() && line.ends_with(term)
    };
    let line = text.lines().position(stands).map(|at| at + 1);
    Wrong { part: "text", line, key: String::new(), cause }
}
