//! Finds postal addresses: English and French forms, and where somebody is said to live.

use std::ops::Range;

use super::{Place, Scene};

/// Words that a street's name may have between its number and its kind, or behind its kind.
const NAME_WORDS_MAX: usize = 4;
/// How far behind a street its town and its postal code may stand.
const TOWN_WORDS: usize = 12;

/// English kinds of street that chat says of little else.
const STREETS: [&str; 14] = [
    "street",
    "st",
    "str",
    "avenue",
    "ave",
    "av",
    "road",
    "rd",
    "boulevard",
    "blvd",
    "crescent",
    "terrace",
    "parkway",
    "pkwy",
];
/// Kinds that chat has other uses for; they need a capital, a town or a person.
const VAGUE: [&str; 22] = [
    "lane", "drive", "dr", "ln", "court", "ct", "way", "place", "pl", "close", "square", "circle",
    "cir", "park", "row", "hill", "gardens", "mews", "grove", "trail", "loop", "highway",
];
const RUES: [&str; 13] = [
    "rue",
    "avenue",
    "av",
    "ave",
    "boulevard",
    "boul",
    "bd",
    "bvd",
    "blvd",
    "rte",
    "faubourg",
    "lotissement",
    "allee",
];
const VAGUE_RUES: [&str; 16] = [
    "allees",
    "impasse",
    "chemin",
    "place",
    "quai",
    "cours",
    "passage",
    "route",
    "square",
    "cite",
    "villa",
    "hameau",
    "residence",
    "sentier",
    "rang",
    "cote",
];
/// What no street is called: words of speech, units, games.
const NO_NAMES: [&str; 85] = [
    "the", "on", "of", "a", "an", "in", "to", "my", "this", "that", "his", "for", "and", "or",
    "is", "are", "was", "miles", "mile", "hours", "hour", "minutes", "minute", "min", "years",
    "year", "days", "day", "more", "per", "at", "with", "from", "down", "up", "your", "her",
    "their", "our", "it", "km", "kms", "people", "guys", "players", "man", "men", "kids", "cars",
    "times", "gb", "tb", "mb", "th", "percent", "way", "blocks", "block", "off", "by", "i", "you",
    "he", "she", "they", "we", "out", "into", "lane", "street", "streets", "road", "drive", "new",
    "supreme", "high", "federal", "x", "am", "pm", "fps", "ms", "hp", "dollars", "feet",
];
const NO_NOMS: [&str; 37] = [
    "plus", "sur", "et", "a", "est", "qui", "que", "pour", "dans", "avec", "en", "ou", "pas",
    "loin", "entiere", "plein", "par", "mais", "il", "elle", "on", "je", "tu", "c", "ca", "non",
    "jusqu", "ici", "au", "aux", "apres", "avant", "vide", "libre", "gratuite", "chez", "totale",
];
/// Articles inside a French name.
const ARTICLES: [&str; 9] = ["de", "du", "des", "d", "la", "le", "les", "l", "saint"];

/// Places that everybody knows and nobody is hurt by, as number and name.
const KNOWN: [(&str, &str); 15] = [
    ("10", "downing"),
    ("11", "downing"),
    ("221b", "baker"),
    ("221", "baker"),
    ("1600", "pennsylvania"),
    ("742", "evergreen"),
    ("4", "privet"),
    ("12", "grimmauld"),
    ("31", "spooner"),
    ("21", "jump"),
    ("123", "sesame"),
    ("10", "cloverfield"),
    ("1428", "elm"),
    ("55", "faubourg"),
    ("30", "rockefeller"),
];

/// The states and provinces of North America before a postal code.
const STATES: [&str; 62] = [
    "al", "ak", "az", "ar", "ca", "co", "ct", "de", "fl", "ga", "hi", "id", "il", "in", "ia", "ks",
    "ky", "la", "me", "md", "ma", "mi", "mn", "ms", "mo", "mt", "ne", "nv", "nh", "nj", "nm", "ny",
    "nc", "nd", "oh", "ok", "or", "pa", "ri", "sc", "sd", "tn", "tx", "ut", "vt", "va", "wa", "wv",
    "wi", "wy", "dc", "qc", "on", "bc", "ab", "mb", "sk", "ns", "nb", "pei", "nl", "nsw",
];

pub(super) fn find(scene: &Scene, found: &mut Vec<Place>) {
    let mut at = 0;
    while at < scene.line.words.len() {
        match address(scene, at) {
            Some(place) => {
                at = place.words.end.max(at + 1);
                found.push(place);
            }
            None => at += 1,
        }
    }
}

/// A street, and how sure its form alone makes it.
struct Street {
    words: Range<usize>,
    /// It needs a town or a person beside it.
    vague: bool,
    lang: &'static str,
}

fn address(scene: &Scene, at: usize) -> Option<Place> {
    let line = scene.line;
    if line.in_url(at) {
        return None;
    }
    let found = french(scene, at).or_else(|| english(scene, at)).or_else(|| last(scene, at));
    let street = found.filter(|street| !is_known(scene, at, &street.words))?;
    let town = town(scene, street.words.end);
    let words = street.words.start..town.unwrap_or(street.words.end);
    // A cue within the name is none: the street's own words count for the street.
    let person = scene.is_person(words.clone());
    let level = match (street.vague, town.is_some(), person) {
        (_, _, true) => 4,
        (_, true, false) => 3,
        (false, false, false) => 2,
        (true, false, false) => return None,
    };
    let lang = street.lang;
    let what = match town {
        Some(_) => format!("a postal address ({lang}) with its town"),
        None => format!("a postal address ({lang})"),
    };
    Some(Place::doxxing(words, level, what))
}

/// A house number: up to five digits, perhaps a letter behind.
fn is_house(scene: &Scene, at: usize) -> bool {
    let word = scene.line.word(at);
    if !word.starts_with(|c: char| c.is_ascii_digit()) {
        return false;
    }
    let digits = word.bytes().take_while(u8::is_ascii_digit).count();
    let letter = word.get(digits..).unwrap_or(" ");
    let suffix = letter.len() <= 1 && letter.bytes().all(|b| b.is_ascii_lowercase());
    let before = scene.line.gap(at);
    let counted = before.ends_with(['$', '€', '£', ':', '.', '%']) && !before.ends_with(": ");
    (1..=5).contains(&digits) && suffix && !word.starts_with('0') && !counted
}

/// `12 bis, rue de la Paix`, `4 av Foch`.
fn french(scene: &Scene, at: usize) -> Option<Street> {
    let line = scene.line;
    if !is_house(scene, at) {
        return None;
    }
    let bis = matches!(line.word(at + 1), "bis" | "ter" | "quater" | "b" | "t");
    let kind_at = at + 1 + usize::from(bis);
    let kind = line.word(kind_at);
    let (sure, vague) = (RUES.contains(&kind), VAGUE_RUES.contains(&kind));
    if !(sure || vague) || line.gap(kind_at).chars().count() > 3 {
        return None;
    }
    let mut end = kind_at + 1;
    while ARTICLES.contains(&line.word(end)) && end < kind_at + NAME_WORDS_MAX {
        end += 1;
    }
    let linked = end > kind_at + 1;
    let named = end < line.words.len()
        && line.word(end).len() >= 2
        && !line.breaks(end)
        && !line.is_number(end)
        && !NO_NOMS.contains(&line.word(end));
    if !named {
        return None;
    }
    let capital = line.is_capital(end);
    end += 1;
    // `Victor Hugo`, `Jean-Jaurès`, `République`: names go on in capitals or after an article.
    while end < line.words.len() && end < kind_at + 6 && goes_on(scene, end) {
        end += 1;
    }
    let small = line.word(at).len() == 1 && !bis;
    let vague = match sure {
        true => !(linked || capital || !small),
        false => !capital,
    };
    Some(Street { words: at..end, vague, lang: "FR" })
}

fn goes_on(scene: &Scene, at: usize) -> bool {
    let line = scene.line;
    let gap = line.gap(at);
    let state = line.word(at).len() == 2 || line.word(at).contains(|c: char| c.is_ascii_digit());
    let article = ARTICLES.contains(&line.word(at)) && at + 1 < line.words.len();
    (gap == "-" || (gap == " " && ((line.is_capital(at) && !state) || article)) || gap == "'")
        && !line.is_number(at)
}

/// `123 Main Street`, `45b Oak Hill Rd, Apt 4`.
fn english(scene: &Scene, at: usize) -> Option<Street> {
    let line = scene.line;
    if !is_house(scene, at) {
        return None;
    }
    // Rows of numbers are common, and no streets.
    if line.is_number(at + 1) {
        return None;
    }
    let name = at + 1..at + 2 + NAME_WORDS_MAX;
    let kind_at = name.clone().skip(1).find(|kind| {
        let word = line.word(*kind);
        STREETS.contains(&word) || VAGUE.contains(&word)
    })?;
    let named = at + 1..kind_at;
    let plain = |word: usize| {
        let said = line.word(word);
        let ordinal = || said.len() > 2 && said.ends_with(['t', 'd', 'h']);
        let number = line.is_number(word) || said.starts_with(|c: char| c.is_ascii_digit());
        !NO_NAMES.contains(&said) && (!number || ordinal()) && matches!(line.gap(word), " " | ". ")
    };
    if !named.clone().all(plain) || line.breaks(kind_at) || line.gap(kind_at) != " " {
        return None;
    }
    let capital = named.clone().all(|word| line.is_capital(word) || line.word(word).len() > 8);
    let capital = capital && line.is_capital(named.start);
    let sure = STREETS.contains(&line.word(kind_at)) && !VAGUE.contains(&line.word(kind_at));
    let long = line.word(at).len() >= 2 && named.len() <= 2;
    let kind_capital = line.is_capital(kind_at);
    let vague = match sure {
        true => !(capital || long),
        false => !(capital && kind_capital),
    };
    // `12 Main Street Bets`: the name goes on, so it is a name of something else.
    let longer = line.gap(kind_at + 1) == " " && line.is_capital(kind_at + 1) && !kind_capital;
    (!longer).then_some(Street { words: at..kind_at + 1, vague, lang: "EN" })
}

/// `Hauptstraße 5`, `calle Mayor 12`: only where a person is said to live there.
fn last(scene: &Scene, at: usize) -> Option<Street> {
    let line = scene.line;
    let word = line.word(at);
    let german = ["strasse", "weg", "gasse", "platz", "allee", "straat", "laan"];
    let end = if word.len() > 6 && german.iter().any(|end| word.ends_with(end)) {
        at + 1
    } else if matches!(word, "calle" | "via" | "rua" | "ulica" | "carrer") {
        (at + 2..at + 2 + NAME_WORDS_MAX).find(|number| is_house(scene, *number))?
    } else {
        return None;
    };
    is_house(scene, end).then_some(Street { words: at..end + 1, vague: true, lang: "EU" })
}

fn is_known(scene: &Scene, at: usize, words: &Range<usize>) -> bool {
    let number = scene.line.word(at);
    let named = |name: &str| words.clone().any(|word| scene.line.word(word) == name);
    KNOWN.iter().any(|(known, name)| *known == number && named(name))
}

/// The end of a postal code or state behind a street.
fn town(scene: &Scene, from: usize) -> Option<usize> {
    let line = scene.line;
    let mut end = None;
    for at in from..line.words.len().min(from + TOWN_WORDS) {
        if line.gap(at).contains(['!', '?', ';']) {
            break;
        }
        let word = line.word(at);
        let unit = matches!(word, "apt" | "appt" | "apartment" | "unit" | "flat" | "suite");
        if unit && at < from + 4 && line.word(at + 1).len() <= 5 && at + 1 < line.words.len() {
            end = Some(at + 2);
        }
        if let Some(code) = code(scene, at) {
            let french_town = line.is_number(at) && code < line.words.len();
            return Some(code + usize::from(french_town && !line.breaks(code)));
        }
    }
    end
}

/// The end of a postal code that begins at a word: `75011`, `NY 10001`, `SW1A 1AA`, `H2X 1Y4`.
fn code(scene: &Scene, at: usize) -> Option<usize> {
    let line = scene.line;
    let (word, next) = (line.word(at), line.word(at + 1));
    if line.is_number(at) && word.len() == 5 {
        return Some(at + 1);
    }
    let close = line.gap(at + 1).len() <= 2;
    if STATES.contains(&word) && line.is_number(at + 1) && next.len() == 5 && close {
        return Some(at + 2);
    }
    let shape = |word: &str| -> String {
        let kind = |c: char| if c.is_ascii_digit() { '9' } else { 'a' };
        word.chars().take(8).map(kind).collect()
    };
    let (first, second) = (shape(word), shape(next));
    let british = matches!(first.as_str(), "a9" | "a99" | "aa9" | "aa99" | "a9a" | "aa9a");
    let canadian = first == "a9a" && second == "9a9";
    ((british && second == "9aa") || canadian).then_some(at + 2)
}
