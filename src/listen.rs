//! Binds the ports, puts everything behind them together, and drains it at the end.

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use axum::{body::Body, extract::ConnectInfo};
use hyper::{Request, service::Service};
use hyper_util::service::TowerToHyperService;
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    sync::watch,
    task::JoinHandle,
    time::timeout,
};
use tokio_rustls::TlsAcceptor;

use crate::{
    accounts::Accounts,
    admin, api,
    audit::Audit,
    config::{Config, ListenConfig},
    console,
    doors::{Control, Doors, Ready},
    history::History,
    hold::HoldQueue,
    metrics::Metrics,
    pipeline::Pipeline,
    rules::{self, Ruleset},
    score::Scorer,
    session::{self, Gate, Once, Route},
    store::{self, Expect, Store, StoreError, Table, Write},
};

mod accept;
mod tls;

use accept::Door;

/// Senders that are remembered at once; one costs about half a kilobyte.
const SENDERS_MAX: usize = 100_000;
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
    tasks: Vec<JoinHandle<()>>,
}

/// Runs until SIGTERM or SIGINT, then drains.
///
/// # Errors
/// Whatever keeps it from starting.
pub async fn run(config: Config, file: Option<PathBuf>) -> Result<(), StartError> {
    let mut terminated = signal(SignalKind::terminate()).map_err(StartError::Signals)?;
    let mut interrupted = signal(SignalKind::interrupt()).map_err(StartError::Signals)?;
    let running = start(config, file).await?;
    tokio::select! {
        _ = terminated.recv() => {}
        _ = interrupted.recv() => {}
    }
    tracing::info!("draining");
    running.stop().await;
    Ok(())
}

/// Starts everything; it runs on the runtime's tasks until [`Running::stop`].
///
/// # Errors
/// Whatever keeps it from starting; nothing is left running then.
pub async fn start(mut config: Config, file: Option<PathBuf>) -> Result<Running, StartError> {
    let metrics = Arc::new(Metrics::new());
    let rules = Ruleset::build(&config).map_err(StartError::Config)?;
    let wrong = |cause| StartError::Config(vec![cause]);
    let routes = compile(&config)?;
    let connector = tls::connector().map_err(wrong)?;
    let acceptor = acceptor(&config.listen).map_err(wrong)?;

    let chat = bind(config.listen.chat).await?;
    let doors = bind(config.listen.console).await?;
    let operators = bind(config.listen.admin).await?;
    config.listen.chat = address(&chat)?;
    config.listen.console = address(&doors)?;
    config.listen.admin = address(&operators)?;
    let config = Arc::new(config);

    let store = store::open(&config.state_dir)?;
    let audit = Audit::open(
        store.clone(),
        metrics.clone(),
        config.retention.text_days,
        config.retention.record_days,
    )
    .await?;
    let holds = HoldQueue::open(
        store.clone(),
        audit.clone(),
        metrics.clone(),
        config.hold.clone(),
        config.retention.clone(),
    )
    .await?;
    for route in &routes {
        if let Some(service) = session::service(route, &connector) {
            holds.serve(&route.name, service);
        }
    }
    let pipeline = Pipeline {
        rules: Arc::new(ArcSwap::from_pointee(rules)),
        history: Arc::new(History::new(SENDERS_MAX)),
        scorer: Scorer::none(),
    };
    let (draining, drained) = watch::channel(false);
    let (closing, closed) = watch::channel(false);
    let accounts = Accounts::open(store.clone(), &config.console);
    let control = Control::create(&config.state_dir, config.listen.admin).map_err(|cause| {
        StartError::State { place: config.state_dir.display().to_string(), cause }
    })?;
    let ready = Ready::default();
    let gate = Arc::new(Gate {
        config: config.clone(),
        routes,
        pipeline: pipeline.clone(),
        holds: holds.clone(),
        audit: audit.clone(),
        metrics: metrics.clone(),
        tls: connector,
        secret: secret(&*store).await?,
        once: Once::new(ONCE_MAX),
        draining: drained.clone(),
    });
    let behind = Doors {
        config: config.clone(),
        store,
        holds,
        audit: audit.clone(),
        pipeline: pipeline.clone(),
        accounts: accounts.clone(),
        metrics: metrics.clone(),
        ready: ready.clone(),
        control,
    };
    let listen = &config.listen;
    let door = |name, max, tls: Option<TlsAcceptor>, stop: &watch::Receiver<bool>| {
        Door::new(name, listen, max, tls, metrics.clone(), stop.clone())
    };
    let chat_door = door("chat", listen.connections_max, acceptor.clone(), &drained);
    let console_door = door("console", DOORS_MAX, acceptor, &closed);
    let admin_door = door("admin", DOORS_MAX, None, &closed);
    let pages = console::router(behind.clone()).merge(api::router(behind.clone()));
    let mut tasks = vec![
        tokio::spawn(chat_door.clone().serve(chat, move |peer, place, request| {
            session::answer(gate.clone(), peer, place, request)
        })),
        tokio::spawn(serve_router(console_door, doors, pages)),
        tokio::spawn(serve_router(admin_door, operators, admin::router(behind))),
    ];
    if let Some(file) = file {
        let (running, rules) = (Config::clone(&config), pipeline.rules);
        tasks.push(tokio::spawn(rules::reload_on_change(file, running, rules, metrics)));
    }
    ready.set(true);
    tracing::info!(chat = %listen.chat, console = %listen.console, admin = %listen.admin, "ready");
    Ok(Running {
        chat: listen.chat,
        console: listen.console,
        admin: listen.admin,
        accounts,
        grace: Duration::from_millis(listen.grace_ms),
        draining,
        closing,
        ready,
        chat_door,
        audit,
        tasks,
    })
}

impl Running {
    /// Stops accepting, closes what is open over the drain window, and ends within the grace time.
    pub async fn stop(self) {
        self.ready.set(false);
        // Fails only when every session is gone already.
        let _ = self.draining.send(true);
        let _ = timeout(self.grace, self.chat_door.emptied()).await;
        let _ = self.closing.send(true);
        let _ = timeout(Duration::from_secs(2), self.audit.flush()).await;
        for task in self.tasks {
            task.abort();
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

async fn bind(address: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address).await.map_err(|cause| StartError::Bind { address, cause })
}

fn address(listener: &TcpListener) -> Result<SocketAddr, StartError> {
    let unknown = SocketAddr::from(([0, 0, 0, 0], 0));
    listener.local_addr().map_err(|cause| StartError::Bind { address: unknown, cause })
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
