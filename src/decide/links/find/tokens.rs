//! Cuts a plain reading into names, spaces, dots and the rest.

use std::ops::Range;

use crate::message::View;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// Letters, digits, and hyphens between them.
    Label,
    Space,
    /// A full stop; not one that only looks like it where `odd`.
    Dot {
        odd: bool,
    },
    Other(char),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub what: What,
    /// Bytes of the plain reading.
    pub span: Range<usize>,
}

/// The tokens of a text from its plain reading.
pub(super) fn tokens(text: &str, plain: &View) -> Vec<Token> {
    let mut tokens: Vec<Token> = Vec::new();
    for (at, c) in plain.text.char_indices() {
        let what = match c {
            ' ' => What::Space,
            '.' => What::Dot { odd: !text[plain.original(at..at + 1)].contains('.') },
            // The full stop of Chinese and Japanese, which browsers take for a dot.
            '。' if between_latin(&plain.text, at) => What::Dot { odd: true },
            c if is_inside(c) => What::Label,
            c => What::Other(c),
        };
        let end = at + c.len_utf8();
        match tokens.last_mut() {
            Some(last) if what == last.what && matches!(what, What::Label | What::Space) => {
                last.span.end = end;
            }
            _ => tokens.push(Token { what, span: at..end }),
        }
    }
    for token in &mut tokens {
        let label = &plain.text[token.span.clone()];
        let trimmed = label.trim_matches('-');
        match token.what {
            What::Label if trimmed.is_empty() => token.what = What::Other('-'),
            What::Label => {
                let lead = label.len() - label.trim_start_matches('-').len();
                token.span = token.span.start + lead..token.span.start + lead + trimmed.len();
            }
            _ => {}
        }
    }
    tokens
}

fn is_inside(c: char) -> bool {
    c.is_alphanumeric() || c == '-' || unicode_normalization::char::is_combining_mark(c)
}

fn between_latin(text: &str, at: usize) -> bool {
    let latin = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    latin(text[..at].chars().next_back()) && latin(text[at..].chars().nth(1))
}
