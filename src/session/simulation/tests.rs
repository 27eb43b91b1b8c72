//! Runs seeds, and proves that what is broken is found.

use super::*;

/// Which seeds: `SEED=7` one, and what happened in it; `SEEDS=10000` as many from 0 on.
fn seeds() -> std::ops::Range<u64> {
    let number = |name: &str| std::env::var(name).ok().map(|n| n.parse::<u64>().expect("a number"));
    match (number("SEED"), number("SEEDS")) {
        (Some(seed), _) => seed..seed + 1,
        (None, count) => 0..count.unwrap_or(20),
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
            for hold in &run.holds {
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
