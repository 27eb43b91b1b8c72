//! Learns from the server whom a connection belongs to.

use super::shape::Shape;
use crate::{config::JsonConfig, message::Sender, protocol::Frame};

/// A compiled description of the frames in which a server says who its client is.
pub struct Me {
    /// Such frames as if they were chat, the sender being whom they are about.
    shape: Shape,
    /// The kind that introduces; the other kinds only say what changed.
    introduces: String,
    /// All kinds, to pass over other frames without parsing them.
    kinds: Vec<String>,
}

impl Me {
    pub fn compile(config: &JsonConfig) -> Result<Me, String> {
        let introduces = config.kinds.first().ok_or("me.kinds is empty")?.clone();
        // The kind stands for the text, so that it is found where it stands.
        let config = JsonConfig { text: config.kind.clone(), lines: true, ..config.clone() };
        Ok(Me { shape: Shape::compile(&config)?, introduces, kinds: config.kinds })
    }

    /// Takes note of what the server says; anything that is not understood says nothing.
    pub fn learn(&self, frame: &Frame, me: &mut Option<Sender>) {
        let Frame::Text(text) = frame else { return };
        if !self.kinds.iter().any(|kind| text.contains(kind.as_str())) {
            return;
        }
        for found in self.shape.read(text).unwrap_or_default().into_iter().flat_map(|l| l.found) {
            let known = me.as_ref().is_some_and(|me| me.id == found.sender.id);
            if !found.sender.id.is_empty() && (known || found.text == self.introduces) {
                *me = Some(found.sender);
            }
        }
    }
}
