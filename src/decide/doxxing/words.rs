//! Cuts a reading into words, with the way back to the original.

use std::ops::Range;

use crate::message::View;

/// One reading of a message as words and what stands between them.
pub(super) struct Line<'a> {
    pub text: &'a str,
    pub words: Vec<Word>,
    view: &'a View,
    original: &'a str,
    /// Where addresses of pages stand: what is in them is a link's, not a person's.
    urls: Vec<Range<usize>>,
    /// Everything is in capitals, so that they say nothing.
    shouts: bool,
}

/// A run of letters and digits, as bytes of the reading.
#[derive(Clone, Copy, Debug)]
pub(super) struct Word {
    pub start: usize,
    pub end: usize,
    /// Nothing but ASCII digits.
    pub number: bool,
    /// Follows an `@` that nothing stands before: somebody's name.
    pub mention: bool,
}

impl<'a> Line<'a> {
    pub fn new(view: &'a View, original: &'a str) -> Line<'a> {
        let text = view.text.as_str();
        let shouts = !original.chars().any(char::is_lowercase);
        Line { text, words: words(text), view, original, urls: urls(text), shouts }
    }

    /// The word, or nothing where there is none.
    pub fn word(&self, at: usize) -> &'a str {
        self.words.get(at).map_or("", |word| &self.text[word.start..word.end])
    }

    /// What stands between a word and the one before it.
    pub fn gap(&self, at: usize) -> &'a str {
        let before = at.checked_sub(1).and_then(|before| self.words.get(before));
        let start = before.map_or(0, |word| word.end);
        let end = self.words.get(at).map_or(self.text.len(), |word| word.start);
        self.text.get(start..end).unwrap_or_default()
    }

    /// The bytes of the original from one word to the last of a range.
    pub fn original(&self, words: Range<usize>) -> Range<usize> {
        let start = self.words.get(words.start).map_or(0, |word| word.start);
        let end = words.end.checked_sub(1).and_then(|last| self.words.get(last));
        self.view.original(start..end.map_or(start, |word| word.end))
    }

    pub fn is_number(&self, at: usize) -> bool {
        self.words.get(at).is_some_and(|word| word.number)
    }

    /// Written with a capital, in a message that is not all capitals.
    pub fn is_capital(&self, at: usize) -> bool {
        if self.shouts || at >= self.words.len() {
            return false;
        }
        let said = self.original.get(self.original(at..at + 1)).unwrap_or_default();
        said.chars().next().is_some_and(char::is_uppercase)
    }

    /// As it was typed, for what only counts in capitals.
    pub fn said(&self, words: Range<usize>) -> &'a str {
        self.original.get(self.original(words)).unwrap_or_default()
    }

    /// A sentence ends between a word and the one before it.
    pub fn breaks(&self, at: usize) -> bool {
        let abbreviated = at > 0 && self.word(at - 1).len() <= 3;
        let gap = self.gap(at);
        gap.contains(['!', '?', ';', '\n']) || (gap.starts_with(". ") && !abbreviated)
    }

    pub fn in_url(&self, at: usize) -> bool {
        let start = self.words.get(at).map_or(self.text.len(), |word| word.start);
        let after = self.urls.partition_point(|url| url.end <= start);
        self.urls.get(after).is_some_and(|url| url.contains(&start))
    }

    /// Whether one of these words is among the `reach` ones before `at`.
    pub fn before(&self, at: usize, reach: usize, any: &[&str]) -> bool {
        let from = at.saturating_sub(reach);
        (from..at.min(self.words.len())).any(|near| any.contains(&self.word(near)))
    }
}

fn words(text: &str) -> Vec<Word> {
    let mut words: Vec<Word> = Vec::with_capacity(text.len() / 5);
    let mut open: Option<Word> = None;
    let (mut before, mut last) = (' ', ' ');
    for (at, c) in text.char_indices() {
        let end = at + c.len_utf8();
        match &mut open {
            Some(word) if c.is_alphanumeric() || (c == '_' && word.mention) => {
                word.end = end;
                word.number &= c.is_ascii_digit();
            }
            None if c.is_alphanumeric() => {
                let mention = last == '@' && !before.is_alphanumeric();
                open = Some(Word { start: at, end, number: c.is_ascii_digit(), mention });
            }
            _ => words.extend(open.take()),
        }
        (before, last) = (last, c);
    }
    words.extend(open);
    words
}

/// Chunks without a space that name a page.
fn urls(text: &str) -> Vec<Range<usize>> {
    if !text.contains("://") && !text.contains("www.") && !text.contains('/') {
        return Vec::new();
    }
    let mut at = 0;
    let mut urls = Vec::new();
    for chunk in text.split_inclusive(' ') {
        if is_url(chunk.trim_end()) {
            urls.push(at..at + chunk.len());
        }
        at += chunk.len();
    }
    urls
}

/// `https://…`, `www.…`, `youtu.be/…`.
fn is_url(chunk: &str) -> bool {
    let page = || {
        let (host, _) = chunk.split_once('/')?;
        let (name, top) = host.rsplit_once('.')?;
        let is_top = top.len() >= 2 && top.bytes().all(|b| b.is_ascii_lowercase());
        Some(is_top && !name.is_empty() && !host.contains('@'))
    };
    chunk.contains("://") || chunk.starts_with("www.") || page().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{letters, message::ViewKind};

    #[test]
    fn words_gaps_and_pages_are_told_apart() {
        let original = "Hé @una_b, call 06.12 at youtu.be/06 (www.x.org) Now";
        let (text, origin) = letters::plain(original);
        let view = View { kind: ViewKind::Plain, text, origin };
        let line = Line::new(&view, original);
        let found: Vec<&str> = (0..line.words.len()).map(|at| line.word(at)).collect();
        let expected = [
            "he", "una_b", "call", "06", "12", "at", "youtu", "be", "06", "www", "x", "org", "now",
        ];
        assert_eq!(found, expected);
        assert!(line.words[1].mention && !line.words[2].mention);
        assert!(line.is_number(3) && !line.is_number(5));
        assert_eq!((line.gap(4), line.gap(1), line.gap(13)), (".", " @", ""));
        assert!(line.in_url(8) && !line.in_url(3) && !line.in_url(12));
        assert!(line.is_capital(0) && line.is_capital(12) && !line.is_capital(2));
        assert_eq!(&original[line.original(0..2)], "Hé @una_b");
    }
}
