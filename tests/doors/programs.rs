//! Tries what programs and operators reach: verdicts, probes, figures, the control door.

use std::fs;

use serde_json::{Value, json};
use tidegate::{
    accounts::{Role, Scope},
    admin::{Erasure, NewUser},
    commands::{
        audit::{self, Chain},
        user,
    },
    config::Config,
    doors::control,
    history::Whose,
    message::now_ms,
};

use crate::house::{Answer, House, PASSWORD, house, raw, request};

async fn judge(house: &House, token: &str, body: &str) -> Answer {
    let bearer = format!("Bearer {token}");
    let headers = [
        // Programs may come by any name: a token is no cookie that a browser would add.
        ("host", "tidegate.internal"),
        ("authorization", bearer.as_str()),
        ("content-type", "application/json"),
    ];
    raw(house.console, &request("POST", "/v1/judge", &headers, body)).await
}

#[tokio::test]
async fn texts_are_judged_alone_and_together() {
    let house = house(|_| {}).await;
    let one = judge(&house, &house.token, r#"{"id":7,"text":"good evening","new_key":1}"#).await;
    let answer = one.json();
    assert_eq!(one.status, 200, "{answer}");
    assert_eq!((&answer["id"], &answer["verdict"]), (&json!(7), &json!("pass")));
    assert_eq!((&answer["findings"], &answer["scores"]), (&json!([]), &json!({})));
    assert!(answer["elapsed_us"].is_number());

    let body = json!({ "messages": [{ "id": "a", "text": "hi" }, { "id": "b" }, 5,
        { "id": "c", "text": "see you", "user": "u", "channel": "c" }] });
    let several = judge(&house, &house.token, &body.to_string()).await.json();
    let lines = several["messages"].as_array().expect("one answer a message");
    assert_eq!(lines.len(), 4);
    assert_eq!((&lines[0]["id"], &lines[0]["verdict"]), (&json!("a"), &json!("pass")));
    assert!(lines[1]["error"].is_string() && lines[1]["id"] == "b", "{several}");
    assert!(lines[2]["error"].is_string());
    assert_eq!(lines[3]["verdict"], "pass");
}

#[tokio::test]
async fn an_answer_says_why_where_it_is_asked_to() {
    let house = house(|_| {}).await;
    let asked = async |explain: Value| {
        let body = json!({ "text": "good evening", "explain": explain }).to_string();
        let answer = judge(&house, &house.token, &body).await;
        (answer.status, answer.json()["explanation"]["sender"].clone())
    };
    assert_eq!(asked(json!(true)).await, (200, json!("Your message was sent.")));
    assert_eq!(asked(json!("fr")).await, (200, json!("Votre message a été envoyé.")));
    assert_eq!(asked(json!(false)).await, (200, Value::Null));
    assert_eq!(asked(json!("de")).await.0, 400);
}

#[tokio::test]
async fn only_what_is_to_be_remembered_is() {
    let house = house(|_| {}).await;
    // The default flood rule finds the same text too often from one sender, never from nobody.
    let found = async |body: &str| {
        let mut rules = Vec::new();
        for _ in 0..8 {
            let answer = judge(&house, &house.token, body).await.json();
            let found = answer["findings"].as_array().expect("a list").clone();
            rules.extend(found.into_iter().map(|finding| finding["rule"].clone()));
        }
        rules
    };
    let none = Vec::<Value>::new();
    assert_eq!(found(r#"{"text":"hello there"}"#).await, none);
    assert_eq!(found(r#"{"text":"hello there","user":"u9"}"#).await, none);
    assert_eq!(found(r#"{"text":"hello there","user":"u9","remember":false}"#).await, none);
    assert_eq!(found(r#"{"text":"hello there","remember":true}"#).await, none);
    let history = &house.doors.settler.pipeline.history;
    assert_eq!((history.senders(), history.crowds()), (0, (0, 0)), "a question leaves no trace");
    let live = r#"{"text":"hello there","user":"u9","remember":true}"#;
    assert_ne!(found(live).await, none);
    // A question knows of what was said, and adds nothing to it.
    let asked = r#"{"text":"hello there","user":"u9"}"#;
    assert_ne!(judge(&house, &house.token, asked).await.json()["findings"], json!([]));
}

#[tokio::test]
async fn a_question_changes_nothing_for_a_live_channel() {
    let house = house(|_| {}).await;
    let history = &house.doors.settler.pipeline.history;
    let whose = |sender| Whose { route: "", channel: "lobby", sender };
    house.doors.permit_link(whose("u1"), 600, "ana").expect("it may be");
    let asked = async |sender: &str, text: &str, remember: bool| {
        let body = json!({ "text": text, "channel": "lobby", "user": sender,
            "remember": remember });
        let answer = judge(&house, &house.token, &body.to_string()).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.json()
    };
    let link = "look at https://example.org/watch";
    let permitted = || history.known(whose("u1"), now_ms()).may_link_until_ms.is_some();
    let first = asked("u1", link, false).await;
    assert!(permitted(), "a question spends no permit");
    assert_eq!(asked("u1", link, true).await["verdict"], first["verdict"]);
    assert!(!permitted());
    // A raid that is only asked about raises no shield.
    let raid = "everybody leave this boring room and come watch the splat show with us";
    for (remember, shields) in [(false, 0), (true, 1)] {
        for n in 0..200 {
            asked(&format!("raider{n}"), raid, remember).await;
        }
        assert_eq!(history.shields(now_ms()).len(), shields, "{remember}");
    }
}

#[tokio::test]
async fn names_have_a_bound() {
    let house = house(|_| {}).await;
    for key in ["user", "channel"] {
        for (bytes, status) in [(512, 200), (513, 422)] {
            let body = json!({ "text": "hi", key: "u".repeat(bytes) });
            let answer = judge(&house, &house.token, &body.to_string()).await;
            assert_eq!(answer.status, status, "{key} {bytes}: {}", answer.json());
            assert_eq!(answer.json()["error"] == key, status == 422, "{key} {bytes}");
        }
    }
}

#[tokio::test]
async fn what_is_remembered_says_when_it_was_said_or_is_refused() {
    let house = house(|_| {}).await;
    let asked = async |ts: Value, remember: bool| {
        let body = json!({ "text": "hi", "user": "u1", "ts": ts, "remember": remember });
        let answer = judge(&house, &house.token, &body.to_string()).await;
        (answer.status, answer.json()["error"].as_str().unwrap_or_default().to_owned())
    };
    let now_s = now_ms() as f64 / 1_000.0;
    let (ok, refused) = ((200, String::new()), (422, "ts".to_owned()));
    for (ts, remember, expected) in [
        (json!(now_s - 60.0), true, &ok),
        (json!(null), true, &ok),
        (json!(now_s - 3_600.0), true, &refused),
        (json!(now_s + 3_600.0), true, &refused),
        (json!("yesterday"), true, &refused),
        // A question is asked now, whatever the line was taken from.
        (json!(1_000), false, &ok),
        (json!("yesterday"), false, &ok),
    ] {
        assert_eq!(asked(ts.clone(), remember).await, *expected, "{ts} {remember}");
    }
    let body = json!({ "messages": [
        { "id": 1, "text": "hi", "user": "u1", "remember": true, "ts": 1_000 },
        { "id": 2, "text": "hi", "user": "u1", "remember": true } ] });
    let lines = judge(&house, &house.token, &body.to_string()).await.json();
    assert!(lines["messages"][0]["error"].is_string(), "{lines}");
    assert_eq!(lines["messages"][1]["verdict"], "pass");
}

#[tokio::test]
async fn the_api_says_what_is_wrong() {
    let house = house(|config| {
        config.api.messages_max = 2;
        config.limits.message_bytes_max = 100;
    })
    .await;
    let long = json!({ "text": "a".repeat(101) }).to_string();
    let many = json!({ "messages": [{}, {}, {}] }).to_string();
    let huge = json!({ "text": "a".repeat(2 * 1024 * 1024) }).to_string();
    let good = house.token.as_str();
    let table = [
        ("", r#"{"text":"hi"}"#, 401),
        ("tg_guess", r#"{"text":"hi"}"#, 401),
        (good, r#"{"text":"hi"}"#, 200),
        (good, r#"{"txt":"hi"}"#, 400),
        (good, "[]", 400),
        (good, "{", 400),
        (good, &long, 422),
        (good, &many, 413),
        (good, &huge, 413),
    ];
    for (token, body, expected) in table {
        let answer = judge(&house, token, body).await;
        assert_eq!(answer.status, expected, "{body:.60}");
        if expected == 200 {
            continue;
        }
        assert_eq!(answer.header("content-type"), Some("application/problem+json"));
        assert_eq!(answer.json()["status"], expected);
        assert_eq!(answer.header("www-authenticate").is_some(), expected == 401);
    }
    let get = raw(house.console, &request("GET", "/v1/judge", &[("host", "x")], "")).await;
    assert_eq!(get.status, 405);
}

#[tokio::test]
async fn probes_and_figures_answer_operators() {
    let house = house(|_| {}).await;
    let get = async |path| raw(house.admin, &request("GET", path, &[("host", "any")], "")).await;
    assert_eq!(get("/live").await.status, 200);
    let early = get("/ready").await;
    assert_eq!((early.status, &early.json()["store"]), (503, &json!(true)));
    house.doors.ready.set(true);
    let ready = get("/ready").await;
    assert_eq!((ready.status, &ready.json()["model"]), (200, &json!(null)));
    assert_eq!(ready.json()["rules"].as_str().map(str::len), Some(12));
    let metrics = get("/metrics").await;
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    assert_eq!(metrics.header("content-type"), Some(kind));
    assert!(metrics.body.ends_with("# EOF\n"), "{}", metrics.body);
}

#[tokio::test]
async fn the_control_door_opens_with_its_token_alone() {
    let house = house(|_| {}).await;
    let token = control::address(&house.dir).expect("the file is there").token;
    let new = json!({ "name": "cleo", "role": "viewer", "password": PASSWORD }).to_string();
    for (method, path) in [
        ("POST", "/control/user"),
        ("GET", "/control/users"),
        ("POST", "/control/user/remove"),
        ("POST", "/control/token"),
        ("GET", "/control/tokens"),
        ("POST", "/control/tokens/revoke"),
        ("GET", "/control/audit"),
        ("POST", "/control/erase"),
    ] {
        for bearer in ["", "Bearer guess", token.as_str()] {
            let headers = [("host", "any"), ("authorization", bearer)];
            let answer = raw(house.admin, &request(method, path, &headers, &new)).await;
            assert_eq!(answer.status, 401, "{path} with {bearer:.12}");
        }
    }
    assert_eq!(house.log_in("cleo", PASSWORD).await.status, 401, "nobody was added");
}

#[tokio::test]
async fn commands_work_while_the_store_is_in_use() {
    let house = house(|_| {}).await;
    let new = |password: &str, replace| NewUser {
        name: "cleo".into(),
        role: Role::Viewer,
        places: Vec::new(),
        password: password.into(),
        replace,
    };
    user::add(&house.dir, new(PASSWORD, false)).await.expect("it is added");
    let cookie = house.cookie("cleo").await;
    let again = user::add(&house.dir, new(PASSWORD, false)).await.expect_err("it is there");
    assert!(again.to_string().contains("already"), "{again}");
    let short = user::add(&house.dir, new("short", true)).await.expect_err("too short");
    assert!(short.to_string().contains("12 characters"), "{short}");
    let obvious = user::add(&house.dir, new("qwertyuiop123", true)).await.expect_err("obvious");
    assert!(obvious.to_string().contains("among the first"), "{obvious}");
    user::add(&house.dir, new("another long password", true)).await.expect("it is replaced");
    assert_eq!(house.page("GET", "/api/me", &cookie, "").await.status, 401, "sessions end");
    assert_eq!(house.log_in("cleo", PASSWORD).await.status, 401);

    let cookie = house.page("POST", "/login", "", &login("cleo", "another long password")).await;
    let cookie = cookie.cookie();
    let people = user::people(&house.dir).await.expect("they are listed");
    let named: Vec<_> = people.iter().map(|p| (p.name.as_str(), p.rights.role)).collect();
    assert_eq!(named, [("cleo", Some(Role::Viewer))]);
    assert!(user::remove(&house.dir, "Cleo").await.expect("the door answers"));
    assert_eq!(house.page("GET", "/api/me", &cookie, "").await.status, 401, "gone at once");
    assert_eq!(house.log_in("cleo", "another long password").await.status, 401);
    assert!(!user::remove(&house.dir, "cleo").await.expect("the door answers"), "once");

    let token = user::token(&house.dir, "overlay", vec![Scope::Judge]).await.expect("a token");
    assert_eq!(judge(&house, &token, r#"{"text":"hi"}"#).await.status, 200);

    let hold = house.hold("so blorp").await;
    let ana = house.cookie("ana").await;
    assert_eq!(house.act(&ana, &hold.id, "remove", "{}").await.status, 200);
    match audit::verify(&house.dir).await.expect("the door answers") {
        Chain::Whole { records } => assert!(records > 0, "the decision is on record"),
        Chain::Broken(cause) => panic!("{cause}"),
    }
}

fn login(name: &str, password: &str) -> String {
    json!({ "name": name, "password": password }).to_string()
}

fn erasure(route: &str, sender: &str) -> Erasure {
    Erasure { route: route.into(), sender: sender.into() }
}

#[tokio::test]
async fn a_senders_texts_are_erased_while_it_runs() {
    let house = house(|_| {}).await;
    let ana = house.cookie("ana").await;
    let (held, removed) = (house.hold("so blorp").await, house.hold("more blorp").await);
    assert_eq!(house.act(&ana, &removed.id, "remove", "{}").await.status, 200);
    for (route, sender, expected) in [("main", "u2", 0), ("x", "u1", 0), ("main", "u1", 2)] {
        let erased = audit::erase(&house.doors.config, erasure(route, sender)).await;
        assert_eq!(erased.expect("the door answers"), expected, "{route} {sender}");
    }
    let again = audit::erase(&house.doors.config, erasure("main", "u1")).await;
    assert_eq!(again.expect("the door answers"), 0);
    assert!(house.doors.settler.holds.list().is_empty(), "{} was withdrawn", held.id);
    let page = house.page("GET", "/api/queue", &ana, "").await;
    assert!(!page.body.contains("\"text\":\"so blorp"), "{}", page.body);
    let chain = audit::verify(&house.dir).await.expect("the door answers");
    assert!(matches!(chain, Chain::Whole { records } if records > 0), "{chain:?}");
}

#[test]
fn a_senders_texts_are_erased_while_nothing_runs() {
    let runtime = || tokio::runtime::Runtime::new().expect("threads can be started");
    let running = runtime();
    let (house, kept) = running.block_on(async {
        let house = house(|_| {}).await;
        house.hold("so blorp").await;
        // The house takes its folder with it.
        let kept = house.dir.with_extension("kept");
        fs::rename(&house.dir, &kept).expect("a folder beside it");
        (house, kept)
    });
    let config = Config { state_dir: kept.clone(), ..Config::clone(&house.doors.config) };
    drop(house);
    drop(running);
    let ended = runtime().block_on(audit::erase(&config, erasure("main", "u1")));
    assert_eq!(ended.expect("the store opens"), 1);
    let again = runtime().block_on(audit::erase(&config, erasure("main", "u1")));
    assert_eq!(again.expect("the store opens"), 0);
    let chain = runtime().block_on(audit::verify(&kept)).expect("the store opens");
    assert_eq!(chain, Chain::Whole { records: 1 }, "the withdrawal");
    fs::remove_dir_all(kept).expect("nobody has it open");
}

#[tokio::test]
async fn a_folder_that_is_not_there_is_not_made() {
    let missing = std::env::temp_dir().join(format!("tidegate-none-{}", std::process::id()));
    assert!(audit::verify(&missing).await.is_err());
    let config = Config { state_dir: missing.clone(), ..Config::default() };
    assert!(audit::erase(&config, erasure("main", "u1")).await.is_err());
    assert!(!missing.exists());
}
