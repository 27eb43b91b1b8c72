//! Tells a listed word that is talked about from one that is hurled.
//!
//! Who was called something reports it, who asks others not to say a word has to say which, and who
//! laughs at themselves hurts nobody. Such a word need not be seen, but its message need not wait
//! for a person either. What counts is who does it, right before the term: somebody else calls or
//! says, or is not to; the word is named as a word, or asked about; or it is said of the speaker
//! or, where it is mild, of a thing. Where anybody is spoken to, anywhere in the message, it is no
//! mention but of what the speaker was called, and what the speaker calls others is none either.

use std::ops::Range;

use super::{Seen, quoted};
use crate::{
    letters,
    message::{Hit, ViewKind},
};

pub(super) mod words;

use words::*;

/// Longer terms are statements, and a statement that is passed on is still made.
const WORDS_MAX: usize = 2;
/// Worse words of a thing are meant for those whom they name.
const THING_LEVEL_MAX: u8 = 2;
/// Enough for `, or a `.
const JOINT_BYTES_MAX: usize = 12;
/// Shorter words in -s are as well no plural.
const PLURAL_LETTERS_MIN: usize = 3;
/// Whoever is not to do it, or does it, stands so near before the verb.
const SUBJECT_WORDS: usize = 4;

/// How a term is talked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mention {
    /// The word itself is the subject. A model hears the word and not what is said of it, so that
    /// its tone is not asked: what it finds for itself still counts.
    Named,
    /// Somebody says it, or is it.
    Said,
}

/// How a term is only talked about, if it is.
pub(super) fn mention(seen: &Seen, hit: &Hit) -> Option<Mention> {
    let text = &seen.message.text;
    let short = hit.term.split_whitespace().count() <= WORDS_MAX;
    if hit.view != ViewKind::Plain || !short || !quoted::has_innocent_uses(hit) {
        return None;
    }
    let whole = to_word_end(text, listing(seen, hit));
    let (before, after) = (text.get(..whole.start)?, text.get(whole.end..)?);
    let plain = letters::plain(text).0;
    let addressed = quoted::is_said_to_somebody(&plain);
    // Behind a comma somebody is spoken to.
    let spoken_to = before.trim_end().ends_with(',');
    let ends = |c: char| matches!(c, '.' | '!' | '?' | ';' | ':' | '(' | ')' | '–' | '—' | '\n');
    let before = letters::plain(before.rsplit(ends).next().unwrap_or_default()).0;
    let after = letters::plain(after.split(ends).next().unwrap_or_default()).0;
    let (before, after): (Vec<&str>, Vec<&str>) =
        (quoted::words(&before).collect(), quoted::words(&after).collect());
    let many = text.get(whole).is_some_and(|said| said.ends_with(['s', 'S']));
    let around = Around { before: &before, after: &after, many };
    let mild = hit.severity.level() <= THING_LEVEL_MAX;
    if addressed || spoken_to {
        let answers = !quoted::is_said_to_somebody(without_name(&plain));
        return (answers && !spoken_to && around.is_told_by_victim()).then_some(Mention::Said);
    }
    if around.is_word() {
        return Some(Mention::Named);
    }
    let said = around.is_reported() || around.is_own() || mild && around.is_thing();
    said.then_some(Mention::Said)
}

/// The text without the name of whoever is answered, at its start.
fn without_name(text: &str) -> &str {
    let rest = text.strip_prefix('@').and_then(|name| name.split_once(' '));
    rest.map_or(text, |(_, rest)| rest)
}

/// What a term is the beginning of belongs to it.
fn to_word_end(text: &str, span: Range<usize>) -> Range<usize> {
    let rest = text.get(span.end..).unwrap_or_default();
    let more = rest.find(|c: char| !c.is_alphabetic()).unwrap_or(rest.len());
    span.start..span.end + more
}

/// The term with those that are named in one breath with it: `a … or a …`.
fn listing(seen: &Seen, hit: &Hit) -> Range<usize> {
    let text = &seen.message.text;
    let joins = |from: usize, to: usize| {
        let between = text.get(from..to).filter(|between| between.len() <= JOINT_BYTES_MAX);
        between.is_some_and(|between| {
            quoted::words(between).any(|word| has(JOINTS, word))
                && quoted::words(between).all(|word| has(ARTICLES, word) || has(JOINTS, word))
        })
    };
    let mut whole = hit.span.clone();
    // Hits are in the order of the text.
    for other in seen.hits.iter().rev() {
        if other.span.end <= whole.start && joins(other.span.end, whole.start) {
            whole.start = other.span.start;
        }
    }
    for other in seen.hits {
        if other.span.start >= whole.end && joins(whole.end, other.span.start) {
            whole.end = other.span.end;
        }
    }
    whole
}

/// The words of the same sentence before and after a term.
struct Around<'a> {
    before: &'a [&'a str],
    after: &'a [&'a str],
    /// It ends as a plural does.
    many: bool,
}

impl Around<'_> {
    /// The word is the subject.
    fn is_word(&self) -> bool {
        let inner = without(self.before, &[ARTICLES]);
        // Who goes on to say what is to be said instead, or of whom, is at it.
        let goes_on = self.after.iter().any(|word| has(USES, word) || has(CALLS, word));
        let unsaid = || self.is_asked_not_to(inner) || self.is_not_to_be_said();
        !goes_on && unsaid() || self.is_asked_about() || self.is_named(inner) || self.is_offensive()
    }

    fn is_reported(&self) -> bool {
        let inner = without(self.before, &[ARTICLES]);
        self.is_called_me(inner)
            || self.is_called(inner)
            || self.is_said()
            || self.is_said_of()
            || self.is_condemned()
    }

    /// `he called me a …`: it is no attack on whoever is answered.
    fn is_told_by_victim(&self) -> bool {
        self.is_called_me(without(self.before, &[ARTICLES])) && self.ends()
    }

    /// `called me a …`, whoever did.
    fn is_called_me(&self, inner: &[&str]) -> bool {
        matches!(inner, [.., verb, me] if has(CALLS, verb) && has(ME, me))
    }

    /// `the word …`, `a slur like …`.
    fn is_named(&self, inner: &[&str]) -> bool {
        match without(inner, &[LIKE]) {
            _ if !self.ends() => false,
            [rest @ .., last] if has(SLURS, last) => !rest.iter().any(|word| has(LOVES, word)),
            [rest @ .., the, last] if has(NAMES, last) && has(POINTS, the) => {
                rest.last().is_none_or(|verb| has(NAMING, verb))
            }
            _ => false,
        }
    }

    /// `… is a slur`.
    fn is_offensive(&self) -> bool {
        let first = self.before.last().is_none_or(|last| has(AND, last));
        let (is, what, rest) = match self.after {
            [is, a, what, rest @ ..] if has(ONE, a) => (is, what, rest),
            [is, what, rest @ ..] => (is, what, rest),
            _ => return false,
        };
        let done = rest.first().is_none_or(|next| has(NO_MORE, next));
        first && has(IS, is) && has(OFFENSIVE, what) && done
    }

    /// `gets called a …`, `she called him a …`, `il l'a traité de …`.
    fn is_called(&self, inner: &[&str]) -> bool {
        if let [.., becomes, "called"] = inner {
            return has(BECOMES, becomes) && !is_speaker(inner);
        }
        match inner.split_last() {
            Some((verb, subject)) if has(TREATS, verb) => is_another(subject),
            _ => called(inner).is_some_and(|(verb, subject)| {
                has(OTHERS_CALL, verb) && is_somebody(subject)
                    || verb != "call" && is_another(subject)
            }),
        }
    }

    /// `stop calling people …`, `nobody should call anyone a …`; not `never stop calling …`.
    fn is_asked_not_to(&self, inner: &[&str]) -> bool {
        let Some((verb, subject)) = called(inner) else { return false };
        let near = &subject[subject.len().saturating_sub(SUBJECT_WORDS)..];
        let nots = near.iter().filter(|word| has(NOT, word)).count();
        matches!(verb, "call" | "calling") && nots == 1 && !self.is_boast()
    }

    /// The speaker does it, or says that nothing keeps anybody from it.
    fn is_boast(&self) -> bool {
        let boasts = |word: &&str| has(BOASTS, word) || *word != "please" && has(SPEAKER, word);
        self.before.iter().any(boasts)
    }

    /// `don't say …`, `on dit pas … ici`.
    fn is_not_to_be_said(&self) -> bool {
        let inner = without(self.before, &[ARTICLES, NAMES, POINTS]);
        let here = self.after.first().is_none_or(|next| has(HERE, next));
        let asked = match inner {
            [.., "on", said, "pas"] | [.., "ne", said, "pas" | "jamais"] => has(USES, said),
            [.., "do" | "does" | "should" | "please", "not", said] => has(USES, said),
            [.., not, said] => has(NEVER, not) && has(USES, said),
            _ => false,
        };
        let near = inner.iter().rev().skip(1).take(SUBJECT_WORDS);
        // Two of them are none.
        let nots = near.filter(|word| has(NOT, word) || has(NEVER, word)).count();
        here && asked && nots <= 1 && !self.is_boast()
    }

    /// `what does … mean`, `… ça veut dire quoi`: words that ask, and no others.
    fn is_asked_about(&self) -> bool {
        let all = || self.before.iter().chain(self.after);
        // With an article it is somebody: `what is a …`.
        let one = self.before.last().is_some_and(|last| has(ONE, last) && *last != "the");
        !one && !self.many
            && all().any(|word| has(ASKS, word))
            && all().any(|word| has(ASKED_OF, word))
            && all().all(|word| has(ASKED, word))
    }

    /// `calling people … is wrong`, `traiter les gens de … c'est homophobe`.
    fn is_condemned(&self) -> bool {
        let inner = without(self.before, &[ARTICLES]);
        let calling = called(inner).is_some_and(|(verb, subject)| {
            verb == "calling" && subject.last().is_none_or(|last| has(AND, last))
        });
        let treats = |word: &&str| matches!(*word, "traiter" | "appeler");
        let treating = inner.iter().rev().take(SUBJECT_WORDS).any(treats);
        let rest = match self.after {
            [is, rest @ ..] if has(IS, is) || has(ITS, is) || has(NOT_IS, is) => rest,
            _ => return false,
        };
        let not = has(NOT_IS, self.after[0])
            || rest.first().is_some_and(|word| has(NOT, word))
            || rest.first() == Some(&"pas");
        let said = rest.iter().position(|word| !has(SO, word)).map(|at| &rest[at..]);
        let wrong = match said {
            Some([what, rest @ ..]) => {
                has(if not { WRONG_IF_NOT } else { WRONG }, what)
                    && rest.first().is_none_or(|next| has(NO_MORE, next))
            }
            _ => false,
        };
        (calling || treating) && wrong
    }

    /// `he keeps saying …`, and nothing behind it that the word could belong to.
    fn is_said(&self) -> bool {
        let Some((verb, subject)) = self.before.split_last() else { return false };
        let others = is_another(subject) || has(OTHERS_SAY, verb) && is_somebody(subject);
        has(SAYS, verb) && self.ends() && others && !is_call(verb, subject)
    }

    /// `he said she was a …`.
    fn is_said_of(&self) -> bool {
        let inner = without(self.before, &[VERY, ONE]);
        let [rest @ .., said, who, be] = inner else { return false };
        has(SAYS, said) && has(SOMEBODY, who) && has(BE, be) && self.ends() && is_another(rest)
    }

    /// `I'm such a …`.
    fn is_own(&self) -> bool {
        // `as a … myself`.
        if let ([.., "as", "a" | "an"], ["myself", ..]) = (self.before, self.after) {
            return true;
        }
        let own = match without(self.before, &[VERY, ONE]) {
            [rest @ .., "am" | "was"] => match without(rest, &[VERY]) {
                [rest @ .., "i"] => rest,
                _ => return false,
            },
            [rest @ .., "je", "suis"] => rest,
            [rest @ .., "nous", "les"] => rest,
            [rest @ .., last] if has(SELF, last) => rest,
            _ => return false,
        };
        own.last().is_none_or(|last| has(AND, last)) && self.ends()
    }

    /// `this game is so …`.
    fn is_thing(&self) -> bool {
        let thing = match without(self.before, &[VERY]) {
            [.., thing, verb] if has(IS, verb) => has(THINGS, thing),
            [.., last] => has(ITS, last),
            [] => false,
        };
        thing && self.ends()
    }

    /// Nothing follows that the word could belong to.
    fn ends(&self) -> bool {
        self.after.first().is_none_or(|next| has(GOES_ON, next))
    }
}

/// The verb by which somebody is called, and what stands before it.
fn called<'a, 'b>(inner: &'b [&'a str]) -> Option<(&'a str, &'b [&'a str])> {
    let object = match inner {
        [.., own, _] if has(WHOSE, own) => 2,
        [.., whom] if has(OTHERS, whom) => 1,
        _ => return None,
    };
    let (verb, subject) = inner[..inner.len() - object].split_last()?;
    has(CALLS, verb).then_some((*verb, subject))
}

/// Whether somebody else does it, who is named right before, or told of in the plural.
pub(super) fn is_another(subject: &[&str]) -> bool {
    let who = without(subject, &[DOES]).last();
    who.is_some_and(|who| has(HE, who) || is_many(who)) && !is_speaker(subject)
}

/// `gamers`, `blacks`.
fn is_many(word: &str) -> bool {
    word.len() > PLURAL_LETTERS_MIN && word.ends_with('s') && !has(NO_PLURAL, word)
}

/// Whether `gamers say …` may be a call upon them.
pub(super) fn is_call(verb: &str, subject: &[&str]) -> bool {
    let who = without(subject, &[DOES]).last();
    let elsewhere = who.is_some_and(|who| has(NOBODY_HERE, who))
        || matches!(subject, [.., which, _] if has(WHICH, which));
    has(URGES, verb) && !elsewhere
}

/// Whether there is a subject that is not the speaker.
fn is_somebody(subject: &[&str]) -> bool {
    !subject.is_empty() && !is_speaker(subject)
}

/// Whether the speaker does it, or sends somebody to.
fn is_speaker(subject: &[&str]) -> bool {
    subject.iter().rev().take(SUBJECT_WORDS).any(|word| has(SPEAKER, word))
}

/// Whether a word is one of those in a list.
pub(super) fn has(words: &str, word: &str) -> bool {
    words.split(' ').any(|own| own == word)
}

/// The words without those at their end that say nothing here.
pub(super) fn without<'a, 'b>(words: &'b [&'a str], empty: &[&str]) -> &'b [&'a str] {
    let end = words.iter().rposition(|word| !empty.iter().any(|list| has(list, word)));
    let end = end.map_or(0, |at| at + 1);
    &words[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn around(text: &str, ask: fn(&Around) -> bool) -> bool {
        let (before, after) = text.split_once("blorp").expect("the word is there");
        let after = after.trim_start_matches('s');
        let (before, after): (Vec<&str>, Vec<&str>) =
            (quoted::words(before).collect(), quoted::words(after).collect());
        ask(&Around { before: &before, after: &after, many: false })
    }

    #[test]
    fn a_report_is_no_attack() {
        for (text, expected) in [
            ("he called me a blorp", true),
            ("they keep calling us blorps", true),
            ("my friend gets called a blorp all the time", true),
            ("she called him a fucking blorp yesterday", true),
            ("stop calling people blorps", true),
            ("it's not ok to call her a blorp", true),
            ("nobody should call anyone a blorp", true),
            ("the word blorp is banned here", true),
            ("don't use slurs like blorp", true),
            ("blorp is a slur", true),
            ("he keeps saying blorp on stream", true),
            ("il m'a traite de blorp", true),
            ("le mot blorp est une insulte", true),
            ("i call him a blorp", false),
            ("so i called her a blorp", false),
            ("call him a blorp", false),
            ("we are calling them blorps", false),
            ("so called blorps", false),
            ("those are called blorps", false),
            ("he called me a blorp", true),
            ("blorp is the word for ana", false),
            ("blorp is not an insult its what ana is", false),
            ("ana is the definition of the word blorp", false),
            ("this streamer in one word blorp", false),
            ("keep calling him a blorp chat", false),
            ("everyone start calling her a blorp", false),
            ("i won't stop calling her a blorp", false),
            ("never stop calling her a blorp", false),
            ("i really do love calling her a blorp", false),
            ("everyone say blorp", false),
            ("go say blorp to her", false),
            ("please don't call her a blorp", true),
            ("because blorp is a slur", true),
            ("ana the blorp is an insult", false),
            ("he literally just called her a blorp", true),
            ("some girls are yelling blorp at me", true),
            ("girls yell blorp people", false),
            ("they say blorps act like that", false),
            ("i said blorp", false),
            ("you say blorp", false),
            ("that blorp is a word i know", false),
            ("the blorp called me", false),
            ("what a blorp", false),
            ("je traite de blorp qui je veux", false),
        ] {
            assert_eq!(
                around(text, |text| text.is_word() || text.is_reported()),
                expected,
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_said_of_oneself_or_a_thing() {
        for (text, own, thing) in [
            ("i'm such a blorp", true, false),
            ("im a blorp lol", true, false),
            ("i really am the biggest blorp sometimes", true, false),
            ("i was a blorp back then", true, false),
            ("i was so blorp when i was ten", true, false),
            ("je suis trop blorp", true, false),
            ("because i am a blorp", true, false),
            ("sorry for who i am blorp", false, false),
            ("as much as i am a blorp", false, false),
            ("i'm a blorp hater", false, false),
            ("i'm not a blorp", false, false),
            ("he is a blorp", false, false),
            ("this game is so blorp", false, true),
            ("that's just blorp", false, true),
            ("that is a blorp", false, false),
            ("this guy is blorp", false, false),
            ("it is blorp people like that", false, false),
        ] {
            assert_eq!(around(text, |text| text.is_own()), own, "{text}");
            assert_eq!(around(text, |text| text.is_thing()), thing, "{text}");
        }
    }
}
