//! Reads the arguments, calls one function, prints one error.

use std::process::ExitCode;

use clap::Parser;
use tidegate::commands::{self, Arguments};

fn main() -> ExitCode {
    match commands::run(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            commands::complain(&failure);
            ExitCode::from(failure.exit_code())
        }
    }
}
