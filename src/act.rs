//! Turns a verdict into what is to become of the message.

use crate::message::{Fate, Judgement};

/// Kept, masked, or removed (dropped, or held until it is released).
pub fn fate(_judgement: &Judgement) -> Fate {
    todo!()
}
