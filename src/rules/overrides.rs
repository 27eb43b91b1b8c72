//! Lays what is set at the console over the settings file: word lists, and channels' strictness.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::Ruleset;
use crate::{
    decide::Levels,
    letters::{ordinary::is_ordinary, plain},
    message::{Category, Hit, Severity},
    normalize::normalize,
    rules::{
        candidate::{Wrong, leave_out},
        unmet,
    },
    scan::{
        MatchMode, PATTERNS_MAX, Scanner, Term,
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
/// Problems, and warnings, that are named.
const WRONGS_MAX: usize = 100;

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
        // What allows comes last, when all that it may not cover is there.
        let terms = self.lists.iter().filter(|(name, _)| ![ALLOW, LEFT_OUT].contains(&&***name));
        for (name, text) in terms.chain(self.lists.get_key_value(ALLOW)) {
            match wordlist::parse(&full(name), &full(name), text) {
                Ok(list) => lists.push(allowing(list, lists)),
                Err(causes) => causes.iter().for_each(|cause| {
                    tracing::error!(%cause, "a list of the console's is not used");
                }),
            }
        }
        if let Some(text) = self.lists.get(LEFT_OUT) {
            // What no list has any more is as good as left out. What has become graver since stays.
            leave_out(lists, text, |term| is_beyond(term.category, term.severity));
        }
    }
}

/// A list without the allow terms that would cover what no word at the console lets through.
fn allowing(list: Wordlist, others: &[Wordlist]) -> Wordlist {
    if list.allow.is_empty() {
        return list;
    }
    let Ok(scanner) = Scanner::build(others) else {
        return Wordlist { allow: Vec::new(), ..list };
    };
    let (allow, barred) =
        list.allow.iter().cloned().partition(|term| covered(&scanner, term).is_none());
    let barred: Vec<String> = barred;
    if !barred.is_empty() {
        tracing::warn!(
            terms = barred.len(),
            "allow terms of the console's cover what stays listed"
        );
    }
    Wordlist { allow, ..list }
}

/// What lies in a term that no word at the console lets through.
fn covered(scanner: &Scanner, term: &str) -> Option<Hit> {
    let hits = scanner.scan(&normalize(term), &[]);
    hits.into_iter().find(|hit| is_beyond(hit.category, hit.severity))
}

fn full(name: &str) -> String {
    format!("{FOLDER}/{name}")
}

impl Ruleset {
    /// Holds a text to what a list has to be, beside the lists as they are now. It compiles, so it
    /// may take as long as a reload.
    pub fn lint(&self, name: &str, text: &str) -> Lint {
        let Some(name) = Overrides::names().find(|own| *own == name) else {
            return Lint::refused(vec![Wrong::whole("list", "there is no such list")]);
        };
        let mut lint = match name {
            LEFT_OUT => left_out(self.lists_without(name), text),
            _ => self.linted(name, text),
        };
        cut(&mut lint.problems);
        cut(&mut lint.warnings);
        lint
    }

    fn linted(&self, name: &str, text: &str) -> Lint {
        // Each is compiled where it is read, long before all of them are counted.
        let is_pattern = |line: &&str| {
            let mode = line.split_whitespace().nth(1).unwrap_or_default();
            mode.split([':', '!']).next() == Some("regex")
        };
        if text.lines().filter(is_pattern).count() > PATTERNS_MAX {
            let cause = format!("all lists may have {PATTERNS_MAX} regexes");
            return Lint::refused(vec![Wrong::whole("text", cause)]);
        }
        let list = match wordlist::parse(&full(name), &full(name), text) {
            Ok(list) => list,
            Err(causes) => {
                let problems = causes.into_iter().map(|cause| Wrong::of_list("text", cause));
                return Lint::refused(problems.collect());
            }
        };
        let mut lists = self.lists_without(name);
        let terms = list.terms.len() + list.allow.len();
        let warnings = warnings(&lines(text, &list), &lists);
        let mut problems = core_allowed(text, &list, &lists);
        problems.extend(self.left_out_here(text, &list));
        lists.iter_mut().for_each(|other| other.examples.clear());
        lists.push(list);
        problems.extend(unmet(&lists).into_iter().map(|unmet| Wrong::of_list("text", unmet)));
        if problems.is_empty() {
            // Patterns have a bound that all lists share.
            problems.extend(Scanner::build(&lists).err().map(|cause| Wrong::whole("text", cause)));
        }
        Lint { problems, warnings, terms }
    }

    /// The terms that the console's other list would keep from being found.
    fn left_out_here(&self, text: &str, list: &Wordlist) -> Vec<Wrong> {
        let left_out = self.overrides.lists.get(LEFT_OUT).map_or("", String::as_str);
        let left_out: HashSet<&str> = left_out.lines().map(str::trim).collect();
        let found = lines(text, list).into_iter().filter(|(_, term)| {
            left_out.contains(term.text.as_str()) && !is_beyond(term.category, term.severity)
        });
        found.map(|(line, term)| at(line, format!("{:?} is left out", term.text))).collect()
    }

    /// Every list but one of the console's, before anything is left out.
    fn lists_without(&self, name: &str) -> Vec<Wordlist> {
        let mut lists = Vec::clone(&self.read);
        let mut others = self.overrides.with_list(name, "");
        others.lists.remove(LEFT_OUT);
        others.apply(&mut lists);
        lists
    }
}

impl Lint {
    fn refused(problems: Vec<Wrong>) -> Lint {
        Lint { problems, ..Lint::default() }
    }
}

/// Nobody mends more at once, and each is a line of the page.
fn cut(wrong: &mut Vec<Wrong>) {
    if wrong.len() > WRONGS_MAX {
        let more = wrong.len() - WRONGS_MAX;
        wrong.truncate(WRONGS_MAX);
        wrong.push(Wrong::whole("text", format!("and {more} more")));
    }
}

/// What no word at the console lets through, whoever's it is: see `Category::is_core`.
fn is_beyond(category: Category, severity: Severity) -> bool {
    category.is_core() || severity.level() == 4
}

fn left_out(mut lists: Vec<Wordlist>, text: &str) -> Lint {
    let mut beyond: HashSet<String> = HashSet::new();
    for term in lists.iter().flat_map(|list| &list.terms) {
        if is_beyond(term.category, term.severity) {
            beyond.insert(term.text.clone());
        }
    }
    let mut problems = leave_out(&mut lists, text, |_| false);
    problems.iter_mut().for_each(|wrong| wrong.part = "text");
    let mut terms = 0;
    for (line, number) in text.lines().map(str::trim).zip(1..) {
        terms += usize::from(!line.is_empty() && !line.starts_with('#'));
        if beyond.contains(line) {
            problems.push(at(number, format!("{line:?} {BEYOND}")));
        }
    }
    problems.sort_by_key(|wrong| wrong.line);
    Lint { problems, warnings: Vec::new(), terms }
}

const BEYOND: &str = "is of severity 4, or of what does harm for good: it stays listed";

/// The allow terms in which something lies that no word at the console lets through.
fn core_allowed(text: &str, list: &Wordlist, others: &[Wordlist]) -> Vec<Wrong> {
    if list.allow.is_empty() {
        return Vec::new();
    }
    let Ok(scanner) = Scanner::build(others) else { return Vec::new() };
    let allowed: HashSet<&str> = list.allow.iter().map(String::as_str).collect();
    let lines = text.lines().map(str::trim).zip(1..);
    let found = lines.filter(|(line, _)| allowed.contains(line)).filter_map(|(line, number)| {
        let hit = covered(&scanner, line)?;
        Some(at(number, format!("{:?} of {} {BEYOND}", &*hit.term, hit.list)))
    });
    found.collect()
}

/// Each term with the line on which it stands.
fn lines<'a>(text: &str, list: &'a Wordlist) -> Vec<(usize, &'a Term)> {
    let says = |line: &str| {
        !line.is_empty() && !line.starts_with('#') && !line.starts_with(wordlist::EXAMPLE_SIGNS)
    };
    let numbers = text.lines().map(str::trim).zip(1..).filter(|(line, _)| says(line));
    // In their order: a list that was read has no bad line.
    numbers.map(|(_, number)| number).zip(&list.terms).collect()
}

/// What is sound and may not be meant: the second listing of a term, and what would find too much.
fn warnings(own: &[(usize, &Term)], others: &[Wordlist]) -> Vec<Wrong> {
    let mut listed: HashMap<&str, (&Wordlist, &Term)> = HashMap::new();
    for list in others {
        listed.extend(list.terms.iter().map(|term| (&*term.text, (list, term))));
    }
    let mut found = Vec::new();
    for (line, term) in own {
        let Term { text, mode, scope, .. } = term;
        if let Some((list, other)) = listed.get(text.as_str()) {
            let level = other.severity.level();
            found.push(at(*line, format!("{} has {text:?} too, of severity {level}", list.name)));
        }
        let part = matches!(mode, MatchMode::Substring | MatchMode::Prefix);
        if part && text.chars().count() < PART_CHARS_MIN {
            found.push(at(*line, format!("{text:?} is so short that it is in many words")));
        } else if *mode == MatchMode::Word && scope.is_none() && is_ordinary(&plain(text).0) {
            found.push(at(*line, format!("{text:?} is an ordinary word")));
        }
    }
    found
}

fn at(line: usize, cause: String) -> Wrong {
    Wrong { part: "text", line: Some(line), key: String::new(), cause }
}
