//! Tries what programs do with the queue, the records and the stream of events.

use std::time::Duration;

use serde_json::{Value, json};
use tidegate::{
    accounts::Scope,
    admin::NewToken,
    commands::user,
    store::{Expect, Table, Write},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::house::{Answer, House, house, raw, request};

/// Nothing here takes this long; a test that waits longer has failed.
const PATIENCE: Duration = Duration::from_secs(30);

async fn token(house: &House, scopes: &[Scope]) -> String {
    house.doors.accounts.issue_token("robot", scopes).await.expect("a token")
}

async fn ask(house: &House, token: &str, method: &str, path: &str, body: &str) -> Answer {
    let bearer = format!("Bearer {token}");
    let headers = [
        ("host", "tidegate.internal"),
        ("authorization", bearer.as_str()),
        ("content-type", "application/json"),
    ];
    raw(house.console, &request(method, path, &headers, body)).await
}

#[tokio::test]
async fn each_route_opens_with_its_scope_alone() {
    let house = house(|_| {}).await;
    let hold = house.hold("a blorp").await;
    let one = format!("/v1/holds/{}", hold.id);
    let routes = [
        ("POST", "/v1/judge".to_owned(), Scope::Judge),
        ("GET", "/v1/holds".to_owned(), Scope::Read),
        ("GET", one.clone(), Scope::Read),
        ("GET", format!("/v1/decisions/{}", hold.id), Scope::Read),
        ("POST", format!("{one}/release"), Scope::Decide),
        ("POST", format!("{one}/remove"), Scope::Decide),
        ("POST", format!("{one}/time-out"), Scope::Decide),
        ("POST", format!("{one}/undo"), Scope::Decide),
        ("POST", format!("{one}/ban"), Scope::Decide),
        ("POST", format!("{one}/trust"), Scope::Decide),
        ("POST", format!("{one}/allow"), Scope::Decide),
        ("GET", "/v1/decrees".to_owned(), Scope::Read),
        ("DELETE", "/v1/decrees/none".to_owned(), Scope::Decide),
        ("POST", "/v1/senders/x/u1/ban".to_owned(), Scope::Decide),
        ("POST", "/v1/senders/x/u1/unban".to_owned(), Scope::Decide),
        ("POST", "/v1/senders/x/u1/trust".to_owned(), Scope::Decide),
        ("POST", "/v1/senders/x/u1/untrust".to_owned(), Scope::Decide),
        ("POST", "/v1/hook/none".to_owned(), Scope::Hook),
        ("POST", format!("/v1/decisions/{}/appeal", hold.id), Scope::Appeal),
        ("GET", format!("/v1/decisions/{}/appeal", hold.id), Scope::Appeal),
    ];
    for scope in Scope::ALL {
        let token = token(&house, &[scope]).await;
        for (method, path, opens) in &routes {
            let answer = ask(&house, &token, method, path, "{\"text\":\"hi\"}").await;
            let refused = answer.status == 403;
            assert_eq!(refused, scope != *opens, "{} {path}: {}", scope.name(), answer.status);
        }
        // A stream is not read to its end here.
        if scope != Scope::Read {
            assert_eq!(ask(&house, &token, "GET", "/v1/events", "").await.status, 403);
        }
    }
    for (method, path, _) in &routes {
        let answer = ask(&house, "tg_nobody", method, path, "{}").await;
        assert_eq!(answer.status, 401, "{path}");
        assert!(answer.head.contains("application/problem+json"), "{}", answer.head);
    }
}

#[tokio::test]
async fn the_queue_is_read_page_by_page() {
    let house = house(|_| {}).await;
    let token = token(&house, &[Scope::Read]).await;
    let mut ids = Vec::new();
    for n in 0..5 {
        ids.push(house.hold(&format!("é blorp {n}")).await.id.clone());
    }
    let mut seen = Vec::new();
    let mut path = "/v1/holds?limit=2".to_owned();
    loop {
        let page = ask(&house, &token, "GET", &path, "").await.json();
        assert_eq!(page["total"], 5);
        let rows = page["holds"].as_array().expect("rows").clone();
        // Bytes, not characters.
        assert!(rows.iter().all(|row| row["findings"][0]["span"] == json!([3, 8])), "{page}");
        assert!(rows.iter().all(|row| row["frame"].is_null() && row["identity"].is_null()));
        seen.extend(rows.iter().map(|row| row["id"].as_str().expect("an id").to_owned()));
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/v1/holds?limit=2&after={next}");
    }
    assert_eq!(seen, ids);
    for (query, total) in [("route=main", 5), ("channel=lobby&route=main", 5), ("channel=x", 0)] {
        let page = ask(&house, &token, "GET", &format!("/v1/holds?{query}"), "").await.json();
        assert_eq!(page["total"], total, "{query}");
    }
    for query in ["limit=0", "limit=201", "limit=x", "colour=red"] {
        let answer = ask(&house, &token, "GET", &format!("/v1/holds?{query}"), "").await;
        assert_eq!(answer.status, 400, "{query}");
        assert!(answer.json()["detail"].as_str().is_some_and(|why| !why.is_empty()));
    }
    let missing = ask(&house, &token, "GET", "/v1/holds/none", "").await;
    assert_eq!((missing.status, &missing.json()["error"]), (404, &json!("unknown")));
}

#[tokio::test]
async fn a_program_decides_and_the_first_decision_wins() {
    let house = house(|_| {}).await;
    let token = token(&house, &[Scope::Read, Scope::Decide]).await;
    let [first, second] = [house.hold("one blorp").await, house.hold("two blorp").await];
    let act = async |id: &str, act: &str, body: &str| {
        ask(&house, &token, "POST", &format!("/v1/holds/{id}/{act}"), body).await
    };
    let released = act(&first.id, "release", "").await;
    assert_eq!((released.status, &released.json()["state"]), (200, &json!("approved")));
    let late = act(&first.id, "remove", "").await;
    assert_eq!(late.status, 409);
    assert_eq!(late.json()["by"], "token:robot");
    let cookie = house.cookie("ana").await;
    assert_eq!(house.act(&cookie, &first.id, "remove", "{}").await.status, 409);

    for (body, status) in [("", 400), ("{}", 400), ("{\"seconds\":0}", 422)] {
        assert_eq!(act(&second.id, "time-out", body).await.status, status, "{body}");
    }
    let silenced = act(&second.id, "time-out", "{\"seconds\":60}").await;
    assert_eq!((silenced.status, &silenced.json()["state"]), (200, &json!("denied")));
    assert_eq!(act(&second.id, "undo", "").await.json()["state"], "held");
    assert_eq!(act(&second.id, "undo", "").await.status, 409);
    assert_eq!(act(&second.id, "praise", "").await.status, 404);

    house.doors.settler.audit.flush().await;
    let path = format!("/v1/decisions/{}", second.id);
    let decision = ask(&house, &token, "GET", &path, "").await.json();
    assert_eq!((&decision["state"], &decision["text"]), (&json!("held"), &json!("two blorp")));
    let kinds: Vec<&Value> =
        decision["records"].as_array().expect("records").iter().map(|r| &r["kind"]).collect();
    assert_eq!(kinds, ["denied", "timed_out", "undone"]);
    assert_eq!(decision["records"][0]["by"], "token:robot");
    assert_eq!(ask(&house, &token, "GET", "/v1/decisions/none", "").await.status, 404);
}

/// Listens until so many events have come; their names, ids and data.
async fn listen(house: &House, token: &str, query: &str, last: &str, count: usize) -> Vec<Value> {
    let bearer = format!("Bearer {token}");
    let mut headers = vec![("host", "tidegate.internal"), ("authorization", bearer.as_str())];
    if !last.is_empty() {
        headers.push(("last-event-id", last));
    }
    let asked = request("GET", &format!("/v1/events{query}"), &headers, "");
    let mut stream = TcpStream::connect(house.console).await.expect("it listens");
    stream.write_all(asked.as_bytes()).await.expect("it is sent");
    let mut text = String::new();
    let read = timeout(PATIENCE, async {
        let mut bytes = [0; 4096];
        loop {
            let events = parsed(&text);
            if events.len() >= count {
                return events;
            }
            let len = stream.read(&mut bytes).await.expect("it is read");
            assert!(len > 0, "the stream ended: {text}");
            text.push_str(&String::from_utf8_lossy(&bytes[..len]));
        }
    });
    read.await.expect("all events come")
}

fn parsed(text: &str) -> Vec<Value> {
    let blocks = text.split("event: ").skip(1).filter(|block| block.contains("\n\n"));
    let field = |block: &str, name: &str| {
        let line = block.lines().find_map(|line| line.strip_prefix(name))?;
        Some(line.trim().to_owned())
    };
    let event = |block: &str| {
        let data: Value = serde_json::from_str(&field(block, "data: ")?).ok()?;
        let name = block.lines().next()?.trim();
        Some(json!({ "event": name, "id": field(block, "id: ")?, "data": data }))
    };
    blocks.filter_map(event).collect()
}

#[tokio::test]
async fn events_come_from_wherever_a_listener_broke_off() {
    let house = house(|_| {}).await;
    let token = token(&house, &[Scope::Read, Scope::Decide]).await;
    let mut ids = Vec::new();
    for n in 0..3 {
        let hold = house.hold(&format!("blorp {n}")).await;
        let path = format!("/v1/holds/{}/remove", hold.id);
        assert_eq!(ask(&house, &token, "POST", &path, "").await.status, 200);
        ids.push(hold.id.clone());
    }
    house.doors.settler.audit.flush().await;
    let all = listen(&house, &token, "?after=0", "", 3).await;
    for (nth, (event, hold)) in all.iter().zip(&ids).enumerate() {
        let data = &event["data"];
        assert_eq!(
            (&event["event"], &event["id"]),
            (&json!("denied"), &json!(format!("{}", nth + 1)))
        );
        assert_eq!((&data["decision"], &data["id"]), (&json!(hold), &json!(nth + 1)));
        assert_eq!((&data["by"], &data["channel"]), (&json!("token:robot"), &json!("lobby")));
        assert!(!data.to_string().contains("blorp 0"), "no text: {data}");
    }
    // The header goes before the address, as browsers send it when they come back.
    let rest = listen(&house, &token, "?after=0", "2", 1).await;
    assert_eq!(rest, all[2..]);

    // From now on; what another route or kind says is left out.
    let (later, _) =
        tokio::join!(listen(&house, &token, "?kinds=denied&route=main", "", 1), async {
            // Whoever listens has asked by then, or finds it in the chain.
            let hold = house.hold("blorp again").await;
            loop {
                let answer =
                    ask(&house, &token, "POST", &format!("/v1/holds/{}/remove", hold.id), "").await;
                assert_eq!(answer.status, 200);
                house.doors.settler.audit.flush().await;
                let path = format!("/v1/holds/{}/undo", hold.id);
                if ask(&house, &token, "POST", &path, "").await.status != 200 {
                    break;
                }
                if house.doors.settler.audit.head().await.expect("a chain") > 12 {
                    break;
                }
            }
        });
    assert_eq!(later[0]["event"], "denied");

    // What is kept no longer is said to be missing.
    let gone = |seq: u64| Write {
        table: Table::Records,
        key: format!("{seq:020}"),
        expect: Expect::Anything,
        value: None,
    };
    house.doors.store.commit(vec![gone(1), gone(2)]).await.expect("it is committed");
    let after = listen(&house, &token, "?after=0", "", 2).await;
    assert_eq!(after[0]["event"], "gap");
    let gap = json!({ "id": 2, "kind": "gap", "first_missing": 1, "first_kept": 3 });
    assert_eq!(after[0]["data"], gap);
    assert_eq!(after[1], all[2]);
    for (query, last) in [("?after=x", ""), ("?colour=1", ""), ("", "x")] {
        let bearer = format!("Bearer {token}");
        let mut headers = vec![("host", "t"), ("authorization", bearer.as_str())];
        if !last.is_empty() {
            headers.push(("last-event-id", last));
        }
        let asked = request("GET", &format!("/v1/events{query}"), &headers, "");
        assert_eq!(raw(house.console, &asked).await.status, 400, "{query} {last}");
    }
}

#[tokio::test]
async fn a_place_beyond_the_end_is_of_another_log() {
    let house = house(|_| {}).await;
    let token = token(&house, &[Scope::Read, Scope::Decide]).await;
    let hold = house.hold("blorp").await;
    let path = format!("/v1/holds/{}/remove", hold.id);
    assert_eq!(ask(&house, &token, "POST", &path, "").await.status, 200);
    house.doors.settler.audit.flush().await;
    for (query, last) in [("?after=40", ""), ("", "40"), ("?kinds=held&channel=other", "40")] {
        let told = listen(&house, &token, query, last, 1).await;
        // Its id is where the listener is by now: whoever comes back with it misses nothing more.
        let reset = json!({ "event": "reset", "id": "1",
            "data": { "id": 1, "kind": "reset", "asked": 40 } });
        assert_eq!(told[0], reset, "{query}");
    }
    assert_eq!(listen(&house, &token, "?after=0", "", 1).await[0]["event"], "denied");
}

#[tokio::test]
async fn no_more_listen_than_may() {
    let house = house(|config| config.api.streams_max = 0).await;
    let token = token(&house, &[Scope::Read]).await;
    let answer = ask(&house, &token, "GET", "/v1/events", "").await;
    assert_eq!(answer.status, 503);
    assert!(answer.head.to_lowercase().contains("retry-after"), "{}", answer.head);
}

#[tokio::test]
async fn tokens_are_listed_and_taken_back_while_it_runs() {
    let house = house(|_| {}).await;
    let secret = user::token(&house.dir, "panel", vec![Scope::Read, Scope::Decide]).await;
    let secret = secret.expect("a token");
    assert_eq!(ask(&house, &secret, "GET", "/v1/holds", "").await.status, 200);
    let listed = user::tokens(&house.dir).await.expect("a list");
    let names: Vec<_> =
        listed.iter().map(|token| (token.name.as_str(), &token.scopes[..])).collect();
    assert_eq!(names, [("bot", &[Scope::Judge][..]), ("panel", &[Scope::Read, Scope::Decide])]);
    let new = NewToken { name: "guest".into(), scopes: vec![Scope::Read], days: Some(30) };
    let guest = user::new_token(&house.dir, new).await.expect("a token");
    assert_eq!(ask(&house, &guest, "GET", "/v1/holds", "").await.status, 200);
    let listed = user::tokens(&house.dir).await.expect("a list");
    let life: Vec<_> = listed.iter().map(|t| Some(t.expires_ms? - t.created_ms)).collect();
    assert_eq!(life, [None, Some(30 * 86_400_000), None], "bot, guest, panel");
    assert_eq!(user::revoke(&house.dir, "panel").await.expect("it is there"), 1);
    assert_eq!(user::revoke(&house.dir, "panel").await.expect("no error"), 0);
    assert_eq!(ask(&house, &secret, "GET", "/v1/holds", "").await.status, 401);
}

#[tokio::test]
async fn a_token_opens_nothing_from_its_end_on() {
    let house = house(|_| {}).await;
    for (seconds, expected) in [(Some(60), 200), (Some(0), 401), (None, 200)] {
        let (life, accounts) = (seconds.map(Duration::from_secs), &house.doors.accounts);
        let token = accounts.issue_token_for("guest", &[Scope::Read], life).await.expect("a token");
        let status = ask(&house, &token, "GET", "/v1/holds", "").await.status;
        assert_eq!(status, expected, "{seconds:?}");
    }
}
