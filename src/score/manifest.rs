//! Reads and checks the manifest that names each model's files, heads, thresholds and proofs.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::Arc,
};

use serde::Deserialize;

use crate::{
    config::PRESETS,
    config::read_bounded,
    message::{Head, ModelCard},
};

/// A manifest beyond these is a mistake, and each part is walked at every load.
const MODELS_MAX: usize = 16;
const HEADS_MAX: usize = 32;
const PRESETS_MAX: usize = 16;
const GOLDEN_MAX: usize = 1_000;
/// Longer golden texts prove nothing more.
const GOLDEN_BYTES_MAX: usize = 4 * 1024;
/// Names stand in metrics, logs and findings.
const NAME_BYTES_MAX: usize = 64;
const NOTES_MAX: usize = 100;
const NOTE_BYTES_MAX: usize = 1024;
/// Ids in one row; attention costs their square.
const INPUT_MIN: usize = 24;
const INPUT_MAX: usize = 512;
const SHA256_CHARS: usize = 64;
/// As many hex digits name a model in findings: no two models of one house share them by chance.
const ID_CHARS: usize = 12;

const EMBEDDED: &str = include_str!("../../models/manifest.toml");

/// The models of one folder; the first is the one that is used.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    #[serde(rename = "model")]
    pub models: Vec<ModelEntry>,
}

/// One model: its files, what it says, and how that is to be read.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelEntry {
    pub name: String,
    /// Beside the manifest: a plain file name, as is `pieces`.
    pub file: String,
    pub sha256: String,
    pub pieces: String,
    pub pieces_sha256: String,
    /// In the order of every row of the model's answer.
    pub heads: Vec<String>,
    /// Heads that saw too little data: they never act alone.
    #[serde(default)]
    pub weak: Vec<String>,
    /// Ids in one row, the first and last marker among them.
    pub input_max: usize,
    pub licence: String,
    /// Base weights and data with their licences.
    pub credits: Vec<String>,
    pub data: Vec<String>,
    /// By policy preset, then by head; a head that is absent has no say there.
    pub thresholds: BTreeMap<String, BTreeMap<String, f32>>,
    /// Texts with their scores, which every load must give again.
    pub golden: Vec<Golden>,
    /// A deeper model that reads again what this one leaves uncertain.
    pub second: Option<Second>,
}

/// When another model of the same manifest is asked, and how much it has to say.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Second {
    /// The name of its entry.
    pub model: String,
    /// Its share in a score that both gave, in log odds.
    pub weight: f32,
    /// By head, the lowest and highest score of the first that is uncertain.
    pub uncertain: BTreeMap<String, [f32; 2]>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Golden {
    pub text: String,
    pub scores: BTreeMap<String, f32>,
}

impl Manifest {
    /// The manifest in the binary.
    ///
    /// # Errors
    /// As [`Manifest::parse`], where the binary was built with a bad one.
    pub fn embedded() -> Result<Manifest, Vec<String>> {
        Manifest::parse(EMBEDDED, "models/manifest.toml")
    }

    /// # Errors
    /// As [`Manifest::parse`], or why the file cannot be read.
    pub fn read(path: &Path) -> Result<Manifest, Vec<String>> {
        let file = path.display().to_string();
        let text = read_bounded(path).map_err(|cause| vec![format!("{file}: {cause}")])?;
        Manifest::parse(&text, &file)
    }

    /// Parses and checks the text of a manifest; `file` is its name in causes.
    ///
    /// # Errors
    /// Every cause found, each naming the file and the key.
    pub fn parse(text: &str, file: &str) -> Result<Manifest, Vec<String>> {
        let manifest: Manifest = toml::from_str(text).map_err(|error| {
            let line = error.span().map_or(1, |span| 1 + text[..span.start].matches('\n').count());
            vec![format!("{file}:{line}: {}", error.message())]
        })?;
        let mut wrong = Wrong { file, causes: Vec::new() };
        if manifest.models.is_empty() || manifest.models.len() > MODELS_MAX {
            wrong.add("model", format!("there must be 1 to {MODELS_MAX} models"));
        }
        let mut names = BTreeSet::new();
        for (index, model) in manifest.models.iter().enumerate().take(MODELS_MAX) {
            if !names.insert(&model.name) {
                wrong.add(&format!("model[{index}].name"), "is the name of another model".into());
            }
            model.check(&mut |key, cause| wrong.add(&format!("model[{index}].{key}"), cause));
        }
        // Only the first is ever asked, so only its second is.
        if let [first, others @ ..] = manifest.models.as_slice() {
            first.check_second(others, &mut |key, cause| {
                wrong.add(&format!("model[0].second.{key}"), cause);
            });
        }
        match wrong.causes.is_empty() {
            true => Ok(manifest),
            false => Err(wrong.causes),
        }
    }

    /// The model that is used.
    pub fn first(&self) -> &ModelEntry {
        self.models.first().expect("a manifest without a model is refused")
    }

    /// The model that is asked when the first is uncertain.
    pub fn second(&self) -> Option<(&ModelEntry, &Second)> {
        let second = self.first().second.as_ref()?;
        let entry = self.models.iter().find(|entry| entry.name == second.model);
        Some((entry.expect("a second that is not there is refused"), second))
    }
}

struct Wrong<'a> {
    file: &'a str,
    causes: Vec<String>,
}

impl Wrong<'_> {
    fn add(&mut self, key: &str, cause: String) {
        self.causes.push(format!("{}: {key}: {cause}", self.file));
    }
}

type Add<'a> = dyn FnMut(&str, String) + 'a;

impl ModelEntry {
    /// What judging has to know of the model.
    pub fn card(&self) -> ModelCard {
        let known = |(head, threshold): (&String, &f32)| Some((Head::named(head)?, *threshold));
        let heads = |heads: &BTreeMap<String, f32>| heads.iter().filter_map(known).collect();
        let presets = self.thresholds.iter();
        ModelCard {
            id: self.sha256.chars().take(ID_CHARS).collect::<String>().into(),
            heads: self.heads.iter().map(|head| Arc::from(head.as_str())).collect(),
            weak: self.weak.iter().filter_map(|head| Head::named(head)).collect(),
            thresholds: presets.map(|(preset, own)| (preset.clone(), heads(own))).collect(),
        }
    }

    fn check(&self, add: &mut Add) {
        if !is_name(&self.name) {
            add("name", named(&self.name));
        }
        for (key, file) in [("file", &self.file), ("pieces", &self.pieces)] {
            if !is_name(file) {
                add(key, format!("{}; it stands beside the manifest", named(file)));
            }
        }
        if self.file == self.pieces {
            add("pieces", "is the model's own file".into());
        }
        for (key, digest) in [("sha256", &self.sha256), ("pieces_sha256", &self.pieces_sha256)] {
            let hex = digest.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
            if digest.len() != SHA256_CHARS || !hex {
                add(key, format!("is not {SHA256_CHARS} hex digits in lower case"));
            }
        }
        if !(INPUT_MIN..=INPUT_MAX).contains(&self.input_max) {
            let cause = format!("{} is not within {INPUT_MIN} to {INPUT_MAX}", self.input_max);
            add("input_max", cause);
        }
        for (key, notes) in [("credits", &self.credits), ("data", &self.data)] {
            if notes.len() > NOTES_MAX || notes.iter().any(|note| note.len() > NOTE_BYTES_MAX) {
                add(key, format!("more than {NOTES_MAX} lines of {NOTE_BYTES_MAX} bytes"));
            }
        }
        if self.licence.is_empty() || self.licence.len() > NOTE_BYTES_MAX {
            add("licence", format!("is empty or longer than {NOTE_BYTES_MAX} bytes"));
        }
        self.check_heads(add);
        self.check_thresholds(add);
        self.check_golden(add);
    }

    fn check_second(&self, others: &[ModelEntry], add: &mut Add) {
        let Some(second) = &self.second else { return };
        match others.iter().find(|entry| entry.name == second.model) {
            None => add("model", format!("no other model is named {:?}", second.model)),
            Some(entry) if entry.heads != self.heads => {
                add("model", format!("{:?} has other heads", second.model));
            }
            Some(_) => {}
        }
        if !(0.0..=1.0).contains(&second.weight) {
            add("weight", "is not within 0 to 1".into());
        }
        if second.uncertain.is_empty() {
            add("uncertain", "names no head, so that it would never be asked".into());
        }
        for head in self.unknown(second.uncertain.keys()) {
            add("uncertain", format!("there is no head {head:?}"));
        }
        for (head, [low, high]) in &second.uncertain {
            if !(0.0 <= *low && low <= high && *high <= 1.0) {
                add(&format!("uncertain.{head}"), "is not a low and a high score, 0 to 1".into());
            }
        }
    }

    fn check_heads(&self, add: &mut Add) {
        if self.heads.is_empty() || self.heads.len() > HEADS_MAX {
            add("heads", format!("there must be 1 to {HEADS_MAX} heads"));
        }
        let mut seen = BTreeSet::new();
        for head in self.heads.iter().take(HEADS_MAX) {
            if !is_name(head) {
                add("heads", named(head));
            }
            if !seen.insert(head) {
                add("heads", format!("{head:?} twice"));
            }
        }
        for head in self.unknown(self.weak.iter()) {
            add("weak", format!("there is no head {head:?}"));
        }
    }

    fn check_thresholds(&self, add: &mut Add) {
        if self.thresholds.len() > PRESETS_MAX {
            add("thresholds", format!("more than {PRESETS_MAX} presets"));
        }
        for (preset, heads) in &self.thresholds {
            let key = format!("thresholds.{preset}");
            // Misspelt, it would leave the model without a say, and nobody would be told.
            if !PRESETS.contains(&preset.as_str()) {
                add(&key, format!("there is no preset {preset:?}"));
            }
            for head in self.unknown(heads.keys()) {
                add(&key, format!("there is no head {head:?}"));
            }
            for (head, _) in heads.iter().filter(|(_, value)| !(0.0..=1.0).contains(*value)) {
                add(&format!("{key}.{head}"), "is not within 0 to 1".into());
            }
        }
    }

    fn check_golden(&self, add: &mut Add) {
        if self.golden.is_empty() || self.golden.len() > GOLDEN_MAX {
            add("golden", format!("there must be 1 to {GOLDEN_MAX} golden texts"));
        }
        for (index, golden) in self.golden.iter().enumerate().take(GOLDEN_MAX) {
            let key = format!("golden[{index}]");
            if golden.text.len() > GOLDEN_BYTES_MAX {
                add(&format!("{key}.text"), format!("longer than {GOLDEN_BYTES_MAX} bytes"));
            }
            for head in self.unknown(golden.scores.keys()) {
                add(&format!("{key}.scores"), format!("there is no head {head:?}"));
            }
            if golden.scores.values().any(|score| !(0.0..=1.0).contains(score)) {
                add(&format!("{key}.scores"), "not within 0 to 1".into());
            }
        }
        // A model that was swapped for another would pass a proof that asks for nothing.
        let proved = |head: &&String| self.golden.iter().any(|g| g.scores.contains_key(*head));
        for head in self.heads.iter().filter(|head| !proved(head)).take(HEADS_MAX) {
            add("golden", format!("no golden text has a score for {head:?}"));
        }
    }

    fn unknown<'a>(
        &'a self,
        heads: impl Iterator<Item = &'a String>,
    ) -> impl Iterator<Item = &'a String> {
        heads.filter(|head| !self.heads.contains(head)).take(HEADS_MAX)
    }
}

/// Letters, digits, `.`, `_` and `-`, with neither a path in it nor a hidden file before it.
fn is_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    !name.is_empty()
        && name.len() <= NAME_BYTES_MAX
        && !name.starts_with('.')
        && name.chars().all(plain)
}

fn named(name: &str) -> String {
    let start: String = name.chars().take(NAME_BYTES_MAX).collect();
    format!("{start:?} is not a plain name of at most {NAME_BYTES_MAX} letters, digits, . _ -")
}
