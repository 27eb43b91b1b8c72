//! Answers what a connection's handshake says of it.

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

    /// Who writes on the client leg, as the query says. In egress that is a viewer, who wrote
    /// nothing of what is judged.
    pub(super) fn writer(&self, parameter: &str) -> Sender {
        let value = match self.mode {
            Mode::Inline => parameter_of(&self.query, parameter).unwrap_or_default(),
            Mode::Egress => String::new(),
        };
        Sender { id: value.clone(), name: value, roles: Vec::new() }
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
}
