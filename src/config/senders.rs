//! Names what a policy may say of senders: whose names are protected, strikes, payments.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Whose names nobody else may go by.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct ProtectedConfig {
    /// Names with their accounts' ids; an empty id where the platform gives each name only once.
    pub names: BTreeMap<String, String>,
    /// Protects whoever the protocol calls broadcaster or moderator, too.
    pub learn: bool,
    /// Finds names that claim an office: moderator, admin, staff.
    pub titles: bool,
}

impl Default for ProtectedConfig {
    fn default() -> Self {
        ProtectedConfig { names: BTreeMap::new(), learn: true, titles: true }
    }
}

/// What one offence counts, and how fast it is forgotten.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct StrikesConfig {
    /// Half of a sender's strikes wear off in this time.
    pub half_life_ms: u64,
    /// A message that was masked.
    pub mask: f32,
    /// A message that was dropped, or held and removed by a moderator.
    pub removed: f32,
    /// The same where something of severity 4 was found.
    pub severest: f32,
}

impl Default for StrikesConfig {
    fn default() -> Self {
        StrikesConfig { half_life_ms: 3_600_000, mask: 0.25, removed: 1.0, severest: 3.0 }
    }
}

/// One step of the ladder: what happens to a sender with so many strikes.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct LadderStep {
    pub at: f32,
    pub then: Consequence,
    /// How long a hold or a time-out lasts; the others have no length.
    pub for_ms: Option<u64>,
}

/// What strikes lead to, mildest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Consequence {
    /// The sender is told, once.
    Warn,
    /// Everything that the sender says waits for a moderator.
    Hold,
    /// Everything that the sender says is dropped for a while.
    TimeOut,
    /// The same without an end, as long as the process runs.
    Ban,
}

impl Consequence {
    pub const fn name(self) -> &'static str {
        match self {
            Consequence::Warn => "warn",
            Consequence::Hold => "hold",
            Consequence::TimeOut => "time_out",
            Consequence::Ban => "ban",
        }
    }

    pub const fn has_length(self) -> bool {
        matches!(self, Consequence::Hold | Consequence::TimeOut)
    }
}

/// Messages that somebody paid for.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct PaidConfig {
    /// How long a held one waits for a moderator.
    pub hold_ms: u64,
}

impl Default for PaidConfig {
    fn default() -> Self {
        PaidConfig { hold_ms: 60_000 }
    }
}
