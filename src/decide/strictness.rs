//! Sets single categories of a policy to a preset's strictness, as a channel asks for.

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{
    CategoryPolicy, Policy,
    policy::with_forms,
    presets::{PRESETS, Preset, rank},
};
use crate::message::{Category, Verdict};

/// How strict a channel is in one category: as the preset of that name is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Strictness {
    Off,
    Relaxed,
    Standard,
    Strict,
}

/// What is set for one category of a channel: two words, of which neither undoes the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Level {
    /// An admin's, in place of the policy's.
    pub exact: Option<Strictness>,
    /// A moderator's, beside it: it can only make stricter.
    pub least: Option<Strictness>,
}

/// What is set for a channel; the policy has the word in every other category.
pub type Levels = BTreeMap<Category, Level>;

impl Strictness {
    pub const ALL: [Strictness; 4] =
        [Strictness::Off, Strictness::Relaxed, Strictness::Standard, Strictness::Strict];

    /// The levels that a channel may choose from: what does harm that no later decision makes good
    /// is never off.
    pub fn of(category: Category) -> &'static [Strictness] {
        if category.is_core() { &Strictness::ALL[1..] } else { &Strictness::ALL }
    }

    pub fn name(self) -> &'static str {
        self.preset().name
    }

    fn preset(self) -> &'static Preset {
        // Both stand in the order of `config::PRESETS`.
        &PRESETS[self as usize]
    }
}

impl Policy {
    /// The same policy with what is set for a channel. The floor holds, conditions keep the last
    /// word, and who judges while nobody is on duty is made stricter by it, never milder.
    pub fn at(&self, levels: &Levels) -> Policy {
        let mut own = Policy { stand_in: None, ..self.clone() };
        for (category, level) in levels {
            level.exact.inspect(|exact| own.set(*category, *exact));
            level.least.inspect(|least| own.raise(*category, *least));
        }
        let mut own = with_forms(own);
        own.stand_in = self.stand_in.as_ref().map(|other| {
            let mut other = Policy::clone(other);
            for (category, level) in levels {
                let both = level.exact.into_iter().chain(level.least);
                both.for_each(|strictness| other.raise(*category, strictness));
            }
            Arc::new(with_forms(other))
        });
        own
    }

    /// Whether it would be no stricter in a category with this much at least.
    pub fn is_as_strict(&self, category: Category, strictness: Strictness) -> bool {
        let own = &self.categories[&category];
        own.action == self.raised_to(category, strictness)
            && rank(strictness.preset().thresholds) <= rank(own.thresholds)
    }

    /// The verdicts of a category at severity 1 to 4, were it at this level.
    pub fn action_at(&self, category: Category, strictness: Strictness) -> [Verdict; 4] {
        stricter(&strictness.preset().action(category), &self.floor.action[category as usize])
    }

    /// The same with this much at least.
    pub fn raised_to(&self, category: Category, strictness: Strictness) -> [Verdict; 4] {
        let own = &self.categories[&category];
        match own.shadow {
            // What is on trial asks for nothing yet.
            true => self.action_at(category, strictness),
            false => stricter(&strictness.preset().action(category), &own.action),
        }
    }

    fn set(&mut self, category: Category, strictness: Strictness) {
        let (at, preset) = (category as usize, strictness.preset());
        let action = self.action_at(category, strictness);
        let asked = preset.action(category);
        self.raised[at] = std::array::from_fn(|severity| action[severity] > asked[severity]);
        self.table[at] = action;
        self.heads.retain(|head, _| head.category() != Some(category));
        let own = self.own(category);
        (own.action, own.shadow) = (action, false);
        (own.threshold, own.thresholds) = (None, preset.thresholds);
    }

    fn raise(&mut self, category: Category, strictness: Strictness) {
        let (at, preset) = (category as usize, strictness.preset());
        let action = self.raised_to(category, strictness);
        for (severity, asked) in preset.action(category).into_iter().enumerate() {
            // What is asked for beyond the floor is not the floor's doing.
            self.raised[at][severity] &= action[severity] > asked;
        }
        self.table[at] = action;
        let own = self.own(category);
        (own.action, own.shadow) = (action, false);
        if rank(preset.thresholds) > rank(own.thresholds) {
            own.thresholds = preset.thresholds;
        }
        own.least = own.least.max(Some(strictness));
    }

    fn own(&mut self, category: Category) -> &mut CategoryPolicy {
        self.categories.get_mut(&category).expect("a policy knows every category")
    }
}

fn stricter(one: &[Verdict; 4], other: &[Verdict; 4]) -> [Verdict; 4] {
    std::array::from_fn(|severity| one[severity].max(other[severity]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::Config,
        message::{Head, ModelCard},
    };

    fn policy(settings: &str) -> Policy {
        let config = Config::parse(settings, "t").expect("the settings are good");
        Policy::compile(&config).expect("it compiles").remove("p").expect("it is there")
    }

    fn set(policy: &Policy, category: Category, strictness: Strictness, least: bool) -> Policy {
        let (exact, raised) =
            if least { (None, Some(strictness)) } else { (Some(strictness), None) };
        policy.at(&BTreeMap::from([(category, Level { exact, least: raised })]))
    }

    fn at(policy: &Policy, category: Category, level: Strictness) -> Policy {
        set(policy, category, level, false)
    }

    fn card() -> ModelCard {
        let of = |toxic: f32| BTreeMap::from([(Head::Insult, toxic), (Head::Threat, toxic)]);
        let presets = [("relaxed", 0.9), ("standard", 0.7), ("strict", 0.4)];
        let thresholds = presets.map(|(name, toxic)| (name.to_owned(), of(toxic)));
        ModelCard {
            id: "m".into(),
            heads: Vec::new(),
            weak: Vec::new(),
            thresholds: thresholds.into(),
        }
    }

    #[test]
    fn a_level_is_the_presets_row_and_no_other_category_moves() {
        let own = policy("[policy.p]\npreset = 'relaxed'\n");
        let strict = policy("[policy.p]\npreset = 'strict'\n");
        let new = at(&own, Category::Harassment, Strictness::Strict);
        for category in Category::ALL {
            let model = if category == Category::Harassment { &strict } else { &own };
            assert_eq!(
                new.categories[&category].action, model.categories[&category].action,
                "{category}"
            );
            assert_eq!(new.table[category as usize], model.table[category as usize], "{category}");
        }
        assert_eq!(new.threshold(&card(), Head::Insult), Some(0.4));
        assert_eq!(new.threshold(&card(), Head::Threat), Some(0.9));
    }

    #[test]
    fn off_silences_the_model_and_the_floor_does_not_yield() {
        let own = policy(
            "[floor.harassment]\naction = ['pass', 'pass', 'hold', 'drop']\n\
             [policy.p.harassment]\nthreshold = 0.2\n[policy.p.heads]\ninsult = 0.1\n",
        );
        let new = at(&own, Category::Harassment, Strictness::Off);
        let (pass, hold, drop) = (Verdict::Pass, Verdict::Hold, Verdict::Drop);
        assert_eq!(new.categories[&Category::Harassment].action, [pass, pass, hold, drop]);
        assert_eq!(new.raised[Category::Harassment as usize], [false, false, true, true]);
        assert_eq!(own.threshold(&card(), Head::Insult), Some(0.1));
        assert_eq!(new.threshold(&card(), Head::Insult), None);
        assert!(!new.could_find(Head::Insult) && new.could_find(Head::Threat));
        let bound = policy("[floor.harassment]\nthreshold = 0.6\n[policy.p]\n");
        let bound = at(&bound, Category::Harassment, Strictness::Off);
        assert_eq!(bound.threshold(&card(), Head::Insult), Some(0.6));
    }

    #[test]
    fn the_shield_is_never_milder_than_the_level_and_never_milder_than_itself() {
        let own = policy("[policy.p]\n");
        let card = card();
        for level in Strictness::ALL {
            let shielded = at(&own, Category::Harassment, level).shielded.expect("it has one");
            assert_eq!(shielded.threshold(&card, Head::Insult), Some(0.4), "{level:?}");
            let strict = Strictness::Strict.preset().action(Category::Harassment);
            assert_eq!(shielded.table[Category::Harassment as usize], strict, "{level:?}");
        }
    }

    #[test]
    fn what_is_asked_for_at_least_takes_nothing_away() {
        let hate = Category::Hate;
        let strict = policy("[policy.p]\npreset = 'strict'\n");
        let own = "[policy.p.hate]\naction = ['pass', 'pass', 'pass', 'drop']\nthreshold = 0.3\n";
        for (settings, level, expected) in [
            ("[policy.p]\n", Strictness::Off, policy("[policy.p]\n").table[hate as usize]),
            ("[policy.p]\n", Strictness::Strict, strict.table[hate as usize]),
            (own, Strictness::Standard, Strictness::Standard.preset().action(hate)),
        ] {
            let old = policy(settings);
            let new = set(&old, hate, level, true);
            assert_eq!(new.table[hate as usize], expected, "{settings}: {level:?}");
            for head in Head::ALL {
                let heard = |policy: &Policy| policy.threshold(&card(), head).unwrap_or(1.0);
                assert!(heard(&new) <= heard(&old), "{settings}: {level:?}: {head}");
            }
        }
        // What is on trial asks for nothing yet.
        let trial = "[policy.p.hate]\naction = ['drop', 'drop', 'drop', 'drop']\nshadow = true\n";
        let new = set(&policy(trial), hate, Strictness::Relaxed, true);
        assert_eq!(new.table[hate as usize], Strictness::Relaxed.preset().action(hate));
        let floor = "[floor.hate]\naction = ['hold', 'hold', 'hold', 'drop']\n[policy.p]\n";
        let new = set(&policy(floor), hate, Strictness::Standard, true);
        assert_eq!(new.raised[hate as usize], [true, false, false, false]);
    }

    #[test]
    fn what_makes_nothing_stricter_is_told() {
        let check = |settings: &str, category, level, expected: bool| {
            let told = policy(settings).is_as_strict(category, level);
            assert_eq!(told, expected, "{settings}: {category} at {level:?}");
        };
        let standard = "[policy.p]\n";
        check(standard, Category::Hate, Strictness::Standard, true);
        check(standard, Category::Hate, Strictness::Off, true);
        check(standard, Category::Hate, Strictness::Strict, false);
        // The same table, and a model that is heard earlier.
        check("[policy.p]\npreset = 'relaxed'\n", Category::Doxxing, Strictness::Standard, false);
        let own = "[policy.p.hate]\naction = ['hold', 'pass', 'pass', 'drop']\n";
        check(own, Category::Hate, Strictness::Relaxed, false);
    }

    #[test]
    fn both_words_count() {
        let hate = Category::Hate;
        let own = policy("[policy.p]\npreset = 'relaxed'\n");
        let row = |exact, least| own.at(&BTreeMap::from([(hate, Level { exact, least })])).table;
        let (standard, strict) = (Some(Strictness::Standard), Some(Strictness::Strict));
        for (exact, least, expected) in [
            (standard, None, Strictness::Standard),
            (standard, strict, Strictness::Strict),
            (strict, standard, Strictness::Strict),
            (None, Some(Strictness::Off), Strictness::Relaxed),
        ] {
            let expected = expected.preset().action(hate);
            assert_eq!(row(exact, least)[hate as usize], expected, "{exact:?} {least:?}");
        }
    }

    #[test]
    fn who_stands_in_is_made_stricter_and_never_milder() {
        let mut own = policy("[policy.p]\n");
        own.stand_in = Some(Arc::new(policy("[policy.p]\npreset = 'strict'\n")));
        let hate = Category::Hate;
        let milder = at(&own, hate, Strictness::Relaxed).stand_in.expect("it has one");
        assert_eq!(milder.table, own.stand_in.as_ref().expect("it has one").table);
        own.stand_in = Some(Arc::new(policy("[policy.p]\npreset = 'relaxed'\n")));
        let stricter = at(&own, hate, Strictness::Strict).stand_in.expect("it has one");
        assert_eq!(stricter.table[hate as usize], Strictness::Strict.preset().action(hate));
    }

    #[test]
    fn what_harms_for_good_is_never_off() {
        for category in Category::ALL {
            let off = Strictness::of(category).contains(&Strictness::Off);
            assert_eq!(off, !category.is_core(), "{category}");
        }
        let names = Strictness::ALL.map(Strictness::name);
        assert_eq!(names, ["off", "relaxed", "standard", "strict"]);
    }
}
