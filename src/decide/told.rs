//! Tells a statement that is passed on from one that is made.
//!
//! `a guy yelled "…" at my mom` is what happened to somebody. Whoever quotes a statement that must
//! never be seen still shows it, so it does not pass; but what a victim or a witness tells is not
//! dropped either: a person looks.

use super::{
    Seen,
    mention::{has, is_another, is_call, without, words::SAYS},
    quoted,
};
use crate::{
    letters,
    message::{Hit, ViewKind},
};

/// A statement with hardly anything around it is made, whoever is said to make it.
const WORDS_BESIDE_MIN: usize = 3;

/// Between who says it and what is said: `told me to …`, `said to my mom that …`.
const TO_WHOM: &str = "to at me us him her them my his their a the mom friend son daughter kid \
    sister brother that de a que lui nous m'a l'a";
/// With these the speaker says the same.
const AGREES: &str = "agree agreed agrees agreeing joined joins based right true truth facts fact \
    correct amen preach lol lmao haha hahaha love loved loves wish wishes hope want wants come \
    join raison d'accord vrai mdr ptdr valide";
const TELLS: &str = "told tells telling sprayed painted tagged chanted chants chanting posted \
    posts tweeted commented dit tague tagues crie chante scande ecrit poste";

/// Whether a statement is only told of.
pub(super) fn is_told(seen: &Seen, hit: &Hit) -> bool {
    let text = &seen.message.text;
    let (Some(before), Some(after)) = (text.get(..hit.span.start), text.get(hit.span.end..)) else {
        return false;
    };
    if hit.view != ViewKind::Plain {
        return false;
    }
    let (before, after) = (letters::plain(before).0, letters::plain(after).0);
    let words: Vec<&str> = quoted::words(&before).collect();
    let beside = || words.iter().copied().chain(quoted::words(&after));
    let alone = beside().count() < WORDS_BESIDE_MIN;
    let addressed = quoted::is_said_to_somebody(&before) || quoted::is_said_to_somebody(&after);
    let agreed = beside().any(|word| has(AGREES, word));
    !alone && !addressed && !agreed && is_said(&words)
}

/// `somebody yelled at my mom`, as the words before what was said.
fn is_said(words: &[&str]) -> bool {
    match without(words, &[TO_WHOM]) {
        [subject @ .., verb] if has(SAYS, verb) || has(TELLS, verb) => {
            is_another(subject) && !is_call(verb, subject)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_says_it_is_somebody_else() {
        for (text, expected) in [
            ("a guy yelled", true),
            ("they keep telling my sister to", true),
            ("some kids told me to", true),
            ("un mec m'a dit", true),
            ("ils ont tague", true),
            ("they spray painted", true),
            ("i told them to", false),
            ("everyone say", false),
            ("all gamers say", true),
            ("gamers say", false),
            ("we chanted", false),
            ("he is", false),
            ("", false),
        ] {
            let words: Vec<&str> = quoted::words(text).collect();
            assert_eq!(is_said(&words), expected, "{text}");
        }
    }
}
