//! Plays Twitch for clients of any language: prints where, and serves until it is ended.

// What only the tests use of it is not used here.
#![allow(dead_code)]

#[path = "door.rs"]
mod fake_door;
#[path = "twitch.rs"]
mod twitch;

use std::io::Write;

#[tokio::main]
async fn main() {
    let played = twitch::Twitch::open().await;
    let mut told: serde_json::Map<_, _> =
        played.settings().map(|(key, url)| (key.to_owned(), url.into())).into_iter().collect();
    for (key, value) in [
        ("client_id", twitch::CLIENT),
        ("client_secret", twitch::SECRET),
        ("refresh_token", "refresh-0"),
        ("bot", twitch::BOT),
        ("channel", twitch::CHANNEL),
        ("login", twitch::LOGIN),
    ] {
        told.insert(key.to_owned(), value.into());
    }
    println!("{}", serde_json::Value::Object(told));
    std::io::stdout().flush().expect("somebody reads it");
    std::future::pending::<()>().await;
}
