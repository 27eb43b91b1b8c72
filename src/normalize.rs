//! Undoes evasion and keeps the way back to the original bytes.
//!
//! A text has up to eight readings. Each is built only where it says something that the one
//! before it does not, so that an ordinary line costs one pass.

use crate::{
    letters,
    message::{Canonical, View, ViewKind},
};

mod choose;
mod decode;
mod fold;
mod leet;
mod squeeze;
mod turned;

/// The readings of a text, most literal first; there is always a plain one.
pub fn normalize(text: &str) -> Canonical {
    let (plain, origin) = letters::plain(text);
    let mut views = Vec::with_capacity(6);
    views.push(View { kind: ViewKind::Plain, text: plain, origin });
    views.extend(fold::folded(&views[0]));
    let likeliest = usize::from(views.len() > 1);
    views.extend(squeeze::squeezed(&views[likeliest]));
    views.extend(decode::decoded(text, &views[0]));
    if !text.is_ascii() {
        views.extend(turned::turned(&views[0]));
    }
    Canonical { original: text.to_owned(), views }
}

/// Adds one character to a view under construction.
fn push(view: &mut View, c: char, from: (u32, u32)) {
    view.text.push(c);
    view.origin.resize(view.text.len(), from);
}

fn empty(kind: ViewKind, like: &View) -> View {
    let bytes = like.text.len();
    View { kind, text: String::with_capacity(bytes), origin: Vec::with_capacity(bytes) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(text: &str, kind: ViewKind) -> Option<String> {
        normalize(text).views.into_iter().find(|v| v.kind == kind).map(|v| v.text)
    }

    #[test]
    fn folds_lookalikes_and_leet() {
        let check = |text: &str, expected: &str| {
            assert_eq!(reading(text, ViewKind::Folded).as_deref(), Some(expected), "{text}");
        };
        check("bl0rp", "blorp");
        check("6lorp", "glorp");
        check("gr3mb$", "grembs");
        check("$plorp", "splorp");
        check("@blorp", "ablorp");
        check("sk!lp!", "skilp!");
        check("s1op sh1p ki11 blo1e", "slop ship kill blole");
        check("blоrр", "blorp");
        check("g𝘳@𝘱", "grap");
        check("ʙʟᴏʀᴘ", "blorp");
        check("🇧🇱🇴🇷🇵", "blorp");
    }

    #[test]
    fn signs_are_the_letters_that_make_words() {
        let check = |text: &str, first: &str, other: Option<&str>| {
            let folded = normalize(text).views.into_iter().filter(|v| v.kind == ViewKind::Folded);
            let read: Vec<String> = folded.map(|view| view.text).collect();
            assert_eq!(read[0], first, "{text}");
            assert!(other.is_none_or(|other| read.iter().any(|text| text == other)), "{read:?}");
        };
        check("wou|_|) th3y s\\/\\/im", "would they swim", None);
        check("the i/\\/\\/ader's pho/\\/€", "the invader's phone", None);
        check("don'+ 5ay i7", "don't say it", None);
        check("p|_|t i7 (h3re)", "put it (here)", None);
        check("the 7+h |3us", "the 7th bus", None);
        // Two good readings, one a view.
        check("th3y |3arn", "they barn", Some("they learn"));
        check("c'€st b!€n t0!", "c'est bien to!", Some("c'est bien toi"));
        // No reading is a word that people use.
        check("|3lo|2p", "blorp", None);
    }

    #[test]
    fn a_wall_of_signs_is_read_once() {
        for signs in ["|3", "(|", "/\\/", "|_|\\/|", "1!|"] {
            for width in [5, 31, 4000] {
                let text = format!("a{} ", signs.repeat(width)).repeat(8000 / width);
                assert!(normalize(&text).views.len() <= 7, "{signs} {width}");
            }
        }
    }

    /// Tried to their ends, these would take longer than anybody waits.
    #[test]
    fn a_word_that_no_letters_make_is_given_up() {
        for (signs, end) in [("vv", "_a"), ("1", "*a"), ("|3", "_a"), ("ph", "_a"), ("(", "|_a")] {
            let word = format!("g{}{end}", signs.repeat(60 / signs.len()));
            for text in [format!("|3 1t {word}"), format!("|3 1t{}", format!(" {word}").repeat(99))]
            {
                assert!(normalize(&text).views.len() <= 7, "{text}");
            }
        }
    }

    #[test]
    fn squeezes_repeats_and_separators() {
        let check = |text: &str, expected: &str| {
            assert_eq!(reading(text, ViewKind::Squeezed).as_deref(), Some(expected), "{text}");
        };
        check("bloooorp", "blorp");
        check("b l o r p", "blorp");
        check("b.l.o.r.p!", "blorp!");
        check("b l o r p  n o w", "blorp  now");
        check("so b-l-o-r-p it", "so blorp it");
        check("bl.orp it", "blorp it");
        check("b  l  o  r  p", "blorp");
        check("b.l.oo.r.p", "blorp");
        check("a b l o r p", "ablorp blorp");
        check("so b l o r p j'ai", "so blorp j'ai");
        check("a b.l.o.r.p", "a blorp");
        check("bliirp", "blirp");
    }

    #[test]
    fn an_ordinary_text_has_one_reading() {
        for text in [
            "",
            "b l 0 r p",
            "нет, так не надо",
            "hello there, how are you?",
            "meet at 20h30, table 12, 3.50 or $5",
            "c'est l'heure d'y aller, j'ai qu'une minute",
            "1v1 me 100% at 10:45 on ps5",
            "привет, как дела",
            "great!! see https://example.org/a1b2c3?q=4 ok",
            "élève à l'école",
        ] {
            let views = normalize(text).views;
            assert_eq!(views.len(), 1, "{text}: {views:?}");
        }
    }

    #[test]
    fn the_way_back_is_exact() {
        let check = |text: &str, kind: ViewKind, find: &str, expected: &str| {
            let views = normalize(text).views;
            let view = views.iter().find(|v| v.kind == kind).expect("the view is there");
            let at = view.text.find(find).expect("the word is in the view");
            let span = view.original(at..at + find.len());
            assert_eq!(&text[span], expected, "{text}");
        };
        check("oh BLORP!", ViewKind::Plain, "blorp", "BLORP");
        check("oh ＢＬＯＲＰ!", ViewKind::Plain, "blorp", "ＢＬＯＲＰ");
        check("é bl\u{200b}órp\u{301}!", ViewKind::Plain, "blorp", "bl\u{200b}órp\u{301}");
        check("é bl0rp", ViewKind::Folded, "blorp", "bl0rp");
        check("é b l o o o r p e", ViewKind::Squeezed, "blorpe", "b l o o o r p e");
        check("é blooorppp", ViewKind::Squeezed, "blorp", "blooorppp");
    }
}
