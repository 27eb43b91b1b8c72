//! Lives on without the store: closes what is open, while another process takes over.

use std::{sync::Arc, time::Duration};

use futures_util::future::join;
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};

use super::{
    CHAT, Running, StartError,
    accept::{Door, Stop},
    house::House,
    successor::Errands,
};
use crate::settle::Settler;

/// A process that has given up its store, and not yet its chat connections.
pub struct Retired {
    pub house: House,
    pub errands: Errands,
    pub leaving: Leaving,
}

/// The chat connections of a retired process.
pub struct Leaving {
    pub chat_door: Door,
    pub stops: [Stop; 3],
    pub draining: watch::Sender<bool>,
    pub window: Duration,
    pub grace: Duration,
}

impl Leaving {
    /// Closes every chat connection with 1012 at a moment of its own within the window, and waits
    /// until all are gone, or the grace time is.
    pub async fn drain(&self) {
        self.draining.send_replace(true);
        let window = async {
            sleep(self.window).await;
            // Connections without a session: plain HTTP that is kept open.
            self.stops[CHAT].close();
        };
        let _ = timeout(self.grace, join(window, self.chat_door.emptied())).await;
        self.stops.iter().for_each(Stop::close);
    }
}

impl Retired {
    /// Takes everything up again, because nobody has taken over. Its chat connections are closed
    /// all the same, and what they ask meanwhile is done here.
    pub async fn reopen(self) -> Result<Running, StartError> {
        let Retired { house, errands, leaving } = self;
        let running = house.open().await?;
        tokio::spawn(serve(running.settler.clone(), errands));
        tokio::spawn(async move { leaving.drain().await });
        Ok(running)
    }
}

async fn serve(settler: Arc<Settler>, mut errands: Errands) {
    loop {
        tokio::select! {
            Some(asked) = errands.asked.recv() => {
                let settler = settler.clone();
                tokio::spawn(async move {
                    // A session that ended meanwhile does not want to know.
                    let _ = asked.answer.send(settler.holds.run(asked.errand).await);
                });
            }
            Some(passed) = errands.passed.recv() => {
                settler.audit.record(*passed.record, passed.text.as_deref());
            }
            else => return,
        }
    }
}
