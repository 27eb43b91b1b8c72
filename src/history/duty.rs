//! Knows who is on duty: whose console is connected, and who acted lately.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio::sync::watch;

use super::lock;
use crate::message::now_ms;

/// A page that is loaded anew, or whose connection broke, is back within this: until then its
/// console counts as connected, so that nobody goes off duty by a reload.
const GRACE_MS: u64 = 30_000;
/// More people than any team has; whoever acts beyond them counts once somebody else has left.
const PEOPLE_MAX: usize = 1_000;
/// Nobody keeps the list: then nothing waits for anybody, and no other policy stands in.
const NOT_KEPT: u64 = u64::MAX;

/// Who is on duty; cheap to clone.
///
/// A person is on duty while a console of theirs is connected and they acted within the last
/// minutes: a page that somebody left open overnight is nobody.
#[derive(Clone, Debug)]
pub struct Duty(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    people: Mutex<People>,
    /// Until when somebody is on duty if nothing more happens, in Unix milliseconds: a message
    /// costs no lock.
    until_ms: AtomicU64,
    /// Since when somebody was on duty without a gap.
    since_ms: AtomicU64,
    changed: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct People {
    window_ms: u64,
    known: HashMap<String, Person>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Person {
    consoles: usize,
    /// When the last console of theirs went.
    left_ms: Option<u64>,
    acted_ms: Option<u64>,
}

/// A connected console; dropping it disconnects it.
#[derive(Debug)]
pub struct OnDuty {
    duty: Duty,
    name: String,
}

impl Drop for OnDuty {
    fn drop(&mut self) {
        self.duty.disconnect(&self.name, now_ms());
    }
}

impl Default for Duty {
    fn default() -> Self {
        Duty(Arc::new(Inner {
            people: Mutex::default(),
            until_ms: AtomicU64::new(NOT_KEPT),
            since_ms: AtomicU64::new(0),
            changed: watch::Sender::new(()),
        }))
    }
}

impl Duty {
    /// Keeps the list from now on; until somebody acts, nobody is on duty.
    pub fn keep(&self, window_ms: u64) {
        let mut people = lock(&self.0.people);
        people.window_ms = window_ms;
        if self.0.until_ms.load(Ordering::Relaxed) == NOT_KEPT {
            self.0.until_ms.store(0, Ordering::Relaxed);
        }
    }

    /// Whether somebody is on duty.
    pub fn is_on(&self, now: u64) -> bool {
        now < self.0.until_ms.load(Ordering::Relaxed)
    }

    /// Since when somebody is on duty without a gap; `None`: nobody is.
    pub fn since_ms(&self, now: u64) -> Option<u64> {
        // Under the lock, so that the two are of one time.
        let _people = lock(&self.0.people);
        self.is_on(now).then(|| self.0.since_ms.load(Ordering::Relaxed))
    }

    /// The names of those on duty, sorted.
    pub fn on(&self, now: u64) -> Vec<String> {
        let people = lock(&self.0.people);
        let on = people.known.iter().filter(|(_, one)| now < one.until_ms(people.window_ms));
        let mut names: Vec<String> = on.map(|(name, _)| name.clone()).collect();
        names.sort_unstable();
        names
    }

    /// Told whenever somebody may have come on duty, or left.
    pub fn subscribe(&self) -> watch::Receiver<()> {
        self.0.changed.subscribe()
    }

    /// A console was connected, which is no act: a page reconnects by itself.
    pub fn connect(&self, name: &str, now: u64) -> OnDuty {
        self.change(name, now, |person| person.consoles += 1);
        OnDuty { duty: self.clone(), name: name.to_owned() }
    }

    fn disconnect(&self, name: &str, now: u64) {
        self.change(name, now, |person| {
            person.consoles = person.consoles.saturating_sub(1);
            person.left_ms = Some(now);
        });
    }

    /// Somebody acted, or at least moved.
    pub fn act(&self, name: &str, now: u64) {
        self.change(name, now, |person| person.acted_ms = Some(now));
    }

    fn change(&self, name: &str, now: u64, change: impl FnOnce(&mut Person)) {
        let mut people = lock(&self.0.people);
        let window_ms = people.window_ms;
        people.known.retain(|_, person| person.consoles > 0 || person.is_lately(now, window_ms));
        if people.known.len() >= PEOPLE_MAX && !people.known.contains_key(name) {
            return;
        }
        change(people.known.entry(name.to_owned()).or_default());
        let old_ms = self.0.until_ms.load(Ordering::Relaxed);
        if old_ms == NOT_KEPT {
            return;
        }
        let until = people.known.values().map(|person| person.until_ms(window_ms)).max();
        let until_ms = until.unwrap_or(0);
        if old_ms <= now && now < until_ms {
            self.0.since_ms.store(now, Ordering::Relaxed);
        }
        self.0.until_ms.store(until_ms, Ordering::Relaxed);
        drop(people);
        self.0.changed.send_replace(());
    }
}

impl Person {
    /// Until when they are on duty if they do nothing more.
    fn until_ms(&self, window_ms: u64) -> u64 {
        let Some(acted_ms) = self.acted_ms else { return 0 };
        let until_ms = acted_ms.saturating_add(window_ms);
        match (self.consoles, self.left_ms) {
            (0, None) => 0,
            (0, Some(left_ms)) => until_ms.min(left_ms.saturating_add(GRACE_MS)),
            _ => until_ms,
        }
    }

    /// Whether it still matters when they acted.
    fn is_lately(&self, now: u64, window_ms: u64) -> bool {
        self.acted_ms.is_some_and(|acted_ms| now < acted_ms.saturating_add(window_ms))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW_MS: u64 = 600_000;

    fn kept() -> Duty {
        let duty = Duty::default();
        duty.keep(WINDOW_MS);
        duty
    }

    #[test]
    fn without_a_list_somebody_always_is() {
        let duty = Duty::default();
        assert_eq!((duty.is_on(u64::MAX - 1), duty.since_ms(5)), (true, Some(0)));
        duty.act("ana", 1);
        assert!(duty.is_on(u64::MAX - 1), "an act alone keeps no list");
        duty.keep(WINDOW_MS);
        assert_eq!((duty.is_on(5), duty.since_ms(5)), (false, None));
    }

    #[test]
    fn it_takes_a_console_and_an_act() {
        let duty = kept();
        let check = |now, names: &[&str], since_ms| {
            assert_eq!(duty.on(now), names, "at {now}");
            assert_eq!(duty.is_on(now), !names.is_empty(), "at {now}");
            assert_eq!(duty.since_ms(now), since_ms, "at {now}");
        };
        let ana = duty.connect("ana", 1_000);
        check(1_000, &[], None);
        duty.act("ben", 2_000);
        check(2_000, &[], None);
        duty.act("ana", 3_000);
        check(3_000, &["ana"], Some(3_000));
        // Acted before the console was there.
        let ben = duty.connect("ben", 4_000);
        check(4_000, &["ana", "ben"], Some(3_000));
        check(2_000 + WINDOW_MS, &["ana"], Some(3_000));
        check(2_999 + WINDOW_MS, &["ana"], Some(3_000));
        check(3_000 + WINDOW_MS, &[], None);
        duty.act("ben", 5_000 + WINDOW_MS);
        check(5_000 + WINDOW_MS, &["ben"], Some(5_000 + WINDOW_MS));
        drop((ana, ben));
    }

    #[test]
    fn a_reload_is_no_gap_and_leaving_is_one() {
        let duty = kept();
        let first = duty.connect("ana", 0);
        let second = duty.connect("ana", 0);
        duty.act("ana", 0);
        // Dropped seats would read the real clock.
        for seat in [first, second] {
            std::mem::forget(seat);
        }
        duty.disconnect("ana", 10_000);
        assert_eq!(duty.since_ms(10_000 + GRACE_MS), Some(0), "another console is there");
        duty.disconnect("ana", 50_000);
        assert_eq!(duty.since_ms(49_999 + GRACE_MS), Some(0));
        assert_eq!(duty.since_ms(50_000 + GRACE_MS), None);
        let back = duty.connect("ana", 40_000 + GRACE_MS);
        assert_eq!(duty.since_ms(50_000 + GRACE_MS), Some(0), "back in time");
        std::mem::forget(back);
        duty.disconnect("ana", 100_000);
        let back = duty.connect("ana", 200_000);
        assert_eq!(duty.since_ms(200_000), Some(200_000), "what they did last still counts");
        std::mem::forget(back);
    }

    #[test]
    fn changes_are_told_and_the_list_is_bounded() {
        let duty = kept();
        let mut told = duty.subscribe();
        for n in 0..2 * PEOPLE_MAX {
            duty.act(&n.to_string(), 1_000);
        }
        assert!(told.has_changed().expect("it is there"));
        told.mark_unchanged();
        assert_eq!(lock(&duty.0.people).known.len(), PEOPLE_MAX);
        duty.act("ana", 1_000 + WINDOW_MS);
        assert_eq!(lock(&duty.0.people).known.len(), 1, "what is long ago is forgotten");
        assert!(told.has_changed().expect("it is there"));
    }
}
