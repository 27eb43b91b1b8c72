//! Finds phone numbers that exist, and those that are said to be somebody's.

use std::ops::Range;

use phonenumber::{Type, country::Id, metadata::DATABASE};

use super::{Place, Scene, numbers::Run};

/// Windows looked at, and numbers asked about, in one message: asking costs a few microseconds.
/// A chat message has one or two; what has more is told as a whole.
const WINDOWS_MAX: usize = 512;
const ASKED_MAX: usize = 32;

/// E.164.
const DIGITS: std::ops::RangeInclusive<usize> = 7..=15;

/// Words before a number that is no phone's.
const OTHERS: [&str; 50] = [
    "loto",
    "lotto",
    "tirage",
    "grille",
    "bingo",
    "euromillions",
    "order",
    "id",
    "ids",
    "ticket",
    "seed",
    "code",
    "ref",
    "reference",
    "case",
    "invoice",
    "bug",
    "commande",
    "facture",
    "dossier",
    "steam",
    "uid",
    "isbn",
    "ean",
    "serial",
    "build",
    "pid",
    "revision",
    "version",
    "score",
    "xp",
    "hp",
    "gold",
    "total",
    "points",
    "price",
    "prix",
    "km",
    "episode",
    "timestamp",
    "tracking",
    "colis",
    "suivi",
    "donation",
    "don",
    "seeds",
    "lobby",
    "room",
    "launchpad",
    "hash",
];
/// Words after a number that counts something.
const UNITS: [&str; 20] = [
    "hp",
    "xp",
    "points",
    "point",
    "pts",
    "subs",
    "views",
    "followers",
    "viewers",
    "km",
    "euros",
    "euro",
    "dollars",
    "gold",
    "bytes",
    "coins",
    "seconds",
    "ms",
    "vues",
    "bits",
];

/// What is left of the bounds.
pub(super) struct Budget {
    windows: usize,
    asked: usize,
}

impl Budget {
    pub fn new() -> Budget {
        Budget { windows: WINDOWS_MAX, asked: ASKED_MAX }
    }

    pub fn is_spent(&self) -> bool {
        self.windows == 0 || self.asked == 0
    }
}

/// The countries by the names that settings use.
pub(super) fn regions(names: &[String]) -> Vec<Id> {
    names.iter().filter_map(|name| name.parse().ok()).collect()
}

/// Reads the tables, so that the first number on the path need not wait for them.
pub(super) fn warm() {
    let _ = phonenumber::parse(Some(Id::FR), "0123456789").map(|number| number.is_valid());
}

pub(super) fn find(scene: &Scene, run: &Run, budget: &mut Budget, found: &mut Vec<Place>) {
    let mut from = 0;
    while from < run.groups.len() {
        match longest(scene, run, from, budget) {
            Some((to, place)) => {
                found.push(place);
                from = to;
            }
            None => from += 1,
        }
    }
}

/// The longest phone number that begins with a group, and the group after it.
fn longest(scene: &Scene, run: &Run, from: usize, budget: &mut Budget) -> Option<(usize, Place)> {
    let line = scene.line;
    let before = line.gap(run.groups[from].words.start);
    let said = scene.is_phone(run.words(from..from + 1));
    // Nothing that begins here is set off.
    let next = run.groups.get(from + 1).map(|group| line.gap(group.words.start));
    if !said && from > 0 && next == Some(before) {
        return None;
    }
    let ends = (from + 1..=run.groups.len().min(from + *DIGITS.end())).rev();
    for to in ends {
        let digits = run.digits(from..to);
        let whole = from == 0 && to == run.groups.len();
        // Inside a longer row of numbers only what is set off by other gaps is one of its own.
        if !DIGITS.contains(&digits.len()) || !(whole || said || is_set_off(scene, run, from..to)) {
            continue;
        }
        if budget.is_spent() {
            return None;
        }
        budget.windows -= 1;
        let words = run.words(from..to);
        let plus = before.ends_with('+') || before.ends_with("+(");
        let shape = run.shape(from..to);
        let alike = is_alike(scene, run, from..to);
        let number = Number { digits, shape: &shape, plus, alike, spelt: run.spelt, said };
        if let Some(country) = valid(scene, &number, budget) {
            let alone = shape.len() == 1 && !plus;
            if alone && !said && is_other(scene, words.clone()) {
                continue;
            }
            let level = if alone && !said && !digits.starts_with('0') { 2 } else { 3 };
            let what = format!("a phone number ({country})");
            return Some((to, Place::doxxing(words, level, what)));
        }
        if said && whole && is_like_one(digits) && !is_other(scene, words.clone()) {
            let what = "digits said to be somebody's phone number".to_owned();
            return Some((to, Place::doxxing(words, 2, what)));
        }
    }
    None
}

/// Other gaps stand around these groups than between them.
fn is_set_off(scene: &Scene, run: &Run, groups: Range<usize>) -> bool {
    let gap = |group: usize| run.groups.get(group).map(|g| scene.line.gap(g.words.start));
    let inner = gap(groups.start + 1).filter(|_| groups.len() > 1);
    let apart = |outer: Option<&str>| outer.is_none_or(|outer| Some(outer) != inner);
    let first = groups.start == 0;
    (first || apart(gap(groups.start))) && apart(gap(groups.end))
}

/// The same sign between all groups, spaces and brackets aside.
fn is_alike(scene: &Scene, run: &Run, groups: Range<usize>) -> bool {
    let gaps = run.groups[groups].iter().skip(1).map(|group| scene.line.gap(group.words.start));
    let mut signs = gaps.map(|gap| gap.trim_matches(['(', ')', ' ']));
    let first = signs.next().unwrap_or_default();
    signs.all(|sign| sign == first || sign.is_empty())
}

struct Number<'a> {
    digits: &'a str,
    shape: &'a [usize],
    plus: bool,
    /// One sign, or none, takes it apart.
    alike: bool,
    spelt: bool,
    said: bool,
}

/// The country in which it is a person's number.
fn valid(scene: &Scene, number: &Number, budget: &mut Budget) -> Option<String> {
    if is_row(number.digits) || counts(number.digits) || is_public(number.digits) {
        return None;
    }
    if number.plus || number.digits.starts_with("00") {
        let digits = number.digits.trim_start_matches('0');
        return ask(None, &format!("+{digits}"), budget);
    }
    let regions = scene.regions().iter().copied();
    if let Some(country) = regions.clone().filter(|id| fits(*id, number)).find_map(|id| {
        let country = ask(Some(id), number.digits, budget);
        country.filter(|_| !number.digits.is_empty())
    }) {
        return Some(country);
    }
    // `33 6 12 34 56 78`: the country without its sign.
    let grouped = number.shape.len() >= 3 && matches!(number.shape[0], 1..=3);
    let national = regions.into_iter().any(|id| {
        let code = DATABASE.by_id(id.as_ref()).map(|metadata| metadata.country_code());
        code.is_some_and(|code| code > 9 && number.digits.starts_with(&code.to_string()))
    });
    let worth = (grouped || number.said) && national && number.digits.len() >= 11;
    worth.then(|| ask(None, &format!("+{}", number.digits), budget)).flatten()
}

fn ask(region: Option<Id>, digits: &str, budget: &mut Budget) -> Option<String> {
    budget.asked = budget.asked.checked_sub(1)?;
    let number = phonenumber::parse(region, digits).ok()?;
    // What anybody may call for free or pays for is a company's or the state's.
    let persons = matches!(
        number.number_type(&DATABASE),
        Type::Mobile
            | Type::FixedLine
            | Type::FixedLineOrMobile
            | Type::PersonalNumber
            | Type::Voip
    );
    let country = number.country().id().map(|id| id.as_ref().to_owned());
    (persons && number.is_valid()).then(|| country.unwrap_or_else(|| "international".into()))
}

/// Whether people of this country write their numbers so.
fn fits(region: Id, number: &Number) -> bool {
    let (digits, shape) = (number.digits, number.shape);
    let free = number.spelt || number.said || (number.alike && shape.iter().all(|len| *len == 1));
    match region {
        Id::US | Id::CA => {
            let local = match digits.len() {
                11 => digits.strip_prefix('1'),
                10 => Some(digits),
                _ => None,
            };
            let starts = local.is_some_and(|local| {
                let bytes = local.as_bytes();
                bytes[0] >= b'2' && bytes[3] >= b'2'
            });
            let shapes: [&[usize]; 7] =
                [&[10], &[11], &[3, 3, 4], &[1, 3, 3, 4], &[3, 7], &[6, 4], &[1, 10]];
            starts && (free || shapes.contains(&shape))
        }
        // Everywhere else a number within the country begins with a zero, or is only asked about
        // where somebody says that it is one.
        _ if digits.starts_with('0') => {
            let year = |group: &Range<usize>| {
                matches!(digits.get(group.clone()), Some(y) if
                y.len() == 4 && (y.starts_with("19") || y.starts_with("20")))
            };
            let mut at = 0;
            let dated = shape.iter().any(|len| {
                at += len;
                year(&(at - len..at))
            });
            let twos = shape.iter().all(|len| *len <= 2);
            let areas = (2..=5).contains(&shape[0]) && !dated;
            let typed = shape.len() == 1 || (number.alike && (twos || areas));
            (9..=12).contains(&digits.len()) && (free || typed)
        }
        _ => number.said && digits.len() >= 8,
    }
}

/// `123456789`, `0000000000`: what is typed to type something.
fn is_row(digits: &str) -> bool {
    let digits: Vec<i16> = digits.bytes().map(i16::from).collect();
    let steady = |step: i16| digits.windows(2).all(|two| (two[1] - two[0]).rem_euclid(10) == step);
    steady(0) || steady(1) || steady(9)
}

/// Counting to ten, up or down.
fn counts(digits: &str) -> bool {
    let counts = ["12345678", "012345678", "10987654", "98765432"];
    counts.iter().any(|count| digits.starts_with(count))
}

/// Lines that anybody in need may call.
fn is_public(digits: &str) -> bool {
    // SOS Amitié.
    matches!(digits, "0972394050" | "33972394050")
}

/// Long enough for a number with its area, and not a count.
fn is_like_one(digits: &str) -> bool {
    DIGITS.contains(&digits.len()) && !is_row(digits) && !digits.ends_with("000")
}

/// Said to be an order's, a score, a price, part of a name.
fn is_other(scene: &Scene, words: Range<usize>) -> bool {
    let line = scene.line;
    let (before, after) = (line.gap(words.start), line.gap(words.end));
    let glued =
        |gap: &str| gap.len() == 1 && gap.contains(['-', '_', '/', '.', '=', '&', '?', '@']);
    before.ends_with(['#', '$', '€', '£', '%', '='])
        || after.trim_start().starts_with(['$', '€', '£', '%'])
        || (words.start > 0 && glued(before))
        || (words.end < line.words.len() && glued(after))
        || line.before(words.start, 3, &OTHERS)
        || UNITS.contains(&line.word(words.end))
}
