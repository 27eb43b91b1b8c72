//! Puts off the end of what waits while nobody is on duty.

use std::sync::Arc;

use super::{Hold, HoldQueue, ledger::Ledger};
use crate::history::Duty;

/// Nothing waits longer than this beyond its own time, whoever never comes.
const PUT_OFF_MAX_MS: u64 = 24 * 3_600_000;
/// While nobody is on duty it is looked at again this often; whoever comes makes it sooner.
const AGAIN_MS: u64 = 60_000;

/// What the clock does with something held whose time it looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    Expire,
    /// Looked at again then; the record stays as it is.
    Later(u64),
    /// Its end is moved there.
    PutOff(u64),
}

/// Its hold time runs while somebody is on duty without a gap, and from the start after each gap.
///
/// `since_ms`: since when somebody is; `None`: nobody is.
fn due(hold: &Hold, since_ms: Option<u64>, now_ms: u64) -> Due {
    let Some(attended_ms) = hold.attended_ms else { return Due::Expire };
    let own_ms = hold.held_ms.saturating_add(attended_ms);
    let last_ms = own_ms.saturating_add(PUT_OFF_MAX_MS);
    if now_ms >= last_ms {
        return Due::Expire;
    }
    let Some(since_ms) = since_ms else {
        let again_ms = now_ms.saturating_add(AGAIN_MS).max(hold.expires_ms);
        return Due::Later(again_ms.min(last_ms));
    };
    let ends_ms = since_ms.saturating_add(attended_ms).min(last_ms);
    match hold.expires_ms {
        expires_ms if ends_ms > expires_ms => Due::PutOff(ends_ms),
        expires_ms if now_ms < expires_ms => Due::Later(expires_ms),
        _ => Due::Expire,
    }
}

impl Ledger {
    /// What becomes of something held now. Until somebody says who is on duty, nobody is: after a
    /// restart nothing that waits for a person ends before one can be there.
    pub fn due(&self, id: &str, now_ms: u64) -> Due {
        let hold = self.book().entry(id).map(|entry| entry.row.hold.clone());
        let since_ms = self.duty.get().and_then(|duty| duty.since_ms(now_ms));
        hold.map_or(Due::Expire, |hold| due(&hold, since_ms, now_ms))
    }
}

impl HoldQueue {
    /// Says who is on duty from now on, and looks at what waits for that: called when it is known,
    /// and again whenever somebody comes after nobody was there.
    pub fn attend(&self, duty: &Duty) {
        // The first stays: all are the same list.
        let _ = self.ledger.duty.set(duty.clone());
        let now_ms = self.ledger.clock.now_ms();
        let mut book = self.ledger.book();
        let waiting: Vec<Arc<Hold>> =
            book.undecided().filter(|hold| hold.attended_ms.is_some()).cloned().collect();
        waiting.iter().for_each(|hold| book.postpone(&hold.id, now_ms));
        drop(book);
        self.ledger.wake.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::{super::states::held, *};
    use crate::config::OnExpiry;

    #[test]
    fn hold_times_run_while_somebody_is_on_duty() {
        let hold = |attended_ms, expires_ms| Hold {
            attended_ms,
            expires_ms,
            ..Hold::clone(&held(OnExpiry::Drop).hold)
        };
        let own = 61_000;
        let last = own + PUT_OFF_MAX_MS;
        let check = |expires_ms, since_ms, now_ms, expected| {
            let hold = hold(Some(60_000), expires_ms);
            assert_eq!(
                due(&hold, since_ms, now_ms),
                expected,
                "{expires_ms} {since_ms:?} {now_ms}"
            );
        };
        // Somebody was there all the time.
        check(own, Some(0), own, Due::Expire);
        check(own, Some(1_000), own, Due::Expire);
        check(own, Some(0), 2_000, Due::Later(own));
        // Somebody came before its end, or after: it begins again.
        check(own, Some(50_000), 50_000, Due::PutOff(110_000));
        check(own, Some(900_000), 900_000, Due::PutOff(960_000));
        check(960_000, Some(900_000), 960_000, Due::Expire);
        // They left, and somebody came again.
        check(960_000, Some(950_000), 960_000, Due::PutOff(1_010_000));
        check(own, None, own, Due::Later(own + AGAIN_MS));
        check(own, None, 2_000, Due::Later(2_000 + AGAIN_MS));
        check(960_000, None, 61_000, Due::Later(960_000));
        // A day is the most.
        check(own, None, last - 1, Due::Later(last));
        check(own, None, last, Due::Expire);
        check(own, Some(last - 1), last - 1, Due::PutOff(last));
        check(last, Some(last - 1), last, Due::Expire);
        assert_eq!(due(&hold(None, own), None, own), Due::Expire, "its policy wants none of it");
    }
}
