//! Remembers answers, so that a message that is asked twice is judged once.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use futures_util::{
    FutureExt,
    future::{BoxFuture, Shared},
};
use sha2::{Digest, Sha256};

use crate::message::Message;

/// A judgement on its way or done; `None` where it failed.
pub type Judging<A> = Shared<BoxFuture<'static, Option<Arc<A>>>>;

/// Looks at so many of those that wait whenever a message comes: more than one may join them, so
/// that none that ended stays among them for long.
const LOOKS: usize = 2;

/// The last answers by message, and those of messages that still wait for a person.
pub struct Remembered<A> {
    max: usize,
    answers: HashMap<u128, Judging<A>>,
    /// In the order asked or, of what was held, ended; beyond `max` the oldest goes.
    order: VecDeque<u128>,
    /// Kept however many others come: the hold queue has its own bound.
    waiting: VecDeque<u128>,
}

impl<A> Remembered<A> {
    pub fn new(max: usize) -> Remembered<A> {
        let (order, waiting) = (VecDeque::new(), VecDeque::new());
        Remembered { max, answers: HashMap::new(), order, waiting }
    }

    /// The judgement of this message, which is begun where there is none; `waits` says of
    /// an answer whether its message is held and has not ended.
    pub fn once(
        &mut self,
        key: u128,
        waits: impl Fn(&A) -> bool,
        judge: impl FnOnce() -> Judging<A>,
    ) -> Judging<A> {
        if let Some(known) = self.answers.get(&key) {
            return known.clone();
        }
        self.make_room(waits);
        let judging = judge();
        self.answers.insert(key, judging.clone());
        self.order.push_back(key);
        judging
    }

    fn make_room(&mut self, waits: impl Fn(&A) -> bool) {
        let stays = |judging: Option<&Judging<A>>| {
            let judged = judging.and_then(|judging| judging.clone().now_or_never());
            match judged {
                Some(answered) => answered.is_some_and(|answered| waits(&answered)),
                // It is being judged.
                None => judging.is_some(),
            }
        };
        for _ in 0..LOOKS.min(self.waiting.len()) {
            let Some(key) = self.waiting.pop_front() else { break };
            match stays(self.answers.get(&key)) {
                true => self.waiting.push_back(key),
                // Whoever asked how it ended may ask again: it is as good as new.
                false => self.order.push_back(key),
            }
        }
        while self.order.len() >= self.max {
            let Some(key) = self.order.pop_front() else { break };
            match stays(self.answers.get(&key)) {
                true => self.waiting.push_back(key),
                false => drop(self.answers.remove(&key)),
            }
        }
    }

    /// Lets a message be judged again that could not be.
    pub fn forget(&mut self, key: u128) {
        self.answers.remove(&key);
        self.order.retain(|other| *other != key);
        self.waiting.retain(|other| *other != key);
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
    use std::{
        cell::{Cell, RefCell},
        collections::BTreeSet,
    };

    use super::*;
    use crate::message::Sender;

    fn done(answer: u128) -> Judging<u128> {
        std::future::ready(Some(Arc::new(answer))).boxed().shared()
    }

    #[test]
    fn answers_are_bounded_and_the_oldest_goes() {
        let mut remembered = Remembered::new(2);
        let mut begun = 0;
        for (key, count) in [(1, 1), (1, 1), (2, 2), (1, 2), (3, 3), (2, 3), (1, 4)] {
            let judge = || {
                begun += 1;
                done(key)
            };
            drop(remembered.once(key, |_| false, judge));
            assert_eq!(begun, count, "{key}");
            assert!(remembered.answers.len() <= 2 && remembered.order.len() <= 2);
        }
        remembered.forget(1);
        assert!(!remembered.answers.contains_key(&1) && !remembered.order.contains(&1));
    }

    #[test]
    fn what_waits_stays_known_and_nothing_else_does() {
        let (waiting, begun) = (RefCell::new(BTreeSet::new()), Cell::new(false));
        let mut remembered = Remembered::new(10);
        let mut is_new = |key: u128| {
            begun.set(false);
            let judge = || {
                begun.set(true);
                done(key)
            };
            drop(remembered.once(key, |key| waiting.borrow().contains(key), judge));
            (begun.get(), remembered.answers.len())
        };
        for key in 0..100 {
            waiting.borrow_mut().insert(key);
            assert!(is_new(key).0);
        }
        assert!((1_000..20_000).all(|key| is_new(key).0));
        assert!((0..100).all(|key| is_new(key) == (false, 110)), "all of them wait");
        // One has ended, and is known for as long as an answer that is new.
        waiting.borrow_mut().remove(&7);
        assert!((20_000..20_005).all(|key| is_new(key).0));
        assert!(!is_new(7).0);
        waiting.borrow_mut().clear();
        assert!((30_000..30_200).all(|key| is_new(key).0));
        assert_eq!(is_new(8), (true, 10), "all have ended, long ago");
    }

    #[test]
    fn what_is_being_judged_is_not_judged_twice() {
        let mut remembered = Remembered::<u128>::new(1);
        for key in 0..5 {
            drop(remembered.once(key, |_| false, || std::future::pending().boxed().shared()));
        }
        let twice = || panic!("it is being judged");
        assert!((0..5).all(|key| remembered.once(key, |_| false, twice).now_or_never().is_none()));
        remembered.forget(2);
        assert!(remembered.once(2, |_| false, || done(2)).now_or_never().is_some());
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
