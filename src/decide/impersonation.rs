//! Finds a name that could be taken for somebody else's, or for an office.

use std::ops::Range;

use super::{Heard, Policy, Rule, Seen, apart};
use crate::{
    config::ProtectedConfig,
    letters::{self, lookalike::lookalike},
    message::{Alike, Category, Finding, Message, Role, Severity},
};

/// Longer names are nobody's.
const NAME_CHARS_MAX: usize = 64;
/// Names of fewer letters are too many words and other names at once to be looked for in others.
const LETTERS_MIN: usize = 4;
/// From here on, one letter more or less does not make a name look like another.
const LONG_FROM: usize = 6;
/// Given names are seldom this long: what differs by one letter only is no other person's.
const HANDLE_FROM: usize = 10;

/// What is put around a name to claim that it is the same one; those that claim outright first.
const CLAIMS: [&str; 6] = ["official", "officiel", "officielle", "thereal", "real", "mod"];
const ADDED: [&str; 5] = ["ttv", "tv", "live", "yt", "the"];

/// Offices that only the channel or the platform gives.
const TITLES: [&str; 9] = [
    "moderator",
    "moderators",
    "moderateur",
    "moderatrice",
    "moderation",
    "admin",
    "administrator",
    "administrateur",
    "staff",
];

const SAME: Severity = Severity::new(3).expect("3 is a severity");
const NEAR: Severity = Severity::new(2).expect("2 is a severity");
const FAR: Severity = Severity::new(1).expect("1 is a severity");

pub(super) const IMPERSONATION: &str = "impersonation";

pub(super) struct Impersonation;

impl Rule for Impersonation {
    fn name(&self) -> &'static str {
        IMPERSONATION
    }

    fn names(&self) -> bool {
        true
    }

    fn blames(&self) -> bool {
        false
    }

    fn find(&self, policy: &Policy, seen: &Seen, _heard: &Heard, found: &mut Vec<Finding>) {
        let Some(alike) = &seen.recent.name.alike else { return };
        let category = Category::Impersonation;
        found.push(Finding {
            rule: self.name().to_owned(),
            category,
            severity: alike.severity,
            span: whole(seen),
            why: format!("the sender's name {} {:?}", alike.how, alike.of),
            shadow: policy.in_shadow(category),
            scored: None,
        });
    }
}

/// The place of what was found in a name: all of it where the name is what is judged, and none in
/// what its bearer says.
pub(super) fn whole(seen: &Seen) -> Option<Range<usize>> {
    let message = seen.message;
    (message.is_name && !message.text.is_empty()).then_some(0..message.text.len())
}

/// The names that a policy protects, folded once.
#[derive(Clone, Debug, Default)]
pub struct Protected {
    names: Vec<Guarded>,
    pub learn: bool,
    titles: bool,
}

#[derive(Clone, Debug)]
struct Guarded {
    id: String,
    name: String,
    drawn: Vec<char>,
}

impl Guarded {
    fn new(name: &str, id: &str) -> Guarded {
        Guarded { id: id.to_owned(), name: name.to_owned(), drawn: drawn_name(name) }
    }

    fn known(&self) -> Known<'_> {
        Known { id: &self.id, name: &self.name, drawn: &self.drawn }
    }
}

/// A name as it is compared with others: folded once, wherever it is kept.
pub fn drawn_name(name: &str) -> Vec<char> {
    drawn(&letters_of(name))
}

/// Somebody whom others could be taken for.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    pub id: &'a str,
    pub name: &'a str,
    /// The name by [`drawn_name`].
    pub drawn: &'a [char],
}

impl Known<'_> {
    /// Whether this is the protected account itself.
    fn is(&self, claim: &Claim) -> bool {
        match self.id.is_empty() {
            false => self.id == claim.id,
            true => {
                let same = |other: &str| other.eq_ignore_ascii_case(self.name);
                same(claim.id) || same(claim.name)
            }
        }
    }
}

/// Who goes by which name.
#[derive(Clone, Copy, Debug)]
pub struct Claim<'a> {
    pub id: &'a str,
    pub name: &'a str,
    pub roles: &'a [Role],
}

impl<'a> Claim<'a> {
    pub fn of(message: &'a Message) -> Claim<'a> {
        let sender = &message.sender;
        Claim { id: &sender.id, name: message.name(), roles: &sender.roles }
    }
}

impl Protected {
    /// `acts` is false where nothing comes of what is found.
    pub fn new(config: &ProtectedConfig, acts: bool) -> Protected {
        let names = config.names.iter().map(|(name, id)| Guarded::new(name, id)).collect();
        Protected { names, learn: config.learn && acts, titles: config.titles && acts }
    }

    /// Whom a name could be taken for; `staff` are those that the channel's protocol showed to be
    /// its own. The worst counts.
    pub fn alike<'a>(
        &self,
        claim: &Claim,
        staff: impl Iterator<Item = Known<'a>>,
    ) -> Option<Alike> {
        let speaks = |role: &Role| matches!(role, Role::Broadcaster | Role::Moderator);
        if claim.name.chars().count() > NAME_CHARS_MAX || claim.roles.iter().any(speaks) {
            return None;
        }
        let learnt: Vec<_> = match self.learn {
            true => staff.collect(),
            false => Vec::new(),
        };
        let all = || self.names.iter().map(Guarded::known).chain(learnt.iter().copied());
        if all().any(|known| known.is(claim)) {
            return None;
        }
        let name = Folded::new(claim.name);
        let people = all().filter_map(|known| {
            let (how, severity) = name.compared(known.drawn)?;
            Some(Alike { of: known.name.to_owned(), how, severity })
        });
        let title = self.titles.then(|| title(claim.name)).flatten();
        people.chain(title).max_by_key(|alike| alike.severity)
    }
}

/// A name in the spellings that are compared.
struct Folded {
    drawn: Vec<char>,
    /// Without what claims to be the same, which may stand around a short name …
    claimed: Option<Vec<char>>,
    /// … and without what is added for other reasons too, or numbers.
    bare: Option<Vec<char>>,
    numbered: Option<Vec<char>>,
}

impl Folded {
    fn new(name: &str) -> Folded {
        let letters = letters_of(name);
        let less = |words: &[&str]| without(&letters, words).map(|rest| drawn(&rest));
        let every: Vec<&str> = CLAIMS.into_iter().chain(ADDED).collect();
        let trimmed = letters.trim_end_matches(|c: char| c.is_numeric());
        Folded {
            drawn: drawn(&letters),
            claimed: less(&CLAIMS),
            bare: less(&every),
            numbered: (trimmed != letters).then(|| drawn(trimmed)),
        }
    }

    fn compared(&self, other: &[char]) -> Option<(&'static str, Severity)> {
        let is = |own: &Option<Vec<char>>| own.as_deref() == Some(other);
        let length = other.len();
        // One letter is drawn like many things.
        if length >= 2 && self.drawn == other {
            return Some(("is drawn like", SAME));
        }
        let added = (length >= 3 && is(&self.claimed))
            || (length >= LETTERS_MIN && is(&self.bare))
            || (length >= LONG_FROM && is(&self.numbered));
        if added {
            return Some(("adds something to", NEAR));
        }
        if length < LONG_FROM || self.drawn.len() < LONG_FROM {
            return None;
        }
        let near = match slip(&self.drawn, other)? {
            Slip::Eye => true,
            Slip::Inside => length >= HANDLE_FROM,
            // Alexandra is not Alexandre.
            Slip::End => false,
        };
        Some(("is one letter away from", if near { NEAR } else { FAR }))
    }
}

fn title(name: &str) -> Option<Alike> {
    let words = apart(name).unwrap_or_else(|| name.to_owned());
    let (words, _) = letters::plain(&words);
    let read: String = words.chars().map(seen_as).collect();
    let title = read.split(|c: char| !c.is_alphanumeric()).find(|word| TITLES.contains(word))?;
    Some(Alike { of: title.to_owned(), how: "claims to be", severity: NEAR })
}

/// The letters and digits of a name in lower case, look-alikes read as what they look like, and
/// the ornament of x's around it gone.
fn letters_of(name: &str) -> String {
    let (plain, _) = letters::plain(name);
    let read = plain.chars().map(|c| match c {
        '$' => 's',
        '@' => 'a',
        '|' | '!' => 'l',
        c => seen_as(c),
    });
    let read: String = read.collect();
    let words = read.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    let words: Vec<&str> = words.collect();
    let ornament = |word: &&str| word.chars().all(|c| c == 'x');
    let mut kept = words.as_slice();
    if let [first, inner @ .., last] = kept
        && !inner.is_empty()
        && ornament(first)
        && ornament(last)
    {
        kept = inner;
    }
    kept.concat()
}

/// The letter that a character looks like. ASCII looks like itself, and most names are ASCII.
fn seen_as(c: char) -> char {
    if c.is_ascii() { c } else { lookalike(c).unwrap_or(c) }
}

/// Letters as they are seen: digits as the letters they stand for, i and l as one upright, however
/// many; `rn` as m, `vv` as w.
fn drawn(letters: &str) -> Vec<char> {
    let paired = letters.replace("rn", "m").replace("vv", "w");
    let mut drawn: Vec<char> = paired
        .chars()
        .map(|c| match c {
            '0' => 'o',
            '1' | 'i' => 'l',
            '3' => 'e',
            '4' => 'a',
            '5' => 's',
            '7' => 't',
            '8' => 'b',
            c => c,
        })
        .collect();
    drawn.dedup_by(|a, b| a == b && *a == 'l');
    drawn
}

/// A name without one of `words` before it and one after it; `None` where it has neither.
fn without(letters: &str, words: &[&str]) -> Option<String> {
    let after = words.iter().find_map(|word| letters.strip_suffix(word)).unwrap_or(letters);
    let rest = words.iter().find_map(|word| after.strip_prefix(word)).unwrap_or(after);
    (rest != letters && !rest.is_empty()).then(|| rest.to_owned())
}

/// How two names differ by one letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Slip {
    /// A letter doubled or not, or two neighbours swapped: what the eye passes over.
    Eye,
    Inside,
    /// Only the last letter, as names of women and men often do.
    End,
}

fn slip(a: &[char], b: &[char]) -> Option<Slip> {
    let (short, long) = if a.len() <= b.len() { (a, b) } else { (b, a) };
    let same = short.iter().zip(long).take_while(|(a, b)| a == b).count();
    let (left, more) = (&short[same..], &long[same..]);
    match long.len() - short.len() {
        0 => {
            let swapped = left.len() >= 2 && left[0] == more[1] && left[1] == more[0];
            match () {
                () if swapped && left[2..] == more[2..] => Some(Slip::Eye),
                () if left.len() == 1 => Some(Slip::End),
                () if !left.is_empty() && left[1..] == more[1..] => Some(Slip::Inside),
                () => None,
            }
        }
        1 if *left == more[1..] => {
            let doubled = same > 0 && more[0] == long[same - 1];
            match (doubled, left.is_empty()) {
                (true, _) => Some(Slip::Eye),
                (false, true) => Some(Slip::End),
                (false, false) => Some(Slip::Inside),
            }
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_one_letter_and_no_more() {
        let check = |a: &str, b: &str, expected| {
            let letters = |text: &str| text.chars().collect::<Vec<_>>();
            let (a, b) = (letters(a), letters(b));
            assert_eq!(slip(&a, &b), expected, "{a:?} {b:?}");
            assert_eq!(slip(&b, &a), expected, "{b:?} {a:?}");
        };
        check("abcdef", "abcdef", None);
        check("abcdef", "abccdef", Some(Slip::Eye));
        check("abcdef", "abdcef", Some(Slip::Eye));
        check("abcdef", "abcdfe", Some(Slip::Eye));
        check("abcdef", "abxdef", Some(Slip::Inside));
        check("abcdef", "xabcdef", Some(Slip::Inside));
        check("abcdef", "abcdex", Some(Slip::End));
        check("abcdef", "abcdefg", Some(Slip::End));
        check("abcdef", "abxxef", None);
        check("abcdef", "abcd", None);
        check("", "", None);
    }
}
