//! Reads AutoMod rules, as the API gives them: one rule or an array.

use serde::Deserialize;
use serde_json::Value;

use super::{draft::Draft, report::Difference};

#[derive(Deserialize)]
struct Rule {
    #[serde(default)]
    name: String,
    trigger_type: u64,
    #[serde(default)]
    trigger_metadata: Metadata,
    enabled: Option<bool>,
    #[serde(default)]
    exempt_roles: Vec<Value>,
    #[serde(default)]
    exempt_channels: Vec<Value>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Metadata {
    keyword_filter: Vec<String>,
    regex_patterns: Vec<String>,
    allow_list: Vec<String>,
    presets: Vec<u64>,
    mention_total_limit: Option<u64>,
}

/// What a rule looks at, by `trigger_type`.
const KEYWORD: u64 = 1;
const SPAM: u64 = 3;
const KEYWORD_PRESET: u64 = 4;
const MENTION_SPAM: u64 = 5;
const MEMBER_PROFILE: u64 = 6;

/// # Errors
/// The line, column and cause, where the JSON is no rule.
pub(super) fn read(text: &str, draft: &mut Draft) -> Result<(), Vec<String>> {
    let rules = match text.trim_start().starts_with('[') {
        true => serde_json::from_str::<Vec<Rule>>(text),
        false => serde_json::from_str::<Rule>(text).map(|rule| vec![rule]),
    };
    let rules = rules.map_err(|cause| vec![super::json_cause(&cause)])?;
    for (number, rule) in (1..).zip(&rules) {
        let at = format!("rule {number}");
        if rule.enabled == Some(false) {
            draft.report.note(Difference::Off, &at, &rule.name);
        } else {
            take(rule, &at, draft);
        }
    }
    Ok(())
}

fn take(rule: &Rule, at: &str, draft: &mut Draft) {
    let about = &rule.trigger_metadata;
    let mut elsewhere = |what: &str| {
        draft.report.note(Difference::Elsewhere, &format!("{at}, {what}"), &rule.name);
    };
    match rule.trigger_type {
        KEYWORD | KEYWORD_PRESET => {}
        SPAM => return elsewhere("spam: see [policy.NAME.flood]"),
        MENTION_SPAM => {
            let limit = about.mention_total_limit.map_or(String::new(), |n| format!(" of {n}"));
            return elsewhere(&format!("a limit{limit} of mentions: see the rules of a policy"));
        }
        MEMBER_PROFILE => return elsewhere("members' names and profiles, not messages"),
        other => return elsewhere(&format!("trigger_type {other} is unknown")),
    }
    if !rule.exempt_roles.is_empty() {
        elsewhere("exempt_roles: see [policy.NAME] exempt_roles");
    }
    if !rule.exempt_channels.is_empty() {
        elsewhere("exempt_channels: give those a [[route]] with a policy of their own");
    }
    for preset in &about.presets {
        let name = match preset {
            1 => "profanity",
            2 => "sexual content",
            3 => "slurs",
            _ => "unknown",
        };
        draft.report.note(Difference::Preset, at, name);
    }
    for (number, keyword) in (1..).zip(&about.keyword_filter) {
        draft.keyword(keyword, &format!("{at}, keyword {number}"));
    }
    for (number, pattern) in (1..).zip(&about.regex_patterns) {
        draft.regex(pattern, &format!("{at}, regex {number}"));
    }
    for (number, allowed) in (1..).zip(&about.allow_list) {
        draft.allow(allowed, &format!("{at}, allowed {number}"));
    }
}
