//! Disguises terms as attackers do, with seeded chance.

use super::{
    Listed, Said, alike,
    letters::{BETWEEN, INVISIBLE, LEET, SHAPES, SHORT},
};

/// A way to hide a term.
pub struct Technique {
    pub name: &'static str,
    /// Per cent of disguised terms that must be found.
    pub recall_min: f64,
    pub fits: fn(&Listed) -> bool,
    pub disguise: fn(&Listed, &str, &mut Chance) -> Option<Said>,
}

const fn technique(
    name: &'static str,
    recall_min: f64,
    fits: fn(&Listed) -> bool,
    disguise: fn(&Listed, &str, &mut Chance) -> Option<Said>,
) -> Technique {
    Technique { name, recall_min, fits, disguise }
}

pub const TECHNIQUES: &[Technique] = &[
    technique("case and width", 99.0, any, width),
    technique("look-alikes", 99.0, any, shapes),
    technique("leetspeak", 99.0, any, leet),
    technique("invisible", 99.0, any, invisible),
    technique("marks", 99.0, any, marks),
    technique("backwards", 99.0, of_four, backwards),
    technique("taken apart", 99.0, of_four, apart),
    technique("repeats", 99.0, any, repeats),
    technique("moved spaces", 95.0, of_four, moved),
    technique("over messages", 95.0, is_splittable, over_messages),
    technique("emoji letters", 95.0, any, emoji),
    technique("masked", 95.0, of_four, masked),
    technique("misspelt", 95.0, of_four, misspelt),
    technique("chat spelling", 95.0, any, chat),
    technique("doubled", 95.0, of_four, alike::doubled),
    technique("drawn alike", 95.0, of_four, alike::drawn),
    technique("spaced leetspeak", 95.0, is_splittable, alike::spaced),
    technique("upside down", 95.0, of_four, alike::upside_down),
    technique("made anew", 95.0, is_grave, alike::made_anew),
];

/// Xorshift: the same numbers in every run.
pub struct Chance(u64);

impl Chance {
    pub fn new(name: &str, lang: &str) -> Chance {
        let seed = name.bytes().chain(lang.bytes()).fold(0x2545_f491_4f6c_dd1d, |seed, byte| {
            (seed ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        Chance(seed | 1)
    }

    pub fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((self.0 >> 11) % end.max(1) as u64) as usize
    }

    fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    pub fn of<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> &'a T {
        from[self.below(from.len())]
    }

    fn char(&mut self, from: &str) -> char {
        from.chars().nth(self.below(from.chars().count())).unwrap_or(' ')
    }
}

fn any(_: &Listed) -> bool {
    true
}

/// Shorter words are other words backwards, with a letter masked, or as initials.
fn of_four(term: &Listed) -> bool {
    term.text.chars().filter(|c| c.is_alphabetic()).count() >= 4
}

/// What nobody is near by accident.
fn is_grave(term: &Listed) -> bool {
    term.word && term.level >= 3 && term.text.len() >= 5 && term.text.is_ascii()
}

/// Words are split over messages, phrases are sentences of their own.
fn is_splittable(term: &Listed) -> bool {
    term.word && of_four(term)
}

const CARRIERS_EN: &[(&str, &str)] =
    &[("oh ", " ok"), ("", ""), ("well, ", " lol"), ("chat ", " again"), ("honestly ", "")];
const CARRIERS_FR: &[(&str, &str)] = &[
    ("bon ", " voila"),
    ("", ""),
    ("alors, ", " mdr"),
    ("chat ", " encore"),
    ("franchement ", ""),
];

pub fn said(disguised: &str, lang: &str, chance: &mut Chance) -> Option<Said> {
    let carriers = if lang == "fr" { CARRIERS_FR } else { CARRIERS_EN };
    let (before, after) = carriers[chance.below(carriers.len())];
    let place = before.len()..before.len() + disguised.len();
    let text = format!("{before}{disguised}{after}");
    Some(Said { tail: Vec::new(), room: Vec::new(), text, place })
}

/// Each letter of the term by a function, where at least one must have changed.
fn each(
    term: &Listed,
    lang: &str,
    chance: &mut Chance,
    mut letter: impl FnMut(char, &mut Chance) -> Option<String>,
) -> Option<Said> {
    let text = term.text.to_lowercase();
    for _ in 0..8 {
        let disguised: String =
            text.chars().map(|c| letter(c, chance).unwrap_or_else(|| c.to_string())).collect();
        if disguised != text {
            return said(&disguised, lang, chance);
        }
    }
    None
}

/// Capitals in any order, full-width letters, and the mathematical and circled alphabets, one of
/// them for the whole term.
fn width(term: &Listed, lang: &str, chance: &mut Chance) -> Option<Said> {
    const FIRST: [u32; 12] = [
        0xff41, 0x1d41a, 0x1d44e, 0x1d482, 0x1d4ea, 0x1d51e, 0x1d552, 0x1d586, 0x1d5ba, 0x1d5ee,
        0x1d68a, 0x24d0,
    ];
    let how = chance.below(FIRST.len() + 2);
    each(term, lang, chance, |c, chance| match FIRST.get(how) {
        // The italic h is older than its alphabet and has a place of its own.
        Some(0x1d44e) if c == 'h' => Some("\u{210e}".to_owned()),
        Some(first) if c.is_ascii_lowercase() => {
            char::from_u32(first + (c as u32 - 0x61)).map(String::from)
        }
        Some(_) => None,
        None => chance.one_in(2).then(|| c.to_uppercase().to_string()),
    })
}

/// Each letter with even chance one that looks like it, from any script.
fn shapes(term: &Listed, lang: &str, chance: &mut Chance) -> Option<Said> {
    each(term, lang, chance, |c, chance| {
        let (_, shapes) = SHAPES.iter().find(|(letter, _)| *letter == c)?;
        chance.one_in(2).then(|| chance.char(shapes).to_string())
    })
}

/// Each letter with a chance of two in five one of its leet spellings; a word keeps a letter.
fn leet(term: &Listed, lang: &str, chance: &mut Chance) -> Option<Said> {
    for _ in 0..8 {
        let made = each(term, lang, chance, |c, chance| {
            let (_, spellings) = LEET.iter().find(|(letter, _)| *letter == c)?;
            (chance.below(5) < 2).then(|| chance.of(spellings).to_owned())
        })?;
        let mut words = made.text[made.place.clone()].split(' ');
        if words.all(|word| word.contains(char::is_alphabetic)) {
            return Some(made);
        }
    }
    None
}

/// One to three characters that are drawn as nothing behind some letters.
fn invisible(term: &Listed, lang: &str, chance: &mut Chance) -> Option<Said> {
    each(term, lang, chance, |c, chance| {
        let count = if chance.one_in(3) { 1 + chance.below(3) } else { 0 };
        let more = (0..count).map(|_| INVISIBLE[chance.below(INVISIBLE.len())]);
        (count > 0).then(|| std::iter::once(c).chain(more.collect::<Vec<_>>()).collect())
    })
}

/// One to eight combining marks on some letters: wrong accents, strokes, zalgo.
fn marks(term: &Listed, lang: &str, chance: &mut Chance) -> Option<Said> {
    each(term, lang, chance, |c, chance| {
        let count = if c.is_alphabetic() && chance.one_in(2) { 1 + chance.below(8) } else { 0 };
        let mark = |n: usize| char::from_u32(0x300 + n as u32).unwrap_or('\u{300}');
        let more: Vec<char> = (0..count).map(|_| mark(chance.below(0x6f))).collect();
        (count > 0).then(|| std::iter::once(c).chain(more).collect())
    })
}

/// The whole message, the term alone, or each of its words from behind, or all of it after the
/// control that makes screens turn it back.
fn backwards(term: &Listed, lang: &str, chance: &mut Chance) -> Option<Said> {
    let text = term.text.to_lowercase();
    let turned = |text: &str| text.chars().rev().collect::<String>();
    match chance.below(4) {
        0 => {
            let whole = said(&text, lang, chance)?;
            let place = whole.text.len() - whole.place.end..whole.text.len() - whole.place.start;
            Some(Said { text: turned(&whole.text), place, ..whole })
        }
        1 => said(&turned(&text), lang, chance),
        2 => {
            let words: Vec<String> = text.split(' ').map(turned).collect();
            said(&words.join(" "), lang, chance)
        }
        _ => said(&format!("\u{202e}{}\u{202c}", turned(&text)), lang, chance),
    }
}

/// Signs or spaces between the letters: one kind between all, any kinds unevenly, or any at two
/// places and more. Words stay further apart than letters where that is a space.
fn apart(term: &Listed, lang: &str, chance: &mut Chance) -> Option<Said> {
    let how = chance.below(3);
    let kind = chance.of(BETWEEN);
    let text = term.text.to_lowercase();
    let mut disguised = String::new();
    let mut put = 0;
    let letters: Vec<char> = text.chars().collect();
    for (at, c) in letters.iter().enumerate() {
        disguised.push(*c);
        let inside =
            c.is_alphanumeric() && letters.get(at + 1).is_some_and(|n| n.is_alphanumeric());
        match how {
            _ if *c == ' ' => disguised.push_str("  "),
            0 if inside => disguised.push_str(kind),
            1 if inside => disguised.push_str(chance.of(BETWEEN)),
            2 if inside && chance.one_in(2) => {
                put += 1;
                // A space here would be a moved space, which is a technique of its own.
                disguised.push_str(chance.of(BETWEEN).trim());
            }
            _ => {}
        }
    }
    (how < 2 || put >= 2).then(|| said(&disguised, lang, chance))?
}

/// One to three letters three to eight times.
fn repeats(term: &Listed, lang: &str, chance: &mut Chance) -> Option<Said> {
    let letters: Vec<usize> = (0..1 + chance.below(3)).map(|_| chance.below(40)).collect();
    let count = term.text.chars().filter(|c| c.is_alphabetic()).count();
    let mut at = 0;
    each(term, lang, chance, |c, chance| {
        at += usize::from(c.is_alphabetic());
        let chosen = c.is_alphabetic() && letters.iter().any(|letter| letter % count == at % count);
        chosen.then(|| c.to_string().repeat(3 + chance.below(6)))
    })
}

/// A phrase with one space moved by a letter or two or without its spaces; a word with a space in
/// it; either stuck to the words before it.
fn moved(term: &Listed, lang: &str, chance: &mut Chance) -> Option<Said> {
    let mut letters: Vec<char> = term.text.to_lowercase().chars().collect();
    let spaces: Vec<usize> = (0..letters.len()).filter(|at| letters[*at] == ' ').collect();
    match (spaces.is_empty(), chance.below(3)) {
        (_, 0) => {
            let before: &[&str] = match lang {
                "fr" => &["tues", "tesun", "cest un", "sale", "especede", "vous etesdes", "toi"],
                _ => &["youarea", "youre", "yourea", "such a", "allthese", "you are all", "you"],
            };
            let glued: String = letters.into_iter().collect();
            return said(&format!("{}{glued}", chance.of(before)), lang, chance);
        }
        (true, _) => letters.insert(2 + chance.below(letters.len() - 3), ' '),
        (false, 1) => letters.retain(|c| *c != ' '),
        (false, _) => {
            let from = spaces[chance.below(spaces.len())];
            letters.remove(from);
            let step = 1 + chance.below(2);
            let to = if chance.one_in(2) { from + step } else { from.saturating_sub(step) };
            letters.insert(to.clamp(1, letters.len() - 1), ' ');
        }
    }
    let disguised: String = letters.into_iter().collect();
    said(disguised.trim(), lang, chance)
}

/// A word letter by letter, or in two to four pieces, each a message of the same sender, or of
/// several in turn.
fn over_messages(term: &Listed, _: &str, chance: &mut Chance) -> Option<Said> {
    let letters: Vec<char> = term.text.to_lowercase().chars().collect();
    let most = if chance.one_in(2) { 1 } else { 2 + chance.below(3) };
    let pieces: Vec<String> = letters.chunks(most).map(|piece| piece.iter().collect()).collect();
    let (last, before) = pieces.split_last()?;
    // What history keeps.
    let kept = (2..=8).contains(&pieces.len()).then(|| before.to_vec())?;
    let (tail, room) = if chance.one_in(2) { (kept, vec![]) } else { (vec![], kept) };
    Some(Said { tail, room, text: last.clone(), place: 0..last.len() })
}

/// Letters of flags, circled, boxed and black boxed ones, for all letters or some.
fn emoji(term: &Listed, lang: &str, chance: &mut Chance) -> Option<Said> {
    const FIRST: [u32; 5] = [0x1f1e6, 0x1f170, 0x1f150, 0x1f130, 0x24b6];
    const PARTS: [(char, &str); 8] = [
        ('a', "🅰️"),
        ('b', "🅱️"),
        ('o', "⭕"),
        ('o', "🅾️"),
        ('p', "🅿️"),
        ('m', "Ⓜ️"),
        ('i', "ℹ️"),
        ('x', "❌"),
    ];
    let how = chance.below(FIRST.len() + 2);
    let behind = *chance.of(&["", "\u{fe0f}", "\u{200c}", "\u{200b}"].each_ref());
    each(term, lang, chance, |c, chance| match FIRST.get(how) {
        Some(first) if c.is_ascii_lowercase() => {
            let letter = char::from_u32(first + (c as u32 - 0x61))?;
            Some(format!("{letter}{behind}"))
        }
        Some(_) => None,
        None => {
            let own: Vec<&str> =
                PARTS.iter().filter(|(letter, _)| *letter == c).map(|(_, part)| *part).collect();
            (!own.is_empty()).then(|| chance.of(&own).to_owned())
        }
    })
}

/// The longest word of the term and where it stands.
pub fn longest(text: &str) -> Option<(usize, &str)> {
    let words = text.split(|c: char| !c.is_ascii_alphabetic()).filter(|word| word.len() >= 4);
    let word = words.max_by_key(|word| word.len())?;
    Some((word.as_ptr() as usize - text.as_ptr() as usize, word))
}

/// One letter of a word replaced by a sign, or two or three neighbours of a long one, never the
/// first.
fn masked(term: &Listed, lang: &str, chance: &mut Chance) -> Option<Said> {
    let text = term.text.to_lowercase();
    let (start, word) = longest(&text)?;
    let sign = *chance.of(&["*", "*", "*", "#", "%", "-", "_", "."].each_ref());
    let strong = "*#%".contains(sign);
    let count = if strong && word.len() >= 6 { 1 + chance.below(3) } else { 1 };
    let at = start + 1 + chance.below(word.len() - 1 - count);
    let disguised = format!("{}{}{}", &text[..at], sign.repeat(count), &text[at + count..]);
    said(&disguised, lang, chance)
}

/// Two neighbours inside a word swapped, a vowel or all vowels left out, or letters that sound
/// alike: ph for f, k for c before a, o and u, z for s at the end, y for i.
fn misspelt(term: &Listed, lang: &str, chance: &mut Chance) -> Option<Said> {
    let text = term.text.to_lowercase();
    let (start, word) = longest(&text)?;
    let mut letters: Vec<char> = word.chars().collect();
    let vowel = |c: &char| "aeiou".contains(*c);
    match chance.below(4) {
        0 => {
            let at = 1 + chance.below(letters.len() - 2);
            letters.swap(at, at + 1);
        }
        1 => {
            let inner: Vec<usize> = (1..letters.len()).filter(|at| vowel(&letters[*at])).collect();
            letters.remove(*inner.get(chance.below(inner.len()))?);
        }
        2 => {
            let first = letters.remove(0);
            letters.retain(|c| !vowel(c));
            letters.insert(0, first);
        }
        _ => {
            const SOUNDS: [(&str, &str); 8] = [
                ("ck", "k"),
                ("f", "ph"),
                ("ca", "ka"),
                ("co", "ko"),
                ("cu", "ku"),
                ("s ", "z "),
                ("i", "y"),
                ("qu", "k"),
            ];
            let whole = format!("{word} ");
            let own: Vec<_> = SOUNDS.iter().filter(|(from, _)| whole.contains(from)).collect();
            let (from, to) = *own.get(chance.below(own.len()))?;
            letters = whole.replacen(from, to, 1).trim().chars().collect();
        }
    }
    let changed: String = letters.into_iter().collect();
    // Fewer letters are no longer that word to anybody.
    if changed == word || changed.len() < 4 {
        return None;
    }
    let disguised = format!("{}{changed}{}", &text[..start], &text[start + word.len()..]);
    said(&disguised, lang, chance)
}

/// Words as chat writes them, apostrophes and accents as keyboards leave them.
fn chat(term: &Listed, lang: &str, chance: &mut Chance) -> Option<Said> {
    let text = term.text.to_lowercase();
    let apostrophe = *chance.of(&["", " ", "’", "´"].each_ref());
    let words = text.split(' ').map(|word| {
        let own = SHORT.iter().find(|(of, long, _)| *of == lang && *long == word);
        match own {
            Some((_, _, short)) => chance.of(short).to_owned(),
            None => word.replace('\'', apostrophe).replace(['é', 'è', 'ê'], "e"),
        }
    });
    let disguised = words.collect::<Vec<_>>().join(" ");
    (disguised != text).then(|| said(&disguised, lang, chance))?
}
