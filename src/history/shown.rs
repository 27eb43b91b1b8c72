//! Remembers which messages a screen shows, so that they can be taken off it again.

use std::{collections::VecDeque, sync::Mutex};

use super::{lock, nukes::Pattern};
use crate::message::{Gone, Message};

/// What was let through to screens lately, without its text.
pub struct Shown {
    lines: Mutex<VecDeque<Line>>,
    max: usize,
}

struct Line {
    route: Box<str>,
    at_ms: u64,
    pattern: Pattern,
    gone: Gone,
}

impl Shown {
    pub fn new(max: usize) -> Shown {
        Shown { lines: Mutex::default(), max }
    }

    /// What has no id of its own cannot be named to whoever shows it.
    pub fn note(&self, message: &Message, pattern: Pattern) {
        let Some(id) = message.id.clone().filter(|id| !id.is_empty() && self.max > 0) else {
            return;
        };
        let (channel, sender) = (message.channel.clone(), message.sender.clone());
        let gone = Gone { channel, id, sender };
        let line = Line { route: (*message.route).into(), at_ms: message.at_ms, pattern, gone };
        let mut lines = lock(&self.lines);
        // The oldest has scrolled away long ago.
        while lines.len() >= self.max {
            lines.pop_front();
        }
        lines.push_back(line);
    }

    /// Takes out what a text means and was said since then, in one channel.
    pub fn take_like(&self, pattern: &Pattern, since_ms: u64) -> Vec<Gone> {
        self.take(|line| line.at_ms >= since_ms && pattern.meets(&line.pattern))
    }

    /// Takes out everything of one sender in one channel.
    pub fn take_of(&self, route: &str, channel: &str, sender: &str) -> Vec<Gone> {
        self.take(|line| {
            *line.route == *route && line.gone.channel == channel && line.gone.sender.id == sender
        })
    }

    fn take(&self, meant: impl Fn(&Line) -> bool) -> Vec<Gone> {
        let mut taken = Vec::new();
        lock(&self.lines).retain(|line| match meant(line) {
            true => {
                taken.push(line.gone.clone());
                false
            }
            false => true,
        });
        taken
    }
}
