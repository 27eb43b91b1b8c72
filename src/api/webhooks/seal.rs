//! Signs what is delivered, as Standard Webhooks has it.

use std::{env, fmt};

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::config::{WebhookConfig, read_bounded};

const PREFIX: &str = "whsec_";
/// As the standard has it.
const KEY_BYTES_MIN: usize = 24;
const KEY_BYTES_MAX: usize = 64;
/// One that is used and one that takes its place; more is a mistake.
const KEYS_MAX: usize = 4;

/// The secrets of one endpoint; never shown.
#[derive(Clone)]
pub struct Keys(Vec<Hmac<Sha256>>);

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys")
    }
}

impl Keys {
    /// # Errors
    /// The key of the settings and what is wrong with it; never a secret.
    pub fn read(config: &WebhookConfig) -> Result<Keys, (&'static str, String)> {
        let (key, text, place) = match (&config.secret_file, &config.secret_env) {
            (Some(file), None) => {
                let place = file.display().to_string();
                let text = read_bounded(file).map_err(|cause| format!("{place}: {cause}"));
                ("secret_file", text, place)
            }
            (None, Some(name)) => {
                let text = env::var(name).map_err(|_| format!("{name} is not set"));
                ("secret_env", text, name.clone())
            }
            _ => {
                let cause = "one of secret_file and secret_env is needed".to_owned();
                return Err(("secret_file", cause));
            }
        };
        let keys =
            text.and_then(|text| Keys::parse(&text).map_err(|cause| format!("{place}: {cause}")));
        keys.map_err(|cause| (key, cause))
    }

    /// # Errors
    /// What is wrong with the secrets; never a secret.
    pub fn parse(text: &str) -> Result<Keys, String> {
        let keys: Vec<&str> = text.split_whitespace().collect();
        if keys.is_empty() || keys.len() > KEYS_MAX {
            return Err(format!("holds {} secrets; 1 to {KEYS_MAX} may be", keys.len()));
        }
        let wrong = || {
            format!(
                "a secret is {PREFIX:?} and {KEY_BYTES_MIN} to {KEY_BYTES_MAX} random bytes in \
                 base64"
            )
        };
        let key = |secret: &&str| {
            let bytes = STANDARD.decode(secret.strip_prefix(PREFIX)?).ok()?;
            let fits = (KEY_BYTES_MIN..=KEY_BYTES_MAX).contains(&bytes.len());
            fits.then(|| Hmac::new_from_slice(&bytes).ok()).flatten()
        };
        let keys: Option<Vec<_>> = keys.iter().map(key).collect();
        keys.map(Keys).ok_or_else(wrong)
    }

    /// The signature header: one signature for each secret.
    pub fn sign(&self, id: &str, at_s: u64, body: &[u8]) -> String {
        let one = |mac: &Hmac<Sha256>| {
            let mut mac = mac.clone();
            mac.update(format!("{id}.{at_s}.").as_bytes());
            mac.update(body);
            format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
        };
        self.0.iter().map(one).collect::<Vec<_>>().join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_standards_own_example_is_signed_alike() {
        let keys = Keys::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n").expect("a secret");
        let body = br#"{"test": 2432232314}"#;
        let signed = keys.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body);
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn secrets_are_long_enough_and_few() {
        let secret = |bytes: usize| format!("{PREFIX}{}", STANDARD.encode(vec![7; bytes]));
        for (text, good) in [
            (secret(24), true),
            (secret(64), true),
            (format!("{}\n{}\n", secret(24), secret(32)), true),
            (secret(23), false),
            (secret(65), false),
            (String::new(), false),
            (secret(24).replace(PREFIX, ""), false),
            (secret(24).replace(PREFIX, "whsk_"), false),
            (format!("{PREFIX}not base64"), false),
            ([secret(24), secret(25), secret(26), secret(27), secret(28)].join(" "), false),
        ] {
            let keys = Keys::parse(&text);
            assert_eq!(keys.is_ok(), good, "{text}");
            // What is wrong is said without the secret.
            let told = keys.err().unwrap_or_default();
            assert!(!told.contains("BwcH") && !told.contains("not base64"), "{told}");
        }
        let two = Keys::parse(&format!("{} {}", secret(24), secret(32))).expect("two secrets");
        assert_eq!(two.sign("a", 1, b"b").split(' ').count(), 2);
        assert_eq!(format!("{two:?}"), "Keys");
    }
}
