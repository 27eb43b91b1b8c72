//! Checks what policies and the floor say.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use super::{DAY_MS, Found, MINUTE_MS, NAME_BYTES_MAX, known, name_cause};
use crate::{
    config::{Config, FloorConfig, LadderStep, PRESETS, PolicyConfig, Unattended, WhenConfig},
    message::{Category, Verdict},
};

const POLICIES_MAX: usize = 1_000;
const USERS_MAX: usize = 10_000;
/// A channel has hundreds, with all extensions.
const EMOTES_MAX: usize = 10_000;
const HOSTS_MAX: usize = 10_000;
/// Every number without its country is read as of each region: a dozen is a continent.
const REGIONS_MAX: u64 = 12;
const ALLOWED_MAX: u64 = 1_000;
const SECRETS_MAX: u64 = 1_000;
/// Every name is compared with each of these.
const PROTECTED_MAX: usize = 1_000;
const STEPS_MAX: usize = 16;
/// Each is evaluated for every message.
const CONDITIONS_MAX: usize = 32;
/// It stands in one row of the console.
const WHY_BYTES_MAX: usize = 200;

pub(super) fn policies(config: &Config, found: &mut Found) {
    if config.policy.len() > POLICIES_MAX {
        return found.add("policy", format!("more than {POLICIES_MAX} policies"));
    }
    for (name, policy) in &config.policy {
        let key = |part: &str| format!("policy.{name}.{part}");
        if let Some(cause) = name_cause(name) {
            found.add(format!("policy.{name}"), cause);
        }
        let preset = policy.preset.as_deref();
        if let Some(preset) = preset.filter(|preset| !PRESETS.contains(preset)) {
            let cause = format!("{preset:?} is not one of {}", PRESETS.join(", "));
            found.add(key("preset"), cause);
        } else if PRESETS.contains(&name.as_str()) && preset.is_some_and(|preset| preset != name) {
            let cause = format!("{name:?} is a preset of that name; give the policy another one");
            found.add(key("preset"), cause);
        }
        if let Some(cause) = stand_in_cause(config, name, policy) {
            found.add(key("unattended.policy"), cause);
        }
        one_policy(policy, &key, found);
    }
}

/// What is wrong with the policy that is to judge while nobody is on duty.
fn stand_in_cause(config: &Config, name: &str, policy: &PolicyConfig) -> Option<String> {
    let unattended = policy.unattended.as_ref()?;
    match (unattended.action, unattended.policy.as_deref()) {
        (Unattended::Stricter, None) => Some("is missing: which policy judges then?".to_owned()),
        (Unattended::Stricter, Some(own)) if own == name => {
            Some(format!("{own:?} is this policy itself"))
        }
        (Unattended::Stricter, Some(own)) => {
            let there = PRESETS.contains(&own) || config.policy.contains_key(own);
            (!there).then(|| format!("there is no policy {own:?}{}", known(config)))
        }
        (_, Some(_)) => Some("has no use unless `action = \"stricter\"`".to_owned()),
        (_, None) => None,
    }
}

/// Twenty-two bytes: the key's mark, a short hash, a long one.
fn is_hash(line: &str) -> bool {
    URL_SAFE_NO_PAD.decode(line).is_ok_and(|bytes| bytes.len() == 22)
}

/// What a policy says of senders.
fn senders(policy: &PolicyConfig, key: &dyn Fn(&str) -> String, found: &mut Found) {
    for protected in policy.protected.iter() {
        found.within(
            key("protected.names"),
            protected.names.len() as u64,
            0..=PROTECTED_MAX as u64,
        );
        let strange = |name: &&String| name.is_empty() || name.len() > NAME_BYTES_MAX;
        for name in protected.names.keys().filter(strange) {
            let cause = format!("{name:?} is empty or longer than {NAME_BYTES_MAX} bytes");
            found.add(key("protected.names"), cause);
        }
    }
    for strikes in policy.strikes.iter() {
        found.within(key("strikes.half_life_ms"), strikes.half_life_ms, 1_000..=90 * DAY_MS);
        for (name, points) in
            [("mask", strikes.mask), ("removed", strikes.removed), ("severest", strikes.severest)]
        {
            if !(0.0..=100.0).contains(&points) {
                found.add(key(&format!("strikes.{name}")), "is not within 0 to 100");
            }
        }
    }
    if let Some(paid) = &policy.paid {
        found.within(key("paid.hold_ms"), paid.hold_ms, 1_000..=7 * DAY_MS);
    }
    let ladder = policy.ladder.as_deref().unwrap_or_default();
    found.within(key("ladder"), ladder.len() as u64, 0..=STEPS_MAX as u64);
    for (index, step) in ladder.iter().enumerate() {
        let key = |part: &str| key(&format!("ladder[{index}].{part}"));
        if !(0.1..=1000.0).contains(&step.at) {
            found.add(key("at"), "is not within 0.1 to 1000");
        }
        if index > 0 && step.at <= ladder[index - 1].at {
            found.add(key("at"), "must be above that of the step before");
        }
        length_of(step, &key, found);
    }
}

fn length_of(step: &LadderStep, key: &dyn Fn(&str) -> String, found: &mut Found) {
    match (step.for_ms, step.then.has_length()) {
        (Some(for_ms), true) => found.within(key("for_ms"), for_ms, 1_000..=90 * DAY_MS),
        (None, true) => found.add(key("for_ms"), "is missing: how long does it last?"),
        (Some(_), false) => {
            found.add(key("for_ms"), format!("has no use with {:?}", step.then.name()));
        }
        (None, false) => {}
    }
}

fn one_policy(policy: &PolicyConfig, key: &dyn Fn(&str) -> String, found: &mut Found) {
    senders(policy, key, found);
    if let Some(hold_ms) = policy.hold_ms {
        found.within(key("hold_ms"), hold_ms, 1_000..=7 * DAY_MS);
    }
    if policy.language.is_some_and(|language| language.is_empty()) {
        found.add(key("language"), "names no language; leave it out where none is known");
    }
    if let Some(flood) = &policy.flood {
        // History keeps that many of a sender's messages, and no longer.
        found.within(key("flood.messages_max"), flood.messages_max.into(), 1..=100);
        found.within(key("flood.repeats_max"), flood.repeats_max.into(), 1..=100);
        found.within(key("flood.window_ms"), flood.window_ms, 100..=10 * MINUTE_MS);
    }
    links_and_personal(policy, key, found);
    crowd_and_shield(policy, key, found);
    if policy.exempt_users.as_ref().is_some_and(|users| users.len() > USERS_MAX) {
        found.add(key("exempt_users"), format!("more than {USERS_MAX} users"));
    }
    for category in policy.waivable.iter().flatten().filter(|category| category.is_core()) {
        found.add(key("waivable"), format!("{category} is never a moderator's to waive"));
    }
    if policy.emotes.as_ref().is_some_and(|emotes| emotes.len() > EMOTES_MAX) {
        found.add(key("emotes"), format!("more than {EMOTES_MAX} emotes"));
    }
    conditions(policy.when.as_deref().unwrap_or_default(), key, found);
    let mut share = |part: &str, value: Option<f32>| found.share(key(part), value);
    for category in Category::ALL {
        let own = policy.category(category).and_then(|category| category.threshold);
        share(&format!("{category}.threshold"), own);
    }
    for (head, threshold) in policy.heads.iter().flatten() {
        share(&format!("heads.{head}"), Some(*threshold));
    }
    share("harmless", policy.harmless);
    share("shape.caps_share", policy.shape.as_ref().map(|shape| shape.caps_share));
    share("shape.symbols_share", policy.shape.as_ref().map(|shape| shape.symbols_share));
}

pub(super) fn floor(floor: &FloorConfig, found: &mut Found) {
    for category in Category::ALL {
        let own = floor.category(category).and_then(|category| category.threshold);
        found.share(format!("floor.{category}.threshold"), own);
    }
    for (head, threshold) in floor.heads.iter().flatten() {
        found.share(format!("floor.heads.{head}"), Some(*threshold));
    }
    found.share("floor.harmless".to_owned(), floor.harmless);
}

/// What the expressions say is checked where they are compiled.
fn conditions(conditions: &[WhenConfig], key: &dyn Fn(&str) -> String, found: &mut Found) {
    if conditions.len() > CONDITIONS_MAX {
        found.add(key("when"), format!("more than {CONDITIONS_MAX} conditions"));
    }
    for (index, condition) in conditions.iter().enumerate() {
        let part = |name: &str| key(&format!("when[{index}].{name}"));
        if let Some(cause) = name_cause(&condition.rule) {
            found.add(part("rule"), cause);
        }
        if condition.why.len() > WHY_BYTES_MAX || condition.why.chars().any(char::is_control) {
            let cause = format!("is longer than {WHY_BYTES_MAX} bytes or not one line");
            found.add(part("why"), cause);
        }
    }
}

fn crowd_and_shield(policy: &PolicyConfig, key: &dyn Fn(&str) -> String, found: &mut Found) {
    if let Some(crowd) = &policy.crowd {
        if crowd.action == Verdict::Mask {
            found.add(key("crowd.action"), "a copy has no part that could be masked");
        }
        // History keeps 128 senders of one line, and ten minutes of it.
        found.within(key("crowd.copies_max"), crowd.copies_max.into(), 1..=100);
        let held_max = 120_u64.saturating_sub(crowd.copies_max.into());
        found.within(key("crowd.held_max"), crowd.held_max.into(), 0..=held_max);
        found.within(key("crowd.window_ms"), crowd.window_ms, 1_000..=10 * MINUTE_MS);
        found.within(key("crowd.letters_min"), crowd.letters_min.into(), 0..=1_000);
        found.within(key("crowd.newcomer_ms"), crowd.newcomer_ms, 0..=6 * 60 * MINUTE_MS);
        if !(0.0..=1.0).contains(&crowd.newcomers) {
            found.add(key("crowd.newcomers"), "is not within 0 to 1");
        }
    }
    let Some(shield) = &policy.shield else { return };
    // History counts 512 newcomers of one channel.
    found.within(key("shield.hostile_max"), shield.hostile_max.into(), 2..=500);
    found.within(key("shield.newcomers_max"), shield.newcomers_max.into(), 0..=500);
    found.within(key("shield.window_ms"), shield.window_ms, 1_000..=10 * MINUTE_MS);
    found.within(key("shield.min_ms"), shield.min_ms, 0..=DAY_MS);
    found.within(key("shield.calm_ms"), shield.calm_ms, 1_000..=DAY_MS);
    found.within(key("shield.slow_ms"), shield.slow_ms, 0..=10 * MINUTE_MS);
    if !PRESETS.contains(&shield.preset.as_str()) {
        let cause = format!("{:?} is not one of {}", shield.preset, PRESETS.join(", "));
        found.add(key("shield.preset"), cause);
    }
}

fn links_and_personal(policy: &PolicyConfig, key: &dyn Fn(&str) -> String, found: &mut Found) {
    if let Some(links) = &policy.links {
        found.within(key("links.invites"), links.invites.into(), 0..=4);
        found.within(key("links.unknown"), links.unknown.into(), 1..=4);
        for (part, hosts) in [("links.allow", &links.allow), ("links.block", &links.block)] {
            if hosts.len() > HOSTS_MAX {
                found.add(key(part), format!("more than {HOSTS_MAX} hosts"));
            }
        }
    }
    if let Some(personal) = &policy.personal {
        let sizes = [
            ("regions", personal.regions.len(), REGIONS_MAX),
            ("allow", personal.allow.len(), ALLOWED_MAX),
            ("secrets", personal.secrets.len(), SECRETS_MAX),
        ];
        for (part, count, max) in sizes {
            found.within(key(&format!("personal.{part}")), count as u64, 0..=max);
        }
        for region in &personal.regions {
            if region.parse::<phonenumber::country::Id>().is_err() {
                let cause = format!("{region:?} is no country such as \"FR\" or \"US\"");
                found.add(key("personal.regions"), cause);
            }
        }
    }
    let secrets = policy.personal.as_ref().map_or(&[][..], |personal| &personal.secrets);
    for (number, _) in (1..).zip(secrets).filter(|(_, line)| !is_hash(line)) {
        // It may be the secret itself: it is not repeated.
        found.add(
            key("personal.secrets"),
            format!("number {number} is no line of `tidegate secret`"),
        );
    }
}
