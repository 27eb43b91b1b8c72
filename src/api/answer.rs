//! Shapes a judgement as the answer that `tidegate judge` and the API give.

use std::{
    collections::BTreeMap,
    ops::Range,
    time::{Duration, Instant},
};

use serde::Serialize;
use serde_json::Value;

use crate::{
    message::{
        Category, Depth, Finding, Judgement, Language, Message, Score, Scored, Severity, Verdict,
    },
    pipeline::Pipeline,
};

/// The answer for one text.
#[derive(Clone, Debug, Serialize)]
pub struct Answer {
    /// The question's own, whatever it is.
    pub id: Value,
    pub verdict: Verdict,
    pub findings: Vec<AnswerFinding>,
    /// Probability per head, empty without a model or when it was late.
    pub scores: BTreeMap<String, f32>,
    /// In the pipeline alone, to a tenth: a judgement takes a few microseconds.
    pub elapsed_us: f64,
    /// Why, at three depths; where it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub explanation: Option<Explanation>,
}

/// What a sender, a moderator and an auditor are told.
#[derive(Clone, Debug, Serialize)]
pub struct Explanation {
    pub sender: String,
    pub moderator: String,
    pub auditor: String,
}

impl Explanation {
    fn of(judgement: &Judgement, language: Language) -> Explanation {
        Explanation {
            sender: judgement.explain(Depth::Sender, language),
            moderator: judgement.explain(Depth::Moderator, language),
            auditor: judgement.explain(Depth::Auditor, language),
        }
    }
}

#[derive(Clone, Debug, Serialize)]
pub struct AnswerFinding {
    pub rule: String,
    pub category: Category,
    pub severity: Severity,
    /// `[start, end]`: UTF-8 bytes of the original text, end exclusive.
    pub span: Option<[usize; 2]>,
    pub why: String,
    /// Found by a rule that runs in shadow: it changes nothing.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub shadow: bool,
    /// The model's part in it: head, score, threshold and the model's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scored: Option<Scored>,
}

/// Judges as the proxy would, then asks for the score where the policy had no use for it.
///
/// Only what is to be remembered counts from then on as said in that channel, if its sender has an
/// id.
pub async fn judge(
    pipeline: &Pipeline,
    message: &Message,
    (remember, wait): (bool, Duration),
    id: Value,
    explain: Option<Language>,
) -> Answer {
    let started = Instant::now();
    let mut judgement = match remember {
        true => pipeline.judge_within(message, Some(wait)).await,
        false => pipeline.consider(message, Some(wait)).await,
    };
    let took = started.elapsed();
    if judgement.score == Score::Skipped && pipeline.scorer.available() {
        judgement.score = pipeline.score_within(&message.text, Some(wait)).await;
    }
    Answer::of(id, judgement, took, explain)
}

impl Answer {
    pub fn of(
        id: Value,
        judgement: Judgement,
        took: Duration,
        explain: Option<Language>,
    ) -> Answer {
        let explanation = explain.map(|language| Explanation::of(&judgement, language));
        let scores = match &judgement.score {
            Score::Known(scores) => scores.all().map(|(head, p)| (head.to_string(), p)).collect(),
            Score::Late | Score::Skipped => BTreeMap::new(),
        };
        let findings = judgement.findings.into_iter().map(AnswerFinding::of).collect();
        let elapsed_us = (took.as_nanos() / 100) as f64 / 10.0;
        Answer { id, verdict: judgement.verdict, findings, scores, elapsed_us, explanation }
    }
}

impl AnswerFinding {
    pub fn of(finding: Finding) -> AnswerFinding {
        AnswerFinding {
            rule: finding.rule,
            category: finding.category,
            severity: finding.severity,
            span: finding.span.map(|Range { start, end }| [start, end]),
            why: finding.why,
            shadow: finding.shadow,
            scored: finding.scored,
        }
    }
}
