//! Asks of a byte whether it is one of a few, and hashes short words and numbers in a step or two.

use std::hash::{BuildHasherDefault, Hasher};

/// Some bytes: a table instead of a search.
#[derive(Clone, Copy, Debug)]
pub struct ByteSet([bool; 256]);

impl ByteSet {
    pub const fn of(bytes: &[u8]) -> ByteSet {
        let mut table = [false; 256];
        let mut at = 0;
        while at < bytes.len() {
            table[bytes[at] as usize] = true;
            at += 1;
        }
        ByteSet(table)
    }

    /// The same with all digits.
    pub const fn and_digits(mut self) -> ByteSet {
        let mut digit = b'0';
        while digit <= b'9' {
            self.0[digit as usize] = true;
            digit += 1;
        }
        self
    }

    /// The same with every byte of a character beyond ASCII.
    pub const fn and_beyond_ascii(mut self) -> ByteSet {
        let mut byte = 0x80;
        while byte < 0x100 {
            self.0[byte] = true;
            byte += 1;
        }
        self
    }

    pub const fn has(&self, byte: u8) -> bool {
        self.0[byte as usize]
    }

    pub fn any(&self, text: &str) -> bool {
        text.bytes().any(|byte| self.has(byte))
    }

    pub fn count(&self, text: &str) -> usize {
        text.bytes().filter(|byte| self.has(*byte)).count()
    }
}

/// FNV-1a, for tables that are fixed, so that nobody can fill them with collisions: short words are
/// hashed in a fraction of what a keyed hash takes.
pub struct Fnv(u64);

/// Makes [`Fnv`]s.
pub type FnvBuild = BuildHasherDefault<Fnv>;

/// The hash of no bytes.
pub const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0100_0000_01b3;

/// The hash of some bytes.
pub fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(FNV_OFFSET, |hash, byte| fnv_step(hash, *byte))
}

/// The hash of the bytes so far and one more.
pub const fn fnv_step(hash: u64, byte: u8) -> u64 {
    (hash ^ byte as u64).wrapping_mul(FNV_PRIME)
}

impl Default for Fnv {
    fn default() -> Fnv {
        Fnv(FNV_OFFSET)
    }
}

impl Hasher for Fnv {
    fn write(&mut self, bytes: &[u8]) {
        self.0 = bytes.iter().fold(self.0, |hash, byte| fnv_step(hash, *byte));
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// Spreads the bits of numbers that nobody outside can choose: keyed hashes, and those of a fixed
/// table. A keyed hash of them would protect nothing more and take longer than everything else
/// about a look at the map.
#[derive(Default)]
pub struct Spread(u64);

/// Makes [`Spread`]s.
pub type SpreadBuild = BuildHasherDefault<Spread>;

/// Odd, with bits all over.
pub const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;

/// The hash of the numbers so far and one more.
pub const fn spread(hash: u64, part: u64) -> u64 {
    // A map takes its place from the low bits and a first comparison from the high ones.
    let product = (hash ^ part).wrapping_mul(FACTOR);
    product ^ product >> 32
}

impl Hasher for Spread {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64(u64::from(*byte)));
    }

    fn write_u32(&mut self, part: u32) {
        self.write_u64(u64::from(part));
    }

    fn write_u64(&mut self, part: u64) {
        self.0 = spread(self.0, part);
    }

    fn write_u128(&mut self, part: u128) {
        // Either half of a keyed hash is as good as the whole.
        self.write_u64(part as u64);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::HashSet, hash::BuildHasher};

    use super::*;

    #[test]
    fn both_ends_of_a_spread_number_differ() {
        let hash = |key: u32| SpreadBuild::default().hash_one(key);
        let different = |part: fn(u64) -> u64| {
            (0..256).map(|key| part(hash(key))).collect::<HashSet<_>>().len()
        };
        assert!(different(|hash| hash >> 57) > 64);
        assert!(different(|hash| hash & 1023) > 192);
        assert_ne!(
            SpreadBuild::default().hash_one(7_u128),
            SpreadBuild::default().hash_one(8_u128)
        );
    }

    #[test]
    fn a_set_has_its_bytes_and_no_other() {
        const SET: ByteSet = ByteSet::of(b"@!").and_digits().and_beyond_ascii();
        for byte in 0..=255_u8 {
            let expected = b"@!0123456789".contains(&byte) || byte >= 0x80;
            assert_eq!(SET.has(byte), expected, "{byte}");
        }
        assert!(SET.any("blorp é") && !SET.any("blorp"));
        assert_eq!(SET.count("b1!é"), 4);
    }

    #[test]
    fn both_ways_to_hash_are_one() {
        let mut hasher = Fnv::default();
        hasher.write(b"blorp");
        assert_eq!(hasher.finish(), fnv(b"blorp"));
        // The published value of the empty text.
        assert_eq!(fnv(b""), 0xcbf2_9ce4_8422_2325);
    }
}
