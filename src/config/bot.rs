//! Settles which platforms bots watch and what they may do there.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Mode, RouteConfig};
use crate::message::Language;

/// A bot on a platform that Tidegate cannot stand in front of.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct BotConfig {
    /// As routes have one, and in one row with them: in policy, metrics and console.
    pub name: String,
    /// Which platform, as the list of bots spells it.
    pub platform: String,
    pub policy: String,
    /// The policies of single channels, by the channel's name; the others have the bot's.
    pub channels: BTreeMap<String, String>,
    pub language: Language,
    /// False: it only says what it would do.
    pub act: bool,
    pub actions: ActionsConfig,
    /// The platform's own, which its file reads.
    pub settings: toml::Table,
}

impl Default for BotConfig {
    fn default() -> Self {
        BotConfig {
            name: String::new(),
            platform: String::new(),
            policy: "standard".into(),
            channels: BTreeMap::new(),
            language: Language::En,
            act: false,
            actions: ActionsConfig::default(),
            settings: toml::Table::new(),
        }
    }
}

impl BotConfig {
    /// The name it goes by: its platform's where it has none of its own.
    pub fn name(&self) -> &str {
        if self.name.is_empty() { &self.platform } else { &self.name }
    }
}

/// What a bot does about a message that everybody has seen, by its verdict.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct ActionsConfig {
    pub mask: Action,
    pub hold: Action,
    pub drop: Action,
    /// The most that is done about a message that somebody paid for, whatever its verdict.
    pub paid: Action,
    /// For `time_out`.
    pub time_out_s: u64,
    /// Whether what the platform holds back is shown where the policy lets it pass; else that waits
    /// for a moderator too.
    pub allow: bool,
    /// Whether strikes that come to a warning, a time-out or a ban do so on the platform too.
    pub ladder: bool,
    /// Whether the platform's own shield mode goes up and down with a channel's shield here.
    pub shield: bool,
    /// Whether what is nuked here is a blocked term there for as long.
    pub block: bool,
    /// Messages that wait to be acted on; beyond, the least urgent is given up and counted.
    pub queue_max: usize,
}

impl Default for ActionsConfig {
    fn default() -> Self {
        ActionsConfig {
            mask: Action::Leave,
            hold: Action::Delete,
            drop: Action::Delete,
            paid: Action::Leave,
            time_out_s: 600,
            allow: false,
            ladder: true,
            shield: false,
            block: false,
            queue_max: 1_000,
        }
    }
}

/// What can be done about one message; each does what those before it do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    Leave,
    Delete,
    TimeOut,
    Ban,
}

/// Where Tidegate stands towards a chat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Position {
    Inline,
    Egress,
    /// On a platform that it cannot stand in front of: acts there on what was said already.
    Bot,
    /// Beside a server that asks before it publishes.
    Hook,
}

impl Position {
    pub const fn name(self) -> &'static str {
        match self {
            Position::Inline => "inline",
            Position::Egress => "egress",
            Position::Bot => "bot",
            Position::Hook => "hook",
        }
    }
}

impl From<Mode> for Position {
    fn from(mode: Mode) -> Position {
        match mode {
            Mode::Inline => Position::Inline,
            Mode::Egress => Position::Egress,
        }
    }
}

/// A way in for messages, as policies see it.
pub struct Inflow<'a> {
    /// `route`, `bot` or `hook`, as the settings call it.
    pub kind: &'static str,
    pub name: &'a str,
    pub position: Position,
    pub policy: &'a str,
    pub channels: &'a BTreeMap<String, String>,
    /// Routes alone speak a protocol, which may spell channels its own way.
    pub route: Option<&'a RouteConfig>,
}

impl super::Config {
    /// Every way in: routes, bots and hooks.
    pub fn inflows(&self) -> impl Iterator<Item = Inflow<'_>> {
        let routes = self.route.iter().map(|route| Inflow {
            kind: "route",
            name: route.name(),
            position: route.mode.into(),
            policy: &route.policy,
            channels: &route.channels,
            route: Some(route),
        });
        let bots = self.bot.iter().map(|bot| Inflow {
            kind: "bot",
            name: bot.name(),
            position: Position::Bot,
            policy: &bot.policy,
            channels: &bot.channels,
            route: None,
        });
        let hooks = self.hook.iter().map(|hook| Inflow {
            kind: "hook",
            name: &hook.name,
            position: Position::Hook,
            policy: &hook.policy,
            channels: &hook.channels,
            route: None,
        });
        routes.chain(bots).chain(hooks)
    }
}
