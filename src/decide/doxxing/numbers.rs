//! Reads the numbers of a line: typed, taken apart, or spelt out in English and French.

use std::ops::Range;

use super::words::Line;

/// No number that names a person is longer; what is, is read in pieces.
const DIGITS_MAX: usize = 40;
/// More characters than this between two groups of digits stand between two numbers.
const GAP_CHARS_MAX: usize = 3;

/// Digits that belong together.
pub(super) struct Run {
    pub digits: String,
    pub groups: Vec<Group>,
    /// Some of it is spelt out.
    pub spelt: bool,
}

/// What was written as one.
#[derive(Clone, Debug)]
pub(super) struct Group {
    pub words: Range<usize>,
    /// Where its digits stand in the run's.
    pub digits: Range<usize>,
}

impl Run {
    /// The words of some of its groups.
    pub fn words(&self, groups: Range<usize>) -> Range<usize> {
        let first = self.groups.get(groups.start).map_or(0, |group| group.words.start);
        let last = groups.end.checked_sub(1).and_then(|last| self.groups.get(last));
        first..last.map_or(first, |group| group.words.end)
    }

    pub fn digits(&self, groups: Range<usize>) -> &str {
        let first = self.groups.get(groups.start).map_or(0, |group| group.digits.start);
        let last = groups.end.checked_sub(1).and_then(|last| self.groups.get(last));
        self.digits.get(first..last.map_or(first, |group| group.digits.end)).unwrap_or_default()
    }

    /// The lengths of some of its groups.
    pub fn shape(&self, groups: Range<usize>) -> Vec<usize> {
        self.groups[groups].iter().map(|group| group.digits.len()).collect()
    }
}

/// Every number of at least so many digits.
pub(super) fn runs(line: &Line, digits_min: usize) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    let mut open: Option<Run> = None;
    let mut at = 0;
    while at < line.words.len() {
        let Some((digits, taken, spelt)) = number(line, at) else {
            close(open.take(), digits_min, &mut runs);
            at += 1;
            continue;
        };
        let joins = open.as_ref().is_some_and(|run| {
            run.digits.len() + digits.len() <= DIGITS_MAX && joins(line.gap(at))
        });
        if !joins {
            close(open.take(), digits_min, &mut runs);
        }
        let empty = || Run { digits: String::new(), groups: Vec::new(), spelt: false };
        let run = open.get_or_insert_with(empty);
        let start = run.digits.len();
        run.digits += &digits;
        run.spelt |= spelt;
        run.groups.push(Group { words: at..at + taken, digits: start..run.digits.len() });
        at += taken;
    }
    close(open, digits_min, &mut runs);
    runs
}

fn close(run: Option<Run>, digits_min: usize, runs: &mut Vec<Run>) {
    runs.extend(run.filter(|run| run.digits.len() >= digits_min));
}

/// Whether what stands between two groups of digits only takes a number apart.
fn joins(gap: &str) -> bool {
    let apart = |c: char| matches!(c, ' ' | '.' | '-' | '_' | '/' | '(' | ')' | ',' | '*' | '|');
    gap.chars().all(apart) && gap.chars().nth(GAP_CHARS_MAX).is_none()
}

/// The digits that a word begins, how many words they take, and whether they are spelt out.
fn number(line: &Line, at: usize) -> Option<(String, usize, bool)> {
    let word = line.word(at);
    if line.is_number(at) {
        return (word.len() <= DIGITS_MAX).then(|| (word.to_owned(), 1, false));
    }
    if line.words[at].mention {
        return None;
    }
    let times = match word {
        "double" => 2,
        "triple" => 3,
        _ => 0,
    };
    if times > 0 {
        let unit = unit(line.word(at + 1))?;
        return Some((unit.to_string().repeat(times), 2, true));
    }
    spelt(line, at).map(|(digits, taken)| (digits, taken, true)).or_else(|| {
        let digits = mistaken(word)?;
        Some((digits, 1, false))
    })
}

/// `o6`, `l2`: letters that look like the digits around them.
fn mistaken(word: &str) -> Option<String> {
    let short = word.len() <= 16 && word.bytes().any(|b| b.is_ascii_digit());
    let read = |c: char| match c {
        'o' => Some('0'),
        'l' | 'i' => Some('1'),
        c if c.is_ascii_digit() => Some(c),
        _ => None,
    };
    word.chars().map(read).collect::<Option<String>>().filter(|_| short)
}

/// A number below a hundred in words.
fn spelt(line: &Line, at: usize) -> Option<(String, usize)> {
    let word = line.word(at);
    let together = |at: usize| matches!(line.gap(at), " " | "-");
    if let Some(tens) = tens(word) {
        // `quatre-vingt`, `soixante-dix`: French counts on.
        let (mut value, mut taken) = (tens, 1);
        let linked = usize::from(line.word(at + taken) == "et" && together(at + taken));
        let next = at + taken + linked;
        if together(next) {
            let more = match (tens, ten_or_more(line, next)) {
                (60, Some((more, words))) => Some((more, words)),
                _ => unit(line.word(next)).filter(|unit| *unit > 0).map(|unit| (unit, 1)),
            };
            if let Some((more, words)) = more {
                value += more;
                taken += linked + words;
            }
        }
        return Some((format!("{value:02}"), taken));
    }
    let eighty = word == "quatre" && line.word(at + 1).starts_with("vingt") && together(at + 1);
    if eighty {
        let next = at + 2;
        let small = unit(line.word(next)).filter(|unit| *unit > 0).map(|unit| (unit, 1));
        let more = ten_or_more(line, next).or(small).filter(|_| together(next));
        let (more, words) = more.unwrap_or((0, 0));
        return Some(((80 + more).to_string(), 2 + words));
    }
    if let Some((value, taken)) = ten_or_more(line, at) {
        return Some((value.to_string(), taken));
    }
    unit(word).map(|unit| (unit.to_string(), 1))
}

/// Ten to nineteen; French says some in two words.
fn ten_or_more(line: &Line, at: usize) -> Option<(u32, usize)> {
    let word = line.word(at);
    if word == "dix" && matches!(line.gap(at + 1), " " | "-") {
        let more = match line.word(at + 1) {
            "sept" => 7,
            "huit" => 8,
            "neuf" => 9,
            _ => 0,
        };
        return Some((10 + more, 1 + usize::from(more > 0)));
    }
    let value = match word {
        "dix" | "ten" => 10,
        "onze" | "eleven" => 11,
        "douze" | "twelve" => 12,
        "treize" | "thirteen" => 13,
        "quatorze" | "fourteen" => 14,
        "quinze" | "fifteen" => 15,
        "seize" | "sixteen" => 16,
        "seventeen" => 17,
        "eighteen" => 18,
        "nineteen" => 19,
        _ => return None,
    };
    Some((value, 1))
}

fn tens(word: &str) -> Option<u32> {
    Some(match word {
        "twenty" | "vingt" => 20,
        "thirty" | "trente" => 30,
        "forty" | "fourty" | "quarante" => 40,
        "fifty" | "cinquante" => 50,
        "sixty" | "soixante" => 60,
        "seventy" | "septante" => 70,
        "eighty" | "huitante" => 80,
        "ninety" | "nonante" => 90,
        _ => return None,
    })
}

fn unit(word: &str) -> Option<u32> {
    Some(match word {
        "zero" | "oh" | "o" => 0,
        "one" | "un" => 1,
        "two" | "deux" => 2,
        "three" | "trois" => 3,
        "four" | "quatre" => 4,
        "five" | "cinq" => 5,
        "six" => 6,
        "seven" | "sept" => 7,
        "eight" | "huit" => 8,
        "nine" | "neuf" => 9,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        letters,
        message::{View, ViewKind},
    };

    fn found(original: &str) -> Vec<String> {
        let (text, origin) = letters::plain(original);
        let view = View { kind: ViewKind::Plain, text, origin };
        runs(&Line::new(&view, original), 4).into_iter().map(|run| run.digits).collect()
    }

    #[test]
    fn numbers_are_read_however_they_are_written() {
        for (text, expected) in [
            ("06.12.34.56.78", "0612345678"),
            ("(212) 456-7890", "2124567890"),
            ("zéro six douze trente-quatre cinquante-six soixante-dix-huit", "0612345678"),
            ("quatre-vingt-dix-neuf vingt et un quatre vingts trois", "992183"),
            ("oh six 12 thirty four 5 6", "06123456"),
            ("five five five, double two, one", "555221"),
            ("o6 l2 34", "061234"),
            ("０６ １２", "0612"),
            ("6️⃣ 1️⃣ 2️⃣ 3️⃣", "6123"),
            ("12:30:45:60", ""),
        ] {
            assert_eq!(found(text).join(","), expected, "{text}");
        }
    }

    #[test]
    fn a_long_row_of_digits_is_read_in_pieces() {
        let digits = found(&"1 ".repeat(1000));
        assert!(digits.iter().all(|run| run.len() <= DIGITS_MAX));
        assert_eq!(digits.concat().len(), 1000);
    }
}
