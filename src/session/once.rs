//! Settles a message that many viewers receive once, for the first of them.

use std::{
    collections::{HashMap, VecDeque},
    future::Future,
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{sync::OnceCell, time::Instant};

use crate::message::{Fate, Message};

/// A message with an id is the same message for as long as viewers may lag behind each other.
const WITH_ID: Duration = Duration::from_secs(60);
/// Without an id, the same words of the same sender are the same message only this long.
const WITHOUT_ID: Duration = Duration::from_secs(2);

/// The fates of what was said lately, by message.
pub struct Once {
    recent: Mutex<Recent>,
    max: usize,
}

#[derive(Default)]
struct Recent {
    fates: HashMap<u128, (Instant, Arc<OnceCell<Fate>>)>,
    /// In order of expiry within each kind, near enough: entries leave from the front.
    order: VecDeque<(Instant, u128)>,
}

impl Once {
    /// Remembers up to `max` messages.
    pub fn new(max: usize) -> Once {
        Once { recent: Mutex::default(), max }
    }

    /// The fate of a message: `first`'s for whoever comes first, the same for all others.
    pub async fn settle(&self, message: &Message, first: impl Future<Output = Fate>) -> Fate {
        let cell = self.cell(message, Instant::now());
        cell.get_or_init(|| first).await.clone()
    }

    fn cell(&self, message: &Message, now: Instant) -> Arc<OnceCell<Fate>> {
        let key = key(message);
        let life = if message.id.is_some() { WITH_ID } else { WITHOUT_ID };
        let mut recent = self.recent.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        while recent.order.front().is_some_and(|(until, _)| *until <= now)
            || recent.order.len() > self.max
        {
            let Some((until, old)) = recent.order.pop_front() else { break };
            // The key may have been taken anew since.
            if recent.fates.get(&old).is_some_and(|(its, _)| *its == until) {
                recent.fates.remove(&old);
            }
        }
        if let Some((until, cell)) = recent.fates.get(&key)
            && *until > now
        {
            return cell.clone();
        }
        let cell = Arc::new(OnceCell::new());
        recent.fates.insert(key, (now + life, cell.clone()));
        recent.order.push_back((now + life, key));
        cell
    }
}

/// Two independent 64-bit hashes: two messages of a minute share one by accident about never.
fn key(message: &Message) -> u128 {
    let half = |salt: u8| {
        let mut hash = DefaultHasher::new();
        salt.hash(&mut hash);
        message.route.hash(&mut hash);
        message.channel.hash(&mut hash);
        // With its text: an id is often the sender's own choice, and an edit keeps it.
        (&message.id, &message.sender.id, &message.text, message.is_name).hash(&mut hash);
        hash.finish()
    };
    u128::from(half(0)) << 64 | u128::from(half(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Sender;

    fn message(id: Option<&str>, text: &str) -> Message {
        Message {
            route: "r".into(),
            channel: "c".into(),
            sender: Sender { id: "ana".into(), ..Sender::default() },
            id: id.map(str::to_owned),
            text: text.into(),
            ..Message::default()
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_message_is_settled_once_until_it_is_forgotten() {
        let once = Once::new(10);
        let keep = async || Fate::Keep;
        let remove = async || Fate::Remove;
        let cases = [(Some("1"), "a", WITH_ID), (None, "b", WITHOUT_ID)];
        for (id, text, life) in cases {
            let said = message(id, text);
            assert_eq!(once.settle(&said, remove()).await, Fate::Remove);
            assert_eq!(once.settle(&said, keep()).await, Fate::Remove, "settled before");
            let other = message(id, "something else");
            assert_eq!(once.settle(&other, keep()).await, Fate::Keep, "an id is no free pass");
            tokio::time::advance(life).await;
            assert_eq!(once.settle(&said, keep()).await, Fate::Keep, "forgotten");
        }
    }

    #[tokio::test]
    async fn an_id_tells_messages_apart_and_the_bound_holds() {
        let once = Once::new(3);
        for id in ["1", "2", "3", "4", "5", "6"] {
            let fate = once.settle(&message(Some(id), "same"), async { Fate::Keep }).await;
            assert_eq!(fate, Fate::Keep);
        }
        assert!(once.recent.lock().unwrap().fates.len() <= 4);
    }
}
