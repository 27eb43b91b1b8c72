//! Words what is to become of a message for the server that asked.

use std::ops::Range;

use serde_json::{Value, json};

use super::{
    super::{answer::AnswerFinding, name::Name},
    is_final,
};
use crate::{
    audit::Event,
    hold::{Hold, State},
    message::{Fate, Message},
    protocol::{Notice, NoticeKind},
    settle::{Ruled, Settler},
};

/// What was judged of a message, kept for whoever asks again; of texts only what a mask made.
#[derive(Debug)]
pub struct Answered {
    action: &'static str,
    /// The masked text.
    text: Option<String>,
    decision: Option<String>,
    /// The rule that its sender is told; empty where nothing was done.
    reason: String,
    findings: Vec<AnswerFinding>,
    notices: Vec<Notice>,
}

impl Answered {
    pub fn of(message: &Message, ruled: Ruled) -> Answered {
        let Ruled { outcome, judgement, id, .. } = ruled;
        let (action, text) = match &outcome.fate {
            _ if outcome.held.is_some() => ("hold", None),
            Fate::Keep => ("pass", None),
            Fate::Mask(spans) => ("mask", Some(masked(&message.text, spans))),
            Fate::Remove => ("drop", None),
        };
        let reason = match action {
            "pass" => String::new(),
            _ => judgement.grounds.rule().to_owned(),
        };
        let findings = judgement.findings.into_iter().map(AnswerFinding::of).collect();
        Answered { action, text, decision: id, reason, findings, notices: outcome.notices }
    }

    /// The id of a message that was held.
    pub fn held(&self) -> Option<&str> {
        self.decision.as_deref().filter(|_| self.action == "hold")
    }

    pub fn json(&self, id: &Name) -> Value {
        json!({
            "id": id,
            "action": self.action,
            "text": self.text,
            "decision": self.decision,
            "reason": self.reason,
            "findings": self.findings,
            "notices": told(&self.notices),
        })
    }

    /// The same for a message that was held and ended so long ago that only the log knows how.
    pub async fn json_of_old(&self, id: &Name, settler: &Settler) -> Value {
        let records = settler.audit.find(self.held().unwrap_or_default()).await;
        // A log that does not answer publishes nothing.
        let mut ends =
            records.unwrap_or_default().into_iter().filter_map(|record| match record.event {
                Event::Decided { state, .. } => Some(state),
                _ => None,
            });
        let state = ends.next_back().unwrap_or_else(|| "ended".to_owned());
        let mut answer = self.json(id);
        answer["action"] = if state == "released" { "pass" } else { "drop" }.into();
        answer["state"] = state.into();
        answer
    }

    /// The same for a message that was held, as it is by now.
    pub fn json_as(&self, id: &Name, settler: &Settler, hold: &Hold) -> Value {
        let mut answer = self.json(id);
        answer["expires_ms"] = hold.expires_ms.into();
        // What may still be taken back is not told yet.
        if !is_final(hold, settler.holds.now_ms()) {
            answer["state"] = json!(State::Held);
            return answer;
        }
        answer["state"] = json!(hold.state);
        let (action, kind) = match hold.state {
            State::Released => ("pass", NoticeKind::Released),
            State::Denied => ("drop", NoticeKind::Denied),
            _ => ("drop", NoticeKind::Expired),
        };
        answer["action"] = action.into();
        // Whoever took it back knows.
        let notice = settler.notice_of(hold, kind).1.filter(|_| hold.state != State::Withdrawn);
        answer["notices"] = told(notice.as_slice());
        answer
    }
}

fn told(notices: &[Notice]) -> Value {
    let one = |notice: &Notice| json!({ "kind": notice.kind.name(), "text": notice.text() });
    notices.iter().map(one).collect()
}

/// Each character of the spans as one star; they are sorted and lie on character boundaries.
fn masked(text: &str, spans: &[Range<usize>]) -> String {
    let hidden = |at: usize| spans.iter().any(|span| span.contains(&at));
    text.char_indices().map(|(at, c)| if hidden(at) { '*' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_has_a_star_for_each_character() {
        let spans = |all: &[(usize, usize)]| all.iter().map(|(a, b)| *a..*b).collect::<Vec<_>>();
        for (text, hidden, expected) in [
            ("a blorp b", spans(&[(2, 7)]), "a ***** b"),
            ("é🎈x", spans(&[(0, 2), (2, 6)]), "**x"),
            ("abc", spans(&[]), "abc"),
        ] {
            assert_eq!(masked(text, &hidden), expected);
        }
    }
}
