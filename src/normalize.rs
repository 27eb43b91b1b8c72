//! Undoes evasion and keeps the way back to the original bytes.

use crate::message::Canonical;

pub fn normalize(_text: &str) -> Canonical {
    todo!()
}
