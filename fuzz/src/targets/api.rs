//! Asks the API anything at all: it answers each request, and a failure is never its own.

use std::{
    cell::RefCell,
    path::PathBuf,
    sync::{Arc, LazyLock},
};

use arc_swap::ArcSwap;
use axum::{
    Router,
    body::{Body, Bytes},
    http::{Method, Request, StatusCode},
};
use http_body_util::BodyExt;
use serde_json::Value;
use tidegate::{
    accounts::{Accounts, Scope},
    api,
    audit::Audit,
    config::{Config, HookConfig},
    doors::{Control, Decrees, Doors, Overriding, Ready},
    history::History,
    hold::HoldQueue,
    metrics::Metrics,
    pipeline::Pipeline,
    rules::Ruleset,
    score::Scorer,
    settle::Settler,
};
use tokio::runtime::{Builder, Runtime};
use tower_service::Service;

use crate::{input::Input, memory::Memory};

/// After so many requests the house is built anew, or its memory would fill up.
const REQUESTS_MAX: u32 = 5_000;
const TEXT_BYTES_MAX: usize = 4 * 1024;

const ROUTES: [(Method, &str); 11] = [
    (Method::POST, "/v1/judge"),
    (Method::POST, "/v1/hook/rooms"),
    (Method::POST, "/v1/hook/rooms/withdraw"),
    (Method::POST, "/v1alpha1/comments:analyze"),
    (Method::POST, "/v1alpha1/comments:suggestscore"),
    (Method::POST, "/v1/moderations"),
    (Method::PUT, "/v1/shields/room"),
    (Method::POST, "/v1/senders/room/ana/time-out"),
    (Method::POST, "/v1/senders/room/ana/permit"),
    (Method::POST, "/v1/holds/none/time-out"),
    (Method::GET, "/v1/holds"),
];

static RULES: LazyLock<Arc<Ruleset>> = LazyLock::new(|| {
    let mut config = settings();
    let list = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/words");
    config.wordlists.paths = vec![PathBuf::from(list)];
    Arc::new(Ruleset::build(&config).expect("the rules compile"))
});

/// The doors of one Tidegate, and a token that opens all of them.
struct House {
    runtime: Runtime,
    router: Router,
    token: String,
    left: u32,
}

thread_local! {
    static HOUSE: RefCell<Option<House>> = const { RefCell::new(None) };
}

fn settings() -> Config {
    let mut config = Config {
        state_dir: std::env::temp_dir().join(format!("tidegate-fuzz-api-{}", std::process::id())),
        ..Config::default()
    };
    config.wordlists.embedded = false;
    config.limits.message_bytes_max = TEXT_BYTES_MAX;
    config.api.requests_per_second = 0;
    // Nobody decides, so that nobody waits.
    config.hook = vec![HookConfig { name: "rooms".into(), wait_max_s: 0, ..Default::default() }];
    config
}

impl House {
    fn open() -> House {
        let runtime = Builder::new_current_thread().enable_time().build().expect("a runtime");
        let (router, token) = runtime.block_on(doors());
        House { runtime, router, token, left: REQUESTS_MAX }
    }

    fn ask(&mut self, request: Request<Body>) -> (StatusCode, Bytes) {
        self.left -= 1;
        let router = &mut self.router;
        self.runtime.block_on(async {
            let answer = router.call(request).await.unwrap_or_else(|never| match never {});
            let status = answer.status();
            let body = answer.into_body().collect().await.expect("the body is there");
            (status, body.to_bytes())
        })
    }
}

async fn doors() -> (Router, String) {
    let config = Arc::new(settings());
    std::fs::create_dir_all(&config.state_dir).expect("a folder for the control door");
    let store = Arc::new(Memory::default());
    let metrics = Arc::new(Metrics::new());
    let audit = Audit::open(store.clone(), metrics.clone(), 7, 90).await.expect("a new log");
    let (hold, keep) = (config.hold.clone(), config.retention.clone());
    let holds = HoldQueue::open(store.clone(), audit.clone(), metrics.clone(), hold, keep).await;
    let accounts = Accounts::open(store.clone(), &config.console);
    let token = accounts.issue_token("fuzz", &Scope::ALL).await.expect("a new token");
    let history = Arc::new(History::new(100));
    let rules = Arc::new(ArcSwap::new(RULES.clone()));
    let pipeline = Pipeline { rules, history, scorer: Scorer::none() };
    let doors = Doors {
        decrees: Decrees::open(&*store, &pipeline.history).await.expect("no decrees yet"),
        overriding: Overriding::open(&*store, &pipeline).await.expect("nothing is set yet"),
        control: Control::create(&config.state_dir, config.listen.admin)
            .expect("the file is written"),
        store,
        settler: Arc::new(Settler {
            holds: holds.expect("an empty queue"),
            audit,
            pipeline,
            metrics,
        }),
        accounts,
        ready: Ready::default(),
        config,
    };
    (api::router(doors), token)
}

pub fn check(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let (method, path) = ROUTES[input.below(ROUTES.len())].clone();
    let body = input.bytes();
    HOUSE.with_borrow_mut(|house| {
        if house.as_ref().is_none_or(|house| house.left == 0) {
            // First the old one, whose folder is the same.
            *house = None;
            *house = Some(House::open());
        }
        let house = house.as_mut().expect("it was put there");
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "tidegate.internal")
            .header("content-type", "application/json")
            .header("authorization", format!("Bearer {}", house.token))
            .body(Body::from(body.to_vec()))
            .expect("a request");
        let (status, answer) = house.ask(request);
        assert!(!status.is_server_error(), "{status}: {answer:?}");
        let Ok(answer) = serde_json::from_slice::<Value>(&answer) else {
            return assert!(answer.is_empty(), "{status}: {answer:?} is no JSON");
        };
        match status.is_success() {
            true => check_answer(path, body, &answer),
            false => assert!(answer.is_object(), "{status}: {answer}"),
        }
    });
}

fn check_answer(path: &str, asked: &[u8], answer: &Value) {
    let asked: Value = serde_json::from_slice(asked).unwrap_or_default();
    let verdicts = ["pass", "mask", "hold", "drop"];
    match path {
        "/v1/judge" => match (asked["messages"].as_array(), answer["messages"].as_array()) {
            (Some(asked), Some(answers)) => {
                assert_eq!(asked.len(), answers.len(), "an answer for each");
                asked.iter().zip(answers).for_each(|(asked, line)| check_line(asked, line));
            }
            _ => check_line(&asked, answer),
        },
        "/v1/hook/rooms" => {
            let action = answer["action"].as_str().unwrap_or_default();
            assert!(verdicts.contains(&action), "{answer}");
            assert_eq!(answer["text"].is_string(), action == "mask", "{answer}");
        }
        "/v1alpha1/comments:analyze" => {
            let text = asked["comment"]["text"].as_str().unwrap_or_default();
            let units = text.encode_utf16().count() as u64;
            let scores = answer["attributeScores"].as_object().into_iter().flatten();
            for (_, scores) in scores {
                for span in scores["spanScores"].as_array().into_iter().flatten() {
                    let (begin, end) = (span["begin"].as_u64(), span["end"].as_u64());
                    let (begin, end) = (begin.unwrap_or(u64::MAX), end.unwrap_or(u64::MAX));
                    assert!(begin <= end && end <= units, "{span} of {units} units");
                }
            }
        }
        "/v1/moderations" => {
            let texts = asked["input"].as_array().map_or(1, Vec::len);
            assert_eq!(answer["results"].as_array().map(Vec::len), Some(texts), "{answer}");
        }
        _ => {}
    }
}

fn check_line(asked: &Value, line: &Value) {
    let text = asked["text"].as_str().unwrap_or_default();
    assert_eq!(line["id"], asked["id"], "the id as it came");
    if line["error"].is_string() {
        return;
    }
    for finding in line["findings"].as_array().into_iter().flatten() {
        let Some([start, end]) = finding["span"].as_array().map(Vec::as_slice) else { continue };
        let place = |at: &Value| at.as_u64().and_then(|at| usize::try_from(at).ok());
        let (start, end) = (place(start).expect("a place"), place(end).expect("a place"));
        assert!(text.get(start..end).is_some_and(|said| !said.is_empty()), "{finding}: {text:?}");
    }
}
