//! Tears, cuts, flips, zeroes, doubles, ages and overwrites parts of a file.

use crate::dice::Dice;

/// What a disk writes whole or not at all.
const SECTOR: usize = 512;

/// One file as it was over time.
#[derive(Default)]
pub struct Images {
    pub earlier: Vec<Vec<u8>>,
    pub before: Vec<u8>,
    /// One synced commit later, and not closed.
    pub after: Vec<u8>,
    /// The same when it was closed.
    pub closed: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Damage {
    /// Power fails within the last commit: of the sectors that it changes, some are written. A
    /// store may not refuse that: before its sync returned, nothing was promised.
    Torn,
    Cut,
    Flipped,
    Zeroed,
    Doubled,
    /// A stretch is as it was some commits ago: a write that the disk acknowledged and lost.
    Stale,
    Garbage,
}

impl Damage {
    pub const ALL: [Damage; 8] = [
        Damage::Torn,
        Damage::Cut,
        Damage::Flipped,
        Damage::Zeroed,
        Damage::Torn,
        Damage::Doubled,
        Damage::Stale,
        Damage::Garbage,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Damage::Torn => "torn within the last commit",
            Damage::Cut => "cut short",
            Damage::Flipped => "bits flipped",
            Damage::Zeroed => "a stretch of zeros",
            Damage::Doubled => "a stretch that is a copy of another",
            Damage::Stale => "a stretch as it was before",
            Damage::Garbage => "a stretch of random bytes",
        }
    }

    pub fn apply(self, images: &Images, closed: bool, dice: &mut Dice) -> Vec<u8> {
        let mut bytes = if closed { images.closed.clone() } else { images.after.clone() };
        match self {
            Damage::Torn => return torn(images, dice),
            Damage::Cut => bytes.truncate(place(&bytes, dice)),
            Damage::Flipped => {
                for _ in 0..dice.within(1..64) {
                    let at = place(&bytes, dice);
                    bytes[at] ^= 1 << dice.below(8);
                }
            }
            Damage::Zeroed => {
                let stretch = stretch(&bytes, dice);
                bytes[stretch].fill(0);
            }
            Damage::Doubled => {
                let to = stretch(&bytes, dice);
                let from = dice.within(0..bytes.len() - to.len());
                bytes.copy_within(from..from + to.len(), to.start);
            }
            Damage::Stale => {
                let image = &images.earlier[dice.within(0..images.earlier.len())];
                let to = stretch(&bytes, dice);
                let end = to.end.min(image.len());
                if to.start < end {
                    bytes[to.start..end].copy_from_slice(&image[to.start..end]);
                }
            }
            Damage::Garbage => {
                let to = stretch(&bytes, dice);
                let random = dice.bytes(to.len());
                bytes[to].copy_from_slice(&random);
            }
        }
        bytes
    }
}

/// Anywhere, or near the end, or in what the header says.
fn place(bytes: &[u8], dice: &mut Dice) -> usize {
    match dice.below(4) {
        0 => dice.within(0..SECTOR),
        1 => dice.within(bytes.len() * 9 / 10..bytes.len()),
        _ => dice.within(0..bytes.len()),
    }
}

/// From a few bytes to a sixteenth of the file.
fn stretch(bytes: &[u8], dice: &mut Dice) -> std::ops::Range<usize> {
    let longest = 1 << dice.within(3..16);
    let length = dice.within(1..longest + 1).min(bytes.len() / 16);
    let start = place(bytes, dice).min(bytes.len() - length);
    start..start + length
}

/// Power fails before the first sync of the commit, and any of its sectors but the header's are
/// there; or before the second, when nothing but the header is missing.
fn torn(images: &Images, dice: &mut Dice) -> Vec<u8> {
    let mut bytes = images.before.clone();
    // A file grows before it is written to.
    if images.after.len() > bytes.len() {
        bytes.resize(images.after.len(), 0);
    }
    let share = if dice.chance(25) { 100 } else { dice.below(100) };
    for start in (SECTOR..images.after.len()).step_by(SECTOR) {
        let end = (start + SECTOR).min(images.after.len());
        if dice.below(100) < share {
            bytes[start..end].copy_from_slice(&images.after[start..end]);
        }
    }
    let header = share == 100 && dice.chance(50);
    if header {
        bytes[..SECTOR].copy_from_slice(&images.after[..SECTOR]);
    }
    bytes
}
