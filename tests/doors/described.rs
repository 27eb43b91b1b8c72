//! Holds the description of the API against what is served.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tidegate::{accounts::Scope, api, config::HookConfig, history::Whose, hold::Decision};

use crate::{
    house::{Answer, House, house, raw, request},
    schema::{faults, resolve},
};

/// One thing that can be asked, as the description has it.
struct Operation<'a> {
    method: &'a str,
    path: &'a str,
    own: &'a Value,
}

fn operations(document: &Value) -> Vec<Operation<'_>> {
    let mut all = Vec::new();
    for (path, methods) in document["paths"].as_object().expect("paths") {
        for (method, own) in methods.as_object().expect("methods") {
            all.push(Operation { method, path, own });
        }
    }
    all
}

/// Every example in a media type or a parameter.
fn examples(value: &Value) -> Vec<&Value> {
    let several = value["examples"].as_object().into_iter().flatten();
    let several = several.map(|(_, example)| &example["value"]);
    value.get("example").into_iter().chain(several).collect()
}

#[test]
fn what_is_served_is_described_and_the_other_way_round() {
    let document = api::document();
    let described: BTreeSet<_> = operations(&document)
        .iter()
        .map(|own| (own.method.to_owned(), own.path.to_owned()))
        .collect();
    let served: BTreeSet<_> =
        api::served().iter().map(|(method, path)| (method.to_string(), path.to_string())).collect();
    assert_eq!(described, served);
    assert_eq!(served.len(), api::served().len(), "nothing is served twice");
}

#[test]
fn the_description_is_whole() {
    let document = api::document();
    references(&document, &document);
    let mut names = BTreeSet::new();
    for Operation { method, path, own } in operations(&document) {
        let name = own["operationId"].as_str().expect("an operation has a name");
        assert!(names.insert(name), "{name} is there twice");
        assert!(own["summary"].is_string() && own["tags"].is_array(), "{method} {path}");
        let schemes = &document["components"]["securitySchemes"];
        let security = own["security"].as_array().expect("who may ask is said");
        for scheme in security.iter().flat_map(|need| need.as_object().expect("schemes").keys()) {
            assert!(schemes[scheme].is_object(), "{scheme}");
        }
        let parameters = own["parameters"].as_array().into_iter().flatten();
        let mut in_path = BTreeSet::new();
        for parameter in parameters.map(|own| resolve(&document, own)) {
            if parameter["in"] == "path" {
                assert_eq!(parameter["required"], true, "{path}");
                in_path.insert(format!("{{{}}}", parameter["name"].as_str().expect("a name")));
            }
        }
        let wanted = path.split('/').filter(|part| part.starts_with('{')).map(str::to_owned);
        assert_eq!(in_path, wanted.collect(), "{method} {path}");
        let tokened = !security.contains(&json!({}));
        let problems = if tokened { &["401", "403", "429", "503"][..] } else { &[] };
        for status in problems {
            assert!(own["responses"][status].is_object(), "{method} {path}: {status}");
        }
    }
}

fn references(document: &Value, value: &Value) {
    resolve(document, value);
    match value {
        Value::Object(members) => members.values().for_each(|own| references(document, own)),
        Value::Array(items) => items.iter().for_each(|own| references(document, own)),
        _ => {}
    }
}

#[test]
fn examples_fit_their_schemas() {
    let document = api::document();
    let mut seen = 0;
    let mut check = |at: &str, own: &Value| {
        for example in examples(own) {
            let found = faults(&document, &own["schema"], example);
            assert_eq!(found, Vec::<String>::new(), "{at}: {example}");
            seen += 1;
        }
    };
    for Operation { method, path, own } in operations(&document) {
        let at = format!("{method} {path}");
        for parameter in own["parameters"].as_array().into_iter().flatten() {
            check(&at, resolve(&document, parameter));
        }
        for (_, media) in own["requestBody"]["content"].as_object().into_iter().flatten() {
            assert!(!examples(media).is_empty(), "{at}: a body has an example");
            check(&at, media);
        }
        for (status, answer) in own["responses"].as_object().expect("answers") {
            let answer = resolve(&document, answer);
            // Another protocol begins there.
            if status == "101" {
                continue;
            }
            for (_, media) in answer["content"].as_object().expect("a body") {
                check(&format!("{at} {status}"), media);
            }
        }
    }
    assert!(seen > 60, "{seen} examples");
}

/// A request by a program that may do everything, with the description's own example as its body.
async fn asked(house: &House, token: &str, own: &Operation<'_>, path: &str, body: &str) -> Answer {
    let (host, bearer) = (house.console.to_string(), format!("Bearer {token}"));
    let headers = [
        ("host", host.as_str()),
        ("authorization", bearer.as_str()),
        ("content-type", "application/json"),
    ];
    raw(house.console, &request(&own.method.to_uppercase(), path, &headers, body)).await
}

/// What is wrong with an answer by its description.
fn unlike(document: &Value, own: &Operation<'_>, answer: &Answer) -> Vec<String> {
    let described = resolve(document, &own["responses"][answer.status.to_string()]);
    let kind = answer.header("content-type").unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default();
    let Some(media) = described["content"].get(kind) else {
        return vec![format!("{} {kind} is not described: {}", answer.status, answer.body)];
    };
    let mut found = faults(document, &media["schema"], &answer.json());
    for (name, header) in described["headers"].as_object().into_iter().flatten() {
        if header["required"] == true && answer.header(name).is_none() {
            found.push(format!("{name} is missing"));
        }
    }
    found
}

impl std::ops::Index<&str> for Operation<'_> {
    type Output = Value;

    fn index(&self, name: &str) -> &Value {
        &self.own[name]
    }
}

/// With its own examples, on what is there and what is not, with a token and without, each thing
/// answers as it is described.
#[tokio::test]
async fn answers_are_as_described() {
    let hook = HookConfig { name: "rooms".into(), ..HookConfig::default() };
    let house = house(|config| config.hook = vec![hook]).await;
    let token = house.doors.accounts.issue_token("all", &Scope::ALL).await.expect("a token");
    let document = api::document();
    // It does not end; tests of its own read it.
    let all = operations(&document).into_iter().filter(|own| own.path != "/v1/events");
    let (mut done, mut refused) = (0, 0);
    for own in all {
        for place in [Some("lobby"), None] {
            for media in bodies(&own) {
                let path = match (own.path.contains("{id}"), place) {
                    (true, Some(_)) => own.path.replace("{id}", &held(&house, &own).await),
                    _ => own.path.replace("{id}", "blorp"),
                };
                let path = path.replace("{channel}", "room1").replace("{sender}", "u1");
                let path = path.replace("{name}", if place.is_some() { "rooms" } else { "blorp" });
                let answer = asked(&house, &token, &own, &path, &media).await;
                let found = unlike(&document, &own, &answer);
                assert_eq!(found, Vec::<String>::new(), "{} {path}: {}", own.method, answer.body);
                if place.is_some() {
                    assert!(answer.status < 300, "{} {path}: {}", own.method, answer.body);
                    done += 1;
                }
            }
        }
        let without =
            asked(&house, "tg_guess", &own, &own.path.replace(['{', '}'], ""), "{}").await;
        let found = unlike(&document, &own, &without);
        assert_eq!(found, Vec::<String>::new(), "{} {}", own.method, own.path);
        refused += usize::from(without.status == 401);
    }
    assert!(done >= 12 && refused >= 9, "{done} {refused}");
}

/// A held message, or a decree, that this can be done to.
async fn held(house: &House, own: &Operation<'_>) -> String {
    if own.path.starts_with("/v1/decrees") {
        let whose = Whose { route: "", channel: "lobby", sender: "u1" };
        return house.doors.ban(whose, "ana").await.expect("there is room").id;
    }
    // Only what holds a listed term can be allowed.
    let lines: Value = serde_json::from_str(include_str!("../peers/lines.json")).expect("JSON");
    let listed = lines["allowable"].as_str().expect("a text");
    let text = if own.path.ends_with("/allow") { listed } else { "so blorp" };
    let id = house.hold(text).await.id.clone();
    if own.path.ends_with("/undo") || own.path.ends_with("/appeal") {
        house.doors.decide(&id, Decision::Remove, "ana").await.expect("it waits");
    }
    if own.path.ends_with("/appeal") && own.method == "get" {
        house.doors.appeal(&id, "u1", "it was a quote", "token:all").await.expect("it was removed");
    }
    id
}

/// The examples of a body; an empty one where none is taken.
fn bodies(own: &Operation<'_>) -> Vec<String> {
    let media = &own["requestBody"]["content"]["application/json"];
    let own: Vec<String> = examples(media).iter().map(ToString::to_string).collect();
    if own.is_empty() { vec![String::new()] } else { own }
}

#[tokio::test]
async fn the_description_is_served_to_anybody() {
    let house = house(|_| {}).await;
    let get = request("GET", "/v1/openapi.json", &[("host", "any")], "");
    let answer = raw(house.console, &get).await;
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
    assert_eq!(answer.json(), api::document());
    assert_eq!(answer.json()["openapi"], "3.1.0");
}

#[tokio::test]
async fn what_is_not_there_is_said_in_the_apis_shape() {
    let house = house(|_| {}).await;
    for (method, path, status, allow) in [
        ("GET", "/v1/blorp", 404, None),
        ("POST", "/v1/holds/x/blorp", 404, None),
        ("DELETE", "/v1/judge", 405, Some("POST")),
        ("POST", "/v1/holds", 405, Some("GET,HEAD")),
        ("PATCH", "/v1/holds/x/release", 405, Some("POST")),
    ] {
        let answer = raw(house.console, &request(method, path, &[("host", "any")], "")).await;
        assert_eq!((answer.status, answer.header("allow")), (status, allow), "{method} {path}");
        assert_eq!(answer.header("content-type"), Some("application/problem+json"));
        assert_eq!(answer.json()["status"], status);
    }
}
