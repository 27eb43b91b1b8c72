//! Finds a word that its sender split over several messages.
//!
//! Ordinary chat is full of short messages, and two of them may spell something by accident.
//! So the pieces must make up exactly one listed word, from the start of a message to the end
//! of this one, and at least one piece must be no word of its own.

use std::ops::Range;

use crate::message::View;

/// Milder words are not worth the risk of an accident.
pub(super) const SEVERITY_MIN: u8 = 2;
/// Longer pieces are words.
const PIECE_LETTERS_MAX: usize = 5;
/// The longest word looked for has this many pieces.
const PIECES_MAX: usize = 16;
/// Two letters on their own spell half the abbreviations of the chat.
const SINGLE_PIECES_MIN: usize = 3;

/// Short words that stand alone in chat, English and French.
const WORDS: &str = "a ah ai ans as at au aw ban be bed big bon boo box boy but by bye cap car ce \
    ces che chat cod cou cut da dad day de des did dig do doe dog du eh elle en end er es \
    est et eu ew fan fat few fin fit for from full fun get gg gl go god gone good got gros gun ha \
    had has hat he hein her hey hi hit ho hop hot how hum i ici if ii il in ing is it ja je jeu \
    job joe ka ki kick kid kill king ko la lad lag las last le les let lit lo lock lol long lot \
    lu ma mad maid male man map mat me mec men mes mine mo mon my na nah nan ne net new ni nice \
    no non nope not nt nul of off oh oi ok old om on one oof op or os ou out own pa pan par pas \
    pay pen per pet pi pin pit play plus po pop pot pre pro pu put quoi ra rat raid re rip ris \
    rock run sa sad say se sec sent ses set si sit so son sous sub sur ta tard te tes the \
    ti tir to toi ton too top tu um un une up us ut va vu wa was we wet what who why win wo \
    word wow ya yay ye yep yes yo you";

/// The letters of a message that is one short piece, and where they stand.
pub(super) fn last_piece(view: &View) -> Option<(String, Range<usize>)> {
    // Nothing longer can be a piece: letters with a sign between and around each.
    if view.text.len() > 8 * PIECE_LETTERS_MAX {
        return None;
    }
    let letters = piece(&view.text)?;
    let start = view.text.find(char::is_alphanumeric)?;
    let last = view.text.rfind(char::is_alphanumeric)?;
    let end = last + view.text[last..].chars().next().map_or(0, char::len_utf8);
    Some((letters, start..end))
}

/// The letters of a message with one short word, or with letters that stand alone.
fn piece(text: &str) -> Option<String> {
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    let mut letters = String::new();
    let mut count = 0;
    let mut alone = true;
    for word in words {
        count += 1;
        alone &= word.chars().nth(1).is_none();
        if count > 1 && !alone || letters.chars().count() > PIECE_LETTERS_MAX {
            return None;
        }
        letters.push_str(word);
    }
    let fits = (1..=PIECE_LETTERS_MAX).contains(&letters.chars().count());
    fits.then(|| letters.to_lowercase())
}

/// The listed word that the messages before and this one spell together.
pub(super) fn split_word(
    last: &str,
    tail: &[String],
    listed: impl Fn(&str) -> Option<u32>,
) -> Option<u32> {
    let mut pieces = vec![last.to_owned()];
    let mut word = last.to_owned();
    let mut found = None;
    for text in tail.iter().rev().take(PIECES_MAX) {
        let Some(piece) = piece(text) else { break };
        word.insert_str(0, &piece);
        pieces.push(piece);
        if let Some(entry) = listed(&word).filter(|_| is_deliberate(&pieces)) {
            found = Some(entry);
        }
    }
    found
}

fn is_deliberate(pieces: &[String]) -> bool {
    let single = |piece: &String| piece.chars().nth(1).is_none();
    if pieces.iter().all(single) {
        // `k`, `k`, `k` is agreement, not spelling.
        return pieces.len() >= SINGLE_PIECES_MIN && pieces.iter().any(|p| *p != pieces[0]);
    }
    pieces.iter().any(|piece| !single(piece) && !is_word(piece))
}

/// Whether a piece is one of the short words of chat.
pub(super) fn is_word(piece: &str) -> bool {
    WORDS.split_whitespace().any(|word| word == piece)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_spell_a_word() {
        let check = |tail: &[&str], last: &str, expected: bool| {
            let tail: Vec<String> = tail.iter().map(|t| (*t).to_owned()).collect();
            let listed = |word: &str| ["blorp", "goon", "kkk"].iter().position(|w| *w == word);
            let found = split_word(last, &tail, |word| listed(word).map(|at| at as u32));
            assert_eq!(found.is_some(), expected, "{tail:?} {last}");
        };
        check(&["b", "l", "o", "r"], "p", true);
        check(&["hello there", "b", "l", "o", "r"], "p", true);
        check(&["bl"], "orp", true);
        check(&["b l", "o"], "rp", true);
        check(&["B", "L!", "o"], "rp", true);
        check(&[], "blorp", false);
        check(&["go"], "on", false);
        check(&["k", "k"], "k", false);
        check(&["xb", "l"], "orp", false);
        check(&["b", "so then", "l", "o", "r"], "p", false);
    }
}
