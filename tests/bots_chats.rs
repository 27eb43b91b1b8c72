//! Runs the bots for chats against strict fakes of their platforms, through the whole gate.

mod common;

#[path = "fakes/discord.rs"]
mod fake_discord;
#[path = "fakes/door.rs"]
mod fake_door;
#[path = "fakes/owncast.rs"]
mod fake_owncast;

#[path = "bots_chats/discord.rs"]
mod discord;
#[path = "bots_chats/discord_session.rs"]
mod discord_session;
#[path = "bots_chats/owncast.rs"]
mod owncast;
#[path = "bots_chats/stage.rs"]
mod stage;
