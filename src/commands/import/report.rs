//! Says what an import wrote and what will match differently, for the people who moderate.

use std::{collections::BTreeMap, fmt::Write, path::Path};

/// Places that are named; more would hide the rest of the report.
const SHOWN_MAX: usize = 10;
/// Characters of a term that are shown.
const TERM_SHOWN_MAX: usize = 60;

/// What is not as it was, in the order in which it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Difference {
    Refused,
    Off,
    Elsewhere,
    Preset,
    Twice,
    Expires,
    AllowCovers,
    AllowStar,
    WholeWord,
    Start,
    Anywhere,
    EndOfWord,
    InnerStar,
    Signs,
    Regex,
}

impl Difference {
    fn says(self) -> &'static str {
        match self {
            Difference::Refused => "Not imported",
            Difference::Off => "Switched off there, and not imported",
            Difference::Elsewhere => "No matter of word lists, and not imported",
            Difference::Preset => {
                "Preset lists are not open; what Tidegate's own lists, rules and model find in \
                 profanity, sexual and hate takes their place"
            }
            Difference::Twice => "Said twice (or the same but for case and accents), listed once",
            Difference::Expires => "They end by themselves there; here they stay until taken out",
            Difference::AllowCovers => {
                "Allow terms: there one of them let the whole message pass, here it excuses only \
                 what lies within it, and everything else in the message is still looked at"
            }
            Difference::AllowStar => {
                "Allow terms with a wildcard: allow terms have none here, so only the words \
                 themselves are excused; list the longer forms one by one"
            }
            Difference::WholeWord => {
                "Whole words and phrases: a word ends at whatever is no letter, not only at a \
                 space, so that \"word!\", \"(word)\" and \"word2\" match too; disguised forms \
                 (w0rd, w o r d, wooord, accents) match too"
            }
            Difference::Start => "Starts of words: disguised forms match too",
            Difference::Anywhere => {
                "Parts of words: the same, and disguised forms too; mind short ones, which are \
                 found in the middle of innocent words (allow those)"
            }
            Difference::EndOfWord => {
                "Ends of words, or wildcards inside a phrase: written as a regex, so disguised \
                 forms (leetspeak, spacing) do not match; accents and case do"
            }
            Difference::InnerStar => {
                "A * inside a word stands for itself; any sign, or a space, matches it"
            }
            Difference::Signs => "Signs without a letter: written as a regex",
            Difference::Regex => {
                "Regexes: upper and lower case never differ (write (?-i) where they should), and \
                 each runs on the text as it came and without its accents"
            }
        }
    }
}

#[derive(Default)]
pub(crate) struct Report {
    notes: BTreeMap<Difference, Vec<String>>,
    /// Lists and how many lines each has.
    pub listed: Vec<(String, usize)>,
}

impl Report {
    pub fn note(&mut self, how: Difference, at: &str, text: &str) {
        let short: String = text.chars().take(TERM_SHOWN_MAX).collect();
        let more = if short.len() < text.len() { "…" } else { "" };
        self.notes.entry(how).or_default().push(format!("{}: {short:?}{more}", visible(at)));
    }

    /// The whole report; `written` says whether the lists are there.
    pub fn told(&self, folder: &Path, written: bool) -> String {
        let mut told = String::new();
        let mut line = |text: &str| {
            let _ = writeln!(told, "{text}");
        };
        for (name, count) in self.listed.iter().filter(|_| written) {
            let what = if name == "allow" { "allow terms" } else { "terms" };
            line(&format!("{}: {count} {what}", folder.join(format!("{name}.txt")).display()));
        }
        for (how, places) in &self.notes {
            line(&format!("\n{} ({}):", how.says(), places.len()));
            places.iter().take(SHOWN_MAX).for_each(|place| line(&format!("  {place}")));
            if places.len() > SHOWN_MAX {
                line(&format!("  … and {} more", places.len() - SHOWN_MAX));
            }
        }
        if written {
            line(&format!(
                "\nTo use them: [wordlists] paths = [{:?}]. What becomes of a match is the \
                 policy's table: [policy.NAME.CATEGORY] action, by severity.",
                folder.display().to_string()
            ));
        }
        told
    }
}

/// What comes from a file may hold whatever a terminal would obey.
fn visible(text: &str) -> String {
    let mut visible = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\'' | '"' | '\\' => visible.push(c),
            c => visible.extend(c.escape_debug()),
        }
    }
    visible
}
