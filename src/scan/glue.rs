//! Knows the words of a sentence that are stuck to a listed word to hide it.
//!
//! Names hold listed words too, but are made of other words than these. Whoever joins two words
//! keeps on saying the sentence: pronouns, articles and the like, English and French.

use std::{collections::HashSet, sync::LazyLock};

const BEFORE: &str = "you youre your yall ur u r a an are is im hes shes theyre they we i it all \
    these those the such and of to go my what this that with like not so fucking fuckin damn dumb \
    stupid ugly dirty filthy big little old fat kill hate love stop being be \
    tu t es un une sale sales espece de d toi vous etes le la les des ces cette ce gros grosse \
    petit petite va vas et que quel quelle bande mon ton c est cest tes il elle on je qu comme y t";
const AFTER: &str = "s you u ur lol lmao bro dude man and is are the a all in \
    toi toutes tous va es mdr les la le de et est tu que";
/// What makes another word of a word, where nothing else is said.
const PREFIXES: &str = "mega giga super supra hyper ultra turbo maxi";
const SUFFIXES: &str = "y ish ing ism boy face land ville lord head ster oid ou ax asse erie istan";
/// Longer remains are no glue, but some other word.
const LETTERS_MAX: usize = 24;
/// A shorter word, or less glue, is more often a part of a name.
const TERM_LETTERS_MIN: usize = 4;
const LETTERS_MIN: usize = 3;
/// Nothing else holds so long a term.
const PHRASE_LETTERS_MIN: usize = 10;

static LEFT: LazyLock<HashSet<&str>> = LazyLock::new(|| BEFORE.split_whitespace().collect());
static RIGHT: LazyLock<HashSet<&str>> = LazyLock::new(|| AFTER.split_whitespace().collect());
static FIRST: LazyLock<HashSet<&str>> = LazyLock::new(|| PREFIXES.split_whitespace().collect());
static LAST: LazyLock<HashSet<&str>> = LazyLock::new(|| SUFFIXES.split_whitespace().collect());

/// Whether the letters before and behind a term raise it, or frame it: `xx…xx`.
pub(super) fn is_raised(left: &str, right: &str) -> bool {
    right.is_empty() && FIRST.contains(left) || left == "xx" && right == "xx"
}

/// Whether the letters before and behind a term make a new word of it.
pub(super) fn is_affixed(left: &str, right: &str) -> bool {
    let one = right.strip_suffix('s').unwrap_or(right);
    (left.is_empty() || FIRST.contains(left)) && (LAST.contains(right) || LAST.contains(one))
}

/// Whether the letters before and behind a term of so many letters are words of the sentence.
///
/// Where spaces were moved inside the term too, little glue is enough.
pub(super) fn is_glue(left: &str, right: &str, term: usize, moved: bool) -> bool {
    let enough = match term {
        0..TERM_LETTERS_MIN => false,
        TERM_LETTERS_MIN..PHRASE_LETTERS_MIN => moved || left.len().max(right.len()) >= LETTERS_MIN,
        _ => true,
    };
    enough && is_made_of(left, &LEFT) && is_made_of(right, &RIGHT)
}

/// Whether the letters are nothing but these words.
fn is_made_of(letters: &str, words: &HashSet<&str>) -> bool {
    if letters.len() > LETTERS_MAX || !letters.is_ascii() {
        return false;
    }
    let mut ends = [false; LETTERS_MAX + 1];
    ends[0] = true;
    for from in 0..letters.len() {
        for to in from + 1..=letters.len() {
            ends[to] |= ends[from] && words.contains(&letters[from..to]);
        }
    }
    ends[letters.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_is_glue_and_a_name_is_not() {
        let check = |left: &str, right: &str, expected: bool| {
            assert_eq!(is_glue(left, right, 5, false), expected, "{left} {right}");
        };
        check("yourea", "", true);
        check("youareall", "lol", true);
        check("tuesun", "", true);
        check("", "you", true);
        check("a", "", false);
        check("blimp", "", false);
        check("hitch", "", false);
        check("", "inson", false);
        check("é", "", false);
        check(&"you".repeat(20), "", false);
        assert!(!is_glue("youare", "", 3, false));
        assert!(is_glue("a", "", 5, true));
    }

    #[test]
    fn affixes_make_new_words() {
        let check = |left: &str, right: &str, expected: bool| {
            let found = is_affixed(left, right) || is_raised(left, right);
            assert_eq!(found, expected, "{left} {right}");
        };
        check("mega", "", true);
        check("", "ish", true);
        check("ultra", "boys", true);
        check("xx", "xx", true);
        check("xx", "", false);
        check("", "", false);
        check("", "inson", false);
        check("hitch", "y", false);
    }
}
