//! Judges texts for programs, one or many in a request.

use std::time::Duration;

use axum::{
    Json,
    body::Body,
    extract::State,
    http::{Request, StatusCode},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::{
    Api,
    answer::{self, Answer},
    name::Name,
    problem::Problem,
};
use crate::{
    doors::{Failure, place::unfit, read_json},
    message::{Language, Message, Sender, now_ms},
};

/// How old a message may be that is to count for its channel: history keeps no more …
const PAST_MAX_MS: u64 = 10 * 60 * 1_000;
/// … and how far its clock may be ahead.
const AHEAD_MAX_MS: u64 = 10_000;

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
    /// Without it nobody in particular has said it.
    #[serde(default)]
    user: Name,
    /// Whether it was said in that channel, and counts for what follows; else it is a question.
    #[serde(default)]
    remember: Option<bool>,
    /// When it was said, in Unix seconds; what is not to be remembered is asked about now.
    #[serde(default)]
    ts: Value,
    /// `true`, or the language: the answer says why.
    #[serde(default)]
    explain: Explain,
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
    let limits = &api.doors.config.api;
    let body: Value = read_json(request, limits.body_bytes_max).await?;
    let _place = api.place()?;
    if body.get("messages").is_none() {
        return Ok(Json(api.answer(parse(body)?, known).await?).into_response());
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
        let asked = match Asked::deserialize(message) {
            Ok(asked) => asked,
            Err(error) => return Line::Bad { id, error: error.to_string() },
        };
        match self.answer(asked, known).await {
            Ok(answer) => Line::Judged(answer),
            Err(failure) => Line::Bad { id, error: failure.message },
        }
    }

    /// Whoever is not known cannot be told from others, and must not fill what is remembered.
    async fn answer(&self, asked: Asked, known: bool) -> Result<Answer, Failure> {
        let bytes_max = self.doors.config.limits.message_bytes_max;
        if asked.text.len() > bytes_max {
            return Err(unfit("text", format!("a text may have {bytes_max} bytes")));
        }
        let remember = asked.remember.unwrap_or_default();
        if remember && !known {
            let message = "what is asked without a token is not remembered";
            return Err(Failure::new(StatusCode::UNAUTHORIZED, "token", message));
        }
        let at_ms = if remember { said_ms(&asked.ts, now_ms())? } else { now_ms() };
        let channel = asked.channel.bounded("channel")?;
        let user =
            asked.user.bounded("user").map(|user| if known { user } else { String::new() })?;
        let message = Message {
            route: self.route.clone(),
            channel,
            sender: Sender { id: user.clone(), name: user, roles: Vec::new() },
            id: None,
            text: asked.text,
            at_ms,
            ..Message::default()
        };
        let (pipeline, explain) = (&self.doors.settler.pipeline, asked.explain.language());
        // As long as a chat waits, and no part of what a chat's overload is measured by.
        let wait = Duration::from_millis(self.doors.config.score.score_deadline_ms);
        Ok(answer::judge(pipeline, &message, (remember, wait), asked.id, explain).await)
    }
}

/// When a message was said that is to be remembered: now, unless it says so.
fn said_ms(ts: &Value, now_ms: u64) -> Result<u64, Failure> {
    let at_ms = match ts {
        Value::Null => return Ok(now_ms),
        ts => ts.as_f64().map(|seconds| seconds * 1_000.0),
    };
    let from = now_ms.saturating_sub(PAST_MAX_MS);
    let fits = |at: &f64| (from as f64..=(now_ms + AHEAD_MAX_MS) as f64).contains(at);
    at_ms.filter(fits).map(|at| at as u64).ok_or_else(|| {
        let message = "`ts` is when it was said, in Unix seconds: ten minutes ago at most";
        unfit("ts", message)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_counts_was_said_lately() {
        let now_ms = 1_790_000_000_000;
        for (ts, expected) in [
            (json!(null), Some(now_ms)),
            (json!(1_790_000_000), Some(now_ms)),
            (json!(1_789_999_999.5), Some(now_ms - 500)),
            (json!(1_789_999_400), Some(now_ms - 600_000)),
            (json!(1_789_999_399), None),
            (json!(1_790_000_010), Some(now_ms + 10_000)),
            (json!(1_790_000_011), None),
            (json!(now_ms), None),
            (json!("now"), None),
            (json!(-1), None),
        ] {
            assert_eq!(said_ms(&ts, now_ms).ok(), expected, "{ts}");
        }
    }
}
