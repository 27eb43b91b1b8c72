//! Says which step leads from which state to which, and what a record is afterwards.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Decided, Decision, Hold, State};
use crate::config::OnExpiry;

/// Whom a record names as decider when the clock decided.
pub const EXPIRY: &str = "expiry";
/// What is left at least for a second look after an undo.
const UNDO_LEAVES_MS: u64 = 5_000;

/// The stored form of a held message.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Row {
    /// Rises by one with every step, so that of two readings the newer is known.
    pub rev: u64,
    /// When it came to its end, in Unix milliseconds; from then on its retention counts.
    pub ended_ms: Option<u64>,
    /// Text and frame were removed.
    pub erased: bool,
    /// The clock would have released it, and must not: its sender was silenced.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub kept_back: bool,
    #[serde(with = "shared")]
    pub hold: Arc<Hold>,
}

/// What can happen to a held message.
#[derive(Clone, Debug)]
pub enum Step {
    Decide {
        decision: Decision,
        by: String,
        undo_ms: u64,
    },
    Undo,
    /// Nobody decided in time.
    Expire,
    /// Nobody was on duty to decide: its end is moved.
    PutOff {
        until_ms: u64,
    },
    /// The undo window of a denial has passed; `early` ends it before its time.
    Finish {
        early: bool,
    },
    /// Somebody is about to write it.
    Claim,
    /// The write of a claimed one succeeded or not; its text is erased at once.
    Written(bool),
    /// Nobody came to carry it.
    Orphan,
    /// Its sender took it back.
    Withdraw,
    /// Its sender was silenced: the clock releases it no more, a person may. Or it was a mistake.
    KeepBack(bool),
    /// Its retention has passed, or its sender wants it gone.
    Erase,
}

impl Row {
    pub fn new(hold: Hold) -> Row {
        let hold = Arc::new(Hold { state: State::Held, decided: None, ..hold });
        Row { rev: 0, ended_ms: None, erased: false, kept_back: false, hold }
    }

    /// One that was never held, because there was no room.
    pub fn turned_away(hold: Hold, now_ms: u64) -> Row {
        let hold = Arc::new(Hold { state: State::Expired, decided: None, ..hold });
        Row { rev: 0, ended_ms: Some(now_ms), erased: false, kept_back: false, hold }
    }

    /// The record after `step` at `now_ms`; `None` where the step is not allowed now.
    pub fn after(&self, step: &Step, now_ms: u64) -> Option<Row> {
        let mut hold = Hold::clone(&self.hold);
        let open = self.ended_ms.is_none();
        let mut ends = false;
        let (mut erased, mut kept_back) = (self.erased, self.kept_back);
        match (hold.state, step) {
            (State::Held, Step::Decide { decision, by, undo_ms }) => {
                let (state, undo_ms) = match decision {
                    Decision::Release => (State::Approved, 0),
                    _ => (State::Denied, *undo_ms),
                };
                let time_out_s = match *decision {
                    Decision::TimeOut { seconds } => Some(seconds),
                    _ => None,
                };
                let banned = *decision == Decision::Ban;
                let plain = decided(by, now_ms, undo_ms);
                hold.state = state;
                hold.decided = Some(Decided { time_out_s, banned, ..plain });
            }
            (State::Held, Step::Expire) if now_ms >= hold.expires_ms => match hold.on_expiry {
                OnExpiry::Drop => (hold.state, ends) = (State::Expired, true),
                OnExpiry::Release => {
                    hold.state = State::Approved;
                    hold.decided = Some(decided(EXPIRY, now_ms, 0));
                }
            },
            (State::Held, Step::PutOff { until_ms }) if *until_ms > hold.expires_ms => {
                hold.expires_ms = *until_ms;
            }
            (State::Held, Step::Withdraw) => (hold.state, ends) = (State::Withdrawn, true),
            (State::Denied, Step::Undo) if open && now_ms < undo_until(&hold) => {
                let decided_ms = hold.decided.take().map_or(now_ms, |decided| decided.at_ms);
                let left_ms = hold.expires_ms.saturating_sub(decided_ms);
                hold.expires_ms = now_ms.saturating_add(left_ms.max(UNDO_LEAVES_MS));
                hold.state = State::Held;
            }
            (State::Denied, Step::Finish { early }) if open => {
                if !early && now_ms < undo_until(&hold) {
                    return None;
                }
                ends = true;
            }
            (State::Approved, Step::Claim) => (hold.state, ends) = (State::Released, true),
            (State::Approved, Step::Orphan) => (hold.state, ends) = (State::Orphaned, true),
            (State::Released, Step::Written(ok)) => match &mut hold.decided {
                Some(Decided { written: written @ None, .. }) => {
                    (*written, erased) = (Some(*ok), true);
                }
                _ => return None,
            },
            // What was removed can come back to the queue.
            (State::Held | State::Denied, Step::KeepBack(true))
                if open && hold.on_expiry == OnExpiry::Release =>
            {
                (hold.on_expiry, kept_back) = (OnExpiry::Drop, true);
            }
            (State::Held | State::Denied, Step::KeepBack(false)) if open && kept_back => {
                (hold.on_expiry, kept_back) = (OnExpiry::Release, false);
            }
            (_, Step::Erase) if !open && !erased => erased = true,
            _ => return None,
        }
        if erased {
            (hold.text, hold.frame.bytes) = (String::new(), Vec::new());
        }
        let ended_ms = self.ended_ms.or(ends.then_some(now_ms));
        Some(Row { rev: self.rev + 1, ended_ms, erased, kept_back, hold: Arc::new(hold) })
    }
}

fn decided(by: &str, at_ms: u64, undo_ms: u64) -> Decided {
    let undo_until_ms = at_ms.saturating_add(undo_ms);
    let (by, time_out_s, banned) = (by.to_owned(), None, false);
    Decided { by, at_ms, undo_until_ms, time_out_s, banned, written: None }
}

fn undo_until(hold: &Hold) -> u64 {
    hold.decided.as_ref().map_or(0, |decided| decided.undo_until_ms)
}

impl State {
    /// The word for it in metrics, the log and the console.
    pub const fn name(self) -> &'static str {
        match self {
            State::Held => "held",
            State::Approved => "approved",
            State::Released => "released",
            State::Denied => "denied",
            State::Expired => "expired",
            State::Withdrawn => "withdrawn",
            State::Orphaned => "orphaned",
        }
    }
}

/// Writes the shared record as the record.
mod shared {
    use std::sync::Arc;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::Hold;

    pub fn serialize<S: Serializer>(hold: &Arc<Hold>, to: S) -> Result<S::Ok, S::Error> {
        Hold::serialize(hold, to)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Arc<Hold>, D::Error> {
        Hold::deserialize(from).map(Arc::new)
    }
}

#[cfg(test)]
pub use tests::held;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::Position,
        hold::StoredFrame,
        message::{Language, Sender, Standing},
    };

    const UNDO_MS: u64 = 5_000;

    pub fn held(on_expiry: OnExpiry) -> Row {
        Row::new(Hold {
            id: "1".into(),
            route: "r".into(),
            mode: Position::Inline,
            channel: "c".into(),
            sender: Sender::default(),
            message_id: None,
            identity: None,
            live: 1,
            language: Language::En,
            text: "blorp".into(),
            findings: Vec::new(),
            frame: StoredFrame { binary: false, bytes: b"blorp".to_vec() },
            rules: "v".into(),
            decided_by: String::new(),
            rule: String::new(),
            held_ms: 1_000,
            expires_ms: 61_000,
            on_expiry,
            attended_ms: None,
            state: State::Held,
            decided: None,
            paid: None,
            standing: Standing::default(),
        })
    }

    fn decide(decision: Decision) -> Step {
        Step::Decide { decision, by: "ana".into(), undo_ms: UNDO_MS }
    }

    /// A record in each state that there is, at the time 2,000.
    fn rows() -> Vec<(&'static str, Row)> {
        let held = held(OnExpiry::Drop);
        let step = |row: &Row, step: Step| row.after(&step, 2_000).unwrap();
        let approved = step(&held, decide(Decision::Release));
        let denied = step(&held, decide(Decision::TimeOut { seconds: 60 }));
        let released = step(&approved, Step::Claim);
        let expired = held.after(&Step::Expire, 61_000).unwrap();
        vec![
            ("final", denied.after(&Step::Finish { early: false }, 2_000 + UNDO_MS).unwrap()),
            ("written", step(&released, Step::Written(true))),
            ("erased", step(&expired, Step::Erase)),
            ("withdrawn", step(&held, Step::Withdraw)),
            ("orphaned", step(&approved, Step::Orphan)),
            ("expired", expired),
            ("released", released),
            ("approved", approved),
            ("denied", denied),
            ("held", held),
        ]
    }

    #[test]
    fn every_step_from_every_state() {
        let late = 100_000;
        let steps = [
            ("release", decide(Decision::Release), 3_000),
            ("remove", decide(Decision::Remove), 3_000),
            ("undo", Step::Undo, 3_000),
            ("undo late", Step::Undo, 2_000 + UNDO_MS),
            ("expire", Step::Expire, late),
            ("expire early", Step::Expire, 60_999),
            ("put off", Step::PutOff { until_ms: 61_001 }, late),
            ("put off to before", Step::PutOff { until_ms: 61_000 }, late),
            ("finish", Step::Finish { early: false }, late),
            ("finish early", Step::Finish { early: false }, 2_000 + UNDO_MS - 1),
            ("claim", Step::Claim, late),
            ("written", Step::Written(false), late),
            ("orphan", Step::Orphan, late),
            ("withdraw", Step::Withdraw, late),
            ("keep back", Step::KeepBack(true), late),
            ("give back", Step::KeepBack(false), late),
            ("erase", Step::Erase, late),
        ];
        // Everything that is not named here is refused.
        let allowed = [
            ("held", "release", State::Approved, false),
            ("held", "remove", State::Denied, false),
            ("held", "expire", State::Expired, true),
            ("held", "put off", State::Held, false),
            ("held", "withdraw", State::Withdrawn, true),
            ("approved", "claim", State::Released, true),
            ("approved", "orphan", State::Orphaned, true),
            ("denied", "undo", State::Held, false),
            ("denied", "finish", State::Denied, true),
            ("released", "written", State::Released, true),
            ("released", "erase", State::Released, true),
            ("final", "erase", State::Denied, true),
            ("expired", "erase", State::Expired, true),
            ("withdrawn", "erase", State::Withdrawn, true),
            ("orphaned", "erase", State::Orphaned, true),
        ];
        for (from, row) in rows() {
            for (name, step, at) in &steps {
                let expected = allowed.iter().find(|(f, s, ..)| (f, s) == (&from, name));
                let next = row.after(step, *at);
                let found = next.as_ref().map(|row| (row.hold.state, row.ended_ms.is_some()));
                assert_eq!(found, expected.map(|e| (e.2, e.3)), "{from}: {name}");
                if let Some(next) = next {
                    assert_eq!(next.rev, row.rev + 1, "{from}: {name}");
                    assert_eq!(next.hold.text.is_empty(), next.erased, "{from}: {name}");
                    assert_eq!(next.hold.frame.bytes.is_empty(), next.erased);
                }
            }
        }
    }

    #[test]
    fn what_a_step_leaves_in_the_record() {
        let released = held(OnExpiry::Release).after(&Step::Expire, 61_000).unwrap();
        assert_eq!(released.hold.state, State::Approved);
        assert_eq!(released.hold.decided.as_ref().unwrap().by, EXPIRY);

        let denied = held(OnExpiry::Drop).after(&decide(Decision::TimeOut { seconds: 60 }), 2_000);
        let decided = denied.as_ref().unwrap().hold.decided.clone().unwrap();
        let expected = ("ana", 2_000, 7_000, Some(60));
        let Decided { by, at_ms, undo_until_ms, time_out_s, .. } = &decided;
        assert_eq!((by.as_str(), *at_ms, *undo_until_ms, *time_out_s), expected);
        let banned = held(OnExpiry::Drop).after(&decide(Decision::Ban), 2_000).unwrap();
        assert_eq!(banned.hold.decided.as_ref().map(|own| own.banned), Some(true));
        let undone = banned.after(&Step::Undo, 3_000).unwrap();
        assert_eq!((undone.hold.state, &undone.hold.decided), (State::Held, &None));

        // The time that was left when it was denied, and at the very end still a few seconds.
        let undone = denied.unwrap().after(&Step::Undo, 3_000).unwrap();
        assert_eq!((undone.hold.expires_ms, &undone.hold.decided), (3_000 + 59_000, &None));
        let late = held(OnExpiry::Drop).after(&decide(Decision::Remove), 60_999).unwrap();
        let undone = late.after(&Step::Undo, 62_000).unwrap();
        assert_eq!(undone.hold.expires_ms, 62_000 + UNDO_LEAVES_MS);
    }

    #[test]
    fn what_is_kept_back_is_not_released_by_the_clock() {
        let (keep, give) = (Step::KeepBack(true), Step::KeepBack(false));
        let row = held(OnExpiry::Release);
        let kept = row.after(&keep, 2_000).unwrap();
        assert_eq!(kept.after(&Step::Expire, 61_000).unwrap().hold.state, State::Expired);
        assert!(kept.after(&keep, 2_000).is_none(), "it is so already");
        let by_hand = kept.after(&decide(Decision::Release), 2_000).unwrap();
        assert_eq!(by_hand.hold.state, State::Approved, "a person may");
        let given = kept.after(&give, 2_000).unwrap();
        assert_eq!(given.after(&Step::Expire, 61_000).unwrap().hold.state, State::Approved);
        assert!(given.after(&give, 2_000).is_none());
        // Removed by itself before its sender was banned, and brought back after.
        let denied = row.after(&decide(Decision::Remove), 2_000).unwrap();
        let back = denied.after(&keep, 2_000).unwrap().after(&Step::Undo, 2_000).unwrap();
        assert_eq!(back.after(&Step::Expire, 99_000).unwrap().hold.state, State::Expired);
    }

    #[test]
    fn a_stored_record_reads_back_the_same() {
        for (name, row) in rows() {
            let bytes = serde_json::to_vec(&row).unwrap();
            let back: Row = serde_json::from_slice(&bytes).unwrap();
            assert_eq!(serde_json::to_vec(&back).unwrap(), bytes, "{name}");
            assert_eq!(back.hold.frame.bytes, row.hold.frame.bytes, "{name}");
        }
    }
}
