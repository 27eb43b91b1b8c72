//! Asks for a second factor: codes that change every half minute (TOTP, RFC 6238).

use std::net::IpAddr;

use qrcode::{Color, QrCode};
use serde::{Deserialize, Serialize};
use totp_rs::{Algorithm, Builder, Secret, Totp};

use super::{AccountError, Accounts, parse_name};
use crate::message::now_ms;

const DIGITS: u8 = 6;
const STEP_S: u64 = 30;
/// Clocks of telephones are wrong, and people slow: the code before and the one after do as well.
const STEPS_OFF: u16 = 1;
/// 160 bits, as RFC 4226 recommends.
const SECRET_BYTES: usize = 20;

/// A telephone's secret, and which of its codes was the last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Factor {
    /// In base32. It cannot be hashed: every code is computed from it.
    secret: String,
    /// No code of this half minute or an earlier one opens anything any more.
    used: u64,
}

/// What an authenticator is told; nothing is stored before a code of it was shown.
#[derive(Serialize)]
pub struct Setup {
    pub secret: String,
    pub uri: String,
    /// The same as a QR code, a line of it each: `#` is dark.
    pub picture: Vec<String>,
}

impl Factor {
    /// The half minute that a code is of, if it is one that may be used now.
    pub fn step_of(&self, code: &str, now_ms: u64) -> Option<u64> {
        let code: String = code.chars().filter(|c| !c.is_whitespace()).collect();
        let step = totp(&self.secret)?.check(&code, now_ms / 1000)?;
        (step > self.used).then_some(step)
    }

    /// Uses up a half minute.
    pub fn take(&mut self, step: u64) -> Result<(), AccountError> {
        if step <= self.used {
            return Err(AccountError::Code);
        }
        self.used = step;
        Ok(())
    }
}

/// `None`: this is no secret of ours.
fn totp(secret: &str) -> Option<Totp> {
    let secret = Secret::try_from_base32(secret).ok()?;
    let builder = Builder::new().with_algorithm(Algorithm::SHA1).with_digits(DIGITS);
    builder.with_step_duration(STEP_S).with_skew(STEPS_OFF).with_secret(secret).build().ok()
}

impl Accounts {
    /// A fresh secret for somebody's authenticator.
    pub fn set_up_factor(&self, name: &str) -> Result<Setup, AccountError> {
        let name = parse_name(name).ok_or(AccountError::Name)?;
        let mut bytes = [0; SECRET_BYTES];
        getrandom::fill(&mut bytes)
            .expect("the operating system gives random bytes once it has booted");
        let secret = Secret::from(bytes).to_base32();
        let uri = format!("otpauth://totp/Tidegate:{name}?secret={secret}&issuer=Tidegate");
        let code =
            QrCode::new(&uri).expect("a name and a secret are far shorter than a code may be");
        let dark = code.to_colors().into_iter().map(|color| color == Color::Dark);
        let dark: Vec<bool> = dark.collect();
        let line = |line: &[bool]| line.iter().map(|dark| if *dark { '#' } else { ' ' }).collect();
        let picture = dark.chunks(code.width()).map(line).collect();
        Ok(Setup { secret, uri, picture })
    }

    /// From now on the account asks for codes of this secret, of which `code` is one.
    pub async fn add_factor(
        &self,
        name: &str,
        secret: &str,
        code: &str,
    ) -> Result<(), AccountError> {
        let fresh = Factor { secret: secret.to_owned(), used: 0 };
        let long =
            Secret::try_from_base32(secret).is_ok_and(|s| s.as_bytes().len() >= SECRET_BYTES);
        let step = fresh.step_of(code, now_ms()).filter(|_| long).ok_or(AccountError::Code)?;
        let factor = Factor { used: step, ..fresh };
        self.update(name, |account| {
            account.factor = Some(factor.clone());
            Ok(Vec::new())
        })
        .await
    }

    /// From now on the password suffices.
    pub async fn remove_factor(&self, name: &str) -> Result<(), AccountError> {
        self.update(name, |account| {
            account.factor = None;
            Ok(Vec::new())
        })
        .await
    }

    /// A new password; all browsers but the one of this secret are logged out.
    pub async fn set_password(&self, name: &str, new: &str, own: &str) -> Result<(), AccountError> {
        let name = parse_name(name).ok_or(AccountError::Name)?;
        let password = self.hashed(&name, new).await?;
        self.update(&name, |account| {
            account.password.clone_from(&password);
            Ok(Vec::new())
        })
        .await?;
        self.end_seats(&name, None, own).await
    }

    /// Whoever sits at a browser that was left open does not know the password; they guess as
    /// slowly as at the login.
    pub async fn confirm(
        &self,
        name: &str,
        password: &str,
        from: IpAddr,
    ) -> Result<(), AccountError> {
        let name = parse_name(name).ok_or(AccountError::Name)?;
        let stored = self.account(&name).await?.map(|(account, _)| account.password);
        self.prove(&name, password, stored, from).await?;
        self.inner.lockout.succeeded(&name, from);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6238, appendix B, cut to six digits.
    #[test]
    fn codes_are_those_of_the_standard() {
        let secret = Secret::from(*b"12345678901234567890").to_base32();
        for (seconds, code) in
            [(59, "287082"), (1_111_111_109, "081804"), (20_000_000_000, "353130")]
        {
            let mut factor = Factor { secret: secret.clone(), used: 0 };
            let step = factor.step_of(code, seconds * 1000);
            assert_eq!(step, Some(seconds / 30), "{code}");
            assert_eq!(
                factor.step_of(&format!("{} {}", &code[..3], &code[3..]), seconds * 1000),
                step
            );
            // One half minute off is near enough, two are not.
            assert_eq!(factor.step_of(code, (seconds + 30) * 1000), step);
            assert_eq!(factor.step_of(code, (seconds + 60) * 1000), None);
            for wrong in ["", "287083", "28708", "2870822", "abcdef", "２８７０８２"] {
                assert_eq!(factor.step_of(wrong, seconds * 1000), None, "{wrong}");
            }
            // Nobody who looked over a shoulder gets in with it.
            factor.take(seconds / 30).expect("it is new");
            assert_eq!(factor.step_of(code, seconds * 1000), None);
            assert!(factor.take(seconds / 30).is_err());
        }
    }
}
