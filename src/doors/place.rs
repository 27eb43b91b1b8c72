//! Reads where and whom somebody means, as messages have it.

use axum::http::StatusCode;

use super::{Doors, Failure};
use crate::protocol;

/// No platform's channels or ids are longer, and what is longer is only kept and never met.
const NAME_CHARS_MAX: usize = 512;

pub fn unfit(error: &'static str, message: impl Into<String>) -> Failure {
    Failure::new(StatusCode::UNPROCESSABLE_ENTITY, error, message)
}

impl Doors {
    /// Whether messages may come by a route, a bot or a hook of this name.
    pub fn has_route(&self, name: &str) -> bool {
        self.config.inflows().any(|inflow| inflow.name == name)
            || (self.config.route.is_empty() && name.is_empty())
    }

    /// A channel's name as the route's messages carry it, however somebody wrote it.
    ///
    /// Programs may judge without a route, which has no name then.
    pub fn place(&self, route: &str, channel: &str) -> Result<String, Failure> {
        if channel.chars().count() > NAME_CHARS_MAX {
            return Err(unfit("channel", "the channel's name is too long"));
        }
        let routes = &self.config.route;
        match routes.iter().find(|own| own.name() == route) {
            // A route whose protocol does not compile does not open, and nothing is said there.
            Some(own) => Ok(protocol::dialect(own)
                .map_or_else(|_| channel.to_owned(), |dialect| dialect.channel(channel))),
            None if self.has_route(route) => Ok(channel.to_owned()),
            None => {
                let start: String = route.chars().take(64).collect();
                Err(unfit("route", format!("there is no route {start:?}")))
            }
        }
    }
}

/// A sender's id, as records and held messages have it.
pub fn check_sender(sender: &str) -> Result<(), Failure> {
    match sender.chars().count() {
        0 => Err(unfit("sender", "name a sender by their id")),
        1..=NAME_CHARS_MAX => Ok(()),
        _ => Err(unfit("sender", "the sender's id is too long")),
    }
}
