//! Takes over from a running process: its sockets, then its store, then what it still asks.

use std::{
    io::{self, Write},
    os::{fd::AsFd, unix::net::UnixStream},
    sync::Arc,
};

use super::{
    StartError,
    sockets::Sockets,
    succession::{Ear, FromNew, FromOld, Mouth, Talk, VARIABLE, line},
};
use crate::settle::Settler;

/// The running process that this one is to take over from.
pub struct Predecessor {
    stream: UnixStream,
    sockets: Sockets,
}

impl Predecessor {
    /// Finds it at standard input, where the environment says that there is one.
    ///
    /// # Errors
    /// It says so, and there is none.
    pub fn find() -> io::Result<Option<Predecessor>> {
        if std::env::var_os(VARIABLE).is_none() {
            return Ok(None);
        }
        let none = |cause: &str| {
            io::Error::other(format!("{VARIABLE} is set for processes that take over: {cause}"))
        };
        let input = io::stdin().as_fd().try_clone_to_owned()?;
        let sockets = Sockets::receive(&input).map_err(|cause| none(&cause.to_string()))?;
        let sockets = sockets.ok_or_else(|| none("no sockets came by standard input"))?;
        Ok(Some(Predecessor { stream: UnixStream::from(input), sockets }))
    }

    /// A way to say that nothing came of it, whatever becomes of the rest.
    pub fn apology(&self) -> io::Result<Apology> {
        Ok(Apology(self.stream.try_clone()?))
    }

    pub(super) fn meet(self) -> Result<(Sockets, Old), StartError> {
        let Talk { ear, mouth } = Talk::over(self.stream).map_err(StartError::Succession)?;
        Ok((self.sockets, Old { ear, mouth }))
    }
}

/// What a process says that cannot take over.
pub struct Apology(UnixStream);

impl Apology {
    pub fn say(mut self, cause: &dyn std::fmt::Display) {
        if let Ok(line) = line(&FromNew::Failed(cause.to_string())) {
            // It sees that this process ends, if nothing else.
            let _ = self.0.write_all(&line);
        }
    }
}

/// The running process, which has kept its store so far.
pub struct Old {
    ear: Ear,
    mouth: Mouth,
}

impl Old {
    /// Says that only the store is missing, and waits until it is free.
    pub async fn wait_for_store(&mut self) -> Result<(), StartError> {
        self.mouth.say(&FromNew::Prepared).await.map_err(StartError::Succession)?;
        match self.ear.hear().await {
            Ok(Some(FromOld::StoreIsFree)) => Ok(()),
            Ok(Some(other)) => {
                let cause = format!("the running process said {other:?} first");
                Err(StartError::Succession(io::Error::other(cause)))
            }
            Ok(None) => {
                let cause = "the running process ended before it gave up its store";
                Err(StartError::Succession(io::Error::other(cause)))
            }
            Err(cause) => Err(StartError::Succession(cause)),
        }
    }

    pub async fn ready(&mut self) -> Result<(), StartError> {
        self.mouth.say(&FromNew::Ready).await.map_err(StartError::Succession)
    }

    /// Does what its live sessions ask, until it has ended.
    pub async fn serve(mut self, settler: Arc<Settler>) {
        // Bounded by the errands that the other has under way.
        let (done, mut ends) = tokio::sync::mpsc::channel(1_024);
        loop {
            let said = tokio::select! {
                heard = self.ear.hear() => heard,
                Some(end) = ends.recv() => match self.mouth.say(&end).await {
                    Ok(()) => continue,
                    Err(_) => return,
                },
            };
            match said {
                Ok(Some(FromOld::Errand { number, errand })) => {
                    let (settler, done) = (settler.clone(), done.clone());
                    tokio::spawn(async move {
                        let error = settler.holds.run(errand).await.err();
                        // It has ended meanwhile, then.
                        let _ = done.send(FromNew::Done { number, error }).await;
                    });
                }
                Ok(Some(FromOld::Record(passed))) => {
                    settler.audit.record(*passed.record, passed.text.as_deref());
                }
                Ok(Some(FromOld::StoreIsFree)) => {}
                Ok(None) => return tracing::info!("the process of before has ended"),
                Err(cause) => {
                    tracing::warn!(%cause, "the process of before is not understood");
                    // So that its sessions do not wait for answers.
                    return self.mouth.hang_up().await;
                }
            }
        }
    }
}
