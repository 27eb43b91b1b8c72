//! Starts the process that takes over, and gives it what this one has.

use std::{
    collections::HashMap,
    io,
    os::{fd::OwnedFd, unix::net::UnixStream},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use tokio::{
    sync::{mpsc, oneshot},
    time::timeout,
};

use super::{
    sockets::Sockets,
    succession::{FromNew, FromOld, Talk, VARIABLE},
};
use crate::{
    audit::Passed,
    hold::{Asked, HoldError},
};

/// For reading rules and model, while this process goes on as before.
const PREPARED_WAIT: Duration = Duration::from_secs(60);
/// For opening the store, while whoever connects waits.
const READY_WAIT: Duration = Duration::from_secs(30);

/// The process that takes over. It is killed when this is dropped before it has.
pub struct Successor {
    child: Option<Child>,
    talk: Talk,
}

/// What live sessions ask of the process that has the store.
pub struct Errands {
    pub asked: mpsc::Receiver<Asked>,
    pub passed: mpsc::Receiver<Passed>,
}

impl Successor {
    /// Starts the program with this one's arguments and waits until it lacks the store alone.
    ///
    /// # Errors
    /// Why it does not get there; it is gone then.
    pub async fn raise(program: &Path, sockets: &Sockets) -> Result<Successor, String> {
        // Where the first process ends, its container ends.
        if std::process::id() == 1 {
            return Err("the first process of a container cannot be replaced: replace the \
                        container"
                .to_owned());
        }
        let mut successor = spawn(program, sockets)
            .map_err(|cause| format!("{} cannot be started: {cause}", program.display()))?;
        match successor.hear(PREPARED_WAIT).await? {
            FromNew::Prepared => Ok(successor),
            other => Err(format!("it said {other:?} first")),
        }
    }

    /// Tells it that the store is free, and waits until it accepts connections.
    ///
    /// # Errors
    /// Why it does not; it is still there until this is dropped, and may have the store.
    pub async fn take_over(&mut self) -> Result<u32, String> {
        let told = self.talk.mouth.say(&FromOld::StoreIsFree).await;
        told.map_err(|cause| format!("it cannot be told: {cause}"))?;
        match self.hear(READY_WAIT).await? {
            FromNew::Ready => {}
            other => return Err(format!("it said {other:?} instead of being ready")),
        }
        let child = self.child.take().map(|child| child.id());
        child.ok_or_else(|| "it has taken over before".to_owned())
    }

    /// Has it do what live sessions ask, until nobody is left who might.
    pub async fn serve(mut self, mut errands: Errands) {
        let Talk { ear, mouth } = &mut self.talk;
        let mut waiting = HashMap::<u64, oneshot::Sender<Result<(), HoldError>>>::new();
        let mut number = 0;
        // Until nobody is left who could ask, or wait.
        let (mut asks, mut records) = (true, true);
        while asks || records || !waiting.is_empty() {
            let said = tokio::select! {
                asked = errands.asked.recv(), if asks => match asked {
                    Some(Asked { errand, answer }) => {
                        number += 1;
                        waiting.insert(number, answer);
                        FromOld::Errand { number, errand }
                    }
                    None => {
                        asks = false;
                        continue;
                    }
                },
                passed = errands.passed.recv(), if records => match passed {
                    Some(passed) => FromOld::Record(passed),
                    None => {
                        records = false;
                        continue;
                    }
                },
                heard = ear.hear() => match heard {
                    Ok(Some(FromNew::Done { number, error })) => {
                        if let Some(answer) = waiting.remove(&number) {
                            // A session that ended meanwhile does not want to know.
                            let _ = answer.send(error.map_or(Ok(()), Err));
                        }
                        continue;
                    }
                    Ok(Some(other)) => {
                        tracing::warn!(?other, "the process that took over is not understood");
                        continue;
                    }
                    Ok(None) | Err(_) => {
                        tracing::error!("the process that took over is gone");
                        return;
                    }
                },
            };
            if mouth.say(&said).await.is_err() {
                return;
            }
        }
    }

    async fn hear(&mut self, wait: Duration) -> Result<FromNew, String> {
        match timeout(wait, self.talk.ear.hear()).await {
            Ok(Ok(Some(FromNew::Failed(why)))) => Err(why),
            Ok(Ok(Some(said))) => Ok(said),
            Ok(Ok(None)) => Err(self.end()),
            Ok(Err(cause)) => Err(format!("it cannot be understood: {cause}")),
            Err(_) => Err(format!("it was not there after {} s", wait.as_secs())),
        }
    }

    /// How it ended, without a word.
    fn end(&mut self) -> String {
        let Some(mut child) = self.child.take() else { return "it is gone".to_owned() };
        // It has closed the line; if it lives still, it is of no use.
        let waited = child.try_wait().and_then(|ended| match ended {
            Some(status) => Ok(status),
            None => child.kill().and_then(|()| child.wait()),
        });
        match waited {
            Ok(status) => format!("it ended ({status}) and left a word in the log at most"),
            Err(cause) => format!("it is gone: {cause}"),
        }
    }
}

impl Drop for Successor {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // The store's lock goes with it; a killed process is gone within milliseconds.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn spawn(program: &Path, sockets: &Sockets) -> io::Result<Successor> {
    let (ours, theirs) = UnixStream::pair()?;
    sockets.send(&ours)?;
    let child = Command::new(program)
        .args(std::env::args_os().skip(1))
        .env(VARIABLE, std::process::id().to_string())
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .spawn()?;
    Ok(Successor { child: Some(child), talk: Talk::over(ours)? })
}
