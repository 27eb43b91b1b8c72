//! Tells a stretched word from another word with the same letters.
//!
//! The squeezed reading has lost how often each letter was repeated; this looks it up in the
//! reading that it was made from.

use std::ops::Range;

use crate::{letters::is_odd_double, message::View};

/// From here on a repeat is no spelling but stress.
const STRETCH_MIN: usize = 3;
/// A shorter word with one letter doubled is more often another word.
const DOUBLED_LETTERS_MIN: usize = 4;

/// A term with each repeated letter once.
pub(super) fn collapsed(term: &str) -> String {
    let mut short = String::with_capacity(term.len());
    for c in term.chars() {
        if !(c.is_alphabetic() && short.ends_with(c)) {
            short.push(c);
        }
    }
    short
}

/// Whether the letters in `span` of the original text spell the term, stretched or not.
pub(super) fn is_stretched(term: &str, base: &View, span: &Range<usize>) -> bool {
    let from = base.origin.partition_point(|o| (o.0 as usize) < span.start);
    let to = base.origin.partition_point(|o| (o.0 as usize) < span.end);
    let Some(text) = base.text.get(from..to) else { return false };
    let long = term.chars().count() >= DOUBLED_LETTERS_MIN;
    let mut listed = runs(term);
    let mut seen = runs(text);
    loop {
        match (listed.next(), seen.next()) {
            (None, None) => return true,
            (Some((a, wanted)), Some((b, there))) if a == b => {
                let stretched = there >= STRETCH_MIN && there > wanted;
                let doubled = there == 2 && wanted == 1 && long && is_odd_double(a);
                if there != wanted && !stretched && !doubled {
                    return false;
                }
            }
            _ => return false,
        }
    }
}

/// Each letter with how often it is repeated, over gaps too.
fn runs(text: &str) -> impl Iterator<Item = (char, usize)> {
    let mut chars = text.chars().filter(|c| c.is_alphanumeric()).peekable();
    std::iter::from_fn(move || {
        let c = chars.next()?;
        let mut count = 1;
        while c.is_alphabetic() && chars.next_if_eq(&c).is_some() {
            count += 1;
        }
        Some((c, count))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::ViewKind;

    #[test]
    fn a_stretched_word_is_not_another_word() {
        let check = |term: &str, text: &str, expected: bool| {
            let origin = (0..text.len() as u32).map(|at| (at, at + 1)).collect();
            let view = View { kind: ViewKind::Plain, text: text.to_owned(), origin };
            assert_eq!(is_stretched(term, &view, &(0..text.len())), expected, "{term} {text}");
        };
        check("blorp", "bloooorp", true);
        check("blorp", "b.l.o.r.p", true);
        check("blorp", "blurp", false);
        check("blorp", "bloorp", false);
        check("blirp", "bliirp", true);
        check("grem", "gremm", false);
        check("glitt", "glit", false);
        check("glitt", "glittttt", true);
        check("glitt", "glit t", true);
        check("vib", "viib", false);
    }

    #[test]
    fn collapses_letters_only() {
        for (term, expected) in [("blorpp", "blorp"), (" go oort ", " go ort "), ("1488", "1488")] {
            assert_eq!(collapsed(term), expected);
        }
    }
}
