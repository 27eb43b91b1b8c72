//! Tells a listed word that is talked about from one that is hurled.
//!
//! Who was called something reports it, who asks others not to say a word has to say which, and who
//! laughs at themselves hurts nobody. Such a word need not be seen, but its message need not wait
//! for a person either. What counts is who does it, right before the term: somebody else calls or
//! says, or is not to; the word is named as a word; or it is said of the speaker or, where it is
//! mild, of a thing. Where anybody is spoken to, anywhere in the message, it is no mention, and
//! what the speaker calls others is none either.

use std::ops::Range;

use super::{Seen, quoted};
use crate::{
    letters,
    message::{Hit, ViewKind},
};

/// Longer terms are statements, and a statement that is passed on is still made.
const WORDS_MAX: usize = 2;
/// Worse words of a thing are meant for those whom they name.
const THING_LEVEL_MAX: u8 = 2;
/// Enough for `, or a `.
const JOINT_BYTES_MAX: usize = 12;
/// Whoever is not to do it, or does it, stands so near before the verb.
const SUBJECT_WORDS: usize = 4;

/// Between a verb and the word.
const ARTICLES: &str =
    "a an the some such another or and n fucking damn un une le la les des de d sale gros grosse";
/// Between words that are named in one breath.
const JOINTS: &str = "or and n ou et";
/// What a word is called that is named: a slur is one whatever stands before it …
const SLURS: &str = "slur slurs epithet insulte insultes";
/// … and a word only where it is pointed at.
const NAMES: &str = "word words term terms mot mots terme";
const POINTS: &str = "the that this le ce";
/// What may stand before `the word`.
const NAMING: &str = "say says said saying use uses used using hear heard hate hates ban bans \
    banned banning type typed about with without because when if dire dit disent utilise";
const LIKE: &str = "like as such comme";
const CALLS: &str = "calls called calling call";
const BECOMES: &str = "get gets got gotten getting being been was";
const ME: &str = "me us";
const OTHERS: &str = "him her it them people someone somebody anyone anybody everyone everybody \
    others folks kids players guys girls women men";
const WHOSE: &str = "my his her their our the a black gay trans asian other";
/// Who does it that is not the speaker and is not told to.
const HE: &str = "he she they one someone somebody people who dude guy guys girls boys kids \
    players teammates rappers friend mom dad brother sister boss teacher parents il elle ils elles \
    on";
/// Between whoever does it and what they do.
const DOES: &str = "keeps kept keep is was are were been has had have started just always even \
    literally m'a t'a l'a m'ont l'ont nous se fait";
/// Who speaks, and whom the speaker sends to do it.
const SPEAKER: &str =
    "i we i'll ill i'm im i'd id ima imma i've let lets let's gonna wanna je j j'ai please";
const NOT: &str = "not don't dont stop never nobody no quit shouldn't shouldnt";
/// With these a `not` is a boast.
const BOASTS: &str = "won't wont can't cant cannot couldn't wouldn't why love like keep start";
const SAYS: &str = "say says said saying yell yells yelled yelling scream screams screamed \
    screaming shout shouts shouted shouting typed typing dire dit disent crie crient";
/// Traité de…: French says call so.
const TREATS: &str = "traite traites traitee traitent traitait";
/// How very much somebody or something is it.
const VERY: &str = "so such just being be really literally truly kinda slightly feel feeling \
    biggest big huge total totally completely fucking pretty too very as bit little still \
    definitely basically absolutely vraiment trop tellement";
/// A thing is never `a …`: that is somebody.
const ONE: &str = "a an the un une gros grosse";
const SELF: &str = "i'm im j'suis chuis";
/// What may stand before `I am`.
const AND: &str = "and but because when yes well lol since cause cuz mais et car que if that then";
const THINGS: &str = "it this that which everything something game movie film show song rule idea \
    lag stream update map boss level ca cela jeu";
const ITS: &str = "its it's thats that's c'est";
const IS: &str = "is was looks sounds seems est etait";
/// What may follow without making the word a part of a longer name.
const GOES_ON: &str = "to at in on all and or when is was wasn't isn't wasn isn maybe like for \
    again because but so as every with around back then than if by it he she they i lol lmao \
    haha xd tbh rn today sometimes though too et ou a quand parce mais mdr dans";
const OFFENSIVE: &str = "slur slurs epithet insult offensive derogatory insulte";

/// Whether a term is only talked about.
pub(super) fn is_mention(seen: &Seen, hit: &Hit) -> bool {
    let text = &seen.message.text;
    let short = hit.term.split_whitespace().count() <= WORDS_MAX;
    let whole = listing(seen, hit);
    let (Some(before), Some(after)) = (text.get(..whole.start), text.get(whole.end..)) else {
        return false;
    };
    if hit.view != ViewKind::Plain || !short || !quoted::has_innocent_uses(hit) {
        return false;
    }
    // Behind a comma somebody is spoken to.
    if before.trim_end().ends_with(',') || quoted::is_said_to_somebody(&letters::plain(text).0) {
        return false;
    }
    let ends = |c: char| matches!(c, '.' | '!' | '?' | ';' | ':' | '(' | ')' | '–' | '—' | '\n');
    let before = letters::plain(before.rsplit(ends).next().unwrap_or_default()).0;
    let after = letters::plain(after.split(ends).next().unwrap_or_default()).0;
    let (before, after): (Vec<&str>, Vec<&str>) =
        (quoted::words(&before).collect(), quoted::words(&after).collect());
    let around = Around { before: &before, after: &after };
    let mild = hit.severity.level() <= THING_LEVEL_MAX;
    around.is_reported() || around.is_own() || mild && around.is_thing()
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
}

impl Around<'_> {
    fn is_reported(&self) -> bool {
        let inner = without(self.before, &[ARTICLES]);
        if self.is_called_me(inner) {
            return true;
        }
        // What the speaker does is no report.
        if self.before.iter().any(|word| has(SPEAKER, word)) {
            return self.is_asked_not_to(inner);
        }
        self.is_named(inner)
            || self.is_offensive()
            || self.is_called(inner)
            || self.is_asked_not_to(inner)
            || self.is_said()
    }

    /// `called me a …`, whoever did.
    fn is_called_me(&self, inner: &[&str]) -> bool {
        matches!(inner, [.., verb, me] if has(CALLS, verb) && has(ME, me))
    }

    /// `the word …`, `a slur like …`.
    fn is_named(&self, inner: &[&str]) -> bool {
        match without(inner, &[LIKE]) {
            [.., last] if has(SLURS, last) => true,
            [rest @ .., the, last] if has(NAMES, last) && has(POINTS, the) => {
                rest.last().is_none_or(|verb| has(NAMING, verb))
            }
            _ => false,
        }
    }

    /// `… is a slur`.
    fn is_offensive(&self) -> bool {
        let first = self.before.last().is_none_or(|last| has(AND, last));
        let said = match self.after {
            [is, a, what, ..] if has(ONE, a) => has(IS, is) && has(OFFENSIVE, what),
            [is, what, ..] => has(IS, is) && has(OFFENSIVE, what),
            _ => false,
        };
        first && said
    }

    /// `gets called a …`, `she called him a …`, `il l'a traité de …`.
    fn is_called(&self, inner: &[&str]) -> bool {
        if let [.., becomes, "called"] = inner {
            return has(BECOMES, becomes);
        }
        match inner.split_last() {
            Some((verb, subject)) if has(TREATS, verb) => is_another(subject),
            _ => called(inner).is_some_and(|(verb, subject)| verb != "call" && is_another(subject)),
        }
    }

    /// `stop calling people …`, `nobody should call anyone a …`; not `never stop calling …`.
    fn is_asked_not_to(&self, inner: &[&str]) -> bool {
        let Some((verb, subject)) = called(inner) else { return false };
        let near = &subject[subject.len().saturating_sub(SUBJECT_WORDS)..];
        let nots = near.iter().filter(|word| has(NOT, word)).count();
        let polite = |word: &&&str| **word != "please" && has(SPEAKER, word);
        matches!(verb, "call" | "calling")
            && nots == 1
            && !self.before.iter().any(|word| has(BOASTS, word))
            && self.before.iter().find(polite).is_none()
    }

    /// `he keeps saying …`, and nothing behind it that the word could belong to.
    fn is_said(&self) -> bool {
        let Some((verb, subject)) = self.before.split_last() else { return false };
        has(SAYS, verb) && self.ends() && is_another(subject)
    }

    /// `I'm such a …`.
    fn is_own(&self) -> bool {
        let own = match without(self.before, &[VERY, ONE]) {
            [rest @ .., "am" | "was"] => match without(rest, &[VERY]) {
                [rest @ .., "i"] => rest,
                _ => return false,
            },
            [rest @ .., "je", "suis"] => rest,
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

/// Whether somebody else does it, who is named right before.
fn is_another(subject: &[&str]) -> bool {
    without(subject, &[DOES]).last().is_some_and(|last| has(HE, last))
}

fn has(words: &str, word: &str) -> bool {
    words.split(' ').any(|own| own == word)
}

/// The words without those at their end that say nothing here.
fn without<'a, 'b>(words: &'b [&'a str], empty: &[&str]) -> &'b [&'a str] {
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
        ask(&Around { before: &before, after: &after })
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
            assert_eq!(around(text, |text| text.is_reported()), expected, "{text}");
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
