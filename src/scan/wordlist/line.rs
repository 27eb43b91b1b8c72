//! Parses the lines of a list.
//!
//! A line is `<severity> <mode> <term>`, and in a list named `allow` a term alone. Below a term may
//! stand lines that it must find (`+ …`) and must not (`- …`). Empty lines and lines that begin
//! with `#` say nothing. `wordlists/README.md` has the whole story.

use std::collections::HashMap;

use super::{Example, Wordlist, WordlistError};
use crate::{
    message::{Category, Severity},
    scan::{MatchMode, Scope, Term, patterns, tape},
};

pub const LINE_BYTES_MAX: usize = 512;
/// Longer than any phrase that is worth listing.
pub const TERM_CHARS_MAX: usize = 120;
/// What Discord takes: nobody can read a longer one.
pub const REGEX_CHARS_MAX: usize = 260;
const TERMS_MAX: usize = 100_000;
/// They are read at every start and reload, and no term needs a hundred.
const EXAMPLES_MAX: usize = 100_000;

/// Begins a line that the term above must find, and one that it must not.
pub const EXAMPLE_SIGNS: [char; 2] = ['+', '-'];

/// What a list holds, by its name.
#[derive(Clone, Copy)]
enum Holds {
    Allowed,
    Terms(Category),
}

/// Reads a list from its text; `file` is what errors name.
///
/// # Errors
/// Every bad line.
pub fn parse(name: &str, file: &str, text: &str) -> Result<Wordlist, Vec<WordlistError>> {
    let stem = name.rsplit('/').next().unwrap_or(name);
    let holds = match (stem, Category::named(stem)) {
        ("allow", _) => Holds::Allowed,
        (_, Some(category)) => Holds::Terms(category),
        _ => {
            let cause = format!("`{stem}` is neither a category nor `allow`");
            return Err(vec![WordlistError { file: file.to_owned(), line: 0, cause }]);
        }
    };
    let mut reading = Reading {
        holds,
        list: Wordlist { name: name.into(), ..Wordlist::default() },
        seen: HashMap::new(),
        above: Above::Nothing,
    };
    let mut errors = Vec::new();
    for (line, number) in text.trim_start_matches('\u{feff}').lines().zip(1..) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let mut bad = |cause: String| {
            errors.push(WordlistError { file: file.to_owned(), line: number, cause });
        };
        if let Err(cause) = reading.take(line, number) {
            bad(cause);
        }
        if reading.seen.len() > TERMS_MAX {
            bad(format!("more than {TERMS_MAX} terms"));
            break;
        }
    }
    if errors.is_empty() { Ok(reading.list) } else { Err(errors) }
}

struct Reading {
    holds: Holds,
    list: Wordlist,
    /// The line of everything that was said.
    seen: HashMap<String, usize>,
    above: Above,
}

/// What an example belongs to.
#[derive(Clone, Copy)]
enum Above {
    Nothing,
    Term(usize),
    /// A term that was refused: one cause is enough.
    Refused,
}

impl Reading {
    fn take(&mut self, line: &str, number: usize) -> Result<(), String> {
        if line.len() > LINE_BYTES_MAX {
            return Err(format!("{} bytes; a line may have {LINE_BYTES_MAX}", line.len()));
        }
        let Holds::Terms(category) = self.holds else {
            self.unsaid(folded(line)?.join(" "), number)?;
            self.list.allow.push(line.to_owned());
            return Ok(());
        };
        if let Some(text) = line.strip_prefix(EXAMPLE_SIGNS) {
            return self.example(line.starts_with(EXAMPLE_SIGNS[0]), text.trim(), number);
        }
        self.above = Above::Refused;
        let (key, term) = term(line, category)?;
        self.unsaid(key, number)?;
        self.above = Above::Term(self.list.terms.len());
        self.list.terms.push(term);
        Ok(())
    }

    fn unsaid(&mut self, key: String, number: usize) -> Result<(), String> {
        match self.seen.insert(key, number) {
            Some(first) => Err(format!("says the same as line {first}")),
            None => Ok(()),
        }
    }

    fn example(&mut self, guilty: bool, text: &str, line: usize) -> Result<(), String> {
        let text = text.to_owned();
        match self.above {
            _ if text.is_empty() => Err("an example without a text".to_owned()),
            _ if self.list.examples.len() >= EXAMPLES_MAX => {
                Err(format!("more than {EXAMPLES_MAX} examples"))
            }
            Above::Nothing => Err("an example without a term above it".to_owned()),
            Above::Refused => Ok(()),
            Above::Term(term) => {
                self.list.examples.push(Example { term, guilty, text, line });
                Ok(())
            }
        }
    }
}

/// One line `<severity> <mode> <term>`: what it comes down to, by which lines that say the same
/// are known, and the term.
///
/// # Errors
/// What is wrong with it.
pub fn term(line: &str, category: Category) -> Result<(String, Term), String> {
    let mut parts = line.splitn(3, char::is_whitespace);
    let (Some(severity), Some(mode), Some(text)) = (parts.next(), parts.next(), parts.next())
    else {
        return Err("not `<severity> <mode> <term>`".to_owned());
    };
    let severity = severity
        .parse()
        .ok()
        .and_then(Severity::new)
        .ok_or_else(|| format!("severity `{}` is not 1 to 4", severity.escape_default()))?;
    let (mode, scope) = mode.split_at(mode.find([':', '!']).unwrap_or(mode.len()));
    let mode = MatchMode::named(mode).ok_or_else(|| {
        let known = MatchMode::ALL.map(MatchMode::name).join(", ");
        format!("mode `{}` is not one of {known}", mode.escape_default())
    })?;
    let scope = Some(scope).filter(|scope| !scope.is_empty()).map(Scope::parse).transpose()?;
    let text = text.trim();
    let words = match mode {
        MatchMode::Regex => regex(text)?,
        _ => folded(text)?.join(" "),
    };
    if mode == MatchMode::Word && text.contains(char::is_whitespace) {
        return Err("several words; their mode is `phrase`".to_owned());
    }
    let scoped = scope.map(|scope| scope.to_string()).unwrap_or_default();
    let key = format!("{}{scoped} {words}", mode.name());
    Ok((key, Term { text: text.to_owned(), category, severity, mode, scope }))
}

/// The words that a term comes down to.
fn folded(text: &str) -> Result<Vec<String>, String> {
    bounded(text, TERM_CHARS_MAX, "term")?;
    let words = tape::words(&crate::letters::plain(text).0);
    match words.is_empty() {
        true => Err("no letter or digit".to_owned()),
        false => Ok(words),
    }
}

fn regex(text: &str) -> Result<String, String> {
    bounded(text, REGEX_CHARS_MAX, "regex")?;
    patterns::check(text).map(|()| text.to_owned())
}

fn bounded(text: &str, most: usize, what: &str) -> Result<(), String> {
    let chars = text.chars().count();
    match chars > most {
        true => Err(format!("{chars} characters; a {what} may have {most}")),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn causes(name: &str, text: &str) -> Vec<(usize, String)> {
        let errors = parse(name, "list.txt", text).err().unwrap_or_default();
        errors.into_iter().map(|error| (error.line, error.cause)).collect()
    }

    #[test]
    fn reads_terms() {
        let text = "# origin: here\n\n1 word blorp\n 4 phrase  go to blorp \n2 prefix grém\n";
        let list = parse("xx/hate", "list.txt", text).expect("the list is good");
        let read: Vec<_> = list
            .terms
            .iter()
            .map(|term| (term.severity.level(), term.mode, term.text.as_str()))
            .collect();
        let expected = [
            (1, MatchMode::Word, "blorp"),
            (4, MatchMode::Phrase, "go to blorp"),
            (2, MatchMode::Prefix, "grém"),
        ];
        assert_eq!(read, expected);
        let text = "1 word blorp\n  + a blorp\n- none\n2 word:fr!en,es bl\n3 word bl\n+ bl";
        let list = parse("xx/hate", "list.txt", text).expect("the list is good");
        let scopes: Vec<_> = list.terms.iter().map(|t| t.scope.map(|s| s.to_string())).collect();
        assert_eq!(scopes, [None, Some(":fr!en,es".to_owned()), None]);
        let examples: Vec<_> =
            list.examples.iter().map(|e| (e.term, e.guilty, e.text.as_str(), e.line)).collect();
        assert_eq!(examples, [(0, true, "a blorp", 2), (0, false, "none", 3), (2, true, "bl", 6)]);
        let list = parse("xx/hate", "list.txt", "3 regex \\bblo+rp gre\\b").expect("good");
        assert_eq!(list.terms[0].text, "\\bblo+rp gre\\b");
        let allow = parse("xx/allow", "list.txt", "# ok\nnot a blorp\n").expect("good");
        assert_eq!(allow.allow, ["not a blorp"]);
    }

    #[test]
    fn names_every_bad_line() {
        let check = |name: &str, text: &str, expected: &[(usize, &str)]| {
            let found = causes(name, text);
            assert_eq!(found.len(), expected.len(), "{text}: {found:?}");
            for ((line, cause), (at, part)) in found.iter().zip(expected) {
                assert!(line == at && cause.contains(part), "{text}: {line}: {cause}");
            }
        };
        check("xx/blorp", "", &[(0, "neither a category")]);
        check("xx/hate", "blorp", &[(1, "not `<severity>")]);
        check("xx/hate", "5 word blorp\n1 word a\nx word b", &[(1, "`5`"), (3, "`x`")]);
        check("xx/hate", "1 wrd blorp", &[(1, "mode `wrd`")]);
        check("xx/hate", "1 word:xx blorp\n1 word: a", &[(1, "`xx`"), (2, "without a language")]);
        check("xx/hate", "1 word:fr!en,fr blorp", &[(1, "fr both meant")]);
        check("xx/hate", "1 wrd:fr blorp", &[(1, "mode `wrd`")]);
        check("xx/hate", "1 word:fr blorp\n2 word:fr Blorp", &[(2, "same as line 1")]);
        check("xx/hate", "1 regex (blorp\n1 regex b*", &[(1, "unclosed"), (2, "is nothing")]);
        check("xx/hate", &format!("1 regex {}", "b".repeat(261)), &[(1, "261 characters")]);
        check("xx/hate", "+ a blorp", &[(1, "without a term above")]);
        check("xx/hate", "1 word blorp\n  -  \n", &[(2, "without a text")]);
        check("xx/hate", "1 wrd blorp\n+ a blorp\n", &[(1, "mode `wrd`")]);
        check("xx/hate", "1 word blorp it", &[(1, "`phrase`")]);
        check("xx/hate", "1 word …", &[(1, "no letter")]);
        check("xx/hate", "1 word Blórp\n2 word blorp", &[(2, "same as line 1")]);
        check("xx/hate", &format!("1 word {}", "b".repeat(121)), &[(1, "121 characters")]);
        check("xx/hate", &format!("1 word {}", "b".repeat(600)), &[(1, "607 bytes")]);
        check("xx/allow", "!!!\nok", &[(1, "no letter")]);
        let many: String = (0..=TERMS_MAX).map(|n| format!("1 word b{n}\n")).collect();
        check("xx/hate", &many, &[(TERMS_MAX + 1, "more than")]);
    }
}
