//! Runs the three doors over a real store on ports of their own, and asks them raw HTTP.

use std::{
    fmt::Write,
    fs,
    net::SocketAddr,
    path::PathBuf,
    sync::{
        Arc, LazyLock,
        atomic::{AtomicU64, Ordering},
    },
};

use arc_swap::ArcSwap;
use serde_json::Value;
use tidegate::{
    accounts::{Accounts, Role, Scope},
    admin, api,
    audit::Audit,
    config::{Config, HistoryConfig, OnExpiry, Position},
    console,
    doors::{Control, Decrees, Doors, Overriding, Ready},
    history::History,
    hold::{Hold, HoldQueue, State, StoredFrame},
    message::{Category, Finding, Language, Sender, Severity, Standing, now_ms},
    metrics::Metrics,
    pipeline::Pipeline,
    rules::Ruleset,
    score::Scorer,
    settle::Settler,
    store::{self, Store},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

pub const PASSWORD: &str = "correct horse battery";

/// No test here changes the rules, and unoptimised code takes its time to compile them.
static RULES: LazyLock<Arc<Ruleset>> = LazyLock::new(|| {
    Arc::new(Ruleset::build(&Config::default()).expect("the default rules compile"))
});

/// Everything that a test asks, and the folder that goes with it.
pub struct House {
    pub console: SocketAddr,
    pub admin: SocketAddr,
    pub doors: Doors,
    pub dir: PathBuf,
    pub token: String,
}

impl Drop for House {
    fn drop(&mut self) {
        // A folder that stays behind harms nobody.
        let _ = fs::remove_dir_all(&self.dir);
    }
}

/// Who lives in a house from their first login on; not at once, because a hash takes its time.
const PEOPLE: [(&str, Role); 4] = [
    ("vera", Role::Viewer),
    ("ana", Role::Moderator),
    ("ben", Role::Moderator),
    ("adam", Role::Admin),
];

pub async fn house(change: impl FnOnce(&mut Config)) -> House {
    house_with(Scorer::none(), change).await
}

/// A house with a model.
pub async fn house_with(scorer: Scorer, change: impl FnOnce(&mut Config)) -> House {
    house_over(scorer, |store| store, change).await
}

/// A house whose store is looked at, or tampered with, by the test.
pub async fn house_over(
    scorer: Scorer,
    wrap: impl FnOnce(Arc<dyn Store>) -> Arc<dyn Store>,
    change: impl FnOnce(&mut Config),
) -> House {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let dir = std::env::temp_dir().join(format!("tidegate-doors-{}-{count}", std::process::id()));
    fs::create_dir_all(&dir).expect("the folder for temporary files can be written");
    let console = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let admin = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let mut config = Config { state_dir: dir.clone(), ..Config::default() };
    config.listen.console = console.local_addr().expect("it is bound");
    config.listen.admin = admin.local_addr().expect("it is bound");
    change(&mut config);
    let (doors, token) = doors(config, scorer, wrap).await;
    let house = House {
        console: doors.config.listen.console,
        admin: doors.config.listen.admin,
        doors: doors.clone(),
        dir,
        token,
    };
    let public = console::router(doors.clone()).merge(api::router(doors.clone()));
    let public = public.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async { axum::serve(console, public).await });
    tokio::spawn(async { axum::serve(admin, admin::router(doors)).await });
    house
}

async fn doors(
    config: Config,
    scorer: Scorer,
    wrap: impl FnOnce(Arc<dyn Store>) -> Arc<dyn Store>,
) -> (Doors, String) {
    let config = Arc::new(config);
    let store = wrap(store::open(&config.state_dir).expect("a new store opens"));
    let metrics = Arc::new(Metrics::new());
    let audit = Audit::open(store.clone(), metrics.clone(), 7, 90).await.expect("a new chain");
    let (hold, keep) = (config.hold.clone(), config.retention.clone());
    let holds = HoldQueue::open(store.clone(), audit.clone(), metrics.clone(), hold, keep).await;
    let accounts = Accounts::open(store.clone(), &config.console);
    let token = accounts.issue_token("bot", &[Scope::Judge]).await.expect("a new token");
    let history = HistoryConfig { senders_max: 1_000, ..config.history.clone() };
    let history = Arc::new(History::open(&history));
    let pipeline = Pipeline { rules: Arc::new(ArcSwap::new(RULES.clone())), history, scorer };
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
    (doors, token)
}

pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("the body is JSON")
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.into_iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// The session cookie that this answer sets, as a browser would send it.
    pub fn cookie(&self) -> String {
        let cookie = self.header("set-cookie").expect("a cookie is set");
        cookie.split(';').next().unwrap_or_default().to_owned()
    }
}

/// One request as it is, and the whole answer.
pub async fn raw(to: SocketAddr, request: &str) -> Answer {
    let mut stream = TcpStream::connect(to).await.expect("the port answers");
    stream.write_all(request.as_bytes()).await.expect("the request is taken");
    let mut bytes = Vec::new();
    // A refused body may be answered with a reset after the answer.
    let _ = stream.read_to_end(&mut bytes).await;
    let text = String::from_utf8(bytes).expect("answers are UTF-8");
    let (head, body) = text.split_once("\r\n\r\n").expect("a whole head");
    let status = head.split(' ').nth(1).and_then(|s| s.parse().ok()).expect("a status");
    Answer { status, head: head.to_owned(), body: body.to_owned() }
}

/// The text of a request with a length, so that the connection can close after it.
pub fn request(method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> String {
    let mut text = format!("{method} {path} HTTP/1.1\r\nconnection: close\r\n");
    for (name, value) in headers {
        let _ = write!(text, "{name}: {value}\r\n");
    }
    let _ = write!(text, "content-length: {}\r\n\r\n{body}", body.len());
    text
}

impl House {
    pub fn origin(&self) -> String {
        format!("http://{}", self.console)
    }

    /// As the page asks: its own origin, its header, JSON.
    pub async fn page(&self, method: &str, path: &str, cookie: &str, body: &str) -> Answer {
        let (host, origin) = (self.console.to_string(), self.origin());
        let headers = [
            ("host", host.as_str()),
            ("origin", &origin),
            ("x-tidegate", "1"),
            ("content-type", "application/json"),
            ("cookie", cookie),
        ];
        raw(self.console, &request(method, path, &headers, body)).await
    }

    /// Gives one of `PEOPLE` the account, unless it is there.
    pub async fn settle(&self, name: &str) {
        if let Some((name, role)) = PEOPLE.into_iter().find(|(known, _)| *known == name) {
            let _ = self.doors.accounts.add(name, role, PASSWORD, false).await;
        }
    }

    pub async fn log_in(&self, name: &str, password: &str) -> Answer {
        self.settle(name).await;
        let body = serde_json::json!({ "name": name, "password": password }).to_string();
        self.page("POST", "/login", "", &body).await
    }

    /// A session's cookie.
    pub async fn cookie(&self, name: &str) -> String {
        let answer = self.log_in(name, PASSWORD).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.cookie()
    }

    pub async fn act(&self, cookie: &str, id: &str, act: &str, body: &str) -> Answer {
        self.page("POST", &format!("/api/holds/{id}/{act}"), cookie, body).await
    }

    /// Holds a message; its sender has no connection.
    pub async fn hold(&self, text: &str) -> Arc<Hold> {
        let severity = Severity::new(2).expect("2 is a severity");
        let span = text.find("blorp").map(|at| at..at + 5);
        let finding = Finding {
            rule: "terms".into(),
            category: Category::Profanity,
            severity,
            span,
            why: "blorp in en/profanity".into(),
            shadow: false,
            scored: None,
        };
        let hold = Hold {
            id: self.doors.settler.holds.fresh_id(),
            route: "main".into(),
            mode: Position::Inline,
            channel: "lobby".into(),
            sender: Sender { id: "u1".into(), name: "otter".into(), roles: Vec::new() },
            message_id: None,
            identity: None,
            live: 0,
            language: Language::En,
            text: text.to_owned(),
            findings: vec![finding],
            frame: StoredFrame { binary: false, bytes: text.as_bytes().to_vec() },
            rules: "test".into(),
            decided_by: "policy standard, profanity 2".into(),
            rule: "profanity".into(),
            held_ms: now_ms(),
            expires_ms: now_ms() + 600_000,
            on_expiry: OnExpiry::Drop,
            attended_ms: None,
            state: State::Held,
            decided: None,
            paid: None,
            standing: Standing::default(),
        };
        self.doors.settler.holds.hold(hold).await.expect("there is room")
    }
}
