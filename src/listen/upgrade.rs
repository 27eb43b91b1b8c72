//! Hands the running process's work to another one, or takes it up again.

use std::{path::Path, time::Duration};

use sd_notify::NotifyState;
use tokio::{sync::oneshot, task::JoinHandle, time::timeout};

use super::{Leaving, Retired, Running, StartError, successor::Successor};

/// For the last records to reach the process that took over.
const ERRANDS_WAIT: Duration = Duration::from_secs(1);

/// What came of an upgrade.
pub enum Done {
    /// Another process has everything but the connections that are open here.
    Gone(Box<Last>),
    /// This one goes on, for this reason.
    Kept(Box<Running>, String),
}

/// What a process still does that another has taken over from.
pub struct Last {
    pub pid: u32,
    leaving: Leaving,
    errands: JoinHandle<()>,
}

impl Last {
    /// Closes what is open over the drain window.
    pub async fn drain(self) {
        let Last { leaving, errands, pid } = self;
        leaving.drain().await;
        drop(leaving);
        // It ends with the last session, and waits for the end of nothing else.
        let _ = timeout(ERRANDS_WAIT, errands).await;
        tracing::info!(pid, "drained: the process that took over goes on alone");
    }
}

impl Running {
    pub(super) async fn raise(&self) -> Result<Successor, String> {
        // As it was called: a link may lead to another version now.
        let called = std::env::args_os().next().filter(|called| !called.is_empty());
        let program = called.ok_or_else(|| "this program was called without a name".to_owned())?;
        tracing::info!(?program, "another process is to take over");
        Successor::raise(Path::new(&program), &self.house.sockets).await
    }
}

/// Gives everything to a process that lacks the store alone. Until it accepts connections they
/// wait in the kernel's queue; if it never does, everything is taken up again.
///
/// # Errors
/// It did not take over, and the store cannot be opened again.
pub async fn hand_over(running: Running, mut successor: Successor) -> Result<Done, StartError> {
    let retired = running.retire().await;
    match successor.take_over().await {
        Ok(pid) => {
            let Retired { house, errands, leaving } = retired;
            // The ports are the other's alone from now on.
            drop(house);
            notify(NotifyState::MainPid(pid));
            tracing::info!(pid, "another process has taken over; connections are closed here");
            let errands = tokio::spawn(successor.serve(errands));
            Ok(Done::Gone(Box::new(Last { pid, leaving, errands })))
        }
        Err(cause) => {
            // Killed, if it lives still: it may have the store.
            drop(successor);
            retired.reopen().await.map(|running| Done::Kept(Box::new(running), cause))
        }
    }
}

/// Tells whoever asked, if anybody waits for it.
pub fn answer(asked: Option<oneshot::Sender<Result<u32, String>>>, said: Result<u32, String>) {
    if let Some(asked) = asked {
        // A command that was interrupted does not want to know.
        let _ = asked.send(said);
    }
}

/// Tells systemd, where it started this and wants to know.
pub fn notify(state: NotifyState<'_>) {
    if let Err(cause) = sd_notify::notify(&[state]) {
        tracing::warn!(%cause, "systemd could not be told");
    }
}
