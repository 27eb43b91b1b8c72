//! Names what a chat message becomes on its way, in the order it appears.

use std::{fmt, ops::Range, sync::Arc};

use serde::{Deserialize, Serialize};

mod crowd;
pub mod explain;
mod grounds;
pub mod offsets;
mod score;
mod sender;
mod tongue;

pub use crowd::{Crowd, Nuked};
pub use explain::Depth;
pub use grounds::{Grounds, Share, Word};
pub use score::{Head, ModelCard, Score, Scored, Scores};
pub use sender::{Alike, Named, Paid, SharedName, Standing};
pub use tongue::{Tongue, Tongues, unknown_tongue};

/// One chat message as a protocol decoded it.
#[derive(Clone, Debug, Default)]
pub struct Message {
    /// The name of the route it came by; selects the policy.
    pub route: Arc<str>,
    /// The room, as the protocol names it; empty where the protocol has none.
    pub channel: String,
    pub sender: Sender,
    /// The platform's own id of the message, where it has one.
    pub id: Option<String>,
    pub text: String,
    /// When it was said, in Unix milliseconds.
    pub at_ms: u64,
    /// What was paid for it, where the protocol says so and can be believed.
    pub paid: Option<Paid>,
    /// The platform says that it is the sender's first message here.
    pub first: bool,
    /// Nothing is said: `text` is the name that the sender wants to go by.
    pub is_name: bool,
}

impl Message {
    /// The name that the sender goes by, or wants to.
    pub fn name(&self) -> &str {
        if self.is_name { &self.text } else { &self.sender.name }
    }
}

/// A message that a screen shows and that is to be taken off it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gone {
    pub channel: String,
    /// The platform's own id of it.
    pub id: String,
    pub sender: Sender,
}

/// What a chat server takes away of what was said before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Deleted {
    /// The message with this id.
    Message(String),
    /// All that a sender said in a channel; the sender by id or, where none is said, by name.
    Sender { channel: String, sender: String },
    /// All that was said in a channel.
    Channel(String),
}

/// Who said it, as far as the protocol tells.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sender {
    /// Stable where the protocol has stable ids, else the name; empty when unknown.
    pub id: String,
    pub name: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<Role>,
}

/// What a sender is in the channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    Broadcaster,
    Moderator,
    Vip,
    Subscriber,
}

impl Role {
    pub const ALL: [Role; 4] = [Role::Broadcaster, Role::Moderator, Role::Vip, Role::Subscriber];
    /// Their names, in the same order.
    pub const NAMES: [&'static str; 4] = ["broadcaster", "moderator", "vip", "subscriber"];

    pub const fn name(self) -> &'static str {
        Role::NAMES[self as usize]
    }
}

/// The readings of one text in which terms are looked for, most literal first.
#[derive(Clone, Debug, Default)]
pub struct Canonical {
    /// The text as it came.
    pub original: String,
    pub views: Vec<View>,
}

impl Canonical {
    /// The reading that undoes most.
    pub fn undisguised(&self) -> Option<&View> {
        let last = self.views.last()?;
        // Where signs may be several letters, the likeliest of them stand in the first reading.
        let first = self.views.iter().find(|view| view.kind == last.kind);
        first.filter(|_| last.kind == ViewKind::Folded).or(Some(last))
    }
}

/// One reading of a text, with the way back to the original bytes.
#[derive(Clone, Debug)]
pub struct View {
    pub kind: ViewKind,
    pub text: String,
    /// For each byte of `text`, the byte range of the original character it came from.
    pub origin: Vec<(u32, u32)>,
}

impl View {
    /// The original bytes that the bytes `span` of this view came from.
    ///
    /// The result lies on character boundaries of the original text.
    pub fn original(&self, span: Range<usize>) -> Range<usize> {
        let Some(inside) = self.origin.get(span).filter(|inside| !inside.is_empty()) else {
            return 0..0;
        };
        let start = inside.iter().map(|o| o.0).min().unwrap_or(0);
        let end = inside.iter().map(|o| o.1).max().unwrap_or(0);
        start as usize..end as usize
    }
}

/// How far a view went from the original.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ViewKind {
    /// Case, width, accents and invisible characters folded.
    Plain,
    /// Look-alike characters and leetspeak read as letters too.
    Folded,
    /// Repeats shortened and separators inside words removed too.
    Squeezed,
    /// Words that were joined, or split at odd places, put right too.
    Respaced,
    /// Misspelt, shortened and partly masked words guessed too.
    Guessed,
    /// Read backwards.
    Reversed,
    /// Codes read as the text that they stand for.
    Decoded,
    /// Words that are none rotated by thirteen letters.
    Rotated,
    /// Read together with the messages before.
    Joined,
}

/// What a message is about; the one spelling in code, config, metrics, console and docs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Category {
    Threat,
    Hate,
    Harassment,
    Sexual,
    SelfHarm,
    Doxxing,
    Extremism,
    Profanity,
    Spam,
    Link,
    Impersonation,
}

impl Category {
    pub const ALL: [Category; 11] = [
        Category::Threat,
        Category::Hate,
        Category::Harassment,
        Category::Sexual,
        Category::SelfHarm,
        Category::Doxxing,
        Category::Extremism,
        Category::Profanity,
        Category::Spam,
        Category::Link,
        Category::Impersonation,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Category::Threat => "threat",
            Category::Hate => "hate",
            Category::Harassment => "harassment",
            Category::Sexual => "sexual",
            Category::SelfHarm => "self_harm",
            Category::Doxxing => "doxxing",
            Category::Extremism => "extremism",
            Category::Profanity => "profanity",
            Category::Spam => "spam",
            Category::Link => "link",
            Category::Impersonation => "impersonation",
        }
    }

    /// What does harm outside of the chat, or to a person in need: no moderator's word for a sender
    /// or a term lets it through.
    pub const fn is_core(self) -> bool {
        matches!(
            self,
            Category::Threat | Category::SelfHarm | Category::Doxxing | Category::Extremism
        )
    }

    pub fn named(name: &str) -> Option<Category> {
        Category::ALL.into_iter().find(|category| category.name() == name)
    }
}

impl fmt::Display for Category {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How bad: 1 (rude) to 4 (must never be seen).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct Severity(u8);

impl Severity {
    pub const fn new(level: u8) -> Option<Severity> {
        match level {
            1..=4 => Some(Severity(level)),
            _ => None,
        }
    }

    pub const fn level(self) -> u8 {
        self.0
    }
}

impl TryFrom<u8> for Severity {
    type Error = String;

    fn try_from(level: u8) -> Result<Self, String> {
        Severity::new(level).ok_or_else(|| format!("severity {level} is not 1 to 4"))
    }
}

impl From<Severity> for u8 {
    fn from(severity: Severity) -> u8 {
        severity.0
    }
}

/// What is remembered of a sender and of the channel's crowd, as a value.
#[derive(Clone, Debug, Default)]
pub struct Recent {
    /// Messages of this sender in this channel within the policy's window, this one included.
    pub messages: u32,
    /// The same text from this sender within the window, this one included.
    pub repeats: u32,
    /// The canonical text of the sender's messages just before this one (10 s, short), for words
    /// split over messages.
    pub tail: Vec<String>,
    /// The same of everybody in this channel, where others than this sender were among them.
    pub room: Vec<String>,
    /// Timed out until then, in Unix milliseconds.
    pub timed_out_until_ms: Option<u64>,
    /// A moderator lets this sender post one link now.
    pub link_permitted: bool,
    /// Nothing was seen of this sender here before.
    pub first: bool,
    /// First seen here less than the policy's `newcomer_ms` ago, and without a role.
    pub newcomer: bool,
    /// Others who said something like it.
    pub crowd: Crowd,
    /// The channel is in shield mode.
    pub shield: bool,
    /// How long the sender has to wait under slow mode; 0 where they may speak.
    pub slow_ms: u64,
    /// They have to by a moderator's switch, whatever the shield asks for.
    pub slow_switched: bool,
    pub nuked: Option<Nuked>,
    /// What was found in the sender's name.
    pub name: SharedName,
    /// Strikes that have not worn off.
    pub strikes: f32,
    /// Everything of this sender is held until then, in Unix milliseconds.
    pub held_until_ms: Option<u64>,
    /// A warning is due: see [`Standing`].
    pub warning: bool,
    /// A moderator trusts this sender here.
    pub trusted: bool,
}

/// A listed term found in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    /// Bytes of the original text, on character boundaries.
    pub span: Range<usize>,
    pub category: Category,
    pub severity: Severity,
    pub view: ViewKind,
    /// The term as listed, and the list it stands in (`en/hate`).
    pub term: Arc<str>,
    pub list: Arc<str>,
}

/// One reason that a rule gives; policy decides what becomes of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// The rule's name, which the sender may be told.
    pub rule: String,
    pub category: Category,
    pub severity: Severity,
    /// Bytes of the original text, or `None` where the whole message is meant.
    pub span: Option<Range<usize>>,
    /// For moderators: term and list, or score against threshold.
    pub why: String,
    /// Found by a rule that runs in shadow: recorded, never acted on.
    #[serde(default)]
    pub shadow: bool,
    /// The model's part in it; absent where it had none, and in records of before it had one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scored: Option<Scored>,
}

/// What becomes of a message, mildest first; the most severe wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    Pass,
    Mask,
    Hold,
    Drop,
}

impl Verdict {
    pub const fn name(self) -> &'static str {
        match self {
            Verdict::Pass => "pass",
            Verdict::Mask => "mask",
            Verdict::Hold => "hold",
            Verdict::Drop => "drop",
        }
    }
}

/// Everything the pipeline has to say of one message.
#[derive(Clone, Debug)]
pub struct Judgement {
    pub verdict: Verdict,
    /// What the policy asked for before it was capped, because somebody paid for the message.
    pub asked: Verdict,
    /// Whether the clock may release it, where it is held and nobody decides.
    pub releases: bool,
    pub findings: Vec<Finding>,
    pub score: Score,
    /// Whether a score could have changed the verdict, so that it was asked for.
    pub needed: bool,
    /// The spans that a mask covers: sorted, disjoint, on character boundaries.
    pub mask: Vec<Range<usize>>,
    /// The version of the ruleset that judged.
    pub rules: Arc<str>,
    /// What had the last word.
    pub grounds: Grounds,
    /// What was known of the sender just before.
    pub standing: Standing,
    /// What the channel's crowd said that is like it.
    pub crowd: Crowd,
}

/// What is to become of one unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    Keep,
    /// Spans of `message.text`, sorted, disjoint, on character boundaries: each character of
    /// them becomes one `*`.
    Mask(Vec<Range<usize>>),
    Remove,
}

/// The languages that notices and the console speak.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Language {
    #[default]
    En,
    Fr,
}

// What the wall clock says to whoever plays with time on this thread.
#[cfg(test)]
thread_local! {
    pub static WALL_CLOCK_MS: std::cell::Cell<Option<u64>> = const { std::cell::Cell::new(None) };
}

/// Unix milliseconds now; time that is stored or shown, never time that is measured.
pub fn now_ms() -> u64 {
    #[cfg(test)]
    if let Some(set) = WALL_CLOCK_MS.get() {
        return set;
    }
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| since.as_millis() as u64)
}
