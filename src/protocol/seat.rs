//! Answers what a connection's handshake says of it.

use std::{
    hash::{BuildHasher, RandomState},
    sync::{
        LazyLock,
        atomic::{AtomicU64, Ordering},
    },
};

use super::{Leg, Seat};
use crate::{
    config::{IdentitySource, Mode, RouteConfig},
    message::Sender,
};

/// Names, channels and ids longer than this are no names; they are remembered for a while, so
/// their length must have a bound.
pub const NAME_BYTES_MAX: usize = 512;

/// The query parameter that names the user where the settings name none.
const USER_PARAMETER: &str = "user";

/// Begins the id of a sender of whom nothing but the connection is known.
const CONNECTION: &str = "connection:";

/// Tells this process's connections from those of which older records speak.
static PROCESS: LazyLock<u32> = LazyLock::new(|| RandomState::new().hash_one(0) as u32);

/// The connections of unknown senders so far.
static STRANGERS: AtomicU64 = AtomicU64::new(0);

/// The query parameter in which a route's clients say who they are.
pub fn user_parameter(route: &RouteConfig) -> String {
    match &route.identity {
        Some(identity) if identity.from == IdentitySource::Query => identity.name.clone(),
        _ => USER_PARAMETER.to_owned(),
    }
}

impl Seat {
    /// Whether chat from this leg is judged.
    pub(super) fn judges(&self, leg: Leg) -> bool {
        matches!((self.mode, leg), (Mode::Inline, Leg::Client) | (Mode::Egress, Leg::Server))
    }

    /// Who writes on the client leg, where the query says so. In egress that is a viewer, who
    /// wrote nothing of what is judged.
    pub(super) fn writer(&self, parameter: &str) -> Option<Sender> {
        let said = match self.mode {
            Mode::Inline => parameter_of(&self.query, parameter)?,
            Mode::Egress => return None,
        };
        (!said.is_empty()).then(|| Sender {
            id: claimed(said.clone()),
            name: said,
            roles: Vec::new(),
        })
    }

    /// Stands for a sender of whom nothing is known. Inline each connection is one, so that its
    /// pace is known and it can be timed out; in egress all are one, for every viewer alike.
    pub(super) fn stranger(&self) -> Sender {
        let id = match self.mode {
            Mode::Inline => {
                let number = STRANGERS.fetch_add(1, Ordering::Relaxed);
                format!("{CONNECTION}{:08x}-{number}", *PROCESS)
            }
            Mode::Egress => String::new(),
        };
        Sender { id, ..Sender::default() }
    }
}

/// An id that somebody wrote, kept apart from those of connections: one that looks like theirs,
/// behind any number of `~`, gets one more `~`. So two ids never become one.
pub fn claimed(id: String) -> String {
    match id.trim_start_matches('~').starts_with(CONNECTION) {
        true => format!("~{id}"),
        false => id,
    }
}

/// A query parameter's value, decoded; the first of its name.
fn parameter_of(query: &str, name: &str) -> Option<String> {
    let value = query.split('&').find_map(|pair| {
        let (key, value) = pair.split_once('=')?;
        (key == name).then_some(value)
    })?;
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.bytes();
    while let Some(b) = rest.next() {
        bytes.push(match b {
            b'+' => b' ',
            b'%' => {
                let digit = |d: Option<u8>| d.and_then(|d| char::from(d).to_digit(16));
                let (high, low) = (digit(rest.next())?, digit(rest.next())?);
                u8::try_from(high * 16 + low).ok()?
            }
            plain => plain,
        });
    }
    String::from_utf8(bytes).ok().filter(|name| name.len() <= NAME_BYTES_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_decoded() {
        let check = |query, expected: Option<&str>| {
            assert_eq!(parameter_of(query, "user").as_deref(), expected, "{query:?}");
        };
        check("user=ana", Some("ana"));
        check("room=1&user=Ana+Mar%C3%ADa&user=eve", Some("Ana María"));
        check("xuser=ana", None);
        check("user", None);
        check("", None);
        check("user=%4", None);
        check("user=%zz", None);
        check("user=%ff", None);
        check(&format!("user={}", "a".repeat(513)), None);
    }

    fn seat(mode: Mode, query: &str) -> Seat {
        let query = query.to_owned();
        Seat { route: "r".into(), mode, path: "/".into(), query, subprotocol: None }
    }

    #[test]
    fn strangers_are_apart() {
        let [a, b] = [(); 2].map(|()| seat(Mode::Inline, "").stranger());
        assert!(a.id.starts_with(CONNECTION) && b.id.starts_with(CONNECTION));
        assert_ne!(a.id, b.id);
        assert_eq!((a.name.as_str(), b.name.as_str()), ("", ""));
        assert_eq!(seat(Mode::Egress, "").stranger(), Sender::default());
        // Nobody becomes one by saying so.
        let query = format!("user={}", b.id);
        let writer = seat(Mode::Inline, &query).writer("user").expect("a name");
        assert_eq!((writer.id, writer.name), (format!("~{}", b.id), b.id));
    }

    #[test]
    fn claimed_ids_stay_different() {
        let check = |id: &str, expected| assert_eq!(claimed(id.into()), expected);
        check("ana", "ana");
        check("~ana", "~ana");
        check("connections", "connections");
        check("connection:1", "~connection:1");
        check("~connection:1", "~~connection:1");
        check("~~connection:1", "~~~connection:1");
    }

    #[test]
    fn a_writer_is_who_the_query_names() {
        let check = |mode, query, expected: Option<&str>| {
            let writer = seat(mode, query).writer("user");
            assert_eq!(writer.map(|writer| writer.id).as_deref(), expected, "{query:?}");
        };
        check(Mode::Inline, "user=ana", Some("ana"));
        check(Mode::Inline, "user=", None);
        check(Mode::Inline, "", None);
        check(Mode::Egress, "user=ana", None);
    }
}
