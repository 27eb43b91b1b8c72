//! Compares Tidegate with nginx, HAProxy and a raw TCP relay, interleaved in one run on loopback.
//!
//! `cargo bench --bench compare`; with `-- --overload` it overloads the model instead and compares
//! the proxy with itself. `docs/benchmarks.md` says what is measured and how to read it.
//! The echo server, the relay and the load generator are this same program, started again with a
//! role, so that each one's CPU time is its own.

use std::{env, process::ExitCode};

mod chat;
mod check;
mod echo;
mod fanout;
mod load;
#[path = "../shared/machine.rs"]
mod machine;
mod options;
mod overload;
mod plan;
mod proxies;
mod readings;
mod relay;
mod report;
mod rounds;
mod shape;
mod started;
mod surge;
mod talk;
mod terms;
mod tls;
mod wire;
mod workload;

/// Whatever went wrong, in words for whoever runs the benchmark.
type Outcome<T> = Result<T, String>;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["role:echo"] => echo::run(),
        ["role:speaker"] => fanout::serve(),
        ["role:relay", upstream] => relay::run(upstream),
        ["role:load", rest @ ..] => load::run(rest),
        _ => options::parse(&words).and_then(|options| match options {
            Some(options) if options.overload => overload::run(&options),
            Some(options) => rounds::run(options),
            None => Ok(()),
        }),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(cause) => {
            eprintln!("compare: {cause}");
            ExitCode::FAILURE
        }
    }
}

/// A runtime of one thread, which every part of the comparison gets.
fn runtime() -> Outcome<tokio::runtime::Runtime> {
    let built = tokio::runtime::Builder::new_current_thread().enable_all().build();
    built.map_err(|e| format!("no runtime: {e}"))
}
