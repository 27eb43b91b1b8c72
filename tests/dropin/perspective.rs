//! Tries scores, spans, keys and the description of the Perspective-shaped methods.

use serde_json::{Value, json};

use crate::{analyze, ask, house::house, local, raw, request, scored};

fn summary(answer: &Value, attribute: &str) -> f64 {
    let score = &answer["attributeScores"][attribute]["summaryScore"];
    assert_eq!(score["type"], "PROBABILITY", "{answer}");
    score["value"].as_f64().unwrap_or_else(|| panic!("no {attribute} in {answer}"))
}

#[tokio::test]
async fn attributes_come_from_the_heads() {
    let house = scored(|_| {}).await;
    // The texts are those by which the model itself is proved when it is loaded.
    let table = [
        ("hello there, have a good stream", "TOXICITY", 0.0..0.1),
        ("i know where you live and i will hurt you", "THREAT", 0.9..1.0),
        ("i know where you live and i will hurt you", "THREAT_EXPERIMENTAL", 0.9..1.0),
        ("i know where you live and i will hurt you", "INSULT", 0.0..0.1),
        ("you are a pathetic worthless clown and everybody hates you", "INSULT", 0.9..1.0),
        ("you are a pathetic worthless clown and everybody hates you", "TOXICITY", 0.9..1.0),
        ("je vais te retrouver et te frapper", "SEVERE_TOXICITY", 0.3..0.7),
        (
            "immigrants are vermin and should be thrown out of this country",
            "IDENTITY_ATTACK",
            0.8..1.0,
        ),
        ("hello there, have a good stream", "PROFANITY", 0.0..0.1),
        ("hello there, have a good stream", "OBSCENE", 0.0..0.1),
        ("hello there, have a good stream", "SEXUALLY_EXPLICIT", 0.0..0.1),
    ];
    for (text, attribute, expected) in table {
        let body = json!({ "comment": { "text": text }, "languages": ["en"],
            "requestedAttributes": { attribute: {} }, "doNotStore": true });
        let answer = analyze(&house, &body).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert!(answer.header("tidegate-model").is_some_and(|m| m.starts_with("tide-")));
        let json = answer.json();
        assert!(expected.contains(&summary(&json, attribute)), "{text} {attribute}: {json}");
        let spans = &json["attributeScores"][attribute]["spanScores"];
        assert_eq!(spans.as_array().map(Vec::len), Some(1), "{json}");
        assert_eq!((&spans[0]["begin"], &spans[0]["end"]), (&json!(0), &json!(text.len())));
        assert_eq!(json["languages"], json!(["en"]));
    }
}

#[tokio::test]
async fn sentences_are_spans_in_utf_16() {
    let house = scored(|_| {}).await;
    let asked = async |text: &str, kind: &str| {
        let body = json!({ "comment": { "text": text, "type": kind }, "spanAnnotations": true,
            "requestedAttributes": { "THREAT": {} }, "clientToken": "t-1" });
        let answer = analyze(&house, &body).await.json();
        assert_eq!(answer["clientToken"], "t-1", "{answer}");
        let spans = answer["attributeScores"]["THREAT"]["spanScores"].as_array().cloned();
        let place = |span: &Value| (span["begin"].as_u64(), span["end"].as_u64());
        let high = |span: &Value| span["score"]["value"].as_f64() > Some(0.5);
        let spans = spans.unwrap_or_else(|| panic!("no spans in {answer}"));
        spans.iter().map(|span| (place(span), high(span))).collect::<Vec<_>>()
    };
    // One emoji is two units; places count what was sent, markup and all.
    let plain = asked("😀 Lovely stream today. I will find you and hurt you!", "PLAIN_TEXT").await;
    assert_eq!(plain, [((Some(0), Some(23)), false), ((Some(24), Some(53)), true)]);
    let html =
        asked("<p>Lovely stream.</p><p>I will <b>find</b> you and hurt you&#33;</p>", "HTML");
    assert_eq!(html.await, [((Some(3), Some(17)), false), ((Some(24), Some(64)), true)]);
}

/// What three windows of the model leave out is read all the same, and what stands beside it does
/// not water it down.
#[tokio::test]
async fn nothing_in_a_long_text_goes_unread() {
    let house = scored(|_| {}).await;
    let calm = "The weather was lovely all day and we had a quiet walk by the river. ".repeat(40);
    // None of it is on a list, so that the model alone can find it.
    let bad = "When I see you outside you are going to bleed.";
    let body = |text: &str| {
        json!({ "comment": { "text": text }, "languages": ["en"],
            "requestedAttributes": { "THREAT": {} } })
    };
    let threat = async |text: &str| summary(&analyze(&house, &body(text)).await.json(), "THREAT");
    let alone = threat(bad).await;
    assert!(alone > 0.7 && threat(&calm).await < 0.3, "{alone}");
    assert!(threat(&format!("{bad} {}", &calm[..70])).await >= alone);
    assert!(threat(&format!("{calm}{bad} {calm}")).await >= alone);
}

/// Without a model the lists speak alone, and a listed word is never a silent 0 beside one.
#[tokio::test]
async fn listed_words_raise_a_score() {
    let words = include_str!("../../wordlists/en/profanity.txt");
    let listed = |severity: &str| {
        let line =
            words.lines().find_map(|line| line.strip_prefix(severity)?.strip_prefix(" word "));
        line.and_then(|rest| rest.split_whitespace().next()).map(str::to_owned)
    };
    let plain = house(|_| {}).await;
    let model = scored(|_| {}).await;
    for (severity, floor) in [("1", 0.3), ("2", 0.6)] {
        let word = listed(severity).expect("the list has such a word");
        let body = json!({ "comment": { "text": format!("a {word} day") }, "languages": ["en"],
            "requestedAttributes": { "PROFANITY": {}, "TOXICITY": {}, "THREAT": {} } });
        let alone = analyze(&plain, &body).await;
        assert_eq!(alone.header("tidegate-model"), Some("none"));
        let alone = alone.json();
        let near = (summary(&alone, "PROFANITY") - floor).abs() < 1e-6;
        assert!(near && summary(&alone, "TOXICITY") > 0.0, "{severity}: {alone}");
        assert_eq!(summary(&alone, "THREAT"), 0.0);
        let both = summary(&analyze(&model, &body).await.json(), "PROFANITY");
        assert!(both >= floor - 1e-6, "{severity}: {both}");
    }
}

#[tokio::test]
async fn thresholds_leave_scores_out_and_languages_are_told() {
    let house = scored(|_| {}).await;
    let text = "hello there everybody, have a good stream tonight";
    let body = json!({ "comment": { "text": text }, "requestedAttributes": {
        "TOXICITY": { "scoreThreshold": 0.9 }, "INSULT": { "scoreType": "PROBABILITY" } } });
    let answer = analyze(&house, &body).await.json();
    assert!(answer["attributeScores"]["TOXICITY"].is_null(), "{answer}");
    assert!(answer["attributeScores"]["INSULT"].is_object(), "{answer}");
    assert_eq!(
        (&answer["languages"], &answer["detectedLanguages"]),
        (&json!(["en"]), &json!(["en"]))
    );
    let all = json!({ "comment": { "text": text },
        "requestedAttributes": { "TOXICITY": { "scoreThreshold": 0.9 } } });
    assert!(analyze(&house, &all).await.json().get("attributeScores").is_none());
    // The names that the protocol's own files have are the same fields.
    let snake = json!({ "comment": { "text": "gg" }, "requested_attributes": { "INSULT": null },
        "do_not_store": true, "client_token": "x" });
    let answer = analyze(&house, &snake).await.json();
    assert_eq!(
        (&answer["clientToken"], &answer["detectedLanguages"]),
        (&json!("x"), &json!(["und"]))
    );
}

#[tokio::test]
async fn a_suggestion_is_answered_and_forgotten() {
    let house = scored(|_| {}).await;
    let path = format!("/v1alpha1/comments:suggestscore?key={}", house.token);
    let suggest = async |body: Value| ask(&house, &path, &[("host", "x")], &body.to_string()).await;
    let good = json!({ "comment": { "text": "good evening to all of you" }, "languages": ["en"],
        "attributeScores": { "TOXICITY": { "summaryScore": { "value": 0 } } },
        "communityId": "c", "clientToken": "t" });
    let answer = suggest(good).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let expected = json!({ "clientToken": "t", "detectedLanguages": ["en"],
        "requestedLanguages": ["en"] });
    assert_eq!(answer.json(), expected);
    let bad = json!({ "comment": { "text": "good evening" } });
    assert_eq!(suggest(bad).await.status, 400);
    assert_eq!(house.doors.settler.pipeline.history.senders(), 0);
}

#[tokio::test]
async fn the_description_points_back_here() {
    let house = scored(|config| config.console.hosts = vec!["mod.example.org".into()]).await;
    let get = async |path: &str, headers: &[(&str, &str)]| {
        raw(house.console, &request("GET", path, headers, "")).await
    };
    let own = local(&house);
    let any = "/$discovery/rest?version=v1alpha1";
    for path in [any, "/discovery/v1/apis/commentanalyzer/v1alpha1/rest"] {
        let answer = get(path, &[("host", &own)]).await;
        let document = answer.json();
        assert_eq!(document["rootUrl"], format!("http://{own}/"), "{document}");
        let method = &document["resources"]["comments"]["methods"]["analyze"];
        assert_eq!(method["path"], "v1alpha1/comments:analyze");
    }
    let tls = [("host", "mod.example.org"), ("x-forwarded-proto", "https")];
    assert_eq!(get(any, &tls).await.json()["rootUrl"], "https://mod.example.org/");
    // Whoever can make a client fetch it by another name must not get its keys.
    for host in ["evil.example", "localhost.evil.example", "localhost\"/", ""] {
        assert_eq!(get(any, &[("host", host)]).await.status, 421, "{host}");
    }
    assert_eq!(get("/$discovery/rest?version=v2", &[("host", &own)]).await.status, 404);
}
