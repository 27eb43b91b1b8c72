//! Checks hooks and webhooks: names that fit in a path, ranges, and bounds on their lists.

use std::collections::BTreeMap;

use super::{CHANNELS_MAX, Config, Found, ROUTES_MAX, name_cause};

/// Each webhook is a task and a connection of its own.
const WEBHOOKS_MAX: usize = 100;
const HOUR_S: u64 = 60 * 60;

/// What hooks have beyond what all ways in have in common.
pub(super) fn hooks(config: &Config, found: &mut Found) {
    if config.hook.len() > ROUTES_MAX {
        return found.add("hook", format!("more than {ROUTES_MAX} of them"));
    }
    for (index, hook) in config.hook.iter().enumerate() {
        let key = |name: &str| format!("hook[{index}].{name}");
        if let Some(cause) = plain_cause(&hook.name) {
            found.add(key("name"), cause);
        }
        found.within(key("requests_max"), hook.requests_max as u64, 1..=100_000);
        found.within(key("wait_max_s"), hook.wait_max_s, 0..=HOUR_S);
        found.within(key("waiting_max"), hook.waiting_max as u64, 0..=100_000);
        found.within(key("remembered_max"), hook.remembered_max as u64, 1..=1_000_000);
    }
}

/// What the numbers and names of webhooks must be; who delivers them reads the rest.
pub(super) fn webhooks(config: &Config, found: &mut Found) {
    if config.webhook.len() > WEBHOOKS_MAX {
        return found.add("webhook", format!("more than {WEBHOOKS_MAX} of them"));
    }
    let mut names = BTreeMap::new();
    for (index, hook) in config.webhook.iter().enumerate() {
        let key = |name: &str| format!("webhook[{index}].{name}");
        let name = hook.name.as_str();
        if let Some(cause) = name_cause(name).or_else(|| plain_cause(name)) {
            found.add(key("name"), cause);
        } else if let Some(first) = names.insert(name, index) {
            found.add(key("name"), format!("{name:?} is the name of webhook[{first}] already"));
        }
        if hook.channels.len() > CHANNELS_MAX {
            found.add(key("channels"), format!("more than {CHANNELS_MAX} channels"));
        }
        found.within(key("timeout_ms"), hook.timeout_ms, 100..=60_000);
        found.within(key("retry_ms"), hook.retry_ms, 10..=60_000);
        found.within(key("refusals_max"), hook.refusals_max.into(), 1..=1_000);
        found.within(key("age_max_s"), hook.age_max_s, 1..=24 * 90 * HOUR_S);
    }
}

fn plain_cause(name: &str) -> Option<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let fits = name.chars().all(plain);
    (!fits).then(|| format!("{name:?} is more than letters, digits, '-', '_' and '.'"))
}
