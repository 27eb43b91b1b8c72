//! Reads what Perspective's clients ask, and refuses it as Perspective did.

use serde_json::Value;

use super::{attributes::Attribute, fault::Fault, fields::Fields};
use crate::protocol::Spelled;

/// The documented 20 KB.
const TEXT_BYTES_MAX: usize = 20 * 1024;
/// Nobody writes in more, and each is echoed.
const LANGUAGES_MAX: usize = 32;

const ANALYZE: [&str; 10] = [
    "comment",
    "context",
    "requestedAttributes",
    "languages",
    "doNotStore",
    "clientToken",
    "sessionId",
    "communityId",
    "spanAnnotations",
    "dropUnsupportedAttributes",
];
const SUGGEST: [&str; 7] = [
    "comment",
    "context",
    "attributeScores",
    "languages",
    "communityId",
    "clientToken",
    "sessionId",
];
const TEXT_TYPES: [&str; 3] = ["TEXT_TYPE_UNSPECIFIED", "PLAIN_TEXT", "HTML"];
const SCORE_TYPES: [&str; 5] =
    ["SCORE_TYPE_UNSPECIFIED", "PROBABILITY", "STD_DEV_SCORE", "PERCENTILE", "RAW"];

/// A comment as it came and as it is read.
pub(super) struct Comment {
    /// What places are counted in.
    pub original: String,
    /// What a browser shows of it, with the way back; the text itself where it is no HTML.
    pub shown: Option<Spelled>,
}

impl Comment {
    pub fn text(&self) -> &str {
        self.shown.as_ref().map_or(&self.original, |shown| &shown.text)
    }
}

/// An attribute that is asked for.
pub(super) struct Wanted {
    /// As it is written in the request, and in the answer.
    pub name: String,
    pub attribute: &'static Attribute,
    /// A score below it is left out of the answer.
    pub threshold: f32,
}

/// What `comments:analyze` is asked.
pub(super) struct Analyze {
    pub comment: Comment,
    pub wanted: Vec<Wanted>,
    pub languages: Vec<String>,
    pub client_token: String,
    pub spans: bool,
    /// Attributes that cannot be scored are left out of the answer rather than an error.
    pub drops_unsupported: bool,
}

impl Analyze {
    pub fn read(body: &Value) -> Result<Analyze, Fault> {
        let fields = Fields::of(body, "", &ANALYZE)?;
        // Nothing is ever stored, learnt from or told apart by these; they must only be well made.
        fields.flag("doNotStore")?;
        fields.text("sessionId")?;
        fields.text("communityId")?;
        context(&fields)?;
        let drops_unsupported = fields.flag("dropUnsupportedAttributes")?;
        let wanted = wanted(&fields, drops_unsupported)?;
        Ok(Analyze {
            comment: comment(&fields)?,
            wanted,
            languages: languages(&fields)?,
            client_token: fields.text("clientToken")?.to_owned(),
            spans: fields.flag("spanAnnotations")?,
            drops_unsupported,
        })
    }
}

/// What `comments:suggestscore` is told; the scores themselves are read and forgotten.
pub(super) struct Suggest {
    pub comment: Comment,
    pub languages: Vec<String>,
    pub client_token: String,
}

impl Suggest {
    pub fn read(body: &Value) -> Result<Suggest, Fault> {
        let fields = Fields::of(body, "", &SUGGEST)?;
        fields.text("sessionId")?;
        fields.text("communityId")?;
        context(&fields)?;
        suggested(&fields)?;
        Ok(Suggest {
            comment: comment(&fields)?,
            languages: languages(&fields)?,
            client_token: fields.text("clientToken")?.to_owned(),
        })
    }
}

fn comment(fields: &Fields) -> Result<Comment, Fault> {
    let empty = || Fault::comment("COMMENT_EMPTY", "Comment must be non-empty.");
    let value = fields.value("comment").ok_or_else(empty)?;
    let (text, kind) = entry(value, "comment")?;
    if text.len() > TEXT_BYTES_MAX {
        return Err(Fault::comment("COMMENT_TOO_LONG", "Comment text too long."));
    }
    let shown = (kind == "HTML").then(|| Spelled::plain(text, 0).shown());
    let comment = Comment { original: text.to_owned(), shown };
    if comment.text().trim().is_empty() {
        return Err(empty());
    }
    Ok(comment)
}

/// A text and its type.
fn entry<'a>(value: &'a Value, at: &str) -> Result<(&'a str, &'static str), Fault> {
    let fields = Fields::of(value, at, &["text", "type"])?;
    let kind = "google.commentanalyzer.v1alpha1.TextEntry.TextType";
    Ok((fields.text("text")?, fields.choice("type", kind, &TEXT_TYPES)?))
}

/// The context is checked and not read: a message is judged by what it says.
fn context(fields: &Fields) -> Result<(), Fault> {
    let Some(value) = fields.value("context") else { return Ok(()) };
    let context = Fields::of(value, "context", &["entries", "articleAndParentComment"])?;
    let entries = context.list("entries")?;
    for (at, value) in entries.iter().enumerate() {
        entry(value, &format!("context.entries[{at}]"))?;
    }
    let Some(value) = context.value("articleAndParentComment") else { return Ok(()) };
    let at = context.path("articleAndParentComment");
    let both = Fields::of(value, &at, &["article", "parentComment"])?;
    for name in ["article", "parentComment"] {
        if let Some(value) = both.value(name) {
            entry(value, &both.path(name))?;
        }
    }
    if !entries.is_empty() {
        return Err(Fault::request(
            "Context can have either entries or article_and_parent_comment, but both fields were \
             populated.",
        ));
    }
    Ok(())
}

fn wanted(fields: &Fields, drops_unsupported: bool) -> Result<Vec<Wanted>, Fault> {
    let map = fields.map("requestedAttributes")?.filter(|map| !map.is_empty());
    let map = map
        .ok_or_else(|| Fault::comment("NO_REQUESTED_ATTRIBUTES", "Missing requested_attributes"))?;
    let mut wanted = Vec::with_capacity(map.len().min(32));
    for (name, value) in map {
        let at = format!("requestedAttributes[{}]", brief(name));
        // An attribute without parameters is as good as one with an empty object.
        let empty = Value::Object(serde_json::Map::new());
        let value = if value.is_null() { &empty } else { value };
        let own = Fields::of(value, &at, &["scoreType", "scoreThreshold"])?;
        let threshold = own.number("scoreThreshold")?.unwrap_or(f64::MIN) as f32;
        let kind = "google.commentanalyzer.v1alpha1.AttributeParameters.ScoreType";
        let score_type = own.choice("scoreType", kind, &SCORE_TYPES)?;
        let Some(attribute) = Attribute::named(name) else {
            if drops_unsupported {
                continue;
            }
            return Err(unknown(name));
        };
        if !matches!(score_type, "SCORE_TYPE_UNSPECIFIED" | "PROBABILITY") {
            return Err(Fault::request(format!(
                "Requested score type {score_type} is not supported by attribute {name}"
            )));
        }
        wanted.push(Wanted { name: name.clone(), attribute, threshold });
    }
    Ok(wanted)
}

pub(super) fn unknown(name: &str) -> Fault {
    Fault::request(format!("Unknown requested attribute: {}", brief(name)))
}

/// Scores that somebody thinks right: checked, so that a client with a mistake hears of it.
fn suggested(fields: &Fields) -> Result<(), Fault> {
    let map = fields.map("attributeScores")?.filter(|map| !map.is_empty());
    let map = map.ok_or_else(|| Fault::request("Missing attribute_scores"))?;
    for (name, value) in map {
        let at = format!("attributeScores[{}]", brief(name));
        let own = Fields::of(value, &at, &["summaryScore", "spanScores"])?;
        if let Some(value) = own.value("summaryScore") {
            score(value, &own.path("summaryScore"))?;
        }
        for (index, value) in own.list("spanScores")?.iter().enumerate() {
            let at = format!("{}[{index}]", own.path("spanScores"));
            let span = Fields::of(value, &at, &["begin", "end", "score"])?;
            span.number("begin")?;
            span.number("end")?;
            if let Some(value) = span.value("score") {
                score(value, &span.path("score"))?;
            }
        }
        if Attribute::named(name).is_none() {
            return Err(unknown(name));
        }
    }
    Ok(())
}

fn score(value: &Value, at: &str) -> Result<(), Fault> {
    let fields = Fields::of(value, at, &["value", "type"])?;
    fields.number("value")?;
    let kind = "google.commentanalyzer.v1alpha1.ScoreType";
    fields.choice("type", kind, &SCORE_TYPES).map(drop)
}

fn languages(fields: &Fields) -> Result<Vec<String>, Fault> {
    let languages = fields.texts("languages")?;
    if languages.len() > LANGUAGES_MAX {
        return Err(Fault::request(format!("More than {LANGUAGES_MAX} languages")));
    }
    let tag = |language: &String| {
        (1..=35).contains(&language.len())
            && language.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    match languages.iter().find(|language| !tag(language)) {
        Some(bad) => Err(Fault::request(format!("Not a language code: {}", brief(bad)))),
        None => Ok(languages),
    }
}

/// What a client wrote, harmless in a log and no longer than a line.
fn brief(name: &str) -> String {
    name.chars().take(64).flat_map(char::escape_default).collect()
}
