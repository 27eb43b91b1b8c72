//! Moderates platforms for streams by their own APIs, played by strict fakes.

mod common;

#[path = "fakes/door.rs"]
mod fake_door;
#[path = "fakes/kick.rs"]
mod fake_kick;
#[path = "fakes/twitch.rs"]
mod fake_twitch;
#[path = "fakes/youtube.rs"]
mod fake_youtube;
#[path = "fakes/media.rs"]
mod media;

#[path = "bots_media/defences.rs"]
mod defences;
#[path = "bots_media/kick.rs"]
mod kick;
#[path = "bots_media/stage.rs"]
mod stage;
#[path = "bots_media/twitch.rs"]
mod twitch;
#[path = "bots_media/youtube.rs"]
mod youtube;
