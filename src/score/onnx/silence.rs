//! Keeps ONNX Runtime from telling its maker who runs it.
//!
//! From 1.29 on the library in the official packages keeps an id of the machine in the user's
//! folder and reports which models are loaded. What its API offers comes too late: the id is
//! written before anything can be switched off. The variable works, and it has to be there when the
//! process starts: setting it later is not safe beside other threads.

use std::{env, os::unix::process::CommandExt, process::Command};

use super::library;

const VARIABLE: &str = "ORT_DISABLE_TELEMETRY";

/// Why a library is not loaded.
pub const LOUD: &str = "it would report to its maker: set ORT_DISABLE_TELEMETRY=1";

/// Whether a library that is loaded now stays silent.
pub fn is_silent() -> bool {
    env::var_os(VARIABLE).is_some_and(|value| value == "1")
}

/// Starts this program anew with the variable, where there is a library and the variable is not
/// set; the process stays the same. It returns where there is nothing to do, or no way: then no
/// library is loaded.
pub fn ensure() {
    if is_silent() || !library::candidates().iter().any(|path| path.exists()) {
        return;
    }
    let (mut arguments, program) = (env::args_os(), env::current_exe());
    if let (Some(name), Ok(program)) = (arguments.next(), program) {
        // It returns only if it fails.
        let _ = Command::new(program).arg0(name).args(arguments).env(VARIABLE, "1").exec();
    }
}
