//! Finds what a channel has armed as its secrets, of which only keyed hashes are known.
//!
//! Words are run together before they are hashed and doubled letters taken once, so that spaces,
//! dashes, apostrophes and drawn-out letters do not matter; letters are folded as in every message.
//! A hash is 128 bits of HMAC-SHA256, and beside it stand 16 bits of a quick one: all but one in
//! 65,536 phrases are passed over by that alone.

use std::ops::Range;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::words::Line;

/// A secret has so many words at most, and a message's phrases are read so far.
pub const WORDS_MAX: usize = 4;
/// Shorter ones would be found in half of all messages.
pub const CHARS_MIN: usize = 4;
/// Phrases longer than any secret are not looked up.
const BYTES_MAX: usize = 128;
/// Full hashes made for one message: with a thousand secrets one phrase in 65 needs one.
const HASHES_MAX: usize = 1024;

const ID_BYTES: usize = 4;
const TAG_BYTES: usize = 2;
const HASH_BYTES: usize = 16;

/// What hashes are made with; 32 random bytes that stay on the machine.
#[derive(Clone)]
pub struct SecretKey {
    mac: Hmac<Sha256>,
    quick: u64,
    id: [u8; ID_BYTES],
}

impl std::fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SecretKey")
    }
}

impl SecretKey {
    pub fn new(bytes: &[u8; 32]) -> SecretKey {
        let mac = <Hmac<Sha256> as KeyInit>::new_from_slice(bytes);
        let mac = mac.expect("HMAC takes a key of any length");
        let own = |purpose: &[u8]| mac.clone().chain_update(purpose).finalize().into_bytes();
        let quick = own(b"\0quick").iter().take(8).fold(0, |all, b| all << 8 | u64::from(*b));
        let mut id = [0; ID_BYTES];
        id.copy_from_slice(&own(b"\0id")[..ID_BYTES]);
        SecretKey { mac, quick, id }
    }

    fn hash(&self, phrase: &str) -> [u8; HASH_BYTES] {
        let full = self.mac.clone().chain_update(phrase.as_bytes()).finalize().into_bytes();
        let mut hash = [0; HASH_BYTES];
        hash.copy_from_slice(&full[..HASH_BYTES]);
        hash
    }
}

/// Adds a word to a phrase, doubled letters once.
fn add(phrase: &mut String, word: &str) {
    for c in word.chars() {
        if !phrase.ends_with(c) || c.is_ascii_digit() {
            phrase.push(c);
        }
    }
}

/// FNV-1a, whose start is part of the key.
fn quick(state: u64, text: &[u8]) -> u64 {
    text.iter().fold(state, |state, b| (state ^ u64::from(*b)).wrapping_mul(0x100_0000_01b3))
}

fn tag(state: u64) -> u16 {
    (state ^ state >> 16 ^ state >> 32 ^ state >> 48) as u16
}

/// Why a secret or its hash will not do.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    #[error("a secret has at least {CHARS_MIN} letters or digits, or half of all chat would match")]
    Short,
    #[error("a secret has at most {WORDS_MAX} words; arm its parts")]
    Long,
    #[error("is no line of `tidegate secret`")]
    Shape,
    #[error("was made with another key than the one in state_dir; make it anew")]
    Key,
}

/// The line for the settings; `plain` is the secret's plain reading.
///
/// # Errors
/// A secret that is too short or has too many words.
pub fn armed_line(key: &SecretKey, plain: &str) -> Result<String, SecretError> {
    let words: Vec<&str> = plain.split(|c: char| !c.is_alphanumeric()).collect();
    let words: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
    if words.iter().flat_map(|word| word.chars()).count() < CHARS_MIN {
        return Err(SecretError::Short);
    }
    let mut phrase = String::new();
    words.iter().for_each(|word| add(&mut phrase, word));
    if words.len() > WORDS_MAX || phrase.len() > BYTES_MAX {
        return Err(SecretError::Long);
    }
    let mut bytes = key.id.to_vec();
    bytes.extend(tag(quick(key.quick, phrase.as_bytes())).to_be_bytes());
    bytes.extend(key.hash(&phrase));
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

fn bytes(line: &str) -> Option<[u8; ID_BYTES + TAG_BYTES + HASH_BYTES]> {
    URL_SAFE_NO_PAD.decode(line).ok()?.try_into().ok()
}

/// The secrets of one policy.
#[derive(Clone, Debug, Default)]
pub struct Secrets {
    key: Option<SecretKey>,
    /// Sorted by tag; each with its place in the settings, from one on.
    hashes: Vec<(u16, [u8; HASH_BYTES], usize)>,
}

impl Secrets {
    /// # Errors
    /// The number of each line that will not do, from one on, and why.
    pub fn arm(key: SecretKey, lines: &[String]) -> Result<Secrets, Vec<(usize, SecretError)>> {
        let (mut hashes, mut wrong) = (Vec::new(), Vec::new());
        for (number, line) in (1..).zip(lines) {
            match bytes(line) {
                Some([a, b, c, d, ..]) if [a, b, c, d] != key.id => {
                    wrong.push((number, SecretError::Key));
                }
                Some(bytes) => {
                    let tag = u16::from_be_bytes([bytes[ID_BYTES], bytes[ID_BYTES + 1]]);
                    let mut hash = [0; HASH_BYTES];
                    hash.copy_from_slice(&bytes[ID_BYTES + TAG_BYTES..]);
                    hashes.push((tag, hash, number));
                }
                None => wrong.push((number, SecretError::Shape)),
            }
        }
        hashes.sort_unstable();
        if wrong.is_empty() { Ok(Secrets { key: Some(key), hashes }) } else { Err(wrong) }
    }

    /// Both; one key has hashed all of an installation.
    pub fn and(mut self, other: &Secrets) -> Secrets {
        self.key = self.key.or_else(|| other.key.clone());
        self.hashes.extend(&other.hashes);
        self.hashes.sort_unstable();
        self.hashes.dedup_by_key(|own| (own.0, own.1));
        self
    }

    pub(super) fn is_empty(&self) -> bool {
        self.hashes.is_empty()
    }

    /// The words of each secret in a line, with its number in the settings.
    pub(super) fn find(&self, line: &Line) -> Vec<(Range<usize>, usize)> {
        let Some(key) = &self.key else { return Vec::new() };
        let (mut found, mut phrase) = (Vec::new(), String::new());
        let mut left = HASHES_MAX;
        for from in 0..line.words.len() {
            let mut state = key.quick;
            phrase.clear();
            for to in from..line.words.len().min(from + WORDS_MAX) {
                let before = phrase.len();
                let word = line.word(to);
                if before + word.len() > BYTES_MAX || left == 0 {
                    break;
                }
                add(&mut phrase, word);
                state = quick(state, &phrase.as_bytes()[before..]);
                let tag = tag(state);
                let first = self.hashes.partition_point(|own| own.0 < tag);
                let same = self.hashes[first..].iter().take_while(|own| own.0 == tag);
                if same.clone().next().is_none() {
                    continue;
                }
                left -= 1;
                let hash = key.hash(&phrase);
                found.extend(same.filter(|own| own.1 == hash).map(|own| (from..to + 1, own.2)));
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        letters,
        message::{View, ViewKind},
    };

    fn found(secrets: &Secrets, original: &str) -> Vec<String> {
        let (text, origin) = letters::plain(original);
        let view = View { kind: ViewKind::Plain, text, origin };
        let line = Line::new(&view, original);
        let found = secrets.find(&line).into_iter();
        found.map(|(words, _)| original[line.original(words)].to_owned()).collect()
    }

    #[test]
    fn a_secret_is_known_by_its_hash_alone() {
        let key = SecretKey::new(&[7; 32]);
        let line = armed_line(&key, "blorp gremlo").unwrap();
        assert!(!line.contains("blorp"));
        let secrets = Secrets::arm(key, &[line]).unwrap();
        for (text, expected) in [
            ("so Blorp-Grémlo it is", "Blorp-Grémlo"),
            ("blorpgremlo!", "blorpgremlo"),
            ("bloorrpp gremlo", "bloorrpp gremlo"),
            ("b l o r p gremlo", ""),
            ("gremlo blorp", ""),
            ("blorp", ""),
        ] {
            assert_eq!(found(&secrets, text).concat(), expected, "{text}");
        }
    }

    #[test]
    fn what_cannot_be_a_secret_is_refused() {
        let key = SecretKey::new(&[7; 32]);
        let other = armed_line(&SecretKey::new(&[8; 32]), "gremlo").unwrap();
        assert_eq!(armed_line(&key, "a b!"), Err(SecretError::Short));
        assert_eq!(armed_line(&key, "one two three four five"), Err(SecretError::Long));
        let wrong = Secrets::arm(key, &[other, "blorp".into()]).unwrap_err();
        assert_eq!(wrong, [(1, SecretError::Key), (2, SecretError::Shape)]);
    }
}
