//! Tries when a second model is asked, what its answer counts, and what is done in haste.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use tidegate::{
    message::ModelCard,
    score::{About, Cascade, Model, Uncertain, manifest::Second},
};

/// What a model was asked, in order.
pub type Asked = Arc<Mutex<Vec<String>>>;

type Says = dyn Fn(&str) -> Vec<f32> + Send + Sync;

/// Says of every text the same, and notes what it was asked.
struct Fixed {
    about: About,
    card: Arc<ModelCard>,
    says: Box<Says>,
    asked: Asked,
}

impl Model for Fixed {
    fn about(&self) -> &About {
        &self.about
    }

    fn card(&self) -> &Arc<ModelCard> {
        &self.card
    }

    fn score(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, String> {
        self.asked.lock().unwrap().extend(texts.iter().map(|text| (*text).to_owned()));
        Ok(texts.iter().map(|text| (self.says)(text)).collect())
    }
}

pub fn fixed(
    id: &str,
    says: impl Fn(&str) -> Vec<f32> + Send + Sync + 'static,
) -> (Box<dyn Model>, Asked) {
    let asked = Asked::default();
    let about = About {
        name: format!("blorp-{id}"),
        id: id.into(),
        runtime: "test",
        version: String::new(),
        library: None,
    };
    let card = ModelCard {
        id: id.into(),
        heads: ["toxic", "threat"].map(Arc::from).to_vec(),
        weak: Vec::new(),
        thresholds: BTreeMap::new(),
    };
    let model = Fixed { about, card: Arc::new(card), says: Box::new(says), asked: asked.clone() };
    (Box::new(model), asked)
}

/// The first says of "N": toxic 0.N, threat 0.2; the second says 0.9 and 0.5 of everything.
fn cascade() -> (Cascade, Asked) {
    let (first, _) = fixed("aa", |text| vec![format!("0.{text}").parse().unwrap(), 0.2]);
    let (second, asked) = fixed("bb", |_| vec![0.9, 0.5]);
    let uncertain = BTreeMap::from([("toxic".to_owned(), [0.2, 0.8])]);
    let when = Second { model: "blorp-bb".into(), weight: 0.5, uncertain };
    (Cascade::new(first, second, &when), asked)
}

#[test]
fn only_what_is_uncertain_is_read_twice() {
    let (cascade, asked) = cascade();
    let rows = cascade.score(&["1", "4", "9", "8", "2"]).unwrap();
    // In log odds: of 2 to 3 and 9 to 1 the middle is √6 to 1, of 1 to 4 and 1 to 1 it is 1 to 2.
    let third = 1.0 / 3.0;
    let expected = [[0.1, 0.2], [0.710_102, third], [0.9, 0.2], [6.0 / 7.0, third], [0.6, third]];
    for (row, expected) in rows.iter().zip(expected) {
        let close = row.iter().zip(expected).all(|(a, b): (&f32, f32)| (a - b).abs() < 1e-6);
        assert!(close, "{row:?} and not {expected:?}");
    }
    assert_eq!(*asked.lock().unwrap(), ["4", "8", "2"]);
    assert_eq!(cascade.take_uncertain(), Uncertain { read: 3, left: 0 });
    assert_eq!(cascade.take_uncertain(), Uncertain::default());
    assert_eq!((&*cascade.card().id, &*cascade.about().id), ("aa+bb", "aa+bb"));
}

#[test]
fn no_answer_is_so_sure_that_another_counts_for_nothing() {
    for (own, other) in [(0.0, 1.0), (1.0, 0.0)] {
        let (first, _) = fixed("aa", move |_| vec![own, own]);
        let (second, _) = fixed("bb", move |_| vec![other, other]);
        let uncertain = BTreeMap::from([("toxic".to_owned(), [0.0, 1.0])]);
        let when = Second { model: "blorp-bb".into(), weight: 0.5, uncertain };
        let rows = Cascade::new(first, second, &when).score(&["1"]).unwrap();
        assert!((rows[0][0] - 0.5).abs() < 1e-3, "{rows:?}");
    }
}

#[test]
fn in_haste_the_first_answers_alone() {
    let (cascade, asked) = cascade();
    assert_eq!(cascade.score_in_haste(&["1", "4"]).unwrap(), [[0.1, 0.2], [0.4, 0.2]]);
    assert!(asked.lock().unwrap().is_empty());
    assert_eq!(cascade.take_uncertain(), Uncertain { read: 0, left: 1 });
}
