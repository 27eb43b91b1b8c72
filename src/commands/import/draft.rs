//! Collects imported terms as lines of word lists, each proved before it is kept.

use std::collections::{BTreeMap, HashSet};

use super::{
    report::{Difference, Report},
    wildcard,
};
use crate::{
    message::{Category, Severity},
    scan::{MatchMode, wordlist},
};

/// The lists on their way, and what there is to say of them.
pub(crate) struct Draft {
    pub category: Category,
    pub severity: Severity,
    lines: BTreeMap<Category, Vec<String>>,
    allow: Vec<String>,
    seen: HashSet<String>,
    pub report: Report,
}

impl Draft {
    pub fn new(category: Category, severity: Severity) -> Draft {
        Draft {
            category,
            severity,
            lines: BTreeMap::new(),
            allow: Vec::new(),
            seen: HashSet::new(),
            report: Report::default(),
        }
    }

    /// Adds a term that may have wildcards at the start and the end of its words; `at` says
    /// where it stands.
    pub fn keyword(&mut self, text: &str, at: &str) {
        let (category, severity) = (self.category, self.severity);
        match wildcard::read(text) {
            Err(cause) => self.refuse(text, at, &cause),
            Ok(read) => {
                if let Err(cause) = self.term(category, severity, read.mode, "", &read.text, at) {
                    return self.refuse(text, at, &cause);
                }
                read.differences.iter().for_each(|how| self.report.note(*how, at, text));
            }
        }
    }

    /// Adds a regular expression.
    pub fn regex(&mut self, pattern: &str, at: &str) {
        let (category, severity) = (self.category, self.severity);
        match self.term(category, severity, MatchMode::Regex, "", pattern, at) {
            Ok(()) => self.report.note(Difference::Regex, at, pattern),
            Err(cause) => self.refuse(pattern, at, &cause),
        }
    }

    /// Adds a term as given; one that is there already is dropped and told.
    ///
    /// # Errors
    /// Why no list may have it.
    pub fn term(
        &mut self,
        category: Category,
        severity: Severity,
        mode: MatchMode,
        scope: &str,
        text: &str,
        at: &str,
    ) -> Result<(), String> {
        let text = match mode {
            MatchMode::Regex => on_one_line(text)?,
            _ => text.split_whitespace().collect::<Vec<_>>().join(" "),
        };
        let line = format!("{} {}{scope} {text}", severity.level(), mode.name());
        if line.len() > wordlist::LINE_BYTES_MAX {
            return Err(format!("longer than {} bytes", wordlist::LINE_BYTES_MAX));
        }
        let (key, _) = wordlist::term(&line, category)?;
        match self.seen.insert(format!("{category} {key}")) {
            true => self.lines.entry(category).or_default().push(line),
            false => self.report.note(Difference::Twice, at, &text),
        }
        Ok(())
    }

    /// Adds an allow term.
    pub fn allow(&mut self, text: &str, at: &str) {
        let bare = text.replace('*', " ");
        // A line that begins with this sign would be a comment.
        let bare = bare.split_whitespace().collect::<Vec<_>>().join(" ");
        let bare = bare.trim_start_matches(['#', ' ']).to_owned();
        match wordlist::parse("imported/allow", "allow", &bare) {
            Err(errors) => {
                let cause = errors.first().map_or(String::new(), |error| error.cause.clone());
                self.refuse(text, at, &cause);
            }
            Ok(list) if list.allow.is_empty() => self.refuse(text, at, "no letter or digit"),
            Ok(_) => {
                if !self.seen.insert(format!("allow {}", bare.to_lowercase())) {
                    return self.report.note(Difference::Twice, at, text);
                }
                let star = text.contains('*');
                let how = if star { Difference::AllowStar } else { Difference::AllowCovers };
                self.report.note(how, at, text);
                self.allow.push(bare);
            }
        }
    }

    pub fn refuse(&mut self, text: &str, at: &str, cause: &str) {
        self.report.note(Difference::Refused, &format!("{at}: {cause}"), text);
    }

    /// Name and text of each list that has a line.
    pub fn lists(&mut self, file: &str) -> Vec<(String, String)> {
        let own = self.lines.iter().map(|(category, lines)| (category.name(), lines));
        let allow = Some(("allow", &self.allow)).filter(|(_, lines)| !lines.is_empty());
        let mut lists = Vec::new();
        for (name, lines) in own.chain(allow) {
            let head = format!("# origin: imported from {file:?}\n# licence: your own\n");
            lists.push((name.to_owned(), format!("{head}{}\n", lines.join("\n"))));
            self.report.listed.push((name.to_owned(), lines.len()));
        }
        lists
    }
}

/// A pattern whose spaces survive a line of a list.
fn on_one_line(pattern: &str) -> Result<String, String> {
    if pattern.contains(['\n', '\r']) {
        return Err("a regex of several lines".to_owned());
    }
    let inner = pattern.trim();
    let spaces = |c: &char| c.is_whitespace();
    let before = pattern.chars().take_while(spaces).count();
    let after = pattern.chars().rev().take_while(spaces).count();
    Ok(format!("{}{inner}{}", r"\s".repeat(before), r"\s".repeat(after)))
}
