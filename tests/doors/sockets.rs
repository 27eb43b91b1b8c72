//! Tries the stream of events over a WebSocket.

use futures_util::StreamExt;
use serde_json::{Value, json};
use tidegate::{
    accounts::Scope,
    audit::{Event, Record},
    message::{Sender, Verdict, now_ms},
    store::{Expect, Table, Write},
};
use tokio::{
    net::TcpStream,
    time::{Duration, timeout},
};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{self, Message, client::IntoClientRequest, http::HeaderValue},
};

use crate::house::{House, house, raw, request};

/// Nothing here takes this long; a test that waits longer has failed.
const PATIENCE: Duration = Duration::from_secs(30);

type Listener = WebSocketStream<TcpStream>;

async fn open(house: &House, token: &str, query: &str) -> Result<Listener, tungstenite::Error> {
    let url = format!("ws://{}/v1/events{query}", house.console);
    let mut request = url.into_client_request().expect("a URL");
    if !token.is_empty() {
        let bearer = HeaderValue::try_from(format!("Bearer {token}")).expect("a header");
        request.headers_mut().insert("authorization", bearer);
    }
    let stream = TcpStream::connect(house.console).await.expect("the port answers");
    client_async(request, stream).await.map(|(listener, _)| listener)
}

async fn next(listener: &mut Listener) -> Message {
    let next = timeout(PATIENCE, listener.next()).await.expect("a message in time");
    next.expect("an open connection").expect("a message")
}

async fn event(listener: &mut Listener) -> Value {
    let Message::Text(text) = next(listener).await else { panic!("no text") };
    serde_json::from_str(&text).expect("JSON")
}

async fn token(house: &House, scope: Scope) -> String {
    house.doors.accounts.issue_token("robot", &[scope]).await.expect("a token")
}

async fn happen(house: &House, channel: &str, verdict: Verdict) {
    let record = Record {
        id: format!("d-{channel}"),
        at_ms: now_ms(),
        route: "main".into(),
        channel: channel.into(),
        sender: Sender::default(),
        event: Event::Judged(verdict),
        findings: Vec::new(),
        rules: "test".into(),
        decided_by: String::new(),
        text_sha256: String::new(),
    };
    house.doors.settler.audit.record(record, None);
    house.doors.settler.audit.flush().await;
}

#[tokio::test]
async fn a_socket_says_what_the_stream_says() {
    let house = house(|_| {}).await;
    let token = token(&house, Scope::Read).await;
    for channel in ["a", "b", "c"] {
        happen(&house, channel, Verdict::Hold).await;
    }
    let mut listener = open(&house, &token, "?after=1").await.expect("it is let in");
    for (id, channel) in [(2, "b"), (3, "c")] {
        let told = event(&mut listener).await;
        assert_eq!((&told["id"], &told["channel"]), (&json!(id), &json!(channel)));
        assert_eq!((&told["kind"], &told["route"]), (&json!("held"), &json!("main")));
    }
    // What comes from now on, and of it what is asked for.
    let mut some = open(&house, &token, "?kinds=dropped&channel=e").await.expect("it is let in");
    for (channel, verdict) in [("d", Verdict::Drop), ("e", Verdict::Hold), ("e", Verdict::Drop)] {
        happen(&house, channel, verdict).await;
    }
    assert_eq!(event(&mut some).await["id"], 6);
    assert_eq!(event(&mut listener).await["id"], 4);
    // What is kept no longer is said to be missing.
    let gone = |seq: u64| Write {
        table: Table::Records,
        key: format!("{seq:020}"),
        expect: Expect::Anything,
        value: None,
    };
    house.doors.store.commit(vec![gone(1), gone(2)]).await.expect("it is committed");
    let mut late = open(&house, &token, "?after=0").await.expect("it is let in");
    let gap = json!({ "id": 2, "kind": "gap", "first_missing": 1, "first_kept": 3 });
    assert_eq!(event(&mut late).await, gap);
    assert_eq!(event(&mut late).await["id"], 3);
    // What is no place in this log is said to be none.
    let mut stranger = open(&house, &token, "?after=99").await.expect("it is let in");
    let reset = json!({ "id": 6, "kind": "reset", "asked": 99 });
    assert_eq!(event(&mut stranger).await, reset);
    happen(&house, "f", Verdict::Hold).await;
    assert_eq!(event(&mut stranger).await["id"], 7);
}

#[tokio::test]
async fn only_a_token_and_a_good_handshake_open_a_socket() {
    let house = house(|config| config.api.streams_max = 1).await;
    let read = token(&house, Scope::Read).await;
    let refused = async |token: &str, query: &str| match open(&house, token, query).await {
        Err(tungstenite::Error::Http(answer)) => answer.status().as_u16(),
        Err(other) => panic!("{other}"),
        Ok(_) => 101,
    };
    assert_eq!(refused("", "").await, 401);
    assert_eq!(refused(&house.token, "").await, 403);
    assert_eq!(refused(&read, "?after=x").await, 400);
    // A browser's cookie is no token.
    let cookie = house.cookie("vera").await;
    let key = ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
    let shake = |authorization: String, version| {
        let headers = [
            ("host", "tidegate.internal"),
            ("cookie", cookie.as_str()),
            ("authorization", authorization.as_str()),
            ("upgrade", "websocket"),
            ("sec-websocket-version", version),
            key,
        ];
        request("GET", "/v1/events", &headers, "")
            .replace("connection: close", "connection: upgrade, close")
    };
    assert_eq!(raw(house.console, &shake(String::new(), "13")).await.status, 401);
    let answer = raw(house.console, &shake(format!("Bearer {read}"), "12")).await;
    assert_eq!(answer.status, 400, "{}", answer.body);
    let listener = open(&house, &read, "").await.expect("it is let in");
    assert_eq!(refused(&read, "").await, 503, "one may listen");
    drop(listener);
}

/// Pings, then whatever ends it.
async fn end(listener: &mut Listener) -> (u32, Option<u16>) {
    let mut pings = 0;
    loop {
        match next(listener).await {
            Message::Ping(_) => pings += 1,
            Message::Close(frame) => return (pings, frame.map(|frame| frame.code.into())),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_socket_ends_with_its_token_and_with_the_process() {
    let house = house(|_| {}).await;
    house.doors.ready.set(true);
    let secret = token(&house, Scope::Read).await;
    let mut listener = open(&house, &secret, "").await.expect("it is let in");
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(10)).await;
    assert!(matches!(next(&mut listener).await, Message::Ping(_)));
    house.doors.accounts.revoke_tokens("robot").await.expect("it is taken back");
    tokio::time::advance(Duration::from_secs(10)).await;
    tokio::time::resume();
    assert_eq!(end(&mut listener).await.1, Some(1008));
    let secret = token(&house, Scope::Read).await;
    let mut listener = open(&house, &secret, "").await.expect("it is let in");
    house.doors.ready.set(false);
    assert_eq!(end(&mut listener).await, (0, Some(1012)));
}
