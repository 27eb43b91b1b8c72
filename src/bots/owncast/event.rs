//! Reads what the server says in its chat.

use serde::Deserialize;

use crate::{
    bots::{
        clock::{read_rfc3339, said_ms},
        lenient,
    },
    message::{Message, Role, Sender},
    protocol::shown,
};

#[derive(Deserialize)]
#[serde(tag = "type")]
pub enum Event {
    #[serde(rename = "CHAT")]
    Chat(Chat),
    /// Whose the token is.
    #[serde(rename = "CONNECTED_USER_INFO")]
    Me { user: User },
    #[serde(rename = "VISIBILITY-UPDATE")]
    Visibility { ids: Vec<String>, visible: bool },
    #[serde(rename = "ERROR_NEEDS_REGISTRATION")]
    NeedsRegistration,
    #[serde(rename = "ERROR_USER_DISABLED")]
    Disabled,
    #[serde(rename = "ERROR_MAX_CONNECTIONS_EXCEEDED")]
    Full,
    /// System messages, who came and went, new names: each message carries its sender's name.
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
pub struct Chat {
    pub id: String,
    #[serde(default, deserialize_with = "lenient::value")]
    timestamp: String,
    /// HTML: the server has rendered what was written.
    body: String,
    pub user: User,
    #[serde(default, deserialize_with = "lenient::value")]
    pub visible: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct User {
    pub id: String,
    #[serde(default, deserialize_with = "lenient::value")]
    display_name: String,
    #[serde(default, deserialize_with = "lenient::list")]
    pub scopes: Vec<String>,
    #[serde(default, deserialize_with = "lenient::value")]
    pub is_bot: bool,
}

impl User {
    pub fn has(&self, scope: &str) -> bool {
        self.scopes.iter().any(|known| known == scope)
    }
}

impl Chat {
    pub fn message(self) -> Message {
        let moderates = self.user.has("MODERATOR").then_some(Role::Moderator);
        Message {
            text: shown(&self.body),
            at_ms: said_ms(read_rfc3339(&self.timestamp)),
            id: Some(self.id),
            sender: Sender {
                id: self.user.id,
                name: self.user.display_name,
                roles: moderates.into_iter().collect(),
            },
            ..Message::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn of_a_part_that_is_not_as_it_should_be_the_rest_is_read() {
        let event = json!({
            "type": "CHAT", "id": "m1", "timestamp": null, "body": "<p>hi</p>", "visible": 7,
            "user": { "id": "u1", "displayName": null, "scopes": ["MODERATOR", 7], "isBot": null },
        });
        let Ok(Event::Chat(chat)) = serde_json::from_value(event) else { panic!("no chat") };
        assert!(chat.visible.is_none() && !chat.user.is_bot && chat.user.has("MODERATOR"));
        assert_eq!(chat.message().text, "hi");
    }
}
