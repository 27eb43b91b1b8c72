//! Finds what is said of a person's whereabouts, and calls to send somebody there.
//!
//! The patterns are data: `patterns.txt` says how they are written.

use std::{collections::HashMap, ops::Range, sync::LazyLock};

use aho_corasick::AhoCorasick;

use super::words::Line;
use crate::letters::bytes::FnvBuild;

static PATTERNS: LazyLock<Patterns> =
    LazyLock::new(|| parse(include_str!("patterns.txt")).expect("a test reads the file"));

/// Words that `..` may stand for.
const GAP_WORDS_MAX: usize = 3;
/// Steps of comparison for each word of a message, and for a message: ordinary lines need fewer
/// than ten a word. What needs more was written to.
const STEPS_PER_WORD: usize = 64;
const STEPS: usize = 20_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Swat,
    Hoax,
    Pizza,
    Prank,
    Visit,
    Home,
    Work,
    School,
    Hotel,
    Travel,
    /// Only says that a person stands near.
    Person,
    Phone,
    Game,
}

pub(super) struct Match {
    pub kind: Kind,
    pub level: u8,
    pub words: Range<usize>,
}

struct Patterns {
    all: Vec<Pattern>,
    /// A number for every word that a pattern holds, from 1 on.
    words: HashMap<String, WordId, FnvBuild>,
    /// The patterns that begin with a word, by its number.
    by_word: Vec<Vec<usize>>,
    by_mention: Vec<usize>,
    by_capital: Vec<usize>,
    anchors: AhoCorasick,
}

struct Pattern {
    kind: Kind,
    level: u8,
    elements: Vec<Element>,
    /// Words of which one must be somewhere in the line, behind the first; empty where none must.
    needed: Vec<WordId>,
}

/// Comparing numbers costs a fraction of comparing words; 0 is a word of no pattern.
type WordId = u16;

#[derive(Default)]
struct Element {
    words: Vec<WordId>,
    mention: bool,
    capital: bool,
    number: bool,
    /// Any word but these.
    not: bool,
    gap: bool,
    /// The sentence ends here.
    end: bool,
    optional: bool,
}

/// Whether a text has any of the words without which no pattern fits.
pub(super) fn may_match(text: &str) -> bool {
    PATTERNS.anchors.is_match(text)
}

/// Every pattern that fits, from whichever word; `false` where the text was
/// too much to be read to its end.
pub(super) fn matches(line: &Line, found: &mut Vec<Match>) -> bool {
    let patterns = &*PATTERNS;
    let read = Read::new(line, patterns);
    let mut steps = STEPS.min(line.words.len() * STEPS_PER_WORD + STEPS / 4);
    for at in 0..line.words.len() {
        let word = &patterns.by_word[usize::from(read.words[at])];
        let mention = if line.words[at].mention { &patterns.by_mention[..] } else { &[] };
        let capital = if line.is_capital(at) { &patterns.by_capital[..] } else { &[] };
        for index in word.iter().chain(mention).chain(capital) {
            let pattern = &patterns.all[*index];
            if !read.has(&pattern.needed) {
                continue;
            }
            if let Some(end) = read.ends(&pattern.elements, at, at, &mut steps) {
                let Pattern { kind, level, .. } = *pattern;
                found.push(Match { kind, level, words: at..end });
            }
            if steps == 0 {
                return false;
            }
        }
    }
    true
}

/// A line as patterns see it.
struct Read<'a> {
    line: &'a Line<'a>,
    words: Vec<WordId>,
    /// A bit for each word that is there.
    there: Vec<u64>,
    /// Whether a sentence ends before each word.
    breaks: Vec<bool>,
}

impl Read<'_> {
    fn new<'a>(line: &'a Line<'a>, patterns: &Patterns) -> Read<'a> {
        let places = 0..line.words.len();
        let id = |at: usize| patterns.words.get(line.word(at)).copied().unwrap_or_default();
        let words: Vec<WordId> = places.clone().map(id).collect();
        let mut there = vec![0; patterns.words.len() / 64 + 1];
        for word in words.iter().filter(|word| **word != 0) {
            there[usize::from(*word) / 64] |= 1 << (word % 64);
        }
        Read { line, words, there, breaks: places.map(|at| line.breaks(at)).collect() }
    }

    /// Whether one of these words is there; nothing asked for is.
    fn has(&self, words: &[WordId]) -> bool {
        let is_there = |word: &WordId| self.there[usize::from(*word) / 64] >> (word % 64) & 1 == 1;
        words.is_empty() || words.iter().any(is_there)
    }

    /// The end of the words that fit these elements from a word on.
    fn ends(&self, left: &[Element], from: usize, at: usize, steps: &mut usize) -> Option<usize> {
        *steps = steps.checked_sub(1)?;
        let Some((element, rest)) = left.split_first() else { return Some(at) };
        if element.gap {
            let most = (at + GAP_WORDS_MAX).min(self.words.len());
            return (at..=most).find_map(|next| {
                let whole = !self.breaks[at..next].contains(&true);
                whole.then(|| self.ends(rest, from, next, steps)).flatten()
            });
        }
        if element.end {
            let line = self.line;
            let over = at >= self.words.len() || self.breaks[at] || line.gap(at).contains(',');
            return over.then(|| self.ends(rest, from, at, steps)).flatten();
        }
        if at < self.words.len() && (at == from || !self.breaks[at]) && self.fits(element, at) {
            let end = self.ends(rest, from, at + 1, steps);
            if end.is_some() {
                return end;
            }
        }
        element.optional.then(|| self.ends(rest, from, at, steps)).flatten()
    }

    fn fits(&self, element: &Element, at: usize) -> bool {
        let (line, word) = (self.line, self.words[at]);
        let listed = || word != 0 && element.words.contains(&word);
        if element.not {
            return !listed() && !line.is_number(at) && line.word(at).len() > 1;
        }
        (element.mention && line.words[at].mention)
            || (element.capital && line.is_capital(at) && !PLAIN.contains(&line.word(at)))
            || (element.number && line.is_number(at))
            || listed()
    }
}

/// Written with a capital at the start of any sentence, and nobody's name.
const PLAIN: [&str; 76] = [
    "i",
    "it",
    "this",
    "that",
    "he",
    "she",
    "they",
    "we",
    "you",
    "the",
    "a",
    "an",
    "and",
    "but",
    "so",
    "what",
    "who",
    "why",
    "how",
    "everyone",
    "everything",
    "nobody",
    "someone",
    "my",
    "his",
    "her",
    "our",
    "your",
    "their",
    "if",
    "when",
    "there",
    "here",
    "which",
    "yes",
    "no",
    "il",
    "elle",
    "on",
    "ca",
    "ce",
    "cela",
    "je",
    "tu",
    "nous",
    "vous",
    "ils",
    "elles",
    "le",
    "la",
    "les",
    "un",
    "une",
    "qui",
    "que",
    "quand",
    "comme",
    "mais",
    "et",
    "mon",
    "ma",
    "son",
    "sa",
    "cette",
    "tout",
    "rien",
    "lol",
    "never",
    "still",
    "always",
    "also",
    "only",
    "now",
    "then",
    "god",
    "dad",
];

fn parse(text: &str) -> Result<Patterns, String> {
    let mut sets: HashMap<&str, Vec<&str>> = HashMap::new();
    let (mut all, mut anchors) = (Vec::new(), Vec::new());
    let mut words = HashMap::default();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        let mut parts = line.split_whitespace();
        let Some(first) = parts.next().filter(|first| !first.starts_with('#')) else { continue };
        match first {
            "anchor" => anchors.extend(parts),
            "set" => {
                let name = parts.next().ok_or(format!("line {number}: a set has a name"))?;
                sets.insert(name, parts.collect());
            }
            kind => {
                let pattern = pattern(kind, parts, &sets, &mut words);
                all.push(pattern.ok_or(format!("line {number} is no pattern: {line}"))?);
            }
        }
    }
    let mut patterns = Patterns {
        all,
        by_word: vec![Vec::new(); words.len() + 1],
        words,
        by_mention: Vec::new(),
        by_capital: Vec::new(),
        anchors: AhoCorasick::new(&anchors).map_err(|cause| cause.to_string())?,
    };
    for (index, pattern) in patterns.all.iter().enumerate() {
        let first = pattern.elements.first().ok_or("a pattern has an element")?;
        for word in &first.words {
            patterns.by_word[usize::from(*word)].push(index);
        }
        patterns.by_mention.extend(first.mention.then_some(index));
        patterns.by_capital.extend(first.capital.then_some(index));
    }
    Ok(patterns)
}

fn pattern<'a>(
    kind: &str,
    mut parts: impl Iterator<Item = &'a str>,
    sets: &HashMap<&str, Vec<&str>>,
    words: &mut HashMap<String, WordId, FnvBuild>,
) -> Option<Pattern> {
    let kind = match kind {
        "swat" => Kind::Swat,
        "hoax" => Kind::Hoax,
        "pizza" => Kind::Pizza,
        "prank" => Kind::Prank,
        "visit" => Kind::Visit,
        "home" => Kind::Home,
        "work" => Kind::Work,
        "school" => Kind::School,
        "hotel" => Kind::Hotel,
        "travel" => Kind::Travel,
        "person" => Kind::Person,
        "phone" => Kind::Phone,
        "game" => Kind::Game,
        _ => return None,
    };
    let level = parts.next()?.parse().ok().filter(|level| *level <= 4)?;
    let elements: Vec<Element> =
        parts.map(|part| element(part, sets, words)).collect::<Option<_>>()?;
    let starts =
        elements.first().is_some_and(|e| !e.not && !e.gap && !e.end && !e.optional && !e.number);
    starts.then(|| Pattern { kind, level, needed: needed(&elements), elements })
}

/// The words of the element behind the first that fewest words fit, of those that must fit.
fn needed(elements: &[Element]) -> Vec<WordId> {
    let must = elements.iter().skip(1).filter(|element| {
        let Element { mention, capital, number, not, gap, end, optional, .. } = **element;
        !(mention || capital || number || not || gap || end || optional)
    });
    must.map(|element| element.words.clone()).min_by_key(Vec::len).unwrap_or_default()
}

fn element(
    part: &str,
    sets: &HashMap<&str, Vec<&str>>,
    words: &mut HashMap<String, WordId, FnvBuild>,
) -> Option<Element> {
    if part == ".." {
        return Some(Element { gap: true, ..Element::default() });
    }
    if part == "." {
        return Some(Element { end: true, ..Element::default() });
    }
    let (part, optional) = match part.strip_suffix('?') {
        Some(part) => (part, true),
        None => (part, false),
    };
    let mut element = Element { optional, ..Element::default() };
    let alternatives = match part.strip_prefix('!') {
        Some(name) => {
            element.not = true;
            sets.get(name)?.clone()
        }
        None => {
            let mut all = Vec::new();
            for one in part.split('|') {
                match one.strip_prefix('$') {
                    Some(name) => all.extend(sets.get(name)?),
                    None => all.push(one),
                }
            }
            all
        }
    };
    for word in alternatives {
        match word {
            "@" => element.mention = true,
            "^" => element.capital = true,
            "#" => element.number = true,
            word if word.chars().all(char::is_alphanumeric) && !word.is_empty() => {
                let next = WordId::try_from(words.len() + 1).ok()?;
                element.words.push(*words.entry(word.to_owned()).or_insert(next));
            }
            _ => return None,
        }
    }
    Some(element)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_has_an_anchor() {
        let patterns = &*PATTERNS;
        for pattern in patterns.all.iter().filter(|pattern| pattern.level > 0) {
            let sure = pattern.elements.iter().any(|element| {
                let other = element.mention || element.number || element.capital;
                let needed = !element.words.is_empty() && !other;
                let needed = needed && !element.optional && !element.not;
                let marked = |word: &str| patterns.anchors.is_match(word);
                let spelt = |id: &WordId| patterns.words.iter().find(|(_, own)| *own == id);
                needed && element.words.iter().all(|id| spelt(id).is_some_and(|(w, _)| marked(w)))
            });
            let first = pattern.elements.first().map(|element| &element.words);
            assert!(sure, "{:?} {first:?}", pattern.kind);
        }
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        for text in ["blorp 3 a", "swat 9 a", "swat 3 $NONE", "swat 3 a$b", "swat 3 .. a", "swat 3"]
        {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
