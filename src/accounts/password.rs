//! Hashes and checks passwords without letting logins exhaust the processor.

use std::{collections::BTreeSet, sync::Arc};

use argon2::{Argon2, PasswordHasher, PasswordVerifier, password_hash::phc::PasswordHash};
use tokio::sync::Semaphore;

use super::AccountError;

/// Long enough that a guess over the network is hopeless without rules on which characters.
pub const PASSWORD_CHARS_MIN: usize = 12;
const PASSWORD_BYTES_MAX: usize = 1024;

/// Hashes computed at once: each takes 19 MiB and some 20 ms of one core.
const HASHING_MAX: usize = 2;
/// Logins that wait for their turn; one more is told to come back.
const WAITING_MAX: usize = 16;

/// Those among the most used ones that are long enough.
const COMMON: &str = include_str!("data/common.txt");
/// What everybody here would think of first; with an account's own name.
const NEAR: [&str; 4] = ["tidegate", "password", "moderator", "admin"];
/// So much is left of a password when such a word is taken out, or it is as good as the word.
const LEFT_MIN: usize = 8;
/// With fewer different characters it is a pattern.
const DIFFERENT_MIN: usize = 5;

pub fn acceptable(password: &str) -> bool {
    password.len() <= PASSWORD_BYTES_MAX && password.chars().count() >= PASSWORD_CHARS_MIN
}

/// Whether it is among the first that somebody tries who guesses.
pub fn obvious(name: &str, password: &str) -> bool {
    let lower = password.to_lowercase();
    let common = COMMON.lines().filter(|line| !line.starts_with('#')).any(|line| line == lower);
    let near = |word: &str| {
        // A name of three letters is part of many words.
        let counts = word.len() > 3 && lower.contains(word);
        counts && lower.replace(word, "").chars().count() < LEFT_MIN
    };
    let different = lower.chars().collect::<BTreeSet<_>>().len();
    common || different < DIFFERENT_MIN || near(name) || NEAR.iter().any(|word| near(word))
}

/// argon2id with the library's default parameters, which are OWASP's (19 MiB, 2 passes, 1 lane).
pub struct Hasher {
    hashing: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
}

impl Hasher {
    pub fn new() -> Hasher {
        Hasher {
            hashing: Arc::new(Semaphore::new(HASHING_MAX)),
            waiting: Arc::new(Semaphore::new(HASHING_MAX + WAITING_MAX)),
        }
    }

    /// A PHC string with a salt of its own.
    pub async fn hash(&self, password: &str) -> Result<String, AccountError> {
        let password = password.to_owned();
        self.turn(move || hash(&password)).await
    }

    /// Whether the password is the one `stored` was made of. Without a `stored` one it works as
    /// long and says no.
    pub async fn verify(
        &self,
        password: &str,
        stored: Option<String>,
    ) -> Result<bool, AccountError> {
        if password.len() > PASSWORD_BYTES_MAX {
            return Ok(false);
        }
        let password = password.to_owned();
        let check = move || match stored {
            Some(stored) => verify(&password, &stored),
            None => {
                hash(&password);
                false
            }
        };
        self.turn(check).await
    }

    async fn turn<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, AccountError> {
        let _place = self.waiting.try_acquire().map_err(|_| AccountError::Busy)?;
        let turn = self.hashing.clone().acquire_owned().await.map_err(|_| AccountError::Busy)?;
        let work = move || {
            // Held by the work itself: a caller that goes away does not free the core.
            let _turn = turn;
            work()
        };
        tokio::task::spawn_blocking(work).await.map_err(|_| AccountError::Busy)
    }
}

fn hash(password: &str) -> String {
    let hashed = Argon2::default().hash_password(password.as_bytes());
    hashed.expect("the default parameters and a short password are valid").to_string()
}

fn verify(password: &str, stored: &str) -> bool {
    let Ok(stored) = PasswordHash::new(stored) else { return false };
    Argon2::default().verify_password(password.as_bytes(), &stored).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_hash_fits_its_password_only() {
        let hasher = Hasher::new();
        let stored = hasher.hash("correct horse battery").await.unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
        let table = [
            ("correct horse battery", Some(stored.clone()), true),
            ("correct horse batterz", Some(stored.clone()), false),
            ("", Some(stored.clone()), false),
            ("correct horse battery", Some("$argon2id$damaged".into()), false),
            ("correct horse battery", None, false),
        ];
        for (password, stored, expected) in table {
            let got = hasher.verify(password, stored.clone()).await.unwrap();
            assert_eq!(got, expected, "{password:?} {stored:?}");
        }
    }

    #[test]
    fn a_password_is_long_but_not_endless() {
        assert!(!acceptable("elevenchars"));
        assert!(acceptable("twelve chars"));
        assert!(!acceptable("éééééé"), "characters count, not bytes");
        assert!(!acceptable(&"a".repeat(1025)));
    }

    #[test]
    fn what_everybody_thinks_of_first_is_obvious() {
        for (password, expected) in [
            ("correct horse battery", false),
            ("qwertyuiop123", true),
            ("QwertyUiop123", true),
            ("password1234", true),
            ("my password 42", true),
            ("a password that nobody guesses", false),
            ("tidegate2026!", true),
            ("the tidegate by the sea", false),
            ("anastasia1234", true),
            ("anastasia likes tea", false),
            ("ananananan12", true),
            ("121212121212", true),
            ("aaaaaaaaaaaaaaaaaaaa", true),
        ] {
            assert_eq!(obvious("anastasia", password), expected, "{password}");
        }
        assert!(!obvious("ana", "ananas on ice"), "a short name is part of words");
        let lines = COMMON.lines().filter(|line| !line.starts_with('#'));
        assert!(lines.clone().count() > 200 && lines.clone().all(|l| l == l.to_lowercase()));
    }

    #[tokio::test]
    async fn logins_beyond_the_bound_are_told_to_come_back() {
        let hasher = Hasher::new();
        let all = hasher.waiting.clone().acquire_many_owned(18).await.unwrap();
        assert!(matches!(hasher.hash("correct horse battery").await, Err(AccountError::Busy)));
        drop(all);
        assert!(hasher.hash("correct horse battery").await.is_ok());
    }
}
