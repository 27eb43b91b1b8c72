//! Changes places of a frame and leaves every other byte as it was.

use std::ops::Range;

use bytes::Bytes;

use super::Frame;

/// A place of the frame and what stands there afterwards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    pub at: Range<usize>,
    pub with: &'static str,
}

impl Edit {
    pub fn cut(at: Range<usize>) -> Edit {
        Edit { at, with: "" }
    }

    /// One masked character. All that shows is that something stood there.
    pub fn star(at: Range<usize>) -> Edit {
        Edit { at, with: "*" }
    }
}

/// The frame with the edits made, or `None` where nothing but blanks remains.
///
/// Of two edits that overlap the one that starts first is made, and of those the longest: a cut
/// swallows the masks within it.
pub fn splice(frame: &Frame, mut edits: Vec<Edit>) -> Option<Frame> {
    if edits.is_empty() {
        return Some(frame.clone());
    }
    edits.sort_by_key(|edit| (edit.at.start, usize::MAX - edit.at.end));
    let bytes = frame.bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut done = 0;
    for edit in &edits {
        if edit.at.start < done || edit.at.is_empty() {
            continue;
        }
        out.extend_from_slice(bytes.get(done..edit.at.start)?);
        out.extend_from_slice(edit.with.as_bytes());
        done = edit.at.end;
    }
    out.extend_from_slice(bytes.get(done..)?);
    if out.iter().all(u8::is_ascii_whitespace) {
        return None;
    }
    match frame {
        Frame::Text(_) => Bytes::from(out).try_into().ok().map(Frame::Text),
        Frame::Binary(_) => Some(Frame::Binary(out.into())),
    }
}

/// What has to be cut so that the `removed` items of a list vanish with their separators.
///
/// `removed` is in order; neighbours are cut as one. Whitespace between an item and its separator
/// is looked over, unless whitespace is the separator.
pub fn cuts(bytes: &[u8], removed: &[Range<usize>], separator: u8) -> Vec<Range<usize>> {
    let blank = |b: &u8| b.is_ascii_whitespace() && !separator.is_ascii_whitespace();
    let after = |end: usize| end + bytes[end..].iter().take_while(|b| blank(b)).count();
    let before =
        |start: usize| start - bytes[..start].iter().rev().take_while(|b| blank(b)).count();
    let separated = |at: usize| bytes.get(at) == Some(&separator);

    let mut runs: Vec<Range<usize>> = Vec::new();
    for item in removed {
        match runs.last_mut() {
            Some(run) if separated(after(run.end)) && after(after(run.end) + 1) == item.start => {
                run.end = item.end;
            }
            _ => runs.push(item.clone()),
        }
    }
    for run in &mut runs {
        let (start, end) = (before(run.start), after(run.end));
        if separated(end) {
            run.end = end + 1;
        } else if start > 0 && separated(start - 1) {
            run.start = start - 1;
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(list: &str, separator: u8, remove: &[&str], left: &str) {
        let removed: Vec<_> = remove
            .iter()
            .map(|item| list.find(item).map(|at| at..at + item.len()).expect("the item is there"))
            .collect();
        let edits = cuts(list.as_bytes(), &removed, separator).into_iter().map(Edit::cut).collect();
        let frame = splice(&Frame::Text(list.into()), edits);
        let text = frame.map(|f| String::from_utf8_lossy(f.bytes()).into_owned());
        assert_eq!(text.unwrap_or_default(), left, "{list:?} without {remove:?}");
    }

    #[test]
    fn separators_go_with_their_items() {
        check("[aa,bb,cc]", b',', &["aa"], "[bb,cc]");
        check("[aa,bb,cc]", b',', &["bb"], "[aa,cc]");
        check("[aa,bb,cc]", b',', &["cc"], "[aa,bb]");
        check("[aa,bb,cc]", b',', &["bb", "cc"], "[aa]");
        check("[aa,bb,cc]", b',', &["aa", "bb"], "[cc]");
        check("[aa,bb,cc]", b',', &["aa", "cc"], "[bb]");
        check("[aa,bb,cc]", b',', &["aa", "bb", "cc"], "[]");
        check("[ aa , bb , cc ]", b',', &["bb", "cc"], "[ aa  ]");
        check("[ aa , bb ]", b',', &["aa"], "[  bb ]");
        check("aa\nbb\ncc", b'\n', &["bb"], "aa\ncc");
        check("aa\nbb\ncc", b'\n', &["cc"], "aa\nbb");
        check("aa\nbb\n", b'\n', &["bb"], "aa\n");
        check("aa\nbb\n", b'\n', &["aa", "bb"], "");
        check("aa", b'\n', &["aa"], "");
    }

    #[test]
    fn a_cut_swallows_what_lies_within() {
        let edits = vec![Edit::star(2..3), Edit::cut(1..4), Edit::star(3..4)];
        let frame = splice(&Frame::Binary(Bytes::from_static(b"abcdef")), edits);
        assert_eq!(frame, Some(Frame::Binary(Bytes::from_static(b"aef"))));
    }
}
