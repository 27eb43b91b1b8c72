//! Reads messages as their readers see them, and tells them to the ears.

use std::fmt::Write;

use serde::Deserialize;
use serde_json::Value;

use super::{Discord, Id, gateway::at_ms};
use crate::{
    bots::{Ears, Heard, Target, clock, lenient},
    message::{Message, Role, Sender},
};

#[derive(Deserialize)]
struct Said {
    id: Id,
    channel_id: Id,
    guild_id: Option<Id>,
    author: Option<Author>,
    #[serde(default, deserialize_with = "lenient::value")]
    member: Option<Member>,
    #[serde(default, deserialize_with = "lenient::value")]
    content: String,
    edited_timestamp: Option<String>,
    /// Anything: whoever has one is a program.
    webhook_id: Option<Value>,
    #[serde(rename = "type", default)]
    kind: u8,
    #[serde(default, deserialize_with = "lenient::list")]
    mentions: Vec<Author>,
    /// Of a forwarded message, what was said elsewhere.
    #[serde(default, deserialize_with = "lenient::list")]
    message_snapshots: Vec<Snapshot>,
    #[serde(default, deserialize_with = "lenient::value")]
    poll: Option<Poll>,
}

#[derive(Deserialize)]
struct Author {
    id: Id,
    #[serde(default, deserialize_with = "lenient::value")]
    username: String,
    #[serde(default, deserialize_with = "lenient::value")]
    global_name: Option<String>,
    #[serde(default)]
    bot: bool,
    #[serde(default)]
    system: bool,
}

#[derive(Deserialize)]
struct Member {
    nick: Option<String>,
    #[serde(default, deserialize_with = "lenient::list")]
    roles: Vec<Id>,
}

#[derive(Deserialize)]
struct Snapshot {
    message: Forwarded,
}

#[derive(Deserialize)]
struct Forwarded {
    #[serde(default, deserialize_with = "lenient::value")]
    content: String,
}

#[derive(Deserialize)]
struct Poll {
    question: PollText,
    #[serde(default, deserialize_with = "lenient::list")]
    answers: Vec<PollAnswer>,
}

#[derive(Deserialize)]
struct PollAnswer {
    poll_media: PollText,
}

#[derive(Deserialize)]
struct PollText {
    text: Option<String>,
}

impl Discord {
    pub(super) async fn said(&self, ears: &Ears, d: &str) {
        match serde_json::from_str::<Said>(d) {
            Ok(said) => {
                if let Some(heard) = self.heard(said) {
                    ears.hear(heard).await;
                }
            }
            Err(cause) => ears.strange(&cause),
        }
    }

    /// What is to be judged; nothing where a program wrote it, or nobody.
    fn heard(&self, said: Said) -> Option<Heard> {
        let settings = &self.settings;
        let author = said.author.as_ref()?;
        // A message or an answer to one: the others are the platform's own.
        let written = matches!(said.kind, 0 | 19);
        let program = said.webhook_id.is_some() || author.bot || author.system;
        if said.guild_id != Some(settings.guild) || !written || program {
            return None;
        }
        let guild = self.guild();
        let (room, name) = guild.room(said.channel_id);
        let meant = |id: Id| settings.channels.is_empty() || settings.channels.contains(&id);
        if !meant(room) && !meant(said.channel_id) {
            return None;
        }
        let channel = name.map_or_else(|| room.to_string(), str::to_owned);
        let own: &[Id] = said.member.as_ref().map_or(&[], |member| &member.roles);
        let has = |roles: &[Id]| own.iter().any(|role| roles.contains(role));
        let moderates = match settings.moderator_roles.as_slice() {
            [] => guild.moderates(own),
            named => has(named),
        };
        let roles = [
            (guild.owns(author.id), Role::Broadcaster),
            (moderates, Role::Moderator),
            (has(&settings.vip_roles), Role::Vip),
            (has(&settings.subscriber_roles), Role::Subscriber),
        ];
        let text = said.text();
        if text.trim().is_empty() {
            return None;
        }
        let edited = said.edited_timestamp.as_deref();
        let sender = Sender {
            id: author.id.to_string(),
            name: said.name(author),
            roles: roles.into_iter().filter(|(is, _)| *is).map(|(_, role)| role).collect(),
        };
        Some(Heard {
            // An edit is another event of the same message, and two in one instant are two.
            event: edited.map_or(said.id.to_string(), |at| format!("{}/{at}/{text}", said.id)),
            target: Target {
                channel: said.channel_id.to_string(),
                message: said.id.to_string(),
                user: author.id.to_string(),
            },
            message: Message {
                channel,
                sender,
                id: Some(said.id.to_string()),
                text,
                at_ms: match edited {
                    Some(at) => clock::said_ms(clock::read_rfc3339(at)),
                    None => at_ms(said.id),
                },
                ..Message::default()
            },
            pending: None,
        })
    }
}

impl Said {
    /// As others see the sender there.
    fn name(&self, author: &Author) -> String {
        let nick = self.member.as_ref().and_then(|member| member.nick.as_deref());
        nick.or(author.global_name.as_deref()).unwrap_or(&author.username).to_owned()
    }

    /// Everything in it that somebody wrote.
    fn text(&self) -> String {
        let polled = self.poll.iter().flat_map(|poll| {
            let answers = poll.answers.iter().map(|answer| &answer.poll_media);
            [&poll.question].into_iter().chain(answers).filter_map(|part| part.text.as_deref())
        });
        let forwarded = self.message_snapshots.iter().map(|snap| snap.message.content.as_str());
        let parts = [self.content.as_str()].into_iter().chain(forwarded).chain(polled);
        let parts: Vec<&str> = parts.filter(|part| !part.is_empty()).collect();
        readable(&parts.join("\n"), &self.mentions)
    }
}

/// The text as it is shown: who is mentioned by name, pictures by theirs. The ids in their place
/// would read as phone numbers.
fn readable(text: &str, mentions: &[Author]) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(open) = rest.find('<') {
        shown.push_str(&rest[..open]);
        rest = &rest[open..];
        let close = rest.find('>').unwrap_or(0);
        match rest.get(1..close).and_then(|inside| markup(inside, mentions)) {
            Some(meant) => {
                shown.push_str(&meant);
                rest = &rest[close + 1..];
            }
            None => {
                shown.push('<');
                rest = &rest[1..];
            }
        }
    }
    shown + rest
}

fn markup(inside: &str, mentions: &[Author]) -> Option<String> {
    let mut shown = String::new();
    if let Some(user) = inside.strip_prefix("@!").or_else(|| inside.strip_prefix('@'))
        && let Some(id) = Id::read(user)
    {
        let known = mentions.iter().find(|known| known.id == id);
        write!(shown, "@{}", known.map_or("someone", |known| &known.username)).ok()?;
        return Some(shown);
    }
    if inside.strip_prefix("@&").and_then(Id::read).is_some() {
        return Some("@everyone".into());
    }
    if inside.strip_prefix('#').and_then(Id::read).is_some() {
        return Some("#channel".into());
    }
    // `:name:id`, `a:name:id` where it moves; `t:seconds:style` is a time.
    let (kind, rest) = inside.split_once(':')?;
    let digits = |text: &str| {
        let text = text.strip_prefix('-').unwrap_or(text);
        !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
    };
    match (kind, rest.split_once(':')) {
        ("" | "a", Some((name, id))) if digits(id) => Some(format!(":{name}:")),
        ("t", None) if digits(rest) => Some("(a time)".into()),
        ("t", Some((time, _))) if digits(time) => Some("(a time)".into()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_reads_as_it_is_shown() {
        let ana = Author {
            id: Id::read("80351110224678912").expect("an id"),
            username: "ana".into(),
            global_name: None,
            bot: false,
            system: false,
        };
        let check = |text: &str, expected: &str| {
            assert_eq!(readable(text, std::slice::from_ref(&ana)), expected, "{text}");
        };
        check("plain", "plain");
        check("hi <@80351110224678912>!", "hi @ana!");
        check("<@!80351110224678912><@1>", "@ana@someone");
        check("<@&165511591545143296> <#165511591545143296>", "@everyone #channel");
        check("<:wave:41771983429993937> <a:b:41771983429993937>", ":wave: :b:");
        check("at <t:1618953630:d> <t:-5>", "at (a time) (a time)");
        check("<3 <b> <<@1>> <@x> <:a> <é> <", "<3 <b> <@someone> <@x> <:a> <é> <");
    }
}
