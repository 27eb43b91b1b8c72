//! Tells other servers of events: signed, in order, and until they have them.

use std::{sync::Arc, time::Duration};

use hyper::Uri;
use tokio::task::JoinHandle;
use tokio_rustls::rustls::ClientConfig;

use super::told::KINDS;
use crate::{
    audit::Audit,
    config::{Config, WebhookConfig},
    http::Http,
    settle::Settler,
    store::{Expect, Store, StoreError, Table, Write},
};

mod courier;
pub(crate) mod letter;
pub(crate) mod seal;

use courier::Courier;
use seal::Keys;

/// Where `Meta` keeps each endpoint's place in the chain.
const PLACES: &str = "webhook/";
/// Names for several kinds at once.
const GROUPS: [(&str, &[&str]); 3] = [
    (
        "decided",
        &[
            "approved",
            "released",
            "denied",
            "withdrawn",
            "orphaned",
            "undone",
            "timed_out",
            "permitted",
            "pardoned",
            "banned",
            "trusted",
            "allowed",
            "lifted",
        ],
    ),
    ("shield", &["shield_on", "shield_off"]),
    ("appeal", &["appealed", "appeal_upheld", "appeal_overturned", "appeal_lapsed"]),
];

/// An endpoint whose settings were read.
#[derive(Clone, Debug)]
pub struct Webhook {
    config: WebhookConfig,
    keys: Keys,
    /// The kinds that it is told of.
    kinds: Vec<&'static str>,
}

/// Reads the settings of every endpoint.
///
/// # Errors
/// Key and cause of everything that is wrong; never a secret.
pub fn open(config: &Config) -> Result<Vec<Webhook>, Vec<(String, String)>> {
    let (mut hooks, mut wrong) = (Vec::new(), Vec::new());
    for (index, config) in config.webhook.iter().enumerate() {
        let mut add = |key: &str, cause| wrong.push((format!("webhook[{index}].{key}"), cause));
        if let Some(cause) = url_cause(&config.url) {
            add("url", cause);
        }
        let kinds = kinds(&config.events).map_err(|cause| add("events", cause));
        let keys = Keys::read(config).map_err(|(key, cause)| add(key, cause));
        if let (Ok(kinds), Ok(keys)) = (kinds, keys) {
            hooks.push(Webhook { config: config.clone(), keys, kinds });
        }
    }
    if wrong.is_empty() { Ok(hooks) } else { Err(wrong) }
}

/// Gives each new endpoint its place, which is the end of the chain, and forgets the places of
/// those that are gone: what is recorded from now on is told.
///
/// # Errors
/// The store does not answer.
pub async fn prepare(
    hooks: &[Webhook],
    store: &dyn Store,
    audit: &Audit,
) -> Result<(), StoreError> {
    let head = audit.head().await?;
    let mut writes = Vec::new();
    for hook in hooks {
        let key = hook.place();
        if store.load(Table::Meta, &key).await?.is_none() {
            writes.push(at(key, Some(head)));
        }
    }
    let known = store.scan(Table::Meta, PLACES, 1_000).await?;
    let known = known.into_iter().map(|(key, _)| key).take_while(|key| key.starts_with(PLACES));
    let gone = known.filter(|key| hooks.iter().all(|hook| hook.place() != *key));
    writes.extend(gone.map(|key| at(key, None)));
    if writes.is_empty() { Ok(()) } else { store.commit(writes).await }
}

/// Starts to deliver, each endpoint by a task of its own: a slow one delays nobody else.
pub fn start(
    hooks: Vec<Webhook>,
    tls: &Arc<ClientConfig>,
    store: &Arc<dyn Store>,
    settler: &Arc<Settler>,
) -> Vec<JoinHandle<()>> {
    let http = Http::new(tls);
    let courier = |hook| Courier::new(hook, http.clone(), store.clone(), settler.clone());
    hooks.into_iter().map(|hook| tokio::spawn(courier(hook).run())).collect()
}

impl Webhook {
    fn place(&self) -> String {
        format!("{PLACES}{}", self.config.name)
    }

    fn timeout(&self) -> Duration {
        Duration::from_millis(self.config.timeout_ms)
    }
}

/// Moves an endpoint's place, or forgets it.
fn at(key: String, seq: Option<u64>) -> Write {
    let value = seq.map(|seq| seq.to_string().into_bytes());
    Write { table: Table::Meta, key, expect: Expect::Anything, value }
}

/// The kinds that names stand for, groups unfolded.
///
/// # Errors
/// Which name is none, and which there are.
pub(super) fn kinds(events: &[String]) -> Result<Vec<&'static str>, String> {
    let mut kinds = Vec::new();
    for event in events {
        let group = GROUPS.iter().find(|(name, _)| name == event).map(|(_, kinds)| *kinds);
        let one = KINDS.iter().find(|kind| *kind == event).map(std::slice::from_ref);
        let Some(found) = group.or(one) else {
            let names: Vec<&str> = GROUPS.iter().map(|(name, _)| *name).chain(KINDS).collect();
            return Err(format!("there is no event {event:?} (there are {})", names.join(", ")));
        };
        kinds.extend(found);
    }
    if kinds.is_empty() { Err("names none".to_owned()) } else { Ok(kinds) }
}

fn url_cause(url: &str) -> Option<String> {
    if url.is_empty() {
        return Some("is missing".to_owned());
    }
    // It may hold a secret: it is not repeated.
    let Ok(uri) = url.parse::<Uri>() else { return Some("is not a URL".to_owned()) };
    let known = matches!(uri.scheme_str(), Some("http" | "https"));
    let Some(authority) = uri.authority().filter(|_| known) else {
        return Some("does not begin with https:// or http://".to_owned());
    };
    if authority.as_str().contains('@') {
        return Some("holds a user or password; the signature says who it comes from".to_owned());
    }
    authority.host().is_empty().then(|| "names no host".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_and_kinds_are_known_by_name() {
        let kinds = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            kinds(&names)
        };
        assert_eq!(kinds(&["held", "shield"]), Ok(vec!["held", "shield_on", "shield_off"]));
        assert!(kinds(&["decided"]).is_ok_and(|kinds| kinds.contains(&"denied")));
        assert!(kinds(&["passed"]).is_err_and(|cause| cause.contains("there are decided, shield")));
        assert!(kinds(&[]).is_err());
        for (_, group) in GROUPS {
            assert!(group.iter().all(|kind| KINDS.contains(kind)), "{group:?}");
        }
        let default = WebhookConfig::default().events;
        assert!(super::kinds(&default).is_ok(), "{default:?}");
    }

    #[test]
    fn a_url_is_checked_and_never_repeated() {
        for (url, good) in [
            ("https://panel.example/x?y=z", true),
            ("http://127.0.0.1:9000", true),
            ("", false),
            ("panel.example/x", false),
            ("ftp://panel.example", false),
            ("https://me:hunter2@panel.example/", false),
            ("https:///x", false),
        ] {
            let cause = url_cause(url);
            assert_eq!(cause.is_none(), good, "{url} {cause:?}");
            assert!(!cause.unwrap_or_default().contains("hunter2"));
        }
    }
}
