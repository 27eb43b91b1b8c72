//! Holds the presets as data: what each does with every category at every severity.
//!
//! The reasons behind the tables:
//! - Severity 4 is what must never be seen: every preset but `off` drops it.
//! - A model alone never drops under `relaxed` and `standard`: its findings are of severity 2, or
//!   3 where it also says `severe`, and those are held at most, for a person to look at. `toxic`
//!   alone is of severity 1 and passes there: a tone is no offence, and is what noise looks like.
//! - Self-harm is never dropped below severity 4: it may be a cry for help, so a person sees it.
//! - Swearing at severity 1 and 2 is masked rather than held, or moderators would see little else.
//!   Where only the model hears it, there is no word to cover: `relaxed` and `standard` let it
//!   pass, for swearing alone is nobody's harm, and friends talk in words that it takes for it.
//! - Spam is dropped, never held: a flood that is held drowns the queue, which is what it is for.
//!   What a crowd repeats is held all the same, up to a bound: a raid may be a friendly one.
//! - A machine that silences people by itself must be asked for: only `strict` has a ladder.
//! - Doxxing and extremism are held at any severity: once seen, neither can be taken back.
//! - `stage` is for a screen that thousands watch and a voice that reads aloud. The chat itself
//!   goes on without it, so that what it leaves out is lost to nobody: personal data and copies of
//!   a crowd are dropped rather than put before a moderator who has a stream to run, and what would
//!   be masked elsewhere is held. Swearing alone is masked: a stage that fell silent for every
//!   curse would be turned off, and what is masked is not read aloud.

use crate::{
    config::{
        Consequence, CrowdConfig, Enforce, LadderStep, OnLate, ShieldConfig, Unjudged, WhenConfig,
    },
    message::{
        Category, Role,
        Verdict::{self, Drop, Hold, Mask, Pass},
    },
};

/// A preset's answer to everything that a policy leaves unsaid.
pub(super) struct Preset {
    pub name: &'static str,
    /// Which of a model's thresholds apply.
    pub thresholds: &'static str,
    /// The column of [`ACTIONS`]; `None` passes everything.
    column: Option<usize>,
    /// Below it in every hostile head, the model finds a message harmless, and a listed word in it
    /// may be a quotation. Scores are calibrated: at 0.15 fewer than one in seven is an attack. The
    /// score from which a head counts as found is the model's own to say.
    pub harmless: f32,
    pub when_full: Unjudged,
    /// What becomes of pictures made of characters.
    pub art: Verdict,
    /// What becomes of swearing that is to be masked, in which no word can be pointed at.
    pub swearing: Verdict,
    /// What becomes of one copy too many.
    crowd: Verdict,
    pub on_late: OnLate,
    pub exempt_roles: &'static [Role],
    /// Whether strikes lead to anything by themselves.
    ladder: bool,
    /// What the table cannot say: condition, verdict, rule, and why, for moderators.
    when: &'static [(&'static str, Verdict, &'static str, &'static str)],
}

/// The preset that passes everything; no model has thresholds for it.
pub(super) const OFF: &str = "off";

/// In the order of `config::PRESETS`.
pub(super) const PRESETS: [Preset; 5] = [
    Preset {
        name: OFF,
        thresholds: OFF,
        column: None,
        harmless: 0.0,
        art: Pass,
        swearing: Pass,
        crowd: Pass,
        when_full: Unjudged::Pass,
        on_late: OnLate::Pass,
        exempt_roles: &[],
        ladder: false,
        when: &[],
    },
    Preset {
        name: "relaxed",
        thresholds: "relaxed",
        column: Some(0),
        harmless: 0.2,
        art: Pass,
        swearing: Pass,
        crowd: Hold,
        when_full: Unjudged::Pass,
        on_late: OnLate::Pass,
        exempt_roles: &[Role::Broadcaster, Role::Moderator, Role::Vip],
        ladder: false,
        when: &[],
    },
    Preset {
        name: "standard",
        thresholds: "standard",
        column: Some(1),
        harmless: 0.15,
        art: Hold,
        swearing: Pass,
        crowd: Hold,
        when_full: Unjudged::Drop,
        on_late: OnLate::Pass,
        exempt_roles: &[Role::Broadcaster, Role::Moderator],
        ladder: false,
        when: &[],
    },
    Preset {
        name: "strict",
        thresholds: "strict",
        column: Some(2),
        harmless: 0.1,
        art: Hold,
        swearing: Hold,
        crowd: Hold,
        when_full: Unjudged::Drop,
        on_late: OnLate::Hold,
        exempt_roles: &[Role::Broadcaster],
        ladder: true,
        when: &[],
    },
    Preset {
        name: "stage",
        // The model's strictest: where it is stricter than `strict` is below, in `NEWCOMER`.
        thresholds: "strict",
        column: Some(3),
        // A voice that reads a quotation says the word.
        harmless: 0.0,
        art: Drop,
        swearing: Hold,
        crowd: Drop,
        when_full: Unjudged::Drop,
        on_late: OnLate::Hold,
        exempt_roles: &[Role::Broadcaster],
        ladder: true,
        when: &[(NEWCOMER, Hold, "newcomer", "somebody new here, and not certainly harmless")],
    },
];

/// Whoever is new gets no benefit of the doubt: what would be masked is held, and so is what the
/// model finds more hostile than not. What is held or dropped already stays so.
const NEWCOMER: &str = "sender.newcomer && \
    (verdict == 'mask' || (verdict == 'pass' && scores.toxic >= 0.5))";

/// What `strict` and `stage` do with strikes: told at the second, watched from the fourth on, and
/// ten minutes of silence from the sixth.
const LADDER: [LadderStep; 3] = [
    LadderStep { at: 2.0, then: Consequence::Warn, for_ms: None },
    LadderStep { at: 4.0, then: Consequence::Hold, for_ms: Some(1_800_000) },
    LadderStep { at: 6.0, then: Consequence::TimeOut, for_ms: Some(600_000) },
];

/// How strict a preset is beside the others, by its name.
pub(super) fn rank(name: &str) -> Option<usize> {
    PRESETS.iter().position(|preset| preset.name == name)
}

impl Preset {
    pub fn crowd(&self) -> CrowdConfig {
        CrowdConfig { action: self.crowd, ..CrowdConfig::default() }
    }

    pub fn shield(&self) -> ShieldConfig {
        ShieldConfig { auto: self.column.is_some(), ..ShieldConfig::default() }
    }

    pub fn ladder(&self) -> Vec<LadderStep> {
        if self.ladder { LADDER.to_vec() } else { Vec::new() }
    }

    pub fn when(&self) -> Vec<WhenConfig> {
        let conditions = self.when.iter().map(|(condition, then, rule, why)| WhenConfig {
            condition: (*condition).to_owned(),
            then: *then,
            rule: (*rule).to_owned(),
            why: (*why).to_owned(),
            mode: Enforce::Always,
            category: None,
        });
        conditions.collect()
    }

    pub fn action(&self, category: Category) -> [Verdict; 4] {
        let row = ACTIONS.iter().find(|(own, _)| *own == category);
        match (self.column, row) {
            (Some(column), Some((_, actions))) => actions[column],
            _ => [Pass; 4],
        }
    }
}

/// The verdicts at severity 1 to 4: relaxed, standard, strict, stage.
const ACTIONS: [(Category, [[Verdict; 4]; 4]); 11] = [
    (
        Category::Threat,
        [
            [Pass, Pass, Hold, Drop],
            [Pass, Hold, Hold, Drop],
            [Hold, Hold, Drop, Drop],
            [Hold, Hold, Drop, Drop],
        ],
    ),
    (
        Category::Hate,
        [
            [Pass, Mask, Hold, Drop],
            [Mask, Hold, Hold, Drop],
            [Hold, Hold, Drop, Drop],
            [Hold, Drop, Drop, Drop],
        ],
    ),
    (
        Category::Harassment,
        [
            [Pass, Pass, Mask, Drop],
            [Pass, Mask, Hold, Drop],
            [Mask, Hold, Drop, Drop],
            [Hold, Hold, Drop, Drop],
        ],
    ),
    (
        Category::Sexual,
        [
            [Pass, Pass, Mask, Drop],
            [Pass, Mask, Hold, Drop],
            [Mask, Hold, Drop, Drop],
            [Hold, Hold, Drop, Drop],
        ],
    ),
    (
        Category::SelfHarm,
        [
            [Pass, Pass, Hold, Drop],
            [Pass, Hold, Hold, Drop],
            [Hold, Hold, Hold, Drop],
            [Hold, Hold, Hold, Drop],
        ],
    ),
    (
        Category::Doxxing,
        [
            [Hold, Hold, Hold, Drop],
            [Hold, Hold, Hold, Drop],
            [Hold, Hold, Drop, Drop],
            [Drop, Drop, Drop, Drop],
        ],
    ),
    (
        Category::Extremism,
        [
            [Hold, Hold, Hold, Drop],
            [Hold, Hold, Hold, Drop],
            [Hold, Drop, Drop, Drop],
            [Hold, Drop, Drop, Drop],
        ],
    ),
    (
        Category::Profanity,
        [
            [Pass, Pass, Mask, Drop],
            [Mask, Mask, Hold, Drop],
            [Mask, Hold, Drop, Drop],
            [Mask, Mask, Drop, Drop],
        ],
    ),
    (
        Category::Spam,
        [
            [Pass, Pass, Drop, Drop],
            [Pass, Drop, Drop, Drop],
            [Hold, Drop, Drop, Drop],
            [Hold, Drop, Drop, Drop],
        ],
    ),
    (
        Category::Link,
        [
            [Pass, Pass, Pass, Drop],
            [Pass, Hold, Hold, Drop],
            [Hold, Hold, Drop, Drop],
            [Hold, Hold, Drop, Drop],
        ],
    ),
    (
        Category::Impersonation,
        [
            [Pass, Pass, Hold, Drop],
            [Pass, Hold, Hold, Drop],
            [Hold, Hold, Drop, Drop],
            [Hold, Hold, Drop, Drop],
        ],
    ),
];
