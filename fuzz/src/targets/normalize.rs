//! Holds every reading of a text to its way back, and to the number and size that it may have.

use tidegate::{letters, normalize::normalize};

use crate::input::{Input, boundary};

/// Most readings that there may be.
const VIEWS_MAX: usize = 7;
/// The longest that a reading may be for each byte of the text: one character (U+FDFA) stands for
/// eighteen, in three bytes.
const GROWTH_MAX: usize = 12;

pub fn check(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let (from, to) = (usize::from(input.byte()), usize::from(input.byte()));
    let text = input.text();
    let read = normalize(&text);
    assert_eq!(read.original, text);
    assert!((1..=VIEWS_MAX).contains(&read.views.len()), "{} readings", read.views.len());
    for view in &read.views {
        let shown = &view.text;
        assert_eq!(view.origin.len(), shown.len(), "{:?}: a way back for each byte", view.kind);
        assert!(shown.len() <= 16 + GROWTH_MAX * text.len(), "{:?}: {}", view.kind, shown.len());
        let (from, to) = (boundary(shown, from), boundary(shown, to));
        let letters = shown.char_indices().map(|(at, letter)| at..at + letter.len_utf8());
        let spans = letters.chain([0..shown.len(), from.min(to)..from.max(to)]);
        for span in spans.filter(|span| !span.is_empty()) {
            let back = view.original(span.clone());
            // `get` knows bounds and character boundaries.
            let said = text.get(back.clone());
            assert!(
                said.is_some_and(|said| !said.is_empty()),
                "{:?} {span:?}: {back:?}",
                view.kind
            );
        }
    }
    let again = normalize(&text);
    let texts = |views: &[tidegate::message::View]| -> Vec<String> {
        views.iter().map(|view| view.text.clone()).collect()
    };
    assert_eq!(texts(&read.views), texts(&again.views), "twice, and not the same");
    // What is folded needs no more folding: terms are listed in one spelling.
    let (plain, _) = letters::plain(&text);
    assert_eq!(plain, read.views[0].text);
    assert_eq!(letters::plain(&plain).0, plain, "folded once and twice");
}
