//! Reduces a text to what likeness is measured by: keyed hashes, never the text.
//!
//! The most undone reading is cut into words. Greetings and function words say nothing about who
//! repeats whom, names and numbers are what raids vary, and so they are left out. The rest becomes
//! pieces of three letters, of which the lowest hashes are kept: the same ones of every text that
//! has them, so that two short lists tell how much two texts have in common, in whatever order.

use std::{
    collections::HashSet,
    hash::{BuildHasher, RandomState},
    sync::LazyLock,
};

use crate::{
    letters::bytes::{SpreadBuild, spread},
    message::{Canonical, Message},
};

/// Hashes kept of one text: those of two or three lines of chat, all of them.
const GRAMS_MAX: usize = 64;
/// The lowest of them are where a text is looked for: with four in ten in common, two texts miss
/// each other in all twelve once in five hundred.
const KEYS_MAX: usize = 12;
/// What a text is read to; what comes after changes nothing about its likeness.
const WORDS_MAX: usize = 128;
const LETTERS_MAX: usize = 2_000;
/// Below these, what is left of a text is a name, an emote or a word that many people say anyway.
const TELLING_WORDS: usize = 3;
const TELLING_LETTERS: usize = 20;
/// More different words than these are no row of emotes.
const EMOTES_MAX: usize = 4;
/// From here on, a letter is a syllable or a word.
const IDEOGRAPHS: char = '\u{2e80}';

/// Words that say nothing by themselves, as [`words`] spells them.
static COMMON: LazyLock<HashSet<u64, SpreadBuild>> = LazyLock::new(|| {
    let lines = include_str!("common.txt").lines().filter(|line| !line.starts_with('#'));
    let words = lines.flat_map(str::split_whitespace);
    let mut spelt = Spelt::default();
    let common = |word: &str| {
        spelt.letters.clear();
        word.chars().for_each(|c| spelt.add(c));
        spelt.name()
    };
    words.map(common).collect()
});

/// What texts are hashed with: random, and of one process. A keyed multiplication is enough here,
/// where a collision makes two words one and tells nothing, and takes a tenth of the time.
#[derive(Clone, Copy)]
pub struct Keys([u64; 2]);

impl Keys {
    pub fn new() -> Keys {
        let random = RandomState::new();
        Keys([random.hash_one(0), random.hash_one(1)])
    }

    /// Those of one channel: its texts have nothing in common with another's.
    fn of(self, channel: u64) -> Keys {
        let Keys([start, factor]) = self;
        Keys([fold(start ^ channel, factor), factor])
    }

    fn hash(self, parts: impl Iterator<Item = u64>) -> u64 {
        let Keys([start, factor]) = self;
        let last = parts.fold(start, |so_far, part| fold(so_far ^ part, factor));
        fold(last, start)
    }
}

/// Both halves of a product, so that every bit of the one factor reaches every bit of the result.
fn fold(a: u64, b: u64) -> u64 {
    // Zero would swallow the other; a random number is never that by more than accident.
    let product = u128::from(a) * u128::from(b | 1);
    (product >> 64) as u64 ^ product as u64
}

/// A text as likeness sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sign {
    /// Sorted; one hash of the whole where the text is not telling.
    grams: Box<[u32]>,
    /// A bit for each, so that one look tells most texts apart that have little in common.
    bits: Bits,
    /// Every word of it, hashed: the same however it is written, and whatever numbers, names and
    /// pictures are around.
    pub words: u32,
    /// 0: greetings, emotes, a word or two. Only the same text is like it.
    pub letters: u32,
}

impl Sign {
    /// `keys` and `channel` key the hashes: texts of two channels have nothing in common.
    pub fn of(message: &Message, text: &Canonical, keys: Keys, channel: u64) -> Sign {
        let keys = keys.of(channel);
        let (view, origin) = match text.undisguised() {
            Some(view) => (view.text.as_str(), &view.origin[..]),
            None => (message.text.as_str(), &[][..]),
        };
        let mentioned = |at: usize| {
            let from = origin.get(at).map_or(at, |(start, _)| *start as usize);
            let before = from.checked_sub(1).and_then(|at| message.text.as_bytes().get(at));
            before == Some(&b'@') || message.text.as_bytes().get(from) == Some(&b'@')
        };
        let mut read = Read::default();
        words(view, |at, word| {
            if !mentioned(at) {
                read.take(word, keys);
            }
            read.all.len() < WORDS_MAX && read.letters < LETTERS_MAX
        });
        read.all.sort_unstable();
        let whole = match read.all.is_empty() {
            true => keys.hash(view.trim().chars().map(u64::from)),
            false => keys.hash(read.all.iter().copied()),
        };
        let words = whole as u32;
        let enough = read.telling.len() >= TELLING_WORDS || read.told >= TELLING_LETTERS;
        let emotes = read.all.len() <= EMOTES_MAX && only_emotes(&message.text);
        if enough && !emotes {
            let mut grams = read.grams;
            grams.sort_unstable();
            grams.dedup();
            grams.truncate(GRAMS_MAX);
            return Sign::new(grams.into(), words, read.letters as u32);
        }
        Sign::new([words].into(), words, 0)
    }

    fn new(grams: Box<[u32]>, words: u32, letters: u32) -> Sign {
        Sign { bits: Bits::of(&grams), grams, words, letters }
    }

    /// Where a text like this is to be looked for.
    pub fn keys(&self) -> &[u32] {
        &self.grams[..self.grams.len().min(KEYS_MAX)]
    }

    /// How much two texts have in common, 0 to 1: of the shorter one, so that whatever was put
    /// around a line makes no difference (their likeness), and of the longer one (their sameness).
    pub fn compare(&self, other: &Sign) -> (f32, f32) {
        let (both, own, others) = self.common(other);
        let of = |length: usize| both as f32 / length.max(1) as f32;
        (of(own.min(others)), of(own.max(others)))
    }

    /// A quick look: false where their likeness is less than this for certain.
    pub fn may_be_alike(&self, other: &Sign, likeness: f32) -> bool {
        if (self.letters == 0) != (other.letters == 0) {
            return false;
        }
        let (own, others) = self.reaching(other);
        let shorter = own.len().min(others.len());
        // Bits in common stand for one piece each, or for several that have the same bit.
        let doubled = self.grams.len() - self.bits.count();
        let most = self.bits.common(&other.bits) + doubled;
        most as f32 >= likeness * shorter as f32
    }

    /// How much of this text is in the other, whatever else is there: 0 to 1.
    pub fn within(&self, other: &Sign) -> f32 {
        let (both, own, _) = self.common(other);
        both as f32 / own.max(1) as f32
    }

    /// Hashes that both have, that this one has, that the other has, as far as both lists reach.
    fn common(&self, other: &Sign) -> (usize, usize, usize) {
        if (self.letters == 0) != (other.letters == 0) {
            return (0, self.grams.len(), other.grams.len());
        }
        let (a, b) = self.reaching(other);
        let (mut at, mut other_at, mut both) = (0, 0, 0);
        while at < a.len() && other_at < b.len() {
            // Without a branch that nobody could foretell.
            let (left, right) = (a[at], b[other_at]);
            both += usize::from(left == right);
            at += usize::from(left <= right);
            other_at += usize::from(right <= left);
        }
        (both, a.len(), b.len())
    }

    /// The hashes of both, as far as both lists are whole.
    fn reaching<'a>(&'a self, other: &'a Sign) -> (&'a [u32], &'a [u32]) {
        let reach = self.reach().min(other.reach());
        if reach == u32::MAX {
            return (&self.grams, &other.grams);
        }
        let up_to = |grams: &'a [u32]| &grams[..grams.partition_point(|gram| *gram <= reach)];
        (up_to(&self.grams), up_to(&other.grams))
    }

    /// The highest hash up to which the list is whole.
    fn reach(&self) -> u32 {
        let last = self.grams.last().filter(|_| self.grams.len() == GRAMS_MAX);
        last.copied().unwrap_or(u32::MAX)
    }
}

/// Which of 256 bits the hashes of a text set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Bits([u64; 4]);

impl Bits {
    fn of(grams: &[u32]) -> Bits {
        let mut bits = [0; 4];
        for gram in grams {
            // The low ones: the kept hashes are the lowest, and share the high ones.
            bits[(gram >> 6 & 3) as usize] |= 1 << (gram & 63);
        }
        Bits(bits)
    }

    fn count(&self) -> usize {
        self.0.iter().map(|part| part.count_ones() as usize).sum()
    }

    fn common(&self, other: &Bits) -> usize {
        let pairs = self.0.iter().zip(&other.0);
        pairs.map(|(a, b)| (a & b).count_ones() as usize).sum()
    }
}

/// What is read of one text.
#[derive(Default)]
struct Read {
    grams: Vec<u32>,
    /// Every different word, hashed.
    all: Vec<u64>,
    /// Those that say something.
    telling: Vec<u64>,
    /// Letters of all, and of the telling ones.
    letters: usize,
    told: usize,
}

impl Read {
    fn take(&mut self, word: &Spelt, keys: Keys) {
        let letters = &word.letters[..];
        // Numbers, and the random ends that are put on copies.
        if letters.iter().any(|c| c.is_numeric()) {
            return;
        }
        let whole = keys.hash(letters.iter().map(|c| u64::from(*c)));
        if self.all.contains(&whole) {
            return;
        }
        self.all.push(whole);
        let weight = letters.len() + letters.iter().filter(|c| **c >= IDEOGRAPHS).count();
        self.letters += weight;
        if weight < 2 || COMMON.contains(&word.name()) {
            return;
        }
        self.telling.push(whole);
        self.told += weight;
        let piece = |window: &[char]| {
            let packed = window.iter().fold(0, |so_far, c| so_far << 21 | u64::from(*c));
            keys.hash(std::iter::once(packed)) as u32
        };
        match letters.len() {
            0..=3 => self.grams.push(piece(letters)),
            _ => {
                let left = LETTERS_MAX.saturating_sub(self.grams.len());
                self.grams.extend(letters.windows(3).take(left).map(piece));
            }
        }
    }
}

/// A word; a letter that is repeated counts once.
#[derive(Default)]
struct Spelt {
    letters: Vec<char>,
}

impl Spelt {
    fn add(&mut self, c: char) {
        if self.letters.last() != Some(&c) && is_letter(c) {
            self.letters.push(c);
        }
    }

    /// What it is told from the common words by.
    fn name(&self) -> u64 {
        self.letters.iter().fold(0, |hash, c| spread(hash, u64::from(*c)))
    }
}

/// Goes through the words of a text and where they begin, until told to stop.
fn words(text: &str, mut take: impl FnMut(usize, &Spelt) -> bool) {
    let mut word = Spelt::default();
    let mut start = None;
    for (at, c) in text.char_indices() {
        match (start, is_letter(c)) {
            (None, false) => {}
            (Some(_), false) if in_word(c) => {}
            (Some(from), false) => {
                start = None;
                if !take(from, &word) {
                    return;
                }
                word.letters.clear();
            }
            (_, true) => {
                start = start.or(Some(at));
                word.add(c);
            }
        }
    }
    if let Some(from) = start {
        take(from, &word);
    }
}

fn is_letter(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_alphanumeric()
}

/// An apostrophe stays in the word, but says nothing.
fn in_word(c: char) -> bool {
    matches!(c, '\'' | '’')
}

/// Whether a text is a row of emotes: `PogChamp`, `:wave:`, `[emote:1:HeyYou]`, LUL, pictures.
/// Written as they are by whoever uses them, so that many send the very same.
fn only_emotes(text: &str) -> bool {
    text.split_whitespace().all(|token| {
        let wrapped = |from, to| token.len() > 2 && token.starts_with(from) && token.ends_with(to);
        let bytes = token.as_bytes();
        let humps = bytes.windows(2).filter(|two| {
            two[0].is_ascii_lowercase() && (two[1].is_ascii_uppercase() || two[1].is_ascii_digit())
        });
        let plain = token.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let shouted = token.len() <= 6 && token.bytes().all(|byte| byte.is_ascii_uppercase());
        wrapped(':', ':')
            || wrapped('[', ']')
            || !token.chars().any(char::is_alphanumeric)
            || (plain && (shouted || (1..=2).contains(&humps.count())))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        letters,
        message::{View, ViewKind},
    };

    fn sign(text: &str) -> Sign {
        static KEYS: LazyLock<Keys> = LazyLock::new(Keys::new);
        let (route, text) = ("/".into(), text.to_owned());
        let message = Message { route, text, ..Message::default() };
        let (plain, origin) = letters::plain(&message.text);
        let view = View { kind: ViewKind::Plain, text: plain, origin };
        Sign::of(
            &message,
            &Canonical { original: message.text.clone(), views: vec![view] },
            *KEYS,
            7,
        )
    }

    const LINE: &str = "everybody leave gremlo and watch the blorp splat tonight";

    #[test]
    fn variations_of_a_line_are_alike() {
        for (text, at_least) in [
            ("EVERYBODY LEAVE GREMLO AND WATCH THE BLORP SPLAT TONIGHT!!!", 1.0),
            ("everybody leave gremlo and watch the blorp splat tonight 🔥🔥 4711", 1.0),
            ("@Mira everybody leave gremlo and watch the blorp splat tonight", 1.0),
            ("every\u{200b}body leave gre\u{200d}mlo and watch the blorp splat tonight", 1.0),
            ("tonight watch the splat blorp and leave gremlo everybody", 1.0),
            ("everybody leave gremlo and watch the blorp splat tomorrow", 0.6),
            ("everybody leave gremlo and watch the blorp splat tonight xkqzv", 0.8),
            ("well zibber dronk everybody leave gremlo and watch the blorp splat tonight", 0.7),
            ("evvvverybody leeeeave gremlo and watch the blooorp splat tonight", 0.8),
        ] {
            let found = sign(LINE).compare(&sign(text)).1;
            assert!(found >= at_least, "{text}: {found}");
        }
    }

    #[test]
    fn other_lines_are_not() {
        for text in [
            "hello everybody, how was the blorp yesterday",
            "i think the music tonight is really good",
            "can somebody tell me which game comes after this one",
            "всем привет, как прошёл день у вас там",
        ] {
            let found = sign(LINE).compare(&sign(text)).0;
            assert!(found < 0.5, "{text}: {found}");
        }
    }

    #[test]
    fn what_many_people_say_anyway_says_nothing() {
        for text in [
            "gg",
            "LUL",
            "hello",
            "",
            "🔥🔥🔥",
            "TombRaid TombRaid TombRaid",
            "novaHype novaLove novaRaid PogChamp",
            ":wave: :heart: :tada: :raid:",
            "Hi everyone from Nova's stream!",
            "bonjour à tous de la part de Nova",
            "hola a todos, saludos de parte de Nova",
            "LETS GOOOO",
        ] {
            let found = sign(text);
            assert_eq!(found.letters, 0, "{text}");
            assert_eq!(found.compare(&sign(text)).0, 1.0, "{text}: the same text is like itself");
            assert_eq!(found.compare(&sign(LINE)).0, 0.0, "{text}");
        }
        assert_ne!(sign("gg"), sign("hello"));
        assert_ne!(sign("🔥"), sign("❤️"));
        for text in [LINE, "go home blorp, you are splat", "こんばんは今日の配信は最低だから帰れ"]
        {
            assert!(sign(text).letters >= 18, "{text}: {:?}", sign(text));
        }
    }

    #[test]
    fn a_long_text_is_read_to_a_bound() {
        let long: Vec<String> = (0..20_000_u32).map(|n| format!("w{}", spelt(n))).collect();
        let found = sign(&long.join(" "));
        assert_eq!(found.grams.len(), GRAMS_MAX);
        assert!(found.letters as usize <= LETTERS_MAX + 20);
        assert_eq!(sign(&"ab".repeat(30_000)).grams.len(), 2);
        // Texts that are longer than the lists are compared as far as both reach.
        let (a, b) = (long[..100].join(" "), long[20..120].join(" "));
        let found = sign(&a).compare(&sign(&b)).1;
        assert!((0.5..0.98).contains(&found), "{found}");
        assert!(sign(LINE).within(&sign(&format!("{LINE} {}", long[..15].join(" ")))) > 0.9);
    }

    fn spelt(n: u32) -> String {
        (0..4).map(|at| char::from(b'a' + (n / 26_u32.pow(at) % 26) as u8)).collect()
    }
}
