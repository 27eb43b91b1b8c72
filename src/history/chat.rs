//! Keeps the last minutes of chat in memory, where the operator asked for it, to replay it.
//!
//! It is the one place where a text that passed is kept. It is off unless the settings say so, it
//! is never written anywhere, and what is older than its time is gone, also where nobody speaks.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use super::lock;
use crate::{
    config::HistoryConfig,
    message::{Message, Paid, Sender, Standing},
};

/// Longer texts are no line of chat, and a few thousand of them would be a heap of memory.
const TEXT_BYTES_MAX: usize = 2_048;

/// One message that passed.
#[derive(Clone, Debug)]
pub struct Said {
    pub at_ms: u64,
    pub route: Arc<str>,
    pub channel: String,
    pub sender: Sender,
    pub text: String,
    pub paid: Option<Paid>,
    pub standing: Standing,
}

/// The last of what passed, bounded in number and age.
pub struct Chat {
    max: usize,
    keep_ms: u64,
    said: Mutex<VecDeque<Arc<Said>>>,
}

impl Chat {
    pub(super) fn new(config: &HistoryConfig) -> Chat {
        Chat { max: config.chat_max, keep_ms: config.chat_ms, said: Mutex::default() }
    }

    /// Whether any is kept.
    pub fn is_kept(&self) -> bool {
        self.max > 0
    }

    /// Notes what passed, where any is kept.
    pub fn note(&self, message: &Message, standing: Standing) {
        if !self.is_kept() || message.is_name || message.text.len() > TEXT_BYTES_MAX {
            return;
        }
        let said = Arc::new(Said {
            at_ms: message.at_ms,
            route: message.route.clone(),
            channel: message.channel.clone(),
            sender: message.sender.clone(),
            text: message.text.clone(),
            paid: message.paid.clone(),
            standing,
        });
        let mut all = lock(&self.said);
        if all.len() >= self.max {
            all.pop_front();
        }
        all.push_back(said);
    }

    /// Forgets what is older than its time. A clock that went backwards counts as distance too.
    pub fn sweep(&self, now: u64) {
        lock(&self.said).retain(|said| said.at_ms.abs_diff(now) < self.keep_ms);
    }

    /// Forgets what one sender said, and says how many texts that was.
    pub fn forget(&self, route: &str, sender: &str) -> usize {
        let mut all = lock(&self.said);
        let before = all.len();
        all.retain(|said| *said.route != *route || said.sender.id != sender);
        before - all.len()
    }

    /// What is young enough, the newest first.
    pub fn list(&self, now: u64) -> Vec<Arc<Said>> {
        self.sweep(now);
        lock(&self.said).iter().rev().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chat(chat_max: usize) -> Chat {
        Chat::new(&HistoryConfig { chat_max, chat_ms: 1_000, ..HistoryConfig::default() })
    }

    fn say(chat: &Chat, at_ms: u64, sender: &str, text: &str) {
        let sender = Sender { id: sender.into(), ..Sender::default() };
        let message = Message { text: text.into(), at_ms, sender, ..Message::default() };
        chat.note(&message, Standing::default());
    }

    fn texts(chat: &Chat, now: u64) -> Vec<String> {
        chat.list(now).iter().map(|said| said.text.clone()).collect()
    }

    #[test]
    fn nothing_is_kept_unless_somebody_asked_for_it() {
        let off = Chat::new(&HistoryConfig::default());
        say(&off, 0, "ana", "hello");
        assert_eq!(texts(&off, 0), [""; 0]);
    }

    #[test]
    fn number_age_and_length_are_bounded() {
        let kept = chat(3);
        for (at_ms, text) in [(0, "a"), (100, "b"), (600, "c"), (700, "d")] {
            say(&kept, at_ms, "ana", text);
        }
        say(&kept, 700, "ana", &"e".repeat(TEXT_BYTES_MAX + 1));
        assert_eq!(texts(&kept, 700), ["d", "c", "b"]);
        assert_eq!(texts(&kept, 1_100), ["d", "c"]);
        kept.sweep(1_700);
        assert!(lock(&kept.said).is_empty(), "gone, though nobody looks");
    }

    #[test]
    fn one_sender_is_forgotten() {
        let kept = chat(9);
        say(&kept, 0, "ana", "a");
        say(&kept, 0, "ben", "b");
        say(&kept, 0, "ana", "c");
        assert_eq!((kept.forget("elsewhere", "ana"), kept.forget("", "ana")), (0, 2));
        assert_eq!(texts(&kept, 0), ["b"]);
    }
}
