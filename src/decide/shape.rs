//! Finds messages that are loud rather than bad.
//!
//! Capitals, symbols, repeats, length, crowds of emotes and of mentions. Nothing here looks at what
//! is said. Letters of every script are letters, scripts without case have no capitals, and emotes
//! are no words.

use std::collections::BTreeSet;

use super::{Heard, Policy, Rule, Seen, art, emotes};
use crate::{
    config::ShapeConfig,
    letters::bytes::fnv,
    message::{Category, Finding, Severity},
};

const BEYOND: Severity = Severity::new(1).expect("1 is a severity");
const FAR_BEYOND: Severity = Severity::new(2).expect("2 is a severity");

/// So many times a bound is no excitement any more.
const FAR: usize = 4;
/// A short line of symbols is a face or an arrow.
const SYMBOLS_MIN: usize = 16;
/// Words of the longest phrase whose repetition is looked for.
const PHRASE_WORDS_MAX: usize = 12;
/// A phrase of so many words, said again, weighs as much as so many single words.
const PHRASE_WEIGHT_MAX: usize = 4;
/// A longer text is judged by its beginning; beyond, its length alone says enough.
const WORDS_MAX: usize = 2_000;

pub(super) struct Shape;

impl Rule for Shape {
    fn name(&self) -> &'static str {
        "shape"
    }

    fn find(&self, policy: &Policy, seen: &Seen, _heard: &Heard, found: &mut Vec<Finding>) {
        if is_quiet(&seen.message.text, &policy.shape) {
            return;
        }
        let counts = Counts::of(&seen.message.text, &policy.emotes);
        let mut beyond = counts.beyond(&policy.shape);
        if !beyond.is_empty() && art::art(&seen.message.text).is_some() {
            // A picture is symbols and repeats, and for a person to look at, not to be dropped.
            beyond.retain(|(measure, ..)| !matches!(measure, Measure::Symbols | Measure::Repeats));
        }
        for (_, severity, why) in beyond {
            found.push(Finding {
                rule: self.name().to_owned(),
                category: Category::Spam,
                severity,
                span: None,
                why,
                shadow: policy.in_shadow(Category::Spam),
                scored: None,
            });
        }
    }
}

/// A quick look: whether nothing in it can be beyond a bound, however it is counted. Nearly every
/// line of ASCII; in others a character may be a picture.
fn is_quiet(text: &str, shape: &ShapeConfig) -> bool {
    if !text.is_ascii() {
        return false;
    }
    let (mut capitals, mut symbols, mut mentions, mut words) = (0_usize, 0_usize, 0_usize, 1_usize);
    let (mut run, mut longest, mut before) = (0_usize, 0_usize, b' ');
    for byte in text.bytes() {
        capitals += usize::from(byte.is_ascii_uppercase());
        symbols += usize::from(!byte.is_ascii_alphanumeric() && byte != b' ');
        mentions += usize::from(byte == b'@');
        words += usize::from(byte <= b' ');
        if !byte.is_ascii_whitespace() {
            run = if byte == before { run + 1 } else { 1 };
            longest = longest.max(run);
            before = byte;
        }
    }
    let within = |count: usize, max: u32| max == 0 || count <= max as usize;
    // What is said again counts for a word each time at most.
    let repeats = longest.max(words);
    let shouted = (shape.caps_letters_min as f32 * shape.caps_share).floor();
    (shape.caps_share <= 0.0 || (capitals as f32) < shouted)
        && symbols < SYMBOLS_MIN
        && within(repeats, shape.repeats_max)
        && within(text.len(), shape.length_max)
        && within(words, shape.emotes_max)
        && within(mentions, shape.mentions_max)
}

/// A message by numbers.
#[derive(Debug, Default, PartialEq, Eq)]
struct Counts {
    chars: usize,
    /// Letters that have case, and how many of them are capitals; a repeat counts once.
    cased: usize,
    capitals: usize,
    letters: usize,
    symbols: usize,
    emotes: usize,
    mentions: usize,
    /// The most that anything comes again in a row, and what.
    repeats: usize,
    repeated: Repeated,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Measure {
    Capitals,
    Symbols,
    Repeats,
    Length,
    Emotes,
    Mentions,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Repeated {
    #[default]
    Character,
    Phrase,
}

impl Counts {
    fn of(text: &str, own: &BTreeSet<String>) -> Counts {
        let mut counts = Counts { chars: text.chars().count(), ..Counts::default() };
        let mut words = Vec::new();
        for token in text.split_whitespace() {
            let emote = emotes::emote(token, own).is_some();
            let picture = emote || token.chars().all(|c| is_emoji(c) || is_part(c));
            // A row of pictures is counted as such, not as a phrase.
            if !picture && words.len() < WORDS_MAX {
                words.push(token);
            }
            if emote {
                counts.emotes += 1;
            } else if token.contains("://") || token.starts_with("www.") {
                // Addresses are all symbols and capitals, and the links rule reads them.
            } else if token.starts_with('@') && token.len() > 1 {
                counts.mentions += 1;
            } else {
                counts.token(token);
            }
        }
        counts.repeat(text, &words);
        counts
    }

    fn token(&mut self, token: &str) {
        if token.contains('@') {
            self.mentions += token.split('@').skip(1).filter(|name| is_name(name)).count();
        }
        let mut before = None;
        for c in token.chars() {
            if c.is_ascii_lowercase() || c.is_alphanumeric() {
                self.letters += 1;
                let again = before == Some(c);
                if !again && (c.is_uppercase() || c.is_lowercase()) {
                    self.cased += 1;
                    self.capitals += usize::from(c.is_uppercase());
                }
            } else if c.is_ascii() {
                self.symbols += 1;
            } else if is_emoji(c) {
                // Parts that are joined are one picture.
                self.emotes += usize::from(before != Some('\u{200d}'));
            } else if !is_part(c) {
                self.symbols += 1;
            }
            before = Some(c);
        }
    }

    /// Looks for the longest run of one character, and of one phrase.
    fn repeat(&mut self, text: &str, words: &[&str]) {
        let (mut run, mut before) = (0, None);
        let shown = |c: &char| c.is_ascii_graphic() || !c.is_whitespace() && !is_part(*c);
        for c in text.chars().filter(shown) {
            run = if before == Some(c) { run + 1 } else { 1 };
            before = Some(c);
            // A row of pictures is counted with the emotes.
            if run > self.repeats && !is_emoji(c) {
                self.repeats = run;
            }
        }
        let words: Vec<u64> = words.iter().map(|word| fnv(word.as_bytes())).collect();
        for length in 1..=PHRASE_WORDS_MAX.min(words.len() / 2) {
            let mut same = 0;
            for (word, earlier) in words[length..].iter().zip(&words) {
                if word != earlier {
                    same = 0;
                    continue;
                }
                same += 1;
                let weight = (same / length + 1) * length.min(PHRASE_WEIGHT_MAX);
                if same >= length && weight > self.repeats {
                    (self.repeats, self.repeated) = (weight, Repeated::Phrase);
                }
            }
        }
    }

    /// What is beyond the policy's bounds, and how far.
    fn beyond(&self, shape: &ShapeConfig) -> Vec<(Measure, Severity, String)> {
        let mut found = Vec::new();
        let share = |part: usize, all: usize| part as f32 / all.max(1) as f32;
        let capitals = share(self.capitals, self.cased);
        let enough = self.cased >= shape.caps_letters_min as usize;
        if shape.caps_share > 0.0 && enough && capitals > shape.caps_share {
            found.push((Measure::Capitals, BEYOND, format!("{:.0} % capitals", capitals * 100.0)));
        }
        let symbols = share(self.symbols, self.symbols + self.letters);
        let enough = self.symbols >= SYMBOLS_MIN;
        if shape.symbols_share > 0.0 && enough && symbols > shape.symbols_share {
            let far = self.symbols > SYMBOLS_MIN * FAR * FAR;
            let severity = if far { FAR_BEYOND } else { BEYOND };
            found.push((Measure::Symbols, severity, format!("{:.0} % symbols", symbols * 100.0)));
        }
        let repeated = match self.repeated {
            Repeated::Character => "times the same character",
            Repeated::Phrase => "words of the same phrase again",
        };
        for (measure, count, max, what) in [
            (Measure::Repeats, self.repeats, shape.repeats_max, repeated),
            (Measure::Length, self.chars, shape.length_max, "characters"),
            (Measure::Emotes, self.emotes, shape.emotes_max, "emotes"),
            (Measure::Mentions, self.mentions, shape.mentions_max, "mentions"),
        ] {
            let max = max as usize;
            if max > 0 && count > max {
                // A wall is of one stone; a drawn-out word in a sentence is none.
                let wall = measure != Measure::Repeats || count * 2 >= self.chars;
                let far = wall && count > max.saturating_mul(FAR);
                let severity = if far { FAR_BEYOND } else { BEYOND };
                found.push((measure, severity, format!("{count} {what}, {max} may be")));
            }
        }
        found
    }
}

fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_alphanumeric() || c == '_')
}

/// Marks, joiners and selectors belong to the character before them.
fn is_part(c: char) -> bool {
    // Nearly every character is ASCII, and a table look-up is dear for all of them.
    !c.is_ascii()
        && (unicode_normalization::char::is_combining_mark(c)
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{fe00}'..='\u{fe0f}')
            || matches!(c, '\u{1f3fb}'..='\u{1f3ff}' | '\u{e0020}'..='\u{e007f}'))
}

/// Pictures, by the blocks in which Unicode keeps them.
fn is_emoji(c: char) -> bool {
    matches!(c,
        '\u{203c}' | '\u{2049}' | '\u{2139}' | '\u{231a}'..='\u{23ff}' | '\u{2600}'..='\u{27bf}'
        | '\u{2b00}'..='\u{2bff}' | '\u{1f000}'..='\u{1f1e5}' | '\u{1f200}'..='\u{1faff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_what_is_there() {
        let own = BTreeSet::from(["blorpHype".to_owned()]);
        for (text, expected) in [
            ("", Counts::default()),
            (
                "OK blorpHype! 👩‍🚀 hi",
                Counts {
                    chars: 20,
                    cased: 13,
                    capitals: 3,
                    letters: 13,
                    symbols: 1,
                    emotes: 1,
                    repeats: 1,
                    ..Counts::default()
                },
            ),
            (
                "blorpHype 漢字 @una GOOO",
                Counts {
                    chars: 22,
                    cased: 2,
                    capitals: 2,
                    letters: 6,
                    emotes: 1,
                    mentions: 1,
                    repeats: 3,
                    ..Counts::default()
                },
            ),
        ] {
            assert_eq!(Counts::of(text, &own), expected, "{text}");
        }
    }

    #[test]
    fn phrases_weigh_by_their_words() {
        for (text, repeats) in [
            ("a b c", 1),
            ("ha ha ha", 3),
            ("buy it now buy it now", 6),
            ("one two three four five one two three four five", 8),
            ("aaaa b", 4),
        ] {
            assert_eq!(Counts::of(text, &BTreeSet::new()).repeats, repeats, "{text}");
        }
    }
}
