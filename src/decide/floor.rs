//! Keeps every policy at or above the floor, and says where a policy asked for less.

use crate::{
    config::{Config, FloorConfig, OnExpiry, OnLate, PolicyConfig, Unjudged},
    message::{Category, Finding, Head, Severity, Verdict},
};

/// The verdict of each category, in the order of [`Category::ALL`], at each severity.
pub(super) type Table = [[Verdict; 4]; Category::ALL.len()];

pub(super) const PASS: Table = [[Verdict::Pass; 4]; Category::ALL.len()];

pub(super) fn asks(table: &Table, category: Category, severity: Severity) -> Verdict {
    table[category as usize][usize::from(severity.level()) - 1]
}

/// What holds under every policy.
#[derive(Clone, Debug)]
pub(super) struct Floor {
    pub action: Table,
    /// The part of it from which nobody is exempt.
    pub for_all: Table,
    /// No threshold is higher.
    pub thresholds: [Option<f32>; Head::ALL.len()],
    pub harmless: Option<f32>,
    pub on_late: OnLate,
    pub when_full: Unjudged,
    released: [bool; Category::ALL.len()],
}

impl Floor {
    pub fn of(config: &FloorConfig) -> Floor {
        let mut floor = Floor {
            action: PASS,
            for_all: PASS,
            thresholds: Head::ALL.map(|head| threshold(config, head)),
            harmless: config.harmless,
            on_late: config.on_late.unwrap_or(OnLate::Pass),
            when_full: config.when_full.unwrap_or(Unjudged::Pass),
            released: [false; Category::ALL.len()],
        };
        for category in Category::ALL {
            let (Some(own), at) = (config.category(category), category as usize) else { continue };
            floor.action[at] = own.action.unwrap_or([Verdict::Pass; 4]);
            floor.released[at] = own.on_expiry == Some(OnExpiry::Release);
            floor.for_all[at] = match own.exempts {
                Some(true) => [Verdict::Pass; 4],
                Some(false) => floor.action[at],
                // What must never be seen is no matter of trust, unless the floor says so.
                None => [Verdict::Pass, Verdict::Pass, Verdict::Pass, floor.action[at][3]],
            };
        }
        floor
    }

    pub fn acts_in(&self, category: Category) -> bool {
        self.action[category as usize] != [Verdict::Pass; 4]
    }

    pub fn acts_on(&self, finding: &Finding) -> bool {
        asks(&self.action, finding.category, finding.severity) > Verdict::Pass
    }

    /// Whether what the floor holds may be released when nobody decides.
    pub fn releases(&self, category: Category) -> bool {
        self.released[category as usize]
    }
}

fn threshold(config: &FloorConfig, head: Head) -> Option<f32> {
    let own = config.heads.as_ref().and_then(|heads| heads.get(&head)).copied();
    let category = head.category().and_then(|category| config.category(category));
    own.or_else(|| category.and_then(|category| category.threshold))
}

/// The keys of policies that ask for less than the floor and so have no effect, with the reason.
pub fn without_effect(config: &Config) -> Vec<(String, String)> {
    let floor = Floor::of(&config.floor);
    let mut found = Vec::new();
    for (name, policy) in &config.policy {
        let mut add = |part: String, cause: &str| {
            found.push((format!("policy.{name}.{part}"), format!("{cause}; the floor holds")));
        };
        for category in Category::ALL {
            of_category(&floor, policy, category, &mut |part, cause| {
                add(format!("{category}.{part}"), cause);
            });
        }
        for (head, own) in policy.heads.iter().flatten() {
            if floor.thresholds[*head as usize].is_some_and(|least| *own > least) {
                add(format!("heads.{head}"), "is above the floor's threshold");
            }
        }
        if policy.harmless.zip(floor.harmless).is_some_and(|(own, most)| own > most) {
            add("harmless".into(), "is above the floor's");
        }
        if policy.on_late == Some(OnLate::Pass) && floor.on_late == OnLate::Hold {
            add("on_late".into(), "lets pass what the floor holds");
        }
        if policy.when_full == Some(Unjudged::Pass) && floor.when_full == Unjudged::Drop {
            add("when_full".into(), "lets pass what the floor drops");
        }
    }
    found
}

fn of_category(
    floor: &Floor,
    policy: &PolicyConfig,
    category: Category,
    add: &mut dyn FnMut(&str, &str),
) {
    let Some(own) = policy.category(category) else { return };
    let least = &floor.action[category as usize];
    if let Some(action) = &own.action {
        let milder = (0..4).filter(|at| action[*at] < least[*at]);
        let levels: Vec<String> = milder.map(|at| (at + 1).to_string()).collect();
        if !levels.is_empty() {
            let cause = format!("is milder than the floor at severity {}", levels.join(", "));
            add("action", &cause);
        }
    }
    let heads = Head::ALL.into_iter().filter(|head| head.category() == Some(category));
    let lowest = heads.filter_map(|head| floor.thresholds[head as usize]).reduce(f32::min);
    if own.threshold.zip(lowest).is_some_and(|(own, least)| own > least) {
        add("threshold", "is above the floor's");
    }
    if own.shadow == Some(true) && floor.acts_in(category) {
        add("shadow", "leaves the category to the floor's own actions");
    }
    if own.on_expiry == Some(OnExpiry::Release) && floor.acts_in(category) {
        let released = floor.releases(category);
        if !released {
            add("on_expiry", "would release what the floor acts on");
        }
    }
}
