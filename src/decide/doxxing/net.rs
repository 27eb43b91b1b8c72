//! Finds e-mail addresses, IP addresses and coordinates.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    ops::Range,
};

use super::{Place, Scene};
use crate::letters::ordinary::known;

/// Who gives out mailboxes to persons: `at gmail` is no place.
const PROVIDERS: [&str; 27] = [
    "gmail",
    "googlemail",
    "hotmail",
    "yahoo",
    "outlook",
    "icloud",
    "protonmail",
    "proton",
    "aol",
    "live",
    "gmx",
    "orange",
    "wanadoo",
    "sfr",
    "laposte",
    "msn",
    "ymail",
    "mail",
    "hotmial",
    "pm",
    "free",
    "bbox",
    "videotron",
    "sympatico",
    "tutanota",
    "yandex",
    "comcast",
];
/// Names of mailboxes that no person is behind, or that a page prints for everybody.
const ROLES: [&str; 26] = [
    "support",
    "contact",
    "info",
    "noreply",
    "no",
    "business",
    "press",
    "hello",
    "sales",
    "admin",
    "booking",
    "bookings",
    "pro",
    "help",
    "office",
    "team",
    "partnerships",
    "abuse",
    "security",
    "webmaster",
    "postmaster",
    "git",
    "root",
    "mailto",
    "list",
    "reply",
];
/// A name has at most so many parts, and so many labels its domain.
const PARTS_MAX: usize = 4;

pub(super) fn find(scene: &Scene, found: &mut Vec<Place>) {
    emails(scene, found);
    // Both are numbers with dots inside, but for degrees.
    let text = scene.line.text;
    let inside = |w: &[u8]| w[0].is_ascii_digit() && w[1] == b'.' && w[2].is_ascii_digit();
    let dotted = text.as_bytes().windows(3).any(inside);
    if dotted || text.contains(':') {
        addresses(scene, found);
    }
    if dotted || text.contains('°') {
        coordinates(scene, found);
    }
}

/// How the `@` is written, the strictest first.
#[derive(Clone, Copy, PartialEq, Eq)]
enum At {
    /// `a@b`.
    Typed,
    /// `a (at) b`, `a arobase b`.
    Spelt,
    /// `a @ b`, `a at b`, `a chez b`: only with a provider.
    Loose,
}

pub(super) fn emails(scene: &Scene, found: &mut Vec<Place>) {
    let line = scene.line;
    let mut next = 0;
    for at in 1..line.words.len() {
        if at < next {
            continue;
        }
        let Some((kind, last)) = sign(scene, at) else { continue };
        let Some(end) = domain(scene, at, kind) else { continue };
        let first = local(scene, last);
        if line.in_url(first) || line.in_url(at) || line.words[first].mention {
            continue;
        }
        let name = line.word(first);
        if !name.is_ascii() {
            continue;
        }
        // `look at yahoo.com`: a word, and where it is to be found.
        let dotted = line.said(at..end).contains('.');
        if matches!(kind, At::Loose) && dotted && (name.len() < 3 || known(name).is_some()) {
            continue;
        }
        let provider = PROVIDERS.contains(&line.word(at));
        let address = line.said(first..end);
        if (ROLES.contains(&name) && !provider) || scene.allows(address) {
            continue;
        }
        next = end;
        let level = 2 + u8::from(scene.is_person(first..end));
        found.push(Place::doxxing(first..end, level, "an e-mail address".to_owned()));
    }
}

/// What stands between the word `at` and a name before it, and the last word of that name.
fn sign(scene: &Scene, at: usize) -> Option<(At, usize)> {
    let line = scene.line;
    let gap = line.gap(at);
    if gap.contains('@') {
        let kind = match gap {
            "@" => At::Typed,
            _ if gap.trim() == "@" => At::Loose,
            _ if gap.trim_matches(BRACKETS).trim() == "@" => At::Spelt,
            _ => return None,
        };
        return Some((kind, at - 1));
    }
    let word = at.checked_sub(2)?;
    let bracket = |c: char| BRACKETS.contains(&c) && c != ' ';
    let bracketed = line.gap(at - 1).ends_with(bracket) && gap.starts_with(bracket);
    let kind = match line.word(at - 1) {
        "arobase" | "arobas" | "arrobase" => At::Spelt,
        "at" | "a" | "arob" if bracketed => At::Spelt,
        "at" | "chez" => At::Loose,
        _ => return None,
    };
    Some((kind, word))
}

const BRACKETS: [char; 10] = ['(', ')', '[', ']', '{', '}', '<', '>', '*', ' '];

/// The end of a domain that begins at a word.
fn domain(scene: &Scene, at: usize, kind: At) -> Option<usize> {
    let line = scene.line;
    let (mut end, mut spelt, mut dots) = (at + 1, false, 0);
    let provider = PROVIDERS.contains(&line.word(at));
    let mut found = None;
    for _ in 0..PARTS_MAX {
        let gap = line.gap(end);
        let dot = gap.trim_matches(BRACKETS) == "." && gap != ". ";
        let dotted = dot || gap == "-";
        let said = matches!(line.word(end), "dot" | "point" | "dots" | "pt");
        let bracketed = line.gap(end + 1).chars().all(|c| BRACKETS.contains(&c));
        if dotted && end < line.words.len() {
            dots += usize::from(dot);
            end += 1;
        } else if said && bracketed && end + 1 < line.words.len() {
            spelt = true;
            dots += 1;
            end += 2;
        } else {
            break;
        }
        let top = line.word(end - 1);
        let is_top = (2..=12).contains(&top.len()) && top.bytes().all(|b| b.is_ascii_alphabetic());
        let enough = match kind {
            At::Typed => true,
            At::Spelt => spelt || provider || line.gap(end - 1) == ".",
            At::Loose => provider,
        };
        if dots > 0 && is_top && enough {
            // What follows may look like one more label, and undoes nothing.
            found = Some(end);
        }
    }
    found
}

/// The first word of a name that ends with the word `last`.
fn local(scene: &Scene, last: usize) -> usize {
    let mut first = last;
    for _ in 0..PARTS_MAX {
        let glued = matches!(scene.line.gap(first), "." | "-" | "_" | "+" | "%");
        if first == 0 || !glued {
            break;
        }
        first -= 1;
    }
    first
}

/// Words that make four numbers a version.
const VERSIONS: [&str; 15] = [
    "version", "v", "ver", "build", "update", "patch", "driver", "firmware", "chrome", "kernel",
    "release", "maj", "pilote", "drivers", "section",
];
/// Words that make an address a game's or a service's.
const SERVERS: [&str; 12] = [
    "server",
    "serveur",
    "connect",
    "join",
    "dns",
    "resolver",
    "hosted",
    "mirror",
    "nameserver",
    "gateway",
    "subnet",
    "netmask",
];
/// Resolvers that everybody knows.
const KNOWN: [Ipv4Addr; 6] = [
    Ipv4Addr::new(8, 8, 8, 8),
    Ipv4Addr::new(8, 8, 4, 4),
    Ipv4Addr::new(1, 1, 1, 1),
    Ipv4Addr::new(1, 0, 0, 1),
    Ipv4Addr::new(9, 9, 9, 9),
    Ipv4Addr::new(208, 67, 222, 222),
];

fn addresses(scene: &Scene, found: &mut Vec<Place>) {
    let line = scene.line;
    for at in 0..line.words.len().saturating_sub(3) {
        let four = (at + 1..at + 4).all(|next| line.gap(next) == ".");
        if !four || !line.is_number(at) || line.in_url(at) {
            continue;
        }
        let (before, after) = (line.gap(at), line.gap(at + 4));
        let longer = before.ends_with('.') || (after == "." && line.is_number(at + 4));
        let said = line.said(at..at + 4);
        let Ok(address) = said.parse::<Ipv4Addr>() else { continue };
        let person = scene.is_person(at..at + 4);
        if longer || !is_somebodys(IpAddr::V4(address)) || scene.allows(said) {
            continue;
        }
        let small = address.octets().iter().all(|octet| *octet < 16);
        let named = line.before(at, 3, &["ip", "ipv4"]);
        let version = line.before(at, 2, &VERSIONS)
            || VERSIONS.contains(&line.word(at + 4))
            || before.ends_with(['-', '/', '_']);
        let served = after.starts_with([':', '/']) || line.before(at, 5, &SERVERS);
        if !person && (version || served || (small && !named)) {
            continue;
        }
        let level = 2 + u8::from(person);
        found.push(Place::doxxing(at..at + 4, level, "an IP address".to_owned()));
    }
    if line.text.contains(':') {
        sixes(scene, found);
    }
}

/// IPv6: chunks without a space.
fn sixes(scene: &Scene, found: &mut Vec<Place>) {
    let line = scene.line;
    let edge = |c: char| !c.is_ascii_hexdigit() && c != ':';
    let mut from = 0;
    for chunk in line.text.split_inclusive([' ', '/', '%']) {
        let start = from;
        from += chunk.len();
        let text = chunk.trim_matches(edge);
        let groups = text.split(':').filter(|group| !group.is_empty()).count();
        let Some(inside) = chunk.find(text).filter(|_| (4..=8).contains(&groups)) else { continue };
        let Ok(address) = text.parse::<Ipv6Addr>() else { continue };
        if !is_somebodys(IpAddr::V6(address)) || scene.allows(text) {
            continue;
        }
        let (start, end) = (start + inside, start + inside + text.len());
        let first = line.words.partition_point(|word| word.start < start);
        let last = line.words.partition_point(|word| word.start < end);
        if first < last {
            let level = 2 + u8::from(scene.is_person(first..last));
            found.push(Place::doxxing(first..last, level, "an IP address".to_owned()));
        }
    }
}

/// Neither private nor reserved, nor a resolver that everybody knows.
fn is_somebodys(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(four) => {
            let [a, b, ..] = four.octets();
            let reserved = four.is_private()
                || four.is_loopback()
                || four.is_link_local()
                || four.is_multicast()
                || four.is_broadcast()
                || a == 0
                || a >= 240
                || (a == 100 && (64..128).contains(&b))
                || four.octets()[3] == 0;
            !reserved && !KNOWN.contains(&four)
        }
        // Only 2000::/3 is given out to anybody; 2001:db8::/32 is for books.
        IpAddr::V6(six) => {
            let [a, b, ..] = six.segments();
            (0x2000..0x4000).contains(&a) && (a, b) != (0x2001, 0xdb8)
        }
    }
}

fn coordinates(scene: &Scene, found: &mut Vec<Place>) {
    let line = scene.line;
    let mut at = 0;
    while at + 3 < line.words.len() {
        match decimal(scene, at).or_else(|| degrees(scene, at)) {
            Some(words) => {
                at = words.end;
                let level = 2 + 2 * u8::from(scene.is_person(words.clone()));
                found.push(Place::doxxing(words, level, "coordinates of a place".to_owned()));
            }
            None => at += 1,
        }
    }
}

/// `48.8584, 2.2945`, perhaps with N and E. Four decimals are eleven metres; games have one to
/// three, or a third number.
fn decimal(scene: &Scene, at: usize) -> Option<Range<usize>> {
    let line = scene.line;
    // The value, its decimals, and whether a letter is glued to them.
    let number = |at: usize, letters: [char; 3]| -> Option<(f64, usize, bool)> {
        let (whole, part) = (line.word(at), line.word(at + 1));
        let fits = line.is_number(at) && line.gap(at + 1) == "." && whole.len() <= 3;
        let digits = part.trim_end_matches(letters);
        if !fits || !(3..=15).contains(&digits.len()) {
            return None;
        }
        let value = digits.bytes().all(|b| b.is_ascii_digit()).then(|| format!("{whole}.{digits}"));
        Some((value?.parse().ok()?, digits.len(), digits.len() < part.len()))
    };
    let (north, fine, glued) = number(at, ['n', 's', 'n'])?;
    let apart_letter = matches!(line.word(at + 2), "n" | "s");
    let next = at + 2 + usize::from(apart_letter);
    let (east, fine_too, glued_too) = number(next, ['e', 'w', 'o'])?;
    let end = next + 2;
    let letter_behind = matches!(line.word(end), "e" | "w" | "o") && line.gap(end).len() <= 3;
    let (lettered, facing) = (glued || apart_letter, glued_too || letter_behind);
    let apart = line.gap(next).trim_matches(['-', '+', ' ', '°', ',', ';']);
    let between = apart.is_empty() && line.gap(next).len() <= 5 && !line.gap(next).is_empty();
    // `12.3456.7` is a version; x, y and z are a game's.
    let axes = line.before(at, 1, &["x", "y", "z", "pos", "position"])
        || matches!(line.word(next + 2), "y" | "z");
    let third = !facing && number(end, ['z'; 3]).is_some_and(|third| !third.2);
    let told = scene.is_person(at..end) || line.before(at, 4, &["coordinates", "gps", "coords"]);
    let least = if told || (lettered && facing) { 3 } else { 4 };
    let on_earth = north <= 90.0 && east <= 180.0 && (told || north >= 10.0 || east >= 10.0);
    let good = fine.min(fine_too) >= least && between && on_earth && !axes && !third;
    let dotted = line.gap(at).ends_with('.') || line.gap(end) == ".";
    (good && !dotted).then_some(at..end + usize::from(letter_behind))
}

/// `48°51'29"N 2°17'40"E`.
fn degrees(scene: &Scene, at: usize) -> Option<Range<usize>> {
    let line = scene.line;
    let half = |at: usize, letters: [&str; 3]| -> Option<usize> {
        let begins = line.is_number(at) && line.gap(at + 1).starts_with('°');
        let letter = |end: &usize| letters.contains(&line.word(*end));
        let end = (at + 1..at + 6).find(letter).filter(|_| begins)?;
        let fine = (at + 1..end).all(|part| line.is_number(part)) && end >= at + 2;
        fine.then_some(end + 1)
    };
    let middle = half(at, ["n", "s", "nord"])?;
    half(middle, ["e", "w", "o"]).map(|end| at..end)
}
