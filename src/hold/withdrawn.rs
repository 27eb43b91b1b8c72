//! Ends what waits of messages that were deleted where they came from.

use std::sync::Arc;

use super::{DecideError, Errand, Hold, HoldError, HoldQueue, states::Step};
use crate::{config::Position, message::Deleted, store::StoreError};

impl HoldQueue {
    /// Ends a held message because its sender deleted it.
    ///
    /// # Errors
    /// `Already` where it was decided, as for a second moderator.
    pub async fn withdraw(&self, id: &str) -> Result<Arc<Hold>, DecideError> {
        self.stepped(id, Step::Withdraw, "sender", None).await
    }

    /// Ends what is held and meant; which ended so.
    ///
    /// # Errors
    /// The store failed for one at least, which stays held; all others ended.
    pub async fn withdraw_those(
        &self,
        meant: impl Fn(&Hold) -> bool,
    ) -> Result<Vec<Arc<Hold>>, StoreError> {
        let (mut withdrawn, mut failed) = (Vec::new(), None);
        for hold in self.list().into_iter().filter(|hold| meant(hold)) {
            match self.withdraw(&hold.id).await {
                Ok(hold) => withdrawn.push(hold),
                Err(DecideError::Store(cause)) => failed = Some(cause),
                // Another viewer's connection, or a moderator, was first.
                Err(cause) => tracing::debug!(%cause, "a deleted message was not withdrawn"),
            }
        }
        failed.map_or(Ok(withdrawn), Err)
    }

    /// What the chat server of a route took away is not to be released here any more.
    pub async fn withdraw_deleted(&self, route: &str, deleted: &[Deleted]) {
        let meant = |hold: &Hold| {
            hold.mode == Position::Egress
                && hold.route == route
                && deleted.iter().any(|deleted| is_of(hold, deleted))
        };
        let mut done = Ok(());
        if !self.is_handed_over() {
            done = self.withdraw_those(meant).await.map(drop);
        }
        // Also where the store was left to the next process in the midst of them.
        if self.is_handed_over() {
            let (route, deleted) = (route.to_owned(), deleted.to_vec());
            let sent = self.send(Errand::Withdraw { route, deleted }).await;
            done = sent.map_err(HoldError::store);
        }
        if let Err(cause) = done {
            tracing::error!(%cause, "what a chat server deleted was not withdrawn");
        }
    }
}

fn is_of(hold: &Hold, deleted: &Deleted) -> bool {
    match deleted {
        Deleted::Message(id) => hold.message_id.as_ref() == Some(id),
        Deleted::Sender { channel, sender } => {
            let same = hold.sender.id == *sender || hold.sender.name.eq_ignore_ascii_case(sender);
            hold.channel == *channel && same
        }
        Deleted::Channel(channel) => hold.channel == *channel,
    }
}
