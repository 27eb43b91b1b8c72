//! Plays crowds through the pipeline: raids, friendly visits, shield mode, nukes, nobody on duty.

#![allow(clippy::unwrap_used)]

#[path = "crowds/nuke.rs"]
mod nuke;
#[path = "crowds/raid.rs"]
mod raid;
#[path = "crowds/room.rs"]
mod room;
#[path = "crowds/shield.rs"]
mod shield;
#[path = "crowds/unattended.rs"]
mod unattended;
