//! Delivers webhooks to a strict receiver that refuses, hangs, breaks off and comes back.

#[allow(dead_code)]
#[path = "doors/house.rs"]
mod house;

#[path = "webhooks/receiver.rs"]
mod receiver;

#[path = "webhooks/kills.rs"]
mod kills;

use std::{sync::Arc, time::Duration};

use house::{House, house};
use receiver::{Act, Got, Receiver};
use serde_json::json;
use tidegate::{
    api::webhooks,
    audit::{Event, Record},
    config::{Config, WebhookConfig},
    message::{Category, Finding, Sender, Severity, Verdict, now_ms},
    metrics::Metrics,
    store::{Table, Write},
};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto::ring::default_provider};

/// Nothing here takes this long; a test that waits longer has failed.
pub const PATIENCE: Duration = Duration::from_secs(60);

pub const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

fn webhook(house: &House, name: &str, url: &str) -> WebhookConfig {
    let file = house.dir.join("webhook.secret");
    std::fs::write(&file, SECRET).expect("a temporary file");
    WebhookConfig {
        name: name.to_owned(),
        url: url.to_owned(),
        secret_file: Some(file),
        timeout_ms: 300,
        retry_ms: 10,
        ..WebhookConfig::default()
    }
}

/// Verifies certificates by nobody's word: no root is known.
fn tls() -> Arc<ClientConfig> {
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring has them")
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    Arc::new(config)
}

/// Couriers that end when this is dropped, as with their process.
struct Couriers(Vec<JoinHandle<()>>);

impl Couriers {
    async fn start(house: &House, hooks: &[WebhookConfig]) -> Couriers {
        let config = Config { webhook: hooks.to_vec(), ..Config::default() };
        let (store, settler) = (&house.doors.store, &house.doors.settler);
        let hooks = webhooks::open(&config).expect("good settings");
        webhooks::prepare(&hooks, &**store, &settler.audit).await.expect("a place in the chain");
        Couriers(webhooks::start(hooks, &tls(), store, settler))
    }

    async fn stop(mut self) {
        for task in self.0.drain(..) {
            task.abort();
            // It ends by this, or had ended.
            let _ = task.await;
        }
    }
}

impl Drop for Couriers {
    fn drop(&mut self) {
        self.0.iter().for_each(JoinHandle::abort);
    }
}

fn record(number: u64, event: Event) -> Record {
    Record {
        id: format!("d-{number}"),
        at_ms: now_ms(),
        route: "/chat".into(),
        channel: if number.is_multiple_of(2) { "even" } else { "odd" }.into(),
        sender: Sender { id: "u1".into(), name: "otter".into(), roles: Vec::new() },
        event,
        findings: Vec::new(),
        rules: "test".into(),
        decided_by: String::new(),
        text_sha256: String::new(),
    }
}

fn finding() -> Finding {
    Finding {
        rule: "links".into(),
        category: Category::Link,
        severity: Severity::new(2).expect("2 is a severity"),
        span: None,
        why: "a link to evil.example".into(),
        shadow: false,
        scored: None,
    }
}

/// Records so many holds.
async fn happen(house: &House, count: u64) {
    let audit = &house.doors.settler.audit;
    for number in 1..=count {
        audit.record(record(number, Event::Judged(Verdict::Hold)), Some("a secret line"));
    }
    audit.flush().await;
}

/// How often this came of an event, as Prometheus reads it.
fn counted(metrics: &Metrics, webhook: &str, result: &str) -> u64 {
    let line = format!("tidegate_webhooks_total{{webhook=\"{webhook}\",result=\"{result}\"}} ");
    let text = metrics.render();
    let found = text.lines().find_map(|row| row.strip_prefix(&line));
    found.map_or(0, |count| count.parse().expect("a number"))
}

/// Whatever came again came with the id that it had, and nothing came before what was before it.
fn assert_order(got: &[Got]) {
    for pair in got.windows(2) {
        assert!(pair[0].seq() <= pair[1].seq(), "{} before {}", pair[0].seq(), pair[1].seq());
        let same = pair[0].seq() == pair[1].seq();
        assert_eq!(same, pair[0].id == pair[1].id, "{pair:?}");
    }
}

fn seqs(got: &[Got]) -> Vec<u64> {
    got.iter().filter(|got| got.taken).map(Got::seq).collect()
}

#[tokio::test]
async fn every_event_arrives_in_order_whatever_the_receiver_does() {
    let house = house(|_| {}).await;
    let receiver = Receiver::open(SECRET).await;
    let plan = [
        Act::Status(500),
        Act::HangUp,
        Act::Take,
        Act::Hang,
        Act::Redirect,
        Act::Take,
        Act::Later(429, "1"),
        Act::Take,
        Act::Status(400),
        Act::Status(503),
        Act::Flood,
    ];
    receiver.plan(plan, Act::Take);
    let _couriers = Couriers::start(&house, &[webhook(&house, "a", &receiver.url)]).await;
    happen(&house, 6).await;
    let got = receiver.taken(6).await;
    assert_order(&got);
    assert_eq!(seqs(&got), [1, 2, 3, 4, 5, 6]);
    let asked_to_wait = got[7].at - got[6].at;
    assert!(asked_to_wait >= Duration::from_secs(1), "it came back after {asked_to_wait:?}");
    let first = &got[0].body;
    assert_eq!((&first["type"], &first["data"]["decision"]), (&json!("held"), &json!("d-1")));
    assert_eq!(first["data"]["sender"]["name"], "otter");
    assert!(!first.to_string().contains("secret line"), "no text unless it is asked for");
    let metrics = &house.doors.settler.metrics;
    assert_eq!((counted(metrics, "a", "retried"), counted(metrics, "a", "dead")), (7, 0));
}

#[tokio::test]
async fn only_what_is_asked_for_is_told_and_texts_only_if_asked() {
    let house = house(|_| {}).await;
    let (some, texts) = (Receiver::open(SECRET).await, Receiver::open(SECRET).await);
    let whys = Receiver::open(SECRET).await;
    let hooks = [
        WebhookConfig {
            events: ["shield", "denied"].map(str::to_owned).to_vec(),
            channels: vec!["even".into()],
            ..webhook(&house, "some", &some.url)
        },
        WebhookConfig { include_text: true, ..webhook(&house, "texts", &texts.url) },
        WebhookConfig { include_why: true, ..webhook(&house, "whys", &whys.url) },
    ];
    let _couriers = Couriers::start(&house, &hooks).await;
    let on =
        || Event::Settings { what: "shield on".into(), by: "itself".into(), why: String::new() };
    let by = || "ana".to_owned();
    let audit = &house.doors.settler.audit;
    let (raid, expired) = ("crowd".to_owned(), "expired".to_owned());
    for (number, event) in [
        (1, on()),
        (2, on()),
        (4, Event::Judged(Verdict::Hold)),
        (6, Event::Decided { state: "denied".into(), by: by() }),
        (8, Event::Decided { state: expired, by: "clock".into() }),
        (10, Event::Raid { by: raid, copies: 9, senders: 8, newcomers: 7 }),
        (12, Event::Judged(Verdict::Drop)),
    ] {
        let record = Record { findings: vec![finding()], ..record(number, event) };
        audit.record(record, Some("blorp blorp"));
    }
    audit.record(record(2, on()), None);
    audit.flush().await;
    let got = some.taken(3).await;
    let kinds: Vec<_> = got.iter().map(|got| got.body["type"].clone()).collect();
    assert_eq!(kinds, ["shield_on", "denied", "shield_on"]);
    // What was found quotes nothing, unless that is asked for.
    let found = |got: &Got| got.body["data"]["findings"][0].clone();
    assert_eq!((&found(&got[1])["rule"], &found(&got[1])["why"]), (&json!("links"), &json!("")));
    assert!(got.iter().all(|got| !got.body.to_string().contains("evil.example")));
    let whys = whys.taken(3).await;
    assert_eq!(found(&whys[2])["why"], "a link to evil.example");
    assert_eq!(whys[2].body["data"]["text"], json!(null));
    // By default: everything of that but what was merely dropped.
    let got = texts.taken(7).await;
    let kinds: Vec<_> = got.iter().map(|got| got.body["type"].clone()).collect();
    let all = ["shield_on", "shield_on", "held", "denied", "expired", "raid", "shield_on"];
    assert_eq!(kinds, all);
    assert_eq!(got[2].body["data"]["text"], "blorp blorp");
    assert_eq!(found(&got[2])["why"], "a link to evil.example");
    assert_eq!(
        (&got[5].body["data"]["by"], &got[5].body["data"]["senders"]),
        (&json!("crowd"), &json!(8))
    );
}

#[tokio::test]
async fn an_endpoint_that_is_gone_hears_nothing_until_a_restart() {
    let house = house(|_| {}).await;
    let receiver = Receiver::open(SECRET).await;
    receiver.plan([Act::Take, Act::Status(410)], Act::Take);
    let hooks = [webhook(&house, "a", &receiver.url)];
    let mut couriers = Couriers::start(&house, &hooks).await;
    happen(&house, 3).await;
    let task = couriers.0.pop().expect("one task");
    tokio::time::timeout(PATIENCE, task).await.expect("it ends").expect("without a panic");
    assert_eq!(receiver.got().len(), 2);
    assert_eq!(counted(&house.doors.settler.metrics, "a", "stopped"), 1);
    let _couriers = Couriers::start(&house, &hooks).await;
    let got = receiver.taken(3).await;
    assert_order(&got);
    assert_eq!(seqs(&got), [1, 2, 3], "nothing was lost meanwhile");
}

#[tokio::test]
async fn what_is_refused_too_often_or_too_old_is_given_up_and_counted() {
    let house = house(|_| {}).await;
    let receiver = Receiver::open(SECRET).await;
    // Three refusals end the first; the second is taken, for that it was down, slow, early or
    // overloaded between does not count; the third is too old for a second try.
    let plan = [
        Act::Status(400),
        Act::Status(404),
        Act::Redirect,
        Act::Status(422),
        Act::Status(500),
        Act::Status(408),
        Act::Status(425),
        Act::Later(503, "0"),
        Act::Status(501),
        Act::Status(400),
        Act::Take,
        Act::HangUp,
    ];
    receiver.plan(plan, Act::Take);
    let hook =
        WebhookConfig { refusals_max: 3, age_max_s: 100, ..webhook(&house, "a", &receiver.url) };
    let _couriers = Couriers::start(&house, &[hook]).await;
    happen(&house, 2).await;
    let audit = &house.doors.settler.audit;
    let old = Record { at_ms: now_ms() - 200_000, ..record(3, Event::Judged(Verdict::Hold)) };
    audit.record(old, None);
    audit.record(record(4, Event::Judged(Verdict::Hold)), None);
    audit.flush().await;
    let got = receiver.taken(2).await;
    assert_order(&got);
    let tries: Vec<_> = got.iter().map(Got::seq).collect();
    assert_eq!(tries, [1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 3, 4]);
    assert_eq!(seqs(&got), [2, 4]);
    assert_eq!(counted(&house.doors.settler.metrics, "a", "dead"), 2);
}

#[tokio::test]
async fn a_slow_endpoint_delays_nobody_else() {
    let house = house(|_| {}).await;
    let (slow, quick) = (Receiver::open(SECRET).await, Receiver::open(SECRET).await);
    slow.plan([], Act::Hang);
    let hooks = [webhook(&house, "slow", &slow.url), webhook(&house, "quick", &quick.url)];
    let _couriers = Couriers::start(&house, &hooks).await;
    happen(&house, 150).await;
    let got = quick.taken(150).await;
    assert_eq!(seqs(&got), (1..=150).collect::<Vec<_>>());
    // It is measured before each try, and one of the next two began after all was recorded.
    let tries = slow.got().len();
    let got = slow.until("two more tries", |got| got.len() >= tries + 2).await;
    assert!(got.iter().all(|got| got.seq() == 1), "it still waits for the first answer");
    let text = house.doors.settler.metrics.render();
    assert!(text.contains("tidegate_webhook_lag{webhook=\"slow\"} 150"), "{text}");
}

#[tokio::test]
async fn what_was_pruned_before_it_was_told_is_told_as_a_gap() {
    let house = house(|_| {}).await;
    let receiver = Receiver::open(SECRET).await;
    let hooks = [webhook(&house, "a", &receiver.url)];
    happen(&house, 1).await;
    Couriers::start(&house, &hooks).await.stop().await;
    happen(&house, 4).await;
    // As retention does it: the oldest records go.
    let gone = |seq: u64| Write {
        table: Table::Records,
        key: format!("{seq:020}"),
        expect: tidegate::store::Expect::Anything,
        value: None,
    };
    house.doors.store.commit((1..=3).map(gone).collect()).await.expect("the store works");
    let _couriers = Couriers::start(&house, &hooks).await;
    let got = receiver.taken(3).await;
    let told = &got[0].body;
    let (missing, kept) = (&told["data"]["first_missing"], &told["data"]["first_kept"]);
    assert_eq!((&told["type"], missing, kept), (&json!("gap"), &json!(2), &json!(4)));
    assert_eq!(seqs(&got), [3, 4, 5], "the gap stands for what is before the fourth");
}

#[tokio::test]
async fn a_place_that_is_in_no_log_is_told_as_a_reset() {
    let house = house(|_| {}).await;
    let receiver = Receiver::open(SECRET).await;
    happen(&house, 2).await;
    let place = Write {
        table: Table::Meta,
        key: "webhook/a".into(),
        expect: tidegate::store::Expect::Anything,
        value: Some(b"9".to_vec()),
    };
    house.doors.store.commit(vec![place]).await.expect("the store works");
    let _couriers = Couriers::start(&house, &[webhook(&house, "a", &receiver.url)]).await;
    let got = receiver.taken(1).await;
    let told = &got[0].body;
    let (kind, asked, id) = (&told["type"], &told["data"]["asked"], &told["data"]["id"]);
    assert_eq!((kind, asked, id), (&json!("reset"), &json!(9), &json!(2)));
    happen(&house, 1).await;
    assert_eq!(seqs(&receiver.taken(2).await), [2, 3]);
}

#[tokio::test]
async fn a_restart_in_the_middle_loses_nothing_and_a_new_endpoint_hears_what_is_new() {
    let house = house(|_| {}).await;
    let receiver = Receiver::open(SECRET).await;
    happen(&house, 5).await;
    let hooks = [webhook(&house, "a", &receiver.url)];
    for round in 1..=10 {
        let couriers = Couriers::start(&house, &hooks).await;
        happen(&house, 7).await;
        // Somewhere in the middle of it, whatever is on its way then.
        receiver.taken(round * 5).await;
        couriers.stop().await;
    }
    let _couriers = Couriers::start(&house, &hooks).await;
    let got = receiver.until("the last", |got| got.last().is_some_and(|g| g.seq() == 75)).await;
    assert_order(&got);
    let mut taken = seqs(&got);
    taken.dedup();
    assert_eq!(taken, (6..=75).collect::<Vec<_>>());
    // What is no more in the settings is forgotten.
    webhooks::prepare(&[], &*house.doors.store, &house.doors.settler.audit).await.expect("a store");
    let left = house.doors.store.load(Table::Meta, "webhook/a").await.expect("a store");
    assert_eq!(left, None);
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_told_nothing() {
    let house = house(|_| {}).await;
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a key");
    let key = rustls_pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der());
    let config =
        tokio_rustls::rustls::ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .expect("ring has them")
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key.expect("a key"))
            .expect("a certificate and its key");
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("its address").port();
    let hook = webhook(&house, "a", &format!("https://localhost:{port}/"));
    let _couriers = Couriers::start(&house, &[hook]).await;
    happen(&house, 1).await;
    for _ in 0..2 {
        let (stream, _) = listener.accept().await.expect("a connection");
        assert!(acceptor.accept(stream).await.is_err(), "it shook hands with anybody");
    }
    assert!(counted(&house.doors.settler.metrics, "a", "retried") >= 1);
    assert_eq!(counted(&house.doors.settler.metrics, "a", "delivered"), 0);
}
