//! Compiles settings and word lists into one ruleset, off the path.

use std::{collections::HashMap, sync::Arc};

use crate::{config::Config, decide::Policy, scan::Scanner};

/// Everything that judges a message, swapped as a whole.
pub struct Ruleset {
    /// Twelve hex digits over everything that it was built from.
    pub version: Arc<str>,
    pub scanner: Scanner,
    pub policies: HashMap<String, Arc<Policy>>,
    /// The policy of each route, by the route's name.
    pub routes: HashMap<Arc<str>, Arc<Policy>>,
    pub fallback: Arc<Policy>,
}

impl Ruleset {
    /// # Errors
    /// Every cause found, each naming its file and line or its key.
    pub fn build(_config: &Config) -> Result<Ruleset, Vec<String>> {
        todo!()
    }

    pub fn policy(&self, route: &str) -> &Arc<Policy> {
        self.routes.get(route).unwrap_or(&self.fallback)
    }
}
