//! Parses word lists, naming file, line and cause of what is wrong.

use std::{path::Path, sync::Arc};

use super::Term;

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
    pub line: usize,
    pub cause: String,
}

/// The lists in the binary.
pub fn embedded() -> Result<Vec<Wordlist>, Vec<WordlistError>> {
    todo!()
}

/// A file, or a folder laid out like `wordlists/`.
pub fn read(_path: &Path) -> Result<Vec<Wordlist>, Vec<WordlistError>> {
    todo!()
}
