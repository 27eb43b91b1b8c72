//! Parses word lists, naming file, line and cause of what is wrong.
//!
//! A line is `<severity> <mode> <term>`, and in a list named `allow` a term alone. Empty lines
//! and lines that begin with `#` say nothing. `wordlists/README.md` has the whole story.

use std::{
    collections::HashMap,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::message::{Category, Severity};

use super::{MatchMode, Term, embedded::LISTS, tape};

/// A list of 100,000 terms is far below this; a larger file is a mistake.
const FILE_BYTES_MAX: u64 = 4 << 20;
const LINE_BYTES_MAX: usize = 512;
/// Longer than any phrase that is worth listing.
const TERM_CHARS_MAX: usize = 120;
const TERMS_MAX: usize = 100_000;
/// Files in one folder tree.
const FILES_MAX: usize = 1_000;
/// `wordlists/<lang>/<category>.txt` is two deep.
const DEPTH_MAX: usize = 2;

/// One parsed list.
#[derive(Clone, Debug)]
pub struct Wordlist {
    /// `en/hate`.
    pub name: Arc<str>,
    pub terms: Vec<Term>,
    /// Allow terms: they cancel the hits that they cover.
    pub allow: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {cause}")]
pub struct WordlistError {
    pub file: String,
    /// From 1; 0 where the whole file is meant.
    pub line: usize,
    pub cause: String,
}

/// The lists in the binary.
///
/// # Errors
/// Every bad line of every list.
pub fn embedded() -> Result<Vec<Wordlist>, Vec<WordlistError>> {
    collect(LISTS.iter().map(|(name, text)| parse(name, &format!("wordlists/{name}.txt"), text)))
}

/// A file, or a folder laid out like `wordlists/`.
///
/// # Errors
/// Every bad line of every file, and every file that cannot be read.
pub fn read(path: &Path) -> Result<Vec<Wordlist>, Vec<WordlistError>> {
    let mut files = Vec::new();
    gather(path, 0, &mut files).map_err(|error| vec![error])?;
    files.sort();
    if files.is_empty() {
        return Err(vec![whole(path, "no word list (*.txt) here")]);
    }
    collect(files.iter().map(|file| read_file(file)))
}

fn collect(
    lists: impl Iterator<Item = Result<Wordlist, Vec<WordlistError>>>,
) -> Result<Vec<Wordlist>, Vec<WordlistError>> {
    let mut good = Vec::new();
    let mut bad = Vec::new();
    for list in lists {
        match list {
            Ok(list) => good.push(list),
            Err(errors) => bad.extend(errors),
        }
    }
    if bad.is_empty() { Ok(good) } else { Err(bad) }
}

fn gather(path: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<(), WordlistError> {
    let unreadable = |error: io::Error| whole(path, &error.to_string());
    if !fs::metadata(path).map_err(unreadable)?.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    for entry in fs::read_dir(path).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?.path();
        let folder = entry.is_dir() && depth + 1 < DEPTH_MAX;
        if folder || entry.extension().is_some_and(|extension| extension == "txt") {
            gather(&entry, depth + 1, files)?;
        }
        if files.len() > FILES_MAX {
            return Err(whole(path, &format!("more than {FILES_MAX} files")));
        }
    }
    Ok(())
}

fn read_file(path: &Path) -> Result<Wordlist, Vec<WordlistError>> {
    let one = |cause: String| vec![whole(path, &cause)];
    let size = fs::metadata(path).map_err(|error| one(error.to_string()))?.len();
    if size > FILE_BYTES_MAX {
        return Err(one(format!("{size} bytes; a list may have {FILE_BYTES_MAX}")));
    }
    let bytes = fs::read(path).map_err(|error| one(error.to_string()))?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let line = error.as_bytes()[..valid].iter().filter(|b| **b == b'\n').count() + 1;
        vec![WordlistError { line, ..whole(path, "not UTF-8") }]
    })?;
    parse(&list_name(path), &path.display().to_string(), &text)
}

/// `en/hate` for `…/en/hate.txt`.
fn list_name(path: &Path) -> String {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    match path.parent().and_then(Path::file_name) {
        Some(folder) => format!("{}/{stem}", folder.to_string_lossy()),
        None => stem.into_owned(),
    }
}

fn whole(path: &Path, cause: &str) -> WordlistError {
    WordlistError { file: path.display().to_string(), line: 0, cause: cause.to_owned() }
}

/// What a list holds, by its name.
#[derive(Clone, Copy)]
enum Holds {
    Allowed,
    Terms(Category),
}

fn parse(name: &str, file: &str, text: &str) -> Result<Wordlist, Vec<WordlistError>> {
    let bad = |line: usize, cause: String| WordlistError { file: file.to_owned(), line, cause };
    let stem = name.rsplit('/').next().unwrap_or(name);
    let holds = match (stem, Category::named(stem)) {
        ("allow", _) => Holds::Allowed,
        (_, Some(category)) => Holds::Terms(category),
        _ => return Err(vec![bad(0, format!("`{stem}` is neither a category nor `allow`"))]),
    };
    let mut list = Wordlist { name: name.into(), terms: Vec::new(), allow: Vec::new() };
    let mut seen = HashMap::new();
    let mut errors = Vec::new();
    for (line, number) in text.trim_start_matches('\u{feff}').lines().zip(1..) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        match entry(line, holds) {
            Err(cause) => errors.push(bad(number, cause)),
            Ok((folded, term)) => match seen.insert(folded, number) {
                Some(first) => errors.push(bad(number, format!("says the same as line {first}"))),
                None => match term {
                    Some(term) => list.terms.push(term),
                    None => list.allow.push(line.to_owned()),
                },
            },
        }
        if seen.len() > TERMS_MAX {
            errors.push(bad(number, format!("more than {TERMS_MAX} terms")));
            break;
        }
    }
    if errors.is_empty() { Ok(list) } else { Err(errors) }
}

/// One line: the folded term that it stands for, and the term unless it is an allow term.
fn entry(line: &str, holds: Holds) -> Result<(String, Option<Term>), String> {
    if line.len() > LINE_BYTES_MAX {
        return Err(format!("{} bytes; a line may have {LINE_BYTES_MAX}", line.len()));
    }
    let Holds::Terms(category) = holds else {
        return Ok((folded(line)?.join(" "), None));
    };
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
    let mode = match mode {
        "word" => MatchMode::Word,
        "prefix" => MatchMode::Prefix,
        "substring" => MatchMode::Substring,
        "phrase" => MatchMode::Phrase,
        other => {
            let other = other.escape_default();
            return Err(format!("mode `{other}` is not word, prefix, substring or phrase"));
        }
    };
    let text = text.trim();
    let words = folded(text)?;
    if mode == MatchMode::Word && text.contains(char::is_whitespace) {
        return Err("several words; their mode is `phrase`".to_owned());
    }
    let key = format!("{mode:?} {}", words.join(" "));
    Ok((key, Some(Term { text: text.to_owned(), category, severity, mode })))
}

/// The words that a term comes down to.
fn folded(text: &str) -> Result<Vec<String>, String> {
    let chars = text.chars().count();
    if chars > TERM_CHARS_MAX {
        return Err(format!("{chars} characters; a term may have {TERM_CHARS_MAX}"));
    }
    let words = tape::words(&crate::letters::plain(text).0);
    match words.is_empty() {
        true => Err("no letter or digit".to_owned()),
        false => Ok(words),
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
