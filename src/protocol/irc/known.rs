//! Remembers what a connection's own lines and its server's lines said of it.

use std::collections::BTreeMap;

use super::{line::Line, reader::REDACTION, vendor};
use crate::message::{Role, Sender};

/// Longer nicks and names of servers are not taken note of; nobody allows them.
const NICK_MAX: usize = 128;

/// Channels whose roles are remembered; a connection in more has none in the others.
const CHANNELS_MAX: usize = 256;

/// A line's length, CRLF included, where the server says nothing else (RFC 1459).
const LINE_MAX: usize = 512;

/// The most that a server is believed to allow.
const LINE_MAX_EVER: usize = 16 * 1024;

/// What is known of the connection and its server.
#[derive(Debug)]
pub struct Known {
    /// What the server calls the client; before it does, what the client asked for.
    pub nick: String,
    confirmed: bool,
    /// Twitch's stable id and display name of the client.
    user_id: String,
    display_name: String,
    roles: BTreeMap<String, Vec<Role>>,
    /// The server's name, from its welcome.
    pub server: String,
    /// The client asked for Twitch's capabilities, so it reads notices as Twitch writes them.
    pub vendor: bool,
    /// The client asked to be told of messages that are taken away.
    pub redaction: bool,
    /// The longest line that the server does not cut.
    pub line_max: usize,
}

impl Default for Known {
    fn default() -> Known {
        Known {
            nick: String::new(),
            confirmed: false,
            user_id: String::new(),
            display_name: String::new(),
            roles: BTreeMap::new(),
            server: String::new(),
            vendor: false,
            redaction: false,
            line_max: LINE_MAX,
        }
    }
}

impl Known {
    /// Who writes on this connection.
    pub fn sender(&self, channel: &str) -> Sender {
        let id = match self.user_id.is_empty() {
            true => self.nick.to_ascii_lowercase(),
            false => self.user_id.clone(),
        };
        let name = match self.display_name.is_empty() {
            true => self.nick.clone(),
            false => self.display_name.clone(),
        };
        Sender { id, name, roles: self.roles.get(channel).cloned().unwrap_or_default() }
    }

    /// A nick counts when the server confirms it; until the first welcome the wish has to do.
    pub fn learn_from_client(&mut self, line: &Line) {
        if line.is("NICK") && !self.confirmed {
            let wish = line.param(0);
            if is_nick(&wish) {
                self.nick = wish;
            }
        } else if line.is("CAP") && line.param(0).eq_ignore_ascii_case("REQ") {
            let asked = line.param(1);
            self.vendor |= vendor::named(&asked);
            self.redaction |= asked.split(' ').any(|name| name == REDACTION);
        }
    }

    pub fn learn_from_server(&mut self, line: &Line) {
        if line.is("001") {
            let nick = line.param(0);
            if is_nick(&nick) && is_nick(line.prefix()) {
                (self.nick, self.confirmed) = (nick, true);
                self.server = line.prefix().to_owned();
            }
        } else if line.is("NICK") && self.is_me(line.nick()) {
            let nick = line.param(0);
            if is_nick(&nick) {
                self.nick = nick;
            }
        } else if line.is("005") {
            let length = (0..line.params.len())
                .find_map(|at| line.param(at).strip_prefix("LINELEN=")?.parse().ok());
            self.line_max = length.unwrap_or(self.line_max).clamp(LINE_MAX, LINE_MAX_EVER);
        } else if line.is("CAP") && line.param(1).eq_ignore_ascii_case("ACK") {
            if vendor::named(&line.param(2)) {
                self.line_max = self.line_max.max(vendor::LINE_MAX);
            }
        } else if line.is("GLOBALUSERSTATE") {
            self.user_id = line.tag("user-id").unwrap_or_default().chars().take(64).collect();
            let name = unescape_tag(line.tag("display-name").unwrap_or_default());
            self.display_name = name.chars().take(NICK_MAX).collect();
        } else if line.is("USERSTATE") {
            let channel = channel_name(&line.param(0));
            if self.roles.len() < CHANNELS_MAX || self.roles.contains_key(&channel) {
                self.roles.insert(channel, roles(line));
            }
        } else if (line.is("PART") && self.is_me(line.nick()))
            || (line.is("KICK") && self.is_me(&line.param(1)))
        {
            self.roles.remove(&channel_name(&line.param(0)));
        }
    }

    /// The client's nick as a line to it names it.
    pub fn nick(&self) -> &str {
        if self.nick.is_empty() { "*" } else { &self.nick }
    }

    /// The nick that the server has confirmed.
    pub fn confirmed_nick(&self) -> &str {
        if self.confirmed { self.nick() } else { "*" }
    }

    /// The server's name, or Tidegate's own where it is not known.
    pub fn server(&self) -> &str {
        if self.server.is_empty() { "tidegate" } else { &self.server }
    }

    fn is_me(&self, nick: &str) -> bool {
        !nick.is_empty() && nick.eq_ignore_ascii_case(&self.nick)
    }
}

/// Whether a name may stand in a line to the client: what has a bare CR in it would be two lines.
fn is_nick(name: &str) -> bool {
    name.len() <= NICK_MAX && !name.contains(|c: char| c.is_control() || c == ' ')
}

/// Who wrote a line that came from the server.
pub fn author(line: &Line) -> Sender {
    // Twitch's own lines about users (USERNOTICE) carry the user in `login`.
    let nick = line.tag("login").unwrap_or(line.nick());
    let stable = ["user-id", "account"].iter().find_map(|tag| line.tag(tag));
    let id = match stable.filter(|id| !id.is_empty() && *id != "*") {
        Some(id) => id.to_owned(),
        None => nick.to_ascii_lowercase(),
    };
    let name = line.tag("display-name").map(unescape_tag).filter(|name| !name.is_empty());
    Sender { id, name: name.unwrap_or_else(|| nick.to_owned()), roles: roles(line) }
}

/// A channel or nick as a key: servers do not tell upper from lower case, and `@#room` speaks to
/// the operators of `#room`.
pub fn channel_name(target: &str) -> String {
    let bare = target.trim_start_matches(['~', '&', '@', '%', '+', '!']);
    let name = if bare.starts_with('#') { bare } else { target };
    name.to_ascii_lowercase()
}

fn roles(line: &Line) -> Vec<Role> {
    let badges = line.tag("badges").unwrap_or_default();
    let badge = |name: &str| badges.split(',').any(|b| b.split('/').next() == Some(name));
    let flag = |name: &str| line.tag(name) == Some("1");
    let held = [
        (Role::Broadcaster, badge("broadcaster")),
        (Role::Moderator, badge("moderator") || flag("mod")),
        (Role::Vip, badge("vip") || flag("vip")),
        (Role::Subscriber, badge("subscriber") || badge("founder") || flag("subscriber")),
    ];
    held.into_iter().filter(|(_, held)| *held).map(|(role, _)| role).collect()
}

/// A tag's value with its escapes read (IRCv3 message-tags).
fn unescape_tag(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    let mut rest = value.chars();
    while let Some(letter) = rest.next() {
        match letter {
            '\\' => text.extend(rest.next().map(|escaped| match escaped {
                ':' => ';',
                's' => ' ',
                'r' => '\r',
                'n' => '\n',
                same => same,
            })),
            plain => text.push(plain),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::irc::line::lines;

    fn play(script: &[(char, &str)]) -> Known {
        let mut known = Known::default();
        for (leg, text) in script {
            for line in lines(text.as_bytes()) {
                match leg {
                    '>' => known.learn_from_client(&line),
                    _ => known.learn_from_server(&line),
                }
            }
        }
        known
    }

    fn check(script: &[(char, &str)], nick: &str) {
        assert_eq!(play(script).nick, nick, "{script:?}");
    }

    #[test]
    fn the_nick_is_what_the_server_says() {
        check(&[('>', "NICK ana")], "ana");
        check(&[('>', "NICK ana"), ('<', ":x 433 * ana :in use"), ('>', "NICK ana_")], "ana_");
        check(&[('>', "NICK ana"), ('<', ":x 001 Ana :hi")], "Ana");
        check(&[('>', "NICK ana"), ('<', ":x 001 ana :hi"), ('>', "NICK eve")], "ana");
        let changed = [('<', ":x 001 ana :hi"), ('>', "NICK eve"), ('<', ":Ana!u@h NICK :eve")];
        check(&changed, "eve");
        let refused = [('<', ":x 001 ana :hi"), ('>', "NICK eve"), ('<', ":x 433 ana eve :no")];
        check(&refused, "ana");
        check(&[('<', ":x 001 ana :hi"), ('<', ":bob!u@h NICK eve")], "ana");
        let long = format!("NICK {}", "n".repeat(129));
        check(&[('>', "NICK ana"), ('>', long.as_str())], "ana");
        check(&[('>', "NICK ana"), ('>', "NICK e\rQUIT"), ('>', "NICK :a b")], "ana");
        check(
            &[('>', "NICK ana"), ('<', ":x 001 e\0ve :hi"), ('<', ":x\rERROR 001 eve :hi")],
            "ana",
        );
    }

    #[test]
    fn twitch_says_who_one_is_and_where_one_moderates() {
        let known = play(&[
            ('>', "CAP REQ :twitch.tv/tags twitch.tv/commands\r\nPASS x\r\nNICK ana"),
            ('<', ":tmi.twitch.tv CAP * ACK :twitch.tv/tags twitch.tv/commands\r\n"),
            ('<', ":tmi.twitch.tv 001 ana :Welcome, GLHF!\r\n"),
            ('<', "@display-name=An\\sa;user-id=77 :tmi.twitch.tv GLOBALUSERSTATE\r\n"),
            ('<', "@badges=moderator/1;mod=1 :tmi.twitch.tv USERSTATE #Room\r\n"),
        ]);
        assert!(known.vendor && known.line_max == vendor::LINE_MAX);
        let sender = known.sender("#room");
        assert_eq!((sender.id.as_str(), sender.name.as_str()), ("77", "An a"));
        assert_eq!(sender.roles, [Role::Moderator]);
        assert!(known.sender("#other").roles.is_empty());
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut known = play(&[('<', ":x 001 ana :hi"), ('<', ":x 005 ana LINELEN=99999999 :ok")]);
        assert_eq!(known.line_max, LINE_MAX_EVER);
        for n in 0..2 * CHANNELS_MAX {
            let line = format!("@mod=1 :x USERSTATE #{n}");
            lines(line.as_bytes()).for_each(|line| known.learn_from_server(&line));
        }
        assert_eq!(known.roles.len(), CHANNELS_MAX);
        lines(b":ana PART #3\r\n:mod KICK #4 ana :x").for_each(|l| known.learn_from_server(&l));
        assert_eq!(known.roles.len(), CHANNELS_MAX - 2);
    }

    #[test]
    fn channels_are_one_whatever_their_case() {
        for (target, name) in
            [("#Room", "#room"), ("@#Room", "#room"), ("~&#a", "#a"), ("Bob", "bob"), ("&L", "&l")]
        {
            assert_eq!(channel_name(target), name);
        }
    }
}
