//! Verifies the audit log's chain, also while the proxy runs.

use std::{
    io::{self, Write},
    path::Path,
};

use hyper::Method;
use serde_json::Value;

use super::{
    AuditCommand, Failure,
    running::{Place, call, place},
    settings_or_default, wait_for,
};
use crate::{audit, store::StoreError};

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
/// `Config` for settings that cannot be used, `No` for a chain that is broken or cannot be read.
pub fn run(command: AuditCommand) -> Result<(), Failure> {
    let AuditCommand::Verify { config } = command;
    let config = settings_or_default(config.as_deref())?;
    let no = |error: &dyn std::fmt::Display| Failure::No(error.to_string());
    match wait_for(verify(&config.state_dir))?.map_err(|error| no(&error))? {
        Chain::Whole { records } => {
            writeln!(io::stdout(), "{records} records, unbroken").map_err(|cause| no(&cause))
        }
        Chain::Broken(cause) => Err(Failure::No(cause)),
    }
}

/// # Errors
/// There is no store, or it cannot be read.
pub async fn verify(state_dir: &Path) -> Result<Chain, CommandError> {
    // Opening would create one, and an empty chain is whole: a mistyped path must not look good.
    if !state_dir.is_dir() {
        let place = state_dir.display().to_string();
        let cause = "there is no such folder".into();
        return Err(StoreError::Unavailable { place, cause }.into());
    }
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
