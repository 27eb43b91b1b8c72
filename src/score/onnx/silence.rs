//! Keeps ONNX Runtime from reporting to its maker.
//!
//! Since 1.31 its official builds send events home and keep an id of the machine, from before the
//! first call that could forbid it. Only a variable of the environment in which the process starts
//! prevents that (its `Privacy.md`), and what is judged here is nobody else's business.

use std::env;

use super::library;

pub const VARIABLE: &str = "ORT_DISABLE_TELEMETRY";

/// Whether the library may be loaded into this process.
pub fn is_sure() -> bool {
    env::var_os(VARIABLE).is_some_and(|value| value == "1")
}

/// Starts the program anew, in the same process, with the variable set, where the library is on
/// this machine and the variable is not. It comes before everything else that a program does.
#[cfg(unix)]
pub fn make_sure() {
    use std::{os::unix::process::CommandExt, process::Command};

    if is_sure() || library::candidates().is_empty() {
        return;
    }
    if let Ok(program) = env::current_exe() {
        let mut arguments = env::args_os();
        let mut again = Command::new(program);
        if let Some(name) = arguments.next() {
            again.arg0(name);
        }
        // Comes back only where it failed: then the library is not loaded.
        let _ = again.args(arguments).env(VARIABLE, "1").exec();
    }
}

#[cfg(not(unix))]
pub fn make_sure() {}
