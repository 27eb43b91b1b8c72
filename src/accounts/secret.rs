//! Makes secrets and the digests under which they are stored.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// 32 random bytes as text that fits a cookie, a header and a URL.
pub fn fresh() -> String {
    let mut bytes = [0u8; 32];
    getrandom::fill(&mut bytes)
        .expect("the operating system gives random bytes once it has booted");
    URL_SAFE_NO_PAD.encode(bytes)
}

/// What is stored in a secret's place, and the key it is looked up by.
///
/// A lookup by digest tells an attacker nothing by its timing: the digest of a guess cannot be
/// steered. 32 random bytes need no salt and no slow hash.
pub fn digest(secret: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(secret.as_bytes()))
}

/// So much of a digest tells one from another, and nothing of the secret.
const ID_CHARS: usize = 16;

/// What names the thing that a digest is stored for, in lists and paths.
pub fn id(digest: &str) -> &str {
    digest.get(..ID_CHARS).unwrap_or(digest)
}

/// Compares in a time that depends on nothing but the length of the digests.
pub fn same(secret: &str, expected_digest: &str) -> bool {
    digest(secret).as_bytes().ct_eq(expected_digest.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_differ_and_match_only_themselves() {
        let (one, two) = (fresh(), fresh());
        assert_eq!(one.len(), 43);
        assert_ne!(one, two);
        assert!(same(&one, &digest(&one)));
        assert!(!same(&two, &digest(&one)));
        assert!(!same("", &digest(&one)));
    }
}
