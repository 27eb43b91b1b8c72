//! Remembers the short pieces said last in each channel, for words that several senders spell.

use std::collections::VecDeque;

use super::{Key, TAIL_BYTES_MAX, TAIL_MS, TAIL_PIECES_MAX, bounded::Bounded};

/// A platform has fewer rooms in which somebody spoke within ten seconds; where all are in use,
/// those that were silent for longest make room, so that nobody keeps a new one out.
const ROOMS_MAX: usize = 4_096;

/// The rooms of one history, bounded.
pub(super) struct Chains {
    rooms: Bounded<Room>,
}

#[derive(Default)]
struct Room {
    /// When each piece came, whose it was, and the piece.
    pieces: VecDeque<(u64, Key, Box<str>)>,
}

impl Default for Chains {
    fn default() -> Chains {
        Chains { rooms: Bounded::new(ROOMS_MAX) }
    }
}

impl Chains {
    /// What was said just before in this room, where somebody else said any of it.
    pub fn tail(&self, room: Key, sender: Key, now: u64) -> Vec<String> {
        let Some(room) = self.rooms.find(room) else { return Vec::new() };
        let recent = || room.pieces.iter().filter(|piece| piece.0.abs_diff(now) < TAIL_MS);
        match recent().any(|piece| piece.1 != sender) {
            true => recent().map(|piece| piece.2.to_string()).collect(),
            false => Vec::new(),
        }
    }

    /// Notes a message; a longer one ends the chain, as with one sender.
    pub fn add(&mut self, room: Key, sender: Key, now: u64, plain: &str) {
        if plain.len() > TAIL_BYTES_MAX {
            self.rooms.remove(room);
            return;
        }
        if self.rooms.touch(room).is_none() {
            self.rooms.put(room, Room::default());
        }
        let Some(own) = self.rooms.touch(room) else { return };
        if own.pieces.len() >= TAIL_PIECES_MAX {
            own.pieces.pop_front();
        }
        own.pieces.push_back((now, sender, plain.into()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_room_remembers_short_pieces_of_several_senders() {
        let mut rooms = Chains::default();
        for (sender, at, text, expected) in [
            (1, 0, "b", vec![]),
            (1, 1, "l", vec![]),
            (2, 2, "o", vec!["b", "l"]),
            (1, 3, "r", vec!["b", "l", "o"]),
            (2, 4, "a sentence that is no piece of a word", vec!["b", "l", "o", "r"]),
            (1, 5, "p", vec![]),
            (2, 30_000, "x", vec![]),
        ] {
            assert_eq!(rooms.tail(7, sender, at), expected, "{text}");
            rooms.add(7, sender, at, text);
        }
        assert!(rooms.tail(8, 3, 30_000).is_empty());
    }

    #[test]
    fn rooms_and_pieces_are_bounded() {
        let mut rooms = Chains::default();
        for n in 0..20_000 {
            rooms.add(n, 1, 5, "x");
            rooms.add(0, n, 5, "y");
        }
        assert!(rooms.rooms.len() <= ROOMS_MAX);
        assert_eq!(rooms.tail(0, 1, 5).len(), TAIL_PIECES_MAX);
        // However many rooms speak at once, the last one is heard and the first ones make room.
        rooms.add(50_000, 1, 5, "z");
        assert_eq!((rooms.tail(50_000, 2, 5).len(), rooms.tail(1, 2, 5).len()), (1, 0));
    }
}
