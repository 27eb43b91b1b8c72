//! Finds what states and banks number people by: payment cards, accounts, national ids, plates.

use std::ops::Range;

use super::{Place, Scene, numbers::Run};

/// Payment cards, SSN, SIN and other ids that are digits alone.
pub(super) fn find(scene: &Scene, run: &Run, found: &mut Vec<Place>) -> bool {
    let groups = 0..run.groups.len();
    let (digits, shape) = (run.digits.as_str(), run.shape(groups.clone()));
    let words = run.words(groups);
    let said = |any: &[&str]| scene.line.before(words.start, 6, any);
    let place = if is_card(digits) && is_card_shape(&shape) {
        Some((3, "a payment card's number"))
    } else if is_nir(digits) && (shape.len() == 1 || shape.starts_with(&[1, 2, 2]) || run.spelt) {
        Some((4, "a national id (NIR)"))
    } else if is_ssn(digits) {
        let typed = shape == [3, 2, 4] && scene.line.gap(words.start + 1) == "-";
        let told = said(&["ssn", "social", "security", "sss"]);
        match (told, typed && !scene.line.in_url(words.start)) {
            (true, _) => Some((4, "a national id (SSN)")),
            (false, true) => Some((3, "a national id (SSN)")),
            _ => None,
        }
    } else {
        None
    };
    let place = place.or_else(|| {
        let sin = digits.len() == 9 && luhn(digits) && said(&["sin", "nas"]);
        let half = digits.len() == 13
            && is_born(digits)
            && said(&["nir", "secu", "sociale", "vitale", "insee"]);
        let avs = digits.len() == 13 && digits.starts_with("756") && ean(digits);
        let niss = digits.len() == 11 && shape.starts_with(&[2, 2, 2]) && is_niss(digits);
        match (sin, half, avs && shape.len() > 1, niss) {
            (true, ..) => Some((4, "a national id (SIN)")),
            (_, true, ..) => Some((4, "a national id (NIR)")),
            (_, _, true, _) => Some((4, "a national id (AVS)")),
            (.., true) => Some((4, "a national id (NISS)")),
            _ => None,
        }
    });
    let Some((level, what)) = place else { return among(run, found) };
    found.push(Place::doxxing(words, level, what.to_owned()));
    true
}

/// A card among other numbers.
fn among(run: &Run, found: &mut Vec<Place>) -> bool {
    let count = found.len();
    let mut from = 0;
    while from < run.groups.len() {
        let ends = from + 1..=run.groups.len().min(from + 5);
        let fits = |end: &usize| {
            let digits = run.digits(from..*end);
            is_card(digits) && is_card_shape(&run.shape(from..*end))
        };
        let long = run.groups[from].digits.len() >= 4;
        match ends.clone().find(|end| long && fits(end)) {
            Some(end) => {
                let what = "a payment card's number".to_owned();
                found.push(Place::doxxing(run.words(from..end), 3, what));
                from = end;
            }
            None => from += 1,
        }
    }
    found.len() > count
}

/// As cards are printed, or without any gap.
fn is_card_shape(shape: &[usize]) -> bool {
    let fours = shape[..shape.len() - 1].iter().all(|group| *group == 4);
    shape.len() == 1 || fours || shape == [4, 6, 5] || shape == [4, 6, 4]
}

/// An issuer's prefix with its length, and the check digit.
fn is_card(digits: &str) -> bool {
    let prefix = |len: usize| digits.get(..len).and_then(|p| p.parse::<u32>().ok()).unwrap_or(0);
    let issued = match digits.len() {
        13 | 19 => prefix(1) == 4,
        14 => matches!(prefix(3), 300..=305 | 309) || matches!(prefix(2), 36 | 38 | 39),
        15 => matches!(prefix(2), 34 | 37),
        16 => {
            prefix(1) == 4
                || matches!(prefix(2), 51..=55 | 65)
                || matches!(prefix(3), 644..=649)
                || matches!(prefix(4), 2221..=2720 | 6011 | 3528..=3589)
        }
        _ => false,
    };
    issued && luhn(digits)
}

fn luhn(digits: &str) -> bool {
    let sum: u32 = digits
        .bytes()
        .rev()
        .enumerate()
        .map(|(place, byte)| {
            let digit = u32::from(byte - b'0');
            match (place % 2, digit) {
                (0, digit) => digit,
                (_, digit @ 0..=4) => digit * 2,
                (_, digit) => digit * 2 - 9,
            }
        })
        .sum();
    sum.is_multiple_of(10)
}

/// The check digit of EAN-13, which Swiss numbers have.
fn ean(digits: &str) -> bool {
    let weigh = |(place, byte): (usize, u8)| u32::from(byte - b'0') * [1, 3][place % 2];
    digits.bytes().enumerate().map(weigh).sum::<u32>() % 10 == 0
}

/// The rules of the Social Security Administration: no area 000, 666 or 9xx, no group 00, no
/// serial 0000.
fn is_ssn(digits: &str) -> bool {
    digits.len() == 9
        && !digits.starts_with('9')
        && !matches!(&digits[..3], "000" | "666")
        && &digits[3..5] != "00"
        && &digits[5..] != "0000"
}

/// Sex, year, month (20 and more where it is not known), department.
fn is_born(digits: &str) -> bool {
    let month = digits[3..5].parse::<u32>().unwrap_or(0);
    matches!(&digits[..1], "1" | "2" | "3" | "4" | "7" | "8")
        && matches!(month, 1..=12 | 20..=42 | 50..=99)
        && &digits[5..7] != "00"
}

/// Fifteen digits of which the last two are 97 − (the first thirteen mod 97).
fn is_nir(digits: &str) -> bool {
    digits.len() == 15 && is_born(digits) && has_key(digits)
}

fn has_key(digits: &str) -> bool {
    let (number, key) = digits.split_at(13);
    let key = key.parse::<u64>().ok();
    number.parse::<u64>().is_ok_and(|number| key == Some(97 - number % 97))
}

/// Belgium: a date of birth, a serial, 97 − (the first nine mod 97), from 2000 on with a 2 before.
fn is_niss(digits: &str) -> bool {
    let number = digits[..9].parse::<u64>().unwrap_or(0);
    let key = digits[9..].parse::<u64>().unwrap_or(0);
    let month = digits[2..4].parse::<u32>().unwrap_or(0);
    let keyed = |number: u64| 97 - number % 97 == key;
    (1..=12).contains(&month) && (keyed(number) || keyed(2_000_000_000 + number))
}

/// Ids and accounts with letters in them: Corsican NIR, IBAN, licence plates.
pub(super) fn lettered(scene: &Scene, found: &mut Vec<Place>) {
    let line = scene.line;
    if !line.text.bytes().any(|b| b.is_ascii_digit()) {
        return;
    }
    let plates = ["plat", "plaq", "immat"].iter().any(|word| line.text.contains(word));
    let corsica = ["2a", "2b"].iter().any(|department| line.text.contains(department));
    for at in 0..line.words.len() {
        let word = line.word(at);
        let lead = word.as_bytes().first().copied().unwrap_or(b' ');
        if line.in_url(at) || word.len() > 34 {
            continue;
        }
        if corsica
            && matches!(lead, b'1' | b'2')
            && let Some(end) = corsican(scene, at)
        {
            found.push(Place::doxxing(at..end, 4, "a national id (NIR)".to_owned()));
        }
        let starts = word.len() >= 4 && lead.is_ascii_lowercase() && word.is_ascii();
        if starts
            && word.as_bytes()[2..4].iter().all(u8::is_ascii_digit)
            && let Some(end) = iban(scene, at)
        {
            found.push(Place::doxxing(at..end, 3, "a bank account (IBAN)".to_owned()));
        }
        if word.len() <= 8 {
            found.extend(plate(scene, at, plates));
        }
    }
}

/// The words from `at` run together, up to so many characters: the text and the word after it.
fn gathered(scene: &Scene, at: usize, len: usize) -> Option<(String, usize)> {
    let mut text = String::with_capacity(len);
    for next in at..scene.line.words.len() {
        let apart = next > at && !matches!(scene.line.gap(next), " " | "-" | ".");
        if apart || text.len() >= len {
            break;
        }
        text += scene.line.word(next);
        if text.len() == len {
            return Some((text, next + 1));
        }
    }
    None
}

/// Department 2A or 2B, which count as 19 and 18 in the key.
fn corsican(scene: &Scene, at: usize) -> Option<usize> {
    let (text, end) = gathered(scene, at, 15)?;
    let department = match text.get(5..7)? {
        "2a" => "19",
        "2b" => "18",
        _ => return None,
    };
    let digits = format!("{}{department}{}", text.get(..5)?, text.get(7..)?);
    let all = digits.bytes().all(|b| b.is_ascii_digit());
    (all && is_nir(&digits)).then_some(end)
}

/// Two letters and two digits, a length that some country has, and 1 modulo 97.
fn iban(scene: &Scene, at: usize) -> Option<usize> {
    let len = match scene.line.word(at).get(..2)? {
        "be" => 16,
        "lu" => 20,
        "ch" => 21,
        "de" | "gb" | "ie" => 22,
        "es" => 24,
        "pt" => 25,
        "fr" | "it" | "mc" => 27,
        "nl" => 18,
        _ => return None,
    };
    let (text, end) = gathered(scene, at, len)?;
    if !text.is_ascii() {
        return None;
    }
    let turned = text[4..].chars().chain(text[..4].chars());
    let rest = turned.fold(0, |rest, c| match c.to_digit(36).unwrap_or(0) {
        letter @ 10.. => (rest * 100 + letter) % 97,
        digit => (rest * 10 + digit) % 97,
    });
    (rest == 1).then_some(end)
}

const CAR: [&str; 22] = [
    "plate",
    "plates",
    "plaque",
    "plaques",
    "immat",
    "immatriculation",
    "immatriculee",
    "immatricule",
    "license",
    "licence",
    "registration",
    "car",
    "voiture",
    "bagnole",
    "caisse",
    "moto",
    "drives",
    "conduit",
    "roule",
    "van",
    "truck",
    "vehicle",
];
const CODE: [&str; 10] =
    ["code", "promo", "seed", "lobby", "ref", "reference", "cle", "key", "room", "coupon"];

/// French plates by their form; others are too vague and need to be called so, which some word of
/// the line does where `named`.
fn plate(scene: &Scene, at: usize, named: bool) -> Option<Place> {
    let line = scene.line;
    if let Some(end) = french(scene, at) {
        let typed = line.said(at..end);
        let dashed = typed.contains('-') && !typed.chars().any(char::is_lowercase);
        let told = line.before(at, 6, &CAR);
        let level = match (told, dashed && !line.before(at, 4, &CODE)) {
            (true, _) => 2 + u8::from(scene.is_person(at..end)),
            (false, true) => 1,
            _ => return None,
        };
        return Some(Place::doxxing(at..end, level, "a licence plate (FR)".to_owned()));
    }
    if !named {
        return None;
    }
    let called = line.before(at, 3, &["plate", "plates", "plaque", "immat", "immatriculation"]);
    let of_car = || {
        let owner =
            ["license", "licence", "number", "his", "her", "their", "your", "sa", "ta", "car"];
        line.before(at, 5, &owner) || line.before(at, 2, &["immat", "immatriculation"])
    };
    if !called || !of_car() {
        return None;
    }
    // The shortest run of words that is long enough, with letters and digits: `8ABC123`.
    let end = (at + 1..=at + 3).find(|end| letters_and_digits(line.said(at..*end)) >= 5)?;
    let said = line.said(at..end);
    let mixed = said.chars().any(|c| c.is_ascii_digit()) && said.chars().any(char::is_alphabetic);
    let typed = !said.chars().any(char::is_lowercase) || !said.contains(' ');
    let fits = mixed && typed && letters_and_digits(said) <= 8;
    let starts = line.word(at).len() <= 8 && !CAR.contains(&line.word(at));
    (fits && starts).then(|| Place::doxxing(at..end, 2, "a licence plate".to_owned()))
}

fn letters_and_digits(said: &str) -> usize {
    said.chars().filter(|c| c.is_alphanumeric()).count()
}

/// `AB-123-CD`, `ab 123 cd`, `AB123CD`; never I, O or U.
fn french(scene: &Scene, at: usize) -> Option<usize> {
    let word = scene.line.word(at);
    // Written as one word or as three.
    let cut = word.len() == 7 || (word.len() == 2 && scene.line.word(at + 1).len() == 3);
    let begins = cut && word.bytes().take(2).filter(u8::is_ascii_lowercase).count() == 2;
    let (text, end) = begins.then(|| gathered(scene, at, 7)).flatten()?;
    if !text.is_ascii() {
        return None;
    }
    let letters = |part: &str| part.bytes().all(|b| b.is_ascii_lowercase() && !b"iou".contains(&b));
    let shaped = letters(&text[..2])
        && text[2..5].bytes().all(|b| b.is_ascii_digit())
        && letters(&text[5..])
        && &text[2..5] != "000";
    let words: Range<usize> = at..end;
    (shaped && matches!(words.len(), 1 | 3)).then_some(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_check_digits_are_computed() {
        for (digits, expected) in [
            ("4111111111111111", true),
            ("5500005555555559", true),
            ("378282246310005", true),
            ("6011111111111117", true),
            ("4111111111111112", false),
            ("1234567812345670", false),
        ] {
            assert_eq!(is_card(digits), expected, "{digits}");
        }
        assert!(is_nir("255081416802538") && !is_nir("255081416802539"));
        assert!(is_ssn("123456789") && !is_ssn("666456789") && !is_ssn("900456789"));
        assert!(!is_ssn("123006789") && !is_ssn("123450000") && !is_ssn("000456789"));
        assert!(is_niss("85073003328") && !is_niss("85073003329"));
        assert!(ean("7569217076985"));
    }
}
