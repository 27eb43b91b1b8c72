//! Names every fuzz target, and runs the one that the environment names.

use std::sync::LazyLock;

mod input;
mod memory;
mod targets;

/// The variable that names the target; `list` prints all of their names.
const TARGET: &str = "FUZZ_TARGET";

type Check = fn(&[u8]);

static CHOSEN: LazyLock<Check> = LazyLock::new(|| {
    let name = std::env::var(TARGET).unwrap_or_default();
    if let Some((_, check)) = targets::TARGETS.iter().find(|(known, _)| *known == name) {
        return *check;
    }
    for (name, _) in targets::TARGETS {
        println!("{name}");
    }
    std::process::exit(if name == "list" { 0 } else { 2 });
});

/// Finds the target before any input is there; the process ends where there is none.
pub fn choose() {
    LazyLock::force(&CHOSEN);
}

/// Holds the target to what must be true of these bytes; panics where it is not.
pub fn run(bytes: &[u8]) {
    CHOSEN(bytes);
}
