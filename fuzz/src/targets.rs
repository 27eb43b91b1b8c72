//! Lists every target: what is read from others, and what must be true of it.

use super::Check;

mod api;
mod audit;
mod detect;
mod frames;
mod handshake;
mod holds;
mod inflate;
mod judge;
mod lists;
mod models;
mod normalize;
mod offsets;
mod platforms;
mod protocols;
mod scan;
mod settings;
mod store;
mod webhook;

/// In the order in which a message meets what they try; each has a folder of its name in `data/`.
pub const TARGETS: &[(&str, Check)] = &[
    ("handshake", handshake::check),
    ("frames", frames::check),
    ("inflate", inflate::check),
    ("text", protocols::text),
    ("generic", protocols::generic),
    ("owncast", protocols::owncast),
    ("json", protocols::json),
    ("irc", protocols::irc),
    ("normalize", normalize::check),
    ("scan", scan::check),
    ("links", detect::links),
    ("doxxing", detect::doxxing),
    ("judge", judge::check),
    ("offsets", offsets::check),
    ("holds", holds::check),
    ("store", store::check),
    ("audit", audit::check),
    ("api", api::check),
    ("webhook", webhook::check),
    ("platforms", platforms::check),
    ("settings", settings::settings),
    ("conditions", settings::conditions),
    ("wordlist", lists::wordlist),
    ("import", lists::import),
    ("manifest", models::manifest),
    ("model", models::model),
    ("pieces", models::pieces),
];
