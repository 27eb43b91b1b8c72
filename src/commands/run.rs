//! Starts the product: before a chat server, or as a demo.

use std::{io::IsTerminal, net::SocketAddr};

use tracing_subscriber::EnvFilter;

use super::{DemoArgs, Failure, RunArgs, settings};
use crate::{
    demo,
    listen::{self, Predecessor, StartError},
    message::Language,
};

/// Runs the proxy until it is told to stop.
///
/// # Errors
/// `Config` before any port is bound, `No` for a port or a store that cannot be had.
pub fn run(args: &RunArgs) -> Result<(), Failure> {
    let found = Predecessor::find().map_err(|cause| Failure::No(cause.to_string()))?;
    let apology = found.as_ref().and_then(|found| found.apology().ok());
    let done = run_from(args, found);
    if let (Err(failure), Some(apology)) = (&done, apology) {
        apology.say(failure);
    }
    done
}

fn run_from(args: &RunArgs, predecessor: Option<Predecessor>) -> Result<(), Failure> {
    // The settings are judged before any port is bound.
    let config = settings(args)?;
    log("info");
    for (key, cause) in config.exposed() {
        tracing::warn!(key, cause, "open to others");
    }
    let running = listen::run(config, args.config.clone(), predecessor);
    serve(running)?.map_err(|cause| match cause {
        StartError::Config(wrong) => Failure::Config(wrong),
        other => Failure::No(other.to_string()),
    })
}

/// Runs the whole product on this machine with nothing set up.
///
/// # Errors
/// `No` for a port that is taken or a folder that cannot be made.
pub fn demo(args: &DemoArgs) -> Result<(), Failure> {
    log("warn");
    let defaults = demo::Options::default();
    let port = |given: Option<SocketAddr>, default| given.unwrap_or(default);
    let options = demo::Options {
        quiet: args.quiet,
        json: args.json,
        chat: port(args.ports.listen, defaults.chat),
        console: port(args.ports.console, defaults.console),
        admin: port(args.ports.admin, defaults.admin),
        room: args.room,
        language: language(),
    };
    serve(demo::run(options))?.map_err(|cause| Failure::No(cause.to_string()))
}

/// What the terminal speaks, as far as it says so.
pub(super) fn language() -> Language {
    let said = ["LC_ALL", "LC_MESSAGES", "LANG"]
        .into_iter()
        .find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()));
    match said.is_some_and(|value| value.starts_with("fr")) {
        true => Language::Fr,
        false => Language::En,
    }
}

/// Runs on all cores, or on `TOKIO_WORKER_THREADS` of them.
pub(super) fn serve<T>(work: impl Future<Output = T>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.map(|runtime| runtime.block_on(work)).map_err(|cause| Failure::No(cause.to_string()))
}

/// Logs to standard error: lines for people at a terminal, JSON for whoever collects it.
///
/// `TIDEGATE_LOG` sets levels (`debug`, `tidegate::session=trace`).
pub(super) fn log(default: &str) {
    let filter = EnvFilter::try_from_env("TIDEGATE_LOG").unwrap_or_else(|_| default.into());
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match std::io::stderr().is_terminal() {
        true => lines.init(),
        false => lines.json().flatten_event(true).init(),
    }
}
