//! Finds listed terms with the automata.

use std::{collections::HashMap, ops::Range, sync::Arc};

use crate::{
    letters::ordinary::{Known, known},
    message::{Canonical, Category, Hit, Severity, Tongues, View, ViewKind},
};

mod begins;
mod book;
mod cover;
mod embedded;
mod glue;
mod guess;
mod joined;
mod loose;
mod patterns;
mod pieces;
mod reversed;
mod rotated;
mod scope;
mod spaced;
mod spell;
mod spellings;
mod stretch;
mod tape;
pub mod wordlist;
mod words;

use begins::Begins;
use cover::Cover;
use guess::Guesses;
use loose::Loose;
pub use patterns::PATTERNS_MAX;
use patterns::Patterns;
use pieces::{Pieces, pieces};
pub use scope::Scope;
use scope::Weigher;
use spellings::Spellings;
use stretch::Letters;
use words::{Word, words};

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
    /// Terms as they are spelt.
    literal: Spellings,
    /// The same, for readings in which a stroke may be an i or an l.
    folded: Spellings,
    /// The letters of terms, each repeat once, for words that were stretched or taken apart.
    loose: Begins,
    /// What their words look like when they are misspelt.
    guesses: Guesses,
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
    mode: MatchMode,
    /// Where in them one word ends and the next begins.
    breaks: Box<[u32]>,
}

/// A hit or an allow term's match, with the view it was found in.
struct Found {
    span: Range<usize>,
    view: ViewKind,
    entry: u32,
}

/// Any four letters are some word when they are turned; only what weighs is meant.
const ROTATED_SEVERITY_MIN: u8 = 3;

/// Between digits, these make a time, a price, a score or a record.
const FIGURE_SIGNS: [char; 5] = [':', '.', ',', '-', '–'];

/// What was said just before a message, oldest first.
pub struct Before<'a> {
    /// By its sender.
    pub tail: &'a [String],
    /// By everybody.
    pub room: &'a [String],
}

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
        let words = in_pieces(&build.entries, &build.literal);
        Ok(Scanner {
            literal: Spellings::new(&build.literal, false)?,
            folded: Spellings::new(&build.literal, true)?,
            loose: Begins::new(&build.loose)?,
            guesses: Guesses::build(&build.entries, build.literal.iter()),
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
        self.scan_after(text, &Before { tail, room: &[] }, spoken)
    }

    /// The same after what the sender and everybody else said just before.
    pub fn scan_after(&self, text: &Canonical, before: &Before, spoken: Tongues) -> Vec<Hit> {
        let mut found = Vec::new();
        let Some(plain) = text.views.first() else { return Vec::new() };
        let base = text.views.iter().find(|view| view.kind == ViewKind::Folded).unwrap_or(plain);
        let is_folded = |view: &&View| view.kind == ViewKind::Folded;
        let mut views = vec![(plain, words(&plain.text))];
        for view in text.views[1..].iter().filter(is_folded) {
            let changes = words::changes(&view.text, &plain.text);
            views.push((view, words::recut(&view.text, &views[0].1, &changes)));
        }
        for (view, words) in &views {
            self.scan_literal(view, plain, words, &mut found);
        }
        // The plain one and the likeliest of the folded ones.
        for (nth, (base, cut)) in views.iter().take(2).enumerate() {
            let letters = Letters { base, plain };
            let pieces = pieces(&base.text, cut);
            if pieces.loose {
                self.scan_loose(&letters, &pieces, &mut found);
            }
            if pieces.guess {
                self.scan_guessed(&letters, cut, &pieces, &mut found);
            }
            let spaced = pieces.digit.then(|| spaced::reading(base, cut)).flatten();
            if let Some(view) = spaced {
                let mut pieces = pieces::pieces(&view.text, &words(&view.text));
                pieces.all.iter_mut().for_each(|piece| spaced::mark(piece, base));
                self.scan_loose(&Letters { base: &view, plain }, &pieces, &mut found);
            }
            let turned = (nth == 0 && pieces.odd).then(|| rotated::reading(base)).flatten();
            if let Some(view) = turned {
                self.scan_literal(&view, &view, &words(&view.text), &mut found);
            }
        }
        let is_whole = |view: &&View| matches!(view.kind, ViewKind::Decoded | ViewKind::Reversed);
        for view in text.views.iter().filter(is_whole) {
            self.scan_literal(view, view, &words(&view.text), &mut found);
        }
        found.extend(self.scan_joined(base, before));
        if let Some(patterns) = &self.patterns {
            let view = ViewKind::Plain;
            patterns.run(text, |entry, span| found.push(Found { span, view, entry }));
        }
        match found.is_empty() {
            true => Vec::new(),
            false => self.settle(found, &text.original, Weigher::new(&text.original, spoken)),
        }
    }

    /// How many terms are listed; allow terms do not count.
    pub fn terms(&self) -> usize {
        self.terms
    }

    fn scan_literal(&self, view: &View, plain: &View, words: &[Word], found: &mut Vec<Found>) {
        let letters = Letters { base: view, plain };
        let spelt = if view.kind == ViewKind::Plain { &self.literal } else { &self.folded };
        spelt.run(&view.text, words, &self.entries, |entry, span| {
            if letters.are(&self.entries[entry as usize].letters, span.clone()) {
                found.push(Found { span: view.original(span), view: view.kind, entry });
            }
        });
    }

    fn scan_loose(&self, letters: &Letters, pieces: &Pieces, found: &mut Vec<Found>) {
        let loose = Loose { letters, pieces: &pieces.all };
        loose.run(&self.loose, &self.entries, |entry, span, view| {
            found.push(Found { span: letters.base.original(span), view, entry });
        });
    }

    /// Reads the text with its odd words as listed ones, misspelt or from behind.
    fn scan_guessed(
        &self,
        letters: &Letters,
        cut: &[Word],
        pieces: &Pieces,
        found: &mut Vec<Found>,
    ) {
        let base = letters.base;
        let slots = self.guesses.slots(letters, &pieces.all);
        let places: Vec<_> = slots.iter().map(|slot| base.original(slot.span.clone())).collect();
        for (nth, reading) in guess::readings(&base.text, &slots).iter().enumerate() {
            let words = words::recut(&reading.text, cut, &reading.changes);
            // Nearly every reading holds nothing, and then nobody asks for the way back.
            let mut any = false;
            self.folded.run(&reading.text, &words, &self.entries, |_, _| any = true);
            if !any {
                continue;
            }
            let view = reading.view(base);
            let mut read = Vec::new();
            self.scan_literal(&view, &view, &words, &mut read);
            read.retain(|found| {
                let at = places.binary_search_by_key(&found.span.start, |place| place.start);
                let slot = at.ok().filter(|at| places[*at] == found.span);
                let choice = slot.and_then(|at| slots[at].option(nth));
                choice.is_none_or(|choice| choice.alone)
            });
            found.append(&mut read);
        }
        let known = found.len();
        for view in reversed::readings(base, &pieces.all, &self.guesses) {
            self.scan_literal(&view, &view, &words(&view.text), found);
        }
        let mut at = 0;
        found.retain(|found| {
            at += 1;
            at <= known || self.is_reversed(base, pieces, found)
        });
    }

    fn is_reversed(&self, base: &View, pieces: &Pieces, found: &Found) -> bool {
        let weighs = self.entries[found.entry as usize]
            .what
            .is_none_or(|(_, severity)| severity.level() >= joined::SEVERITY_MIN);
        weighs && reversed::is_no_sentence(base, &pieces.all, &found.span)
    }

    fn scan_joined(&self, view: &View, before: &Before) -> Option<Found> {
        let (letters, span) = joined::last_piece(view)?;
        let word = |word: &str| self.words.get(word).copied();
        let entry = joined::split_word(&letters, before.tail, word)
            .or_else(|| joined::split_word(&letters, before.room, word))?;
        Some(Found { span: view.original(span), view: ViewKind::Joined, entry })
    }

    /// Drops what allow terms cover and what is said twice; the most literal view wins.
    fn settle(&self, found: Vec<Found>, text: &str, mut weigher: Weigher) -> Vec<Hit> {
        let (listed, allowed): (Vec<Found>, Vec<Found>) =
            found.into_iter().partition(|f| self.entries[f.entry as usize].what.is_some());
        let cover = Cover::new(allowed.into_iter().map(|allow| (allow.view, allow.span)));
        let mut hits: Vec<Hit> = listed
            .iter()
            .filter(|found| !cover.covers(found.view, &found.span))
            .filter(|found| !self.is_figure(found, text))
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
        // Letters of a term that stands there as written are no term in disguise. How far such
        // terms reach is kept by category and severity.
        let mut written = [[0; 5]; Category::ALL.len()];
        hits.retain(|hit| {
            let (level, end) = (usize::from(hit.severity.level()), hit.span.end);
            let reach = &mut written[hit.category as usize];
            if hit.view == ViewKind::Plain {
                reach[..=level].iter_mut().for_each(|own| *own = end.max(*own));
            }
            hit.view == ViewKind::Plain || reach[level] < end
        });
        hits
    }

    /// Whether a term of digits alone is written as a time, a price or a score is.
    fn is_figure(&self, found: &Found, text: &str) -> bool {
        let entry = &self.entries[found.entry as usize];
        let code = !entry.letters.is_empty() && entry.letters.bytes().all(|b| b.is_ascii_digit());
        let figure = |c: char| FIGURE_SIGNS.contains(&c) && !entry.term.contains(c);
        code && text.get(found.span.clone()).is_some_and(|said| said.contains(figure))
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
        // Nobody knows the language, and a slip of the ordinary word is as near.
        if found.view == ViewKind::Guessed && severity < listed {
            return None;
        }
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
    loose: Vec<(String, u32)>,
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
        if mode == MatchMode::Regex {
            return self.regex(list, term, what, scope);
        }
        let words = tape::words(&crate::letters::plain(term).0);
        if words.is_empty() {
            return Err(format!("{list}: {term:?} has no letters"));
        }
        let entry = |words: &[String]| {
            let letters = words.concat();
            let breaks = stretch::breaks(words);
            Entry { what, scope, term: term.into(), list: list.clone(), letters, mode, breaks }
        };
        self.spelling(entry(&words), &words)?;
        match in_full(&words) {
            Some(long) => self.spelling(entry(&long), &long),
            None => Ok(()),
        }
    }

    /// A pattern of a user's own, which has no letters to compare.
    fn regex(
        &mut self,
        list: &Arc<str>,
        term: &str,
        what: Option<(Category, Severity)>,
        scope: Option<Scope>,
    ) -> Result<(), String> {
        let index = u32::try_from(self.entries.len()).map_err(|_| "too many terms".to_owned())?;
        self.patterns.push((term.to_owned(), index));
        self.entries.push(Entry {
            what,
            scope,
            term: term.into(),
            list: list.clone(),
            letters: String::new(),
            mode: MatchMode::Regex,
            breaks: Box::default(),
        });
        Ok(())
    }

    fn spelling(&mut self, entry: Entry, words: &[String]) -> Result<(), String> {
        let index = u32::try_from(self.entries.len()).map_err(|_| "too many terms".to_owned())?;
        let Entry { letters, mode, what, .. } = &entry;
        let long = words.len() > 1 && letters.len() >= RUN_TOGETHER_LETTERS_MIN;
        let (letters, mode) = (letters.clone(), *mode);
        if long && mode == MatchMode::Phrase && what.is_some() {
            self.pattern(&letters, MatchMode::Word, index);
        }
        self.pattern(&words.join(" "), mode, index);
        self.loose.push((stretch::collapsed(&letters), index));
        self.entries.push(entry);
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
    }
}

/// A term with its short words written out, as guesses write those of messages.
fn in_full(words: &[String]) -> Option<Vec<String>> {
    let long = words.iter().map(|word| match known(word) {
        Some(Known::Short(long)) => long,
        _ => word,
    });
    let long: Vec<String> = long.flat_map(str::split_whitespace).map(str::to_owned).collect();
    (words.len() > 1 && long != words).then_some(long)
}

/// The single words that are bad enough to be looked for in pieces.
fn in_pieces(entries: &[Entry], patterns: &[(String, u32)]) -> HashMap<Box<str>, u32> {
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
