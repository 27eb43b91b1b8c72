//! Tells whether Kick signed what came, with the key that it publishes.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use arc_swap::ArcSwapOption;
use base64::{Engine, engine::general_purpose::STANDARD};
use rustls_pki_types::{
    SignatureVerificationAlgorithm, SubjectPublicKeyInfoDer,
    alg_id::{RSA_ENCRYPTION, RSA_PKCS1_SHA256},
    pem::PemObject,
};
use tokio::{sync::Notify, time::Instant};
use tokio_rustls::rustls::crypto::ring::default_provider;

/// A key that may have changed is asked for this seldom: forgeries are free of charge.
const DOUBT_PAUSE: Duration = Duration::from_secs(60);

/// The key, as soon as there is one.
#[derive(Default)]
pub struct Seal {
    key: ArcSwapOption<Vec<u8>>,
    asked: Mutex<Option<Instant>>,
    doubted: Notify,
}

impl Seal {
    /// Takes a key in PEM.
    ///
    /// # Errors
    /// It is none, or no RSA key.
    pub fn trust(&self, pem: &str) -> Result<(), String> {
        let info = SubjectPublicKeyInfoDer::from_pem_slice(pem.as_bytes());
        let info = info.map_err(|_| "it is no public key in PEM".to_owned())?;
        let key = rsa_key(&info).ok_or("it is no RSA key")?;
        self.key.store(Some(Arc::new(key.to_vec())));
        Ok(())
    }

    pub fn has_key(&self) -> bool {
        self.key.load().is_some()
    }

    /// Whether Kick signed these parts of a request.
    pub fn holds(&self, id: &str, timestamp: &str, body: &[u8], signature: &str) -> bool {
        let (Some(key), Some(algorithm)) = (self.key.load_full(), algorithm()) else {
            return false;
        };
        let Ok(signature) = STANDARD.decode(signature.trim()) else { return false };
        let mut signed = Vec::with_capacity(id.len() + timestamp.len() + body.len() + 2);
        for part in [id.as_bytes(), b".", timestamp.as_bytes(), b".", body] {
            signed.extend_from_slice(part);
        }
        algorithm.verify_signature(&key, &signed, &signature).is_ok()
    }

    /// The key may have been changed: whoever waits in [`Seal::doubted`] asks for it.
    pub fn doubt(&self) {
        let now = Instant::now();
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        if asked.is_none_or(|at| now >= at + DOUBT_PAUSE) {
            *asked = Some(now);
            self.doubted.notify_one();
        }
    }

    pub async fn doubted(&self) {
        self.doubted.notified().await;
    }
}

/// What certificates are verified with here is good for this as well.
fn algorithm() -> Option<&'static dyn SignatureVerificationAlgorithm> {
    let known = default_provider().signature_verification_algorithms.all;
    let fits = |one: &&&dyn SignatureVerificationAlgorithm| {
        one.public_key_alg_id() == RSA_ENCRYPTION && one.signature_alg_id() == RSA_PKCS1_SHA256
    };
    known.iter().find(fits).copied()
}

/// The key alone out of its `SubjectPublicKeyInfo`: a sequence of the algorithm and a bit string.
fn rsa_key(info: &[u8]) -> Option<&[u8]> {
    let (info, _) = element(info, 0x30)?;
    let (algorithm, rest) = element(info, 0x30)?;
    let (bits, _) = element(rest, 0x03)?;
    let (unused, key) = bits.split_first()?;
    (algorithm == RSA_ENCRYPTION.as_ref() && *unused == 0).then_some(key)
}

/// One DER element of a kind at the start: what is in it, and what follows.
fn element(bytes: &[u8], kind: u8) -> Option<(&[u8], &[u8])> {
    let (tag, rest) = bytes.split_first()?;
    let (length, rest) = rest.split_first()?;
    let (length, rest) = match length {
        0..=0x7f => (usize::from(*length), rest),
        0x81 | 0x82 => {
            let (long, rest) = rest.split_at_checked(usize::from(length & 0x7f))?;
            (long.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)), rest)
        }
        _ => return None,
    };
    (*tag == kind).then(|| rest.split_at_checked(length)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_keys_are_taken() {
        let seal = Seal::default();
        for pem in [
            "",
            "-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n",
            "-----BEGIN PUBLIC KEY-----\nMIIBIjAN\n-----END PUBLIC KEY-----\n",
            // Ed25519.
            "-----BEGIN PUBLIC KEY-----\n\
             MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n\
             -----END PUBLIC KEY-----\n",
        ] {
            assert!(seal.trust(pem).is_err(), "{pem}");
        }
        assert!(!seal.has_key() && !seal.holds("id", "now", b"{}", "AAAA"));
    }
}
