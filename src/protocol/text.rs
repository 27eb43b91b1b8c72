//! To be written.

use std::sync::Arc;

use super::Dialect;
use crate::config::RouteConfig;

pub fn compile(_route: &RouteConfig) -> Result<Arc<dyn Dialect>, String> {
    todo!()
}
