//! Runs the whole product on loopback with nothing to set up.

mod chat;
mod room;
