//! Prints the default settings file, and loads one or says all that is wrong with it.

use std::{
    io::{self, ErrorKind, Write},
    path::Path,
};

use super::Failure;
use crate::{
    api::webhooks,
    config::{self, Config, DEFAULT_FILE, Problem},
    decide::{self, Policy},
    listen,
    protocol::{self, PROTOCOLS},
    rules::{self, Ruleset},
    score,
};

/// # Errors
/// Standard output cannot be written.
pub fn print_default() -> Result<(), Failure> {
    match io::stdout().write_all(DEFAULT_FILE.as_bytes()) {
        Err(cause) if cause.kind() != ErrorKind::BrokenPipe => Err(Failure::No(cause.to_string())),
        _ => Ok(()),
    }
}

/// # Errors
/// `Refused` with everything that is wrong, word lists included.
pub fn check(path: &Path) -> Result<(), Failure> {
    let (config, mut wrong) = examine(path);
    if let Some(config) = config {
        // With bad settings, only what does not depend on them is worth saying.
        let lists_only = Config { wordlists: config.wordlists.clone(), ..Config::default() };
        let judged = if wrong.is_empty() { &config } else { &lists_only };
        wrong.extend(Ruleset::build(judged).err().unwrap_or_default());
        wrong.extend(rules::unmet_by_own(&config));
        wrong.extend(listen::bots_wrong(&config));
        if wrong.is_empty() && config.score.enabled {
            wrong.extend(score::open(&config.score).err().unwrap_or_default());
        }
    }
    if !wrong.is_empty() {
        return Err(Failure::Refused(wrong));
    }
    // Said on standard error, like what is wrong; the exit code is the answer.
    warnings(path).iter().for_each(|warning| {
        let _ = writeln!(io::stderr(), "warning: {warning}");
    });
    let _ = writeln!(io::stderr(), "{}: good", path.display());
    Ok(())
}

/// Reads settings that can be run.
///
/// # Errors
/// `Config` with everything that is wrong. Word lists are read when the rules are built.
pub fn load(path: &Path) -> Result<Config, Failure> {
    match examine(path) {
        (Some(config), wrong) if wrong.is_empty() => Ok(config),
        (_, wrong) => Err(Failure::Config(wrong)),
    }
}

fn examine(path: &Path) -> (Option<Config>, Vec<String>) {
    let file = path.display().to_string();
    let text = match config::read_bounded(path) {
        Ok(text) => text,
        Err(cause) => return (None, vec![format!("{file}: {cause}")]),
    };
    let (config, mut problems) = Config::examine(&text, &file);
    let of = |config: &Config| {
        let webhooks = webhooks::open(config).err().unwrap_or_default();
        let own = [protocols(config), services(config), tls(config), runtime(config)].concat();
        [own, Policy::problems(config), webhooks].concat()
    };
    for (key, cause) in config.iter().flat_map(of) {
        let line = config::line_of(&text, &key);
        problems.push(Problem { file: file.clone(), line, key, cause });
    }
    problems.sort_by_key(|problem| problem.line);
    (config, problems.iter().map(ToString::to_string).collect())
}

/// What is sound and may not be meant: keys of policies that ask for less than the floor, and doors
/// that are open wide.
fn warnings(path: &Path) -> Vec<String> {
    let Ok(text) = config::read_bounded(path) else { return Vec::new() };
    let file = path.display().to_string();
    let (config, _) = Config::examine(&text, &file);
    let found = config.iter().flat_map(|c| [c.exposed(), decide::without_effect(c)].concat());
    let mut problems: Vec<Problem> = found
        .map(|(key, cause)| Problem {
            file: file.clone(),
            line: config::line_of(&text, &key),
            key,
            cause,
        })
        .collect();
    problems.sort_by_key(|problem| problem.line);
    problems.iter().map(ToString::to_string).collect()
}

/// What the routes' protocols say of their settings, by key.
pub(super) fn protocols(config: &Config) -> Vec<(String, String)> {
    let mut wrong = Vec::new();
    for (index, route) in config.route.iter().enumerate() {
        let known = PROTOCOLS.iter().any(|(name, _)| *name == route.protocol);
        let part = if known && route.json.is_some() { "json" } else { "protocol" };
        if let Err(cause) = protocol::dialect(route) {
            wrong.push((format!("route[{index}].{part}"), cause));
        }
    }
    wrong
}

/// What is wrong with the files that the routes' own connections log in with.
fn services(config: &Config) -> Vec<(String, String)> {
    let routes = config.route.iter().enumerate();
    let services = routes.filter_map(|(index, route)| Some((index, route.service.as_ref()?)));
    let wrong = services.flat_map(|(index, service)| {
        let key = move |key| format!("route[{index}].service.{key}");
        service.wrong_files().into_iter().map(move |(name, cause)| (key(name), cause))
    });
    wrong.collect()
}

/// What the model stage says of the runtime's name.
fn runtime(config: &Config) -> Vec<(String, String)> {
    let cause = score::runtime_cause(&config.score.runtime);
    cause.map(|cause| ("score.runtime".to_owned(), cause)).into_iter().collect()
}

/// Whether the TLS files are there; what is in them is read when the port is opened.
fn tls(config: &Config) -> Vec<(String, String)> {
    let files = [("tls_cert", &config.listen.tls_cert), ("tls_key", &config.listen.tls_key)];
    let mut wrong = Vec::new();
    for (name, path) in files {
        let Some(path) = path else { continue };
        if let Err(cause) = std::fs::File::open(path) {
            wrong.push((format!("listen.{name}"), format!("{}: {cause}", path.display())));
        }
    }
    wrong
}
