//! Tells hosts that are made to look like another from those that are what they seem.

use std::{collections::HashMap, sync::LazyLock};

use unicode_security::MixedScript;

use super::hosts;
use crate::letters::{self, lookalike::lookalike};

/// Shapes of the hosts that everybody knows.
static SHAPES: LazyLock<Shapes> = LazyLock::new(|| {
    let mut shapes = Shapes::default();
    hosts::listed().for_each(|host| shapes.add(host));
    shapes
});

/// A brand in few letters has look-alikes by accident.
const BRAND_LETTERS_MIN: usize = 4;

/// Hosts by what they look like.
#[derive(Clone, Debug, Default)]
pub(super) struct Shapes {
    by_shape: HashMap<String, Vec<String>>,
}

impl Shapes {
    /// Protects `host` from look-alikes.
    pub fn add(&mut self, host: &str) {
        let host = host.trim_start_matches("*.").split('/').next().unwrap_or_default();
        let brand = host.rsplit_once('.').map_or(host, |(brand, _)| brand);
        if brand.len() >= BRAND_LETTERS_MIN {
            let host = host.to_lowercase();
            self.by_shape.entry(shape(&host)).or_default().push(host);
        }
    }

    /// The protected host that a part of this one looks like and is not.
    fn find(&self, labels: &[&str]) -> Option<&str> {
        let count = labels.len();
        for start in 0..count {
            // As far as four labels: no protected host has more.
            for end in start + 2..=count.min(start + 4) {
                let part = labels[start..end].join(".");
                let Some(alike) = self.by_shape.get(&shape(&part)) else { continue };
                // The name itself, but in front of another one: `youtube.com.example.org`. With a
                // national ending behind it, it is the same brand abroad: `google.com.au`.
                let abroad = || hosts::is_suffix(&labels[end - 1..].join("."));
                if !alike.contains(&part) || (end < count && !abroad()) {
                    return alike.first().map(String::as_str);
                }
            }
        }
        None
    }
}

/// What people read, whatever it is written with: look-alike letters, digits and doublings.
fn shape(text: &str) -> String {
    let plain = letters::plain(text).0;
    let read = plain.chars().map(|c| match lookalike(c).unwrap_or(c) {
        '0' => 'o',
        '1' | 'i' | '|' => 'l',
        '3' => 'e',
        '5' => 's',
        c => c,
    });
    read.collect::<String>().replace("rn", "m").replace("vv", "w").replace("cl", "d")
}

/// The name that a host as it was written stands for: without case, `xn--` undone.
///
/// # Errors
/// The label that spells nothing.
pub(super) fn name(shown: &str) -> Result<String, String> {
    let lower = shown.to_lowercase();
    let labels = lower.split('.').map(|label| match hosts::decoded(label) {
        Some(Err(())) => Err(format!("has {label:?}, which spells nothing")),
        Some(Ok(spelt)) => Ok(spelt),
        None => Ok(label.to_owned()),
    });
    Ok(labels.collect::<Result<Vec<_>, _>>()?.join("."))
}

/// Why the host of this name is not what it seems, if it is not.
pub(super) fn disguise(name: &str, own: &Shapes) -> Option<String> {
    let labels: Vec<&str> = name.split('.').collect();
    if let Some(alike) = SHAPES.find(&labels).or_else(|| own.find(&labels)) {
        return Some(format!("looks like {alike}"));
    }
    let mixed = labels.iter().find(|label| !label.is_single_script())?;
    Some(format!("mixes scripts in {mixed:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_listed_host_looks_like_another() {
        for host in hosts::listed() {
            assert_eq!(disguise(host, &Shapes::default()), None, "{host}");
        }
    }

    #[test]
    fn lookalikes_are_told_from_the_real() {
        let mut own = Shapes::default();
        own.add("blorp.example");
        for (shown, expected) in [
            ("youtube.com", None),
            ("www.YouTube.com", None),
            ("m.youtube.com", None),
            ("www.google.com.au", None),
            ("blorp.example", None),
            ("münchen.de", None),
            ("пример.рф", None),
            ("例え.jp", None),
            ("xn--mnchen-3ya.de", None),
            ("example.org", None),
            ("y0utube.com", Some("looks like youtube.com")),
            ("yοutube.com", Some("looks like youtube.com")),
            ("yοutübe.com", Some("looks like youtube.com")),
            ("discörd.com", Some("looks like discord.com")),
            ("dlscord.gg", Some("looks like discord.gg")),
            ("steamcomrnunity.com", Some("looks like steamcommunity.com")),
            ("youtube.com.example.org", Some("looks like youtube.com")),
            ("paypaI.com", Some("looks like paypal.com")),
            ("xn--yutube-wqf.com", Some("looks like youtube.com")),
            ("b1orp.example", Some("looks like blorp.example")),
            ("ехample.org", Some("mixes scripts in \"ехample\"")),
        ] {
            let name = name(shown).expect(shown);
            assert_eq!(disguise(&name, &own).as_deref(), expected, "{shown}");
        }
        assert!(name("xn--99999999999.com").is_err());
    }
}
