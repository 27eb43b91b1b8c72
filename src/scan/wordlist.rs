//! Reads word lists from the binary and the disk, naming file, line and cause of what is wrong.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{Term, embedded::LISTS};

mod line;

pub use line::{EXAMPLE_SIGNS, LINE_BYTES_MAX, REGEX_CHARS_MAX, TERM_CHARS_MAX, parse, term};

/// A list of 100,000 terms is far below this; a larger file is a mistake.
const FILE_BYTES_MAX: u64 = 4 << 20;
/// Files in one folder tree.
const FILES_MAX: usize = 1_000;
/// `wordlists/<lang>/<category>.txt` is two deep.
const DEPTH_MAX: usize = 2;

/// One parsed list.
#[derive(Clone, Debug, Default)]
pub struct Wordlist {
    /// `en/hate`.
    pub name: Arc<str>,
    pub terms: Vec<Term>,
    /// Allow terms: they cancel the hits that they cover.
    pub allow: Vec<String>,
    /// What the list itself says that its terms find and do not find.
    pub examples: Vec<Example>,
}

/// A line that one of a list's terms must find, or must not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Example {
    /// The index of the term.
    pub term: usize,
    pub guilty: bool,
    pub text: String,
    pub line: usize,
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
