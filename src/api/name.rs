//! Reads names and ids, which programs send as they have them.

use serde::{Deserialize, Serialize};
use serde_json::Number;

use crate::doors::{Failure, place::unfit};

/// Ids and names stand in records and answers.
pub const NAME_BYTES_MAX: usize = 512;

/// A name that is given as a string or, as ids often are, as a number.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(untagged)]
pub enum Name {
    Text(String),
    Number(Number),
    #[default]
    Absent,
}

impl Name {
    /// As messages and records have it.
    pub fn plain(&self) -> String {
        match self {
            Name::Text(text) => text.clone(),
            Name::Number(number) => number.to_string(),
            Name::Absent => String::new(),
        }
    }

    /// # Errors
    /// 422 under this key: it is longer than may be.
    pub fn bounded(&self, key: &'static str) -> Result<String, Failure> {
        let plain = self.plain();
        match plain.len() > NAME_BYTES_MAX {
            true => Err(unfit(key, format!("{key} may have {NAME_BYTES_MAX} bytes"))),
            false => Ok(plain),
        }
    }
}
