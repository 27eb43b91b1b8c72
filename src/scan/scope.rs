//! Decides whether a word that means something else in another language is meant badly here.
//!
//! The words around it weigh most, then what the whole message looks like, and where neither says
//! anything the language of the channel. A guess at the message may acquit and never convicts.

use std::{cmp::Ordering, ops::Range};

use crate::{
    letters::language::{self, Tally},
    message::{Severity, Tongue, Tongues, unknown_tongue},
};

/// The languages in which a term is meant, and those in which it is an ordinary word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scope {
    /// Empty: in all but the ordinary ones.
    meant: Tongues,
    ordinary: Tongues,
}

/// What a scope leaves of a term.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Counts {
    Whole,
    /// One severity milder, 1 at least.
    Milder,
    Not,
}

impl Scope {
    /// Reads what may stand behind a mode: `:fr` (meant in French), `!es` (ordinary in Spanish),
    /// `:fr!en,es` (both).
    ///
    /// # Errors
    /// What is wrong, in one line.
    pub fn parse(text: &str) -> Result<Scope, String> {
        let (meant, ordinary) = text.split_once('!').unwrap_or((text, ""));
        let scope = Scope {
            meant: tongues(meant.strip_prefix(':').unwrap_or(meant))?,
            ordinary: tongues(ordinary)?,
        };
        let both = scope.meant.both(scope.ordinary);
        match () {
            () if scope.meant.is_empty() && scope.ordinary.is_empty() => {
                Err("a scope without a language".to_owned())
            }
            () if !both.is_empty() => Err(format!("{both} both meant and ordinary")),
            () => Ok(scope),
        }
    }

    fn counts(
        self,
        listed: Severity,
        near: &Tally,
        guess: Option<(Tongue, u32)>,
        spoken: Tongues,
    ) -> Counts {
        let all: Tongues = Tongue::ALL.into_iter().collect();
        let pro = if self.meant.is_empty() { all.without(self.ordinary) } else { self.meant };
        let against = all.without(pro);
        let mut for_it = near.best(pro);
        let mut against_it = near.best(against);
        if let Some((tongue, weight)) = guess {
            let with_guess = near.of(tongue) + weight;
            if against.has(tongue) {
                against_it = against_it.max(with_guess);
            } else if for_it > 0 {
                for_it = for_it.max(with_guess);
            }
        }
        // One foreign word before it must not let through what must never be seen.
        let grave = listed.level() == GRAVE;
        let agreed = guess.is_some_and(|(tongue, _)| against.has(tongue))
            || !spoken.both(against).is_empty();
        match for_it.cmp(&against_it) {
            Ordering::Greater => Counts::Whole,
            Ordering::Less if !grave || agreed => Counts::Not,
            Ordering::Less | Ordering::Equal => self.alone(spoken),
        }
    }

    /// Without a word of evidence, in a channel of these languages (none: unknown).
    fn alone(self, spoken: Tongues) -> Counts {
        let meant = spoken.both(self.meant);
        let ordinary = spoken.both(self.ordinary);
        match (self.meant.is_empty(), spoken.is_empty()) {
            (true, true) => Counts::Whole,
            (true, false) if ordinary == spoken => Counts::Not,
            (true, false) => Counts::Whole,
            (false, false) if meant.is_empty() => Counts::Not,
            (false, false) if meant == spoken => Counts::Whole,
            // Nobody knows, and elsewhere the word is nothing.
            (false, _) if !self.ordinary.is_empty() => Counts::Not,
            (false, _) => Counts::Milder,
        }
    }
}

/// `:fr!en`, as lists spell it.
impl std::fmt::Display for Scope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (sign, tongues) in [(':', self.meant), ('!', self.ordinary)] {
            if !tongues.is_empty() {
                write!(f, "{sign}{tongues}")?;
            }
        }
        Ok(())
    }
}

fn tongues(names: &str) -> Result<Tongues, String> {
    let names = names.split(',').map(str::trim).filter(|name| !name.is_empty());
    names.map(|name| Tongue::named(name).ok_or_else(|| unknown_tongue(name))).collect()
}

/// From this severity on, only the whole message or the channel speaks for the ordinary meaning,
/// not the words around alone.
const GRAVE: u8 = 4;
/// In how many places of one message the words around are looked at. More hits of scoped terms
/// than this are a flood, and what stands between them is no evidence.
const PLACES_MAX: usize = 64;

/// Weighs the scoped terms of one message; costs nothing where there are none.
pub(super) struct Weigher<'a> {
    text: &'a str,
    spoken: Tongues,
    guess: Option<Option<(Tongue, u32)>>,
    places: usize,
}

impl Weigher<'_> {
    pub fn new(text: &str, spoken: Tongues) -> Weigher<'_> {
        Weigher { text, spoken, guess: None, places: 0 }
    }

    /// How bad the term is here; `None` where it means something else.
    pub fn severity(
        &mut self,
        scope: Scope,
        place: &Range<usize>,
        listed: Severity,
    ) -> Option<Severity> {
        self.places += 1;
        let counts = if self.places > PLACES_MAX {
            scope.alone(self.spoken)
        } else {
            let guess = *self.guess.get_or_insert_with(|| language::guess(self.text));
            scope.counts(listed, &language::around(self.text, place), guess, self.spoken)
        };
        match counts {
            Counts::Whole => Some(listed),
            Counts::Milder => Some(Severity::new(listed.level() - 1).unwrap_or(listed)),
            Counts::Not => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn severity(level: u8) -> Severity {
        Severity::new(level).expect("1 to 4")
    }

    #[test]
    fn scopes_are_read_as_they_are_written() {
        for text in [":fr", ":en,fr", "!es", "!es,pt", ":fr!en", ":fr!en,es,other"] {
            let scope = Scope::parse(text).expect("the scope is good");
            assert_eq!(scope.to_string(), text);
        }
        for (text, part) in [
            (":", "without a language"),
            (":xx", "`xx` is not one of"),
            ("!fr,xx", "`xx`"),
            (":fr!fr", "fr both"),
        ] {
            let cause = Scope::parse(text).expect_err("the scope is bad");
            assert!(cause.contains(part), "{text}: {cause}");
        }
    }

    #[test]
    fn a_word_alone_is_judged_by_the_channel() {
        let check = |scope: &str, spoken: &str, expected: Counts| {
            let scope = Scope::parse(scope).expect("the scope is good");
            let spoken = tongues(spoken).expect("the languages are known");
            let counts = scope.counts(severity(3), &Tally::default(), None, spoken);
            assert_eq!(counts, expected, "{scope} in {spoken}");
        };
        check(":fr", "", Counts::Milder);
        check(":fr", "fr", Counts::Whole);
        check(":fr", "en", Counts::Not);
        check(":fr", "en,fr", Counts::Milder);
        check(":fr!en", "", Counts::Not);
        check(":fr!en", "fr", Counts::Whole);
        check(":fr!en", "es", Counts::Not);
        check(":fr!en", "en,fr", Counts::Not);
        check("!de", "", Counts::Whole);
        check("!de", "de", Counts::Not);
        check("!de", "de,en", Counts::Whole);
        check("!de", "fr", Counts::Whole);
    }

    #[test]
    fn a_guess_acquits_and_never_convicts() {
        let counts = |guess| {
            let scope = Scope::parse(":fr!en").expect("the scope is good");
            scope.counts(severity(3), &Tally::default(), Some((guess, 8)), Tongues::NONE)
        };
        assert_eq!(counts(Tongue::Fr), Counts::Not);
        let milder = Scope::parse(":fr").expect("the scope is good");
        let spoken = Tongues::of(Tongue::Fr);
        for (guess, expected) in [(Tongue::Es, Counts::Not), (Tongue::Fr, Counts::Whole)] {
            let near = Tally::default();
            let counts = milder.counts(severity(3), &near, Some((guess, 8)), spoken);
            assert_eq!(counts, expected, "{guess:?}");
        }
        let (near, guess) = (Tally::default(), Some((Tongue::Fr, 8)));
        let alone = milder.counts(severity(3), &near, guess, Tongues::NONE);
        assert_eq!(alone, Counts::Milder);
    }

    #[test]
    fn one_foreign_word_excuses_nothing_grave() {
        let check = |level: u8, text: &str, spoken: &str, expected: bool| {
            let scope = Scope::parse("!es").expect("the scope is good");
            let spoken = tongues(spoken).expect("the languages are known");
            let at = text.find("blorp").expect("the word is there");
            let mut weigher = Weigher::new(text, spoken);
            let left = weigher.severity(scope, &(at..at + 5), severity(level));
            assert_eq!(left.is_some(), expected, "{level} {text} {spoken}");
        };
        check(3, "el blorp", "", false);
        check(4, "el blorp", "", true);
        check(4, "el blorp", "es", false);
        check(4, "ayer el blorp estaba en mi casa", "", false);
    }
}
