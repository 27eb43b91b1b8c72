//! Prints the keyed hash of a secret that a channel wants to keep out of its chat.

use std::{
    io::{self, Write},
    path::PathBuf,
};

use clap::Args;

use super::{Failure, settings_or_default, user::read_hidden};
use crate::{decide::armed_line, letters, rules::secret_key};

#[derive(Debug, Args)]
pub struct SecretArgs {
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// Asks for the secret without showing it, or reads the first line of standard input.
///
/// # Errors
/// A secret that will not do, or a state folder that cannot be written.
pub fn run(args: &SecretArgs) -> Result<(), Failure> {
    let config = settings_or_default(args.config.as_deref())?;
    let secret = read_hidden("Secret: ".into()).map_err(|error| Failure::No(error.to_string()))?;
    let no = |cause: io::Error| Failure::No(format!("{}: {cause}", config.state_dir.display()));
    let key = secret_key::load_or_make(&config.state_dir).map_err(no)?;
    let (plain, _) = letters::plain(&secret);
    let line = armed_line(&key, &plain).map_err(|error| Failure::No(error.to_string()))?;
    writeln!(io::stdout(), "{line}").map_err(|cause| Failure::No(cause.to_string()))
}
