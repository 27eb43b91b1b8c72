//! Tortures the release binary: kills, damaged stores, enemies, new rules, upgrades.

#[path = "../common/mod.rs"]
mod common;
#[path = "../hold/life.rs"]
#[allow(dead_code, clippy::unwrap_used, reason = "what fails in a test may panic")]
mod life;
#[path = "../../benches/shared/machine.rs"]
mod machine;

mod binary;
mod crowd;
mod dice;
mod kills;
mod reloads;
mod room;
mod stores;
mod system;
mod upgrades;
mod wire;

use std::process::ExitCode;

use dice::Dice;

const USAGE: &str = "torture kills|stores|crowd|reloads|upgrades [--full] [--seed N] [--count N]";

/// How much of which torture.
pub struct Orders {
    what: String,
    full: bool,
    seed: u64,
    count: Option<u64>,
}

impl Orders {
    /// As many as were asked for: by number, or by the short and the full run.
    pub fn count(&self, short: u64, full: u64) -> u64 {
        self.count.unwrap_or(if self.full { full } else { short })
    }

    pub fn dice(&self, salt: u64) -> Dice {
        Dice::new(self.seed.wrapping_mul(0x9e37_79b9).wrapping_add(salt))
    }
}

fn orders() -> Option<Orders> {
    let mut arguments = std::env::args().skip(1);
    let what = arguments.next()?;
    let mut orders = Orders { what, full: false, seed: 1, count: None };
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--full" => orders.full = true,
            "--seed" => orders.seed = arguments.next()?.parse().ok()?,
            "--count" => orders.count = Some(arguments.next()?.parse().ok()?),
            _ => return None,
        }
    }
    Some(orders)
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> ExitCode {
    let Some(orders) = orders() else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let good = match orders.what.as_str() {
        "kills" => kills::run(&orders).await,
        "stores" => stores::run(&orders).await,
        "crowd" => crowd::run(&orders).await,
        "reloads" => reloads::run(&orders).await,
        "upgrades" => upgrades::run(&orders).await,
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    println!("  on {}", machine::about().unwrap_or_default());
    println!("  {}", if good { "ok" } else { "FAILED" });
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
