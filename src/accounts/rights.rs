//! Says what a person may do, and in which channels.

use serde::{Deserialize, Serialize};

/// More than anybody looks after.
pub const PLACES_MAX: usize = 200;

/// What somebody may do: each role may do what those before it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Sees the queue.
    Viewer,
    /// Decides.
    Moderator,
    /// Says who else may.
    Admin,
}

impl Role {
    pub const fn name(self) -> &'static str {
        match self {
            Role::Viewer => "viewer",
            Role::Moderator => "moderator",
            Role::Admin => "admin",
        }
    }
}

/// A role in one channel.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// A route's, a bot's or a hook's name.
    pub route: String,
    /// As its messages carry it; empty where its protocol has none.
    #[serde(default)]
    pub channel: String,
    pub role: Role,
}

/// A person's roles.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rights {
    /// In every channel; `None` where only `places` count.
    #[serde(default)]
    pub role: Option<Role>,
    /// In single channels, where it may only be more.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub places: Vec<Place>,
}

impl From<Role> for Rights {
    fn from(role: Role) -> Rights {
        Rights { role: Some(role), places: Vec::new() }
    }
}

impl Rights {
    /// The highest role that they have anywhere.
    pub fn highest(&self) -> Option<Role> {
        self.places.iter().map(|place| place.role).chain(self.role).max()
    }

    /// Whether they have at least this role in every channel.
    pub fn everywhere(&self, role: Role) -> bool {
        self.role >= Some(role)
    }

    /// Whether they have at least this role in a channel.
    pub fn reach(&self, route: &str, channel: &str, role: Role) -> bool {
        let own = |place: &&Place| place.route == route && place.channel == channel;
        self.everywhere(role) || self.places.iter().filter(own).any(|own| own.role >= role)
    }

    /// Whether whoever has these may give, change or take away `other`.
    pub fn cover(&self, other: &Rights) -> bool {
        let within = |place: &Place| self.reach(&place.route, &place.channel, Role::Admin);
        // Whoever has nothing just now may have had something elsewhere.
        let within = !other.places.is_empty() && other.places.iter().all(within);
        self.everywhere(Role::Admin) || (other.role.is_none() && within)
    }

    /// Sets the role in one channel, or takes it away.
    pub fn put(&mut self, route: &str, channel: &str, role: Option<Role>) {
        self.places.retain(|place| place.route != route || place.channel != channel);
        let (route, channel) = (route.to_owned(), channel.to_owned());
        self.places.extend(role.map(|role| Place { route, channel, role }));
        self.places.sort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn only(places: &[(&str, &str, Role)]) -> Rights {
        let mut rights = Rights::default();
        for (route, channel, role) in places {
            rights.put(route, channel, Some(*role));
        }
        rights
    }

    #[test]
    fn roles_include_those_below_and_hold_where_they_are_given() {
        assert!(Role::Admin > Role::Moderator && Role::Moderator > Role::Viewer);
        let ana = only(&[("/", "#a", Role::Moderator), ("/", "#b", Role::Viewer)]);
        for (route, channel, reached) in [
            ("/", "#a", Some(Role::Moderator)),
            ("/", "#b", Some(Role::Viewer)),
            ("/", "#c", None),
            ("/x", "#a", None),
        ] {
            for role in [Role::Viewer, Role::Moderator, Role::Admin] {
                assert_eq!(ana.reach(route, channel, role), reached >= Some(role), "{channel}");
            }
        }
        assert_eq!(ana.highest(), Some(Role::Moderator));
        assert!(!ana.everywhere(Role::Viewer));
        // More in one channel, never less.
        let ben = Rights { role: Some(Role::Moderator), ..only(&[("/", "#a", Role::Viewer)]) };
        assert!(ben.reach("/", "#a", Role::Moderator) && ben.reach("/", "#z", Role::Moderator));
    }

    #[test]
    fn nobody_gives_what_they_do_not_have() {
        let (everywhere, own) = (Rights::from(Role::Admin), only(&[("/", "#a", Role::Admin)]));
        for (other, by_everywhere, by_own) in [
            (only(&[("/", "#a", Role::Admin)]), true, true),
            (only(&[("/", "#a", Role::Viewer), ("/", "#b", Role::Viewer)]), true, false),
            (Rights::from(Role::Viewer), true, false),
            (Rights::default(), true, false),
            (Rights::from(Role::Admin), true, false),
        ] {
            assert_eq!(everywhere.cover(&other), by_everywhere, "{other:?}");
            assert_eq!(own.cover(&other), by_own, "{other:?}");
        }
        assert!(!Rights::from(Role::Moderator).cover(&only(&[("/", "#a", Role::Viewer)])));
    }

    #[test]
    fn records_of_earlier_versions_are_read() {
        let rights = |json: &str| serde_json::from_str::<Rights>(json).expect("it is read");
        assert_eq!(rights(r#"{"role":"moderator"}"#), Role::Moderator.into());
        assert_eq!(
            serde_json::to_string(&Rights::from(Role::Admin)).unwrap(),
            r#"{"role":"admin"}"#
        );
    }
}
