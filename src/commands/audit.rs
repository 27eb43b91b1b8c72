//! Verifies the audit log's chain and erases a sender's texts, also while the proxy runs.

use std::{
    io::{self, Write},
    path::Path,
    sync::Arc,
};

use hyper::Method;
use serde_json::{Value, json};

use super::{
    AuditCommand, Failure,
    running::{Place, call, place},
    settings_or_default, wait_for,
};
use crate::{
    admin::Erasure,
    audit::{self, Audit},
    config::Config,
    hold::HoldQueue,
    metrics::Metrics,
    store::{Store, StoreError},
};

pub use super::running::CommandError;

/// What the chain is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Chain {
    Whole {
        records: u64,
    },
    /// Names the first bad record.
    Broken(String),
}

/// # Errors
/// `Config` for settings that cannot be used, `No` for a chain that is broken or a store that
/// cannot be read or written.
pub fn run(command: AuditCommand) -> Result<(), Failure> {
    let no = |error: &dyn std::fmt::Display| Failure::No(error.to_string());
    let told = match command {
        AuditCommand::Verify { config } => {
            let config = settings_or_default(config.as_deref())?;
            match wait_for(verify(&config.state_dir))?.map_err(|error| no(&error))? {
                Chain::Whole { records } => format!("{records} records, unbroken"),
                Chain::Broken(cause) => return Err(Failure::No(cause)),
            }
        }
        AuditCommand::Erase { route, sender, config } => {
            let config = settings_or_default(config.as_deref())?;
            let erased = wait_for(erase(&config, Erasure { route, sender }))?;
            format!("{} texts erased", erased.map_err(|error| no(&error))?)
        }
    };
    writeln!(io::stdout(), "{told}").map_err(|cause| no(&cause))
}

/// # Errors
/// There is no store, or it cannot be read.
pub async fn verify(state_dir: &Path) -> Result<Chain, CommandError> {
    must_be_there(state_dir)?;
    match place(state_dir).await? {
        Place::Here(store) => Ok(match audit::verify(&*store).await {
            Ok(verified) => Chain::Whole { records: verified.records },
            Err(broken) => Chain::Broken(broken.to_string()),
        }),
        Place::Running(address) => {
            let answer = call(&address, Method::GET, "/control/audit", Value::Null).await?;
            Ok(match (answer["ok"].as_bool(), answer["records"].as_u64()) {
                (Some(true), Some(records)) => Chain::Whole { records },
                _ => Chain::Broken(answer["message"].as_str().unwrap_or("unreadable").to_owned()),
            })
        }
    }
}

/// Erases the stored texts of one sender; says how many there were. What is still held of theirs
/// is withdrawn.
///
/// # Errors
/// There is no store, it cannot be read or written, or the running process refuses.
pub async fn erase(config: &Config, erasure: Erasure) -> Result<u64, CommandError> {
    must_be_there(&config.state_dir)?;
    match place(&config.state_dir).await? {
        Place::Here(store) => Ok(erase_here(config, store, &erasure).await?),
        Place::Running(address) => {
            let answer = call(&address, Method::POST, "/control/erase", json!(erasure)).await?;
            let unknown = || CommandError::Unreachable("its answer has no count".into());
            answer["erased"].as_u64().ok_or_else(unknown)
        }
    }
}

/// As the process does that owns the store: holds end by their own rules, on the record.
async fn erase_here(
    config: &Config,
    store: Arc<dyn Store>,
    erasure: &Erasure,
) -> Result<u64, StoreError> {
    let metrics = Arc::new(Metrics::new());
    let (hold, keep) = (config.hold.clone(), config.retention.clone());
    let (text_days, record_days) = (keep.text_days, keep.record_days);
    let audit = Audit::open(store.clone(), metrics.clone(), text_days, record_days).await?;
    let holds = HoldQueue::open(store, audit.clone(), metrics, hold, keep).await?;
    let erased = holds.erase_sender(&erasure.route, &erasure.sender).await?;
    audit.flush().await;
    Ok(erased as u64)
}

/// Opening would create a store, and an empty one looks good: a mistyped path must not.
fn must_be_there(state_dir: &Path) -> Result<(), StoreError> {
    match state_dir.is_dir() {
        true => Ok(()),
        false => Err(StoreError::Unavailable {
            place: state_dir.display().to_string(),
            cause: "there is no such folder".into(),
        }),
    }
}
