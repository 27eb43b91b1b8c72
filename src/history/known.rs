//! Tells what is remembered of one sender: never what they said.

use serde::Serialize;

use super::{History, Whose, lock};

/// What is remembered of a sender in a channel. Times are Unix milliseconds.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Known {
    /// Within about the last six hours.
    pub first_seen_ms: Option<u64>,
    pub strikes: f32,
    /// They are to be warned with their next message.
    pub warning_due: bool,
    pub held_until_ms: Option<u64>,
    pub timed_out_until_ms: Option<u64>,
    /// They may post one link until then.
    pub may_link_until_ms: Option<u64>,
    /// A moderator banned them, until that is lifted.
    pub banned: bool,
    /// A moderator trusts them …
    pub trusted: bool,
    /// … until then; until it is lifted, where there is no end.
    pub trusted_until_ms: Option<u64>,
}

impl History {
    /// Leaves no trace; of a sender who is not remembered everything is empty.
    pub fn known(&self, whose: Whose, now_ms: u64) -> Known {
        let key = self.key(whose.route, whose.channel, whose.sender);
        let count = self.strikes.count(key, now_ms);
        let trust = self.decrees.trust(key, now_ms);
        let first_seen_ms = lock(self.shard(key)).known.see(&(key as u64)).copied();
        Known {
            first_seen_ms,
            strikes: count.points,
            warning_due: count.warning,
            held_until_ms: count.held_until_ms,
            timed_out_until_ms: self.time_outs.until(key, now_ms),
            may_link_until_ms: self.permits.until(key, now_ms),
            banned: self.decrees.of_sender(key, now_ms).0,
            trusted: trust.is_some(),
            trusted_until_ms: trust.and_then(|trust| trust.until_ms),
        }
    }
}
