//! Reads what a server asks: a message, who says it and where.

use std::sync::Arc;

use serde::{Deserialize, Deserializer, de::Error as _};

use super::super::name::{NAME_BYTES_MAX, Name};
use crate::{
    config::LimitsConfig,
    doors::{Failure, place::unfit, whole},
    message::{Message, Paid, Role, Sender, now_ms},
};

/// A question. Unknown keys are ignored, so that a server can send what it has.
#[derive(Debug, Deserialize)]
pub struct Asked {
    /// The server's own id of the message; asked twice, it is judged once. Echoed as it came.
    #[serde(default)]
    pub id: Name,
    #[serde(default)]
    channel: Name,
    #[serde(default)]
    sender: AskedSender,
    text: String,
    #[serde(default)]
    paid: Option<AskedPaid>,
    /// It is the sender's first message here.
    #[serde(default)]
    first: bool,
    /// How long the answer may wait for a moderator.
    #[serde(default, deserialize_with = "whole")]
    pub wait_s: u64,
}

#[derive(Debug, Default, Deserialize)]
struct AskedSender {
    #[serde(default)]
    id: Name,
    #[serde(default)]
    name: String,
    /// Those that are not known here are of no importance here.
    #[serde(default)]
    roles: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct AskedPaid {
    /// Without one nobody could tell whether it was paid for; a zero says that it was not.
    #[serde(deserialize_with = "given")]
    amount: Name,
    #[serde(default)]
    currency: String,
}

fn given<'de, D: Deserializer<'de>>(input: D) -> Result<Name, D::Error> {
    match Name::deserialize(input)? {
        Name::Absent => Err(D::Error::custom("an amount is a string or a number, not null")),
        name => Ok(name),
    }
}

impl Asked {
    /// # Errors
    /// 422: longer than may be.
    pub fn message(self, route: &Arc<str>, limits: &LimitsConfig) -> Result<Message, Failure> {
        if self.text.len() > limits.message_bytes_max {
            let message = format!("a text may have {} bytes", limits.message_bytes_max);
            return Err(unfit("text", message));
        }
        let (id, sender) = (self.id.bounded("id")?, self.sender.id.bounded("sender")?);
        let (channel, name) = (self.channel.bounded("channel")?, self.sender.name);
        if name.len() > NAME_BYTES_MAX {
            return Err(unfit("sender", format!("a name may have {NAME_BYTES_MAX} bytes")));
        }
        let known = |role: &Role| self.sender.roles.iter().any(|named| named == role.name());
        let roles = Role::ALL.into_iter().filter(known).collect();
        let paid = self.paid.and_then(|paid| Paid::new(&paid.amount.plain(), &paid.currency));
        Ok(Message {
            route: route.clone(),
            channel,
            sender: Sender {
                name: if name.is_empty() { sender.clone() } else { name },
                id: sender,
                roles,
            },
            id: Some(id).filter(|id| !id.is_empty()),
            text: self.text,
            at_ms: now_ms(),
            paid,
            first: self.first,
            is_name: false,
        })
    }
}
