//! Says what a process and the one that takes over from it tell each other, a line of JSON each.

use std::io;

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::UnixStream,
};

use crate::{
    audit::Passed,
    hold::{Errand, HoldError},
};

/// Set for a process that takes over, to the number of the one that it takes over from; its
/// standard input is the socket between the two.
pub const VARIABLE: &str = "TIDEGATE_TAKES_OVER_FROM";

/// A held message with its frame, many times over: nothing that is said is longer.
const LINE_MAX: u64 = 64 * 1024 * 1024;

/// What the old process says.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FromOld {
    StoreIsFree,
    Errand { number: u64, errand: Errand },
    Record(Passed),
}

/// What the new process says.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FromNew {
    /// It has its settings, rules, model and ports, and lacks the store alone.
    Prepared,
    /// It cannot take over.
    Failed(String),
    /// It accepts connections.
    Ready,
    Done {
        number: u64,
        error: Option<HoldError>,
    },
}

/// One line as it is sent.
pub fn line(said: &impl Serialize) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(said)?;
    line.push(b'\n');
    Ok(line)
}

/// One end of the line between them.
pub struct Talk {
    pub ear: Ear,
    pub mouth: Mouth,
}

impl Talk {
    pub fn over(stream: std::os::unix::net::UnixStream) -> io::Result<Talk> {
        stream.set_nonblocking(true)?;
        // Not tokio's halves: one of them ends the talk when it is dropped, and where a process
        // fails somebody else has a last word to say.
        let said = UnixStream::from_std(stream.try_clone()?)?;
        let heard = BufReader::new(UnixStream::from_std(stream)?);
        Ok(Talk { ear: Ear { heard, line: Vec::new() }, mouth: Mouth(said) })
    }
}

pub struct Ear {
    heard: BufReader<UnixStream>,
    line: Vec<u8>,
}

impl Ear {
    /// What is said next, `None` when the other is gone; it can be waited for beside other things.
    pub async fn hear<T: DeserializeOwned>(&mut self) -> io::Result<Option<T>> {
        let left = LINE_MAX.saturating_sub(self.line.len() as u64);
        (&mut self.heard).take(left).read_until(b'\n', &mut self.line).await?;
        if !self.line.ends_with(b"\n") {
            return Ok(None);
        }
        let said = serde_json::from_slice(&self.line);
        self.line.clear();
        Ok(Some(said?))
    }
}

pub struct Mouth(UnixStream);

impl Mouth {
    pub async fn say(&mut self, said: &impl Serialize) -> io::Result<()> {
        self.0.write_all(&line(said)?).await
    }

    /// Says nothing more, whoever else has this end of the line.
    pub async fn hang_up(&mut self) {
        // It is gone already, then.
        let _ = self.0.shutdown().await;
    }
}
