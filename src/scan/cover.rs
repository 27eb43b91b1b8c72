//! Tells which hits the allow terms cover, in time that a flood of either does not stretch.

use std::ops::Range;

use crate::message::ViewKind;

/// The allow terms found in one text.
pub(super) struct Cover {
    /// By view, most literal first: starts in order, each with the furthest end up to there.
    reach: Vec<(ViewKind, Vec<(usize, usize)>)>,
}

impl Cover {
    pub fn new(found: impl Iterator<Item = (ViewKind, Range<usize>)>) -> Cover {
        let mut reach: Vec<(ViewKind, Vec<(usize, usize)>)> = Vec::new();
        for (view, span) in found {
            match reach.iter_mut().find(|level| level.0 == view) {
                Some(level) => level.1.push((span.start, span.end)),
                None => reach.push((view, vec![(span.start, span.end)])),
            }
        }
        for (_, spans) in &mut reach {
            spans.sort_unstable();
            let mut furthest = 0;
            for (_, end) in spans {
                furthest = furthest.max(*end);
                *end = furthest;
            }
        }
        Cover { reach }
    }

    /// Whether an allow term, read no less literally, covers the span.
    pub fn covers(&self, view: ViewKind, span: &Range<usize>) -> bool {
        self.reach.iter().filter(|level| level.0 <= view).any(|(_, spans)| {
            let before = spans.partition_point(|s| s.0 <= span.start);
            before > 0 && spans[before - 1].1 >= span.end
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ViewKind::{Folded, Plain, Squeezed};

    #[test]
    fn covers_what_lies_within_one_allow_term() {
        let cover = Cover::new([(Plain, 4..20), (Plain, 6..8), (Folded, 30..40)].into_iter());
        let check = |view, span, expected| assert_eq!(cover.covers(view, &span), expected);
        check(Plain, 4..20, true);
        check(Plain, 9..12, true);
        check(Squeezed, 4..5, true);
        check(Plain, 3..5, false);
        check(Plain, 19..21, false);
        check(Folded, 30..40, true);
        check(Plain, 30..40, false);
        check(Plain, 50..51, false);
    }
}
