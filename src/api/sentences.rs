//! Cuts a text into its sentences, and into parts that a model reads whole.

use std::ops::Range;

/// The sentences of a text without the space around them, at most `max`: the last is all that is
/// left then. A line ends a sentence; so does a full stop of any script, with what closes it.
pub fn sentences(text: &str, max: usize) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut start = 0;
    let mut letters = text.char_indices().peekable();
    while let Some((at, letter)) = letters.next() {
        if found.len() + 1 >= max {
            break;
        }
        let end = at + letter.len_utf8();
        let next = letters.peek().map(|(_, next)| *next);
        let over = match letter {
            '\n' | '\r' => true,
            // These are written without a space after them.
            '。' | '！' | '？' | '｡' => next.is_none_or(|next| !goes_on(next)),
            _ if goes_on(letter) => {
                let ends = last_stop(&text[start..end]);
                ends && next.is_none_or(char::is_whitespace)
            }
            _ => false,
        };
        if over {
            found.extend(trimmed(text, start..end));
            start = end;
        }
    }
    found.extend(trimmed(text, start..text.len()));
    found
}

/// What is read by itself: each sentence or, where there are more than `max`, as many of them
/// together as fit into `bytes_max`. None is longer; it is cut after a word, or a character.
pub fn parts(text: &str, max: usize, bytes_max: usize) -> Vec<Range<usize>> {
    let sentences = sentences(text, usize::MAX);
    let merges = sentences.len() > max;
    let mut parts: Vec<Range<usize>> = Vec::new();
    for mut rest in sentences {
        let fits = |last: &&mut Range<usize>| merges && rest.end - last.start <= bytes_max;
        if let Some(last) = parts.last_mut().filter(fits) {
            last.end = rest.end;
            continue;
        }
        while rest.len() > bytes_max {
            let most = text.floor_char_boundary(rest.start + bytes_max);
            // A character that is longer than a part is a part.
            let most = if most > rest.start { most } else { rest.end };
            let word = text[rest.start..most].rfind(char::is_whitespace);
            let cut = word.filter(|at| *at > 0).map_or(most, |at| rest.start + at);
            parts.push(rest.start..cut);
            rest.start = cut;
        }
        parts.push(rest);
    }
    parts
}

/// What ends a sentence, and what may stand after the stop that does.
fn goes_on(letter: char) -> bool {
    matches!(
        letter,
        '.' | '!'
            | '?'
            | '…'
            | '؟'
            | '۔'
            | '।'
            | '。'
            | '！'
            | '？'
            | '｡'
            | '"'
            | '\''
            | ')'
            | ']'
            | '»'
            | '”'
            | '’'
            | '」'
            | '』'
    )
}

/// Whether a stop stands before whatever closes the text.
fn last_stop(text: &str) -> bool {
    let closes = |c: char| matches!(c, '"' | '\'' | ')' | ']' | '»' | '”' | '’' | '」' | '』');
    text.trim_end_matches(closes).ends_with(|c: char| goes_on(c) && !closes(c))
}

fn trimmed(text: &str, range: Range<usize>) -> Option<Range<usize>> {
    let inside = &text[range.clone()];
    let start = range.start + (inside.len() - inside.trim_start().len());
    let end = start + inside.trim().len();
    (end > start).then_some(start..end)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sentences_end_where_people_end_them() {
        for (text, expected) in [
            ("", vec![]),
            (" \n ", vec![]),
            ("hello", vec!["hello"]),
            ("What a name? Sorry, I like it.", vec!["What a name?", "Sorry, I like it."]),
            ("one!!! two... three", vec!["one!!!", "two...", "three"]),
            ("version 1.2 is out", vec!["version 1.2 is out"]),
            ("see example.org now", vec!["see example.org now"]),
            ("she said \"no.\" and left", vec!["she said \"no.\"", "and left"]),
            ("one\ntwo\r\nthree", vec!["one", "two", "three"]),
            ("你好。再见！好", vec!["你好。", "再见！", "好"]),
            ("« oui ? » dit-il", vec!["« oui ?", "» dit-il"]),
            ("(a) b", vec!["(a) b"]),
        ] {
            let found: Vec<&str> = sentences(text, 99).into_iter().map(|s| &text[s]).collect();
            assert_eq!(found, expected, "{text:?}");
        }
        let few: Vec<&str> =
            sentences("a. b. c. d.", 2).into_iter().map(|s| &"a. b. c. d."[s]).collect();
        assert_eq!(few, ["a.", "b. c. d."]);
    }

    proptest! {
        #[test]
        fn parts_are_short_and_leave_out_space_alone(
            text in "([a-z😀é]{0,9}[ .\n]{0,2}){0,30}",
            max in 0usize..9,
        ) {
            let mut end = 0;
            for part in parts(&text, max, 20) {
                prop_assert!(part.start >= end && !part.is_empty() && part.len() <= 20);
                prop_assert!(text[end..part.start].trim().is_empty());
                end = part.end;
            }
            prop_assert!(text[end..].trim().is_empty());
        }
    }
}
