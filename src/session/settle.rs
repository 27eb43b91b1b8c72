//! Settles the units of one frame, for one sender or for all viewers at once.

use std::sync::Arc;

use super::{Gate, Route};
use crate::{
    config::Mode,
    protocol::{Frame, Unit},
    settle::{By, Outcome},
};

/// A frame whose units all have their fates.
pub struct Settled {
    pub frame: Frame,
    pub units: Vec<Unit>,
    pub outcomes: Vec<Outcome>,
}

/// Judges every unit in order; `alone` has, for each, the frame that carries only it.
pub async fn settle(
    gate: Arc<Gate>,
    route: Arc<Route>,
    by: By,
    frame: Frame,
    units: Vec<Unit>,
    alone: Vec<Frame>,
) -> Settled {
    let mut outcomes = Vec::with_capacity(units.len());
    for (unit, alone) in units.iter().zip(alone) {
        let message = &unit.message;
        let ruled = gate.settler.settle(&route.inlet, &by, message, Some(alone));
        outcomes.push(match route.config.mode {
            // Every viewer receives the same message: it is judged for the first of them.
            Mode::Egress => {
                let first = async { ruled.await.outcome.fate };
                Outcome::new(gate.once.settle(message, first).await)
            }
            Mode::Inline => ruled.await.outcome,
        });
    }
    Settled { frame, units, outcomes }
}
