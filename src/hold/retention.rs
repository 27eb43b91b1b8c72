//! Erases texts and records when their time has passed or their sender wants them gone.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use futures_util::future::join_all;
use tokio::time::sleep;

use super::{
    State, clock,
    ledger::{Ledger, Outcome, PAGE, put, read},
    states::{Row, Step},
};
use crate::store::{Expect, StoreError, Table};

const DAY_MS: u64 = 24 * 60 * 60 * 1000;
/// Retention is counted in days; an hour late is on time.
const EVERY: Duration = Duration::from_secs(60 * 60);

/// Sweeps now and every hour until the queue is gone.
pub async fn run(ledger: Weak<Ledger>) {
    loop {
        {
            let Some(ledger) = ledger.upgrade() else { return };
            if let Err(error) = sweep(&ledger).await {
                tracing::warn!(%error, "old holds were not erased");
            }
        }
        sleep(EVERY).await;
    }
}

async fn sweep(ledger: &Arc<Ledger>) -> Result<(), StoreError> {
    let mut after = String::new();
    while let Some(page) = page(ledger, &mut after).await? {
        let kept = page.into_iter().map(|(row, bytes)| keep_or_not(ledger, row, bytes));
        join_all(kept).await.into_iter().collect::<Result<(), _>>()?;
    }
    Ok(())
}

async fn keep_or_not(ledger: &Ledger, row: Row, bytes: Vec<u8>) -> Result<(), StoreError> {
    let Some(ended_ms) = row.ended_ms else { return Ok(()) };
    let age_ms = ledger.clock.now_ms().saturating_sub(ended_ms);
    let older = |days: u32| age_ms > u64::from(days) * DAY_MS;
    let id = row.hold.id.clone();
    if older(ledger.retention.record_days) {
        ledger.commit(vec![put(&id, Expect::Exactly(bytes), None)]).await?;
        ledger.book().forget(&id);
    } else if older(ledger.retention.text_days) && !row.erased {
        ledger.step_here(&id, &Step::Erase, "").await?;
    }
    Ok(())
}

/// Ends what is open of one sender and erases every text of theirs; counts the stored texts.
pub async fn erase_sender(
    ledger: &Arc<Ledger>,
    route: &str,
    sender_id: &str,
) -> Result<usize, StoreError> {
    let (mut after, mut count) = (String::new(), 0);
    while let Some(page) = page(ledger, &mut after).await? {
        for (row, _) in page {
            let hold = &row.hold;
            if hold.route != route || hold.sender.id != sender_id || row.erased {
                continue;
            }
            // Else whoever claims it again would write it.
            let given_up = ledger.may_be_claimed(&hold.id);
            if given_up {
                clock::give_up(ledger, &hold.id).await?;
            }
            let end = match hold.state {
                _ if given_up => None,
                State::Held => Some(Step::Withdraw),
                State::Approved => Some(Step::Orphan),
                State::Denied => Some(Step::Finish { early: true }),
                _ => None,
            };
            if let Some(end) = end {
                ledger.step_here(&hold.id, &end, "erasure").await?;
            }
            let erased = ledger.step_here(&hold.id, &Step::Erase, "erasure").await?;
            count += usize::from(given_up || matches!(erased, Outcome::Done(_)));
        }
    }
    Ok(count + ledger.audit.forget_sender(route, sender_id).await?)
}

/// The stored records after `after`, which moves on; `None` after the last.
async fn page(
    ledger: &Ledger,
    after: &mut String,
) -> Result<Option<Vec<(Row, Vec<u8>)>>, StoreError> {
    let page = ledger.store.scan(Table::Holds, after, PAGE).await?;
    let Some((last, _)) = page.last() else { return Ok(None) };
    *after = last.clone();
    let rows = page.into_iter().map(|(id, bytes)| Ok((read(&id, &bytes)?, bytes)));
    rows.collect::<Result<_, StoreError>>().map(Some)
}
