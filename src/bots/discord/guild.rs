//! Knows the guild: its channels and roles, who moderates there, and what the bot may do.

use std::collections::HashMap;

use serde::{Deserialize, de::DeserializeOwned};

use super::Id;
use crate::bots::lenient;

const BAN_MEMBERS: u64 = 1 << 2;
const ADMINISTRATOR: u64 = 1 << 3;
const VIEW_CHANNEL: u64 = 1 << 10;
const MANAGE_MESSAGES: u64 = 1 << 13;
const MODERATE_MEMBERS: u64 = 1 << 40;

/// Of what a guild can have at once, with its threads, a multiple.
const CHANNELS_MAX: usize = 20_000;
const ROLES_MAX: usize = 1_000;
/// In a list of channels that lack something; nobody reads more.
const NAMED_MAX: usize = 10;

#[derive(Default)]
pub struct Guild {
    id: Id,
    /// The bot's own user.
    pub me: Id,
    owner: Id,
    mine: Vec<Id>,
    roles: HashMap<Id, u64>,
    channels: HashMap<Id, Channel>,
}

/// What the bot is to do there, besides deleting.
#[derive(Clone, Copy)]
pub struct Needs {
    pub time_out: bool,
    pub ban: bool,
}

#[derive(Clone, Deserialize)]
struct Channel {
    id: Id,
    #[serde(rename = "type")]
    kind: u8,
    name: Option<String>,
    parent_id: Option<Id>,
    #[serde(default, deserialize_with = "lenient::list")]
    permission_overwrites: Vec<Overwrite>,
    guild_id: Option<Id>,
}

#[derive(Clone, Deserialize)]
struct Overwrite {
    id: Id,
    allow: Permissions,
    deny: Permissions,
}

/// A number in a string.
#[derive(Clone, Copy, Default)]
struct Permissions(u64);

impl<'de> Deserialize<'de> for Permissions {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Permissions, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map(Permissions).map_err(serde::de::Error::custom)
    }
}

#[derive(Deserialize)]
struct Role {
    id: Id,
    permissions: Permissions,
}

#[derive(Deserialize)]
struct Created {
    id: Id,
    #[serde(default)]
    unavailable: bool,
    owner_id: Option<Id>,
    #[serde(default, deserialize_with = "lenient::list")]
    roles: Vec<Role>,
    #[serde(default, deserialize_with = "lenient::list")]
    channels: Vec<Channel>,
    #[serde(default, deserialize_with = "lenient::list")]
    threads: Vec<Channel>,
    #[serde(default, deserialize_with = "lenient::list")]
    members: Vec<Member>,
}

#[derive(Deserialize)]
struct Member {
    user: Option<User>,
    #[serde(default, deserialize_with = "lenient::list")]
    roles: Vec<Id>,
    guild_id: Option<Id>,
}

#[derive(Deserialize)]
struct User {
    id: Id,
}

#[derive(Deserialize)]
struct RoleEvent {
    guild_id: Id,
    role: Option<Role>,
    role_id: Option<Id>,
}

#[derive(Deserialize)]
struct Threads {
    guild_id: Id,
    #[serde(deserialize_with = "lenient::list")]
    threads: Vec<Channel>,
}

fn read<T: DeserializeOwned>(d: &str) -> Result<T, String> {
    serde_json::from_str(d).map_err(|cause| cause.to_string())
}

impl Guild {
    pub fn new(id: Id) -> Guild {
        Guild { id, ..Guild::default() }
    }

    /// Notes an event; true where the guild is there now, false where the bot is not in it any
    /// more.
    pub fn note(&mut self, kind: &str, d: &str) -> Result<Option<bool>, String> {
        match kind {
            "GUILD_CREATE" => return self.created(read(d)?),
            "GUILD_UPDATE" => {
                let changed: Created = read(d)?;
                if changed.id == self.id {
                    self.owner = changed.owner_id.unwrap_or(self.owner);
                    self.put_roles(changed.roles);
                }
            }
            "GUILD_DELETE" => {
                let gone: Created = read(d)?;
                // An outage is no removal.
                return Ok((gone.id == self.id && !gone.unavailable).then_some(false));
            }
            "GUILD_ROLE_CREATE" | "GUILD_ROLE_UPDATE" | "GUILD_ROLE_DELETE" => {
                let event: RoleEvent = read(d)?;
                if event.guild_id == self.id {
                    self.put_roles(event.role);
                    event.role_id.map(|id| self.roles.remove(&id));
                }
            }
            "CHANNEL_CREATE" | "CHANNEL_UPDATE" | "THREAD_CREATE" | "THREAD_UPDATE" => {
                let channel: Channel = read(d)?;
                if channel.guild_id == Some(self.id) {
                    self.put_channels([channel]);
                }
            }
            "CHANNEL_DELETE" | "THREAD_DELETE" => {
                let gone: User = read(d)?;
                self.channels.remove(&gone.id);
            }
            "THREAD_LIST_SYNC" => {
                let Threads { guild_id, threads } = read(d)?;
                if guild_id == self.id {
                    self.put_channels(threads);
                }
            }
            "GUILD_MEMBER_UPDATE" => {
                let member: Member = read(d)?;
                let own = member.user.is_some_and(|user| user.id == self.me);
                if own && member.guild_id == Some(self.id) {
                    self.mine = member.roles;
                }
            }
            _ => {}
        }
        Ok(None)
    }

    fn created(&mut self, created: Created) -> Result<Option<bool>, String> {
        if created.id != self.id || created.unavailable {
            return Ok(None);
        }
        self.owner = created.owner_id.ok_or("a guild without an owner")?;
        self.roles.clear();
        self.channels.clear();
        self.put_roles(created.roles);
        self.put_channels(created.channels.into_iter().chain(created.threads));
        let own = |member: &Member| member.user.as_ref().is_some_and(|user| user.id == self.me);
        self.mine = created.members.into_iter().find(own).map_or(Vec::new(), |own| own.roles);
        Ok(Some(true))
    }

    fn put_roles(&mut self, roles: impl IntoIterator<Item = Role>) {
        for Role { id, permissions } in roles {
            if self.roles.len() < ROLES_MAX || self.roles.contains_key(&id) {
                self.roles.insert(id, permissions.0);
            }
        }
    }

    fn put_channels(&mut self, channels: impl IntoIterator<Item = Channel>) {
        for channel in channels {
            // Threads come and go; what is not known is judged all the same.
            if self.channels.len() >= CHANNELS_MAX {
                self.channels.retain(|_, channel| !channel.is_thread());
            }
            if self.channels.len() < CHANNELS_MAX {
                self.channels.insert(channel.id, channel);
            }
        }
    }

    /// The channel that something is said in; of a thread, the one that it is in: anybody may
    /// name a thread, and a channel's name selects the policy.
    pub fn room(&self, channel: Id) -> (Id, Option<&str>) {
        let Some(known) = self.channels.get(&channel) else { return (channel, None) };
        let parent = known.parent_id.filter(|_| known.is_thread());
        match parent.and_then(|parent| self.channels.get(&parent)) {
            Some(parent) => (parent.id, parent.name.as_deref()),
            None if known.is_thread() => (parent.unwrap_or(channel), None),
            None => (channel, known.name.as_deref()),
        }
    }

    pub fn owns(&self, user: Id) -> bool {
        self.owner == user
    }

    /// Whether somebody with these roles may delete what others say.
    pub fn moderates(&self, roles: &[Id]) -> bool {
        self.base(roles) & (MANAGE_MESSAGES | ADMINISTRATOR) != 0
    }

    fn base(&self, roles: &[Id]) -> u64 {
        let everyone = self.roles.get(&self.id);
        let own = roles.iter().filter_map(|role| self.roles.get(role));
        everyone.into_iter().chain(own).fold(0, |all, permissions| all | permissions)
    }

    /// What the bot may do in a channel.
    fn mine_in(&self, channel: &Channel) -> u64 {
        let mut may = self.base(&self.mine);
        let overwrites = &channel.permission_overwrites;
        let mut apply = |chosen: &dyn Fn(Id) -> bool| {
            let chosen = overwrites.iter().filter(|overwrite| chosen(overwrite.id));
            let (allow, deny) = chosen.fold((0, 0), |(allow, deny), overwrite| {
                (allow | overwrite.allow.0, deny | overwrite.deny.0)
            });
            may = may & !deny | allow;
        };
        apply(&|id| id == self.id);
        apply(&|id| id != self.id && self.mine.contains(&id));
        apply(&|id| id == self.me);
        may
    }

    /// Which permissions are missing for what the bot is to do, in these channels or in all.
    pub fn lacking(&self, needs: Needs, channels: &[Id]) -> Vec<String> {
        let base = self.base(&self.mine);
        if base & ADMINISTRATOR != 0 || self.owns(self.me) {
            return Vec::new();
        }
        let mut lacking = Vec::new();
        if needs.time_out && base & MODERATE_MEMBERS == 0 {
            lacking.push("Time out members".to_owned());
        }
        if needs.ban && base & BAN_MEMBERS == 0 {
            lacking.push("Ban members".to_owned());
        }
        let (mut unseen, mut kept, mut rooms) = (Vec::new(), Vec::new(), 0);
        for channel in self.channels.values().filter(|channel| channel.has_messages()) {
            let named = channels.contains(&channel.id);
            if !named && !channels.is_empty() {
                continue;
            }
            let may = self.mine_in(channel);
            let name = || channel.name.clone().unwrap_or_else(|| channel.id.to_string());
            if may & VIEW_CHANNEL == 0 {
                // Where all are meant, what the bot may not see is not meant.
                unseen.extend(named.then(name));
                continue;
            }
            rooms += 1;
            kept.extend((may & MANAGE_MESSAGES == 0).then(name));
        }
        lacking.extend(sentence("View channel", unseen, false));
        let all = kept.len() == rooms;
        lacking.extend(sentence("Manage messages", kept, all));
        let known = |id: &&Id| self.channels.contains_key(id);
        let unknown = channels.iter().filter(|id| !known(id));
        lacking.extend(unknown.map(|id| format!("there is no channel {id}")));
        lacking
    }
}

fn sentence(permission: &str, mut channels: Vec<String>, all: bool) -> Option<String> {
    channels.sort();
    let (count, named) = (channels.len(), channels[..channels.len().min(NAMED_MAX)].join(", "));
    match count {
        0 => None,
        _ if all => Some(permission.to_owned()),
        1..=NAMED_MAX => Some(format!("{permission} in {named}")),
        _ => Some(format!("{permission} in {count} channels: {named} and others")),
    }
}

impl Channel {
    /// Of news, public, or private.
    fn is_thread(&self) -> bool {
        matches!(self.kind, 10..=12)
    }

    /// Text, voice, news, stage, forum, media.
    fn has_messages(&self) -> bool {
        matches!(self.kind, 0 | 2 | 5 | 13 | 15 | 16)
    }
}
