//! Binds the ports, puts everything behind them together, and drains it at the end.

use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, Weak},
    time::Duration,
};

use arc_swap::ArcSwap;
use axum::{body::Body, extract::ConnectInfo};
use futures_util::future::{join, join_all};
use hyper::{Request, service::Service};
use hyper_util::service::TowerToHyperService;
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    sync::watch,
    task::JoinHandle,
    time::timeout,
};
use tokio_rustls::{TlsAcceptor, rustls::ClientConfig};

use crate::{
    accounts::Accounts,
    admin,
    api::{self, webhooks::Webhook},
    audit::Audit,
    bots::{self, Bot, Tools},
    config::{Config, ListenConfig, RetentionConfig},
    console,
    doors::{Control, Decrees, Doors, Ready},
    history::History,
    hold::HoldQueue,
    metrics::Metrics,
    pipeline::Pipeline,
    rules::{self, Ruleset},
    score::Scorer,
    session::{self, Gate, Once, Route},
    settle::{self, Settler},
    store::{self, Expect, Store, StoreError, Table, Write},
};

mod accept;
mod tls;

use accept::{Door, Places};

/// Messages that egress viewers may still be waiting for, over all channels.
const ONCE_MAX: usize = 10_000;
/// Connections to console and API, and to the admin port.
const DOORS_MAX: usize = 1_024;

/// Why Tidegate does not start; all of it is the operator's to mend.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Nothing was bound yet.
    #[error("{}", .0.join("\n"))]
    Config(Vec<String>),
    #[error("{address} cannot be listened on: {cause}")]
    Bind { address: SocketAddr, cause: std::io::Error },
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("{place} cannot be written: {cause}")]
    State { place: String, cause: std::io::Error },
    #[error("the system delivers no signals: {0}")]
    Signals(std::io::Error),
}

/// A started Tidegate.
pub struct Running {
    pub chat: SocketAddr,
    pub console: SocketAddr,
    pub admin: SocketAddr,
    pub accounts: Accounts,
    grace: Duration,
    draining: watch::Sender<bool>,
    closing: watch::Sender<bool>,
    ready: Ready,
    chat_door: Door,
    audit: Audit,
    store: Weak<dyn Store>,
    bots: Vec<JoinHandle<()>>,
    tasks: Vec<JoinHandle<()>>,
}

/// Runs until SIGTERM or SIGINT, then drains.
///
/// # Errors
/// Whatever keeps it from starting.
pub async fn run(config: Config, file: Option<PathBuf>) -> Result<(), StartError> {
    let mut terminated = signal(SignalKind::terminate()).map_err(StartError::Signals)?;
    let mut interrupted = signal(SignalKind::interrupt()).map_err(StartError::Signals)?;
    // The reloader listens to this signal as well; without a file there is nothing to reload, and
    // the signal must not end the process.
    let _hangup = signal(SignalKind::hangup()).map_err(StartError::Signals)?;
    let running = start(config, file).await?;
    tokio::select! {
        _ = terminated.recv() => {}
        _ = interrupted.recv() => {}
    }
    tracing::info!("draining");
    running.stop().await;
    Ok(())
}

/// What is wrong with the settings of bots, their secrets' files included.
pub fn bots_wrong(config: &Config) -> Vec<String> {
    match tls::connector() {
        Ok(tls) => bots::open(config, &Tools::new(tls)).err().unwrap_or_default(),
        Err(cause) => vec![cause],
    }
}

fn webhooks(config: &Config) -> Result<Vec<Webhook>, StartError> {
    let said = |(key, cause): (String, String)| format!("{key}: {cause}");
    let wrong = |wrong: Vec<_>| StartError::Config(wrong.into_iter().map(said).collect());
    api::webhooks::open(config).map_err(wrong)
}

/// Starts everything; it runs on the runtime's tasks until [`Running::stop`].
///
/// # Errors
/// Whatever keeps it from starting; nothing is left running then.
pub async fn start(mut config: Config, file: Option<PathBuf>) -> Result<Running, StartError> {
    let rules = Ruleset::build(&config).map_err(StartError::Config)?;
    let routes = compile(&config)?;
    let metrics = Arc::new(Metrics::new());
    let scorer = Scorer::open(&config.score, metrics.clone()).map_err(StartError::Config)?;
    let pipeline = Pipeline {
        rules: Arc::new(ArcSwap::from_pointee(rules)),
        history: Arc::new(History::open(&config.history)),
        scorer,
    };
    let wrong = |cause| StartError::Config(vec![cause]);
    let tls = tls::connector().map_err(wrong)?;
    let acceptor = acceptor(&config.listen).map_err(wrong)?;
    let bots = bots::open(&config, &Tools::new(tls.clone())).map_err(StartError::Config)?;
    let webhooks = webhooks(&config)?;

    let chat = bind(&mut config.listen.chat).await?;
    let pages = bind(&mut config.listen.console).await?;
    let operators = bind(&mut config.listen.admin).await?;

    let (draining, drained) = watch::channel(false);
    let (closing, closed) = watch::channel(false);
    let (gate, behind) =
        assemble(config, pipeline, metrics, routes, tls.clone(), drained.clone()).await?;
    api::webhooks::prepare(&webhooks, &*behind.store, &behind.settler.audit).await?;
    let listen = &behind.config.listen;
    let [chat_door, console_door, admin_door] = open_doors(&behind, acceptor, drained, closed);
    let console = console::router(behind.clone()).merge(api::router(behind.clone()));
    let mut tasks = vec![
        tokio::spawn(chat_door.clone().serve(chat, move |peer, place, request| {
            session::answer(gate.clone(), peer, place, request)
        })),
        tokio::spawn(serve_router(console_door, pages, console)),
        tokio::spawn(serve_router(admin_door, operators, admin::router(behind.clone()))),
    ];
    let work =
        |bot: Bot| bot.run(behind.settler.clone(), behind.store.clone(), draining.subscribe());
    let bots = bots.into_iter().map(|bot| tokio::spawn(work(bot))).collect();
    tasks.extend(api::webhooks::start(webhooks, &tls, &behind.store, &behind.settler));
    tasks.push(tokio::spawn(behind.clone().age_appeals()));
    if let Some(file) = file {
        let running = Config::clone(&behind.config);
        let Pipeline { rules, scorer, .. } = behind.settler.pipeline.clone();
        let reload =
            rules::reload_on_change(file, running, rules, scorer, behind.settler.metrics.clone());
        tasks.push(tokio::spawn(reload));
    }
    behind.ready.set(true);
    tracing::info!(chat = %listen.chat, console = %listen.console, admin = %listen.admin, "ready");
    Ok(Running {
        chat: listen.chat,
        console: listen.console,
        admin: listen.admin,
        accounts: behind.accounts,
        grace: Duration::from_millis(listen.grace_ms),
        draining,
        closing,
        ready: behind.ready,
        chat_door,
        audit: behind.settler.audit.clone(),
        store: Arc::downgrade(&behind.store),
        bots,
        tasks,
    })
}

/// The ports for chat, for console and API, and for operators.
fn open_doors(
    behind: &Doors,
    tls: Option<TlsAcceptor>,
    drained: watch::Receiver<bool>,
    closed: watch::Receiver<bool>,
) -> [Door; 3] {
    let listen = &behind.config.listen;
    let door = |name, places: &Places, tls: Option<TlsAcceptor>, stop: watch::Receiver<bool>| {
        Door::new(name, listen, places, tls, behind.settler.metrics.clone(), stop)
    };
    let of_one = listen.connections_per_ip_max;
    let proxies = &behind.config.console.proxies[..];
    let viewers = Places { all: listen.connections_max, of_one, proxies: &[] };
    // One address cannot lock all others out.
    let callers = Places { all: DOORS_MAX, of_one: of_one.min(DOORS_MAX / 2), proxies };
    [
        door("chat", &viewers, tls.clone(), drained),
        door("console", &callers, tls, closed.clone()),
        door("admin", &callers, None, closed),
    ]
}

/// Opens the store and puts together what sessions share and what stands behind the doors.
async fn assemble(
    config: Config,
    pipeline: Pipeline,
    metrics: Arc<Metrics>,
    routes: Vec<Arc<Route>>,
    tls: Arc<ClientConfig>,
    draining: watch::Receiver<bool>,
) -> Result<(Arc<Gate>, Doors), StartError> {
    let config = Arc::new(config);
    let store = store::open(&config.state_dir)?;
    let RetentionConfig { text_days, record_days } = config.retention;
    let audit = Audit::open(store.clone(), metrics.clone(), text_days, record_days).await?;
    let holds = HoldQueue::open(
        store.clone(),
        audit.clone(),
        metrics.clone(),
        config.hold.clone(),
        config.retention.clone(),
    )
    .await?;
    for route in &routes {
        if let Some(service) = session::service(route, &tls) {
            holds.serve(&route.name, service);
        }
    }
    let control = Control::create(&config.state_dir, config.listen.admin).map_err(|cause| {
        StartError::State { place: config.state_dir.display().to_string(), cause }
    })?;
    let settler = Arc::new(Settler { pipeline, holds, audit, metrics });
    tokio::spawn(settle::follow(Arc::downgrade(&settler)));
    let gate = Arc::new(Gate {
        config: config.clone(),
        routes,
        settler: settler.clone(),
        tls,
        secret: secret(&*store).await?,
        once: Once::new(ONCE_MAX),
        draining,
    });
    let accounts = Accounts::open(store.clone(), &config.console);
    let ready = Ready::default();
    let decrees = Decrees::open(&*store, &settler.pipeline.history).await?;
    settler.heed_bans().await;
    let doors = Doors { config, store, settler, accounts, decrees, ready, control };
    Ok((gate, doors))
}

impl Running {
    /// Stops accepting, closes what is open over the drain window, and ends within the grace time,
    /// and up to four seconds for what is being written; the store is free for the next process
    /// then.
    pub async fn stop(mut self) {
        self.ready.set(false);
        // Fails only when every session is gone already.
        let _ = self.draining.send(true);
        let ended = join(self.chat_door.emptied(), join_all(&mut self.bots));
        let _ = timeout(self.grace, ended).await;
        let _ = self.closing.send(true);
        let _ = timeout(Duration::from_secs(2), self.audit.flush()).await;
        for task in self.bots.into_iter().chain(self.tasks) {
            task.abort();
        }
        drop((self.accounts, self.audit, self.chat_door));
        let freed = async {
            while self.store.strong_count() > 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        if timeout(Duration::from_secs(2), freed).await.is_err() {
            tracing::warn!("something still uses the store");
        }
    }
}

fn compile(config: &Config) -> Result<Vec<Arc<Route>>, StartError> {
    let mut wrong = Vec::new();
    let mut routes = Vec::with_capacity(config.route.len());
    for route in &config.route {
        match Route::compile(route) {
            Ok(route) => routes.push(Arc::new(route)),
            Err(cause) => wrong.push(cause),
        }
    }
    match wrong.is_empty() {
        true => Ok(routes),
        false => Err(StartError::Config(wrong)),
    }
}

fn acceptor(listen: &ListenConfig) -> Result<Option<TlsAcceptor>, String> {
    match (&listen.tls_cert, &listen.tls_key) {
        (Some(cert), Some(key)) => tls::acceptor(cert, key).map(Some),
        (None, None) => Ok(None),
        _ => Err("listen: tls_cert and tls_key come together".to_owned()),
    }
}

/// Listens on an address and fills in the port where it was left open.
async fn bind(address: &mut SocketAddr) -> Result<TcpListener, StartError> {
    let failed = |cause| StartError::Bind { address: *address, cause };
    let listener = TcpListener::bind(*address).await.map_err(failed)?;
    *address = listener.local_addr().map_err(failed)?;
    Ok(listener)
}

/// What identities are hashed with: made at the first start, then always the same.
async fn secret(store: &dyn Store) -> Result<Vec<u8>, StoreError> {
    const KEY: &str = "identity_secret";
    if let Some(secret) = store.load(Table::Meta, KEY).await? {
        return Ok(secret);
    }
    let mut secret = vec![0; 32];
    getrandom::fill(&mut secret).map_err(|cause| StoreError::Unavailable {
        place: "the system's randomness".to_owned(),
        cause: cause.to_string(),
    })?;
    let value = Some(secret.clone());
    let write = Write { table: Table::Meta, key: KEY.into(), expect: Expect::Absent, value };
    store.commit(vec![write]).await?;
    Ok(secret)
}

/// Serves axum's routes on a door, noting each caller's address.
async fn serve_router(door: Door, listener: TcpListener, router: axum::Router) {
    door.serve(listener, move |peer, _place, request: Request<_>| {
        let service = TowerToHyperService::new(router.clone());
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(peer.addr));
        async move {
            match service.call(request).await {
                Ok(answer) => answer,
                Err(never) => match never {},
            }
        }
    })
    .await;
}
