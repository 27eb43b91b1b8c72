//! Makes those wait who failed to log in, longer each time.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// Accounts and addresses remembered; beyond it the one that failed longest ago is forgotten.
const REMEMBERED_MAX: usize = 10_000;
/// An address may stand for many people (an office, a proxy before the console).
const ADDRESS_FACTOR: u32 = 4;
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// An account waits shorter than an address: whoever knows a name must not lock its owner out
/// for long.
const ACCOUNT_WAIT_MAX: Duration = Duration::from_secs(60);
const ADDRESS_WAIT_MAX: Duration = Duration::from_secs(15 * 60);
/// After this long without a failure the count starts anew.
const FORGET_AFTER: Duration = Duration::from_secs(60 * 60);

pub struct Lockout {
    attempts_max: u32,
    failures: Mutex<HashMap<Key, Failures>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Key {
    /// Also of accounts that do not exist, so that a wait says nothing about that.
    Account(String),
    /// IPv6 by /64: one customer owns that many.
    Address(IpAddr),
}

struct Failures {
    count: u32,
    last: Instant,
    until: Instant,
}

impl Lockout {
    pub fn new(attempts_max: u32) -> Lockout {
        Lockout { attempts_max: attempts_max.max(1), failures: Mutex::default() }
    }

    /// How long this account or address still has to wait, if at all.
    pub fn wait(&self, account: &str, from: IpAddr) -> Option<Duration> {
        let now = Instant::now();
        let failures = self.failures();
        let keys = [Key::Account(account.to_owned()), Key::Address(network(from))];
        let until = keys.iter().filter_map(|key| failures.get(key)).map(|f| f.until).max()?;
        (until > now).then(|| until - now)
    }

    pub fn failed(&self, account: &str, from: IpAddr) {
        let per_address = self.attempts_max.saturating_mul(ADDRESS_FACTOR);
        let mut failures = self.failures();
        let account = Key::Account(account.to_owned());
        note(&mut failures, account, self.attempts_max, ACCOUNT_WAIT_MAX);
        note(&mut failures, Key::Address(network(from)), per_address, ADDRESS_WAIT_MAX);
    }

    /// Forgets the account's failures. The address keeps its own: somebody with one good account
    /// could otherwise guess others' without end.
    pub fn succeeded(&self, account: &str, _from: IpAddr) {
        self.failures().remove(&Key::Account(account.to_owned()));
    }

    fn failures(&self) -> MutexGuard<'_, HashMap<Key, Failures>> {
        // Counts stay true whatever panicked while they were locked.
        self.failures.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn note(map: &mut HashMap<Key, Failures>, key: Key, free: u32, wait_max: Duration) {
    let now = Instant::now();
    if map.len() >= REMEMBERED_MAX && !map.contains_key(&key) {
        let oldest = map.iter().min_by_key(|(_, f)| f.last).map(|(key, _)| key.clone());
        oldest.map(|oldest| map.remove(&oldest));
    }
    let entry = map.entry(key).or_insert(Failures { count: 0, last: now, until: now });
    if now - entry.last > FORGET_AFTER {
        entry.count = 0;
    }
    entry.count = entry.count.saturating_add(1);
    entry.last = now;
    if let Some(beyond) = entry.count.checked_sub(free) {
        // 2^20 s is beyond any maximum, and the shift cannot overflow.
        entry.until = now + (FIRST_WAIT * (1 << beyond.min(20))).min(wait_max);
    }
}

fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn the_wait_doubles_up_to_its_bound_and_ends() {
        let lockout = Lockout::new(3);
        let from = ip("192.0.2.1");
        for _ in 0..2 {
            lockout.failed("ana", from);
            assert_eq!(lockout.wait("ana", from), None);
        }
        for expected_s in [1, 2, 4, 8, 16, 32, 60, 60] {
            lockout.failed("ana", ip("192.0.2.9"));
            assert_eq!(lockout.wait("ana", from), Some(Duration::from_secs(expected_s)));
            assert_eq!(lockout.wait("ben", from), None, "another account is free");
            tokio::time::advance(Duration::from_secs(expected_s)).await;
            assert_eq!(lockout.wait("ana", from), None);
        }
        lockout.succeeded("ana", from);
        lockout.failed("ana", from);
        assert_eq!(lockout.wait("ana", from), None, "a success starts the count anew");
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_that_tries_many_names_waits_too() {
        let lockout = Lockout::new(2);
        for n in 0..8 {
            lockout.failed(&format!("name{n}"), ip("2001:db8::1"));
            // One good account of one's own does not buy more guesses.
            lockout.succeeded("mine", ip("2001:db8::1"));
        }
        let wait = Some(Duration::from_secs(1));
        assert_eq!(lockout.wait("other", ip("2001:db8::1")), wait);
        assert_eq!(lockout.wait("other", ip("2001:db8::ffff")), wait, "the same /64");
        assert_eq!(lockout.wait("other", ip("2001:db8:0:1::1")), None);
        assert_eq!(lockout.wait("other", ip("192.0.2.1")), None);
    }

    #[tokio::test(start_paused = true)]
    async fn memory_is_bounded() {
        let lockout = Lockout::new(1);
        lockout.failed("first", ip("192.0.2.1"));
        tokio::time::advance(Duration::from_millis(1)).await;
        for n in 0..REMEMBERED_MAX {
            lockout.failed(&format!("name{n}"), ip("192.0.2.2"));
        }
        assert_eq!(lockout.failures().len(), REMEMBERED_MAX);
        assert_eq!(lockout.wait("first", ip("192.0.2.3")), None, "the oldest was forgotten");
    }
}
