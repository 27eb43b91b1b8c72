//! Serves the description of this API: OpenAPI 3.1, put together from its parts.

use std::sync::LazyLock;

use axum::{
    body::Bytes,
    http::{HeaderName, HeaderValue, header},
};
use serde_json::{Value, json};

/// Its parts, each a document of its own. One more is one line.
const PARTS: [&str; 10] = [
    include_str!("openapi/common.json"),
    include_str!("openapi/judge.json"),
    include_str!("openapi/holds.json"),
    include_str!("openapi/appeals.json"),
    include_str!("openapi/stream.json"),
    include_str!("openapi/hook.json"),
    include_str!("openapi/senders.json"),
    include_str!("openapi/decrees.json"),
    include_str!("openapi/perspective.json"),
    include_str!("openapi/openai.json"),
];

static DOCUMENT: LazyLock<Bytes> = LazyLock::new(|| document().to_string().into());

/// `GET /v1/openapi.json`; it says nothing of this Tidegate that its version does not.
pub async fn openapi() -> ([(HeaderName, HeaderValue); 2], Bytes) {
    let json = HeaderValue::from_static("application/json");
    // A day old is no harm, an hour spares the question.
    let cached = HeaderValue::from_static("public, max-age=3600");
    ([(header::CONTENT_TYPE, json), (header::CACHE_CONTROL, cached)], DOCUMENT.clone())
}

/// The whole description.
pub fn document() -> Value {
    let mut all = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Tidegate",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "Verdicts on chat messages, what is held, and what was decided.",
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
        },
        "servers": [{ "url": "/", "description": "The port of the console, 7401 unless set." }],
        "paths": {},
        "components": {},
    });
    for part in PARTS {
        let part: Value =
            serde_json::from_str(part).expect("the parts are JSON, which a test sees");
        for member in ["paths", "components"] {
            merge(&mut all[member], &part[member]);
        }
    }
    all
}

/// Adds what is not there yet, at every depth; a test sees that no two parts differ.
fn merge(all: &mut Value, part: &Value) {
    let (Value::Object(all), Value::Object(part)) = (all, part) else { return };
    for (name, value) in part {
        match all.get_mut(name) {
            Some(own) => merge(own, value),
            None => _ = all.insert(name.clone(), value.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each part is whole in the document: none overrides what another says.
    #[test]
    fn no_two_parts_say_different_things() {
        let all = document();
        for part in PARTS {
            let part: Value = serde_json::from_str(part).expect("JSON");
            assert_eq!(part["openapi"], "3.1.0");
            for member in ["paths", "components"] {
                check(member, &all[member], &part[member]);
            }
        }
    }

    fn check(at: &str, all: &Value, part: &Value) {
        match (all, part) {
            (Value::Object(all), Value::Object(part)) => {
                for (name, own) in part {
                    check(&format!("{at}/{name}"), &all[name], own);
                }
            }
            (_, Value::Null) => {}
            _ => assert_eq!(all, part, "{at}"),
        }
    }

    /// A method of a path is described once, or two parts would be mixed.
    #[test]
    fn nothing_is_described_twice() {
        let mut seen = std::collections::BTreeSet::new();
        for part in PARTS {
            let part: Value = serde_json::from_str(part).expect("JSON");
            for (path, methods) in part["paths"].as_object().into_iter().flatten() {
                for method in methods.as_object().into_iter().flatten() {
                    assert!(seen.insert((path.clone(), method.0.clone())), "{path}");
                }
            }
        }
        assert!(seen.len() > 10);
    }
}
