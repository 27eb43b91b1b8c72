//! Judges texts for programs, one or many in a request.

use axum::{
    Json,
    body::Body,
    extract::State,
    http::{Request, StatusCode},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Number, Value, json};

use super::{
    Api,
    answer::{self, Answer},
    problem::Problem,
};
use crate::{
    doors::{Failure, read_json},
    message::{Language, Message, Sender, now_ms},
};

/// Several messages; without `messages` a body is one. Unknown keys are ignored: the same objects
/// fit `tidegate judge`.
#[derive(Deserialize)]
struct Several {
    messages: Vec<Value>,
}

#[derive(Deserialize)]
struct Asked {
    /// Echoed as it came.
    #[serde(default)]
    id: Value,
    text: String,
    /// Told apart for what is remembered of a sender.
    #[serde(default)]
    channel: Name,
    /// Without it the message leaves no trace and knows of none.
    #[serde(default)]
    user: Name,
    /// `true`, or the language: the answer says why.
    #[serde(default)]
    explain: Explain,
}

/// A name that is given as a string or, as ids often are, as a number.
#[derive(Default, Deserialize)]
#[serde(untagged)]
enum Name {
    Text(String),
    Number(Number),
    #[default]
    Unsaid,
}

impl Name {
    fn plain(self) -> String {
        match self {
            Name::Text(text) => text,
            Name::Number(number) => number.to_string(),
            Name::Unsaid => String::new(),
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(untagged)]
enum Explain {
    In(Language),
    Yes(bool),
    #[default]
    Unsaid,
}

impl Explain {
    fn language(&self) -> Option<Language> {
        match self {
            Explain::In(language) => Some(*language),
            Explain::Yes(true) => Some(Language::default()),
            Explain::Yes(false) | Explain::Unsaid => None,
        }
    }
}

#[derive(Serialize)]
#[serde(untagged)]
enum Line {
    Judged(Answer),
    Bad { id: Value, error: String },
}

pub async fn judge(State(api): State<Api>, request: Request<Body>) -> Result<Response, Problem> {
    let known = api.asks(&request).await?.is_known();
    let _place = api.place()?;
    let limits = &api.doors.config.api;
    let body: Value = read_json(request, limits.body_bytes_max).await?;
    if body.get("messages").is_none() {
        return match api.line(parse(body)?, known).await {
            Line::Judged(answer) => Ok(Json(answer).into_response()),
            Line::Bad { error, .. } => {
                Err(Failure::new(StatusCode::UNPROCESSABLE_ENTITY, "text", error).into())
            }
        };
    }
    let Several { messages } = parse(body)?;
    if messages.len() > limits.messages_max {
        let message = format!("{} messages are the most in one request", limits.messages_max);
        return Err(Failure::new(StatusCode::PAYLOAD_TOO_LARGE, "too_many", message).into());
    }
    let mut lines = Vec::with_capacity(messages.len());
    let together = api.together();
    for some in messages.chunks(together.max(1)) {
        if together > 1 {
            api.foresee(some.iter().filter_map(|message| text_of(&api, message)).collect()).await;
        }
        for message in some {
            lines.push(api.line_of(message, known).await);
            // A long request must not keep the chat from the thread.
            tokio::task::yield_now().await;
        }
    }
    Ok(Json(json!({ "messages": lines })).into_response())
}

/// The text of a line that will be judged.
fn text_of(api: &Api, message: &Value) -> Option<String> {
    let bytes_max = api.doors.config.limits.message_bytes_max;
    message.get("text")?.as_str().filter(|text| text.len() <= bytes_max).map(str::to_owned)
}

fn parse<T: DeserializeOwned>(body: Value) -> Result<T, Failure> {
    serde_json::from_value(body)
        .map_err(|error| Failure::new(StatusCode::BAD_REQUEST, "json", error.to_string()))
}

impl Api {
    /// A bad line gets an answer of its own; the others are judged all the same.
    async fn line_of(&self, message: &Value, known: bool) -> Line {
        let id = message.get("id").cloned().unwrap_or_default();
        match Asked::deserialize(message) {
            Ok(asked) => self.line(asked, known).await,
            Err(error) => Line::Bad { id, error: error.to_string() },
        }
    }

    /// Whoever is not known cannot be told from others, and must not fill what is remembered.
    async fn line(&self, asked: Asked, known: bool) -> Line {
        let bytes_max = self.doors.config.limits.message_bytes_max;
        if asked.text.len() > bytes_max {
            let error = format!("a text may have {bytes_max} bytes");
            return Line::Bad { id: asked.id, error };
        }
        let user = if known { asked.user.plain() } else { String::new() };
        let message = Message {
            route: self.route.clone(),
            channel: asked.channel.plain(),
            sender: Sender { id: user.clone(), name: user, roles: Vec::new() },
            id: None,
            text: asked.text,
            at_ms: now_ms(),
            ..Message::default()
        };
        let (pipeline, explain) = (&self.doors.settler.pipeline, asked.explain.language());
        Line::Judged(answer::judge(pipeline, &message, asked.id, explain).await)
    }
}
