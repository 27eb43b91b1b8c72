//! Reads blocked terms: one a line, or the JSON that Helix answers.

use serde::Deserialize;

use super::{draft::Draft, report::Difference};

/// `GET /moderation/blocked_terms`; other keys say nothing about matching.
#[derive(Deserialize)]
struct Answer {
    data: Vec<Term>,
}

#[derive(Deserialize)]
struct Term {
    text: String,
    expires_at: Option<String>,
}

/// # Errors
/// The line, column and cause, where JSON is not such an answer.
pub(super) fn read(text: &str, draft: &mut Draft) -> Result<(), Vec<String>> {
    if !text.trim_start().starts_with(['{', '[']) {
        for (number, line) in (1..).zip(text.lines()) {
            if !line.trim().is_empty() {
                draft.keyword(line.trim(), &format!("line {number}"));
            }
        }
        return Ok(());
    }
    let terms = match text.trim_start().starts_with('{') {
        true => serde_json::from_str::<Answer>(text).map(|answer| answer.data),
        false => serde_json::from_str::<Vec<Term>>(text),
    };
    let terms = terms.map_err(|cause| vec![super::json_cause(&cause)])?;
    for (number, term) in (1..).zip(&terms) {
        let at = format!("term {number}");
        draft.keyword(&term.text, &at);
        if term.expires_at.as_ref().is_some_and(|at| !at.is_empty()) {
            draft.report.note(Difference::Expires, &at, &term.text);
        }
    }
    Ok(())
}
