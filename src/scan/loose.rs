//! Finds terms whatever stands between their letters and however often those are repeated.
//!
//! All letters of a reading run past the automaton without a space, each repeat once. What matches
//! is then held against what was written: a word that was stretched, spelt out, broken by signs, or
//! whose spaces were moved. Spaces fall between ordinary words by accident (`pen is`), so where
//! they are in the way, some piece must be no word that people use.

use std::ops::Range;

use super::{
    Entry, MatchMode,
    begins::{Begins, Match, NEAR},
    glue::{is_affixed, is_glue, is_raised},
    joined,
    pieces::{Piece, SPELT_MIN},
    stretch::{self, Letters},
    tape::{Class, class, strokes},
};
use crate::{letters::bytes::ByteSet, message::ViewKind};

/// Longer gaps end a word.
const GAP_CHARS_MAX: usize = 3;
/// Signs that break a word in two; others stand between real words as well.
const JOINERS: ByteSet = ByteSet::of(b".-_*~^|+=");
/// A shorter word that a space splits must have no ordinary word among its pieces.
const LONG_LETTERS_MIN: usize = 7;
/// Shorter for words of this severity: nobody comes upon them by two slips of the space bar.
const GRAVE_LETTERS_MIN: usize = 6;
const GRAVE_MIN: u8 = 3;
/// So many letters are in no other words by accident, wherever the spaces are.
const SURE_LETTERS_MIN: usize = 12;
/// Shorter terms with something behind them are more often names, and before them too.
const AFFIXED_LETTERS_MIN: usize = 5;
const RAISED_LETTERS_MIN: usize = 4;
/// Signs that stand between words, where there is one on either side.
const SEPARATORS: ByteSet = ByteSet::of(b"/:;'");
/// Of this many letters are the parts of a word that a sign broke.
const PART_LETTERS: Range<usize> = 2..4;
/// So many signs in one word are no list of words.
const BROKEN_MIN: usize = 2;
/// Shorter phrases run together into names.
const JOINED_LETTERS_MIN: usize = 6;
/// A link is told by what stands so near.
const ADDRESS_BYTES_MAX: usize = 256;
/// So many matches are held against what was written; an ordinary message has one or two, and each
/// costs a look around it.
const MATCHES_MAX: usize = 512;
/// Milder words are not worth the risk of an accident.
const SEVERITY_MIN: u8 = 2;

/// A reading as the automaton sees it.
pub(super) struct Loose<'a> {
    pub letters: &'a Letters<'a>,
    pub pieces: &'a [Piece],
}

/// Where one run of equal letters stands.
struct Run {
    from: usize,
    to: usize,
    /// Where its first letter ends and where its last begins.
    first: usize,
    last: usize,
    /// The same for its first and last parts, where a gap is in it.
    first_part: usize,
    last_part: usize,
}

impl Run {
    fn new(at: usize, to: usize) -> Run {
        Run { from: at, to, first: to, last: at, first_part: to, last_part: at }
    }

    fn add(&mut self, at: usize, to: usize) {
        if self.to != at {
            self.last_part = at;
        } else if self.first_part == at {
            self.first_part = to;
        }
        (self.last, self.to) = (at, to);
    }

    /// Where a term that begins with this run may begin, and where one that ends with it may end:
    /// the last letter of one word may be the first of the next.
    fn starts(&self) -> impl Iterator<Item = usize> {
        let more = [self.last_part, self.last];
        let differs = more.into_iter().filter(|at| *at != self.from);
        std::iter::once(self.from).chain(differs)
    }

    fn ends(&self) -> impl Iterator<Item = usize> {
        let more = [self.first_part, self.first];
        let differs = more.into_iter().filter(|at| *at != self.to);
        std::iter::once(self.to).chain(differs)
    }
}

/// What a match looks like in the text.
struct Written {
    span: Range<usize>,
    /// The pieces that the match touches.
    pieces: Range<usize>,
    /// Gaps where the term has none: before which piece.
    broken: Vec<usize>,
    /// The term has gaps where the text has none.
    joined: bool,
    /// Letters of the first and last piece that are not the term's.
    left: Range<usize>,
    right: Range<usize>,
}

impl Loose<'_> {
    /// Calls with the entry, the place and the way it was read of everything found.
    pub fn run(
        &self,
        terms: &Begins,
        entries: &[Entry],
        mut found: impl FnMut(u32, Range<usize>, ViewKind),
    ) {
        let matches = self.matches(terms);
        // Nearly every text has none, and then nobody asks where its letters are.
        let Some(most) = matches.iter().map(|(_, within)| within.end).max() else { return };
        let all = self.runs(most);
        for (index, within) in matches {
            let (entry, runs) = (&entries[index as usize], &all[within]);
            let [Some(first), Some(last)] = [runs.first(), runs.last()] else { continue };
            let spans = first.starts().flat_map(|from| last.ends().map(move |to| from..to));
            let read = spans.filter(|span| span.start < span.end).find_map(|span| {
                let fits = self.letters.are_stretched(&entry.letters, span.clone());
                let written = fits.then(|| self.written(entry, span, runs))?;
                Some((self.read(entry, &written)?, written.span))
            });
            if let Some((view, span)) = read {
                found(index, span, view);
            }
        }
    }

    /// The terms whose letters are there, and in which runs of equal letters.
    fn matches(&self, terms: &Begins) -> Vec<Match> {
        let mut matches = terms.all(&self.collapsed(), MATCHES_MAX);
        // Those that end at one place are looked at together.
        let ends = |at: &usize| matches[*at].1.end != matches[*at - 1].1.end;
        let left = (MATCHES_MAX..matches.len()).find(ends);
        matches.truncate(left.unwrap_or(matches.len()));
        matches
    }

    /// All letters of the reading, each repeat once, as `terms` looks at them.
    fn collapsed(&self) -> Vec<u8> {
        let text = self.letters.text();
        let mut letters = Vec::with_capacity(text.len() + NEAR);
        letters.extend_from_slice(text.as_bytes());
        letters.extend([0; NEAR]);
        let mut len = 0;
        if text.is_ascii() {
            let mut before = 0;
            // Without a branch: nobody can foresee where words end.
            for byte in text.bytes() {
                let letter = byte.is_ascii_alphanumeric();
                letters[len] = strokes(byte);
                len += usize::from(letter & (byte != before || byte.is_ascii_digit()));
                before = if letter { byte } else { before };
            }
        } else {
            let mut before = ' ';
            for c in self.pieces.iter().flat_map(|piece| text[piece.span.clone()].chars()) {
                if before == c && c.is_alphabetic() {
                    continue;
                }
                before = c;
                c.encode_utf8(&mut letters[len..]);
                letters[len] = strokes(letters[len]);
                len += c.len_utf8();
            }
        }
        letters[len..len + NEAR].fill(0);
        letters.truncate(len + NEAR);
        letters
    }

    /// The first so many runs of equal letters.
    fn runs(&self, most: usize) -> Vec<Run> {
        let text = self.letters.text();
        let mut runs: Vec<Run> = Vec::with_capacity(most);
        let mut before = None;
        for (at, c) in text.char_indices() {
            if class(text, at).0 == Class::Gap {
                continue;
            }
            let to = at + c.len_utf8();
            let full = runs.len() == most;
            match runs.last_mut().filter(|_| before == Some(c) && c.is_alphabetic()) {
                Some(run) => run.add(at, to),
                None if full => break,
                None => runs.push(Run::new(at, to)),
            }
            before = Some(c);
        }
        runs
    }

    fn written(&self, entry: &Entry, span: Range<usize>, runs: &[Run]) -> Written {
        let first = self.pieces.partition_point(|piece| piece.span.end <= span.start);
        let last = self.pieces.partition_point(|piece| piece.span.start < span.end);
        let mut broken = Vec::new();
        let mut own = 0;
        for index in first + 1..last {
            let start = self.pieces[index].span.start;
            let run = runs.partition_point(|run| run.from <= start).saturating_sub(1);
            let inside = runs[run].from != start;
            match entry.breaks.binary_search(&stretch::place(run, inside)) {
                Ok(_) => own += 1,
                Err(_) => broken.push(index),
            }
        }
        let edge = |index: usize| self.pieces.get(index).map_or(0..0, |piece| piece.span.clone());
        Written {
            left: edge(first).start..span.start,
            right: span.end..edge(last.saturating_sub(1)).end,
            pieces: first..last,
            joined: own < entry.breaks.len(),
            broken,
            span,
        }
    }

    /// How it was read, if it may be read so.
    fn read(&self, entry: &Entry, written: &Written) -> Option<ViewKind> {
        let (left, right) = (written.left.is_empty(), written.right.is_empty());
        let bounded = match entry.mode {
            MatchMode::Word | MatchMode::Phrase => left && right,
            MatchMode::Prefix => left,
            MatchMode::Substring | MatchMode::Regex => true,
        };
        let whole = written.broken.is_empty() && !written.joined;
        if bounded && (whole || self.is_spelt(written) || self.is_broken_by_signs(written)) {
            return Some(ViewKind::Squeezed);
        }
        let weighs = entry.what.is_some_and(|(_, severity)| severity.level() >= SEVERITY_MIN);
        if !weighs || !self.gaps_are_short(written) {
            return None;
        }
        let glued = !left || !right;
        let moved = match (written.broken.is_empty(), written.joined) {
            (true, true) => self.is_joined(entry, written),
            (false, _) => self.is_split_oddly(entry, written),
            (true, false) => false,
        };
        let good = match glued {
            true => (whole || moved) && self.is_glued(entry, written, moved),
            false => moved,
        };
        good.then_some(ViewKind::Respaced)
    }

    fn gap(&self, index: usize) -> &str {
        let end = self.pieces[index].span.start;
        match index.checked_sub(1) {
            Some(before) => &self.letters.text()[self.pieces[before].span.end..end],
            None => "",
        }
    }

    fn gaps_are_short(&self, written: &Written) -> bool {
        written.broken.iter().all(|index| self.gap(*index).chars().count() <= GAP_CHARS_MAX)
    }

    /// Letters that stand alone: `b l o r p`, `b.l.o-r p`.
    fn is_spelt(&self, written: &Written) -> bool {
        let Range { start, end } = written.pieces;
        let alone = |index: usize| self.pieces.get(index).is_some_and(|piece| piece.single);
        // A letter before or behind belongs to the same spelling, unless it is a word.
        let goes_on = |index: usize, gap: usize| {
            let near = self.pieces.get(gap).is_some() && self.gap(gap).chars().count() <= 1;
            self.pieces.get(index).is_some_and(|piece| piece.single && near && !piece.word)
        };
        end - start >= SPELT_MIN
            && (start..end).all(alone)
            && self.gaps_are_short(written)
            && !start.checked_sub(1).is_some_and(|before| goes_on(before, start))
            && !goes_on(end, end)
            && (end == self.pieces.len() || !self.gap(end).is_empty())
    }

    /// Signs alone, of the kind that breaks words, and none that goes on: `bl.orp`.
    fn is_broken_by_signs(&self, written: &Written) -> bool {
        let Range { start, end } = written.pieces;
        let signs = |index: usize| {
            let gap = if index < self.pieces.len() { self.gap(index) } else { "" };
            !gap.is_empty()
                && gap.chars().count() <= GAP_CHARS_MAX
                && gap.bytes().all(|byte| JOINERS.has(byte))
        };
        !written.broken.is_empty()
            && !written.joined
            && written.broken.iter().all(|index| signs(*index))
            && !signs(start)
            && !signs(end)
            && !self.is_address(&written.span)
    }

    /// Whether the term stands in a link. Longer ones are not looked at whole: a wall of text
    /// without a space must not be read again for every match in it.
    fn is_address(&self, span: &Range<usize>) -> bool {
        let bytes = self.letters.text().as_bytes();
        let before = &bytes[span.start.saturating_sub(ADDRESS_BYTES_MAX)..span.start];
        let after = &bytes[span.end..bytes.len().min(span.end + ADDRESS_BYTES_MAX)];
        let start = before.iter().rposition(|b| *b == b' ').map_or(0, |at| at + 1);
        let end = after.iter().position(|b| *b == b' ').unwrap_or(after.len());
        let near = &bytes[span.start - (before.len() - start)..span.end + end];
        near.windows(3).any(|signs| signs == b"://") || near.starts_with(b"www.")
    }

    /// A phrase without its spaces, in a piece that is no other word.
    fn is_joined(&self, entry: &Entry, written: &Written) -> bool {
        let pieces = &self.pieces[written.pieces.clone()];
        let long = entry.letters.len() >= JOINED_LETTERS_MIN;
        long && pieces.iter().any(|piece| piece.odd)
    }

    /// Spaces or signs where the term has none, and pieces that are no words.
    fn is_split_oddly(&self, entry: &Entry, written: &Written) -> bool {
        if self.is_address(&written.span) {
            return false;
        }
        let (mut odd, mut letters, mut words) = (0, 0, 0);
        for index in written.pieces.clone() {
            let piece = &self.pieces[index];
            // A piece that is a whole word of the term says nothing.
            let starts = index == written.pieces.start || !written.broken.contains(&index);
            let ends = index + 1 == written.pieces.end || !written.broken.contains(&(index + 1));
            match piece {
                _ if starts && ends && !piece.odd => {}
                Piece { odd: true, .. } => odd += 1,
                Piece { single: true, word: false, .. } => letters += 1,
                Piece { single: true, .. } => {}
                _ => words += 1,
            }
        }
        let length = entry.letters.len();
        if length >= SURE_LETTERS_MIN {
            return true;
        }
        let enough = 2 * odd + letters >= 2;
        let spaces = written.broken.iter().any(|index| self.gap(*index).contains(' '));
        if !spaces && (enough || written.broken.len() >= BROKEN_MIN) {
            return true;
        }
        let grave = is_grave(entry);
        if grave && self.is_broken_in_parts(written) {
            return true;
        }
        match length >= if grave { GRAVE_LETTERS_MIN } else { LONG_LETTERS_MIN } {
            true => enough && words <= odd + letters,
            false => enough && words == 0 && odd + letters >= 2,
        }
    }

    /// A sign that stands between words as a rule, but not beside words: `bl/orp`.
    fn is_broken_in_parts(&self, written: &Written) -> bool {
        let text = self.letters.text();
        let gap = |index: &usize| self.gap(*index).as_bytes();
        let signs = |gap: &[u8]| gap.len() == 1 && SEPARATORS.has(gap[0]);
        let part = |piece: &Piece| {
            let short = PART_LETTERS.contains(&piece.span.len());
            piece.odd || short && !joined::is_word(&text[piece.span.clone()])
        };
        written.broken.iter().map(gap).all(signs)
            && self.pieces[written.pieces.clone()].iter().all(part)
    }

    /// Words of the sentence that stick to the term: `yourea…`, and what makes a new one of it.
    fn is_glued(&self, entry: &Entry, written: &Written, moved: bool) -> bool {
        let text = self.letters.text();
        let first = &self.pieces[written.pieces.start];
        let last = &self.pieces[written.pieces.end - 1];
        let (left, right) = (&text[written.left.clone()], &text[written.right.clone()]);
        let length = entry.letters.len();
        let whole = !moved && written.pieces.len() == 1;
        let raised = length >= RAISED_LETTERS_MIN && is_raised(left, right);
        let affixed = length >= AFFIXED_LETTERS_MIN && is_grave(entry) && is_affixed(left, right);
        first.odd | last.odd
            && (is_glue(left, right, length, moved) || whole && (raised || affixed))
    }
}

fn is_grave(entry: &Entry) -> bool {
    entry.what.is_some_and(|(_, severity)| severity.level() >= GRAVE_MIN)
}
