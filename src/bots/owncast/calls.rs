//! Does on the server what is to be done there.

use std::time::Duration;

use hyper::{
    HeaderMap, Method, StatusCode,
    header::{AUTHORIZATION, HeaderValue},
};
use serde_json::{Value, json};

use super::{NO_TIME_OUT, Owncast, event::User};
use crate::bots::{
    ActError, Deed, What,
    http::{Reply, percent},
};

/// Of what the server says to it, a line is enough for a log.
const CAUSE_CHARS_MAX: usize = 200;

/// What a token may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rights {
    /// Whose it is.
    pub user: String,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// A moderator of the chat: hides and bans.
    Moderator,
    /// An integration with admin access: hides.
    Integration,
    Viewer,
}

impl Rights {
    pub fn of(user: &User) -> Rights {
        let kind = match user {
            user if user.has("MODERATOR") => Kind::Moderator,
            user if user.has("HAS_ADMIN_ACCESS") => Kind::Integration,
            _ => Kind::Viewer,
        };
        Rights { user: user.id.clone(), kind }
    }

    /// What is missing for what the bot should do.
    pub fn lacking(&self, may_ban: bool) -> Vec<String> {
        let hides = "hiding messages: make the token's account a moderator of the chat";
        let bans = "banning: an integration cannot; it takes the token of a moderator of the chat";
        match self.kind {
            Kind::Moderator => Vec::new(),
            Kind::Integration => may_ban.then(|| bans.to_owned()).into_iter().collect(),
            Kind::Viewer => vec![hides.to_owned()],
        }
    }
}

impl Owncast {
    pub async fn done(&self, deed: &Deed) -> Result<(), ActError> {
        let refused = |cause: &str| Err(ActError::Refused(cause.to_owned()));
        let Some(rights) = self.rights() else {
            return Err(ActError::later("the server is not connected"));
        };
        let target = &deed.target;
        match (deed.what, rights.kind) {
            (What::TimeOut { .. }, _) => refused(NO_TIME_OUT),
            (What::Warn, _) => refused("nobody can be warned there"),
            (What::Allow | What::Deny, _) => refused("nothing is held back there"),
            (What::Delete, _) if target.message.is_empty() => refused("there is no message"),
            (What::Ban, _) if target.user.is_empty() => refused("nobody is named"),
            (What::Delete, _) if self.hidden().knows(target.message.as_str()) => {
                Err(ActError::Gone)
            }
            (What::Delete, kind) => {
                let body = json!({ "idArray": [target.message], "visible": false });
                let reply = match kind {
                    Kind::Integration => self.integration("chat/messagevisibility", &body).await?,
                    _ => self.moderator("messagevisibility", &body).await?,
                };
                outcome(&reply)?;
                self.hidden().note(target.message.as_str());
                Ok(())
            }
            (What::Ban, Kind::Integration) => refused("an integration cannot ban"),
            // It hides all that the user said, and bans the addresses that the user is connected
            // from.
            (What::Ban, _) => {
                let body = json!({ "userId": target.user, "enabled": false });
                outcome(&self.moderator("users/setenabled", &body).await?)
            }
        }
    }

    async fn moderator(&self, call: &str, body: &Value) -> Result<Reply, ActError> {
        let token = percent(&self.token.known());
        let url = format!("{}/api/chat/{call}?accessToken={token}", self.url);
        let asked = self.tools.http.call(Method::POST, &url, &HeaderMap::new(), body).await;
        asked.map_err(ActError::later)
    }

    async fn integration(&self, call: &str, body: &Value) -> Result<Reply, ActError> {
        let url = format!("{}/api/integrations/{call}", self.url);
        let mut headers = HeaderMap::new();
        let bearer = HeaderValue::try_from(format!("Bearer {}", self.token.known()));
        headers
            .insert(AUTHORIZATION, bearer.map_err(|cause| ActError::Refused(cause.to_string()))?);
        let asked = self.tools.http.call(Method::POST, &url, &headers, body).await;
        asked.map_err(ActError::later)
    }
}

/// What an answer means. The server says in the body whether it was done; some of its versions say
/// it with status 200 also where it was not.
fn outcome(reply: &Reply) -> Result<(), ActError> {
    let status = reply.status;
    let body: Value = reply.json().unwrap_or_default();
    let said: String =
        body["message"].as_str().unwrap_or_default().chars().take(CAUSE_CHARS_MAX).collect();
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            Err(ActError::Refused("the token does not moderate the chat, or was taken back".into()))
        }
        StatusCode::TOO_MANY_REQUESTS => Err(ActError::Later {
            cause: "the server is asked too often".into(),
            after: Some(reply.retry_after().unwrap_or(Duration::from_secs(1))),
        }),
        status if status.is_server_error() => Err(ActError::Later {
            cause: format!("the server answers {status}"),
            after: reply.retry_after(),
        }),
        status if status.is_success() && body["success"] != json!(false) => Ok(()),
        status => Err(ActError::Refused(format!("the server answers {status}: {said}"))),
    }
}
