//! Reads what is to be moderated: one text, several, or one in parts.

use serde_json::Value;

use super::fault::Fault;

/// What stands between the parts of one text.
const BETWEEN: &str = "\n";

/// The texts to judge, one result each.
pub(super) fn read(body: &Value, texts_max: usize, bytes_max: usize) -> Result<Vec<String>, Fault> {
    let Some(object) = body.as_object() else {
        return Err(wrong("input", "the body must be an object with an `input`"));
    };
    if let Some(key) = object.keys().find(|key| !matches!(key.as_str(), "input" | "model")) {
        let key: String = key.chars().take(64).flat_map(char::escape_default).collect();
        let message = format!("Unknown parameter: '{key}'.");
        return Err(Fault::param(key, "unknown_parameter", message));
    }
    // Whatever model is asked for, the one that is here answers, and says so.
    if object.get("model").is_some_and(|model| !model.is_string() && !model.is_null()) {
        return Err(wrong("model", "expected a string"));
    }
    let texts = match object.get("input") {
        None | Some(Value::Null) => {
            let message = "Missing required parameter: 'input'.";
            return Err(Fault::param("input", "missing_required_parameter", message));
        }
        Some(Value::String(text)) => vec![text.clone()],
        Some(Value::Array(items)) if items.is_empty() => {
            return Err(wrong("input", "expected an array with at least one item"));
        }
        Some(Value::Array(items)) if items.len() > texts_max => {
            let message = format!("expected an array with at most {texts_max} items");
            return Err(wrong("input", &message));
        }
        Some(Value::Array(items)) if items.iter().all(Value::is_string) => {
            items.iter().filter_map(Value::as_str).map(str::to_owned).collect()
        }
        Some(Value::Array(items)) => vec![parts(items)?],
        Some(_) => return Err(wrong("input", "expected a string or an array")),
    };
    match texts.iter().find(|text| text.len() > bytes_max) {
        Some(_) => {
            let message = format!("a text may have at most {bytes_max} bytes");
            Err(Fault::param(
                "input",
                "string_above_max_length",
                format!("Invalid 'input': {message}."),
            ))
        }
        None => Ok(texts),
    }
}

/// The parts of one text, put together: a word may be split between them.
fn parts(items: &[Value]) -> Result<String, Fault> {
    let mut texts = Vec::with_capacity(items.len());
    for (at, item) in items.iter().enumerate() {
        let kind = item.get("type").and_then(Value::as_str);
        match (kind, item.get("text").and_then(Value::as_str)) {
            (Some("text"), Some(text)) => texts.push(text),
            (Some("image_url"), _) => {
                let message = "Tidegate reads text alone: a picture cannot be judged here, and is \
                    not passed over in silence. Send the text without it.";
                let param = format!("input[{at}].type");
                return Err(Fault::param(param, "unsupported_input_type", message));
            }
            (Some("text"), None) => {
                let param = format!("input[{at}].text");
                let message = format!("Missing required parameter: '{param}'.");
                return Err(Fault::param(param, "missing_required_parameter", message));
            }
            _ => {
                let message = "expected only strings, or only parts of the type text";
                return Err(wrong(&format!("input[{at}]"), message));
            }
        }
    }
    Ok(texts.join(BETWEEN))
}

fn wrong(param: &str, cause: &str) -> Fault {
    Fault::param(param, "invalid_type", format!("Invalid value for '{param}': {cause}."))
}
