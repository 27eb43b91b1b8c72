//! Watches how lines are laid into frames, where a wrong guess would join or split words.

use std::ops::Range;

use super::line::{Line, lines};
use crate::protocol::spelling::Reason;

/// Commands that stay what they are when more is appended to their line, and carry no chat.
const HARMLESS: [&str; 11] = [
    "PASS",
    "NICK",
    "USER",
    "CAP",
    "AUTHENTICATE",
    "JOIN",
    "PING",
    "PONG",
    "WHO",
    "WEBIRC",
    "MODE",
];

/// How both sides of a connection frame their lines.
///
/// Servers differ. Twitch takes each line of a frame, ended or not. InspIRCd takes a frame as one
/// line and forgets line breaks within it. A gateway to TCP passes bytes on, so that a line goes
/// on in the next frame until its break. What would be one thing here and another there is
/// refused.
#[derive(Debug, Default)]
pub struct Framing {
    /// The server ends its lines; `None` before its first frame.
    ended: Option<bool>,
    /// The server sends binary frames.
    pub binary: bool,
    /// The client ended the last line that it sent.
    client_ended: bool,
    /// The client's last line has no end and could become chat with what follows.
    open: bool,
}

impl Framing {
    pub fn note_server(&mut self, bytes: &[u8], binary: bool) {
        if !bytes.is_empty() {
            self.ended = Some(self.ended == Some(true) || bytes.contains(&b'\n'));
            self.binary = binary;
        }
    }

    /// Whether a frame to the client has to end its lines.
    pub fn ends_lines(&self) -> bool {
        self.ended.unwrap_or(self.client_ended)
    }

    /// Whether a server that takes a frame as one line may make chat of what is none by lines.
    pub fn may_join(&self, bytes: &[u8]) -> bool {
        let mut found = lines(bytes);
        let first = found.next();
        let joins = self.ended != Some(true) && found.next().is_some();
        joins && !first.is_some_and(|line| is_harmless(&line, bytes))
    }

    /// Checks a client's frame against what the server may make of it, and takes note of it.
    pub fn check_client(&mut self, bytes: &[u8]) -> Result<(), Reason> {
        let broken = bytes.contains(&b'\n');
        if self.open && broken && self.ended != Some(false) {
            return Err("an IRC line that goes on from the frame before");
        }
        if self.may_join(bytes) {
            return Err("IRC lines in one frame, which the server may join");
        }
        if let Some(last) = lines(bytes).last() {
            self.client_ended = ends(bytes, &last.whole);
            self.open = (self.open || !is_harmless(&last, bytes)) && !self.client_ended;
        }
        Ok(())
    }
}

fn ends(bytes: &[u8], whole: &Range<usize>) -> bool {
    bytes[whole.clone()].ends_with(b"\n")
}

/// A whole command, so that nothing appended can make another of it.
fn is_harmless(line: &Line, bytes: &[u8]) -> bool {
    let complete = bytes.get(line.command.end) == Some(&b' ');
    complete && HARMLESS.iter().any(|command| line.is(command))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Frames in order, `<` from the server; the last one is from the client and is checked.
    fn check(frames: &[&str], expected: Result<(), Reason>) {
        let mut framing = Framing::default();
        let mut last = Ok(());
        for frame in frames {
            match frame.strip_prefix('<') {
                Some(server) => framing.note_server(server.as_bytes(), false),
                None => last = framing.check_client(frame.as_bytes()),
            }
        }
        assert_eq!(last, expected, "{frames:?}");
    }

    const GOES_ON: Result<(), Reason> = Err("an IRC line that goes on from the frame before");
    const JOINED: Result<(), Reason> = Err("IRC lines in one frame, which the server may join");

    #[test]
    fn usual_clients_are_understood() {
        check(&["<:x NOTICE * :hi", "NICK a", "USER a 0 * :a", "PRIVMSG #a :x"], Ok(()));
        check(&["<:x NOTICE * :hi", "PRIVMSG #a :x\r\n", "PRIVMSG #a :y"], Ok(()));
        check(&["NICK a\r\n", "<:x 001 a :hi\r\n", "PRIVMSG #a :x\r\nPRIVMSG #a :y\r\n"], Ok(()));
        check(&["PASS a\r\nNICK a", "<:x 001 a :hi\r\n", "JOIN #a\r\n"], Ok(()));
        check(&["<:x 001 a :hi\r\n", "PRIVMSG #a :x", "PRIVMSG #a :y", "PONG :x"], Ok(()));
    }

    #[test]
    fn what_a_server_would_join_is_refused() {
        check(&["<:x 001 a :hi", "PRIVMSG #a :blo\r\nrp"], JOINED);
        check(&["<:x 001 a :hi", "PRIV\r\nMSG #a :blorp"], JOINED);
        check(&["PRIVMSG #a :blo\r\nrp"], JOINED);
        check(&["<:x 001 a :hi\r\n", "PRIVMSG #a :blo", "rp\r\n"], GOES_ON);
        check(&["<:x 001 a :hi\r\n", "PRIV", "MSG #a :blorp\r\n"], GOES_ON);
        check(&["<:x 001 a :hi\r\n", "NICK", "X\r\n"], GOES_ON);
        check(&["<:x 001 a :hi\r\n", "PRIVMSG #a :b", "l", "PING x", "orp\r\n"], GOES_ON);
    }
}
