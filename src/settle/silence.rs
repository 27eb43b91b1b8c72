//! Sees to it that whoever is silenced is silent: in what waits, and in what is shown already.

use super::Settler;
use crate::{
    history::{History, What, Whose},
    hold::HoldQueue,
    message::now_ms,
};

impl Settler {
    /// After a sender was silenced: takes what is shown of theirs off screens, and the clock
    /// releases nothing that waits.
    ///
    /// Whoever silences looks through the queue before, in one commit with the decision. This
    /// second look is for what was judged before it was in force and held after the first.
    pub async fn hush(&self, whose: Whose<'_>) {
        self.take_off_of(whose.route, whose.channel, whose.sender);
        self.heed(whose).await;
    }

    /// After a sender was silenced, or that was taken back.
    pub async fn heed(&self, whose: Whose<'_>) {
        heed(&self.pipeline.history, &self.holds, whose).await;
    }

    /// The same for whoever has no time to wait.
    pub fn heed_soon(&self, whose: Whose) {
        let (history, holds) = (self.pipeline.history.clone(), self.holds.clone());
        let Whose { route, channel, sender } = whose;
        let names = [route, channel, sender].map(str::to_owned);
        tokio::spawn(async move {
            let [route, channel, sender] = &names;
            heed(&history, &holds, Whose { route, channel, sender }).await;
        });
    }

    /// At a start: bans outlive the process, and what was held of a banned sender in its last
    /// moment may not have been looked at.
    pub async fn heed_bans(&self) {
        let (decrees, _) = self.pipeline.history.decrees(usize::MAX, now_ms());
        for decree in &decrees {
            if let What::Ban { sender, .. } = &decree.what {
                let (route, channel) = (&decree.route, &decree.channel);
                self.heed(Whose { route, channel, sender }).await;
            }
        }
    }
}

async fn heed(history: &History, holds: &HoldQueue, whose: Whose<'_>) {
    let heeded = match history.is_silent(whose, now_ms()) {
        true => holds.keep_back(whose, Vec::new()).await,
        false => holds.give_back(whose).await,
    };
    if let Err(cause) = heeded {
        tracing::error!(%cause, route = whose.route, "what waits of a sender was not changed");
    }
}
