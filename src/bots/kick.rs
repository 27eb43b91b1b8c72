//! Placeholder.
use std::sync::Arc;
use super::{Platform, Tools};
use crate::config::BotConfig;
pub fn open(_: &BotConfig, _: &Tools) -> Result<Arc<dyn Platform>, String> { Err(String::new()) }
