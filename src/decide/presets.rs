//! Holds the presets as data: what each does with every category at every severity.
//!
//! The reasons behind the tables:
//! - Severity 4 is what must never be seen: every preset but `off` drops it.
//! - A model alone never drops under `relaxed` and `standard`: its findings are of severity 2, or
//!   3 where it also says `severe`, and those are held at most, for a person to look at. `toxic`
//!   alone is of severity 1 and passes there: a tone is no offence, and is what noise looks like.
//! - Self-harm is never dropped below severity 4: it may be a cry for help, so a person sees it.
//! - Swearing at severity 1 and 2 is masked rather than held, or moderators would see little else.
//! - Spam is dropped, never held: a flood that is held drowns the queue, which is what it is for.
//!   What a crowd repeats is held all the same, up to a bound: a raid may be a friendly one.
//! - A machine that silences people by itself must be asked for: only `strict` has a ladder.
//! - Doxxing and extremism are held at any severity: once seen, neither can be taken back.

use crate::{
    config::{Consequence, CrowdConfig, LadderStep, OnLate, ShieldConfig, Unjudged},
    message::{
        Category, Role,
        Verdict::{self, Drop, Hold, Mask, Pass},
    },
};

/// A preset's answer to everything that a policy leaves unsaid.
pub(super) struct Preset {
    pub name: &'static str,
    /// The column of [`ACTIONS`]; `None` passes everything.
    column: Option<usize>,
    /// Below it in every hostile head, the model finds a message harmless, and a listed word in it
    /// may be a quotation. Scores are calibrated: at 0.15 fewer than one in seven is an attack. The
    /// score from which a head counts as found is the model's own to say.
    pub harmless: f32,
    pub when_full: Unjudged,
    /// What becomes of pictures made of characters.
    pub art: Verdict,
    pub on_late: OnLate,
    pub exempt_roles: &'static [Role],
}

/// The preset that passes everything; no model has thresholds for it.
pub(super) const OFF: &str = "off";

/// In the order of `config::PRESETS`.
pub(super) const PRESETS: [Preset; 4] = [
    Preset {
        name: OFF,
        column: None,
        harmless: 0.0,
        art: Pass,
        when_full: Unjudged::Pass,
        on_late: OnLate::Pass,
        exempt_roles: &[],
    },
    Preset {
        name: "relaxed",
        column: Some(0),
        harmless: 0.2,
        art: Pass,
        when_full: Unjudged::Pass,
        on_late: OnLate::Pass,
        exempt_roles: &[Role::Broadcaster, Role::Moderator, Role::Vip],
    },
    Preset {
        name: "standard",
        column: Some(1),
        harmless: 0.15,
        art: Hold,
        when_full: Unjudged::Drop,
        on_late: OnLate::Pass,
        exempt_roles: &[Role::Broadcaster, Role::Moderator],
    },
    Preset {
        name: "strict",
        column: Some(2),
        harmless: 0.1,
        art: Hold,
        when_full: Unjudged::Drop,
        on_late: OnLate::Hold,
        exempt_roles: &[Role::Broadcaster],
    },
];

/// What `strict` does with strikes: told at the second, watched from the fourth on, and ten minutes
/// of silence from the sixth.
const LADDER: [LadderStep; 3] = [
    LadderStep { at: 2.0, then: Consequence::Warn, for_ms: None },
    LadderStep { at: 4.0, then: Consequence::Hold, for_ms: Some(1_800_000) },
    LadderStep { at: 6.0, then: Consequence::TimeOut, for_ms: Some(600_000) },
];

impl Preset {
    pub fn crowd(&self) -> CrowdConfig {
        let action = if self.column.is_some() { Hold } else { Pass };
        CrowdConfig { action, ..CrowdConfig::default() }
    }

    pub fn shield(&self) -> ShieldConfig {
        ShieldConfig { auto: self.column.is_some(), ..ShieldConfig::default() }
    }

    pub fn ladder(&self) -> Vec<LadderStep> {
        if self.name == "strict" { LADDER.to_vec() } else { Vec::new() }
    }

    pub fn action(&self, category: Category) -> [Verdict; 4] {
        let row = ACTIONS.iter().find(|(own, _)| *own == category);
        match (self.column, row) {
            (Some(column), Some((_, actions))) => actions[column],
            _ => [Pass; 4],
        }
    }
}

/// The verdicts at severity 1 to 4: relaxed, standard, strict.
const ACTIONS: [(Category, [[Verdict; 4]; 3]); 11] = [
    (
        Category::Threat,
        [[Pass, Pass, Hold, Drop], [Pass, Hold, Hold, Drop], [Hold, Hold, Drop, Drop]],
    ),
    (
        Category::Hate,
        [[Pass, Mask, Hold, Drop], [Mask, Hold, Hold, Drop], [Hold, Hold, Drop, Drop]],
    ),
    (
        Category::Harassment,
        [[Pass, Pass, Mask, Drop], [Pass, Mask, Hold, Drop], [Mask, Hold, Drop, Drop]],
    ),
    (
        Category::Sexual,
        [[Pass, Pass, Mask, Drop], [Pass, Mask, Hold, Drop], [Mask, Hold, Drop, Drop]],
    ),
    (
        Category::SelfHarm,
        [[Pass, Pass, Hold, Drop], [Pass, Hold, Hold, Drop], [Hold, Hold, Hold, Drop]],
    ),
    (
        Category::Doxxing,
        [[Hold, Hold, Hold, Drop], [Hold, Hold, Hold, Drop], [Hold, Hold, Drop, Drop]],
    ),
    (
        Category::Extremism,
        [[Hold, Hold, Hold, Drop], [Hold, Hold, Hold, Drop], [Hold, Drop, Drop, Drop]],
    ),
    (
        Category::Profanity,
        [[Pass, Pass, Mask, Drop], [Mask, Mask, Hold, Drop], [Mask, Hold, Drop, Drop]],
    ),
    (
        Category::Spam,
        [[Pass, Pass, Drop, Drop], [Pass, Drop, Drop, Drop], [Hold, Drop, Drop, Drop]],
    ),
    (
        Category::Link,
        [[Pass, Pass, Pass, Drop], [Pass, Hold, Hold, Drop], [Hold, Hold, Drop, Drop]],
    ),
    (
        Category::Impersonation,
        [[Pass, Pass, Hold, Drop], [Pass, Hold, Hold, Drop], [Hold, Hold, Drop, Drop]],
    ),
];
