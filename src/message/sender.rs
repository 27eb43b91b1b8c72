//! Names what is known of a sender beside the message: the name's faults, the record, the payment.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Hit, Severity};

/// An amount is a number and a currency; what is longer was made to be looked at.
const AMOUNT_CHARS_MAX: usize = 32;

/// What somebody paid for the message to be shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Paid {
    /// As people read it (`500 bits`, `5 EUR`): short, on one line, nothing that moves the text
    /// around it.
    pub amount: String,
}

impl Paid {
    /// `None` where nothing was paid: an empty amount, or a zero.
    pub fn new(amount: &str, currency: &str) -> Option<Paid> {
        let amount = amount.trim();
        let counts = |digit: char| digit.is_numeric() && digit != '0';
        if amount.is_empty() || !amount.chars().any(counts) {
            return None;
        }
        let both = format!("{amount} {}", currency.trim());
        let shown: String = both.chars().filter(is_plain).take(AMOUNT_CHARS_MAX).collect();
        Some(Paid { amount: shown.trim().to_owned() })
    }
}

/// Letters, digits, currency signs and the marks between them; nothing invisible.
fn is_plain(c: &char) -> bool {
    let sign = matches!(c, '\u{20a0}'..='\u{20cf}' | '¢' | '£' | '¤' | '¥' | '$');
    c.is_alphanumeric() || sign || matches!(c, ' ' | '.' | ',' | '\'' | '-' | '\u{a0}')
}

/// What was found in the name that a sender goes by.
#[derive(Clone, Debug, Default)]
pub struct Named {
    /// The worst listed term of each category; the spans mean nothing to the message.
    pub hits: Vec<Hit>,
    pub alike: Option<Alike>,
}

/// Somebody else for whom a name could be taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alike {
    /// The protected name, or the title.
    pub of: String,
    /// In what way, for moderators.
    pub how: &'static str,
    pub severity: Severity,
}

/// What a moderator is shown of a sender's past.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Standing {
    /// Nothing was heard of this sender here lately, or the platform says that it is the first.
    pub first: bool,
    /// Strikes that have not worn off.
    pub strikes: f32,
    /// A warning is due.
    #[serde(skip)]
    pub warning: bool,
    /// The channel was in shield mode, so that the stricter policy judged.
    pub shield: bool,
    /// A moderator trusted the sender, so that the milder form of the policy judged.
    pub trusted: bool,
    /// Nobody was on duty, so that the policy for that judged.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub unattended: bool,
}

/// The same as [`Named`], shared by all messages under one name.
pub type SharedName = Arc<Named>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_short_and_plain() {
        let check = |amount: &str, currency: &str, expected: Option<&str>| {
            let paid = Paid::new(amount, currency).map(|paid| paid.amount);
            assert_eq!(paid.as_deref(), expected, "{amount:?} {currency:?}");
        };
        check("500", "bits", Some("500 bits"));
        check("€5.00", "", Some("€5.00"));
        check("5,00\u{a0}€", "", Some("5,00\u{a0}€"));
        check("1'000", "CHF", Some("1'000 CHF"));
        check("", "EUR", None);
        check("0", "bits", None);
        check("0.00", "EUR", None);
        check("free", "EUR", None);
        check("5\u{202e}<b>\n", "E\u{200b}UR", Some("5b EUR"));
        check("=1+1", "", Some("11"));
        check(&"9".repeat(100), "", Some(&"9".repeat(32)));
    }
}
