//! Knows which policy judges which channel of which route.

use std::{collections::HashMap, sync::Arc};

use super::{FALLBACK, Overrides};
use crate::{
    config::{Config, Inflow},
    decide::{Levels, Policy},
    protocol::{self, Dialect},
};

/// The policies of each route, bot and hook, by its name.
#[derive(Default)]
pub(super) struct Routes(HashMap<Arc<str>, RoutePolicies>);

type Policies = HashMap<String, Arc<Policy>>;

/// Policies that know where they stand, each made once: a route may have many channels.
type OfPositions = HashMap<(String, &'static str), Arc<Policy>>;

impl Routes {
    /// # Errors
    /// Every policy that a route or channel names and that does not exist.
    pub fn of(
        config: &Config,
        policies: &Policies,
        overrides: &Overrides,
    ) -> Result<Routes, Vec<String>> {
        let (mut routes, mut errors) = (HashMap::new(), Vec::new());
        let mut of_positions = OfPositions::default();
        for inflow in config.inflows() {
            match RoutePolicies::of(&inflow, policies, &mut of_positions) {
                Ok(own) => drop(routes.insert(Arc::from(inflow.name), own)),
                Err(causes) => errors.extend(causes),
            }
        }
        // Programs may judge without a route where there is none.
        if config.route.is_empty()
            && let Some(own) = policies.get(FALLBACK)
        {
            routes.insert(Arc::from(""), RoutePolicies::plain(own.clone()));
        }
        let mut routes = Routes(routes);
        // In their order, a route comes before its channels.
        for ((route, channel), levels) in &overrides.levels {
            routes.set(route, channel, levels);
        }
        if errors.is_empty() { Ok(routes) } else { Err(errors) }
    }

    pub fn policy(&self, route: &str, channel: &str) -> Option<&Arc<Policy>> {
        self.0.get(route).map(|route| route.policy(channel))
    }

    pub fn without_own(&self, route: &str, channel: &str) -> Option<&Arc<Policy>> {
        self.0.get(route).map(|route| route.without_own(channel))
    }

    /// A route that is gone may come back; until then nobody is judged by what is set for it.
    fn set(&mut self, route: &str, channel: &str, levels: &Levels) {
        let Some(own) = self.0.get_mut(route) else { return };
        let policy = Arc::new(own.without_own(channel).at(levels));
        match channel {
            "" => own.set = Some(policy),
            _ => drop(own.set_channels.insert(channel.to_owned(), policy)),
        }
    }
}

/// The policies of one route.
struct RoutePolicies {
    own: Arc<Policy>,
    /// Those of channels that have one of their own, by name as messages carry it.
    channels: HashMap<String, Arc<Policy>>,
    /// The same with what is set at the console.
    set: Option<Arc<Policy>>,
    set_channels: HashMap<String, Arc<Policy>>,
    dialect: Option<Arc<dyn Dialect>>,
}

impl RoutePolicies {
    fn plain(own: Arc<Policy>) -> RoutePolicies {
        let (channels, set_channels) = (HashMap::new(), HashMap::new());
        RoutePolicies { own, channels, set: None, set_channels, dialect: None }
    }

    fn of(
        inflow: &Inflow,
        policies: &Policies,
        of_positions: &mut OfPositions,
    ) -> Result<RoutePolicies, Vec<String>> {
        let Inflow { kind, name, .. } = *inflow;
        let position = inflow.position.name();
        let mut errors = Vec::new();
        let mut find = |policy: &str| match policies.get(policy) {
            Some(found) => {
                let own = of_positions.entry((policy.to_owned(), position));
                let own = own.or_insert_with(|| Arc::new(found.in_mode(position)));
                Ok(own.clone())
            }
            None => Err(format!("{kind} {name:?}: there is no policy {policy:?}")),
        };
        // What is wrong with a protocol is said where routes are opened.
        let dialect = inflow.route.and_then(|route| protocol::dialect(route).ok());
        let mut channels = HashMap::new();
        for (written, policy) in inflow.channels {
            let channel = dialect.as_ref().map_or_else(|| written.clone(), |d| d.channel(written));
            match find(policy) {
                Ok(policy) => {
                    if channels.insert(channel, policy).is_some() {
                        let cause = format!("channel {written:?} is named twice");
                        errors.push(format!("{kind} {name:?}: {cause}"));
                    }
                }
                Err(cause) => errors.push(cause),
            }
        }
        match find(inflow.policy) {
            Ok(own) if errors.is_empty() => {
                Ok(RoutePolicies { channels, dialect, ..RoutePolicies::plain(own) })
            }
            Ok(_) => Err(errors),
            Err(cause) => Err([errors, vec![cause]].concat()),
        }
    }

    fn policy(&self, channel: &str) -> &Arc<Policy> {
        let set = self.found(&self.set_channels, channel);
        let own = set.or_else(|| self.found(&self.channels, channel));
        own.or(self.set.as_ref()).unwrap_or(&self.own)
    }

    fn without_own(&self, channel: &str) -> &Arc<Policy> {
        let set = self.set.as_ref().filter(|_| !channel.is_empty());
        self.found(&self.channels, channel).or(set).unwrap_or(&self.own)
    }

    fn found<'a>(
        &self,
        among: &'a HashMap<String, Arc<Policy>>,
        channel: &str,
    ) -> Option<&'a Arc<Policy>> {
        if among.is_empty() {
            return None;
        }
        // Messages carry the name as the protocol has it; whoever asks by HTTP may not.
        among.get(channel).or_else(|| among.get(&self.dialect.as_ref()?.channel(channel)))
    }
}
