//! Runs the process: starts it, drains it at the end, and lets another one take over from it.

use std::{
    io,
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, Weak},
    time::Duration,
};

use futures_util::future::{join, join_all};
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::{JoinHandle, spawn_blocking},
    time::timeout,
};

use crate::{
    accounts::Accounts,
    config::Config,
    doors::Ready,
    settle::Settler,
    store::{Store, StoreError},
};

mod accept;
mod house;
mod predecessor;
mod retired;
mod signals;
mod sockets;
mod succession;
mod successor;
mod tls;
mod upgrade;

use accept::{Door, Stop};
use house::House;
pub use house::bots_wrong;
pub use predecessor::{Apology, Predecessor};
use retired::{Leaving, Retired};
use signals::{Signals, Wish};
use successor::Errands;

/// The doors' places among all stops.
const CHAT: usize = 0;
const CONSOLE: usize = 1;
const ADMIN: usize = 2;

/// For bots to end what is under way, before anything else is given up.
const BOTS_WAIT: Duration = Duration::from_secs(5);
/// For the answers to requests at the console and the API that are under way. Nobody is served
/// meanwhile.
const ANSWERS_WAIT: Duration = Duration::from_millis(300);
/// For records to reach the disk.
const FLUSH_WAIT: Duration = Duration::from_secs(2);

/// Why Tidegate does not start; all of it is the operator's to mend.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Nothing was bound yet.
    #[error("{}", .0.join("\n"))]
    Config(Vec<String>),
    #[error("{address} cannot be listened on: {cause}")]
    Bind { address: SocketAddr, cause: io::Error },
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("{place} cannot be written: {cause}")]
    State { place: String, cause: io::Error },
    #[error("the system delivers no signals: {0}")]
    Signals(io::Error),
    #[error("the running process cannot be taken over from: {0}")]
    Succession(io::Error),
}

/// A started Tidegate.
pub struct Running {
    pub chat: SocketAddr,
    pub console: SocketAddr,
    pub admin: SocketAddr,
    pub accounts: Accounts,
    window: Duration,
    grace: Duration,
    /// Tells the chat's sessions to close.
    draining: watch::Sender<bool>,
    /// Tells bots to end.
    resting: watch::Sender<bool>,
    stops: [Stop; 3],
    ready: Ready,
    chat_door: Door,
    console_door: Door,
    settler: Arc<Settler>,
    store: Weak<dyn Store>,
    bots: Vec<JoinHandle<()>>,
    tasks: Vec<JoinHandle<()>>,
    house: House,
}

/// Runs until SIGTERM or SIGINT, then drains; or until another process has taken over.
///
/// # Errors
/// Whatever keeps it from starting.
pub async fn run(
    config: Config,
    file: Option<PathBuf>,
    predecessor: Option<Predecessor>,
) -> Result<(), StartError> {
    let mut signals = Signals::listen().map_err(StartError::Signals)?;
    let (upgrades, mut asked) = mpsc::channel(1);
    let (inherited, mut old) = match predecessor {
        Some(predecessor) => predecessor.meet().map(|(sockets, old)| (Some(sockets), Some(old)))?,
        None => (None, None),
    };
    let house = House::prepare(config, file, inherited, Some(upgrades))?;
    if let Some(old) = &mut old {
        old.wait_for_store().await?;
    }
    let mut running = house.open().await?;
    let before = match old {
        Some(mut old) => {
            old.ready().await?;
            Some(tokio::spawn(old.serve(running.settler.clone())))
        }
        None => {
            upgrade::notify(sd_notify::NotifyState::Ready);
            None
        }
    };
    loop {
        let answer: Option<oneshot::Sender<_>> = tokio::select! {
            wish = signals.next() => match wish {
                Wish::End => break,
                Wish::Upgrade => None,
            },
            Some(answer) = asked.recv() => Some(answer),
        };
        let busy = before.as_ref().is_some_and(|before| !before.is_finished());
        let raised = match busy {
            true => Err("the process of before has not ended yet".to_owned()),
            false => tokio::select! {
                raised = running.raise() => raised,
                () = signals.end() => break,
            },
        };
        let done = match raised {
            Ok(successor) => upgrade::hand_over(running, successor).await?,
            Err(cause) => upgrade::Done::Kept(Box::new(running), cause),
        };
        match done {
            upgrade::Done::Gone(last) => {
                upgrade::answer(answer, Ok(last.pid));
                tokio::select! {
                    () = last.drain() => {}
                    () = signals.end() => {}
                }
                return Ok(());
            }
            upgrade::Done::Kept(kept, cause) => {
                tracing::error!(cause, "not upgraded: this process goes on");
                upgrade::answer(answer, Err(cause));
                running = *kept;
            }
        }
    }
    tracing::info!("draining");
    running.stop().await;
    Ok(())
}

/// Starts everything; it runs on the runtime's tasks until [`Running::stop`].
///
/// # Errors
/// Whatever keeps it from starting; nothing is left running then.
pub async fn start(config: Config, file: Option<PathBuf>) -> Result<Running, StartError> {
    House::prepare(config, file, None, None)?.open().await
}

impl Running {
    /// Stops accepting, closes what is open over the drain window, and ends within the grace time,
    /// and up to four seconds for what is being written; the store is free for the next process
    /// then.
    pub async fn stop(mut self) {
        self.ready.set(false);
        // Nobody waits in the kernel's queue for a process that does not come.
        drop(self.house);
        self.stops[CHAT].close();
        self.draining.send_replace(true);
        self.resting.send_replace(true);
        let ended = join(self.chat_door.emptied(), join_all(&mut self.bots));
        let _ = timeout(self.grace, ended).await;
        self.stops.iter().for_each(Stop::close);
        let _ = timeout(FLUSH_WAIT, self.settler.audit.flush()).await;
        for task in self.bots.into_iter().chain(self.tasks) {
            task.abort();
        }
        drop((self.accounts, self.settler, self.chat_door));
        let freed = async {
            while self.store.strong_count() > 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        if timeout(Duration::from_secs(2), freed).await.is_err() {
            tracing::warn!("something still uses the store");
        }
    }

    /// Gives up everything but the live chat connections. The ports stay open and accept nobody;
    /// the store is free when this returns. What sessions want of it waits for whoever has it.
    async fn retire(mut self) -> Retired {
        self.resting.send_replace(true);
        let _ = timeout(BOTS_WAIT, join_all(&mut self.bots)).await;
        // Streams of events end with this, too.
        self.ready.set(false);
        self.stops.iter().for_each(Stop::shut);
        self.stops[CONSOLE].close();
        let asked = self.settler.holds.hand_over();
        let passed = self.settler.audit.hand_over();
        let _ = timeout(ANSWERS_WAIT, self.console_door.emptied()).await;
        for task in self.bots.into_iter().chain(self.tasks) {
            task.abort();
        }
        let _ = timeout(FLUSH_WAIT, self.settler.audit.flush()).await;
        if let Some(store) = self.store.upgrade() {
            // It ends with what is being written now, and cannot fail.
            let _ = spawn_blocking(move || store.close()).await;
        }
        let Running { house, chat_door, stops, draining, window, grace, .. } = self;
        let errands = Errands { asked, passed };
        Retired { house, errands, leaving: Leaving { chat_door, stops, draining, window, grace } }
    }
}
