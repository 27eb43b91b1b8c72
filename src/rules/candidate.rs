//! Builds what is only being tried: another policy, or lists with some terms more or fewer.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

use serde::{Deserialize, Serialize};

use super::{Overrides, Routes, Ruleset, Yardstick, secret_key, unknown_lists, unmet};
use crate::{
    config::{Config, Problem, line_of},
    decide::{self, Levels, Policy, Strictness},
    message::Category,
    scan::{
        Scanner, Term,
        wordlist::{self, Wordlist, WordlistError},
    },
};

/// What somebody wants to try instead of what judges now; whatever is empty stays as it is.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Trial {
    /// A policy that there is, by name.
    pub policy: String,
    /// A policy as the settings file has it: one `[policy.NAME]` with what belongs to it.
    pub toml: String,
    /// Terms of `category` more, as a word list has them.
    pub add: String,
    pub category: Option<Category>,
    /// Allow terms more, one a line.
    pub allow: String,
    /// Listed terms fewer, one a line.
    pub leave_out: String,
    /// One of the console's lists by name, and its text as it would be.
    pub list: String,
    pub text: String,
    /// The channel's own strictness as it would be.
    pub levels: Option<BTreeMap<Category, Strictness>>,
    /// The same as it would be set by whoever tries it.
    #[serde(skip)]
    pub set: Option<Levels>,
}

/// What can be tried.
pub struct Candidate {
    pub by: Yardstick,
    /// What is sound and may not be meant.
    pub warnings: Vec<Wrong>,
    /// Where a strictness is tried: what judges each channel then.
    routes: Option<Routes>,
}

impl Candidate {
    /// What would judge a channel, where a strictness is tried.
    pub fn policy(&self, route: &str, channel: &str) -> Option<&Arc<Policy>> {
        self.routes.as_ref()?.policy(route, channel)
    }
}

/// One thing that is wrong with what is to be tried.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Wrong {
    /// The part of [`Trial`] that it stands in.
    pub part: &'static str,
    /// Counted from 1; `None` where the whole is meant.
    pub line: Option<usize>,
    /// The key of a policy.
    pub key: String,
    pub cause: String,
}

impl Wrong {
    pub(super) fn whole(part: &'static str, cause: impl Into<String>) -> Wrong {
        Wrong { part, line: None, key: String::new(), cause: cause.into() }
    }

    pub(super) fn of_list(part: &'static str, wrong: WordlistError) -> Wrong {
        let line = (wrong.line > 0).then_some(wrong.line);
        Wrong { part, line, key: String::new(), cause: wrong.cause }
    }
}

impl Trial {
    pub fn changes_lists(&self) -> bool {
        !self.list.is_empty()
            || [&self.add, &self.allow, &self.leave_out].iter().any(|text| !text.trim().is_empty())
    }

    /// It tries a policy, not lists or strictness alone.
    pub fn names_policy(&self) -> bool {
        !self.policy.is_empty() || !self.toml.trim().is_empty()
    }
}

impl Ruleset {
    /// Builds a candidate for a channel. It may take as long as a reload, where lists change.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn candidate(
        &self,
        route: &str,
        channel: &str,
        trial: &Trial,
    ) -> Result<Candidate, Vec<Wrong>> {
        let running = self.yardstick(route, channel);
        let mut warnings = Vec::new();
        let policy = match (trial.policy.is_empty(), trial.toml.trim().is_empty()) {
            (true, true) => Ok(running.policy.clone()),
            _ if trial.levels.is_some() && trial.names_policy() => {
                Err(vec![Wrong::whole("levels", "they are of the channel's own policy")])
            }
            (false, false) => {
                Err(vec![Wrong::whole("policy", "name a policy or write one, not both")])
            }
            (false, true) => self.named(&trial.policy, running.policy.mode),
            (true, false) => self.written(&trial.toml, running.policy.mode, &mut warnings),
        };
        let scanner = match trial.changes_lists() {
            true => self.relisted(trial),
            false => Ok(running.scanner.clone()),
        };
        match (policy, scanner) {
            (Ok(policy), Ok(scanner)) => {
                let routes = trial.set.as_ref().and_then(|levels| {
                    let set = self.overrides.with_levels(route, channel, levels.clone());
                    Routes::of(&self.source, &self.policies, &set).ok()
                });
                let policy = match routes.as_ref().and_then(|all| all.policy(route, channel)) {
                    Some(own) => own.clone(),
                    None => policy,
                };
                let by = Yardstick { scanner, version: "candidate".into(), policy };
                Ok(Candidate { by, warnings, routes })
            }
            (policy, scanner) => {
                Err([policy.err(), scanner.err()].into_iter().flatten().flatten().collect())
            }
        }
    }

    fn named(&self, name: &str, mode: &'static str) -> Result<Arc<Policy>, Vec<Wrong>> {
        let found = self.policies.get(name).map(|policy| Arc::new(policy.in_mode(mode)));
        found.ok_or_else(|| vec![Wrong::whole("policy", format!("there is no policy {name:?}"))])
    }

    /// A policy that somebody wrote, checked as a settings file is.
    fn written(
        &self,
        text: &str,
        mode: &'static str,
        warnings: &mut Vec<Wrong>,
    ) -> Result<Arc<Policy>, Vec<Wrong>> {
        let at = |(key, cause): (String, String)| Wrong {
            part: "toml",
            line: line_of(text, &key),
            key,
            cause,
        };
        only_policies(text).map_err(|keys| {
            let cause = "only a [policy.NAME] can be tried here";
            keys.into_iter().map(|key| at((key, cause.to_owned()))).collect::<Vec<_>>()
        })?;
        let read = Config::parse(text, "").map_err(|problems| {
            let shaped =
                |Problem { line, key, cause, .. }| Wrong { part: "toml", line, key, cause };
            problems.into_iter().map(shaped).collect::<Vec<_>>()
        })?;
        let mut names = read.policy.keys().cloned();
        let (Some(name), None) = (names.next(), names.next()) else {
            return Err(vec![Wrong::whole("toml", "write one [policy.NAME], no more")]);
        };
        let wrong: Vec<Wrong> = Policy::problems(&read).into_iter().map(at).collect();
        if !wrong.is_empty() {
            return Err(wrong);
        }
        let (floor, state_dir) = (self.source.floor.clone(), self.source.state_dir.clone());
        let config = Config { policy: read.policy, floor, state_dir, ..Config::default() };
        let mut compiled = Policy::compile(&config).map_err(|causes| -> Vec<Wrong> {
            causes.into_iter().map(|cause| Wrong::whole("toml", cause)).collect()
        })?;
        let mut errors = Vec::new();
        secret_key::arm(&config, &mut compiled, &mut errors);
        if !errors.is_empty() {
            let key = format!("policy.{name}.personal.secrets");
            return Err(vec![at((key, in_the_log("the secrets cannot be used", &errors)))]);
        }
        let policy = compiled.remove(&name).expect("what was compiled has the policy");
        let unknown = unknown_lists(&policy, &self.lists);
        let unknown =
            unknown.map(|(rule, cause)| at((format!("policy.{name}.rules.{rule}"), cause)));
        let unknown: Vec<Wrong> = unknown.collect();
        if !unknown.is_empty() {
            return Err(unknown);
        }
        warnings.extend(decide::without_effect(&config).into_iter().map(at));
        Ok(Arc::new(policy.in_mode(mode)))
    }

    /// The lists as they are now with the changes that are tried.
    fn relisted(&self, trial: &Trial) -> Result<Arc<Scanner>, Vec<Wrong>> {
        let mut lists = Vec::clone(&self.read);
        let overrides = match trial.list.as_str() {
            "" => Overrides::clone(&self.overrides),
            name => {
                let problems = self.lint(name, &trial.text).problems;
                if !problems.is_empty() {
                    return Err(problems);
                }
                self.overrides.with_list(name, &trial.text)
            }
        };
        overrides.apply(&mut lists);
        let mut wrong = leave_out(&mut lists, &trial.leave_out, |_| false);
        let category = trial.category.unwrap_or(Category::Profanity);
        let added = parsed("add", &format!("tried/{category}"), &trial.add, &mut wrong);
        let allowed = parsed("allow", "tried/allow", &trial.allow, &mut wrong);
        lists.iter_mut().for_each(|list| list.examples.clear());
        lists.extend([added, allowed]);
        if wrong.is_empty() {
            wrong.extend(unmet(&lists).into_iter().map(|unmet| Wrong::of_list("add", unmet)));
        }
        if !wrong.is_empty() {
            return Err(wrong);
        }
        let built = Scanner::build(&lists).map(Arc::new);
        built.map_err(|cause| vec![Wrong::whole("add", cause)])
    }
}

/// Causes that name paths of the machine are for the log, not for whoever tries something.
fn in_the_log(what: &str, causes: &[String]) -> String {
    causes.iter().for_each(|cause| tracing::warn!(%cause, what, "a candidate was not built"));
    format!("{what}; the log says why")
}

/// # Errors
/// Whatever else a settings file may hold: it names files and addresses, and nobody who may only
/// try a policy has them read.
fn only_policies(text: &str) -> Result<(), Vec<String>> {
    // What is no table is told with its line where it is read.
    let Ok(table) = text.parse::<toml::Table>() else { return Ok(()) };
    let others: Vec<String> = table.into_iter().map(|(key, _)| key).collect();
    let others: Vec<String> = others.into_iter().filter(|key| key != "policy").collect();
    if others.is_empty() { Ok(()) } else { Err(others) }
}

fn parsed(part: &'static str, name: &str, text: &str, wrong: &mut Vec<Wrong>) -> Wordlist {
    wordlist::parse(name, name, text).unwrap_or_else(|causes| {
        wrong.extend(causes.into_iter().map(|cause| Wrong::of_list(part, cause)));
        Wordlist::default()
    })
}

/// Takes terms out of every list, but for those that stay; whatever is in none is named.
pub(super) fn leave_out(
    lists: &mut [Wordlist],
    text: &str,
    stays: impl Fn(&Term) -> bool,
) -> Vec<Wrong> {
    let says = |line: &str| !line.is_empty() && !line.starts_with('#');
    let lines = || text.lines().map(str::trim).zip(1..).filter(|(line, _)| says(line));
    let wanted: HashSet<&str> = lines().map(|(line, _)| line).collect();
    if wanted.is_empty() {
        return Vec::new();
    }
    let mut met: HashSet<&str> = HashSet::new();
    for list in lists {
        list.terms.retain(|term| {
            let own = wanted.get(&*term.text);
            met.extend(own);
            own.is_none() || stays(term)
        });
    }
    let unmet = lines().filter(|(line, _)| !met.contains(line));
    unmet
        .map(|(_, line)| {
            let cause = "no list has this term".to_owned();
            Wrong { part: "leave_out", line: Some(line), key: String::new(), cause }
        })
        .collect()
}
