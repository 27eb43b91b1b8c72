//! Tells mail addresses and names with an @ in front from hosts.

use super::{Chain, Finder, spelt::Joint, tokens::What};

impl Finder<'_> {
    /// The token behind a name with an @ in front, or a mail's host that is spelt out, where the
    /// chain begins with one: other rules speak of those. What only stands behind it, with a space
    /// at the dot, is no part of it.
    pub(super) fn behind_mail(&self, chain: &Chain) -> Option<usize> {
        let first = chain.labels[0];
        let spoken = || {
            let start = self.tokens[first].span.start;
            let before = self.plain.text[..start].trim_end_matches([' ', '(', ')', '[', ']']);
            let word = before.rsplit([' ', '(', '[']).next().unwrap_or_default();
            matches!(word, "at" | "arobase" | "chez" | "@")
        };
        if first > 0 && self.what(first - 1) == Some(What::Other('@')) {
            return Some(self.apart(chain));
        }
        // Only what is spelt out has spaces, so that looking back ends soon.
        if !chain.joints.contains(&Joint::Word) || !spoken() {
            return None;
        }
        let gap = chain.joints.iter().position(|joint| *joint > Joint::Word);
        Some(gap.map_or(chain.end, |gap| chain.labels[gap + 1]))
    }

    /// Takes off the chain's end what goes on with an @, which makes a mail's name of it.
    pub(super) fn leave_mail(&self, chain: &mut Chain) {
        if self.what(chain.end) != Some(What::Other('@')) {
            return;
        }
        let gap = chain.labels.windows(2).rposition(|pair| self.is_apart(pair[0]..pair[1]));
        let kept = gap.map_or(1, |gap| gap + 1);
        chain.labels.truncate(kept);
        chain.joints.truncate(kept - 1);
        if gap.is_some() {
            chain.end = chain.labels[kept - 1] + 1;
        }
    }
}
