//! Reads the arguments, calls one function, prints one error.

use std::process::ExitCode;

use clap::Parser;
use tidegate::{
    commands::{self, Arguments},
    score,
};

fn main() -> ExitCode {
    score::silence_library();
    match commands::run(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            commands::complain(&failure);
            ExitCode::from(failure.exit_code())
        }
    }
}
