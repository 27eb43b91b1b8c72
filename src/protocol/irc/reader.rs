//! Says what a reader without an account says to an IRC server, and takes a line off its screen.

use super::{Known, Line, Reader, channel_name, vendor};
use crate::message::{Deleted, Gone};

/// No server allows longer ones.
const CHANNEL_BYTES_MAX: usize = 200;

/// What makes IRCv3 servers, and this one, name a message by its id.
const TAGS: &str = "message-tags";
/// What makes them take a message away by it.
pub const REDACTION: &str = "draft/message-redaction";

pub fn reader(channel: &str, number: u32, vendor: bool) -> Result<Reader, &'static str> {
    let strange = |c: char| c.is_whitespace() || c.is_control() || matches!(c, ',' | ':');
    let channel = channel.trim();
    let bare = channel.trim_start_matches(['#', '&']);
    if bare.is_empty() {
        return Err("which channel? Add channel=NAME to the address");
    }
    if channel.len() > CHANNEL_BYTES_MAX || channel.contains(strange) {
        return Err("that is no channel's name");
    }
    let channel = match channel.starts_with(['#', '&']) {
        true => channel_name(channel),
        false => format!("#{}", channel_name(channel)),
    };
    let join = format!("JOIN {channel}");
    let (hello, welcomed) = match vendor {
        true => {
            let nick = format!("NICK {}{number}", vendor::READER);
            (vec![format!("CAP REQ :{}", vendor::CAPABILITIES), nick], vec![join])
        }
        false => (
            vec![
                // Each apart: a server that lacks one refuses them together.
                format!("CAP REQ :{TAGS}"),
                format!("CAP REQ :{REDACTION}"),
                format!("NICK stage{number}"),
                "USER stage 0 * :stage".to_owned(),
                "CAP END".to_owned(),
            ],
            vec![join],
        ),
    };
    Ok(Reader { speaks: "irc", channel, hello, welcomed, json: None })
}

/// The line that takes a message away, as this connection's client understands it.
pub fn retraction(known: &Known, gone: &Gone) -> Option<String> {
    // The id came in a tag, and goes out as it came; anything else would be another line.
    let plain = |c: char| c.is_ascii_graphic() && c != ';';
    if gone.id.is_empty() || gone.id.starts_with(':') || !gone.id.chars().all(plain) {
        return None;
    }
    let (server, channel, id) = (known.server(), &gone.channel, &gone.id);
    if known.vendor {
        let login = gone.sender.name.to_ascii_lowercase();
        let login = match login.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            true => login,
            false => String::new(),
        };
        // The text was said to this client before; it is not kept.
        return Some(format!("@login={login};target-msg-id={id} :{server} CLEARMSG {channel} :"));
    }
    known.redaction.then(|| format!(":{server} REDACT {channel} {id} :removed"))
}

/// What a line of the server takes away.
pub fn deleted(line: &Line) -> Option<Deleted> {
    if line.is("CLEARMSG") {
        return line.tag("target-msg-id").map(|id| Deleted::Message(id.to_owned()));
    }
    if line.is("REDACT") && line.params.len() > 1 {
        return Some(Deleted::Message(line.param(1)));
    }
    if !line.is("CLEARCHAT") || line.params.is_empty() {
        return None;
    }
    let channel = channel_name(&line.param(0));
    let named = || (line.params.len() > 1).then(|| line.param(1).to_ascii_lowercase());
    Some(match line.tag("target-user-id").map(str::to_owned).or_else(named) {
        Some(sender) => Deleted::Sender { channel, sender },
        None => Deleted::Channel(channel),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{message::Sender, protocol::irc::line::lines};

    #[test]
    fn what_a_server_takes_away_is_understood() {
        let check = |text: &str, expected: Option<Deleted>| {
            let line = lines(text.as_bytes()).next().expect("a line");
            assert_eq!(deleted(&line), expected, "{text}");
        };
        let of = |sender: &str| Deleted::Sender { channel: "#a".into(), sender: sender.into() };
        let message = |id: &str| Some(Deleted::Message(id.into()));
        check("@target-msg-id=x-1 :s CLEARMSG #a :words", message("x-1"));
        check(":s CLEARMSG #a :words", None);
        check(":s REDACT #a x-1 :why", message("x-1"));
        check(":s REDACT #a", None);
        check("@target-user-id=7 :s CLEARCHAT #A :bo", Some(of("7")));
        check(":s CLEARCHAT #a :Bo", Some(of("bo")));
        check(":s CLEARCHAT #A", Some(Deleted::Channel("#a".into())));
        check(":bo!u@h PRIVMSG #a :CLEARCHAT", None);
    }

    #[test]
    fn a_reader_asks_for_one_channel() {
        let check = |channel: &str, expected: Option<&str>| {
            let reader = reader(channel, 7, true).ok();
            let joined = reader.as_ref().map(|reader| reader.welcomed[0].as_str());
            assert_eq!(joined, expected, "{channel:?}");
        };
        check("ana", Some("JOIN #ana"));
        check("#Ana", Some("JOIN #ana"));
        check("&local", Some("JOIN &local"));
        for strange in ["", " ", "#", "a b", "a,b", "a\r\nQUIT", "a:b", &"a".repeat(201)] {
            check(strange, None);
        }
        let plain = reader("ana", 7, false).expect("a reader");
        assert!(plain.hello.contains(&"NICK stage7".to_owned()), "{plain:?}");
    }

    #[test]
    fn only_what_a_client_asked_for_is_said_to_it() {
        let gone = |id: &str| Gone {
            channel: "#ana".into(),
            id: id.into(),
            sender: Sender { name: "Bo".into(), ..Sender::default() },
        };
        let mut known = Known::default();
        assert_eq!(retraction(&known, &gone("1-a")), None);
        known.redaction = true;
        let line = retraction(&known, &gone("1-a"));
        assert_eq!(line.as_deref(), Some(":tidegate REDACT #ana 1-a :removed"));
        known.vendor = true;
        let line = retraction(&known, &gone("1-a"));
        let expected = "@login=bo;target-msg-id=1-a :tidegate CLEARMSG #ana :";
        assert_eq!(line.as_deref(), Some(expected));
        for strange in ["", ":a", "a b", "a;b", "a\r\nQUIT"] {
            assert_eq!(retraction(&known, &gone(strange)), None, "{strange:?}");
        }
    }
}
