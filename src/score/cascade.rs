//! Asks a second, deeper model about what the first leaves uncertain.

use std::{
    ops::RangeInclusive,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use super::{About, Model, Uncertain, manifest::Second};
use crate::message::ModelCard;

/// No answer counts as surer than this: of calibrated scores, none is.
const CERTAIN: f32 = 1e-5;

/// Two models with the same heads that answer as one.
pub struct Cascade {
    first: Box<dyn Model>,
    second: Box<dyn Model>,
    about: About,
    card: Arc<ModelCard>,
    /// By head, in the order of a row: the scores of the first that are uncertain.
    uncertain: Vec<Option<RangeInclusive<f32>>>,
    /// The second's share in an answer that both gave.
    weight: f32,
    read: AtomicU64,
    left: AtomicU64,
}

impl Cascade {
    pub fn new(first: Box<dyn Model>, second: Box<dyn Model>, when: &Second) -> Cascade {
        let band = |head: &Arc<str>| when.uncertain.get(&**head).map(|[low, high]| *low..=*high);
        let uncertain = first.card().heads.iter().map(band).collect();
        // Findings name what said it: both, for neither alone gives these scores again.
        let id: Arc<str> = format!("{}+{}", first.about().id, second.about().id).into();
        let about = About {
            name: format!("{} and {}", first.about().name, second.about().name),
            id: id.clone(),
            ..first.about().clone()
        };
        let card = Arc::new(ModelCard { id, ..ModelCard::clone(first.card()) });
        Cascade {
            first,
            second,
            about,
            card,
            uncertain,
            weight: when.weight,
            read: 0.into(),
            left: 0.into(),
        }
    }

    /// The places of the rows that the first is not sure of.
    fn uncertain(&self, rows: &[Vec<f32>]) -> Vec<usize> {
        let within = |(score, band): (&f32, &Option<RangeInclusive<f32>>)| {
            band.as_ref().is_some_and(|band| band.contains(score))
        };
        let unsure = |at: &usize| rows[*at].iter().zip(&self.uncertain).any(within);
        (0..rows.len()).filter(unsure).collect()
    }
}

/// So much of the second's answer in the place of the first's, in log odds: one that is sure counts
/// for more than one that is not, which a mean of probabilities would take for half an answer.
fn between(first: f32, second: f32, weight: f32) -> f32 {
    let (first, second) = (log_odds(first), log_odds(second));
    1.0 / (1.0 + (-(first + weight * (second - first))).exp())
}

/// Within bounds, or a certain answer could not be outweighed by any other.
fn log_odds(score: f32) -> f32 {
    let score = score.clamp(CERTAIN, 1.0 - CERTAIN);
    (score / (1.0 - score)).ln()
}

impl Model for Cascade {
    fn about(&self) -> &About {
        &self.about
    }

    fn card(&self) -> &Arc<ModelCard> {
        &self.card
    }

    fn score(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, String> {
        let mut rows = self.first.score(texts)?;
        let asked = self.uncertain(&rows);
        if asked.is_empty() {
            return Ok(rows);
        }
        let uncertain: Vec<&str> = asked.iter().map(|at| texts[*at]).collect();
        let second = self.second.score(&uncertain)?;
        if second.len() != asked.len() {
            return Err(format!("{} answers to {} texts", second.len(), asked.len()));
        }
        self.read.fetch_add(asked.len() as u64, Ordering::Relaxed);
        for (at, deeper) in asked.into_iter().zip(second) {
            for (score, own) in rows[at].iter_mut().zip(deeper) {
                *score = between(*score, own, self.weight);
            }
        }
        Ok(rows)
    }

    fn score_in_haste(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, String> {
        let rows = self.first.score(texts)?;
        self.left.fetch_add(self.uncertain(&rows).len() as u64, Ordering::Relaxed);
        Ok(rows)
    }

    fn take_uncertain(&self) -> Uncertain {
        let take = |count: &AtomicU64| count.swap(0, Ordering::Relaxed);
        Uncertain { read: take(&self.read), left: take(&self.left) }
    }
}
