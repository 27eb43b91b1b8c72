//! Tells the texts that have no link in them: nearly all.

use crate::{decide::links::hosts, letters::bytes::ByteSet};

/// A quick look for what every link has.
pub(super) fn is_worth_it(plain: &str) -> bool {
    /// The first bytes of all that a link has one of.
    const FIRST: ByteSet = ByteSet::of(b".:dp \xe3");
    // A dot that ends the line is in no name.
    let bytes = plain.trim_end_matches([' ', '.', '!', '?', ')', '"', '\'', ',']).as_bytes();
    let starts = |at: usize| match bytes[at] {
        b'.' => may_end(&bytes[at + 1..]),
        b':' => bytes[at..].starts_with(b"://"),
        b'd' => bytes[at..].starts_with(b"dot") || bytes[at..].starts_with(b"d0t"),
        b'p' => bytes[at..].starts_with(b"point"),
        b' ' => bytes[at..].starts_with(b" gg"),
        _ => bytes[at..].starts_with("。".as_bytes()),
    };
    (0..bytes.len()).any(|at| FIRST.has(bytes[at]) && starts(at))
}

/// Whether what stands behind a dot may be, or begin, the rest of a name: not the first word of a
/// sentence that is no ending.
fn may_end(behind: &[u8]) -> bool {
    let spaces = behind.iter().take_while(|b| **b == b' ').count();
    let behind = &behind[spaces..];
    let inside = |b: &&u8| b.is_ascii_alphanumeric() || **b == b'-' || !b.is_ascii();
    let label = &behind[..behind.iter().take_while(inside).count()];
    match label {
        [] => behind.first().is_some_and(|b| *b != b'.'),
        [first, ..] if first.is_ascii_digit() => true,
        // Names of other scripts, and signs between labels.
        _ if behind.get(label.len()) == Some(&b'.') => true,
        label => std::str::from_utf8(label)
            .map_or(true, |label| !label.is_ascii() || hosts::is_tld(label.trim_matches('-'))),
    }
}
