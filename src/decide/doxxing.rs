//! Finds personal data, what is said of where somebody is, and calls to send somebody there.
//!
//! No reason repeats what was found: records outlive the texts that they are about.

use std::{cell::OnceCell, ops::Range, sync::LazyLock};

use aho_corasick::AhoCorasick;
use phonenumber::country::Id;

use super::{Heard, Policy, Rule, Seen};
use crate::{
    config::PersonalConfig,
    message::{Category, Finding, Severity, ViewKind},
};

mod address;
mod ids;
mod net;
mod numbers;
mod patterns;
mod phone;
mod secrets;
mod words;

pub use secrets::{SecretError, SecretKey, Secrets, armed_line};

use patterns::{Kind, Match};
use words::Line;

/// More findings than this tell a moderator nothing more, and each is stored and sent.
const FINDINGS_MAX: usize = 32;
/// A person that is spoken of within so many bytes is the one whose data it is.
const NEAR_BYTES: usize = 160;
/// Shorter numbers name nobody.
const DIGITS_MIN: usize = 7;

/// Words without which nothing is spelt out: digits, mailboxes.
static SPELT: LazyLock<AhoCorasick> = LazyLock::new(|| {
    let words = [
        "zero", "five", "seven", "eight", "nine", "three", "four", "deux", "trois", "quatre",
        "cinq", "sept", "huit", "neuf", "vingt", "trente", "soixante", "arobas", "gmail",
        "hotmail", "yahoo", "outlook", "icloud", "proton", "laposte", "wanadoo", "(at)", "[at]",
        "{at}", "mail dot",
    ];
    AhoCorasick::new(words).expect("thirty words make an automaton")
});

/// Numbers too common in plain words for one of them to say anything; a spelt number has several.
static SMALL: LazyLock<AhoCorasick> = LazyLock::new(|| {
    let words = [
        "one", "two", "six", "ten", "eleven", "twelve", "teen", "twenty", "thirty", "fifty", "un",
        "dix", "onze", "douze", "treize", "quator", "quinze", "seize", "quarante",
    ];
    AhoCorasick::new(words).expect("twenty words make an automaton")
});
const SMALL_MIN: usize = 4;

pub(super) struct Doxxing;

/// What a policy says of personal data, ready for use.
#[derive(Clone, Debug)]
pub struct Personal {
    regions: Vec<Id>,
    allow: Vec<String>,
    pub secrets: Secrets,
}

impl Personal {
    pub fn new(config: &PersonalConfig) -> Personal {
        // Tables and patterns are read now, so that no message waits for them.
        phone::warm();
        let _ = may_be_found("");
        let plain = |allowed: &String| allowed.to_lowercase();
        let allow = config.allow.iter().map(plain).collect();
        Personal { regions: phone::regions(&config.regions), allow, secrets: Secrets::default() }
    }
}

/// Where something stands in a line, and what it is.
struct Place {
    words: Range<usize>,
    category: Category,
    level: u8,
    what: String,
}

impl Place {
    fn doxxing(words: Range<usize>, level: u8, what: String) -> Place {
        Place { words, category: Category::Doxxing, level, what }
    }
}

/// One reading of a message, and the persons and phones that it speaks of.
struct Scene<'a> {
    line: &'a Line<'a>,
    personal: &'a Personal,
    /// Few lines have anything for which they matter.
    cues: OnceCell<Cues>,
}

/// What the patterns find in a reading.
struct Cues {
    matches: Vec<Match>,
    /// The text was read to its end.
    whole: bool,
    /// Where it speaks of a person, and of a phone, in bytes of the reading.
    persons: Vec<usize>,
    phones: Vec<usize>,
    /// It speaks of a game.
    plays: bool,
}

impl Cues {
    fn of(line: &Line) -> Cues {
        let mut matches = Vec::new();
        let whole = patterns::matches(line, &mut matches);
        let (mut persons, mut phones, mut plays) = (Vec::new(), Vec::new(), false);
        for found in &matches {
            let at = line.words[found.words.start].start;
            match found.kind {
                Kind::Person => persons.push(at),
                Kind::Phone => phones.push(at),
                Kind::Game => plays = true,
                _ => {}
            }
        }
        Cues { matches, whole, persons, phones, plays }
    }
}

impl Scene<'_> {
    fn cues(&self) -> &Cues {
        self.cues.get_or_init(|| Cues::of(self.line))
    }

    fn is_person(&self, words: Range<usize>) -> bool {
        self.is_near(&self.cues().persons, words)
    }

    fn is_phone(&self, words: Range<usize>) -> bool {
        self.is_near(&self.cues().phones, words)
    }

    fn is_near(&self, cues: &[usize], words: Range<usize>) -> bool {
        let Some(word) = self.line.words.get(words.start) else { return false };
        let first = cues.partition_point(|cue| cue + NEAR_BYTES < word.start);
        cues.get(first).is_some_and(|cue| *cue <= word.end + NEAR_BYTES)
    }

    fn regions(&self) -> &[Id] {
        &self.personal.regions
    }

    /// The channel's own address, or one of its own domain.
    fn allows(&self, said: &str) -> bool {
        let said = said.to_lowercase();
        let own = |allowed: &String| match allowed.starts_with('@') {
            true => said.ends_with(allowed.as_str()),
            false => said == *allowed,
        };
        self.personal.allow.iter().any(own)
    }
}

impl Rule for Doxxing {
    fn name(&self) -> &'static str {
        "doxxing"
    }

    fn find(&self, policy: &Policy, seen: &Seen, _heard: &Heard, found: &mut Vec<Finding>) {
        let armed = !policy.personal.secrets.is_empty();
        let mut all: Vec<(Range<usize>, Place)> = Vec::new();
        for view in &seen.text.views {
            let cued = may_be_found(&view.text);
            if !cued && !armed {
                continue;
            }
            let line = Line::new(view, &seen.message.text);
            let mut places = Vec::new();
            if armed {
                armed_secrets(&line, &policy.personal, &mut places);
            }
            if cued {
                places_of(&line, view.kind, &policy.personal, &mut places);
            }
            let original = |place: Place| (line.original(place.words.clone()), place);
            all.extend(places.into_iter().map(original));
        }
        if !all.is_empty() {
            found.extend(findings(policy, self.name(), all));
        }
    }
}

/// A quick look for anything that the parts below could find: a digit, a sign or a word.
fn may_be_found(text: &str) -> bool {
    text.bytes().any(|b| b.is_ascii_digit() || b == b'@')
        || patterns::may_match(text)
        || SPELT.is_match(text)
        || SMALL.find_iter(text).take(SMALL_MIN).count() == SMALL_MIN
}

fn armed_secrets(line: &Line, personal: &Personal, places: &mut Vec<Place>) {
    for (words, number) in personal.secrets.find(line) {
        let what = format!("a secret that the channel has armed (number {number} of its list)");
        places.push(Place::doxxing(words, 4, what));
    }
}

fn places_of(line: &Line, kind: ViewKind, personal: &Personal, places: &mut Vec<Place>) {
    let scene = Scene { line, personal, cues: OnceCell::new() };
    // Digits read as letters are no numbers: only the literal reading has them all.
    match kind {
        ViewKind::Plain => data(&scene, places),
        _ => net::emails(&scene, places),
    }
    address::find(&scene, places);
    // Nothing but hints is found without one of those words.
    if !patterns::may_match(line.text) {
        return;
    }
    let cues = scene.cues();
    for found in &cues.matches {
        let (category, what) = told(found.kind);
        let skipped = found.level == 0 || (cues.plays && category == Category::Threat);
        if !skipped {
            let (words, level) = (found.words.clone(), found.level);
            places.push(Place { words, category, level, what: what.to_owned() });
        }
    }
    if !cues.whole {
        places.push(too_much(line));
    }
}

/// What is made of digits and signs.
fn data(scene: &Scene, places: &mut Vec<Place>) {
    net::find(scene, places);
    ids::lettered(scene, places);
    let mut budget = phone::Budget::new();
    for run in numbers::runs(scene.line, DIGITS_MIN) {
        let first = run.groups.first().map_or(0, |group| group.words.start);
        if scene.line.in_url(first) {
            continue;
        }
        if !ids::find(scene, &run, places) {
            phone::find(scene, &run, &mut budget, places);
        }
    }
    if budget.is_spent() {
        places.push(too_much(scene.line));
    }
}

/// What was not read to its end has to be looked at.
fn too_much(line: &Line) -> Place {
    let words = 0..line.words.len();
    Place::doxxing(words, 2, "more numbers or hints than are read one by one".to_owned())
}

fn told(kind: Kind) -> (Category, &'static str) {
    match kind {
        Kind::Swat => (Category::Threat, "a call to send the police to somebody"),
        Kind::Hoax => (Category::Threat, "a call for a false alarm at somebody's place"),
        Kind::Pizza => (Category::Threat, "a call to send deliveries to somebody's place"),
        Kind::Prank => (Category::Threat, "a call to prank somebody by phone"),
        Kind::Visit => (Category::Threat, "a call to go to somebody's place"),
        Kind::Home => (Category::Doxxing, "where somebody lives"),
        Kind::Work => (Category::Doxxing, "where somebody works"),
        Kind::School => (Category::Doxxing, "where somebody goes to school"),
        Kind::Hotel => (Category::Doxxing, "where somebody stays"),
        Kind::Travel => (Category::Doxxing, "how somebody travels"),
        Kind::Person | Kind::Phone | Kind::Game => (Category::Doxxing, "a hint"),
    }
}

/// One finding for each place: of those that lie within another of the same category the worse.
fn findings(policy: &Policy, rule: &str, mut all: Vec<(Range<usize>, Place)>) -> Vec<Finding> {
    all.retain(|(span, _)| !span.is_empty());
    // The worst first, and of equals the longest.
    all.sort_by_key(|(span, place)| {
        let worst = std::cmp::Reverse((place.level, span.len()));
        (worst, span.start)
    });
    let mut found: Vec<Finding> = Vec::new();
    for (span, place) in all {
        let Some(severity) = Severity::new(place.level) else { continue };
        let covered = |own: &&mut Finding| {
            let same = own.category == place.category;
            let other = own.span.as_ref().filter(|_| same);
            other.is_some_and(|own| own.start < span.end && span.start < own.end)
        };
        // What overlaps is one: the worse reason, and a mask over both.
        if let Some(own) = found.iter_mut().find(covered) {
            own.span = own.span.take().map(|own| own.start.min(span.start)..own.end.max(span.end));
            continue;
        }
        let full = found.len() >= FINDINGS_MAX;
        let same = found.iter_mut().rev().find(|own| own.category == place.category);
        if let Some(own) = same.filter(|_| full) {
            // Beyond the bound the category's last finding grows, so that nothing escapes the mask.
            own.span = own.span.take().map(|own| own.start.min(span.start)..own.end.max(span.end));
            continue;
        }
        found.push(Finding {
            rule: rule.to_owned(),
            category: place.category,
            severity,
            span: Some(span),
            why: place.what,
            shadow: policy.in_shadow(place.category),
            scored: None,
        });
    }
    found
}
