//! Recognises what is written for the dot of an address: words, brackets, spaces.

use super::{Finder, tokens::What};
use crate::decide::links::hosts;

/// What stands between two labels of a host, the plainest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Joint {
    Dot,
    /// A character that is drawn like a dot.
    Odd,
    /// `(.)`, `[dot]`.
    Bracketed,
    /// ` dot `
    Word,
    /// `name .com`
    Before,
    /// `name . com`
    Around,
    /// `name. com`
    Behind,
    /// Nothing but a space, before the ending of a known invitation.
    Gone,
}

/// How a link was hidden, for moderators.
pub(super) fn told(joint: Joint) -> &'static str {
    match joint {
        Joint::Dot | Joint::Odd => "with dots of another kind",
        Joint::Bracketed => "with its dots in brackets",
        Joint::Word => "with its dots spelt out",
        Joint::Before | Joint::Around | Joint::Behind | Joint::Gone => "with spaces in it",
    }
}

/// A host that was taken apart, as far as it decides whether it is one.
pub(super) struct Case<'a> {
    pub tld: &'a str,
    /// The label before the ending.
    pub name: &'a str,
    /// A list or the policy knows it.
    pub known: bool,
    pub path: bool,
    /// Nothing but punctuation behind it.
    pub ends: bool,
}

/// A sentence may begin behind any dot; so the looser the joint, the more must speak for a link.
pub(super) fn counts(joint: Joint, case: &Case) -> bool {
    let bare = hosts::is_bare(case.tld);
    let name = case.name.chars().count();
    if name < 2 && !case.known {
        return false;
    }
    match joint {
        Joint::Word => case.known || is_spoken(case.tld),
        // "asp .net" and "jeux .io" are spoken of without any site.
        Joint::Before => case.path || case.known || (bare && !matches!(case.tld, "net" | "io")),
        Joint::Around => case.path && (bare || case.known) || bare && (case.ends || name >= 6),
        Joint::Behind => {
            (case.path && (bare || case.known))
                || (case.ends && matches!(case.tld, "com" | "org" | "xyz") && name >= 3)
        }
        _ => false,
    }
}

/// Endings that are spoken with their dot. "Can you point me to it" has none of them.
fn is_spoken(tld: &str) -> bool {
    matches!(tld, "gg" | "tv") || (hosts::is_bare(tld) && !matches!(tld, "link" | "click" | "club"))
}

/// Words that no site is called by when its dot is spelt out or apart: `the dot com boom`, `un
/// point fr`, `le .net`.
pub(super) fn is_stop(word: &str) -> bool {
    const WORDS: [&str; 62] = [
        "a", "an", "the", "this", "that", "my", "your", "his", "her", "our", "their", "some",
        "any", "no", "of", "in", "on", "at", "to", "is", "are", "and", "or", "with", "for", "by",
        "every", "each", "domain", "le", "la", "les", "un", "une", "des", "du", "de", "au", "aux",
        "ce", "cet", "cette", "mon", "ton", "son", "ma", "ta", "sa", "en", "et", "ou", "sur",
        "bon", "mauvais", "quel", "chaque", "dernier", "premier", "tout", "domaine", "c", "l",
    ];
    WORDS.contains(&word)
}

/// Words for a dot.
fn is_dot(word: &str) -> bool {
    matches!(word, "dot" | "d0t" | "point" | "punto" | "punkt")
}

impl Finder<'_> {
    /// What stands for a dot behind a label, from token `at` on, and the label behind it.
    pub(super) fn joint(&self, at: usize) -> Option<(Joint, usize)> {
        let space = |at: usize| usize::from(self.what(at) == Some(What::Space));
        let is_label = |at: usize| self.what(at) == Some(What::Label);
        let before = space(at);
        let dot = at + before;
        if let Some(What::Dot { odd }) = self.what(dot) {
            let behind = space(dot + 1);
            let joint = match (before, behind) {
                (0, 0) if odd => Joint::Odd,
                (0, 0) => Joint::Dot,
                (_, 0) => Joint::Before,
                (0, _) => Joint::Behind,
                _ => Joint::Around,
            };
            let next = dot + 1 + behind;
            return is_label(next).then_some((joint, next));
        }
        if let Some(next) = self.bracketed(dot) {
            let next = next + space(next);
            return is_label(next).then_some((Joint::Bracketed, next));
        }
        if before == 0 {
            return None;
        }
        let word =
            is_label(dot) && is_dot(self.label(dot)) && self.what(dot + 1) == Some(What::Space);
        if word && is_label(dot + 2) {
            return Some((Joint::Word, dot + 2));
        }
        let gone = self.label(dot) == "gg" && self.slash(dot + 1);
        gone.then_some((Joint::Gone, dot))
    }

    fn slash(&self, at: usize) -> bool {
        let at = at + usize::from(self.what(at) == Some(What::Space));
        self.what(at) == Some(What::Other('/'))
    }

    /// `(.)`, `[dot]`, `{point}`, `*dot*` at a token: the token behind.
    fn bracketed(&self, at: usize) -> Option<usize> {
        let Some(What::Other(open)) = self.what(at) else { return None };
        let close = match open {
            '(' => ')',
            '[' => ']',
            '{' => '}',
            '<' => '>',
            '*' | '_' | '|' => open,
            _ => return None,
        };
        let space = |at: usize| usize::from(self.what(at) == Some(What::Space));
        let inside = at + 1 + space(at + 1);
        let dot = match self.what(inside) {
            Some(What::Dot { .. }) => true,
            Some(What::Label) => is_dot(self.label(inside)),
            // `example(,)com`
            Some(What::Other(',')) => open != '*',
            _ => false,
        };
        let end = inside + 1 + space(inside + 1);
        (dot && self.what(end) == Some(What::Other(close))).then_some(end + 1)
    }
}
