//! Tries what is refused, in the shapes that each client knows, and who needs no key.

use std::sync::{
    Arc, Mutex,
    mpsc::{Receiver, channel},
};

use serde_json::{Value, json};
use tidegate::{
    config::{Keyless, ScoreConfig},
    message::ModelCard,
    metrics::Metrics,
    score::{About, Model, Scorer},
};

use crate::{
    analyze, ask,
    house::{house, house_with},
    local,
};

fn comment(text: &str) -> Value {
    json!({ "comment": { "text": text }, "requestedAttributes": { "TOXICITY": {} } })
}

type Refused = (Value, &'static str, &'static str);

fn with(key: &str, value: Value) -> Value {
    let mut body = comment("gg");
    body[key] = value;
    body
}

/// What is wrong with the comment, or with what is asked of it.
fn wrong_comments() -> Vec<Refused> {
    let swedish = "jag tycker mycket om den här kanalen och alla som är här varje kväll";
    let both = json!({ "entries": [{ "text": "a" }], "articleAndParentComment": {} });
    let long = "a".repeat(20 * 1024 + 1);
    vec![
        (comment(""), "COMMENT_EMPTY", "Comment must be non-empty."),
        (comment(" \n "), "COMMENT_EMPTY", "Comment must be non-empty."),
        (json!({ "requestedAttributes": { "THREAT": {} } }), "COMMENT_EMPTY", "Comment must be"),
        (comment(&long), "COMMENT_TOO_LONG", "Comment text too long."),
        (comment(&"a".repeat(400_000)), "COMMENT_TOO_LONG", "Comment text too long."),
        (json!({ "comment": { "text": "gg" } }), "NO_REQUESTED_ATTRIBUTES", "Missing requested_"),
        (with("requestedAttributes", json!({})), "NO_REQUESTED_ATTRIBUTES", "Missing requested_"),
        (
            with("requestedAttributes", json!({ "FLIRTATION": {} })),
            "INVALID_REQUEST",
            "Unknown requested attribute: FLIRTATION",
        ),
        (
            with("requestedAttributes", json!({ "TOXICITY": { "scoreType": "RAW" } })),
            "INVALID_REQUEST",
            "Requested score type RAW is not supported by attribute TOXICITY",
        ),
        (with("context", both), "INVALID_REQUEST", "Context can have either entries or article"),
        (
            with("languages", json!(["sv", "hi-Latn"])),
            "LANGUAGE_NOT_SUPPORTED_BY_ATTRIBUTE",
            "Attribute TOXICITY does not support request languages: sv, hi-Latn",
        ),
        (
            comment(swedish),
            "LANGUAGE_NOT_SUPPORTED_BY_ATTRIBUTE",
            "Attribute TOXICITY does not support request languages: sv",
        ),
    ]
}

/// What is no request at all.
fn wrong_payloads() -> Vec<Refused> {
    vec![
        (with("foo", json!(1)), "", "Unknown name \"foo\": Cannot find field."),
        (
            with("comment", json!({ "text": "gg", "kind": 1 })),
            "",
            "Unknown name \"kind\" at 'comment': Cannot find field.",
        ),
        (
            with("comment", json!({ "text": 5 })),
            "",
            "Invalid value at 'comment.text' (TYPE_STRING), 5",
        ),
        (with("comment", json!("gg")), "", "Invalid value at 'comment'"),
        (
            with("comment", json!({ "text": "gg", "type": "XML" })),
            "",
            "Invalid value at 'comment.type'",
        ),
        (with("languages", json!([1])), "", "Invalid value at 'languages[0]'"),
        (with("spanAnnotations", json!("yes")), "", "Invalid value at 'spanAnnotations'"),
        (json!([1]), "", "Invalid value"),
    ]
}

#[tokio::test]
async fn bad_requests_are_refused_as_they_were() {
    let house = house(|_| {}).await;
    let limit = "a ".repeat(10 * 1024);
    for (body, kind, message) in wrong_comments().into_iter().chain(wrong_payloads()) {
        let answer = analyze(&house, &body).await;
        let error = answer.json()["error"].clone();
        assert_eq!((answer.status, &error["code"]), (400, &json!(400)), "{message}: {error}");
        assert_eq!(error["status"], "INVALID_ARGUMENT");
        let said = error["message"].as_str().unwrap_or_default();
        assert!(said.contains(message), "{message}: {error}");
        let detail = &error["details"][0];
        match kind {
            "" => assert!(detail["fieldViolations"][0]["description"].is_string(), "{error}"),
            kind => assert_eq!(detail["errorType"], kind, "{error}"),
        }
        if kind == "LANGUAGE_NOT_SUPPORTED_BY_ATTRIBUTE" {
            let detail = &detail["languageNotSupportedByAttributeError"];
            assert_eq!(detail["attribute"], "TOXICITY");
            let named = detail.get("requestedLanguages").is_some();
            assert!(named != detail.get("detectedLanguages").is_some(), "{detail}");
        }
    }
    let full = analyze(&house, &comment(&limit)).await;
    assert_eq!(full.status, 200, "{}", full.body);
    let mut drops = with("requestedAttributes", json!({ "FLIRTATION": {}, "TOXICITY": {} }));
    drops["dropUnsupportedAttributes"] = json!(true);
    let answer = analyze(&house, &drops).await.json();
    let kept = answer["attributeScores"].as_object().map(|map| map.len());
    assert_eq!(kept, Some(1), "{answer}");
}

#[tokio::test]
async fn keys_are_tokens_in_any_of_their_places() {
    let house = house(|_| {}).await;
    let path = "/v1alpha1/comments:analyze";
    let body = comment("gg").to_string();
    let (token, host) = (house.token.as_str(), ("host", "x"));
    let bearer = format!("Bearer {token}");
    let by_key = format!("{path}?alt=json&key={token}");
    let encoded = format!("/v1alpha1/comments%3Aanalyze?key={token}");
    for (path, headers, status, reason) in [
        (by_key.as_str(), vec![host], 200, ""),
        (&encoded, vec![host], 200, ""),
        (path, vec![host, ("authorization", &bearer)], 200, ""),
        (path, vec![host, ("x-goog-api-key", token)], 200, ""),
        (path, vec![host], 403, "PERMISSION_DENIED"),
        ("/v1alpha1/comments:analyze?key=guess", vec![host], 400, "INVALID_ARGUMENT"),
        (path, vec![host, ("x-goog-api-key", "guess")], 400, "INVALID_ARGUMENT"),
    ] {
        let answer = ask(&house, path, &headers, &body).await;
        assert_eq!(answer.status, status, "{path} {}", answer.body);
        if status != 200 {
            let error = &answer.json()["error"];
            assert_eq!(error["status"], reason, "{error}");
            let invalid = error["details"][0]["reason"] == "API_KEY_INVALID";
            assert_eq!(invalid, status == 400, "{error}");
        }
    }
    let broken = ask(&house, &by_key, &[host], "{\"comment\":").await;
    assert_eq!(
        (broken.status, &broken.json()["error"]["status"]),
        (400, &json!("INVALID_ARGUMENT"))
    );
    let get = crate::raw(house.console, &crate::request("GET", path, &[host], "")).await;
    assert_eq!((get.status, &get.json()["error"]["code"]), (405, &json!(405)));
}

#[tokio::test]
async fn programs_here_need_no_key_where_the_settings_say_so() {
    let judge = r#"{"text":"hello there","user":"u1"}"#;
    let moderate = r#"{"input":"hello there"}"#;
    let analyze = comment("hello there").to_string();
    let paths = [
        ("/v1/judge", judge),
        ("/v1/moderations", moderate),
        ("/v1alpha1/comments:analyze", analyze.as_str()),
        ("/v1alpha1/comments:analyze?key=any", analyze.as_str()),
    ];
    for (keyless, good) in [(Keyless::Loopback, true), (Keyless::Never, false)] {
        let house = house(|config| config.api.keyless = keyless).await;
        let own = local(&house);
        for (path, body) in paths {
            let kind = ("content-type", "application/json");
            for (headers, expected) in [
                (vec![("host", own.as_str()), kind], true),
                (vec![("host", own.as_str()), kind, ("authorization", "Bearer any")], true),
                (vec![("host", own.as_str()), kind, ("origin", "http://localhost:3000")], true),
                (vec![("host", "tidegate.internal"), kind], false),
                (vec![("host", own.as_str()), kind, ("origin", "https://evil.example")], false),
                (vec![("host", own.as_str()), kind, ("x-forwarded-for", "192.0.2.7")], false),
            ] {
                let answer = ask(&house, path, &headers, body).await;
                assert_eq!(answer.status == 200, good && expected, "{path} {headers:?}");
            }
        }
        // Nobody knows who it was, so that nothing is remembered, and whoever asks for it is told.
        let kind = ("content-type", "application/json");
        let judge = r#"{"text":"hello there","user":"u1","remember":true}"#;
        let answer = ask(&house, "/v1/judge", &[("host", own.as_str()), kind], judge).await;
        assert_eq!((answer.status, &answer.json()["error"]), (401, &json!("token")));
        assert_eq!(house.doors.settler.pipeline.history.senders(), 0);
    }
}

/// A model that answers when it is told to.
struct Slow {
    about: About,
    card: Arc<ModelCard>,
    go: Mutex<Receiver<()>>,
}

impl Model for Slow {
    fn about(&self) -> &About {
        &self.about
    }

    fn card(&self) -> &Arc<ModelCard> {
        &self.card
    }

    fn score(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, String> {
        let go = self.go.lock().map_err(|_| "the test has ended")?;
        go.recv().map_err(|_| "the test has ended")?;
        Ok(texts.iter().map(|_| vec![0.25]).collect())
    }
}

#[tokio::test]
async fn a_late_model_is_never_a_zero() {
    let (go, waits) = channel();
    let card = ModelCard { heads: vec!["toxic".into()], ..ModelCard::default() };
    let about = About {
        name: "blorp".into(),
        id: "0123456789ab".into(),
        runtime: "none",
        version: "1".into(),
        library: None,
    };
    let model = Slow { about, card: Arc::new(card), go: Mutex::new(waits) };
    // The chat's deadline is far shorter than what these clients wait.
    let config = ScoreConfig { score_deadline_ms: 1, ..ScoreConfig::default() };
    let scorer = Scorer::start(Arc::new(model), &config, Arc::new(Metrics::new()));
    let late = house_with(scorer.clone(), |config| config.api.score_wait_ms = 20).await;
    let answer = analyze(&late, &comment("gg")).await;
    assert_eq!((answer.status, &answer.json()["error"]["status"]), (503, &json!("UNAVAILABLE")));
    assert_eq!(answer.header("retry-after"), Some("1"));
    let bearer = format!("Bearer {}", late.token);
    let headers = [("host", "x"), ("authorization", bearer.as_str())];
    let answer = ask(&late, "/v1/moderations", &headers, r#"{"input":"gg"}"#).await;
    assert_eq!((answer.status, &answer.json()["error"]["code"]), (503, &json!("model_late")));
    assert_eq!(answer.header("retry-after"), Some("1"));

    // Once it answers, it is waited for beyond the chat's deadline.
    for _ in 0..8 {
        go.send(()).expect("the model listens");
    }
    let patient = house_with(scorer, |config| config.api.score_wait_ms = 60_000).await;
    let answer = analyze(&patient, &comment("hello")).await.json();
    let score = &answer["attributeScores"]["TOXICITY"]["summaryScore"]["value"];
    assert_eq!(score, &json!(0.25), "{answer}");
    // A head that this model lacks is no 0 either.
    let threat = json!({ "comment": { "text": "hello" }, "requestedAttributes": { "THREAT": {} } });
    let answer = analyze(&patient, &threat).await;
    let said = answer.json()["error"]["message"].clone();
    assert_eq!((answer.status, said), (400, json!("Unknown requested attribute: THREAT")));
}

/// Whoever reads the description finds each of its paths answered.
#[tokio::test]
async fn every_described_path_is_answered() {
    let house = house(|_| {}).await;
    let parts = [
        include_str!("../../src/api/openapi/perspective.json"),
        include_str!("../../src/api/openapi/openai.json"),
        include_str!("../../src/api/openapi/hook.json"),
    ];
    let mut described = 0;
    for part in parts {
        let part: Value = serde_json::from_str(part).expect("JSON");
        assert_eq!(part["openapi"], "3.1.0");
        for (path, methods) in part["paths"].as_object().expect("paths") {
            for (method, own) in methods.as_object().expect("methods") {
                let (method, host) = (method.to_uppercase(), local(&house));
                let text = crate::request(&method, path, &[("host", host.as_str())], "");
                let status = crate::raw(house.console, &text).await.status;
                let known = own["responses"].get(status.to_string()).is_some();
                assert!(known, "{method} {path}: {status} is not described");
                described += 1;
            }
        }
    }
    assert_eq!(described, 7);
}
