//! Waits for what the system's signals ask.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signals that concern the whole process; SIGHUP belongs to whoever reads files anew.
pub struct Signals {
    terminated: Signal,
    interrupted: Signal,
    upgraded: Signal,
    /// Without a settings file there is nothing to reload, and it must not end the process.
    _hangup: Signal,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// SIGTERM or SIGINT.
    End,
    /// SIGUSR2.
    Upgrade,
}

impl Signals {
    pub fn listen() -> io::Result<Signals> {
        Ok(Signals {
            terminated: signal(SignalKind::terminate())?,
            interrupted: signal(SignalKind::interrupt())?,
            upgraded: signal(SignalKind::user_defined2())?,
            _hangup: signal(SignalKind::hangup())?,
        })
    }

    pub async fn next(&mut self) -> Wish {
        tokio::select! {
            _ = self.terminated.recv() => Wish::End,
            _ = self.interrupted.recv() => Wish::End,
            _ = self.upgraded.recv() => Wish::Upgrade,
        }
    }

    /// Waits until the process is to end, whatever else is asked.
    pub async fn end(&mut self) {
        while self.next().await != Wish::End {}
    }
}
