//! Remembers answers, so that a message that is asked twice is judged once.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use futures_util::future::{BoxFuture, Shared};
use sha2::{Digest, Sha256};

use super::answered::Answered;
use crate::message::Message;

/// A judgement on its way or done; `None` where it failed.
pub type Judging = Shared<BoxFuture<'static, Option<Arc<Answered>>>>;

/// The last answers by message, in the order asked.
pub struct Remembered {
    max: usize,
    answers: HashMap<u128, Judging>,
    order: VecDeque<u128>,
}

impl Remembered {
    pub fn new(max: usize) -> Remembered {
        Remembered { max, answers: HashMap::new(), order: VecDeque::new() }
    }

    /// The judgement of this message, which is begun where there is none.
    pub fn once(&mut self, key: u128, judge: impl FnOnce() -> Judging) -> Judging {
        if let Some(known) = self.answers.get(&key) {
            return known.clone();
        }
        while self.order.len() >= self.max {
            let oldest = self.order.pop_front();
            oldest.map(|key| self.answers.remove(&key));
        }
        let judging = judge();
        self.answers.insert(key, judging.clone());
        self.order.push_back(key);
        judging
    }

    /// Lets a message be judged again that could not be.
    pub fn forget(&mut self, key: u128) {
        self.answers.remove(&key);
        self.order.retain(|other| *other != key);
    }
}

/// What tells a message from any other; `None` where the server gave it no id.
///
/// The words are part of it: under the id of a message that was let through, another is judged.
pub fn key(message: &Message) -> Option<u128> {
    let id = message.id.as_deref()?;
    let mut digest = Sha256::new();
    for part in [id, &message.channel, &message.sender.id, &message.sender.name, &message.text] {
        digest.update(part.len().to_le_bytes());
        digest.update(part);
    }
    let bytes = digest.finalize();
    bytes[..16].try_into().ok().map(u128::from_le_bytes)
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;
    use crate::message::Sender;

    #[test]
    fn answers_are_bounded_and_the_oldest_goes() {
        let mut remembered = Remembered::new(2);
        let mut begun = 0;
        for (key, count) in [(1, 1), (1, 1), (2, 2), (1, 2), (3, 3), (2, 3), (1, 4)] {
            drop(remembered.once(key, || {
                begun += 1;
                std::future::ready(None).boxed().shared()
            }));
            assert_eq!(begun, count, "{key}");
            assert!(remembered.answers.len() <= 2 && remembered.order.len() <= 2);
        }
        remembered.forget(1);
        assert!(!remembered.answers.contains_key(&1) && !remembered.order.contains(&1));
    }

    #[test]
    fn a_message_is_its_id_its_place_and_its_words() {
        let message = |id: Option<&str>, channel: &str, sender: &str, text: &str| Message {
            id: id.map(str::to_owned),
            channel: channel.to_owned(),
            sender: Sender { id: sender.to_owned(), ..Sender::default() },
            text: text.to_owned(),
            ..Message::default()
        };
        let first = key(&message(Some("1"), "a", "u", "hello"));
        assert_eq!(first, key(&message(Some("1"), "a", "u", "hello")));
        for other in [
            message(Some("2"), "a", "u", "hello"),
            message(Some("1"), "b", "u", "hello"),
            message(Some("1"), "a", "v", "hello"),
            message(Some("1"), "a", "u", "another"),
            message(Some("1a"), "", "u", "hello"),
        ] {
            assert_ne!(first, key(&other), "{other:?}");
        }
        assert_eq!(key(&message(None, "a", "u", "hello")), None);
    }
}
