//! Tells a listed word that is talked about from one that is hurled.
//!
//! Who was called something reports it, who asks others not to say a word has to say which, and who
//! laughs at themselves hurts nobody. Such a word need not be seen, but its message need not wait
//! for a person either. Everything here is about the few words around the term, so that no padding
//! buys it: somebody else calls, says, or is called; the word is named as a word; or it is said of
//! the speaker or, where it is mild, of a thing. Whoever is spoken to ends it.

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
/// Whoever calls stands so near before the verb.
const SUBJECT_WORDS: usize = 3;

/// Between a verb and the word.
const ARTICLES: &str =
    "a an the some such another or and n fucking damn un une le la les des de d sale gros grosse";
/// In front of somebody.
const POINTS: &str = "that this these those my your his her their";
/// What a word is called that is named.
const NAMES: &str = "word words term terms slur slurs epithet mot mots terme";
const LIKE: &str = "like as such is was of comme est";
const CALLS: &str = "calls called calling call";
const BECOMES: &str = "get gets got gotten getting be being been was";
const ME: &str = "me us";
const OTHERS: &str = "him her it them people someone somebody anyone anybody everyone everybody \
    others folks kids players guys girls women men";
const WHOSE: &str = "my his her their our the a black gay trans asian other";
/// Who speaks, and whom the speaker sends to do it.
const SPEAKER: &str =
    "i we i'll ill i'm im i'd id ima imma i've let lets let's gonna wanna je j j'ai so please just";
/// Who speaks so is not the speaker, or says that nobody should.
const OTHERWISE: &str = "not don't dont stop never nobody no quit cannot can't cant shouldn't \
    shouldnt they people who them";
const SAYS: &str = "say says said saying yell yells yelled yelling scream screams screamed \
    screaming shout shouts shouted shouting typed typing dire dit disent crie crient";
/// Traité de…: French says call so.
const TREATS: &str = "traite traites traitee traitent traitait traiter";
/// How very much somebody or something is it.
const VERY: &str = "so such just being be really literally truly kinda slightly feel feeling \
    biggest big huge total totally completely fucking pretty too very as bit little still \
    definitely basically absolutely vraiment trop tellement";
/// A thing is never `a …`: that is somebody.
const ONE: &str = "a an the un une gros grosse";
const SELF: &str = "i'm im am j'suis chuis";
const THINGS: &str = "it this that which everything something game movie film show song rule idea \
    lag stream update map boss level ca cela jeu";
const ITS: &str = "its it's thats that's c'est";
const IS: &str = "is was looks sounds seems est etait";
/// What may follow without making the word a part of a longer name.
const GOES_ON: &str = "to at in on all and or when is was wasn't isn't wasn isn maybe like for \
    again because but so as every with around back then than if by it he she they i lol lmao \
    haha xd tbh rn today sometimes though too et ou a quand parce mais mdr dans";
const ABOUT_WORDS: &str = "slur slurs epithet insult word term offensive derogatory insulte mot";

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
    if before.trim_end().ends_with(',') {
        return false;
    }
    let ends = |c: char| matches!(c, '.' | '!' | '?' | ';' | '\n');
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
        between.is_some_and(|between| quoted::words(between).all(|word| has(ARTICLES, word)))
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
        if quoted::is_addressed(&[], self.after) {
            return false;
        }
        let inner = without(self.before, &[ARTICLES]);
        self.is_called_me(inner)
            || !quoted::is_addressed(self.before, self.after)
                && (self.is_named(inner)
                    || self.is_called(inner)
                    || self.is_treated(inner)
                    || self.is_said())
    }

    /// `called me a …`, whoever did.
    fn is_called_me(&self, inner: &[&str]) -> bool {
        matches!(inner, [.., verb, me] if has(CALLS, verb) && has(ME, me))
    }

    /// `the word …`, `a slur like …`, `… is a slur`, `… as an insult`.
    fn is_named(&self, inner: &[&str]) -> bool {
        let named = without(inner, &[LIKE]).last().is_some_and(|last| has(NAMES, last));
        let about = self.after.iter().skip(1).take(4).any(|word| has(ABOUT_WORDS, word));
        let is = |word: &&str| matches!(*word, "is" | "was" | "as" | "est" | "comme");
        let points = |last: &&str| has(ARTICLES, last) || has(POINTS, last);
        let bare = !self.before.last().is_some_and(points);
        named || bare && about && self.after.first().is_some_and(is)
    }

    /// `gets called a …`, `she called him a …`, `stop calling people …`; not `I call him …`.
    fn is_called(&self, inner: &[&str]) -> bool {
        let object = match inner {
            [.., own, _] if has(WHOSE, own) => 2,
            [.., whom] if has(OTHERS, whom) => 1,
            [.., becomes, "called"] => return has(BECOMES, becomes),
            _ => return false,
        };
        let Some((verb, subject)) = inner[..inner.len() - object].split_last() else {
            return false;
        };
        let near = &subject[subject.len().saturating_sub(SUBJECT_WORDS)..];
        let negated = near.iter().any(|word| has(OTHERWISE, word));
        match *verb {
            "call" => negated,
            verb => {
                let own = near.iter().any(|word| has(SPEAKER, word));
                has(CALLS, verb) && (negated || !own)
            }
        }
    }

    /// `il m'a traité de …`.
    fn is_treated(&self, inner: &[&str]) -> bool {
        let Some((verb, subject)) = inner.split_last() else { return false };
        let near = &subject[subject.len().saturating_sub(SUBJECT_WORDS)..];
        has(TREATS, verb) && !near.iter().any(|word| has(SPEAKER, word))
    }

    /// `he keeps saying …`, and nothing behind it that the word could belong to.
    fn is_said(&self) -> bool {
        let Some((verb, subject)) = self.before.split_last() else { return false };
        let near = &subject[subject.len().saturating_sub(SUBJECT_WORDS)..];
        let ends = self.after.first().is_none_or(|next| has(GOES_ON, next));
        has(SAYS, verb) && ends && !near.iter().any(|word| has(SPEAKER, word))
    }

    /// `I'm such a …`.
    fn is_own(&self) -> bool {
        let ends = self.after.first().is_none_or(|next| has(GOES_ON, next));
        let own = match without(self.before, &[VERY, ONE]) {
            // As much as the speaker is: no word of what the speaker is.
            [.., "as", "i", _] => false,
            [.., "i", "was"] | [.., "je", "suis"] => true,
            [.., last] => has(SELF, last),
            [] => false,
        };
        own && ends && !quoted::is_addressed(&[], self.after)
    }

    /// `this game is so …`.
    fn is_thing(&self) -> bool {
        let ends = self.after.first().is_none_or(|next| has(GOES_ON, next));
        let thing = match without(self.before, &[VERY]) {
            [.., thing, verb] if has(IS, verb) => has(THINGS, thing),
            [.., last] => has(ITS, last),
            [] => false,
        };
        thing && ends
    }
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
            ("he called me a blorp you blorp", false),
            ("she called him a blorp you know", false),
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
            ("i'm a blorp hater", false, false),
            ("i'm not a blorp", false, false),
            ("he is a blorp", false, false),
            ("im a blorp and you too", false, false),
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
