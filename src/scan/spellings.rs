//! Finds terms as they are spelt: looks whole words up, and runs an automaton for parts of words.

use std::ops::Range;

use aho_corasick::AhoCorasick;

use super::{Entry, book::Book, tape, tape::Tape, words::Word};

/// Terms by how they are spelt: those of whole words, and those within words.
pub(super) struct Spellings {
    book: Book,
    /// With a quick look for their longest words: most texts hold none of them.
    within: Option<(AhoCorasick, Tape)>,
    /// Words of the longest of those.
    longest: usize,
}

impl Spellings {
    pub fn new(patterns: &[(String, u32)], strokes: bool) -> Result<Spellings, String> {
        let mut book = Book::new(strokes);
        let whole = |pattern: &str| pattern.starts_with(' ') && pattern.ends_with(' ');
        let (words, within): (Vec<_>, Vec<_>) =
            patterns.iter().cloned().partition(|(pattern, _)| whole(pattern));
        for (pattern, entry) in &words {
            book.add(pattern.split_whitespace(), *entry);
        }
        let longest = within.iter().map(|(pattern, _)| pattern.split_whitespace().count()).max();
        let within = (!within.is_empty()).then(|| within_words(&within, strokes)).transpose()?;
        Ok(Spellings { book, within, longest: longest.unwrap_or(0) })
    }

    /// Calls with the entry and the place in `text` of every term, overlapping ones too. Where some
    /// words are not fresh, terms of such words alone may be left out.
    pub fn run(
        &self,
        text: &str,
        words: &[Word],
        entries: &[Entry],
        mut found: impl FnMut(u32, Range<usize>),
    ) {
        self.book.run(text, words, &mut found);
        let (Some((quick, within)), Some(near)) = (&self.within, self.near(words)) else { return };
        let read = self.book.read(&text[near.clone()]);
        if quick.is_match(&*read) {
            within.run(&read, |entry, end| {
                let (letters, end) = (entries[entry as usize].letters.len(), near.start + end);
                found(entry, tape::start(text, end, letters)..end);
            });
        }
    }

    /// The fresh words, with as many around them as a term may have.
    fn near(&self, words: &[Word]) -> Option<Range<usize>> {
        let first = words.iter().position(|word| word.fresh)?;
        let last = words.iter().rposition(|word| word.fresh)?;
        let first = &words[first.saturating_sub(self.longest)];
        let last = &words[(last + self.longest).min(words.len() - 1)];
        Some(first.span.start..last.span.end)
    }
}

fn within_words(patterns: &[(String, u32)], strokes: bool) -> Result<(AhoCorasick, Tape), String> {
    let alike = if strokes { tape::strokes } else { tape::same };
    let longest = patterns.iter().map(|(pattern, _)| {
        let word = pattern.split_whitespace().max_by_key(|word| word.len()).unwrap_or_default();
        word.bytes().map(alike).collect::<Vec<u8>>()
    });
    let quick = AhoCorasick::new(longest);
    let quick = quick.map_err(|error| format!("the word lists do not fit: {error}"))?;
    Ok((quick, Tape::new(patterns, alike)?))
}
