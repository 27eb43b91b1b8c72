//! Disguises terms as words that look like them, and as new words made of them.

use super::{
    Listed, Said,
    disguise::{Chance, longest, said},
};

/// One letter doubled, or all of one word.
pub fn doubled(term: &Listed, lang: &str, chance: &mut Chance) -> Option<Said> {
    let how = chance.below(2);
    changed(term, lang, chance, |word, chance| {
        let one = chance.below(word.len());
        let twice = |(at, c): (usize, char)| {
            let count = if how == 0 || at == one { 2 } else { 1 };
            c.to_string().repeat(count)
        };
        word.chars().enumerate().map(twice).collect()
    })
}

/// Letters drawn like others: a capital i for an l, an l for an i, a q for a g, a v for a u.
pub fn drawn(term: &Listed, lang: &str, chance: &mut Chance) -> Option<Said> {
    changed(term, lang, chance, |word, chance| {
        let drawn = [("l", "I"), ("i", "l"), ("g", "q"), ("u", "v")];
        let own: Vec<_> = drawn.iter().filter(|(from, _)| word.contains(from)).collect();
        match own.is_empty() {
            true => word.to_owned(),
            false => {
                let (from, to) = own[chance.below(own.len())];
                word.replace(from, to)
            }
        }
    })
}

/// Upside down, from the end.
pub fn upside_down(term: &Listed, lang: &str, chance: &mut Chance) -> Option<Said> {
    const UP: &str = "abcdefghijklmnopqrtuvwyz";
    const DOWN: &str = "ɐqɔpǝɟƃɥᴉɾʞlɯuodbɹʇnʌʍʎz";
    let text = term.text.to_lowercase();
    let turned = |c: char| UP.chars().position(|up| up == c).and_then(|at| DOWN.chars().nth(at));
    let down: String = text.chars().rev().map(|c| turned(c).unwrap_or(c)).collect();
    // One turned letter may be one of another alphabet.
    let enough = down.chars().filter(|c| !c.is_ascii()).count() >= 2 && text.is_ascii();
    enough.then(|| said(&down, lang, chance))?
}

/// Letters with spaces between them, and digits for vowels.
pub fn spaced(term: &Listed, lang: &str, chance: &mut Chance) -> Option<Said> {
    let digit = |c: char| match c {
        'a' => '4',
        'e' => '3',
        'i' => '1',
        'o' => '0',
        c => c,
    };
    let letters: Vec<String> = term.text.chars().map(|c| digit(c).to_string()).collect();
    let digits = letters.iter().filter(|c| c.starts_with(|c: char| c.is_ascii_digit())).count();
    let fits = digits > 0 && 2 * digits <= letters.len() && term.text.is_ascii();
    fits.then(|| said(&letters.join(" "), lang, chance))?
}

/// Something before or behind a grave word that makes another one of it, its beginning moved to
/// its end, or another vowel in it.
pub fn made_anew(term: &Listed, lang: &str, chance: &mut Chance) -> Option<Said> {
    let how = chance.below(4);
    changed(term, lang, chance, |word, chance| {
        let vowels: Vec<_> =
            word.char_indices().skip(1).filter(|(_, c)| "aeiou".contains(*c)).collect();
        match how {
            0 => format!("{word}{}", chance.of(&["ish", "ing", "y", "boy", "land", "oid"])),
            1 => format!("{}{word}", chance.of(&["mega", "super", "ultra", "turbo"])),
            2 => {
                let first = word.find(|c| "aeiou".contains(c)).unwrap_or(0).min(3);
                format!("{}{}ay", &word[first..], &word[..first])
            }
            _ if vowels.is_empty() || !is_particular(word) => word.to_owned(),
            _ => {
                let (at, own) = vowels[chance.below(vowels.len())];
                let other = if own == 'o' { "u" } else { "o" };
                format!("{}{other}{}", &word[..at], &word[at + 1..])
            }
        }
    })
}

/// Whether it has six letters and a consonant twice in a row: others are too near to names.
fn is_particular(word: &str) -> bool {
    let twice = |two: &[u8]| two[0] == two[1] && !b"aeiouy".contains(&two[0]);
    word.len() >= 6 && word.as_bytes().windows(2).any(twice)
}

/// The term with its longest word changed.
fn changed(
    term: &Listed,
    lang: &str,
    chance: &mut Chance,
    change: impl Fn(&str, &mut Chance) -> String,
) -> Option<Said> {
    let text = term.text.to_lowercase();
    let (start, word) = longest(&text)?;
    let other = change(word, chance);
    let disguised = format!("{}{other}{}", &text[..start], &text[start + word.len()..]);
    (other != word).then(|| said(&disguised, lang, chance))?
}
