//! Finds links, and says how far each can be trusted.

use std::sync::Arc;

use super::{Heard, Policy, Rule, Seen};
use crate::{
    config::LinksConfig,
    message::{Canonical, Category, Finding, Message, Severity, ViewKind},
};

mod alike;
mod find;
mod hosts;

use alike::Shapes;
use find::{Form, Link};
use hosts::{Kind, Sites};

pub(super) const LINK: &str = "link";

const KNOWN: u8 = 1;
const DOUBTFUL: u8 = 2;
const DISGUISED: u8 = 3;
const BLOCKED: u8 = 4;

/// What one policy thinks of sites; cheap to clone.
#[derive(Clone, Debug)]
pub struct Links {
    own: Arc<Own>,
    invites: u8,
    unknown: u8,
}

#[derive(Debug, Default)]
struct Own {
    sites: Sites<Said>,
    /// Allowed sites may have look-alikes, like those that everybody knows.
    shapes: Shapes,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Said {
    Allow,
    Block,
}

impl Links {
    pub(super) fn compile(config: &LinksConfig) -> Links {
        let mut own = Own::default();
        for name in &config.block {
            own.sites.add(name, Said::Block);
        }
        for name in &config.allow {
            own.sites.add(name, Said::Allow);
            own.shapes.add(name);
        }
        Links { own: Arc::new(own), invites: config.invites, unknown: config.unknown }
    }

    /// What is wrong with the hosts that the settings name, by key.
    pub(super) fn faults(config: &LinksConfig) -> impl Iterator<Item = (&'static str, String)> {
        let all = [("allow", &config.allow), ("block", &config.block)].into_iter();
        let each = all.flat_map(|(key, hosts)| hosts.iter().map(move |host| (key, host)));
        each.filter_map(|(key, host)| Some((key, hosts::fault(host)?)))
    }

    fn find(&self, message: &Message, text: &Canonical) -> Vec<(Link, Weight)> {
        let plain = text.views.iter().find(|view| view.kind == ViewKind::Plain);
        let Some(plain) = plain else { return Vec::new() };
        let knows = |host: &str, path: &str| self.own.sites.find(host, path).is_some();
        let links = find::links(&message.text, plain, &knows);
        let weighed = links.into_iter().map(|link| {
            let weight = self.weigh(&link);
            (link, weight)
        });
        weighed.filter(|(_, weight)| weight.level > 0).collect()
    }

    /// How bad a link is, and why.
    fn weigh(&self, link: &Link) -> Weight {
        let weight = |level: u8, why: String| Weight { level, why, permits: false };
        let hidden = || link.hidden.map(|how| format!(", written {how}")).unwrap_or_default();
        let Link { host, path, .. } = link;
        let shown = shown(link);
        match link.form {
            Form::Local => return weight(KNOWN, format!("{shown} is no public host")),
            Form::Address => {
                return weight(DISGUISED, format!("{shown} is a number instead of a name"));
            }
            Form::Name | Form::Behind => {}
        }
        let listed = hosts::known(host, path);
        let name = match alike::name(&link.shown) {
            Ok(name) => name,
            Err(why) => return weight(DISGUISED, format!("{shown} {why}")),
        };
        // Blocked is also what only reads like it; allowed is nothing but the name itself.
        let said = |name: &str| self.own.sites.find(name, path);
        if said(host) == Some(Said::Block) || said(&name) == Some(Said::Block) {
            return weight(BLOCKED, format!("{shown} is blocked by the policy"));
        }
        let allowed = said(&name) == Some(Said::Allow);
        if listed == Some(Kind::Blocked) && !allowed {
            return weight(BLOCKED, format!("{shown} is in the list of blocked hosts"));
        }
        if link.form == Form::Behind {
            return weight(DISGUISED, format!("{shown} stands behind another host's name"));
        }
        if let Some(why) = alike::disguise(&name, &self.own.shapes) {
            return weight(DISGUISED, format!("{shown} {why}"));
        }
        if allowed {
            return weight(0, String::new());
        }
        let (level, what) = match listed {
            Some(Kind::Invite) if self.invites > 0 => (self.invites, "is an invitation elsewhere"),
            Some(Kind::Invite | Kind::Known) => (KNOWN, "is a known site"),
            Some(Kind::Shortener) => (DOUBTFUL, "hides where it leads"),
            Some(Kind::Blocked) | None => (self.unknown, "is a site that no list knows"),
        };
        let level = if link.hidden.is_some() { level.max(DOUBTFUL) } else { level };
        let why = format!("{shown} {what}{}", hidden());
        Weight { level, why, permits: true }
    }
}

/// How bad one link is.
struct Weight {
    /// 0: the policy allows it.
    level: u8,
    why: String,
    /// A moderator's permit covers it: it is what it seems, and no list has it.
    permits: bool,
}

/// Whether a permit would be used up by this message.
pub fn would_spend_permit(policy: &Policy, message: &Message, text: &Canonical) -> bool {
    policy.links.find(message, text).iter().any(|(_, weight)| weight.permits)
}

pub(super) struct LinkRule;

impl Rule for LinkRule {
    fn name(&self) -> &'static str {
        LINK
    }

    fn find(&self, policy: &Policy, seen: &Seen, _heard: &Heard, found: &mut Vec<Finding>) {
        let mut permitted = seen.recent.link_permitted;
        for (link, weight) in policy.links.find(seen.message, seen.text) {
            // One permit, one link.
            if weight.permits && std::mem::take(&mut permitted) {
                continue;
            }
            let Some(severity) = Severity::new(weight.level) else { continue };
            found.push(Finding {
                rule: self.name().to_owned(),
                category: Category::Link,
                severity,
                span: Some(link.span),
                why: weight.why,
                shadow: policy.in_shadow(Category::Link),
                scored: None,
            });
        }
    }
}

/// The host as moderators read it; a link is never longer than they look.
const SHOWN_CHARS_MAX: usize = 80;

fn shown(link: &Link) -> String {
    link.shown.chars().take(SHOWN_CHARS_MAX).collect()
}
