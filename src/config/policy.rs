//! Names what one policy may say of what was found.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{LadderStep, PaidConfig, ProtectedConfig, StrikesConfig, Unjudged};
use crate::message::{Category, Head, Role, Tongues, Verdict};

mod floor;
mod when;

pub use floor::{FloorCategory, FloorConfig};
pub use when::{Enforce, WhenConfig};

/// What one policy does with what was found.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct PolicyConfig {
    /// `off`, `relaxed`, `standard`, `strict` or `stage`: what everything unsaid below is.
    pub preset: Option<String>,
    /// What the channel's chat speaks: a word that is an insult in one language only is judged by
    /// it where the message itself does not tell.
    pub language: Option<Tongues>,
    pub while_held: Option<WhileHeld>,
    /// How long a held message waits for a moderator.
    pub hold_ms: Option<u64>,
    pub on_expiry: Option<OnExpiry>,
    /// A message that should be held while the queue is full or the store fails.
    pub when_full: Option<Unjudged>,
    /// The model did not answer in time.
    pub on_late: Option<OnLate>,
    pub exempt_roles: Option<Vec<Role>>,
    pub exempt_users: Option<Vec<String>>,
    /// In which categories a moderator may let a term or a trusted sender through.
    pub waivable: Option<Vec<Category>>,
    /// Whether senders are told of what became of their messages.
    pub notices: Option<bool>,
    pub flood: Option<FloodConfig>,
    pub links: Option<LinksConfig>,
    pub shape: Option<ShapeConfig>,
    /// The channel's own emotes, by name.
    pub emotes: Option<Vec<String>>,
    pub personal: Option<PersonalConfig>,
    pub crowd: Option<CrowdConfig>,
    pub shield: Option<ShieldConfig>,
    /// The score from which a head counts as found, where it is not to be the model's own.
    pub heads: Option<BTreeMap<Head, f32>>,
    /// Below it in every hostile head, a message is harmless and a listed word in it one milder.
    pub harmless: Option<f32>,
    /// How far single rules (`flood`, `model`) and word lists (`term:en/profanity`) are enforced.
    pub rules: Option<BTreeMap<String, Enforce>>,
    /// What the tables cannot say, in order.
    pub when: Option<Vec<WhenConfig>>,
    /// Whose names nobody else may go by.
    pub protected: Option<ProtectedConfig>,
    pub strikes: Option<StrikesConfig>,
    /// What strikes lead to, from the fewest on.
    pub ladder: Option<Vec<LadderStep>>,
    /// Messages that somebody paid for.
    pub paid: Option<PaidConfig>,
    /// While nobody is on duty.
    pub unattended: Option<UnattendedConfig>,

    pub threat: Option<CategoryConfig>,
    pub hate: Option<CategoryConfig>,
    pub harassment: Option<CategoryConfig>,
    pub sexual: Option<CategoryConfig>,
    pub self_harm: Option<CategoryConfig>,
    pub doxxing: Option<CategoryConfig>,
    pub extremism: Option<CategoryConfig>,
    pub profanity: Option<CategoryConfig>,
    pub spam: Option<CategoryConfig>,
    pub link: Option<CategoryConfig>,
    pub impersonation: Option<CategoryConfig>,
}

impl PolicyConfig {
    pub fn category(&self, category: Category) -> Option<&CategoryConfig> {
        let own = match category {
            Category::Threat => &self.threat,
            Category::Hate => &self.hate,
            Category::Harassment => &self.harassment,
            Category::Sexual => &self.sexual,
            Category::SelfHarm => &self.self_harm,
            Category::Doxxing => &self.doxxing,
            Category::Extremism => &self.extremism,
            Category::Profanity => &self.profanity,
            Category::Spam => &self.spam,
            Category::Link => &self.link,
            Category::Impersonation => &self.impersonation,
        };
        own.as_ref()
    }
}

/// What one policy does with one category.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct CategoryConfig {
    /// The verdict at severity 1, 2, 3 and 4.
    pub action: Option<[Verdict; 4]>,
    /// The model's score from which it counts as found, 0 to 1.
    pub threshold: Option<f32>,
    pub on_expiry: Option<OnExpiry>,
    /// Recorded, never acted on.
    pub shadow: Option<bool>,
}

/// One sender's pace.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct FloodConfig {
    /// More messages than this within the window are spam.
    pub messages_max: u32,
    /// The same text more often than this within the window is spam.
    pub repeats_max: u32,
    pub window_ms: u64,
}

impl Default for FloodConfig {
    fn default() -> Self {
        FloodConfig { messages_max: 10, repeats_max: 3, window_ms: 10_000 }
    }
}

/// Which sites may be linked to.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct LinksConfig {
    /// Links to these, and to hosts below them, are no finding.
    pub allow: Vec<String>,
    /// Links to these are of severity 4.
    pub block: Vec<String>,
    /// The severity of an invitation to another chat; 0: that of any known site.
    pub invites: u8,
    /// The severity of a link to a site that no list knows.
    pub unknown: u8,
}

impl Default for LinksConfig {
    fn default() -> Self {
        LinksConfig { allow: Vec::new(), block: Vec::new(), invites: 3, unknown: 2 }
    }
}

/// How loud a message may be. Beyond a bound it is spam of severity 1, far beyond 2; 0 is no bound.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct ShapeConfig {
    /// The share of capitals among letters, in a message of so many letters or more.
    pub caps_share: f32,
    pub caps_letters_min: u32,
    /// The share of symbols among everything that is no space.
    pub symbols_share: f32,
    /// The same character in a row, or words of one phrase.
    pub repeats_max: u32,
    /// Characters.
    pub length_max: u32,
    /// Emotes and emoji.
    pub emotes_max: u32,
    /// Names with an @.
    pub mentions_max: u32,
    /// What becomes of pictures made of characters; left out: as the preset has it.
    pub art: Option<Verdict>,
}

impl Default for ShapeConfig {
    fn default() -> Self {
        ShapeConfig {
            caps_share: 0.8,
            caps_letters_min: 24,
            symbols_share: 0.7,
            repeats_max: 24,
            length_max: 500,
            emotes_max: 25,
            mentions_max: 6,
            art: None,
        }
    }
}

/// The same line from many senders.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct CrowdConfig {
    /// What becomes of one copy more: `pass` turns the rule off.
    pub action: Verdict,
    /// Senders who may say like things within the window.
    pub copies_max: u32,
    pub window_ms: u64,
    /// Beyond so many senders more, the rest is dropped: the queue has seen enough. 0: never.
    pub held_max: u32,
    /// Shorter messages are nobody's copies.
    pub letters_min: u32,
    /// The share of the senders who have to be new for it to be more than a joke among regulars.
    pub newcomers: f32,
    /// Whoever was first seen less than this ago is new.
    pub newcomer_ms: u64,
}

impl Default for CrowdConfig {
    fn default() -> Self {
        CrowdConfig {
            action: Verdict::Hold,
            copies_max: 4,
            window_ms: 120_000,
            held_max: 100,
            letters_min: 18,
            newcomers: 0.5,
            newcomer_ms: 600_000,
        }
    }
}

/// Personal data: whose numbers are looked for, what is public, what is the channel's secret.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct PersonalConfig {
    /// Countries (ISO 3166) as in which a phone number without `+` is read.
    pub regions: Vec<String>,
    /// E-mail and IP addresses that anybody may write; `@example.org` for a whole domain.
    pub allow: Vec<String>,
    /// What `tidegate secret` printed: keyed hashes, never the secrets themselves.
    pub secrets: Vec<String>,
}

impl Default for PersonalConfig {
    fn default() -> Self {
        let regions = ["FR", "US", "CA", "GB", "BE", "CH"].map(str::to_owned);
        PersonalConfig { regions: regions.to_vec(), allow: Vec::new(), secrets: Vec::new() }
    }
}

/// A channel's stricter mode.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct ShieldConfig {
    /// Whether a channel can come into it by itself.
    pub auto: bool,
    /// It comes when so many newcomers had messages held or dropped within the window, and they
    /// are at least half of the newcomers who spoke.
    pub hostile_max: u32,
    /// It comes when more newcomers than this spoke within the window; 0: never for that.
    pub newcomers_max: u32,
    pub window_ms: u64,
    /// One that came by itself stays this long at least …
    pub min_ms: u64,
    /// … and until it has been calm (less than half of either threshold) this long.
    pub calm_ms: u64,
    /// The preset that is at least as strict as whose table everything is judged.
    pub preset: String,
    /// Whether everything that newcomers say is held.
    pub hold_newcomers: bool,
    /// From one message of a sender to the next; 0: no slow mode.
    pub slow_ms: u64,
}

impl Default for ShieldConfig {
    fn default() -> Self {
        ShieldConfig {
            auto: true,
            hostile_max: 20,
            newcomers_max: 0,
            window_ms: 60_000,
            min_ms: 300_000,
            calm_ms: 120_000,
            preset: "strict".into(),
            hold_newcomers: true,
            slow_ms: 10_000,
        }
    }
}

/// What is different while nobody is on duty.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct UnattendedConfig {
    pub action: Unattended,
    /// The policy that judges instead, where the action is to judge more strictly.
    pub policy: Option<String>,
}

/// What becomes of messages while nobody is on duty.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Unattended {
    /// What is held ends by the clock, as it does at any time.
    #[default]
    Expire,
    /// It waits until somebody was on duty for the hold time.
    Hold,
    /// Another policy judges what comes.
    Stricter,
}

/// What becomes of a sender's later chat in a channel while one message is held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum WhileHeld {
    #[default]
    Pass,
    Wait,
    Hold,
}

/// What becomes of a held message that nobody decided in time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OnExpiry {
    #[default]
    Drop,
    Release,
}

/// What becomes of a message whose score came too late.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OnLate {
    #[default]
    Pass,
    Hold,
}
