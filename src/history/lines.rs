//! Groups what is said by likeness: who said something like this lately.

use std::collections::HashMap;

use super::{
    faces::{Face, Faces},
    sign::Sign,
};
use crate::{letters::bytes::SpreadBuild, message::Crowd};

/// From here on two texts are nearly the same, and stand in one line.
pub const SAME: f32 = 0.75;
/// From here on they are alike: this much of the shorter one is in the other.
pub const ALIKE: f32 = 0.55;
/// Senders remembered of one line; of more, it is enough to know that they are many.
pub const FACES_MAX: usize = 128;
/// Lines looked up under one hash: those heard last.
const BUCKET_MAX: usize = 8;
/// Whoever is told that hundreds said it needs no more counting.
const COUNTED_MAX: usize = 256;
/// No policy looks further back.
pub const KEEP_MS: u64 = 600_000;
/// Lines that many are saying are passed over this often before one has to go.
const SPARED_MAX: usize = 16;

/// The lines of some channels, told apart by the keys of their hashes. Bounded: one line more
/// takes the place of an old one.
#[derive(Default)]
pub struct Lines {
    lines: Vec<Line>,
    /// Where the next line is to be, once there are as many as may be.
    hand: usize,
    /// Which lines have a hash among the lowest of theirs.
    buckets: HashMap<u32, Bucket, SpreadBuild>,
}

/// The lines under one hash, the one heard last behind.
#[derive(Default)]
struct Bucket {
    places: [u32; BUCKET_MAX],
    count: u8,
}

/// One text that was said, and everybody who said nearly the same.
struct Line {
    channel: u64,
    sign: Sign,
    faces: Faces,
    last_ms: u64,
}

/// Who says something now, and how far back counts.
#[derive(Clone, Copy, Debug)]
pub struct Says {
    pub channel: u64,
    pub sender: u64,
    pub newcomer: bool,
    pub now: u64,
    pub window_ms: u64,
}

/// What was said like a message, and by whom.
pub struct Counted {
    pub crowd: Crowd,
    /// Each once.
    pub senders: Vec<Heard>,
}

/// One sender who said something like it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heard {
    pub sender: u64,
    /// Nearly the same, and the very same words.
    pub same: bool,
    exact: bool,
    newcomer: bool,
}

impl Heard {
    fn of(face: &Face, words: u32, same: bool) -> Heard {
        let Face { sender, newcomer, .. } = *face;
        Heard { sender, same, exact: face.words == words, newcomer }
    }

    fn merge(&mut self, other: &Heard) {
        self.same |= other.same;
        self.exact |= other.exact;
        self.newcomer |= other.newcomer;
    }
}

impl Bucket {
    fn places(&self) -> &[u32] {
        &self.places[..usize::from(self.count)]
    }

    /// Makes a line the one heard last.
    fn touch(&mut self, place: u32) {
        self.leave(place);
        if usize::from(self.count) == BUCKET_MAX {
            self.places.copy_within(1.., 0);
            self.count -= 1;
        }
        self.places[usize::from(self.count)] = place;
        self.count += 1;
    }

    fn leave(&mut self, place: u32) {
        if let Some(at) = self.places().iter().position(|other| *other == place) {
            self.places.copy_within(at + 1.., at);
            self.count -= 1;
        }
    }
}

impl Says {
    pub fn face(&self, sign: &Sign) -> Face {
        let (sender, newcomer, words) = (self.sender, self.newcomer, sign.words);
        Face { sender, at_ms: self.now, times: 1, newcomer, words }
    }
}

impl Lines {
    /// Notes what is said, and counts what was said like it, this included; by whom it was.
    pub fn note(&mut self, says: &Says, sign: &Sign, lines_max: usize) -> Counted {
        let found = self.alike(says, sign);
        let counted = self.count(says, sign, &found);
        let place = match found.first() {
            Some((place, sameness)) if *sameness >= SAME => *place,
            _ => self.add(says, sign, lines_max),
        };
        self.touch(place);
        let line = &mut self.lines[place as usize];
        line.faces.note(says.face(sign), says.window_ms, FACES_MAX);
        line.last_ms = says.now;
        counted
    }

    /// What `note` would count, leaving no trace.
    pub fn peek(&self, says: &Says, sign: &Sign) -> Counted {
        self.count(says, sign, &self.alike(says, sign))
    }

    /// How many messages were said lately that `is` means, and by how many senders.
    pub fn said(
        &self,
        channel: u64,
        is: impl Fn(&Sign) -> bool,
        now: u64,
        back_ms: u64,
    ) -> (u32, u32) {
        let lines = self.lines.iter().filter(|line| line.channel == channel && is(&line.sign));
        let faces = lines.flat_map(|line| line.faces.within(now, back_ms)).copied();
        let mut faces: Vec<Face> = faces.collect();
        let messages = faces.iter().map(|face| face.times).sum();
        faces.sort_unstable_by_key(|face| face.sender);
        faces.dedup_by_key(|face| face.sender);
        (messages, faces.len() as u32)
    }

    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// Lines like this one, and how much they are the same; the nearest first.
    fn alike(&self, says: &Says, sign: &Sign) -> Vec<(u32, f32)> {
        let buckets = sign.keys().iter().filter_map(|key| self.buckets.get(key));
        let mut places: Vec<u32> = Vec::with_capacity(2 * BUCKET_MAX);
        buckets.for_each(|bucket| places.extend(bucket.places()));
        places.sort_unstable();
        places.dedup();
        let live = |line: &&Line| {
            line.channel == says.channel && line.last_ms.abs_diff(says.now) < says.window_ms
        };
        let near = |place: u32| {
            let line = self.lines.get(place as usize).filter(live)?;
            if !line.sign.may_be_alike(sign, ALIKE) {
                return None;
            }
            let (likeness, sameness) = line.sign.compare(sign);
            (likeness >= ALIKE).then_some((place, sameness))
        };
        let mut found: Vec<(u32, f32)> = places.into_iter().filter_map(near).collect();
        found.sort_by(|(_, a), (_, b)| b.total_cmp(a));
        found
    }

    fn count(&self, says: &Says, sign: &Sign, found: &[(u32, f32)]) -> Counted {
        let me = says.face(sign);
        let (mut copies, mut senders) = (me.times, vec![Heard::of(&me, me.words, true)]);
        for (place, sameness) in found {
            if senders.len() >= COUNTED_MAX {
                break;
            }
            let same = *sameness >= SAME;
            for face in self.lines[*place as usize].faces.within(says.now, says.window_ms) {
                copies += face.times;
                senders.push(Heard::of(face, me.words, same));
            }
        }
        senders.sort_unstable_by_key(|heard| heard.sender);
        senders.dedup_by(|next, kept| {
            let again = next.sender == kept.sender;
            if again {
                kept.merge(next);
            }
            again
        });
        let count =
            |is: fn(&Heard) -> bool| senders.iter().filter(|heard| is(heard)).count() as u32;
        let crowd = Crowd {
            copies,
            senders: senders.len() as u32,
            same: count(|heard| heard.same),
            exact: count(|heard| heard.exact),
            newcomers: count(|heard| heard.newcomer),
            around: 0,
            among_alike: 0,
            among_same: 0,
            letters: sign.letters,
        };
        Counted { crowd, senders }
    }

    /// Makes a line; where it stands.
    fn add(&mut self, says: &Says, sign: &Sign, lines_max: usize) -> u32 {
        let line = Line {
            channel: says.channel,
            sign: sign.clone(),
            faces: Faces::default(),
            last_ms: says.now,
        };
        let stale = |line: &Line| line.last_ms.abs_diff(says.now) >= KEEP_MS;
        let hand = self.hand.min(self.lines.len());
        let place = match self.lines.get(hand) {
            // Nothing grows while there is something to forget.
            Some(oldest) if stale(oldest) => hand,
            _ if self.lines.len() < lines_max => self.lines.len(),
            _ => self.unspared(says),
        };
        if place == self.lines.len() {
            self.lines.push(line);
        } else {
            self.leave(place as u32);
            self.lines[place] = line;
            self.hand = (place + 1) % self.lines.len();
        }
        place as u32
    }

    /// The next line that may go: what many say now is not to be washed away by many words.
    fn unspared(&self, says: &Says) -> usize {
        let many = |place: &usize| {
            let live = self.lines[*place].faces.within(says.now, says.window_ms);
            live.take(3).count() == 3
        };
        let places = (0..self.lines.len()).map(|step| (self.hand + step) % self.lines.len());
        let mut places = places.take(SPARED_MAX);
        places.find(|place| !many(place)).unwrap_or(self.hand % self.lines.len().max(1))
    }

    /// Makes a line the last that is forgotten under its hashes.
    fn touch(&mut self, place: u32) {
        for key in self.lines[place as usize].sign.keys() {
            self.buckets.entry(*key).or_default().touch(place);
        }
    }

    fn leave(&mut self, place: u32) {
        for key in self.lines[place as usize].sign.keys() {
            if let Some(bucket) = self.buckets.get_mut(key) {
                bucket.leave(place);
                if bucket.count == 0 {
                    self.buckets.remove(key);
                }
            }
        }
    }
}
