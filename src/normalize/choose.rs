//! Chooses among the readings of a word whose signs may be several letters.
//!
//! `|3` is a b as well as l and e, `/\/\/` is n and v, or a and w. No sign tells which; the word
//! does: where one of its readings is a word that people use, that is what was written. A text is
//! then read once with the likeliest reading of each word and again with the next ones.

use std::ops::Range;

use crate::{
    letters::{bytes::ByteSet, ordinary::is_ordinary},
    message::{View, ViewKind},
};

use super::{empty, push};

/// Signs that may be more than one letter, or one and part of another.
pub(super) const SIGNS: ByteSet = ByteSet::of(b"|/\\(<[{!1#+@$^023456789").and_beyond_ascii();
/// Punctuation behind a word.
const ENDS: [char; 10] = ['\'', '"', '.', ',', '?', ':', ';', '!', ')', ']'];
/// So many readings of all words of a text are compared; what is left over is read sign by sign.
const READINGS_MAX: usize = 2048;
/// Of one word.
const WORD_READINGS_MAX: usize = 256;
/// So many letters are tried for all words of a text. Where none may stand at a word's end, no way
/// through its signs comes to a reading, and each sign doubles the ways.
const STEPS_MAX: usize = 16 * 1024;
/// For one word; enough for all of its readings where a dozen of its signs are open.
const WORD_STEPS_MAX: usize = 4 * 1024;
/// A longer word is no word of a language.
const WORD_BYTES_MAX: usize = 64;
/// So many readings of a text are worth a look.
const VIEWS_MAX: usize = 4;

/// What follows a number that says which one of several.
pub(super) const ORDINALS: [&str; 6] = ["st", "nd", "rd", "th", "e", "er"];

/// What may still be done for the words of a text.
#[derive(Clone, Copy)]
pub(super) struct Budget {
    readings: usize,
    steps: usize,
}

impl Budget {
    pub(super) fn new() -> Budget {
        Budget { readings: READINGS_MAX, steps: STEPS_MAX }
    }

    pub(super) fn is_spent(&self) -> bool {
        self.readings == 0 || self.steps == 0
    }

    /// What of it one word may have.
    fn of_word(&self) -> Budget {
        Budget {
            readings: self.readings.min(WORD_READINGS_MAX),
            steps: self.steps.min(WORD_STEPS_MAX),
        }
    }
}

/// Letters, each with how many bytes of the text it stands for.
pub(super) type Reading = Vec<(char, usize)>;

/// A word with more than one reading.
pub(super) struct Open {
    /// Where it stands in the text.
    pub at: usize,
    /// Where its first reading stands in the first view.
    pub written: Range<usize>,
    /// One for each view; the first where there is none.
    pub readings: Vec<Reading>,
}

/// A reading, and how little it looks like words.
struct Candidate {
    reading: Reading,
    spelt: String,
    strange: Strange,
}

/// Signs that are left over, and letters in words that nobody uses.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Strange {
    signs: usize,
    letters: usize,
}

const WORDS: Strange = Strange { signs: 0, letters: 0 };

/// The likely readings of a word, one for each view of the text; `others` has everything that may
/// stand at a place behind a letter.
pub(super) fn readings(
    plainest: Reading,
    text: &str,
    left: &mut Budget,
    others: impl Fn(usize, char) -> Vec<(char, usize)>,
) -> Vec<Reading> {
    if text.len() > WORD_BYTES_MAX {
        return vec![plainest];
    }
    let given = left.of_word();
    let mut walk = Walk { text, others, all: Vec::new(), left: given };
    walk.step(0, &mut Vec::new());
    left.readings -= given.readings - walk.left.readings;
    left.steps -= given.steps - walk.left.steps;
    let mut all: Vec<Candidate> = Vec::new();
    for reading in std::iter::once(plainest).chain(walk.all) {
        let spelt: String = reading.iter().map(|(c, _)| *c).collect();
        let new = Candidate { strange: strange(spelt.trim(), text), spelt: alike(&spelt), reading };
        match all.iter_mut().find(|old| old.spelt == new.spelt) {
            Some(old) if new.strange < old.strange => *old = new,
            Some(_) => {}
            None => all.push(new),
        }
    }
    ordered(all)
}

/// Words that people use first; where there are none, the plainest reading, then the others.
///
/// The second view differs in words alone that have two good readings, and the last one is the
/// plainest: a phrase is found only where all its words are read well in one view.
fn ordered(mut all: Vec<Candidate>) -> Vec<Reading> {
    let Some(plainest) = all.first().map(|one| one.reading.clone()) else { return Vec::new() };
    let known = all.iter().filter(|one| one.strange == WORDS).count();
    let mut views: Vec<Reading> = if known > 0 {
        let words = all.into_iter().filter(|one| one.strange == WORDS).take(VIEWS_MAX - 1);
        words.map(|one| one.reading).collect()
    } else {
        let other = |one: &Candidate| {
            let round = one.spelt.contains(['(', '[', '{']);
            (one.reading != plainest, round, one.strange.letters)
        };
        all.sort_by_key(|one| (one.strange.signs, other(one)));
        let signs = all[0].strange.signs;
        let mut likely = all.into_iter().filter(|one| one.strange.signs == signs);
        let Some(best) = likely.next().map(|one| one.reading) else { return vec![plainest] };
        let others = likely.take(VIEWS_MAX - 2).map(|one| one.reading);
        [best.clone(), best].into_iter().chain(others).collect()
    };
    if !views.contains(&plainest) {
        views.resize(VIEWS_MAX - 1, views[0].clone());
        views.push(plainest);
    }
    views
}

/// All ways through the signs of a word.
struct Walk<'a, F> {
    text: &'a str,
    others: F,
    all: Vec<Reading>,
    left: Budget,
}

impl<F: Fn(usize, char) -> Vec<(char, usize)>> Walk<'_, F> {
    fn step(&mut self, from: usize, read: &mut Reading) {
        if self.left.is_spent() {
            return;
        }
        self.left.steps -= 1;
        let known = read.len();
        let fixed = self.text.as_bytes()[from..].iter().enumerate();
        let fixed = fixed.take_while(|(nth, _)| is_fixed(self.text.as_bytes(), from + nth));
        read.extend(fixed.map(|(_, byte)| (char::from(*byte), 1)));
        let at = from + read.len() - known;
        match at == self.text.len() {
            true => {
                self.left.readings -= 1;
                self.all.push(read.clone());
            }
            false => self.branch(at, read),
        }
        read.truncate(known);
    }

    /// Goes on with each letter that may stand here.
    fn branch(&mut self, at: usize, read: &mut Reading) {
        let before = read.last().map_or(' ', |(c, _)| *c);
        for (letter, len) in (self.others)(at, before) {
            if self.may_stand(letter, at, read) {
                read.push((letter, len));
                self.step(at + len, read);
                read.pop();
            }
        }
    }

    /// Whether a word may hold this: no sign but around it, no digit but at its start or end.
    fn may_stand(&self, letter: char, at: usize, read: &Reading) -> bool {
        let rest = &self.text[at..];
        match letter {
            '0'..='9' => {
                read.iter().all(|(c, _)| !c.is_alphabetic())
                    || !rest.contains(|c: char| c.is_alphabetic())
            }
            c if is_left_over(c) => {
                rest.trim_end().trim_end_matches(ENDS).is_empty()
                    || at == 0 && rest.contains([')', ']', '}'])
            }
            _ => true,
        }
    }
}

/// Whether what stands here is itself and nothing else.
fn is_fixed(text: &[u8], at: usize) -> bool {
    match text[at] {
        b'p' => text.get(at + 1) != Some(&b'h'),
        b'v' => text.get(at + 1) != Some(&b'v'),
        byte => byte.is_ascii_lowercase() || byte == b' ',
    }
}

/// How little a reading of `text` looks like words.
fn strange(spelt: &str, text: &str) -> Strange {
    let opens = |text: &str| text.contains(['(', '[', '{']);
    let closes = spelt.contains([')', ']', '}']);
    let whole = spelt.trim_end_matches(ENDS);
    let whole = whole.trim_start_matches(|c| c == '"' || closes && (c == '(' || c == '['));
    let mut strange = Strange {
        // What closes must not be left over where what opens was read as a letter.
        signs: usize::from(closes && opens(text) && !opens(spelt)),
        letters: 0,
    };
    for part in whole.split(|c: char| !c.is_alphanumeric()).filter(|part| !is_word(part)) {
        strange.letters += part.len();
        strange.signs += part.bytes().filter(u8::is_ascii_digit).count();
    }
    strange.signs += whole.matches(is_left_over).count();
    strange
}

/// Signs that no word has inside.
fn is_left_over(c: char) -> bool {
    let bracket = matches!(c, '<' | '>' | '{' | '}' | '[' | ']' | '(' | ')');
    let stroke = matches!(c, '|' | '/' | '\\' | '_' | '!' | '^' | '~' | '+' | '=' | '*');
    bracket || stroke || matches!(c, '#' | '@' | '$' | '€' | '£')
}

/// Words, numbers and `7th`.
fn is_word(word: &str) -> bool {
    let behind = word.trim_start_matches(|c: char| c.is_ascii_digit());
    let number = behind.len() < word.len();
    word.is_empty()
        || is_ordinary(word)
        || number && (behind.is_empty() || ORDINALS.contains(&behind))
}

/// A stroke is an i or an l, and `scan` takes it for either.
fn alike(spelt: &str) -> String {
    spelt.replace('l', "i")
}

/// Adds a reading of what begins with the first of these places.
pub(super) fn write(reading: &Reading, origin: &[(u32, u32)], view: &mut View) {
    let mut at = 0;
    for (letter, len) in reading {
        // Two letters may stand for one sign.
        let first = if *len == 0 { at.max(1) - 1 } else { at };
        let last = (at + len).max(1) - 1;
        push(view, *letter, (origin[first].0, origin[last].1));
        at += len;
    }
}

/// The view with the first reading of each word, and those with the next ones.
pub(super) fn views(first: View, open: &[Open], plain: &View) -> Vec<View> {
    let most = open.iter().map(|word| word.readings.len()).max().unwrap_or(1);
    let mut views = vec![first];
    for nth in 1..most {
        let first = &views[0];
        let mut view = empty(ViewKind::Folded, first);
        let mut at = 0;
        let others = open.iter().filter_map(|word| Some((word, word.readings.get(nth)?)));
        for (word, reading) in others {
            copy(first, at..word.written.start, &mut view);
            write(reading, &plain.origin[word.at..], &mut view);
            at = word.written.end;
        }
        copy(first, at..first.text.len(), &mut view);
        if views.iter().all(|known| known.text != view.text) {
            views.push(view);
        }
    }
    views
}

/// Adds part of a view as it stands.
pub(super) fn copy(base: &View, span: Range<usize>, view: &mut View) {
    view.text.push_str(&base.text[span.clone()]);
    view.origin.extend_from_slice(&base.origin[span]);
}
