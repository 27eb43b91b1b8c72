//! Answers in the shape of OpenAI's moderations.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use axum::{
    Json,
    body::Body,
    extract::State,
    http::{HeaderName, HeaderValue, Request, StatusCode},
    response::{IntoResponse, Response},
    routing::post,
};
use serde::Serialize;

use super::{
    Api,
    perspective::MODEL_HEADER,
    reading::{self, Late},
    routes::Routes,
};
use crate::{
    accounts::secret,
    doors::{Failure, read_body},
    message::{Finding, Message, Score, Scores, Verdict, now_ms},
};

mod categories;
mod fault;
mod input;

use categories::CATEGORIES;
use fault::Fault;

/// The categories that are always false here, so that nobody takes that for an answer.
const UNSCORED_HEADER: HeaderName = HeaderName::from_static("tidegate-unscored");

pub(super) fn routes(routes: Routes) -> Routes {
    let wrong_method = || async {
        let message = "Only POST is answered here.";
        Fault::from(Failure::new(StatusCode::METHOD_NOT_ALLOWED, "method", message))
    };
    routes.shaped("post", "/v1/moderations", post(moderate).fallback(wrong_method))
}

#[derive(Serialize)]
struct Moderation {
    id: String,
    model: String,
    results: Vec<Moderated>,
}

#[derive(Serialize)]
struct Moderated {
    flagged: bool,
    categories: BTreeMap<&'static str, bool>,
    category_scores: BTreeMap<&'static str, f32>,
    category_applied_input_types: BTreeMap<&'static str, &'static [&'static str]>,
}

async fn moderate(State(api): State<Api>, request: Request<Body>) -> Result<Response, Fault> {
    api.asks(&request).await?;
    let limits = &api.doors.config.api;
    let body = read_body(request, limits.body_bytes_max).await?;
    let _place = api.place()?;
    let body = serde_json::from_slice(&body).map_err(|error| Fault::json(&error))?;
    let bytes_max = api.doors.config.limits.message_bytes_max;
    let texts = input::read(&body, limits.messages_max, bytes_max)?;
    let mut results = Vec::with_capacity(texts.len());
    for text in texts {
        let result = api.moderated(text).await.map_err(|Late| {
            api.doors.settler.metrics.discard("api_score_late");
            Fault::late()
        })?;
        results.push(result);
        // A long request must not keep the chat from the thread.
        tokio::task::yield_now().await;
    }
    let model = reading::model(&api.doors.settler.pipeline);
    let id = format!("modr-{}", secret::fresh());
    let mut response = Json(Moderation { id, model: model.clone(), results }).into_response();
    let unscored = CATEGORIES.iter().filter(|own| !own.is_scored()).map(|own| own.name);
    let unscored = unscored.collect::<Vec<_>>().join(", ");
    for (name, value) in [(MODEL_HEADER, model), (UNSCORED_HEADER, unscored)] {
        if let Ok(value) = HeaderValue::try_from(value) {
            response.headers_mut().insert(name, value);
        }
    }
    Ok(response)
}

impl Api {
    /// The verdict of the policy on what nobody in particular has said, and all scores: of the
    /// whole text and, where it has several, of each sentence.
    async fn moderated(&self, text: String) -> Result<Moderated, Late> {
        let wait = Duration::from_millis(self.doors.config.api.score_wait_ms);
        let until = Instant::now() + wait;
        let mut seen = self.judged(text.clone(), wait).await?;
        for part in reading::parts(&text) {
            let left = until.saturating_duration_since(Instant::now());
            let part = self.judged(text[part].to_owned(), left).await?;
            seen.flagged |= part.flagged;
            seen.findings.extend(part.findings);
            if let (Some(all), Some(scores)) = (&mut seen.scores, part.scores) {
                reading::raise(all, scores)?;
            }
            tokio::task::yield_now().await;
        }
        let rules = self.doors.settler.pipeline.rules.load();
        let policy = rules.policy(&self.route, "");
        let acts = |finding: &&Finding| !finding.shadow && policy.asks(finding) > Verdict::Pass;
        let acted: Vec<&Finding> = seen.findings.iter().filter(acts).collect();
        let score = |own: &categories::Known| own.score(seen.scores.as_ref(), &seen.findings);
        let read: &[&str] = &["text"];
        Ok(Moderated {
            flagged: seen.flagged,
            categories: CATEGORIES.iter().map(|own| (own.name, own.applies(&acted))).collect(),
            category_scores: CATEGORIES.iter().map(|own| (own.name, score(own))).collect(),
            category_applied_input_types: CATEGORIES
                .iter()
                .map(|own| (own.name, if own.is_scored() { read } else { &[] }))
                .collect(),
        })
    }

    async fn judged(&self, text: String, wait: Duration) -> Result<Judged, Late> {
        let pipeline = &self.doors.settler.pipeline;
        let (route, at_ms) = (self.route.clone(), now_ms());
        let message = Message { route, text, at_ms, ..Message::default() };
        let judgement = pipeline.consider(&message, Some(wait)).await;
        let score = match judgement.score {
            // The policy had no use for it; who asks here has.
            Score::Skipped => pipeline.score_within(&message.text, Some(wait)).await,
            score => score,
        };
        let scores = match score {
            Score::Known(scores) => Some(scores),
            Score::Skipped => None,
            Score::Late => return Err(Late),
        };
        let flagged = judgement.verdict > Verdict::Pass;
        Ok(Judged { flagged, findings: judgement.findings, scores })
    }
}

/// What came of judging one text.
struct Judged {
    flagged: bool,
    findings: Vec<Finding>,
    scores: Option<Scores>,
}
