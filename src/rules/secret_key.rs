//! Reads the key that a channel's secrets are hashed with, and arms the policies.
//!
//! The key lies in the state folder and not in the settings: settings are copied, mailed and
//! committed, and a town's name can be guessed by whoever has both.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, ErrorKind, Write},
    path::{Path, PathBuf},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::{
    config::Config,
    decide::{Policy, SecretKey, Secrets},
    store,
};

const FILE: &str = "secrets.key";

/// More than a key and a line's end; a larger file is none.
const BYTES_MAX: u64 = 64;

/// Gives each policy the secrets that its settings name.
pub(super) fn arm(
    config: &Config,
    policies: &mut BTreeMap<String, Policy>,
    errors: &mut Vec<String>,
) {
    let mut read: Option<Option<SecretKey>> = None;
    for (name, own) in &config.policy {
        let lines = own.personal.as_ref().map_or(&[][..], |personal| &personal.secrets);
        let Some(policy) = policies.get_mut(name).filter(|_| !lines.is_empty()) else { continue };
        let key = read.get_or_insert_with(|| match load(&config.state_dir) {
            Ok(key) => Some(key),
            Err(cause) => {
                let path = path(&config.state_dir);
                errors.push(format!("policy.{name}.personal.secrets: {}: {cause}", path.display()));
                None
            }
        });
        let Some(key) = key.clone() else { continue };
        match Secrets::arm(key, lines) {
            Ok(secrets) => policy.arm(secrets),
            Err(wrong) => errors.extend(wrong.into_iter().map(|(number, cause)| {
                format!("policy.{name}.personal.secrets: number {number} {cause}")
            })),
        }
    }
}

fn path(state_dir: &Path) -> PathBuf {
    state_dir.join(FILE)
}

/// # Errors
/// No such file, or one that is no key.
pub fn load(state_dir: &Path) -> io::Result<SecretKey> {
    let file = path(state_dir);
    if fs::metadata(&file)?.len() > BYTES_MAX {
        return Err(io::Error::other("is no key"));
    }
    let text = fs::read_to_string(&file)?;
    let bytes = URL_SAFE_NO_PAD.decode(text.trim()).ok();
    let bytes: Option<[u8; 32]> = bytes.and_then(|bytes| bytes.try_into().ok());
    bytes.map(|bytes| SecretKey::new(&bytes)).ok_or_else(|| io::Error::other("is no key"))
}

/// The key, made where there is none; only its owner may read it.
///
/// # Errors
/// The state folder cannot be written, or holds a file that is no key.
pub fn load_or_make(state_dir: &Path) -> io::Result<SecretKey> {
    match load(state_dir) {
        Err(cause) if cause.kind() == ErrorKind::NotFound => {}
        loaded => return loaded,
    }
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    store::create_dir(state_dir)?;
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path(state_dir)) {
        Ok(mut file) => {
            writeln!(file, "{}", URL_SAFE_NO_PAD.encode(bytes))?;
            file.sync_all()?;
            Ok(SecretKey::new(&bytes))
        }
        // Another command made it just now.
        Err(cause) if cause.kind() == ErrorKind::AlreadyExists => load(state_dir),
        Err(cause) => Err(cause),
    }
}
