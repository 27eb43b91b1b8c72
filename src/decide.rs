//! Turns what was seen into findings, and findings into one verdict.

use std::collections::BTreeMap;

use crate::{
    config::{Config, FloodConfig, OnExpiry, OnLate, Unjudged, WhileHeld},
    message::{Canonical, Category, Finding, Hit, Message, Recent, Role, Score, Verdict},
};

/// Everything the stages before found out about one message.
pub struct Seen<'a> {
    pub message: &'a Message,
    pub text: &'a Canonical,
    pub hits: &'a [Hit],
    pub recent: &'a Recent,
}

/// A policy with its preset filled in.
#[derive(Clone, Debug)]
pub struct Policy {
    pub name: String,
    pub while_held: WhileHeld,
    pub hold_ms: u64,
    pub when_full: Unjudged,
    pub on_late: OnLate,
    pub notices: bool,
    pub exempt_roles: Vec<Role>,
    pub exempt_users: Vec<String>,
    pub flood: FloodConfig,
    pub categories: BTreeMap<Category, CategoryPolicy>,
}

#[derive(Clone, Debug)]
pub struct CategoryPolicy {
    pub action: [Verdict; 4],
    pub threshold: f32,
    pub on_expiry: OnExpiry,
    pub shadow: bool,
}

impl Policy {
    /// The policies of a configuration by name, the four presets among them under their own names.
    pub fn compile(_config: &Config) -> Result<BTreeMap<String, Policy>, Vec<String>> {
        todo!()
    }

    /// Whether a score could change the verdict.
    pub fn needs_score(&self, _seen: &Seen) -> bool {
        todo!()
    }

    /// What becomes of a held message with these findings when nobody decides: `Release` only
    /// where every acting category says so.
    pub fn on_expiry(&self, _findings: &[Finding]) -> OnExpiry {
        todo!()
    }
}

/// One detector.
pub trait Rule: Send + Sync {
    fn name(&self) -> &'static str;
    fn find(&self, policy: &Policy, seen: &Seen, score: &Score, found: &mut Vec<Finding>);
}

pub fn findings(_policy: &Policy, _seen: &Seen, _score: &Score) -> Vec<Finding> {
    todo!()
}

/// The most severe action over all findings that act; exemption and time-out included.
pub fn verdict(_policy: &Policy, _seen: &Seen, _findings: &[Finding], _score: &Score) -> Verdict {
    todo!()
}

/// The spans that a mask covers: those of findings whose category masks or worse at their
/// severity, merged, sorted, disjoint, on character boundaries.
pub fn mask(_policy: &Policy, _findings: &[Finding]) -> Vec<std::ops::Range<usize>> {
    todo!()
}
