//! Takes IRC lines apart, and knows where their parts stand in the frame.

use std::ops::Range;

use crate::protocol::spelling::Reason;

/// Bytes of tags, `@` and space included (IRCv3 message-tags).
const TAGS_MAX: usize = 8191;

/// Parameters of a line that are told apart; RFC 2812 allows fifteen.
const PARAMS_MAX: usize = 15;

/// Targets of one message; servers that allow several allow few (4 to 20).
const TARGETS_MAX: usize = 32;

/// One line; every range counts in the frame.
#[derive(Debug)]
pub struct Line<'a> {
    frame: &'a [u8],
    /// Without its line ending.
    pub at: Range<usize>,
    /// With it.
    pub whole: Range<usize>,
    pub tags: Range<usize>,
    pub prefix: Range<usize>,
    pub command: Range<usize>,
    pub params: Vec<Range<usize>>,
}

/// What a line says, and to whom.
#[derive(Debug)]
pub struct Speech {
    pub targets: Vec<Range<usize>>,
    /// The text that people see: of an action what was done, of other CTCP the request.
    pub text: Range<usize>,
}

/// The lines of a frame; empty ones are left out, and what has no line ending is a line too.
pub fn lines(frame: &[u8]) -> impl Iterator<Item = Line<'_>> {
    let mut start = 0;
    frame.split_inclusive(|b| *b == b'\n').filter_map(move |bytes| {
        let whole = start..start + bytes.len();
        start = whole.end;
        let line = bytes.strip_suffix(b"\n").unwrap_or(bytes);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let at = whole.start..whole.start + line.len();
        (!line.iter().all(|b| *b == b' ')).then(|| Line::parse(frame, at, whole))
    })
}

impl<'a> Line<'a> {
    /// As lenient as the most lenient server: blanks before and between the parts are skipped.
    fn parse(frame: &'a [u8], at: Range<usize>, whole: Range<usize>) -> Line<'a> {
        let mut rest = Words { frame, at: at.start, end: at.end };
        let tags = rest.marked(b'@');
        let prefix = rest.marked(b':');
        let command = rest.word();
        let mut params = Vec::new();
        while params.len() <= PARAMS_MAX {
            rest.skip_blanks();
            match rest.peek() {
                None => break,
                Some(b':') => {
                    params.push(rest.at + 1..rest.end);
                    break;
                }
                Some(_) => params.push(rest.word()),
            }
        }
        Line { frame, at, whole, tags, prefix, command, params }
    }

    pub fn is(&self, command: &str) -> bool {
        self.frame[self.command.clone()].eq_ignore_ascii_case(command.as_bytes())
    }

    /// A parameter as text; empty where there is none, replacement characters where it is not
    /// UTF-8.
    pub fn param(&self, index: usize) -> String {
        let range = self.params.get(index).cloned().unwrap_or(0..0);
        String::from_utf8_lossy(&self.frame[range]).into_owned()
    }

    pub fn prefix(&self) -> &'a str {
        std::str::from_utf8(&self.frame[self.prefix.clone()]).unwrap_or_default()
    }

    /// The prefix's nick, or the server's name.
    pub fn nick(&self) -> &'a str {
        self.prefix().split(['!', '@']).next().unwrap_or_default()
    }

    /// A tag's value as it stands, escapes included; the last of its name counts.
    pub fn tag(&self, name: &str) -> Option<&'a str> {
        let tags = std::str::from_utf8(&self.frame[self.tags.clone()]).ok()?;
        let pairs = tags.split(';').map(|tag| tag.split_once('=').unwrap_or((tag, "")));
        pairs.filter(|(key, _)| *key == name).map(|(_, value)| value).next_back()
    }

    /// What this line says to people, if it does.
    ///
    /// Only PRIVMSG and NOTICE, and what Twitch calls WHISPER and USERNOTICE, are read. Other
    /// places where users leave words (TOPIC, KICK, PART, QUIT and AWAY reasons, real names, the
    /// quoted parent in Twitch's reply tags) pass unread.
    ///
    /// # Errors
    /// Where servers would differ in what they make of it.
    pub fn speech(&self) -> Result<Option<Speech>, Reason> {
        let bytes = &self.frame[self.at.clone()];
        if bytes.contains(&0) {
            return Err("an IRC line with NUL");
        }
        if bytes.contains(&b'\r') {
            return Err("an IRC line with a bare CR");
        }
        let says = ["PRIVMSG", "NOTICE", "WHISPER", "USERNOTICE"].iter().any(|c| self.is(c));
        let [targets, text, extra @ ..] = self.params.as_slice() else { return Ok(None) };
        if !says {
            return Ok(None);
        }
        if !extra.is_empty() {
            // Some servers join what is too much to the text, others cut it off.
            return Err("an IRC message with words after its text");
        }
        if self.tags.len() > TAGS_MAX {
            return Err("IRC tags that are too long");
        }
        if std::str::from_utf8(&self.frame[text.clone()]).is_err() {
            return Err("IRC text that is not UTF-8");
        }
        let mut start = targets.start;
        let mut list = Vec::new();
        for target in self.frame[targets.clone()].split(|b| *b == b',') {
            list.push(start..start + target.len());
            start += target.len() + 1;
        }
        if list.len() > TARGETS_MAX {
            return Err("an IRC message to too many");
        }
        list.retain(|target| !target.is_empty());
        if list.iter().any(|target| self.frame[target.start] == b':') {
            // With the targets before it taken away it would begin the text.
            return Err("an IRC target that begins with a colon");
        }
        Ok(Some(Speech { targets: list, text: self.shown(text.clone()) }))
    }

    /// The nick that a NICK line asks for, as if it were said to nobody else.
    ///
    /// # Errors
    /// Where servers would differ in what they make of it.
    pub fn naming(&self) -> Result<Option<Speech>, Reason> {
        let [nick, ..] = self.params.as_slice() else { return Ok(None) };
        match std::str::from_utf8(&self.frame[nick.clone()]) {
            Ok("") => Ok(None),
            Ok(text) if text.contains(' ') => Err("a nick with a blank"),
            Ok(_) => Ok(Some(Speech { targets: vec![nick.clone()], text: nick.clone() })),
            Err(_) => Err("a nick that is not UTF-8"),
        }
    }

    /// Bytes that count against the limit of a line: all but the tags, CRLF included.
    pub fn limited_bytes(&self) -> usize {
        let tagged = if self.tags.is_empty() { self.at.start } else { self.tags.end };
        self.at.end.saturating_sub(tagged) + 2
    }

    fn shown(&self, text: Range<usize>) -> Range<usize> {
        let bytes = &self.frame[text.clone()];
        let Some(request) = bytes.strip_prefix(b"\x01") else { return text };
        let request = request.strip_suffix(b"\x01").unwrap_or(request);
        let inside = text.start + 1..text.start + 1 + request.len();
        match request.split_at_checked(7) {
            Some((action, _)) if action.eq_ignore_ascii_case(b"ACTION ") => {
                inside.start + 7..inside.end
            }
            _ => inside,
        }
    }
}

/// The rest of a line.
struct Words<'a> {
    frame: &'a [u8],
    at: usize,
    end: usize,
}

impl Words<'_> {
    fn peek(&self) -> Option<u8> {
        self.frame[self.at..self.end].first().copied()
    }

    fn skip_blanks(&mut self) {
        while self.peek() == Some(b' ') {
            self.at += 1;
        }
    }

    fn word(&mut self) -> Range<usize> {
        self.skip_blanks();
        let start = self.at;
        while self.peek().is_some_and(|b| b != b' ') {
            self.at += 1;
        }
        start..self.at
    }

    /// The next word without its mark, if it has the mark; else nothing, where the rest starts.
    fn marked(&mut self, mark: u8) -> Range<usize> {
        self.skip_blanks();
        match self.peek() == Some(mark) {
            true => {
                let word = self.word();
                word.start + 1..word.end
            }
            false => self.at..self.at,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, expected: Result<Option<(&[&str], &str)>, Reason>) {
        let frame = line.as_bytes();
        let part = |at: &Range<usize>| line[at.clone()].to_owned();
        let read = lines(frame).next().expect("there is a line").speech();
        let read = read.map(|speech| {
            speech.map(|s| (s.targets.iter().map(part).collect::<Vec<_>>(), part(&s.text)))
        });
        let expected = expected.map(|speech| {
            speech.map(|(t, s)| (t.iter().map(|t| t.to_string()).collect(), s.to_owned()))
        });
        assert_eq!(read, expected, "{line:?}");
    }

    #[test]
    fn speech_is_found() {
        check("PRIVMSG #a :hello there\r\n", Ok(Some((&["#a"], "hello there"))));
        check("PRIVMSG #a hello", Ok(Some((&["#a"], "hello"))));
        check("privmsg #a ::)\n", Ok(Some((&["#a"], ":)"))));
        check("PRIVMSG #a :", Ok(Some((&["#a"], ""))));
        check("NOTICE bob :hi", Ok(Some((&["bob"], "hi"))));
        check("  @a=b;c :n!u@h   PRIVMSG   #a   :x ", Ok(Some((&["#a"], "x "))));
        check("PRIVMSG #a,#b,,bob :x", Ok(Some((&["#a", "#b", "bob"], "x"))));
        check("PRIVMSG #a :\x01ACTION waves\x01", Ok(Some((&["#a"], "waves"))));
        check("PRIVMSG #a :\x01action waves", Ok(Some((&["#a"], "waves"))));
        check("PRIVMSG #a :\x01VERSION\x01", Ok(Some((&["#a"], "VERSION"))));
        check("PRIVMSG #a :\x01", Ok(Some((&["#a"], ""))));
    }

    #[test]
    fn what_is_not_speech_passes() {
        for line in ["PING :x", "JOIN #a", "PRIVMSG #a", "PRIVMSG", "@x", ":y", "TOPIC #a :x"] {
            check(line, Ok(None));
        }
        check("@+typing=active TAGMSG #a", Ok(None));
        check("CAP REQ :message-tags", Ok(None));
        check("USERNOTICE #a", Ok(None));
    }

    #[test]
    fn what_servers_differ_on_is_refused() {
        check("PRIVMSG #a blo rp", Err("an IRC message with words after its text"));
        check("PRIVMSG #a blo :rp", Err("an IRC message with words after its text"));
        check("PRIVMSG #a :blo\0rp", Err("an IRC line with NUL"));
        check("PRIV\0MSG #a :blorp", Err("an IRC line with NUL"));
        check("PRIVMSG #a :blo\rrp\r\n", Err("an IRC line with a bare CR"));
        let many = format!("PRIVMSG {} :x", vec!["#a"; 33].join(","));
        check(&many, Err("an IRC message to too many"));
        check("PRIVMSG #a,:b :x", Err("an IRC target that begins with a colon"));
        let tags = format!("@a={} PRIVMSG #a :x", "b".repeat(8192));
        check(&tags, Err("IRC tags that are too long"));
        let latin = lines(b"PRIVMSG #a :caf\xe9").next().map(|line| line.speech().err());
        assert_eq!(latin, Some(Some("IRC text that is not UTF-8")));
    }

    #[test]
    fn tags_are_read() {
        let line = lines(b"@a=1;b;a=2;c=x\\sy :irc.x 001 me :hi").next().expect("a line");
        assert_eq!(line.tag("a"), Some("2"));
        assert_eq!(line.tag("b"), Some(""));
        assert_eq!(line.tag("c"), Some("x\\sy"));
        assert_eq!(line.tag("d"), None);
        assert_eq!((line.prefix(), line.nick()), ("irc.x", "irc.x"));
        assert_eq!(line.limited_bytes(), " :irc.x 001 me :hi\r\n".len());
    }
}
