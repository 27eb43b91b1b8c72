//! Tries what is asked in the shape of OpenAI's moderations.

use serde_json::{Value, json};

use crate::{
    ask,
    house::{Answer, House},
    scored,
};

const ALL: [&str; 13] = [
    "harassment",
    "harassment/threatening",
    "hate",
    "hate/threatening",
    "illicit",
    "illicit/violent",
    "self-harm",
    "self-harm/instructions",
    "self-harm/intent",
    "sexual",
    "sexual/minors",
    "violence",
    "violence/graphic",
];

async fn moderate(house: &House, body: &str) -> Answer {
    let bearer = format!("Bearer {}", house.token);
    let kind = ("content-type", "application/json");
    let headers = [("host", "tidegate.internal"), ("authorization", bearer.as_str()), kind];
    ask(house, "/v1/moderations", &headers, body).await
}

#[tokio::test]
async fn each_text_has_a_result_with_every_category() {
    let house = scored(|_| {}).await;
    let threat = "i know where you live and i will hurt you";
    let parts = json!([{ "type": "text", "text": "hello" }, { "type": "text", "text": threat }]);
    for (input, flagged) in [
        (json!("good evening"), vec![false]),
        (json!(threat), vec![true]),
        (json!(["good evening", threat]), vec![false, true]),
        (parts, vec![true]),
        (json!(""), vec![false]),
    ] {
        let body = json!({ "input": input, "model": "omni-moderation-latest" }).to_string();
        let answer = moderate(&house, &body).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        let unscored = answer.header("tidegate-unscored").map(|names| names.split(", ").count());
        assert_eq!(unscored, Some(6));
        let json = answer.json();
        assert!(json["id"].as_str().is_some_and(|id| id.starts_with("modr-")), "{json}");
        assert_eq!(json["model"].as_str(), answer.header("tidegate-model"));
        let results = json["results"].as_array().expect("a list");
        let own: Vec<_> = results.iter().map(|r| r["flagged"].as_bool() == Some(true)).collect();
        assert_eq!(own, flagged, "{json}");
        for result in results {
            for map in ["categories", "category_scores", "category_applied_input_types"] {
                let mut keys: Vec<_> = result[map].as_object().expect("a map").keys().collect();
                keys.sort();
                assert_eq!(keys, ALL, "{map}");
            }
        }
        if let (Some(true), Some(result)) = (flagged.last(), results.last()) {
            let (categories, scores) = (&result["categories"], &result["category_scores"]);
            assert_eq!(
                (&categories["violence"], &categories["illicit"]),
                (&json!(true), &json!(false))
            );
            assert!(scores["violence"].as_f64() > Some(0.9), "{scores}");
            let types = &result["category_applied_input_types"];
            assert_eq!((&types["violence"], &types["illicit"]), (&json!(["text"]), &json!([])));
        }
    }
    assert_eq!(house.doors.settler.pipeline.history.senders(), 0);
}

#[tokio::test]
async fn bad_requests_are_refused_in_their_shape() {
    let house = scored(|config| config.api.messages_max = 3).await;
    let image = json!([{ "type": "text", "text": "look" },
        { "type": "image_url", "image_url": { "url": "https://example.org/a.png" } }]);
    let table: [(Value, Value, &str); 11] = [
        (json!({}), json!("input"), "missing_required_parameter"),
        (json!({ "input": [] }), json!("input"), "invalid_type"),
        (json!({ "input": 5 }), json!("input"), "invalid_type"),
        (json!({ "input": ["a", 5] }), json!("input[0]"), "invalid_type"),
        (json!({ "input": ["a", "b", "c", "d"] }), json!("input"), "invalid_type"),
        (json!({ "input": image }), json!("input[1].type"), "unsupported_input_type"),
        (
            json!({ "input": [{ "type": "text" }] }),
            json!("input[0].text"),
            "missing_required_parameter",
        ),
        (json!({ "input": "a".repeat(70_000) }), json!("input"), "string_above_max_length"),
        (json!({ "input": "a", "model": 5 }), json!("model"), "invalid_type"),
        (json!({ "input": "a", "foo": 5 }), json!("foo"), "unknown_parameter"),
        (json!(["a"]), json!("input"), "invalid_type"),
    ];
    for (body, param, code) in table {
        let answer = moderate(&house, &body.to_string()).await;
        let error = &answer.json()["error"];
        assert_eq!(
            (answer.status, &error["type"]),
            (400, &json!("invalid_request_error")),
            "{error}"
        );
        assert_eq!((&error["param"], &error["code"]), (&param, &json!(code)), "{error}");
        assert!(error["message"].as_str().is_some_and(|message| message.len() > 10), "{error}");
    }
    let broken = moderate(&house, "{").await;
    assert_eq!((broken.status, &broken.json()["error"]["param"]), (400, &Value::Null));
    let headers = [("host", "x"), ("authorization", "Bearer guess")];
    let stranger = ask(&house, "/v1/moderations", &headers, r#"{"input":"a"}"#).await;
    let error = &stranger.json()["error"];
    assert_eq!((stranger.status, &error["code"]), (401, &json!("invalid_api_key")));
}
