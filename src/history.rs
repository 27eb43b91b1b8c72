//! Remembers what senders did lately, bounded and expiring.

use crate::message::{Canonical, Message, Recent};

/// Senders and crowds, in DashMap shards.
pub struct History {}

impl History {
    pub fn new(_senders_max: usize) -> History {
        todo!()
    }

    /// Notes a message and says what came before it. A sender without an id leaves no trace.
    pub fn note(&self, _message: &Message, _text: &Canonical, _window_ms: u64) -> Recent {
        todo!()
    }

    /// What `note` would say, leaving no trace.
    pub fn peek(&self, _message: &Message, _text: &Canonical, _window_ms: u64) -> Recent {
        todo!()
    }

    pub fn time_out(&self, _route: &str, _channel: &str, _sender: &str, _until_ms: u64) {
        todo!()
    }

    pub fn lift_time_out(&self, _route: &str, _channel: &str, _sender: &str) {
        todo!()
    }
}
