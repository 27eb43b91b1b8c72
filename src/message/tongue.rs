//! Names the languages that a listed word may belong to, and sets of them.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A language whose words are told from others' around a listed word.
///
/// Not a [`super::Language`]: that is one in which Tidegate itself speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tongue {
    En,
    Fr,
    Es,
    Pt,
    It,
    De,
    Nl,
    Sv,
    /// Norwegian too: a few words of chat do not tell the two apart.
    Da,
    /// Every language without a name here.
    Other,
}

impl Tongue {
    pub const ALL: [Tongue; 10] = [
        Tongue::En,
        Tongue::Fr,
        Tongue::Es,
        Tongue::Pt,
        Tongue::It,
        Tongue::De,
        Tongue::Nl,
        Tongue::Sv,
        Tongue::Da,
        Tongue::Other,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Tongue::En => "en",
            Tongue::Fr => "fr",
            Tongue::Es => "es",
            Tongue::Pt => "pt",
            Tongue::It => "it",
            Tongue::De => "de",
            Tongue::Nl => "nl",
            Tongue::Sv => "sv",
            Tongue::Da => "da",
            Tongue::Other => "other",
        }
    }

    pub fn named(name: &str) -> Option<Tongue> {
        match name {
            "no" | "nb" | "nn" => Some(Tongue::Da),
            name => Tongue::ALL.into_iter().find(|tongue| tongue.name() == name),
        }
    }
}

/// A set of languages.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Tongues(u16);

impl Tongues {
    pub const NONE: Tongues = Tongues(0);

    pub const fn of(tongue: Tongue) -> Tongues {
        Tongues(1 << tongue as u16)
    }

    pub const fn with(self, other: Tongues) -> Tongues {
        Tongues(self.0 | other.0)
    }

    pub const fn both(self, other: Tongues) -> Tongues {
        Tongues(self.0 & other.0)
    }

    pub const fn without(self, other: Tongues) -> Tongues {
        Tongues(self.0 & !other.0)
    }

    pub const fn has(self, tongue: Tongue) -> bool {
        self.0 & (1 << tongue as u16) != 0
    }

    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub const fn len(self) -> u32 {
        self.0.count_ones()
    }

    pub fn iter(self) -> impl Iterator<Item = Tongue> {
        Tongue::ALL.into_iter().filter(move |tongue| self.has(*tongue))
    }
}

/// One name or a list of names.
impl<'de> Deserialize<'de> for Tongues {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Tongues, D::Error> {
        struct Names;
        impl<'de> de::Visitor<'de> for Names {
            type Value = Tongues;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                write!(f, "a language or a list of languages")
            }

            fn visit_str<E: de::Error>(self, name: &str) -> Result<Tongues, E> {
                Tongue::named(name).map(Tongues::of).ok_or_else(|| E::custom(unknown_tongue(name)))
            }

            fn visit_seq<A: de::SeqAccess<'de>>(self, mut names: A) -> Result<Tongues, A::Error> {
                let mut all = Tongues::NONE;
                while let Some(name) = names.next_element::<String>()? {
                    let tongue = Tongue::named(&name);
                    let tongue = tongue.ok_or_else(|| de::Error::custom(unknown_tongue(&name)))?;
                    all = all.with(Tongues::of(tongue));
                }
                Ok(all)
            }
        }
        from.deserialize_any(Names)
    }
}

impl Serialize for Tongues {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(self.iter().map(Tongue::name))
    }
}

/// What is wrong with the name of a language.
pub fn unknown_tongue(name: &str) -> String {
    let known = Tongue::ALL.map(Tongue::name).join(", ");
    format!("language `{}` is not one of {known}", name.escape_default())
}

impl FromIterator<Tongue> for Tongues {
    fn from_iter<I: IntoIterator<Item = Tongue>>(tongues: I) -> Tongues {
        tongues.into_iter().fold(Tongues::NONE, |all, tongue| all.with(Tongues::of(tongue)))
    }
}

/// `en,fr`, as lists spell it.
impl fmt::Display for Tongues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.iter().map(Tongue::name).collect();
        f.write_str(&names.join(","))
    }
}

impl fmt::Debug for Tongues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{self}]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        for tongue in Tongue::ALL {
            assert_eq!(Tongue::named(tongue.name()), Some(tongue));
            let json = format!("{:?}", tongue.name());
            let read: Tongues = serde_json::from_str(&json).expect("a name is a set of one");
            assert_eq!(read, Tongues::of(tongue));
        }
        let read: Tongues = serde_json::from_str(r#"["fr", "no"]"#).expect("a list is a set");
        assert_eq!(serde_json::to_string(&read).ok().as_deref(), Some(r#"["fr","da"]"#));
        let wrong = serde_json::from_str::<Tongues>(r#"["fr", "xx"]"#).expect_err("no such one");
        assert!(wrong.to_string().contains("language `xx` is not one of en, fr"), "{wrong}");
        assert_eq!(Tongue::named("no"), Some(Tongue::Da));
        assert_eq!(Tongue::named("xx"), None);
    }

    #[test]
    fn sets_hold_what_was_put_in() {
        let set: Tongues = [Tongue::Fr, Tongue::En, Tongue::Fr].into_iter().collect();
        assert_eq!((set.to_string().as_str(), set.len()), ("en,fr", 2));
        assert!(set.has(Tongue::En) && !set.has(Tongue::Es));
        assert_eq!(set.both(Tongues::of(Tongue::Fr)), Tongues::of(Tongue::Fr));
        assert!(Tongues::NONE.is_empty() && Tongues::NONE.to_string().is_empty());
    }
}
