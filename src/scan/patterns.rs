//! Finds users' own regular expressions, in time that grows with the text and no faster.
//!
//! They run on the text as it came and, where that says something else, on the plain reading, so
//! that accents, wide letters and invisible ones hide nothing.

use std::ops::Range;

use regex::{Regex, RegexBuilder, RegexSet, RegexSetBuilder};
use regex_syntax::hir::Hir;

use crate::message::{Canonical, ViewKind};

/// As many as a few imported rule sets have; each costs memory for every thread that judges.
pub const PATTERNS_MAX: usize = 500;
/// One compiled pattern: room for alternatives by the hundred, and none for `(\w{1000}){1000}`.
const PATTERN_BYTES_MAX: usize = 1 << 20;
/// All of them compiled as one.
const SUM_BYTES_MAX: usize = 16 << 20;
/// What a search may keep of its automaton; it slows down beyond, and stays linear.
const CACHE_BYTES_MAX: usize = 1 << 18;
/// Finding every match of one pattern takes a pass for each, so that a text may have so many; the
/// last one then reaches to the end, and nothing escapes a mask.
const MATCHES_MAX: usize = 32;

/// All patterns of all lists.
pub(super) struct Patterns {
    set: RegexSet,
    /// In the order of the set, with what each stands for.
    each: Vec<(Regex, u32)>,
}

impl Patterns {
    /// `None` where there are none.
    pub fn build(patterns: &[(String, u32)]) -> Result<Option<Patterns>, String> {
        if patterns.is_empty() {
            return Ok(None);
        }
        if patterns.len() > PATTERNS_MAX {
            return Err(format!("{} regexes; all lists may have {PATTERNS_MAX}", patterns.len()));
        }
        let set = RegexSetBuilder::new(patterns.iter().map(|pattern| &pattern.0))
            .case_insensitive(true)
            .size_limit(SUM_BYTES_MAX)
            .dfa_size_limit(SUM_BYTES_MAX)
            .build()
            .map_err(|error| format!("the regexes of all lists together: {}", in_line(&error)))?;
        let mut each = Vec::with_capacity(patterns.len());
        for (pattern, entry) in patterns {
            each.push((compile(pattern)?, *entry));
        }
        Ok(Some(Patterns { set, each }))
    }

    /// Calls with entry, place in the original, and the reading of every match.
    pub fn run(&self, text: &Canonical, mut found: impl FnMut(u32, Range<usize>)) {
        self.search(&text.original, &mut found);
        let plain = text.views.iter().find(|view| view.kind == ViewKind::Plain);
        if let Some(plain) = plain.filter(|plain| plain.text != text.original) {
            self.search(&plain.text, |entry, span| found(entry, plain.original(span)));
        }
    }

    fn search(&self, text: &str, mut found: impl FnMut(u32, Range<usize>)) {
        for index in self.set.matches(text) {
            let (regex, entry) = &self.each[index];
            let matches = regex.find_iter(text).filter(|part| !part.is_empty());
            for (number, part) in matches.take(MATCHES_MAX).enumerate() {
                let end = if number + 1 == MATCHES_MAX { text.len() } else { part.end() };
                found(*entry, part.start()..end);
            }
        }
    }
}

/// What is wrong with a pattern, in one line.
///
/// # Errors
/// It is no regular expression, takes too much memory, or matches nothing at all.
pub(super) fn check(pattern: &str) -> Result<(), String> {
    let parsed = regex_syntax::ParserBuilder::new().case_insensitive(true).build().parse(pattern);
    let parsed: Hir = parsed.map_err(|error| syntax(pattern, &error))?;
    if parsed.properties().minimum_len().is_none_or(|len| len == 0) {
        return Err("the regex matches where there is nothing".to_owned());
    }
    compile(pattern).map(drop)
}

fn compile(pattern: &str) -> Result<Regex, String> {
    RegexBuilder::new(pattern)
        .case_insensitive(true)
        .size_limit(PATTERN_BYTES_MAX)
        .dfa_size_limit(CACHE_BYTES_MAX)
        .build()
        .map_err(|error| in_line(&error))
}

fn in_line(error: &regex::Error) -> String {
    match error {
        regex::Error::CompiledTooBig(limit) => {
            format!("the regex takes more than {limit} bytes of memory")
        }
        other => other.to_string().split_whitespace().collect::<Vec<_>>().join(" "),
    }
}

/// Where and what, without the drawing that the library makes of it.
fn syntax(pattern: &str, error: &regex_syntax::Error) -> String {
    let (kind, at) = match error {
        regex_syntax::Error::Parse(error) => (error.kind().to_string(), error.span().start.offset),
        regex_syntax::Error::Translate(error) => {
            (error.kind().to_string(), error.span().start.offset)
        }
        other => (other.to_string(), 0),
    };
    let character = pattern.get(..at).map_or(0, |before| before.chars().count()) + 1;
    format!("character {character} of the regex: {kind}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::View;

    /// A text that is its own plain reading.
    fn canonical(text: &str) -> Canonical {
        let origin = (0..text.len() as u32).map(|at| (at, at + 1)).collect();
        let view = View { kind: ViewKind::Plain, text: text.to_owned(), origin };
        Canonical { original: text.to_owned(), views: vec![view] }
    }

    #[test]
    fn refuses_what_cannot_be_run() {
        for (pattern, part) in [
            ("(blorp", "character 1 of the regex: unclosed group"),
            ("é[z-a]", "character 3 of the regex: invalid character class range"),
            ("blorp(?=s)", "character 6 of the regex: look-around"),
            (r"(b)\1", "character 4 of the regex: backreferences are not supported"),
            ("b*", "where there is nothing"),
            (r"\b", "where there is nothing"),
            ("", "where there is nothing"),
            ("blorp|", "where there is nothing"),
            (r"(\w{200}){200}", "more than 1048576 bytes"),
        ] {
            let cause = check(pattern).expect_err("the pattern is bad");
            assert!(cause.contains(part) && !cause.contains('\n'), "{pattern}: {cause}");
        }
        for pattern in ["blorp", r"\bblo+rp\b", "(?-i)Blorp", "(blorp|gremlo)s?", r"\p{Greek}"] {
            assert_eq!(check(pattern), Ok(()), "{pattern}");
        }
    }

    #[test]
    fn finds_each_place_and_not_too_many() {
        let patterns = [(r"\bblo+rp\b".to_owned(), 7), ("(?-i)G+x".to_owned(), 9)];
        let patterns = Patterns::build(&patterns).expect("they fit").expect("there are some");
        let found = |text: &str| {
            let mut found = Vec::new();
            patterns.run(&canonical(text), |entry, span| found.push((entry, span)));
            found
        };
        assert_eq!(found("a BLOOORP and blorp, blorps"), [(7, 2..9), (7, 14..19)]);
        assert_eq!(found("GGx ggx"), [(9, 0..3)]);
        let many = "blorp ".repeat(100);
        let last = found(&many).last().cloned();
        assert_eq!((found(&many).len(), last), (MATCHES_MAX, Some((7, 186..600))));
        assert!(Patterns::build(&[]).expect("none fit too").is_none());
        let many = vec![("blorp".to_owned(), 0); PATTERNS_MAX + 1];
        assert!(Patterns::build(&many).is_err_and(|cause| cause.starts_with("501 regexes")));
    }
}
