//! Carries the word lists of this repository in the binary.

/// Each list's name and text; a new file in `wordlists/` is one more line here.
pub(super) const LISTS: &[(&str, &str)] = &[
    ("en/threat", include_str!("../../wordlists/en/threat.txt")),
    ("en/hate", include_str!("../../wordlists/en/hate.txt")),
    ("en/harassment", include_str!("../../wordlists/en/harassment.txt")),
    ("en/sexual", include_str!("../../wordlists/en/sexual.txt")),
    ("en/self_harm", include_str!("../../wordlists/en/self_harm.txt")),
    ("en/doxxing", include_str!("../../wordlists/en/doxxing.txt")),
    ("en/extremism", include_str!("../../wordlists/en/extremism.txt")),
    ("en/profanity", include_str!("../../wordlists/en/profanity.txt")),
    ("en/allow", include_str!("../../wordlists/en/allow.txt")),
    ("fr/threat", include_str!("../../wordlists/fr/threat.txt")),
    ("fr/hate", include_str!("../../wordlists/fr/hate.txt")),
    ("fr/harassment", include_str!("../../wordlists/fr/harassment.txt")),
    ("fr/sexual", include_str!("../../wordlists/fr/sexual.txt")),
    ("fr/self_harm", include_str!("../../wordlists/fr/self_harm.txt")),
    ("fr/doxxing", include_str!("../../wordlists/fr/doxxing.txt")),
    ("fr/extremism", include_str!("../../wordlists/fr/extremism.txt")),
    ("fr/profanity", include_str!("../../wordlists/fr/profanity.txt")),
    ("fr/allow", include_str!("../../wordlists/fr/allow.txt")),
];
