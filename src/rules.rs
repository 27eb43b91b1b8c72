//! Compiles settings and word lists into one ruleset, off the path.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use sha2::{Digest, Sha256};

use crate::{
    config::{Config, Inflow, Unattended},
    decide::Policy,
    protocol::{self, Dialect},
    scan::{
        Scanner,
        wordlist::{self, Wordlist},
    },
};

mod candidate;
mod examples;
mod reload;
pub mod secret_key;

pub use candidate::{Candidate, Trial, Wrong};
pub use examples::{unmet, unmet_by_own};
pub use reload::{Outcome, Reloader, reload_on_change};

/// The policy of whatever came by no route: the API in mode `hook`, a text on standard input.
const FALLBACK: &str = "standard";

/// Everything that judges a message, swapped as a whole.
pub struct Ruleset {
    /// Twelve hex digits over everything that it was built from.
    pub version: Arc<str>,
    pub scanner: Arc<Scanner>,
    /// The names of its word lists.
    lists: Vec<Arc<str>>,
    /// What it was built from, so that something else can be built from most of it.
    source: Config,
    pub policies: HashMap<String, Arc<Policy>>,
    /// The policies of each route, by the route's name.
    routes: HashMap<Arc<str>, RoutePolicies>,
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
                // Armed first: who stands in judges by the secrets of both.
                stand_in(config, &mut compiled, &mut errors);
                compiled.into_iter().map(|(name, policy)| (name, Arc::new(policy))).collect()
            }
            Err(causes) => {
                errors.extend(causes);
                HashMap::new()
            }
        };
        let names: Vec<Arc<str>> = lists.iter().map(|list| list.name.clone()).collect();
        for (name, policy) in &policies {
            unknown_lists(policy, &names).for_each(|(rule, cause)| {
                errors.push(format!("policy.{name}.rules.{rule}: {cause}"));
            });
        }
        let mut routes = HashMap::new();
        let mut of_positions = OfPositions::default();
        // Without any policy the cause has been named already.
        for inflow in config.inflows().filter(|_| !policies.is_empty()) {
            match RoutePolicies::of(&inflow, &policies, &mut of_positions) {
                Ok(own) => drop(routes.insert(Arc::from(inflow.name), own)),
                Err(causes) => errors.extend(causes),
            }
        }
        let scanner = Scanner::build(&lists).map_err(|cause| errors.push(cause)).ok();
        match (scanner, policies.get(FALLBACK).cloned()) {
            (Some(scanner), Some(fallback)) if errors.is_empty() => {
                let version = version(config, &lists).into();
                let (scanner, source) = (Arc::new(scanner), config.clone());
                Ok(Ruleset { version, scanner, lists: names, source, policies, routes, fallback })
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
        self.routes.get(route).map_or(&self.fallback, |route| route.policy(channel))
    }
}

/// One policy, and the lists beside it: what a message is judged by.
#[derive(Clone)]
pub struct Yardstick {
    pub scanner: Arc<Scanner>,
    pub version: Arc<str>,
    pub policy: Arc<Policy>,
}

/// The policies of one route.
struct RoutePolicies {
    own: Arc<Policy>,
    /// Those of channels that have one of their own, by name as messages carry it.
    channels: HashMap<String, Arc<Policy>>,
    dialect: Option<Arc<dyn Dialect>>,
}

/// Policies that know where they stand, each made once: a route may have many channels.
type OfPositions = HashMap<(String, &'static str), Arc<Policy>>;

impl RoutePolicies {
    fn of(
        inflow: &Inflow,
        policies: &HashMap<String, Arc<Policy>>,
        of_positions: &mut OfPositions,
    ) -> Result<RoutePolicies, Vec<String>> {
        let Inflow { kind, name, .. } = *inflow;
        let position = inflow.position.name();
        let mut errors = Vec::new();
        let mut find = |policy: &str| match policies.get(policy) {
            Some(found) => {
                let own = of_positions.entry((policy.to_owned(), position));
                let own = own.or_insert_with(|| Arc::new(found.in_mode(position)));
                Ok(own.clone())
            }
            None => Err(format!("{kind} {name:?}: there is no policy {policy:?}")),
        };
        // What is wrong with a protocol is said where routes are opened.
        let dialect = inflow.route.and_then(|route| protocol::dialect(route).ok());
        let mut channels = HashMap::new();
        for (written, policy) in inflow.channels {
            let channel = dialect.as_ref().map_or_else(|| written.clone(), |d| d.channel(written));
            match find(policy) {
                Ok(policy) => {
                    if channels.insert(channel, policy).is_some() {
                        let cause = format!("channel {written:?} is named twice");
                        errors.push(format!("{kind} {name:?}: {cause}"));
                    }
                }
                Err(cause) => errors.push(cause),
            }
        }
        match find(inflow.policy) {
            Ok(own) if errors.is_empty() => Ok(RoutePolicies { own, channels, dialect }),
            Ok(_) => Err(errors),
            Err(cause) => Err([errors, vec![cause]].concat()),
        }
    }

    fn policy(&self, channel: &str) -> &Arc<Policy> {
        if self.channels.is_empty() {
            return &self.own;
        }
        let own = self.channels.get(channel).or_else(|| {
            // Messages carry the name as the protocol has it; whoever asks by HTTP may not.
            self.channels.get(&self.dialect.as_ref()?.channel(channel))
        });
        own.unwrap_or(&self.own)
    }
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
fn version(config: &Config, lists: &[Wordlist]) -> String {
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
