//! Guesses the listed word that a misspelt, shortened or partly masked one stands for.
//!
//! A word is guessed at only where nobody uses it otherwise (`letters::ordinary`), and the guess
//! says nothing by itself: the message is read once more with the guesses in it.

use std::{
    collections::{HashMap, HashSet},
    ops::Range,
};

use super::{
    Entry, joined::SEVERITY_MIN, pieces::Piece, spell, stretch, stretch::Letters, words::Change,
};
use crate::{
    letters::{
        bytes::{FNV_OFFSET, SpreadBuild, fnv_step},
        ordinary::{Known, begun_so, is_ordinary, known},
    },
    message::{Category, View, ViewKind},
};

mod alike;

/// Enough for every disguised word of a message; more is a wall of text, and read all the same
/// in every other way.
const SLOTS_MAX: usize = 256;
/// So many words are guessed at: as many odd ones are in no message that somebody reads, and each
/// costs a look for every way to misspell it.
const TRIES_MAX: usize = 512;
/// So many readings of one word are told apart.
const OPTIONS_MAX: usize = 3;
/// Shorter words are too near to too many others.
const TERM_LETTERS_MIN: usize = 4;
/// Of a word that lost or won any letter, so that slips of the keyboard are no slurs.
const SLIP_LETTERS_MIN: usize = 5;
/// The words of a phrase must all be there, so that each may be shorter.
const PART_LETTERS_MIN: usize = 3;
/// Whoever is near a word of this severity without meaning it writes none that people use.
const GRAVE_MIN: u8 = 3;
/// What must never be seen.
const WORST: u8 = 4;
/// Longer words are in no list.
pub(super) const LETTERS_MAX: usize = 24;

/// The words of all listed terms, by what becomes of them when they are misspelt.
pub(super) struct Guesses {
    words: Vec<Word>,
    /// By the hash of the whole word.
    exact: HashMap<u64, u32, SpreadBuild>,
    /// Hashes of spellings, sorted, each with the word it may stand for.
    index: Vec<(u64, u32)>,
    /// For each beginning of a hash, where those that begin so are in the index: a search through
    /// all of it would wait for memory at every step.
    starts: Vec<u32>,
    /// A bit for each of those hashes and of those of whole words: nearly all spellings of nearly
    /// all words are in no list, and one look says so.
    any: Vec<u64>,
}

/// One or two spellings of the lists of this repository begin alike.
const START_BITS: u32 = 17;
/// Sixteen bits a spelling for the lists of this repository.
const ANY_BITS: u64 = 1 << 21;

fn bit(hash: u64) -> (usize, u64) {
    // The low bits of this hash are its best ones.
    let at = (hash ^ hash >> 32) % ANY_BITS;
    ((at / 64) as usize, 1 << (at % 64))
}

struct Word {
    text: Box<str>,
    /// How bad the word is as a term of its own; 0: it is only a part of phrases.
    level: u8,
}

/// A word of the message that is read otherwise.
pub(super) struct Slot {
    pub span: Range<usize>,
    pub options: Vec<Choice>,
}

/// A word that another one may stand for.
pub(super) struct Choice {
    pub word: String,
    /// It is found as a term of its own too, not only among the other words of a phrase.
    pub alone: bool,
}

/// How a word may have been misspelt.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Slip {
    None,
    Swapped,
    Sound,
    Vowels,
    Dropped,
    Masked,
    Drawn,
}

impl Choice {
    fn alone(word: &str) -> Choice {
        Choice { word: word.to_owned(), alone: true }
    }
}

impl Slot {
    /// What it is in the nth reading.
    pub fn option(&self, nth: usize) -> Option<&Choice> {
        self.options.get(nth).or(self.options.last())
    }
}

impl Guesses {
    pub fn build<'a>(
        entries: &[Entry],
        patterns: impl Iterator<Item = &'a (String, u32)> + Clone,
    ) -> Guesses {
        let scoped: HashMap<&str, Category> = patterns
            .clone()
            .filter(|(_, entry)| entries[*entry as usize].scope.is_some())
            .filter_map(|(word, entry)| Some((word.trim(), entries[*entry as usize].what?.0)))
            .collect();
        let mut misspelt = HashSet::new();
        let mut all = Guesses {
            words: Vec::new(),
            exact: HashMap::default(),
            index: Vec::new(),
            starts: Vec::new(),
            any: vec![0; (ANY_BITS / 64) as usize],
        };
        for (pattern, entry) in patterns {
            let Some((category, severity)) = entries[*entry as usize].what else { continue };
            if is_doubled(pattern.trim(), |word| scoped.get(word) == Some(&category)) {
                misspelt.insert(pattern.trim());
            }
            let level = if pattern.trim().contains(' ') { 0 } else { severity.level() };
            for word in pattern.split_whitespace().filter(|word| word.len() <= LETTERS_MAX) {
                let hash = hash(Slip::None, word.bytes());
                let at = *all.exact.entry(hash).or_insert(all.words.len() as u32);
                if at as usize == all.words.len() {
                    all.words.push(Word { text: word.into(), level });
                }
                let word = &mut all.words[at as usize];
                word.level = word.level.max(level);
            }
        }
        let words = all.words.iter().zip(0..);
        for (word, at) in words.filter(|(word, _)| !misspelt.contains(&*word.text)) {
            spellings(&word.text, |slip, spelling| {
                all.index.push((hash(slip, spelling.iter().copied()), at))
            });
        }
        all.index.sort_unstable();
        all.index.dedup();
        let from = |begins: u64| {
            all.index.partition_point(|entry| entry.0 >> (64 - START_BITS) < begins) as u32
        };
        all.starts = (0..=1 << START_BITS).map(from).collect();
        for hash in all.index.iter().map(|(hash, _)| hash).chain(all.exact.keys()) {
            let (at, mask) = bit(*hash);
            all.any[at] |= mask;
        }
        all
    }

    /// Whether a listed term has this word.
    pub fn has(&self, word: &str) -> bool {
        let known = self.whole(hash(Slip::None, word.bytes()));
        known.is_some_and(|at| *self.words[at as usize].text == *word)
    }

    /// A quick look that may be wrong where it says yes: whether a listed term has these letters
    /// from behind.
    pub fn may_have_turned(&self, letters: &str) -> bool {
        self.may_have(hash(Slip::None, letters.bytes().rev()))
    }

    /// The word whose letters have this hash.
    fn whole(&self, hash: u64) -> Option<u32> {
        self.may_have(hash).then(|| self.exact.get(&hash).copied()).flatten()
    }

    fn may_have(&self, hash: u64) -> bool {
        let (at, mask) = bit(hash);
        self.any[at] & mask != 0
    }

    /// The words of a reading that may be others, in order.
    pub fn slots(&self, letters: &Letters, pieces: &[Piece]) -> Vec<Slot> {
        let text = letters.text();
        let mut slots: Vec<Slot> = Vec::new();
        let (mut next, mut tries, mut tried) = (0, 0, 0);
        while next < pieces.len() && slots.len() < SLOTS_MAX && tries < TRIES_MAX {
            let Piece { masked, odd, short, span, .. } = &pieces[next];
            tries += usize::from(*masked || *odd || *short);
            let unmasked = masked.then(|| self.unmasked(text, span.start, &mut tried));
            if let Some((options, span)) = unmasked.flatten() {
                next += pieces[next..].partition_point(|piece| piece.span.start < span.end);
                slots.push(Slot { span, options });
                continue;
            }
            if let Some(span) = spell::self_in_two(text, &pieces[next..]) {
                next += 2;
                slots.push(Slot { span, options: vec![Choice::alone("yourself")] });
                continue;
            }
            let piece = &pieces[next];
            let options = self.options(letters, piece);
            if !options.is_empty() {
                slots.push(Slot { span: piece.span.clone(), options });
            }
            next += 1;
        }
        slots
    }

    /// The masked word at a place and what it may be, read with fewer kinds of signs first. Up to
    /// `tried`, signs of every kind have been looked at.
    fn unmasked(
        &self,
        text: &str,
        at: usize,
        tried: &mut usize,
    ) -> Option<(Vec<Choice>, Range<usize>)> {
        let read = |span: Range<usize>| {
            let options = self.masked(&text[span.clone()]);
            (!options.is_empty()).then_some((options, span))
        };
        let strong = spell::chunk(text, at, false).and_then(read);
        if strong.is_some() || at < *tried {
            return strong;
        }
        let all = spell::chunk(text, at, true)?;
        // Of a longer chunk, another piece of it may see another part.
        if all.len() <= LETTERS_MAX {
            *tried = all.end;
        }
        read(all)
    }

    fn options(&self, letters: &Letters, piece: &Piece) -> Vec<Choice> {
        let word = &letters.text()[piece.span.clone()];
        match piece.short.then(|| known(word)).flatten() {
            Some(Known::Short(long)) => vec![Choice::alone(long), Choice::alone(word)],
            _ if piece.odd && letters.are_ours(piece.span.clone()) => self.guess(word),
            _ => Vec::new(),
        }
    }

    /// The listed words that a word which nobody uses may stand for, the likeliest first.
    fn guess(&self, word: &str) -> Vec<Choice> {
        let mut options: Vec<Choice> = Vec::new();
        if !(PART_LETTERS_MIN..=LETTERS_MAX).contains(&word.len()) || self.has(word) {
            return options;
        }
        self.add_alike(word, &mut options);
        let mut add = |at: u32, letters_min: usize, good: fn(&str, &str) -> bool| {
            let Word { text, level } = &self.words[at as usize];
            // A mild word is not worth the risk of an accident.
            let alone = *level >= SEVERITY_MIN
                && word.len() >= letters_min
                && text.len() >= TERM_LETTERS_MIN
                // A letter doubled or not is more often another word: a country, a name.
                && stretch::collapsed(word) != stretch::collapsed(text)
                && spell::sound(word).as_bytes().first() == spell::sound(text).as_bytes().first();
            let fits = options.len() < OPTIONS_MAX && good(word, text);
            if fits && options.iter().all(|option| *option.word != **text) {
                options.push(Choice { word: text.to_string(), alone });
            }
        };
        self.each(hash(Slip::Swapped, spell::sorted(word)), |at| {
            add(at, TERM_LETTERS_MIN, spell::is_swapped)
        });
        self.each(hash(Slip::Sound, spell::sound(word).bytes()), |at| {
            add(at, TERM_LETTERS_MIN, spell::sounds_like)
        });
        self.each(hash(Slip::Vowels, spell::bones(word)), |at| {
            add(at, TERM_LETTERS_MIN, spell::lost_vowels);
            if self.words[at as usize].level >= GRAVE_MIN {
                add(at, SLIP_LETTERS_MIN, spell::is_revowelled);
            }
        });
        self.each(hash(Slip::Dropped, word.bytes()), |at| {
            add(at, SLIP_LETTERS_MIN, spell::lost_one)
        });
        let mut before = hash(Slip::None, []);
        for at in 0..word.len() {
            let (letter, after) = (word.as_bytes()[at], &word.as_bytes()[at + 1..]);
            let shorter = after.iter().fold(before, |hash, byte| fnv_step(hash, *byte));
            if let Some(at) = self.whole(shorter) {
                add(at, SLIP_LETTERS_MIN, spell::won_one);
            }
            before = fnv_step(before, letter);
        }
        options
    }

    /// The listed words that fit the letters left in a masked one: `f*ck`.
    fn masked(&self, chunk: &str) -> Vec<Choice> {
        let mut options = Vec::new();
        let Some(mask) = spell::Mask::read(chunk) else { return options };
        let is_tag = chunk.strip_prefix('#').is_some_and(is_ordinary);
        if self.has(chunk) || is_tag {
            return options;
        }
        let (mut terms, mut worst) = (0, 0);
        self.each(hash(Slip::Masked, mask.key), |at| {
            let Word { text, level } = &self.words[at as usize];
            if mask.fits(text) {
                // The worst terms go before others, and those before the words of phrases.
                let place = match *level {
                    0 => options.len(),
                    WORST => worst,
                    _ => terms,
                };
                options.insert(place, Choice::alone(text));
                terms += usize::from(*level > 0);
                worst += usize::from(*level == WORST);
            }
        });
        if terms > 0 && mask.weak && terms > OPTIONS_MAX {
            return Vec::new();
        }
        if mask.stub {
            // So few letters begin other words too.
            let left = chunk.trim_end_matches(|c: char| !c.is_ascii_lowercase());
            let sure = worst > begun_so(left, chunk.len()) && !is_ordinary(left);
            options.truncate(if sure { worst } else { 0 });
        }
        options.truncate(OPTIONS_MAX);
        options
    }

    fn each(&self, wanted: u64, mut found: impl FnMut(u32)) {
        if !self.may_have(wanted) {
            return;
        }
        let begins = (wanted >> (64 - START_BITS)) as usize;
        let near = self.starts[begins] as usize..self.starts[begins + 1] as usize;
        let same = self.index[near].iter().filter(|entry| entry.0 == wanted);
        same.for_each(|entry| found(entry.1));
    }
}

/// Every spelling under which a listed word is looked for.
fn spellings(word: &str, mut add: impl FnMut(Slip, &[u8])) {
    if !word.bytes().all(|b| b.is_ascii_lowercase()) || word.len() < PART_LETTERS_MIN {
        return;
    }
    add(Slip::Swapped, &spell::sorted(word));
    add(Slip::Sound, spell::sound(word).as_bytes());
    add(Slip::Vowels, &spell::bones(word).collect::<Vec<u8>>());
    spell::without_one(word, |shorter| add(Slip::Dropped, shorter.as_bytes()));
    spell::masks(word.as_bytes(), |key| add(Slip::Masked, &key));
    add(Slip::Drawn, &spell::outline(word).collect::<Vec<u8>>());
}

/// Whether a word is one of these with a letter doubled.
///
/// Where a word is ordinary in some language and listed in another, its listed misspellings are
/// no goals of guesses: a slip of the ordinary word is as near to them.
fn is_doubled(word: &str, is_scoped: impl Fn(&str) -> bool) -> bool {
    let mut doubled = false;
    let pairs = word.as_bytes().windows(2).zip(0_usize..).filter(|(pair, _)| pair[0] == pair[1]);
    for (_, at) in pairs {
        if let (Some(before), Some(after)) = (word.get(..at), word.get(at + 1..)) {
            doubled |= is_scoped(&format!("{before}{after}"));
        }
    }
    doubled
}

fn hash(slip: Slip, spelling: impl IntoIterator<Item = u8>) -> u64 {
    spelling.into_iter().fold(fnv_step(FNV_OFFSET, slip as u8), fnv_step)
}

/// A text with other words in some places.
pub(super) struct Reading {
    pub text: String,
    pub changes: Vec<Change>,
}

/// The reading with each slot's first option in it, then with its next where it has one.
pub(super) fn readings(base: &str, slots: &[Slot]) -> Vec<Reading> {
    let most = slots.iter().map(|slot| slot.options.len()).max().unwrap_or(0);
    (0..most.min(OPTIONS_MAX)).map(|nth| Reading::new(base, slots, nth)).collect()
}

impl Reading {
    fn new(base: &str, slots: &[Slot], nth: usize) -> Reading {
        let mut text = String::with_capacity(base.len() + 8 * slots.len());
        let mut changes = Vec::with_capacity(slots.len());
        let mut at = 0;
        for slot in slots {
            // A short word may be meant as it stands.
            let own = &base[slot.span.clone()];
            let Some(option) = slot.option(nth).filter(|option| option.word != own) else {
                continue;
            };
            text.push_str(&base[at..slot.span.start]);
            let start = text.len();
            text.push_str(&option.word);
            changes.push(Change { from: slot.span.clone(), to: start..text.len() });
            at = slot.span.end;
        }
        text.push_str(&base[at..]);
        Reading { text, changes }
    }

    /// The same with the way back.
    pub fn view(&self, base: &View) -> View {
        let mut origin = Vec::with_capacity(self.text.len());
        let mut at = 0;
        for Change { from, to } in &self.changes {
            origin.extend_from_slice(&base.origin[at..from.start]);
            let whole = base.original(from.clone());
            origin.resize(to.end, (whole.start as u32, whole.end as u32));
            at = from.end;
        }
        origin.extend_from_slice(&base.origin[at..]);
        View { kind: ViewKind::Guessed, text: self.text.clone(), origin }
    }
}
