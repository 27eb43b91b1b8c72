//! Says what a channel's crowd did lately, as values.

/// What others said that is like this message, within the policy's window; this one is counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Crowd {
    pub copies: u32,
    /// Whose messages these are.
    pub senders: u32,
    /// Those of them who said nearly the same …
    pub same: u32,
    /// … and those who said the same words.
    pub exact: u32,
    /// Those of them who are new here.
    pub newcomers: u32,
    /// Newcomers who spoke just now, whatever they said …
    pub around: u32,
    /// … those of them who said things like it …
    pub among_alike: u32,
    /// … and those of them who said nearly the same.
    pub among_same: u32,
    /// Letters of what it says; 0 for greetings, emotes and what else many people say anyway.
    pub letters: u32,
}

/// A moderator wants nothing more of this here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nuked {
    pub until_ms: u64,
    /// Dropped, rather than held.
    pub drop: bool,
}
