//! Compiles settings and word lists into one ruleset, off the path.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use sha2::{Digest, Sha256};

use crate::{
    config::{Config, Inflow, Unattended},
    decide::Policy,
    scan::{
        Scanner,
        wordlist::{self, Wordlist},
    },
};

mod candidate;
mod examples;
mod overrides;
mod reload;
mod routes;
pub mod secret_key;

pub use candidate::{Candidate, Trial, Wrong};
pub use examples::{unmet, unmet_by_own};
pub use overrides::{ALLOW, LEFT_OUT, Lint, Overrides};
pub use reload::{Outcome, Reloader, reload_on_change, swapped};
use routes::Routes;

/// The policy of whatever came by no route: the API in mode `hook`, a text on standard input.
const FALLBACK: &str = "standard";

/// Everything that judges a message, swapped as a whole.
pub struct Ruleset {
    /// Twelve hex digits over everything that it was built from.
    pub version: Arc<str>,
    pub scanner: Arc<Scanner>,
    /// The names of its word lists.
    lists: Vec<Arc<str>>,
    /// Those of the binary and the disk as they were read: whoever sets something at the console
    /// brings nothing else into force.
    read: Arc<Vec<Wordlist>>,
    /// What it was built from, so that something else can be built from most of it.
    source: Config,
    /// What is set at the console.
    pub overrides: Arc<Overrides>,
    pub policies: HashMap<String, Arc<Policy>>,
    routes: Routes,
    pub fallback: Arc<Policy>,
}

impl Ruleset {
    /// Reads the word lists and compiles everything. It may block on the disk for a while.
    ///
    /// # Errors
    /// Every cause found, each naming its file and line or its key.
    pub fn build(config: &Config) -> Result<Ruleset, Vec<String>> {
        Ruleset::overridden(config, Arc::default())
    }

    fn overridden(config: &Config, overrides: Arc<Overrides>) -> Result<Ruleset, Vec<String>> {
        let mut errors = Vec::new();
        let read = Arc::new(read_lists(config, &mut errors));
        Ruleset::compiled(config, read, overrides, errors)
    }

    /// The same settings with something else set at the console.
    ///
    /// # Errors
    /// What does not go together: all lists share a bound on patterns.
    pub fn revised(&self, overrides: Arc<Overrides>) -> Result<Ruleset, Vec<String>> {
        Ruleset::compiled(&self.source, self.read.clone(), overrides, Vec::new())
    }

    fn compiled(
        config: &Config,
        read: Arc<Vec<Wordlist>>,
        overrides: Arc<Overrides>,
        mut errors: Vec<String>,
    ) -> Result<Ruleset, Vec<String>> {
        let mut lists = Vec::clone(&read);
        overrides.apply(&mut lists);
        let policies: HashMap<String, Arc<Policy>> = match Policy::compile(config) {
            Ok(mut compiled) => {
                secret_key::arm(config, &mut compiled, &mut errors);
                // Armed first: who stands in judges by the secrets of both.
                stand_in(config, &mut compiled, &mut errors);
                compiled.into_iter().map(|(name, policy)| (name, Arc::new(policy))).collect()
            }
            Err(causes) => {
                errors.extend(causes);
                HashMap::new()
            }
        };
        let mut names: Vec<Arc<str>> = lists.iter().map(|list| list.name.clone()).collect();
        // A policy may speak of them before anybody fills them.
        names.extend(Overrides::full_names().map(Arc::from));
        for (name, policy) in &policies {
            unknown_lists(policy, &names).for_each(|(rule, cause)| {
                errors.push(format!("policy.{name}.rules.{rule}: {cause}"));
            });
        }
        // Without any policy the cause has been named already.
        let routes = match policies.is_empty() {
            true => Ok(Routes::default()),
            false => Routes::of(config, &policies, &overrides),
        };
        let routes = routes.map_err(|causes| errors.extend(causes)).unwrap_or_default();
        let scanner = Scanner::build(&lists).map_err(|cause| errors.push(cause)).ok();
        match (scanner, policies.get(FALLBACK).cloned()) {
            (Some(scanner), Some(fallback)) if errors.is_empty() => {
                let version = version(config, &lists, &overrides).into();
                Ok(Ruleset {
                    version,
                    scanner: Arc::new(scanner),
                    lists: names,
                    read,
                    source: config.clone(),
                    overrides,
                    policies,
                    routes,
                    fallback,
                })
            }
            _ => Err(errors),
        }
    }

    /// What judges the messages of a channel of a route.
    pub fn yardstick(&self, route: &str, channel: &str) -> Yardstick {
        let policy = self.policy(route, channel).clone();
        Yardstick { scanner: self.scanner.clone(), version: self.version.clone(), policy }
    }

    /// The policy of a channel of a route.
    pub fn policy(&self, route: &str, channel: &str) -> &Arc<Policy> {
        self.routes.policy(route, channel).unwrap_or(&self.fallback)
    }

    /// The same without what is set for this very channel.
    pub fn without_own(&self, route: &str, channel: &str) -> &Arc<Policy> {
        self.routes.without_own(route, channel).unwrap_or(&self.fallback)
    }
}

/// One policy, and the lists beside it: what a message is judged by.
#[derive(Clone)]
pub struct Yardstick {
    pub scanner: Arc<Scanner>,
    pub version: Arc<str>,
    pub policy: Arc<Policy>,
}

/// Gives policies the ones that judge while nobody is on duty.
///
/// Who stands in has nobody to stand in for them: the two would else send messages to and fro.
fn stand_in(config: &Config, policies: &mut BTreeMap<String, Policy>, errors: &mut Vec<String>) {
    let plain = policies.clone();
    for (name, own) in &config.policy {
        let unattended = own.unattended.as_ref().filter(|own| own.action == Unattended::Stricter);
        let Some(unattended) = unattended else { continue };
        let other = unattended.policy.as_deref().unwrap_or_default();
        match (plain.get(other), policies.get_mut(name)) {
            (Some(other), Some(policy)) => {
                let mut other = other.clone();
                // What a channel has armed is as secret at night.
                other.arm_also(policy);
                policy.stand_in = Some(Arc::new(other));
            }
            (None, _) => {
                let cause = format!("there is no policy {other:?}");
                errors.push(format!("policy.{name}.unattended.policy: {cause}"));
            }
            (_, None) => {}
        }
    }
}

/// The word lists that a policy speaks of and that do not exist: the rule's key, and the cause.
fn unknown_lists<'a>(
    policy: &'a Policy,
    lists: &'a [Arc<str>],
) -> impl Iterator<Item = (String, String)> + 'a {
    let unknown = policy.shares.lists().filter(|own| lists.iter().all(|name| **name != **own));
    unknown.map(|list| {
        let names: BTreeSet<&str> = lists.iter().map(|name| &**name).take(40).collect();
        let known = names.into_iter().collect::<Vec<_>>().join(", ");
        (format!("term:{list}"), format!("there is no word list {list:?} (there are {known})"))
    })
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
fn version(config: &Config, lists: &[Wordlist], overrides: &Overrides) -> String {
    let mut hash = Sha256::new();
    let mut part = |text: &str| {
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text);
    };
    part(env!("CARGO_PKG_VERSION"));
    // Debug output of maps that are sorted and values that are plain is the same everywhere.
    part(&format!("{:?} {:?}", config.policy, config.floor));
    for Inflow { name, policy, channels, .. } in config.inflows() {
        part(name);
        part(policy);
        part(&format!("{channels:?}"));
    }
    part(&format!("{:?}", overrides.levels));
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
