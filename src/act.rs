//! Turns a verdict into what is to become of the message.

use crate::message::{Fate, Judgement, Verdict};

/// Kept, masked, or removed (dropped, or held until it is released).
pub fn fate(judgement: &Judgement) -> Fate {
    match judgement.verdict {
        Verdict::Pass => Fate::Keep,
        // A mask without a place cannot come from `decide`; were it to, showing everything would
        // be the worse mistake.
        Verdict::Mask if judgement.mask.is_empty() => Fate::Remove,
        Verdict::Mask => Fate::Mask(judgement.mask.clone()),
        Verdict::Hold | Verdict::Drop => Fate::Remove,
    }
}

/// What becomes of a message that should wait and cannot, where the policy lets such pass: what it
/// masks stays masked.
pub fn unheld(judgement: &Judgement) -> Fate {
    match judgement.mask.is_empty() {
        true => Fate::Keep,
        false => Fate::Mask(judgement.mask.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Crowd, Grounds, Score, Standing};

    #[test]
    fn every_verdict_has_its_fate() {
        let span = 2..5;
        for (verdict, mask, expected) in [
            (Verdict::Pass, vec![], Fate::Keep),
            (Verdict::Pass, vec![span.clone()], Fate::Keep),
            (Verdict::Mask, vec![span.clone()], Fate::Mask(vec![span.clone()])),
            (Verdict::Mask, vec![], Fate::Remove),
            (Verdict::Hold, vec![span.clone()], Fate::Remove),
            (Verdict::Drop, vec![], Fate::Remove),
        ] {
            let rules = "r".into();
            let judgement = Judgement {
                verdict,
                asked: verdict,
                releases: false,
                findings: vec![],
                score: Score::Skipped,
                needed: false,
                mask,
                rules,
                grounds: Grounds::default(),
                standing: Standing::default(),
                crowd: Crowd::default(),
            };
            assert_eq!(fate(&judgement), expected, "{verdict:?}");
        }
    }
}
