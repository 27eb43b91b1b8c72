//! Answers in the shape of the Perspective API, which its owner switches off at the end of 2026.

use std::{collections::BTreeMap, ops::Range, sync::Arc, time::Duration};

use axum::{
    Json,
    body::Body,
    extract::State,
    http::{HeaderName, HeaderValue, Request, StatusCode},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde::Serialize;
use serde_json::Value;

use super::{
    Api,
    caller::key,
    reading::{self, Late},
    routes::Routes,
    sentences::sentences,
};
use crate::{
    doors::read_body,
    message::{Finding, Scores, offsets::utf16},
};

mod attributes;
mod discovery;
mod fault;
mod fields;
mod language;
mod request;

use fault::Fault;
use language::Languages;
use request::{Analyze, Comment, Suggest, Wanted};

/// A comment of 20 KB, of which JSON may spell each byte in six, and as much context.
const BODY_BYTES_MAX: usize = 256 * 1024;
/// Spans of one answer; the last is all that is left of the text.
const SPANS_MAX: usize = 64;
/// Which model said it: whoever stores scores has to know.
pub(super) const MODEL_HEADER: HeaderName = HeaderName::from_static("tidegate-model");

/// Each path in both spellings of its colon: some libraries encode it.
pub(super) fn routes(routes: Routes) -> Routes {
    let wrong_method = || async {
        let message = "This is answered to POST.";
        Fault::new(StatusCode::METHOD_NOT_ALLOWED, "UNIMPLEMENTED", message)
    };
    let analyzed = || post(analyze).fallback(wrong_method);
    let suggested = || post(suggest).fallback(wrong_method);
    let found = get(discovery::this);
    routes
        .shaped("post", "/v1alpha1/comments:analyze", analyzed())
        .spelt("/v1alpha1/comments%3Aanalyze", analyzed())
        .shaped("post", "/v1alpha1/comments:suggestscore", suggested())
        .spelt("/v1alpha1/comments%3Asuggestscore", suggested())
        .shaped("get", "/$discovery/rest", get(discovery::any))
        .shaped("get", "/discovery/v1/apis/commentanalyzer/v1alpha1/rest", found)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Analyzed {
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    attribute_scores: BTreeMap<String, AttributeScores>,
    languages: Vec<String>,
    detected_languages: Vec<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    client_token: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AttributeScores {
    span_scores: Vec<SpanScore>,
    summary_score: Score,
}

#[derive(Serialize)]
struct SpanScore {
    /// UTF-16 units of the comment as it came.
    begin: usize,
    /// The one after the last.
    end: usize,
    score: Score,
}

#[derive(Clone, Copy, Serialize)]
struct Score {
    value: f32,
    #[serde(rename = "type")]
    kind: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Suggested {
    #[serde(skip_serializing_if = "String::is_empty")]
    client_token: String,
    detected_languages: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    requested_languages: Vec<String>,
}

/// One stretch of the comment, and what is said of it.
struct Span {
    /// Bytes of the text that is read.
    range: Range<usize>,
    scores: Option<Scores>,
}

async fn analyze(State(api): State<Api>, request: Request<Body>) -> Result<Response, Fault> {
    let body = api.body(request).await?;
    let _place = api.place()?;
    let asked = Analyze::read(&body)?;
    let pipeline = &api.doors.settler.pipeline;
    let languages = Languages::of(asked.comment.text(), asked.languages.clone());
    let asked = supported(asked, &languages, pipeline.scorer.available())?;
    let wait = Duration::from_millis(api.doors.config.api.score_wait_ms);
    let read = tokio::time::timeout(wait, api.read(&asked.comment, asked.spans, wait)).await;
    let Ok(Ok((whole, spans))) = read else {
        api.doors.settler.metrics.discard("api_score_late");
        return Err(Fault::late());
    };
    let text = asked.comment.text().to_owned();
    let found = reading::found(pipeline, api.route.clone(), text).await;
    let mut attribute_scores = BTreeMap::new();
    for wanted in &asked.wanted {
        if !wanted.attribute.is_known_to(whole.as_ref()) {
            if asked.drops_unsupported {
                continue;
            }
            return Err(request::unknown(&wanted.name));
        }
        if let Some(scores) = answer(wanted, &asked.comment, whole.as_ref(), &spans, &found) {
            attribute_scores.insert(wanted.name.clone(), scores);
        }
    }
    let Languages { requested, detected, .. } = languages;
    let languages = if requested.is_empty() { detected.clone() } else { requested };
    let client_token = asked.client_token;
    Ok(api.said(Analyzed {
        attribute_scores,
        languages,
        detected_languages: detected,
        client_token,
    }))
}

/// Tells nobody: a suggestion is checked, answered and forgotten.
async fn suggest(State(api): State<Api>, request: Request<Body>) -> Result<Response, Fault> {
    let body = api.body(request).await?;
    let _place = api.place()?;
    let told = Suggest::read(&body)?;
    let Languages { requested, detected, .. } = Languages::of(told.comment.text(), told.languages);
    Ok(api.said(Suggested {
        client_token: told.client_token,
        detected_languages: detected,
        requested_languages: requested,
    }))
}

/// What is asked, without the attributes that cannot be scored in these languages where the
/// request would rather miss them than fail.
fn supported(asked: Analyze, languages: &Languages, model: bool) -> Result<Analyze, Fault> {
    let mut kept = Vec::with_capacity(asked.wanted.len());
    for wanted in asked.wanted {
        match languages.check(&wanted, model) {
            Ok(()) => kept.push(wanted),
            Err(_) if asked.drops_unsupported => {}
            Err(fault) => return Err(fault),
        }
    }
    Ok(Analyze { wanted: kept, ..asked })
}

/// What is answered for one attribute; `None` below the threshold that was asked for.
fn answer(
    wanted: &Wanted,
    comment: &Comment,
    whole: Option<&Scores>,
    spans: &[Span],
    found: &[Finding],
) -> Option<AttributeScores> {
    let score = |value| Score { value, kind: "PROBABILITY" };
    let summary = wanted.attribute.score(whole, found.iter());
    let span_scores = spans.iter().map(|span| {
        let inside = found.iter().filter(|finding| {
            // What has no place is said by all of the text.
            let place = finding.span.as_ref();
            place.is_none_or(|at| at.start < span.range.end && span.range.start < at.end)
        });
        let (begin, end) = comment.units(&span.range);
        let value = wanted.attribute.score(span.scores.as_ref(), inside);
        SpanScore { begin, end, score: score(value) }
    });
    (summary >= wanted.threshold).then(|| AttributeScores {
        span_scores: span_scores.collect(),
        summary_score: score(summary),
    })
}

impl Comment {
    /// A stretch of the text that is read, in UTF-16 units of the comment as it came.
    fn units(&self, range: &Range<usize>) -> (usize, usize) {
        match &self.shown {
            Some(shown) => utf16(&self.original, &shown.place(range.clone())),
            None => utf16(&self.original, range),
        }
    }
}

impl Api {
    /// The body of somebody who may ask.
    async fn body(&self, request: Request<Body>) -> Result<Value, Fault> {
        let keyed = key(&request).is_some();
        self.asks_by_key(&request).await.map_err(|failure| Fault::caller(failure, keyed))?;
        let bytes_max = BODY_BYTES_MAX.min(self.doors.config.api.body_bytes_max);
        let body = read_body(request, bytes_max).await.map_err(|failure| {
            match failure.status == StatusCode::PAYLOAD_TOO_LARGE {
                true => Fault::comment("COMMENT_TOO_LONG", "Comment text too long."),
                false => failure.into(),
            }
        })?;
        serde_json::from_slice(&body)
            .map_err(|error| Fault::payload("", format!("Invalid JSON payload received. {error}")))
    }

    /// The scores of the whole comment, and of each sentence where those are asked for; one span
    /// over all of it where not.
    async fn read(
        &self,
        comment: &Comment,
        by_sentence: bool,
        wait: Duration,
    ) -> Result<(Option<Scores>, Vec<Span>), Late> {
        let (pipeline, text) = (&self.doors.settler.pipeline, comment.text());
        let whole = reading::scores(pipeline, text, wait).await?;
        if !by_sentence {
            let span = Span { range: 0..text.len(), scores: whole.clone() };
            return Ok((whole, vec![span]));
        }
        let mut spans = Vec::new();
        for range in sentences(text, SPANS_MAX) {
            let scores = reading::scores(pipeline, &text[range.clone()], wait).await?;
            let same = |(a, b): (&Scores, &Scores)| Arc::ptr_eq(&a.model, &b.model);
            if !whole.as_ref().zip(scores.as_ref()).is_none_or(same) {
                return Err(Late);
            }
            spans.push(Span { range, scores });
        }
        Ok((whole, spans))
    }

    fn said(&self, answer: impl Serialize) -> Response {
        let mut response = Json(answer).into_response();
        let model = reading::model(&self.doors.settler.pipeline);
        if let Ok(model) = HeaderValue::try_from(model) {
            response.headers_mut().insert(MODEL_HEADER, model);
        }
        response
    }
}
