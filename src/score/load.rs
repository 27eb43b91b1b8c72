//! Loads a model: reads its files, checks their digests, opens them and has it prove itself.

use std::{
    borrow::Cow,
    fs::{self, File},
    io::Read,
    iter,
    path::{Path, PathBuf},
    sync::Arc,
};

use sha2::{Digest, Sha256};

use super::{
    Model,
    cascade::Cascade,
    embedded,
    manifest::{Manifest, ModelEntry},
    onnx::{self, Classifier},
    pieces::Pieces,
};
use crate::config::ScoreConfig;

/// Each file; checked before more is read.
const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// How far a golden score may be off: runtimes and processors round 8-bit arithmetic differently,
/// and layer after layer carries that on.
const TOLERANCE: f32 = 0.05;

/// A model that may take over.
#[derive(Clone)]
pub struct Prepared {
    pub model: Arc<dyn Model>,
    /// What it was loaded by; none for a model that came from no file.
    pub manifest: Option<Manifest>,
}

/// The manifest that the settings name, or the one in the binary.
pub(super) fn manifest(config: &ScoreConfig) -> Result<Manifest, Vec<String>> {
    match config.manifest.as_os_str().is_empty() {
        true => Manifest::embedded(),
        false => Manifest::read(&config.manifest),
    }
}

/// The files on disk that a model depends on, as far as they can be told; a change of one is a
/// reason to look again.
pub fn files(config: &ScoreConfig) -> Vec<PathBuf> {
    if config.manifest.as_os_str().is_empty() {
        return Vec::new();
    }
    let mut files = vec![config.manifest.clone()];
    if let Ok(manifest) = Manifest::read(&config.manifest) {
        for entry in used(&manifest) {
            files.extend([&entry.file, &entry.pieces].map(|name| beside(&config.manifest, name)));
        }
    }
    files
}

/// Loads the model that the settings name and has it prove itself.
///
/// # Errors
/// Everything that is wrong with the manifest, or the first thing that is wrong with its files.
pub fn open(config: &ScoreConfig) -> Result<Prepared, Vec<String>> {
    let manifest = manifest(config)?;
    let of = |entry: &ModelEntry, cause: String| vec![format!("model {}: {cause}", entry.name)];
    let ready = |entry| load(config, entry).map_err(|cause| of(entry, cause));
    let proved = |model: &dyn Model, entry| prove(model, entry).map_err(|cause| of(entry, cause));
    let first = manifest.first();
    let model = ready(first)?;
    let model: Arc<dyn Model> = match manifest.second() {
        None => Arc::new(model),
        Some((entry, second)) => {
            let deeper = ready(entry)?;
            proved(&deeper, entry)?;
            Arc::new(Cascade::new(Box::new(model), Box::new(deeper), second))
        }
    };
    // What the first is to say, it says together with its second.
    proved(&*model, first)?;
    Ok(Prepared { model, manifest: Some(manifest) })
}

/// The entries of a manifest that are asked.
fn used(manifest: &Manifest) -> impl Iterator<Item = &ModelEntry> {
    iter::once(manifest.first()).chain(manifest.second().map(|(entry, _)| entry))
}

/// One model by itself.
fn load(config: &ScoreConfig, entry: &ModelEntry) -> Result<Classifier, String> {
    let manifest = Some(&*config.manifest).filter(|path| !path.as_os_str().is_empty());
    let file = read(manifest, &entry.file, &entry.sha256)?;
    let pieces = read(manifest, &entry.pieces, &entry.pieces_sha256)?;
    let pieces = Pieces::parse(&pieces).map_err(|cause| format!("{}: {cause}", entry.pieces))?;
    onnx::open(entry, file, pieces, &config.runtime, config.threads)
}

/// Whether the files of the models are still those that the manifest names.
///
/// # Errors
/// Those that are not, or cannot be read.
pub(super) fn verify(config: &ScoreConfig, manifest: &Manifest) -> Result<(), Vec<String>> {
    let place = Some(&*config.manifest).filter(|path| !path.as_os_str().is_empty());
    let mut wrong = Vec::new();
    for entry in used(manifest) {
        for (file, sha256) in [(&entry.file, &entry.sha256), (&entry.pieces, &entry.pieces_sha256)]
        {
            let cause = read(place, file, sha256).err();
            wrong.extend(cause.map(|cause| format!("model {}: {cause}", entry.name)));
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong) }
}

fn beside(manifest: &Path, name: &str) -> PathBuf {
    manifest.parent().unwrap_or(Path::new("")).join(name)
}

/// The bytes of a file whose digest is the one that the manifest has.
fn read(manifest: Option<&Path>, name: &str, sha256: &str) -> Result<Cow<'static, [u8]>, String> {
    let bytes: Cow<'static, [u8]> = match manifest {
        Some(manifest) => {
            let path = beside(manifest, name);
            read_bounded(&path).map_err(|cause| format!("{}: {cause}", path.display()))?.into()
        }
        None => {
            let own = embedded::FILES.iter().find(|(known, _)| *known == name);
            own.ok_or_else(|| format!("{name} is not in this build"))?.1.into()
        }
    };
    let digest: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    match digest == sha256 {
        true => Ok(bytes),
        false => Err(format!("{name} is another file: its digest is {digest}, not {sha256}")),
    }
}

fn read_bounded(path: &Path) -> Result<Vec<u8>, String> {
    // A pipe keeps whoever opens it waiting, for ever if nobody writes.
    if !fs::metadata(path).map_err(|error| error.to_string())?.is_file() {
        return Err("is no file".to_owned());
    }
    let file = File::open(path).map_err(|error| error.to_string())?;
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    match bytes.len() as u64 > FILE_BYTES_MAX {
        true => Err(format!("larger than {FILE_BYTES_MAX} bytes")),
        false => Ok(bytes),
    }
}

/// Each golden text must be scored as when the model was made. That shows files that do not belong
/// together, a runtime that computes otherwise, and a text that is read otherwise.
fn prove(model: &dyn Model, entry: &ModelEntry) -> Result<(), String> {
    for golden in &entry.golden {
        let scores = model.score(&[&golden.text])?.pop().unwrap_or_default();
        for (head, score) in entry.heads.iter().zip(scores) {
            let Some(expected) = golden.scores.get(head) else { continue };
            if (score - expected).abs() > TOLERANCE {
                return Err(format!(
                    "it scores {:?} {head} {score:.3} and should {expected:.3}",
                    golden.text
                ));
            }
        }
    }
    Ok(())
}
