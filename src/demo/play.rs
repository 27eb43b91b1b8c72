//! Plays a short chat through Tidegate, so that a newcomer sees what it does.

use std::{collections::HashMap, net::SocketAddr, time::Duration};

use futures_util::{SinkExt, StreamExt, stream::SplitSink};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::{
    net::TcpStream,
    sync::mpsc,
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{Error, Message, Utf8Bytes},
};

use super::{
    chat::{CHANNEL, socket_config},
    words::{Words, words},
};
use crate::message::{Language, Verdict};

/// Data, because some of it is what nobody should have to read in a program.
const SCRIPT: &str = include_str!("../../console/room/script.jsonl");
/// A verdict takes a few milliseconds; a machine that is still warming up gets this long.
const ANSWER: Duration = Duration::from_secs(2);
/// Answers that wait to be looked at; the play looks at each before it goes on.
const ANSWERS_MAX: usize = 64;

/// One line of the play.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    /// The pause before it, so that it can be followed by eye.
    after_ms: u64,
    user: String,
    text: String,
    /// What becomes of it under the standard policy and the embedded lists.
    expect: Verdict,
}

/// What its sender saw become of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Seen {
    id: String,
    verdict: Verdict,
    /// As the room showed it, for what was shown.
    text: String,
}

type Voice = SplitSink<WebSocketStream<TcpStream>, Message>;

/// The people of the play; they stay, so that what is released later has its sender.
struct Cast {
    chat: SocketAddr,
    voices: HashMap<String, Voice>,
    ears: JoinSet<()>,
    tell: mpsc::Sender<Seen>,
    seen: mpsc::Receiver<Seen>,
}

/// Plays the script once and tells what became of each line; then stays in the room for good.
pub async fn perform(chat: SocketAddr, language: Language, say: &impl Fn(&str)) {
    let says = words(language);
    let (tell, seen) = mpsc::channel(ANSWERS_MAX);
    let mut cast = Cast { chat, voices: HashMap::new(), ears: JoinSet::new(), tell, seen };
    match cast.play(says, say).await {
        Ok(()) => say(&format!("\n{}", says.played)),
        Err(error) => say(&format!("\n{}: {error}", says.unplayed)),
    }
    // The ears go on listening, which also answers pings.
    while cast.ears.join_next().await.is_some() {}
    std::future::pending().await
}

impl Cast {
    async fn play(&mut self, says: &Words, say: &impl Fn(&str)) -> Result<(), Error> {
        for (number, line) in script().into_iter().enumerate() {
            sleep(Duration::from_millis(line.after_ms)).await;
            let id = format!("play-{number}");
            let seen = self.speak(&id, &line).await?;
            let verdict = seen.as_ref().map(|seen| seen.verdict);
            if verdict != Some(line.expect) {
                // Whoever edits the demo's settings may want just that.
                tracing::warn!(id, ?verdict, expected = ?line.expect, "not as the play has it");
            }
            say(&told(says, &line.user, seen));
        }
        Ok(())
    }

    /// Says a line and waits for what becomes of it.
    async fn speak(&mut self, id: &str, line: &Line) -> Result<Option<Seen>, Error> {
        if !self.voices.contains_key(&line.user) {
            let voice = self.enter(&line.user).await?;
            self.voices.insert(line.user.clone(), voice);
        }
        let frame = json!({
            "type": "chat", "id": id, "channel": CHANNEL, "user": line.user, "text": line.text,
        });
        if let Some(voice) = self.voices.get_mut(&line.user) {
            voice.send(Message::text(frame.to_string())).await?;
        }
        let answer = async {
            loop {
                match self.seen.recv().await {
                    Some(seen) if seen.id == id => return Some(seen),
                    Some(_) => {}
                    None => return None,
                }
            }
        };
        let seen = timeout(ANSWER, answer).await.ok().flatten();
        Ok(seen.map(|seen| match seen.verdict == Verdict::Pass && seen.text != line.text {
            true => Seen { verdict: Verdict::Mask, ..seen },
            false => seen,
        }))
    }

    async fn enter(&mut self, user: &str) -> Result<Voice, Error> {
        let stream = TcpStream::connect(self.chat).await?;
        let url = format!("ws://{}/ws?user={user}", self.chat);
        let (socket, _) = client_async_with_config(url, stream, Some(socket_config())).await?;
        let (voice, mut ear) = socket.split();
        let (user, tell) = (user.to_owned(), self.tell.clone());
        self.ears.spawn(async move {
            while let Some(Ok(frame)) = ear.next().await {
                if let Message::Text(text) = frame
                    && let Some(seen) = witnessed(&user, &text)
                {
                    // Full only when the play is over and nobody asks any more.
                    let _ = tell.try_send(seen);
                }
            }
        });
        Ok(voice)
    }
}

/// The play, in order. A line that is not one is left out; a test sees that there is none.
fn script() -> Vec<Line> {
    SCRIPT.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// What a frame says of one's own message: it was shown, or a notice came.
fn witnessed(user: &str, frame: &Utf8Bytes) -> Option<Seen> {
    let frame: Value = serde_json::from_str(frame).ok()?;
    let field = |key: &str| frame.get(key).and_then(Value::as_str).unwrap_or_default();
    let verdict = match (field("type"), field("verdict")) {
        ("chat", _) if field("user") == user => Verdict::Pass,
        ("notice", "hold" | "held") => Verdict::Hold,
        ("notice", "drop" | "dropped") => Verdict::Drop,
        _ => return None,
    };
    Some(Seen { id: field("id").to_owned(), verdict, text: field("text").to_owned() })
}

/// One line for the terminal. What was not shown to the room is not shown here either.
fn told(says: &Words, user: &str, seen: Option<Seen>) -> String {
    let (verdict, text) = match seen {
        None => ("?", says.silent.to_owned()),
        Some(seen) => match seen.verdict {
            Verdict::Pass => (says.passed, visible(&seen.text)),
            Verdict::Mask => (says.masked, visible(&seen.text)),
            Verdict::Hold => (says.held, says.held_why.to_owned()),
            Verdict::Drop => (says.dropped, says.dropped_why.to_owned()),
        },
    };
    format!("  {verdict:<8} {user:<8} {text}")
}

/// It came from a socket: nothing in it may move the cursor.
fn visible(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_shows_every_verdict_within_ten_seconds() {
        let lines = script();
        assert_eq!(lines.len(), SCRIPT.lines().count(), "a line that is not one");
        for verdict in [Verdict::Pass, Verdict::Mask, Verdict::Hold, Verdict::Drop] {
            assert!(lines.iter().any(|line| line.expect == verdict), "{verdict:?}");
        }
        assert!(lines.iter().map(|line| line.after_ms).sum::<u64>() < 9_000);
        assert!(lines.iter().all(|line| line.user.chars().all(|c| c.is_ascii_alphanumeric())));
    }

    #[test]
    fn a_sender_sees_what_became_of_its_message() {
        let check = |frame: &str, expected: Option<(&str, Verdict, &str)>| {
            let expected = expected.map(|(id, verdict, text)| Seen {
                id: id.into(),
                verdict,
                text: text.into(),
            });
            assert_eq!(witnessed("ada", &frame.into()), expected, "{frame}");
        };
        let chat = r#"{"type":"chat","id":"1","user":"ada","text":"hi"}"#;
        check(chat, Some(("1", Verdict::Pass, "hi")));
        check(&chat.replace("ada", "bob"), None);
        let notice = r#"{"type":"notice","id":"1","verdict":"held","rule":"terms"}"#;
        check(notice, Some(("1", Verdict::Hold, "")));
        check(&notice.replace("held", "drop"), Some(("1", Verdict::Drop, "")));
        check(&notice.replace("held", "released"), None);
        check("[]", None);
        check("x", None);
    }

    #[test]
    fn the_terminal_shows_only_what_the_room_showed() {
        let check = |verdict: Option<Verdict>, expected: &str| {
            let seen = verdict.map(|verdict| Seen {
                id: "1".into(),
                verdict,
                text: "blorp\u{1b}[2J".into(),
            });
            let told = told(words(Language::En), "ada", seen);
            assert_eq!(told, format!("  {expected}"), "{verdict:?}");
        };
        check(Some(Verdict::Pass), "pass     ada      blorp\u{fffd}[2J");
        check(Some(Verdict::Mask), "mask     ada      blorp\u{fffd}[2J");
        check(Some(Verdict::Hold), "hold     ada      (waits for you in the console)");
        check(Some(Verdict::Drop), "drop     ada      (nobody sees it)");
        check(None, "?        ada      (no answer yet)");
    }

    /// Against the room itself, where nothing is judged: every line is shown as it was said.
    #[tokio::test]
    async fn the_cast_speaks_and_hears_itself() {
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let room = crate::demo::room::Room::open(address, "key".into()).await.unwrap();
        let (tell, seen) = mpsc::channel(ANSWERS_MAX);
        let (voices, ears) = (HashMap::new(), JoinSet::new());
        let mut cast = Cast { chat: room.address, voices, ears, tell, seen };
        for (user, text) in [("ada", "blorp"), ("bob", "héllo"), ("ada", "again")] {
            let (user, text) = (user.to_owned(), text.to_owned());
            let line = Line { after_ms: 0, user, text, expect: Verdict::Pass };
            let seen = cast.speak(&line.text, &line).await.unwrap().unwrap();
            assert_eq!((seen.verdict, seen.text), (Verdict::Pass, line.text));
        }
        room.close().await;
    }
}
