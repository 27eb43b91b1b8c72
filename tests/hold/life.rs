//! Runs the product's durable half on the real store, and kills it.

use std::{
    fs,
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU8, AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::future::BoxFuture;
use tidegate::{
    audit::{Audit, Event, Record},
    config::{HoldConfig, OnExpiry, Position, RetentionConfig},
    hold::{Berth, Hold, HoldQueue, Live, Order, Service, State, StoredFrame},
    message::{Language, Sender, Standing, Verdict},
    metrics::Metrics,
    store::{self, Entries, Store, StoreError, Table, Write},
};
use tokio::time::timeout;

/// Long enough that no test ever gets there by itself.
pub const HOUR_MS: u64 = 60 * 60 * 1000;

pub struct Dir(pub PathBuf);

impl Dir {
    pub fn new() -> Dir {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let next = NEXT.fetch_add(1, Ordering::Relaxed);
        Dir(std::env::temp_dir().join(format!("tidegate-hold-{}-{next}", std::process::id())))
    }

    /// What a kill would leave behind now.
    pub fn killed(&self) -> Dir {
        let copy = Dir::new();
        fs::create_dir_all(&copy.0).unwrap();
        fs::copy(self.0.join("tidegate.redb"), copy.0.join("tidegate.redb")).unwrap();
        copy
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The real store, whose commits can be refused, or carried out and reported as failed.
pub struct Flaky {
    pub store: Arc<dyn Store>,
    pub mode: AtomicU8,
}

pub const WORKS: u8 = 0;
pub const REFUSES: u8 = 1;
pub const LIES: u8 = 2;
/// The same of commits that append to the audit log, and of no others.
pub const NO_RECORDS: u8 = 3;
pub const LIES_OF_RECORDS: u8 = 4;

impl Store for Flaky {
    fn commit(&self, writes: Vec<Write>) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move {
            let appends = writes.iter().any(|write| write.table == Table::Records);
            let mode = match (self.mode.load(Ordering::SeqCst), appends) {
                (NO_RECORDS, true) => REFUSES,
                (LIES_OF_RECORDS, true) => LIES,
                (NO_RECORDS | LIES_OF_RECORDS, false) => WORKS,
                (mode, _) => mode,
            };
            if mode != REFUSES {
                self.store.commit(writes).await?;
            }
            match mode {
                WORKS => Ok(()),
                _ => Err(StoreError::Unavailable { place: "disk".into(), cause: "test".into() }),
            }
        })
    }
    fn load(&self, table: Table, key: &str) -> BoxFuture<'_, Result<Option<Vec<u8>>, StoreError>> {
        self.store.load(table, key)
    }
    fn scan(
        &self,
        table: Table,
        after: &str,
        limit: usize,
    ) -> BoxFuture<'_, Result<Entries, StoreError>> {
        self.store.scan(table, after, limit)
    }
}

/// One run of the product's durable half.
pub struct Life {
    pub store: Arc<Flaky>,
    pub audit: Audit,
    pub metrics: Arc<Metrics>,
    pub queue: HoldQueue,
}

pub fn config() -> HoldConfig {
    HoldConfig {
        held_max: 100,
        held_per_sender_max: 20,
        held_paid_max: 5,
        undo_ms: 60_000,
        reconnect_ms: 60_000,
    }
}

pub async fn live(dir: &Dir, config: HoldConfig) -> Life {
    let store = Arc::new(Flaky { store: store::open(&dir.0).unwrap(), mode: AtomicU8::new(WORKS) });
    let metrics = Arc::new(Metrics::new());
    let audit = Audit::open(store.clone(), metrics.clone(), 7, 90).await.unwrap();
    let retention = RetentionConfig { text_days: 7, record_days: 90 };
    let queue = HoldQueue::open(store.clone(), audit.clone(), metrics.clone(), config, retention);
    Life { queue: queue.await.unwrap(), store, audit, metrics }
}

impl Life {
    /// A message of `sender` by connection `live`, held for an hour.
    pub fn message(&self, live: u64, sender: &str) -> Hold {
        let now = self.queue.now_ms();
        Hold {
            id: self.queue.fresh_id(),
            route: "/chat".into(),
            mode: Position::Inline,
            channel: "room".into(),
            sender: Sender { id: sender.into(), name: sender.into(), roles: Vec::new() },
            message_id: None,
            identity: Some(format!("identity of {sender}")),
            live,
            language: Language::En,
            text: format!("blorp by {sender}"),
            findings: Vec::new(),
            frame: StoredFrame { binary: false, bytes: format!("frame of {sender}").into() },
            rules: "v1".into(),
            decided_by: String::new(),
            rule: String::new(),
            held_ms: now,
            expires_ms: now + HOUR_MS,
            on_expiry: OnExpiry::Drop,
            attended_ms: None,
            state: State::Held,
            decided: None,
            paid: None,
            standing: Standing::default(),
        }
    }

    pub async fn held(&self, live: u64, sender: &str) -> Arc<Hold> {
        self.queue.hold(self.message(live, sender)).await.unwrap()
    }

    pub fn session(&self, sender: &str) -> Berth {
        let identity = Some(format!("identity of {sender}"));
        self.queue.register(Live { route: "/chat".into(), mode: Position::Inline, identity })
    }

    pub fn viewer(&self, route: &str) -> Berth {
        self.queue.register(Live { route: route.into(), mode: Position::Egress, identity: None })
    }

    /// A service connection that notes what it writes.
    pub fn service(&self, answer: Result<(), String>) -> Arc<Mutex<Vec<String>>> {
        let written = Arc::new(Mutex::new(Vec::new()));
        let noted = written.clone();
        let service: Service = Arc::new(move |frame| {
            let text = String::from_utf8_lossy(frame.bytes()).into_owned();
            noted.lock().unwrap().push(text);
            let answer = answer.clone();
            Box::pin(async move { answer })
        });
        self.queue.serve("/chat", service);
        written
    }

    /// Records the verdict on a message with its text, as a session does.
    pub fn record(&self, hold: &Hold) {
        self.audit.record(self.judged(hold), Some(&hold.text));
    }

    pub fn judged(&self, hold: &Hold) -> Record {
        Record {
            id: hold.id.clone(),
            at_ms: self.queue.now_ms(),
            route: hold.route.clone(),
            channel: hold.channel.clone(),
            sender: hold.sender.clone(),
            event: Event::Judged(Verdict::Hold),
            findings: Vec::new(),
            rules: "v1".into(),
            decided_by: String::new(),
            text_sha256: String::new(),
        }
    }

    pub async fn stored(&self, id: &str) -> Option<serde_json::Value> {
        let bytes = self.store.load(Table::Holds, id).await.unwrap()?;
        Some(serde_json::from_slice(&bytes).unwrap())
    }

    pub async fn until(&self, id: &str, state: State) -> Arc<Hold> {
        let mut changes = self.queue.subscribe();
        loop {
            match self.queue.find(id) {
                Some(hold) if hold.state == state => return hold,
                found => {
                    let change = timeout(Duration::from_millis(2 * HOUR_MS), changes.recv()).await;
                    assert!(change.is_ok(), "stays {:?}, not {state:?}", found.map(|f| f.state));
                }
            }
        }
    }

    pub fn metric(&self, line: &str) -> bool {
        self.metrics.render().lines().any(|rendered| rendered == line)
    }
}

pub async fn order(berth: &mut Berth) -> Order {
    let order = timeout(Duration::from_millis(2 * HOUR_MS), berth.orders.recv()).await;
    order.expect("no order came").expect("the queue is gone")
}

pub async fn release(berth: &mut Berth) -> Arc<Hold> {
    match order(berth).await {
        Order::Release(hold) => hold,
        other => panic!("{other:?}"),
    }
}

/// Lets paused time go by, with everything that happens in it.
pub async fn pass(ms: u64) {
    let nothing = std::future::pending::<()>();
    assert!(timeout(Duration::from_millis(ms), nothing).await.is_err());
}
