//! Runs the whole product on loopback with nothing to set up, until it is told to stop.

use std::{future::pending, io::Write, net::SocketAddr};

use serde::Serialize;
use tokio::signal::unix::{SignalKind, signal};

use crate::message::Language;

mod chat;
mod gate;
mod play;
mod room;
mod words;

use gate::Gate;
pub use gate::password;
use room::Room;

/// What `tidegate demo` was told.
#[derive(Clone, Debug)]
pub struct Options {
    /// No chat is played.
    pub quiet: bool,
    /// One line of JSON says where everything is, and nothing else is printed.
    pub json: bool,
    pub chat: SocketAddr,
    pub console: SocketAddr,
    pub admin: SocketAddr,
    pub room: SocketAddr,
    /// What the terminal and the notices to senders speak.
    pub language: Language,
}

impl Default for Options {
    fn default() -> Self {
        let local = |port| SocketAddr::from(([127, 0, 0, 1], port));
        Options {
            quiet: false,
            json: false,
            chat: local(7400),
            console: local(7401),
            admin: local(7402),
            room: local(7403),
            language: Language::En,
        }
    }
}

/// Why there is no demo; each is the operator's to mend.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    #[error("the room cannot listen on {address} ({cause}); --room takes another address")]
    Room { address: SocketAddr, cause: std::io::Error },
    #[error("no folder for the demo's state: {0}")]
    State(std::io::Error),
    #[error("the settings cannot be written: {0}")]
    Settings(#[from] toml::ser::Error),
    #[error("{0}")]
    Gate(String),
    #[error("the moderator's account cannot be created: {0}")]
    Account(String),
    #[error("the system has no randomness: {0}")]
    Random(#[from] getrandom::Error),
    #[error("the system delivers no signals: {0}")]
    Signals(std::io::Error),
}

/// Where everything is and how to get in: the line that `--json` prints.
#[derive(Clone, Debug, Serialize)]
struct Places {
    /// The page to chat in.
    room: String,
    /// The chat by way of Tidegate, and around it.
    chat: String,
    upstream: String,
    console: String,
    /// `POST /v1/judge` below it.
    api: String,
    admin: String,
    login: Login,
    api_key: String,
}

#[derive(Clone, Debug, Serialize)]
struct Login {
    name: String,
    password: String,
}

/// Opens room, gate and doors, plays a short chat, and stops at Ctrl-C or SIGTERM.
///
/// # Errors
/// When a port is taken or the temporary state cannot be made; nothing is left behind then.
pub async fn run(options: Options) -> Result<(), DemoError> {
    let room = Room::open(options.room, gate::secret()?)
        .await
        .map_err(|cause| DemoError::Room { address: options.room, cause })?;
    let opened = Gate::open(&options, &room).await;
    let result = match opened {
        Ok((gate, login, api_key)) => {
            let served = serve(&options, &room, &gate, login, api_key).await;
            gate.close().await;
            served
        }
        Err(error) => Err(error),
    };
    room.close().await;
    result
}

async fn serve(
    options: &Options,
    room: &Room,
    gate: &Gate,
    login: Login,
    api_key: String,
) -> Result<(), DemoError> {
    room.point(gate.chat(), gate.console());
    let places = Places {
        room: format!("http://{}", room.address),
        chat: format!("ws://{}/ws", gate.chat()),
        upstream: format!("ws://{}/ws", room.address),
        console: format!("http://{}", gate.console()),
        api: format!("http://{}", gate.console()),
        admin: format!("http://{}", gate.admin()),
        login,
        api_key,
    };
    // Ready for signals before anybody is told that it runs.
    let mut interrupted = signal(SignalKind::interrupt()).map_err(DemoError::Signals)?;
    let mut terminated = signal(SignalKind::terminate()).map_err(DemoError::Signals)?;
    announce(options, &places, gate);
    let plays = async {
        let say = |line: &str| print(options, line);
        match options.quiet {
            true => pending::<()>().await,
            false => play::perform(gate.chat(), options.language, &say).await,
        }
    };
    tokio::select! {
        _ = interrupted.recv() => {}
        _ = terminated.recv() => {}
        () = plays => {}
    }
    print(options, words::words(options.language).stopping);
    Ok(())
}

fn announce(options: &Options, places: &Places, gate: &Gate) {
    if !options.json {
        return print(options, &words::welcome(options, places, gate.settings()));
    }
    let line = serde_json::to_string(places).unwrap_or_default();
    write(&line);
}

/// Tells a person; programs get their one line and no more.
fn print(options: &Options, text: &str) {
    if !options.json {
        write(text);
    }
}

/// Whoever read the output may have gone (`| head -1`), which ends nothing here.
fn write(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scripts rely on these names.
    #[test]
    fn the_line_for_programs_names_every_place() {
        let text = |text: &str| text.to_owned();
        let places = Places {
            room: text("1"),
            chat: text("2"),
            upstream: text("3"),
            console: text("4"),
            api: text("5"),
            admin: text("6"),
            login: Login { name: text("7"), password: text("8") },
            api_key: text("9"),
        };
        let line = concat!(
            r#"{"room":"1","chat":"2","upstream":"3","console":"4","api":"5","admin":"6","#,
            r#""login":{"name":"7","password":"8"},"api_key":"9"}"#,
        );
        assert_eq!(serde_json::to_string(&places).unwrap(), line);
    }
}
