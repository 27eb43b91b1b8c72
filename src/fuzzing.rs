//! Opens to the fuzz targets what is private, and is built for them alone.
//!
//! What is here is no part of the library's interface: the feature `fuzzing` is off in everything
//! that is shipped.

pub use tokio_tungstenite::tungstenite::protocol::Role;

pub use crate::{
    api::webhooks::{letter::Letter, seal::Keys},
    bots::{
        discord::{guild::Guild, id::Id},
        kick::{event::Event as KickEvent, seal::Seal},
        owncast::event::Event as OwncastEvent,
        twitch::event::{Envelope, News},
        youtube::item::{Chat, Item},
    },
    commands::import::Origin,
    session::{
        codec::{Codec, Fault, Item as Received},
        deflate::{Deflate, WORTH_IT, Wrong, accept, agreed, inflate},
        headers::{end_to_end, is_ambiguous, to_upstream, websocket_asked},
        route::is_plain,
    },
};
use crate::{
    commands::import,
    decide::{Heard, Policy, RULES, Seen},
    message::{Category, Finding, Score, Severity},
};

/// Name and text of each list that an import would write.
///
/// # Errors
/// Every bad place of the file.
pub fn imported(
    from: Origin,
    text: &str,
    category: Category,
    severity: Severity,
) -> Result<Vec<(String, String)>, Vec<String>> {
    import::read(from, text, category, severity).map(|mut draft| draft.lists("file"))
}

/// What one rule finds, the others not being asked.
pub fn found_by(name: &str, policy: &Policy, seen: &Seen) -> Vec<Finding> {
    let heard = Heard::new(policy, &Score::Skipped);
    let mut found = Vec::new();
    for rule in RULES.iter().filter(|rule| rule.name() == name) {
        rule.find(policy, seen, &heard, &mut found);
    }
    found
}
