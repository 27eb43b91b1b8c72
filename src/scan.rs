//! Finds listed terms with the automata.

use std::{collections::HashMap, ops::Range, sync::Arc};

use crate::message::{Canonical, Category, Hit, Severity, Tongues, View, ViewKind};

mod cover;
mod embedded;
mod joined;
mod patterns;
mod scope;
mod stretch;
mod tape;
pub mod wordlist;

use cover::Cover;
use patterns::Patterns;
pub use scope::Scope;
use scope::Weigher;
use tape::Tape;

/// A term as a list spells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Term {
    pub text: String,
    pub category: Category,
    pub severity: Severity,
    pub mode: MatchMode,
    /// Where it is meant in some languages and an ordinary word in others.
    pub scope: Option<Scope>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MatchMode {
    /// Bounded by non-letters on both sides.
    Word,
    /// Bounded on the left.
    Prefix,
    Substring,
    /// Words in this order with anything that is not a letter between them.
    Phrase,
    /// A regular expression, for users' own lists.
    Regex,
}

impl MatchMode {
    pub const ALL: [MatchMode; 5] = [
        MatchMode::Word,
        MatchMode::Prefix,
        MatchMode::Substring,
        MatchMode::Phrase,
        MatchMode::Regex,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            MatchMode::Word => "word",
            MatchMode::Prefix => "prefix",
            MatchMode::Substring => "substring",
            MatchMode::Phrase => "phrase",
            MatchMode::Regex => "regex",
        }
    }

    pub fn named(name: &str) -> Option<MatchMode> {
        MatchMode::ALL.into_iter().find(|mode| mode.name() == name)
    }
}

/// The compiled lists.
pub struct Scanner {
    entries: Vec<Entry>,
    /// Terms as they are spelt, for the plain and folded readings.
    literal: Tape,
    /// Terms with each repeat as one letter, for the squeezed reading.
    squeezed: Tape,
    /// Single words by their letters, for words split over messages.
    words: HashMap<Box<str>, u32>,
    patterns: Option<Patterns>,
    terms: usize,
}

/// What an automaton's pattern stands for.
struct Entry {
    /// `None`: an allow term.
    what: Option<(Category, Severity)>,
    scope: Option<Scope>,
    /// The term as listed, and the list it stands in.
    term: Arc<str>,
    list: Arc<str>,
    /// The letters and digits of the folded term.
    letters: String,
}

/// A hit or an allow term's match, with the view it was found in.
struct Found {
    span: Range<usize>,
    view: ViewKind,
    entry: u32,
}

/// Any four letters are some word when they are turned; only what weighs is meant.
const ROTATED_SEVERITY_MIN: u8 = 3;
/// Phrases of this many letters are looked for without their spaces too; shorter ones run
/// together into family names.
const RUN_TOGETHER_LETTERS_MIN: usize = 10;

impl Scanner {
    /// # Errors
    /// A term without letters, or more terms than an automaton takes.
    pub fn build(lists: &[wordlist::Wordlist]) -> Result<Scanner, String> {
        let mut build = Build::default();
        for list in lists {
            for term in &list.terms {
                let what = Some((term.category, term.severity));
                build.add(&list.name, &term.text, term.mode, what, term.scope)?;
            }
            for term in &list.allow {
                build.add(&list.name, term, MatchMode::Phrase, None, None)?;
            }
        }
        let words = words(&build.entries, &build.literal);
        Ok(Scanner {
            literal: Tape::new(&build.literal)?,
            squeezed: Tape::new(&build.squeezed)?,
            words,
            patterns: Patterns::build(&build.patterns)?,
            terms: lists.iter().map(|list| list.terms.len()).sum(),
            entries: build.entries,
        })
    }

    /// Every listed term in the text that no allow term covers; `tail` is what the sender said
    /// just before, oldest first. The channel's languages are not known.
    pub fn scan(&self, text: &Canonical, tail: &[String]) -> Vec<Hit> {
        self.scan_in(text, tail, Tongues::NONE)
    }

    /// The same in a channel that speaks these languages.
    pub fn scan_in(&self, text: &Canonical, tail: &[String], spoken: Tongues) -> Vec<Hit> {
        let mut found = Vec::new();
        for (index, view) in text.views.iter().enumerate() {
            match view.kind {
                ViewKind::Squeezed => {
                    let base = &text.views[index.saturating_sub(1)];
                    self.scan_squeezed(base, view, &mut found);
                }
                _ => self.scan_literal(view, &mut found),
            }
        }
        found.extend(self.scan_joined(text, tail));
        if let Some(patterns) = &self.patterns {
            let view = ViewKind::Plain;
            patterns.run(text, |entry, span| found.push(Found { span, view, entry }));
        }
        match found.is_empty() {
            true => Vec::new(),
            false => self.settle(found, Weigher::new(&text.original, spoken)),
        }
    }

    /// How many terms are listed; allow terms do not count.
    pub fn terms(&self) -> usize {
        self.terms
    }

    fn scan_literal(&self, view: &View, found: &mut Vec<Found>) {
        self.literal.run(&view.text, |entry, end| {
            let start = tape::start(&view.text, end, self.entries[entry as usize].letters.len());
            let span = view.original(start..end);
            found.push(Found { span, view: view.kind, entry });
        });
    }

    fn scan_squeezed(&self, base: &View, view: &View, found: &mut Vec<Found>) {
        self.squeezed.run(&view.text, |entry, end| {
            let letters = &self.entries[entry as usize].letters;
            let start = tape::start(&view.text, end, stretch::collapsed(letters).len());
            let span = view.original(start..end);
            if stretch::is_stretched(letters, base, &span) {
                found.push(Found { span, view: view.kind, entry });
            }
        });
    }

    fn scan_joined(&self, text: &Canonical, tail: &[String]) -> Option<Found> {
        let spelt = |view: &&View| matches!(view.kind, ViewKind::Plain | ViewKind::Folded);
        let view = text.views.iter().rfind(spelt)?;
        let (letters, span) = joined::last_piece(view)?;
        let word = |word: &str| self.words.get(word).copied();
        let entry = joined::split_word(&letters, tail, word)?;
        Some(Found { span: view.original(span), view: ViewKind::Joined, entry })
    }

    /// Drops what allow terms cover and what is said twice; the most literal view wins.
    fn settle(&self, found: Vec<Found>, mut weigher: Weigher) -> Vec<Hit> {
        let (listed, allowed): (Vec<Found>, Vec<Found>) =
            found.into_iter().partition(|f| self.entries[f.entry as usize].what.is_some());
        let cover = Cover::new(allowed.into_iter().map(|allow| (allow.view, allow.span)));
        let mut hits: Vec<Hit> = listed
            .iter()
            .filter(|found| !cover.covers(found.view, &found.span))
            .filter_map(|found| self.hit(found, &mut weigher))
            .collect();
        hits.sort_by(|a, b| {
            let place = |hit: &Hit| (hit.span.start, hit.span.end, hit.category);
            place(a).cmp(&place(b)).then(b.severity.cmp(&a.severity)).then(a.view.cmp(&b.view))
        });
        hits.dedup_by(|next, kept| {
            let same = next.span == kept.span && next.category == kept.category;
            if same {
                kept.view = kept.view.min(next.view);
            }
            same
        });
        hits
    }

    fn hit(&self, found: &Found, weigher: &mut Weigher) -> Option<Hit> {
        let entry = &self.entries[found.entry as usize];
        let (category, listed) = entry.what?;
        if found.view == ViewKind::Rotated && listed.level() < ROTATED_SEVERITY_MIN {
            return None;
        }
        let severity = match entry.scope {
            Some(scope) => weigher.severity(scope, &found.span, listed)?,
            None => listed,
        };
        Some(Hit {
            span: found.span.clone(),
            category,
            severity,
            view: found.view,
            term: entry.term.clone(),
            list: entry.list.clone(),
        })
    }
}

/// The patterns on their way into the automata.
#[derive(Default)]
struct Build {
    entries: Vec<Entry>,
    literal: Vec<(String, u32)>,
    squeezed: Vec<(String, u32)>,
    patterns: Vec<(String, u32)>,
}

impl Build {
    fn add(
        &mut self,
        list: &Arc<str>,
        term: &str,
        mode: MatchMode,
        what: Option<(Category, Severity)>,
        scope: Option<Scope>,
    ) -> Result<(), String> {
        let entry = u32::try_from(self.entries.len()).map_err(|_| "too many terms".to_owned())?;
        let (name, list) = (term.into(), list.clone());
        if mode == MatchMode::Regex {
            self.patterns.push((term.to_owned(), entry));
            self.entries.push(Entry { what, scope, term: name, list, letters: String::new() });
            return Ok(());
        }
        let words = tape::words(&crate::letters::plain(term).0);
        let letters = words.concat();
        if letters.is_empty() {
            return Err(format!("{list}: {term:?} has no letters"));
        }
        let spelt = words.join(" ");
        let long = words.len() > 1 && letters.len() >= RUN_TOGETHER_LETTERS_MIN;
        if long && mode == MatchMode::Phrase && what.is_some() {
            self.pattern(&letters, MatchMode::Word, entry);
        }
        self.pattern(&spelt, mode, entry);
        self.entries.push(Entry { what, scope, term: name, list, letters });
        Ok(())
    }

    fn pattern(&mut self, spelt: &str, mode: MatchMode, entry: u32) {
        let bounded = |text: &str| match mode {
            MatchMode::Word | MatchMode::Phrase => format!(" {text} "),
            MatchMode::Prefix => format!(" {text}"),
            // A regex is no pattern of an automaton.
            MatchMode::Substring | MatchMode::Regex => text.to_owned(),
        };
        self.literal.push((bounded(spelt), entry));
        self.squeezed.push((bounded(&stretch::collapsed(spelt)), entry));
    }
}

/// The single words that are bad enough to be looked for in pieces.
fn words(entries: &[Entry], patterns: &[(String, u32)]) -> HashMap<Box<str>, u32> {
    let mut words = HashMap::new();
    for (pattern, entry) in patterns {
        let word = pattern.trim();
        let weighs = entries[*entry as usize]
            .what
            .is_some_and(|(_, severity)| severity.level() >= joined::SEVERITY_MIN);
        if weighs && !word.contains(' ') && pattern.starts_with(' ') {
            words.entry(word.into()).or_insert(*entry);
        }
    }
    words
}
