//! Says what a benchmark ran on, for the line above its table.

use std::{fs, process::Command};

/// What a program prints, on either of its outputs.
///
/// # Errors
/// Why it does not start.
pub fn said_by(program: &str, arguments: &[&str]) -> Result<String, String> {
    let output = Command::new(program).args(arguments).output();
    let output = output.map_err(|e| format!("{program}: {e}"))?;
    let text = [output.stdout, output.stderr].concat();
    Ok(String::from_utf8_lossy(&text).trim().to_owned())
}

/// Date, processor, kernel, load and commit.
///
/// # Errors
/// Where the system has no `date`.
pub fn about() -> Result<String, String> {
    let date = said_by("date", &["-u", "+%F"])?;
    let commit = said_by("git", &["rev-parse", "--short", "HEAD"]).unwrap_or_default();
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let busy = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let models = || cpus.lines().filter_map(|line| line.strip_prefix("model name"));
    let model = models().next().unwrap_or_default().trim_start_matches([' ', '\t', ':']);
    Ok(format!(
        "{date}, {model}, {} cores, Linux {}, load {} at the end; commit {commit}",
        models().count(),
        kernel.trim(),
        busy.split(' ').next().unwrap_or_default(),
    ))
}
