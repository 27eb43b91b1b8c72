//! Notes what screens show, and takes it off them again.

use super::Settler;
use crate::{
    config::Position,
    history::Pattern,
    hold::{Hold, State},
    message::{Gone, Message},
    normalize::normalize,
};

impl Settler {
    /// Takes what a text means and was said since then off the screens of a route; how many.
    pub fn take_off_like(&self, route: &str, pattern: &Pattern, since_ms: u64) -> usize {
        self.take_off(route, self.pipeline.history.take_shown_like(pattern, since_ms))
    }

    /// Takes everything of one sender off them; how many.
    pub fn take_off_of(&self, route: &str, channel: &str, sender: &str) -> usize {
        self.take_off(route, self.pipeline.history.take_shown_of(route, channel, sender))
    }

    fn take_off(&self, route: &str, gone: Vec<Gone>) -> usize {
        let count = gone.len();
        for gone in gone {
            self.holds.retract(route, gone);
        }
        count
    }

    pub(super) fn note_shown(&self, message: &Message) {
        if !message.is_name {
            self.pipeline.history.note_shown(message, &normalize(&message.text));
        }
    }

    /// A release shows a message that was kept off so far. Its text is erased when it is out.
    pub(super) fn note_released(&self, hold: &Hold, was: Option<State>) {
        let approved = (was, hold.state) == (Some(State::Held), State::Approved);
        if hold.mode != Position::Egress || !approved {
            return;
        }
        self.note_shown(&Message {
            route: hold.route.as_str().into(),
            channel: hold.channel.clone(),
            sender: hold.sender.clone(),
            id: hold.message_id.clone(),
            text: hold.text.clone(),
            at_ms: hold.held_ms,
            ..Message::default()
        });
    }
}
