//! Knows hosts: which endings there are, and which sites everybody knows.

use std::{
    collections::{HashMap, HashSet},
    sync::LazyLock,
};

use crate::letters::{self, bytes::FnvBuild};

/// What the lists of this repository say of a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Linked to every day.
    Known,
    /// Hides where it leads.
    Shortener,
    /// An invitation to another chat.
    Invite,
    /// Exists for what no chat wants: raids, private addresses, finding people.
    Blocked,
}

/// Later lists are stronger: a site may be known and its invitations be listed below it.
const LISTS: [(Kind, &str); 4] = [
    (Kind::Known, include_str!("../../../wordlists/hosts/known.list")),
    (Kind::Shortener, include_str!("../../../wordlists/hosts/shorteners.list")),
    (Kind::Invite, include_str!("../../../wordlists/hosts/invites.list")),
    (Kind::Blocked, include_str!("../../../wordlists/hosts/blocked.list")),
];

static TLDS: LazyLock<HashSet<String, FnvBuild>> =
    LazyLock::new(|| folded(include_str!("../../../wordlists/hosts/tlds.list")));
static BARE: LazyLock<HashSet<String, FnvBuild>> =
    LazyLock::new(|| folded(include_str!("../../../wordlists/hosts/bare.list")));
static SUFFIXES: LazyLock<HashSet<&'static str, FnvBuild>> =
    LazyLock::new(|| names(include_str!("../../../wordlists/hosts/suffixes.list")).collect());
static SITES: LazyLock<Sites<Kind>> = LazyLock::new(|| {
    let mut sites = Sites::default();
    for (kind, text) in LISTS {
        names(text).for_each(|name| sites.add(name, kind));
    }
    sites
});

/// The names in a list: words of lines that are no comment.
pub(super) fn names(text: &'static str) -> impl Iterator<Item = &'static str> {
    text.lines().filter(|line| !line.starts_with('#')).flat_map(str::split_whitespace)
}

/// As a plain reading has it, which knows no accents.
fn folded(text: &'static str) -> HashSet<String, FnvBuild> {
    names(text).map(|name| letters::plain(name).0).collect()
}

/// Whether there are hosts under this ending, in either spelling.
pub(super) fn is_tld(label: &str) -> bool {
    TLDS.contains(label) || unicode(label).is_some_and(|tld| TLDS.contains(&tld))
}

/// Whether `name.ending` alone is a link and no slip of the keyboard.
pub(super) fn is_bare(label: &str) -> bool {
    BARE.contains(label) || unicode(label).is_some()
}

/// What `xn--…` spells, as a plain reading has it.
fn unicode(label: &str) -> Option<String> {
    decoded(label).and_then(Result::ok).map(|spelt| letters::plain(&spelt).0)
}

/// What an `xn--` label stands for; an error where it stands for nothing.
pub(super) fn decoded(label: &str) -> Option<Result<String, ()>> {
    label.strip_prefix("xn--").map(punycode::decode)
}

/// Whether names are registered below it: no site of its own.
pub(super) fn is_suffix(host: &str) -> bool {
    is_tld(host) || SUFFIXES.contains(host)
}

/// What the lists say of a host with this path.
pub(super) fn known(host: &str, path: &str) -> Option<Kind> {
    SITES.find(host, path)
}

/// Every host that the lists know, for whoever looks for look-alikes of them.
pub(super) fn listed() -> impl Iterator<Item = &'static str> {
    let brands = [LISTS[0].1, LISTS[1].1, LISTS[2].1].into_iter();
    brands.flat_map(names).filter(|name| !name.contains('/'))
}

/// Hosts, perhaps with a path, and what is said of each.
#[derive(Clone, Debug)]
pub(super) struct Sites<T> {
    by_host: HashMap<Box<str>, Vec<Site<T>>>,
}

#[derive(Clone, Debug)]
struct Site<T> {
    /// Without the slash in front; empty: all of the host.
    path: Box<str>,
    /// Only hosts below it are meant.
    below: bool,
    what: T,
}

impl<T> Default for Sites<T> {
    fn default() -> Self {
        Sites { by_host: HashMap::new() }
    }
}

impl<T: Copy> Sites<T> {
    /// Adds `example.org`, `*.example.org` or `example.org/path`.
    pub fn add(&mut self, name: &str, what: T) {
        let name = name.to_lowercase();
        let (host, path) = name.split_once('/').unwrap_or((&name, ""));
        let below = host.starts_with("*.");
        let site = Site { path: path.trim_end_matches('/').into(), below, what };
        let host = host.trim_start_matches("*.");
        self.by_host.entry(host.into()).or_default().push(site);
    }

    /// The most particular entry that means this host: the longest name, then the longest path,
    /// then the last one.
    pub fn find(&self, host: &str, path: &str) -> Option<T> {
        let path = path.trim_start_matches('/');
        let mut part = host;
        loop {
            let fits = |site: &&Site<T>| {
                let rest = path.strip_prefix(&*site.path);
                let whole = rest.is_some_and(|rest| {
                    site.path.is_empty() || !rest.starts_with(char::is_alphanumeric)
                });
                whole && (!site.below || part.len() < host.len())
            };
            let sites = self.by_host.get(part).into_iter().flatten();
            if let Some(site) = sites.filter(fits).max_by_key(|site| site.path.len()) {
                return Some(site.what);
            }
            part = part.split_once('.')?.1;
        }
    }
}

/// What is wrong with a host in the settings, if anything.
pub(super) fn fault(name: &str) -> Option<String> {
    let lower = name.to_lowercase();
    let host = lower.split('/').next().unwrap_or_default().trim_start_matches("*.");
    let label = |label: &str| {
        let inside = |c: char| c.is_alphanumeric() || c == '-' || c == '_';
        (1..=63).contains(&label.len()) && label.chars().all(inside)
    };
    let tld = host.rsplit('.').next().unwrap_or_default();
    if host.len() > HOST_BYTES_MAX || !host.split('.').all(label) || !host.contains('.') {
        return Some(format!("{name:?} is not like \"example.org\" or \"*.example.org\""));
    }
    if !is_tld(&letters::plain(tld).0) {
        return Some(format!("{name:?}: there is no top-level domain {tld:?}"));
    }
    let own = || SITES.by_host.contains_key(host);
    (is_suffix(host) && !own())
        .then(|| format!("{name:?} is what sites are registered under, and would mean all of them"))
}

/// RFC 1035; `find` looks no further either.
pub(super) const HOST_BYTES_MAX: usize = 253;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_hosts() {
        for (kind, text) in LISTS {
            for name in names(text) {
                assert_eq!(fault(name), None, "{kind:?}");
            }
        }
        for name in names(include_str!("../../../wordlists/hosts/bare.list")) {
            assert!(is_tld(&letters::plain(name).0), "{name}");
        }
        for name in SUFFIXES.iter() {
            let (_, tld) = name.rsplit_once('.').expect("a suffix has a dot");
            assert!(is_tld(tld), "{name}");
        }
    }

    #[test]
    fn the_most_particular_entry_speaks() {
        let mut sites = Sites::default();
        for (name, what) in
            [("a.org", 1), ("*.b.org", 2), ("a.org/in", 3), ("c.a.org", 4), ("é.org", 5)]
        {
            sites.add(name, what);
        }
        for (host, path, expected) in [
            ("a.org", "", Some(1)),
            ("www.a.org", "/x", Some(1)),
            ("xa.org", "", None),
            ("b.org", "", None),
            ("x.b.org", "", Some(2)),
            ("a.org", "/in/x", Some(3)),
            ("a.org", "/inside", Some(1)),
            ("c.a.org", "/in", Some(4)),
            ("é.org", "", Some(5)),
            ("e.org", "", None),
            ("org", "", None),
        ] {
            assert_eq!(sites.find(host, path), expected, "{host}{path}");
        }
    }

    #[test]
    fn settings_name_hosts() {
        for (name, wrong) in [
            ("example.org", false),
            ("*.example.org", false),
            ("example.org/path", false),
            ("münchen.de", false),
            ("gov.uk", false),
            ("org", true),
            ("co.uk", true),
            ("https://example.org", true),
            ("example", true),
            ("exa mple.org", true),
            ("example.blorp", true),
            ("", true),
            ("*", true),
        ] {
            assert_eq!(fault(name).is_some(), wrong, "{name}: {:?}", fault(name));
        }
    }
}
