//! Has a new process take over from the running one, and says what came of it.

use std::{
    io::{self, Write},
    path::PathBuf,
};

use clap::Args;
use hyper::Method;
use serde_json::Value;

use super::{Failure, running::call, settings_or_default, wait_for};
use crate::doors::control;

#[derive(Debug, Args)]
pub struct UpgradeArgs {
    /// The settings file that the running process was started with
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// Waits until the new process accepts connections, and prints its number.
///
/// # Errors
/// `No` with the reason: the running process goes on.
pub fn run(args: &UpgradeArgs) -> Result<(), Failure> {
    let no = |cause: &dyn std::fmt::Display| Failure::No(cause.to_string());
    let config = settings_or_default(args.config.as_deref())?;
    let address = control::address(&config.state_dir).map_err(|cause| {
        no(&format!("nothing runs with {}: {cause}", config.state_dir.display()))
    })?;
    let asked = call(&address, Method::POST, "/control/upgrade", Value::Null);
    let answer = wait_for(asked)?.map_err(|cause| no(&cause))?;
    let said = format!("process {} has taken over", answer["pid"]);
    writeln!(io::stdout(), "{said}").map_err(|cause| no(&cause))
}
