//! Runs seeds, and proves that what is broken is found.

use super::*;
use crate::{
    audit,
    hold::State,
    message::{Sender, Verdict},
};

/// Those that once broke a promise.
const FOUND: [u64; 9] = [90, 147, 294, 806, 2774, 4985, 7834, 8780, 9878];

/// Which seeds: `SEED=7` one, and what happened in it; `SEEDS=10000` as many from 0 on;
/// `SEEDS=2500..5000` a share of them.
fn seeds() -> std::ops::Range<u64> {
    let number = |text: &str| text.parse::<u64>().expect("a number");
    let said = |name: &str| std::env::var(name).ok();
    if let Some(seed) = said("SEED") {
        return number(&seed)..number(&seed) + 1;
    }
    let seeds = said("SEEDS").unwrap_or_else(|| "20".into());
    match seeds.split_once("..") {
        Some((from, to)) => number(from)..number(to),
        None => 0..number(&seeds),
    }
}

#[test]
fn what_was_promised_is_kept_in_every_run() {
    let seeds = seeds();
    let (only, count) = (seeds.end - seeds.start == 1, seeds.end - seeds.start);
    let (mut broken, mut all) = (Vec::new(), [0; 4]);
    for seed in seeds {
        let run = run(seed);
        if only {
            run.events.iter().for_each(|event| println!("{event:?}"));
            for hold in &run.end.holds {
                let (id, message) = (&hold.id, &hold.message_id);
                println!("{id} {message:?} {:?} {:?} {}", hold.state, hold.decided, hold.live);
            }
        }
        for event in &run.events {
            all[match event {
                Event::Sent { .. } => 0,
                Event::Arrived { .. } => 1,
                Event::Acted { answer: Answer::Done, .. } => 2,
                Event::Crashed => 3,
                _ => continue,
            }] += 1;
        }
        broken.extend(run.violations().into_iter().map(|cause| format!("SEED={seed}: {cause}")));
    }
    let [sent, arrived, decided, crashes] = all;
    println!(
        "{count} runs: {sent} messages sent, {arrived} arrived, {decided} decisions, {crashes} \
         crashes"
    );
    assert!(broken.is_empty(), "{} promises broken:\n{}", broken.len(), broken.join("\n"));
    // Where nothing happens nothing can break.
    assert!(only || (arrived > 0 && decided > 0 && arrived < sent), "nothing was tried");
}

#[test]
fn a_seed_is_a_run() {
    for seed in 0..4 {
        let (one, other) = (run(seed), run(seed));
        assert_eq!(one.print(), other.print(), "seed {seed}");
    }
}

/// What the checks say of a log; `hold` is what became of message 1, where it was held. Its
/// records are good.
fn said(events: &[Event], hold: Option<(State, Option<&str>)>) -> String {
    let by = || "ana".to_owned();
    let decided =
        |states: &[&str]| states.iter().map(|s| decided(s, &by())).collect::<Vec<audit::Event>>();
    let steps = match hold.map(|(state, _)| state) {
        Some(State::Released) => decided(&["approved", "released"]),
        Some(State::Held) | None => Vec::new(),
        Some(state) => decided(&[state.name()]),
    };
    let held = hold.map(|_| audit::Event::Judged(Verdict::Hold));
    let events_told: Vec<_> = held.into_iter().chain(steps).collect();
    said_with(events, hold, &events_told, &[])
}

fn decided(state: &str, by: &str) -> audit::Event {
    audit::Event::Decided { state: state.to_owned(), by: by.to_owned() }
}

/// The same of records and bans.
fn said_with(
    events: &[Event],
    hold: Option<(State, Option<&str>)>,
    told: &[audit::Event],
    bans: &[&str],
) -> String {
    let promise = Promise {
        while_held: WhileHeld::Wait,
        on_expiry: OnExpiry::Drop,
        when_full: Unjudged::Drop,
        held_max: 10,
    };
    let holds: Vec<Arc<Hold>> = hold.into_iter().map(|(state, by)| record(state, by)).collect();
    let records: Vec<Record> = told.iter().map(|event| on_record(event.clone())).collect();
    let bans: Vec<String> = bans.iter().map(|id| (*id).to_owned()).collect();
    let (promise, holds, records, bans) = (&promise, &holds[..], &records[..], &bans[..]);
    oracle::violations(&Told { promise, events, holds, records, bans }).join("; ")
}

fn on_record(event: audit::Event) -> Record {
    Record {
        id: "h1".to_owned(),
        at_ms: 1,
        route: "/".to_owned(),
        channel: "main".to_owned(),
        sender: Sender::default(),
        event,
        findings: Vec::new(),
        rules: "r".to_owned(),
        decided_by: String::new(),
        text_sha256: String::new(),
    }
}

/// A record as the queue has it.
fn record(state: State, by: Option<&str>) -> Arc<Hold> {
    let decided = by.map(|by| {
        json!({ "by": by, "at_ms": 2, "undo_until_ms": 2, "time_out_s": null, "written": true })
    });
    let record = json!({
        "id": "h1", "route": "/", "mode": "inline", "channel": "main",
        "sender": { "id": "u1", "name": "u1", "roles": [] }, "message_id": "1",
        "identity": null, "live": 1, "language": "en", "text": "", "findings": [],
        "frame": { "binary": false, "bytes": "" }, "rules": "r", "held_ms": 1, "expires_ms": 3,
        "on_expiry": "drop", "state": state, "decided": decided,
    });
    Arc::new(serde_json::from_value(record).expect("a record"))
}

#[test]
fn what_is_broken_is_found() {
    let sent = |message, kind| Event::Sent { connection: 1, message, kind };
    let told = |message, verdict: &str| Event::Told { message, verdict: verdict.to_owned() };
    let came = |message, text: &str| {
        let (via, text) = (Via::Connection(1), text.to_owned());
        Event::Arrived { via, message, text }
    };
    let acted = |act, answer| Event::Acted { hold: "h1".to_owned(), act, answer };
    let (one, two) = (sent(1, Kind::Held), sent(2, Kind::Plain));
    let (release, remove) = (acted(Act::Release, Answer::Done), acted(Act::Remove, Answer::Done));
    let released = Some((State::Released, Some("ana")));
    let good =
        [one.clone(), told(1, "hold"), two.clone(), release.clone(), came(1, ""), came(2, "")];
    assert_eq!(said(&good, released), "");

    let with = |more: &[Event]| [&good[..], more].concat();
    for (events, hold, expected) in [
        (with(&[came(1, "")]), released, "arrived 2 times"),
        (with(&[sent(3, Kind::Dropped), came(3, "")]), released, "is forbidden"),
        (with(&[sent(3, Kind::Masked), came(3, "a blorp")]), released, "unmasked"),
        (with(&[came(9, "")]), released, "never sent"),
        (with(&[sent(3, Kind::Plain)]), released, "vanished"),
        (good.to_vec(), None, "nobody knows of it"),
        (good.to_vec(), Some((State::Held, None)), "never came to an end"),
        (good.to_vec(), Some((State::Denied, Some("ana"))), "and is Denied"),
        (good.to_vec(), Some((State::Released, Some("expiry"))), "who never did"),
        (with(std::slice::from_ref(&remove)), released, "was done after"),
        (vec![one.clone(), told(1, "hold"), release.clone()], released, "did not arrive"),
        (
            vec![
                one.clone(),
                told(1, "hold"),
                two.clone(),
                came(2, ""),
                release.clone(),
                came(1, ""),
            ],
            released,
            "arrived after 2",
        ),
        (vec![one, told(1, "hold"), remove], Some((State::Expired, None)), "and it is Expired"),
    ] {
        let said = said(&events, hold);
        assert!(said.contains(expected), "{expected}: {said:?}");
    }
}

#[test]
fn what_was_found_stays_mended() {
    for seed in FOUND {
        assert_eq!(run(seed).violations(), Vec::<String>::new(), "SEED={seed}");
    }
}

#[test]
fn an_undo_may_be_answered_before_what_it_undid() {
    let of = |act| Event::Acted { hold: "h1".to_owned(), act, answer: Answer::Done };
    let asked = Event::Asked { hold: "h1".to_owned(), act: Act::Ban };
    let sent = Event::Sent { connection: 1, message: 1, kind: Kind::Held };
    let told = Event::Told { message: 1, verdict: "hold".to_owned() };
    let last = [of(Act::Undo), of(Act::Ban), of(Act::Release)];
    let came = Event::Arrived { via: Via::Connection(1), message: 1, text: String::new() };
    let released = Some((State::Released, Some("ana")));
    let run = |first: &[Event]| [first, &last, std::slice::from_ref(&came)].concat();
    assert!(!said(&run(&[sent.clone(), told.clone(), asked]), released).contains("done after"));
    assert!(said(&run(&[sent, told]), released).contains("Undo was done after []"));
}

#[test]
fn what_the_log_lacks_or_says_twice_is_found() {
    let (by, held) = (|| "ana".to_owned(), audit::Event::Judged(Verdict::Hold));
    let undone = || audit::Event::Undone { by: by() };
    let denied = || decided("denied", &by());
    let told = [Event::Sent { connection: 1, message: 1, kind: Kind::Held }];
    let told = [&told[..], &[Event::Told { message: 1, verdict: "hold".to_owned() }]].concat();
    let undo = Event::Acted { hold: "h1".to_owned(), act: Act::Undo, answer: Answer::Done };
    let hold = Some((State::Denied, Some("ana")));
    for (records, bans, expected) in [
        (vec![held.clone(), denied()], &[][..], ""),
        (vec![held.clone(), denied(), undone(), denied()], &[], ""),
        (vec![denied()], &[], "as held 0 times"),
        (vec![held.clone(), held.clone(), denied()], &[], "as held 2 times"),
        (vec![held.clone()], &[], "on record held"),
        (vec![held.clone(), denied(), denied()], &[], "on record after denied"),
        (vec![held.clone(), undone(), denied()], &[], "on record after held"),
        (vec![held.clone(), denied()], &["h1"], "removed false, banned true"),
        (
            vec![held.clone(), denied(), audit::Event::Banned { by: by() }],
            &[],
            "banned false, on record 1",
        ),
    ] {
        let said = said_with(&told, hold, &records, bans);
        assert!(said.contains(expected) && (said.is_empty() == expected.is_empty()), "{said:?}");
    }
    let said = said_with(&[&told[..], &[undo]].concat(), hold, &[held, denied()], &[]);
    assert!(said.contains("an undo is not on record"), "{said:?}");
}
