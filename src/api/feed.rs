//! Walks the chain of records from any place on, and says where some are gone or it is another.

use std::sync::Arc;

use tokio::sync::broadcast::{Receiver, error::RecvError};

use crate::{
    audit::{Audit, Record},
    store::StoreError,
};

/// Records read from the chain at once.
const PAGE: usize = 100;

/// A reader of the chain that goes on as it grows. It keeps one page, however slow it is: what it
/// has not read yet waits in the store.
pub struct Feed {
    audit: Audit,
    /// The last place that was passed on.
    last: u64,
    /// What was read of the chain and not passed on yet.
    read: std::vec::IntoIter<(u64, Record)>,
    /// There may be more in the chain.
    behind: bool,
    /// The place that was asked for and is beyond the end of the chain, until that is told.
    beyond: Option<u64>,
    news: Receiver<Arc<Record>>,
}

/// What comes next in the chain.
#[derive(Debug)]
pub enum Step {
    Record(u64, Box<Record>),
    /// The records from the first place to before the second are kept no more.
    Gap(u64, u64),
    /// The first place is not in this chain, which ends at the second: it is of a chain that was
    /// lost, or of what came after the copy that was put back. What comes from now on follows.
    Reset(u64, u64),
}

impl Feed {
    /// Starts after the place `after`, or with what comes from now on.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn open(audit: &Audit, after: Option<u64>) -> Result<Feed, StoreError> {
        // Heard before the chain is read, so that nothing falls between them.
        let news = audit.subscribe();
        let head = audit.head().await?;
        Ok(Feed {
            audit: audit.clone(),
            // Whoever asks for what is yet to come would wait for ever.
            last: after.unwrap_or(head).min(head),
            read: Vec::new().into_iter(),
            behind: true,
            beyond: after.filter(|after| *after > head),
            news,
        })
    }

    /// The last place that was passed on.
    pub fn last(&self) -> u64 {
        self.last
    }

    /// Whether everything that is known of was passed on.
    pub fn is_idle(&self) -> bool {
        !self.behind && self.beyond.is_none() && self.read.as_slice().is_empty()
    }

    /// The next record or gap; `None` when nothing is recorded any more. Nothing is lost where a
    /// caller gives up waiting.
    ///
    /// # Errors
    /// The store does not answer; it may be asked again.
    pub async fn next(&mut self) -> Result<Option<Step>, StoreError> {
        if let Some(asked) = self.beyond.take() {
            return Ok(Some(Step::Reset(asked, self.last)));
        }
        loop {
            if let Some((seq, _)) = self.read.as_slice().first() {
                let (seq, first) = (*seq, self.last + 1);
                if seq > first {
                    self.last = seq - 1;
                    return Ok(Some(Step::Gap(first, seq)));
                }
                self.last = seq;
                let record = self.read.next().map(|(seq, record)| (seq, Box::new(record)));
                return Ok(record.map(|(seq, record)| Step::Record(seq, record)));
            }
            if self.behind {
                let page = self.audit.after(self.last, PAGE).await?;
                self.behind = page.len() == PAGE;
                self.read = page.into_iter();
                continue;
            }
            match self.news.recv().await {
                // How many there are is seen in the chain.
                Ok(_) | Err(RecvError::Lagged(_)) => self.behind = true,
                Err(RecvError::Closed) => return Ok(None),
            }
        }
    }
}
