//! Compiles settings and word lists into one ruleset, off the path.

use std::{collections::HashMap, sync::Arc};

use sha2::{Digest, Sha256};

use crate::{
    config::Config,
    decide::Policy,
    scan::{
        Scanner,
        wordlist::{self, Wordlist},
    },
};

mod examples;
mod reload;
pub mod secret_key;

pub use examples::{unmet, unmet_by_own};
pub use reload::{Outcome, Reloader, reload_on_change};

/// The policy of whatever came by no route: the API in mode `hook`, a text on standard input.
const FALLBACK: &str = "standard";

/// Everything that judges a message, swapped as a whole.
pub struct Ruleset {
    /// Twelve hex digits over everything that it was built from.
    pub version: Arc<str>,
    pub scanner: Scanner,
    pub policies: HashMap<String, Arc<Policy>>,
    /// The policy of each route, by the route's name.
    pub routes: HashMap<Arc<str>, Arc<Policy>>,
    pub fallback: Arc<Policy>,
}

impl Ruleset {
    /// Reads the word lists and compiles everything. It may block on the disk for a while.
    ///
    /// # Errors
    /// Every cause found, each naming its file and line or its key.
    pub fn build(config: &Config) -> Result<Ruleset, Vec<String>> {
        let mut errors = Vec::new();
        let lists = read_lists(config, &mut errors);
        let policies: HashMap<String, Arc<Policy>> = match Policy::compile(config) {
            Ok(mut compiled) => {
                secret_key::arm(config, &mut compiled, &mut errors);
                compiled.into_iter().map(|(name, policy)| (name, Arc::new(policy))).collect()
            }
            Err(causes) => {
                errors.extend(causes);
                HashMap::new()
            }
        };
        let mut routes = HashMap::new();
        for route in &config.route {
            match policies.get(&route.policy) {
                Some(policy) => drop(routes.insert(Arc::from(route.name()), policy.clone())),
                // Without any policy the cause has been named already.
                None if policies.is_empty() => {}
                None => {
                    let (name, policy) = (route.name(), &route.policy);
                    errors.push(format!("route {name:?}: there is no policy {policy:?}"));
                }
            }
        }
        let scanner = Scanner::build(&lists).map_err(|cause| errors.push(cause)).ok();
        match (scanner, policies.get(FALLBACK).cloned()) {
            (Some(scanner), Some(fallback)) if errors.is_empty() => {
                let version = version(config, &lists).into();
                Ok(Ruleset { version, scanner, policies, routes, fallback })
            }
            _ => Err(errors),
        }
    }

    pub fn policy(&self, route: &str) -> &Arc<Policy> {
        self.routes.get(route).unwrap_or(&self.fallback)
    }
}

fn read_lists(config: &Config, errors: &mut Vec<String>) -> Vec<Wordlist> {
    let embedded = config.wordlists.embedded.then(wordlist::embedded);
    let own = config.wordlists.paths.iter().map(|path| wordlist::read(path));
    let mut lists = Vec::new();
    for read in embedded.into_iter().chain(own) {
        match read {
            Ok(read) => lists.extend(read),
            Err(causes) => errors.extend(causes.iter().map(ToString::to_string)),
        }
    }
    lists
}

/// What was understood, not how it was spelled: a comment changes nothing. The program's own
/// version stands in for its rules and presets.
fn version(config: &Config, lists: &[Wordlist]) -> String {
    let mut hash = Sha256::new();
    let mut part = |text: &str| {
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text);
    };
    part(env!("CARGO_PKG_VERSION"));
    // Debug output of maps that are sorted and values that are plain is the same everywhere.
    part(&format!("{:?}", config.policy));
    for route in &config.route {
        part(route.name());
        part(&route.policy);
    }
    for list in lists {
        part(&list.name);
        for term in &list.terms {
            part(&term.text);
            part(term.category.name());
            part(&term.severity.level().to_string());
            part(term.mode.name());
            part(&term.scope.map(|scope| scope.to_string()).unwrap_or_default());
        }
        part("allow");
        list.allow.iter().for_each(|term| part(term));
    }
    hash.finalize().iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}
