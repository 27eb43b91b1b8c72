//! Puts everything together: first what needs neither store nor traffic, then the rest.

use std::{path::PathBuf, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use axum::{body::Body, extract::ConnectInfo};
use hyper::{Request, service::Service};
use hyper_util::service::TowerToHyperService;
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};
use tokio_rustls::{TlsAcceptor, rustls::ClientConfig};

use super::{
    ADMIN, CHAT, CONSOLE, Running, StartError,
    accept::{Door, Places, Stop},
    sockets::Sockets,
    tls,
};
use crate::{
    accounts::Accounts,
    admin,
    api::{self, webhooks::Webhook},
    audit::Audit,
    bots::{self, Bot, Tools},
    config::{Config, ListenConfig, RetentionConfig},
    console,
    doors::{Control, Decrees, Doors, Overriding, Ready, control::Upgrades},
    history::History,
    hold::HoldQueue,
    metrics::Metrics,
    pipeline::Pipeline,
    rules::{self, Ruleset},
    score::{Scorer, Step},
    session::{self, Gate, Once, Route},
    settle::{self, Settler},
    store::{self, Expect, Store, StoreError, Table, Write},
};

/// Messages that egress viewers may still be waiting for, over all channels.
const ONCE_MAX: usize = 10_000;
/// Connections to console and API, and to the admin port.
const DOORS_MAX: usize = 1_024;

/// Everything that can be had before the store: rules, model, ports.
pub struct House {
    config: Arc<Config>,
    file: Option<PathBuf>,
    pipeline: Pipeline,
    metrics: Arc<Metrics>,
    routes: Vec<Arc<Route>>,
    tls: Arc<ClientConfig>,
    acceptor: Option<TlsAcceptor>,
    pub sockets: Sockets,
    /// Where the control door may ask for an upgrade, if anywhere.
    upgrades: Option<Upgrades>,
}

impl House {
    /// Reads rules and model and binds the ports, those that another process passed on left out.
    ///
    /// # Errors
    /// Whatever keeps it from starting.
    pub fn prepare(
        mut config: Config,
        file: Option<PathBuf>,
        inherited: Option<Sockets>,
        upgrades: Option<Upgrades>,
    ) -> Result<House, StartError> {
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
        bots::open(&config, &Tools::new(tls.clone())).map_err(StartError::Config)?;
        webhooks(&config)?;
        let sockets = Sockets::bind(&mut config.listen, inherited)?;
        let config = Arc::new(config);
        Ok(House { config, file, pipeline, metrics, routes, tls, acceptor, sockets, upgrades })
    }

    /// Opens the store and the doors. It can be done again when [`Running::retire`] was for
    /// nothing.
    ///
    /// # Errors
    /// Whatever keeps it from starting; nothing is left running then.
    pub async fn open(self) -> Result<Running, StartError> {
        let bots = bots::open(&self.config, &Tools::new(self.tls.clone()));
        let (bots, webhooks) = (bots.map_err(StartError::Config)?, webhooks(&self.config)?);
        let [chat, pages, operators] = self.sockets.listeners()?;
        let draining = watch::Sender::new(false);
        let resting = watch::Sender::new(false);
        let stops = [Stop::default(), Stop::default(), Stop::default()];
        let (gate, behind) = self.assemble(draining.subscribe()).await?;
        api::webhooks::prepare(&webhooks, &*behind.store, &behind.settler.audit).await?;
        let [chat_door, console_door, admin_door] = open_doors(&behind, &self.acceptor, &stops);
        let console = console::router(behind.clone()).merge(api::router(behind.clone()));
        let mut tasks = vec![
            tokio::spawn(chat_door.clone().serve(chat, move |peer, place, request| {
                session::answer(gate.clone(), peer, place, request)
            })),
            tokio::spawn(serve_router(console_door.clone(), pages, console)),
            tokio::spawn(serve_router(admin_door, operators, admin::router(behind.clone()))),
        ];
        let work =
            |bot: Bot| bot.run(behind.settler.clone(), behind.store.clone(), resting.subscribe());
        let bots = bots.into_iter().map(|bot| tokio::spawn(work(bot))).collect();
        tasks.extend(api::webhooks::start(webhooks, &self.tls, &behind.store, &behind.settler));
        tasks.push(tokio::spawn(behind.clone().age_appeals()));
        tasks.extend(self.reloader());
        behind.ready.set(true);
        let ListenConfig { chat, console, admin, drain_ms, grace_ms, .. } = self.config.listen;
        tracing::info!(%chat, %console, %admin, "ready");
        Ok(Running {
            chat,
            console,
            admin,
            accounts: behind.accounts,
            window: Duration::from_millis(drain_ms),
            grace: Duration::from_millis(grace_ms),
            draining,
            resting,
            stops,
            ready: behind.ready,
            chat_door,
            console_door,
            settler: behind.settler,
            store: Arc::downgrade(&behind.store),
            bots,
            tasks,
            house: self,
        })
    }

    fn reloader(&self) -> Option<JoinHandle<()>> {
        let (file, running) = (self.file.clone()?, Config::clone(&self.config));
        let Pipeline { rules, scorer, .. } = self.pipeline.clone();
        let reload = rules::reload_on_change(file, running, rules, scorer, self.metrics.clone());
        Some(tokio::spawn(reload))
    }

    /// Opens the store and puts together what sessions share and what stands behind the doors.
    async fn assemble(
        &self,
        draining: watch::Receiver<bool>,
    ) -> Result<(Arc<Gate>, Doors), StartError> {
        let House { config, pipeline, metrics, routes, tls, .. } = self;
        let (config, metrics) = (config.clone(), metrics.clone());
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
        for route in routes {
            if let Some(service) = session::service(route, tls) {
                holds.serve(&route.name, service);
            }
        }
        let control = Control::create(&config.state_dir, config.listen.admin).map_err(|cause| {
            StartError::State { place: config.state_dir.display().to_string(), cause }
        })?;
        let control = control.with(self.upgrades.clone());
        let settler = Arc::new(Settler { pipeline: pipeline.clone(), holds, audit, metrics });
        tokio::spawn(settle::follow(Arc::downgrade(&settler)));
        let gate = Arc::new(Gate {
            config: config.clone(),
            routes: routes.clone(),
            settler: settler.clone(),
            tls: tls.clone(),
            secret: secret(&*store).await?,
            once: Once::new(ONCE_MAX),
            draining,
        });
        let accounts = Accounts::open(store.clone(), &config.console);
        let ready = Ready::default();
        let decrees = Decrees::open(&*store, &settler.pipeline.history).await?;
        settler.heed_bans().await;
        let overriding = Overriding::open(&*store, &settler.pipeline).await?;
        let doors = Doors { config, store, settler, accounts, decrees, overriding, ready, control };
        Ok((gate, doors))
    }
}

/// The ports for chat, for console and API, and for operators.
fn open_doors(behind: &Doors, tls: &Option<TlsAcceptor>, stops: &[Stop; 3]) -> [Door; 3] {
    let listen = &behind.config.listen;
    let door = |name, places: &Places, tls: Option<TlsAcceptor>, stop: &Stop| {
        Door::new(name, listen, places, tls, behind.settler.metrics.clone(), stop)
    };
    let scorer = behind.settler.pipeline.scorer.clone();
    let of_one = listen.connections_per_ip_max;
    let proxies = &behind.config.console.proxies[..];
    let viewers = Places { all: listen.connections_max, of_one, proxies: &[] };
    // One address cannot lock all others out.
    let callers = Places { all: DOORS_MAX, of_one: of_one.min(DOORS_MAX / 2), proxies };
    [
        door("chat", &viewers, tls.clone(), &stops[CHAT])
            .refusing(move || scorer.overload() == Step::Newcomers),
        door("console", &callers, tls.clone(), &stops[CONSOLE]),
        door("admin", &callers, None, &stops[ADMIN]),
    ]
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
