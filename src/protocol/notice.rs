//! Words what a sender is told, in English and French.

use super::{Notice, NoticeKind};
use crate::message::{Language, explain};

/// A rule's name longer than this is cut: a notice must fit in an IRC line.
const RULE_CHARS_MAX: usize = 64;

impl NoticeKind {
    /// The word for programs (`{verdict}` in a notice template).
    pub const fn name(self) -> &'static str {
        match self {
            NoticeKind::Dropped => "drop",
            NoticeKind::Held => "hold",
            NoticeKind::Released => "released",
            NoticeKind::Denied => "denied",
            NoticeKind::Expired => "expired",
            NoticeKind::TimedOut => "timed_out",
            NoticeKind::Banned => "banned",
            NoticeKind::NameRefused => "name_refused",
            NoticeKind::Warned => "warned",
        }
    }
}

impl Notice {
    /// What the sender reads: one line, which names the rule and not what in the message broke it.
    pub fn text(&self) -> String {
        let mut text = self.sentence().to_owned();
        // Who let a message through, and that a time-out or ban is on, is all there is to say.
        let is_all = [NoticeKind::Released, NoticeKind::TimedOut, NoticeKind::Banned];
        if !is_all.contains(&self.kind) {
            text += &explain::rule_told(&self.rule_name(), self.language);
        }
        text
    }

    /// The rule's name, fit to stand in one line of any protocol, HTML too.
    pub fn rule_name(&self) -> String {
        let plain = |c: &char| !c.is_control() && !"<>&\"".contains(*c);
        self.rule.chars().filter(plain).take(RULE_CHARS_MAX).collect()
    }

    fn sentence(&self) -> &'static str {
        use Language::{En, Fr};
        match (self.kind, self.language) {
            (NoticeKind::Dropped, language) => explain::dropped(language),
            (NoticeKind::Held, language) => explain::held(language),
            (NoticeKind::TimedOut, language) => explain::timed_out(language),
            (NoticeKind::Banned, language) => explain::banned(language),
            (NoticeKind::Released, En) => "Your message was let through.",
            (NoticeKind::Released, Fr) => "Votre message a été publié.",
            (NoticeKind::Denied, En) => "A moderator removed your message.",
            (NoticeKind::Denied, Fr) => "La modération a retiré votre message.",
            (NoticeKind::Expired, En) => "Your message was not reviewed in time and was not sent.",
            (NoticeKind::Expired, Fr) => {
                "Votre message n’a pas été examiné à temps et n’a pas été envoyé."
            }
            (NoticeKind::NameRefused, En) => "That name cannot be used here.",
            (NoticeKind::NameRefused, Fr) => "Ce nom ne peut pas être utilisé ici.",
            (NoticeKind::Warned, En) => {
                "This is a warning: if you go on like this, you will not be able to write here."
            }
            (NoticeKind::Warned, Fr) => {
                "Ceci est un avertissement. Si cela continue, vous ne pourrez plus écrire ici."
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KINDS: [NoticeKind; 9] = [
        NoticeKind::Dropped,
        NoticeKind::Held,
        NoticeKind::Released,
        NoticeKind::Denied,
        NoticeKind::Expired,
        NoticeKind::TimedOut,
        NoticeKind::Banned,
        NoticeKind::NameRefused,
        NoticeKind::Warned,
    ];

    #[test]
    fn every_kind_is_worded_in_both_languages_on_one_short_line() {
        let mut seen = std::collections::BTreeSet::new();
        for kind in KINDS {
            for language in [Language::En, Language::Fr] {
                let text = Notice { kind, language, rule: "flood\r\nQUIT".into() }.text();
                assert!(!text.contains(['\r', '\n']) && text.len() < 300, "{text:?}");
                assert!(seen.insert(text), "{kind:?} {language:?} is worded twice");
            }
        }
    }

    #[test]
    fn the_rule_is_named() {
        let notice = |kind, language, rule: &str| Notice { kind, language, rule: rule.into() };
        let text = notice(NoticeKind::Dropped, Language::En, "hate").text();
        assert_eq!(text, "Your message was not sent. Rule: hate.");
        let text = notice(NoticeKind::Held, Language::Fr, "flood").text();
        assert_eq!(text, "Votre message attend l’avis de la modération. Règle\u{a0}: flood.");
        assert!(!notice(NoticeKind::Held, Language::En, "").text().contains("Rule"));
        let long = notice(NoticeKind::Dropped, Language::En, &"x".repeat(1000)).text();
        assert!(long.len() < 120, "{long}");
    }
}
