//! Loads a model: reads its files, checks their digests, opens them and has it prove itself.

use std::{
    borrow::Cow,
    fs::{self, File},
    io::Read,
    path::{Path, PathBuf},
    sync::Arc,
};

use sha2::{Digest, Sha256};

use super::{
    Model, embedded,
    manifest::{Manifest, ModelEntry},
    onnx,
    pieces::Pieces,
};
use crate::config::ScoreConfig;

/// Both files, each; checked before more is read.
const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// How far a golden score may be off: runtimes and processors round 8-bit arithmetic differently.
const TOLERANCE: f32 = 0.02;

/// A model that may take over.
#[derive(Clone)]
pub struct Prepared {
    pub model: Arc<dyn Model>,
    /// What it was loaded by; none for a model that came from no file.
    pub entry: Option<ModelEntry>,
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
        let entry = manifest.first();
        files.extend([&entry.file, &entry.pieces].map(|name| beside(&config.manifest, name)));
    }
    files
}

/// Loads the model that the settings name and has it prove itself.
///
/// # Errors
/// Everything that is wrong with the manifest, or the first thing that is wrong with its files.
pub fn open(config: &ScoreConfig) -> Result<Prepared, Vec<String>> {
    let manifest = manifest(config)?;
    let entry = manifest.first();
    let model = load(config, entry).map_err(|cause| vec![format!("model {}: {cause}", entry.name)]);
    Ok(Prepared { model: model?, entry: Some(entry.clone()) })
}

fn load(config: &ScoreConfig, entry: &ModelEntry) -> Result<Arc<dyn Model>, String> {
    let manifest = Some(&*config.manifest).filter(|path| !path.as_os_str().is_empty());
    let file = read(manifest, &entry.file, &entry.sha256)?;
    let pieces = read(manifest, &entry.pieces, &entry.pieces_sha256)?;
    let pieces = Pieces::parse(&pieces).map_err(|cause| format!("{}: {cause}", entry.pieces))?;
    let model = onnx::open(entry, file, pieces, &config.runtime, config.threads)?;
    prove(&model, entry)?;
    Ok(Arc::new(model))
}

/// Whether the files of a model are still those that its manifest names.
///
/// # Errors
/// The first that is not, or cannot be read.
pub(super) fn verify(config: &ScoreConfig, entry: &ModelEntry) -> Result<(), String> {
    let manifest = Some(&*config.manifest).filter(|path| !path.as_os_str().is_empty());
    read(manifest, &entry.file, &entry.sha256)?;
    read(manifest, &entry.pieces, &entry.pieces_sha256)?;
    Ok(())
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
