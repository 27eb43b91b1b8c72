//! Plays moderators: they decide at the same time, ban with a removal, and think again.

use std::sync::Arc;

use super::{
    World,
    dice::Dice,
    oracle::{Act, Answer, Event},
    pass,
};
use crate::{
    audit,
    hold::{Along, Bring, DecideError, Decision, Hold, HoldQueue, State},
    message::now_ms,
    store::{Expect, Table, Write},
};

/// What a ban is in the store, as far as it matters here.
const BAN: &[u8] = b"ban";

/// Looks at the queue now and then and decides about one of those that wait, or thinks again.
pub async fn moderator(world: Arc<World>, holds: HoldQueue, name: &'static str, mut dice: Dice) {
    // What this one removed lately.
    let mut removed: Vec<String> = Vec::new();
    loop {
        pass(dice.wait(3_000)).await;
        let waiting = holds.list();
        assert!(waiting.len() <= world.config.hold.held_max, "the queue has a bound");
        let denied = removed.pop().and_then(|id| holds.find(&id));
        let denied = denied.filter(|hold| hold.state == State::Denied);
        if let Some(hold) = denied.filter(|_| dice.one_in(2)) {
            let (id, bring) = (hold.id.clone(), lifting(&hold, name));
            world.act(id.clone(), Act::Undo, holds.undo_along(&id, name, bring)).await;
        }
        if waiting.is_empty() || dice.one_in(3) {
            continue;
        }
        // Both like to begin with the first.
        let at = if dice.one_in(2) { 0 } else { dice.below(waiting.len() as u64) as usize };
        let id = waiting[at].id.clone();
        let (decision, act) = dice.pick(&[
            (Decision::Release, Act::Release),
            (Decision::Remove, Act::Remove),
            (Decision::Ban, Act::Ban),
        ]);
        match act {
            Act::Ban => {
                let doing = holds.decide_along(&id, decision, name, banning(name));
                world.act(id.clone(), act, doing).await;
            }
            _ => world.act(id.clone(), act, holds.decide(&id, decision, name)).await,
        }
        if act != Act::Release {
            removed.push(id);
        }
    }
}

/// The row of a ban and its record; what else waits of the sender is kept back.
fn banning(by: &'static str) -> Arc<Bring> {
    Arc::new(move |hold: &Hold| Along {
        writes: vec![ban(hold, Expect::Absent, Some(BAN.to_vec()))],
        records: vec![hold.record(audit::Event::Banned { by: by.to_owned() }, now_ms())],
        silences: true,
        then: None,
    })
}

/// Their end, where the removal came with a ban.
fn lifting(before: &Hold, by: &'static str) -> Arc<Bring> {
    let banned = before.decided.as_ref().is_some_and(|decided| decided.banned);
    Arc::new(move |hold: &Hold| match banned {
        true => Along {
            writes: vec![ban(hold, Expect::Exactly(BAN.to_vec()), None)],
            records: vec![hold.record(
                audit::Event::Lifted { what: "ban".to_owned(), by: by.to_owned() },
                now_ms(),
            )],
            ..Along::default()
        },
        false => Along::default(),
    })
}

fn ban(hold: &Hold, expect: Expect, value: Option<Vec<u8>>) -> Write {
    Write { table: Table::Decrees, key: hold.id.clone(), expect, value }
}

impl World {
    async fn act(
        &self,
        hold: String,
        act: Act,
        doing: impl Future<Output = Result<Arc<Hold>, DecideError>>,
    ) {
        self.asked.lock().expect("acts").push((hold.clone(), act));
        self.note(Event::Asked { hold: hold.clone(), act });
        let answer = match doing.await {
            Ok(_) => Answer::Done,
            Err(DecideError::Store(_)) => Answer::Unknown,
            Err(_) => Answer::Refused,
        };
        let mut asked = self.asked.lock().expect("acts");
        let at = asked.iter().position(|(own, of)| *own == hold && *of == act);
        at.map(|at| asked.swap_remove(at));
        drop(asked);
        self.note(Event::Acted { hold, act, answer });
    }
}
