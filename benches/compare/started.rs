//! Starts processes that end with the benchmark, and reads what the kernel knows of them.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::{Duration, Instant},
};

use super::{Outcome, machine::said_by};

/// A process that is killed when this is dropped, and by the kernel when the benchmark dies.
pub struct Started {
    name: String,
    child: Child,
    log: PathBuf,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Started {
    /// Starts `program` in `folder`, its errors in a log there.
    pub fn new(
        name: &str,
        program: &Path,
        arguments: &[String],
        folder: &Path,
    ) -> Outcome<Started> {
        let said = |e: std::io::Error| format!("{name} does not start: {e}");
        let log = folder.join(format!("{name}.log"));
        let errors = File::create(&log).map_err(said)?;
        // As many files as the system allows; and no process outlives this one.
        let script = "ulimit -n \"$(ulimit -Hn)\"; exec setpriv --pdeathsig KILL \"$@\"";
        let mut child = Command::new("sh")
            .args(["-c", script, "sh"])
            .arg(program)
            .args(arguments)
            .current_dir(folder)
            .env("TOKIO_WORKER_THREADS", "1")
            .env_remove("TIDEGATE_LOG")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(errors)
            .spawn()
            .map_err(said)?;
        let input = child.stdin.take();
        let output = child.stdout.take().ok_or("no pipe from the child")?;
        Ok(Started { name: name.to_owned(), child, log, input, output: BufReader::new(output) })
    }

    /// The next line that it prints.
    pub fn line(&mut self) -> Outcome<String> {
        let mut line = String::new();
        match self.output.read_line(&mut line) {
            Ok(0) => Err(format!("{} ended early{}", self.name, self.last_words())),
            Ok(_) => Ok(line.trim_end().to_owned()),
            Err(e) => Err(format!("{}: {e}", self.name)),
        }
    }

    /// Says "go".
    pub fn go(&mut self) -> Outcome<()> {
        let input = self.input.as_mut().ok_or("its input is closed")?;
        input.write_all(b"go\n").map_err(|e| format!("{}: {e}", self.name))
    }

    /// Closes its input and waits for its end.
    pub fn end(mut self) -> Outcome<()> {
        self.input = None;
        let status = self.child.wait().map_err(|e| format!("{}: {e}", self.name))?;
        match status.success() {
            true => Ok(()),
            false => Err(format!("{} failed ({status}){}", self.name, self.last_words())),
        }
    }

    /// Waits until it listens on `address`.
    pub fn listens(&mut self, address: &str) -> Outcome<()> {
        let end = Instant::now() + Duration::from_secs(20);
        while std::net::TcpStream::connect(address).is_err() {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(format!("{} ended ({status}){}", self.name, self.last_words()));
            }
            if Instant::now() > end {
                let words = self.last_words();
                return Err(format!("{} does not listen on {address}{words}", self.name));
            }
            pause(Duration::from_millis(20));
        }
        Ok(())
    }

    fn last_words(&self) -> String {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        let last = &lines[lines.len().saturating_sub(8)..];
        match last.is_empty() {
            true => String::new(),
            false => format!("; its last words:\n  {}", last.join("\n  ")),
        }
    }

    /// CPU seconds that it and its children have used.
    pub fn cpu_seconds(&self) -> Outcome<f64> {
        let ticks: u64 = self.family()?.iter().map(|process| process.ticks).sum();
        Ok(ticks as f64 / ticks_per_second()? as f64)
    }

    /// Memory of its own that it and its children hold, in bytes: anonymous pages.
    pub fn memory_bytes(&self) -> Outcome<u64> {
        let mut bytes = 0;
        for process in self.family()? {
            let status = fs::read_to_string(format!("/proc/{}/status", process.pid));
            let status = status.map_err(|e| format!("{}: {e}", self.name))?;
            let held = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
            let held = held.and_then(|held| held.trim().strip_suffix(" kB"));
            let held = held.and_then(|held| held.parse::<u64>().ok());
            bytes += 1024 * held.ok_or("no RssAnon in /proc: is this Linux?")?;
        }
        Ok(bytes)
    }

    fn family(&self) -> Outcome<Vec<Process>> {
        let all = processes()?;
        let mut family: Vec<Process> = Vec::new();
        // Parents come before their children only by chance: look until nobody new is found.
        loop {
            let known = |pid: u32| family.iter().any(|process| process.pid == pid);
            let joins = |process: &&Process| {
                !known(process.pid) && (process.pid == self.child.id() || known(process.parent))
            };
            match all.iter().find(joins) {
                Some(process) => family.push(process.clone()),
                None if family.is_empty() => return Err(format!("{} is gone", self.name)),
                None => return Ok(family),
            }
        }
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        // It may have ended by itself; nothing is left to do then.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[derive(Clone)]
struct Process {
    pid: u32,
    parent: u32,
    /// User and system time, that of children who ended included.
    ticks: u64,
}

fn processes() -> Outcome<Vec<Process>> {
    let entries = fs::read_dir("/proc").map_err(|e| format!("/proc: {e}; is this Linux?"))?;
    let stats = entries.filter_map(|entry| {
        let pid: u32 = entry.ok()?.file_name().to_str()?.parse().ok()?;
        // Processes end while they are looked at.
        Some((pid, fs::read_to_string(format!("/proc/{pid}/stat")).ok()?))
    });
    Ok(stats.filter_map(|(pid, stat)| parse(pid, &stat)).collect())
}

/// proc(5): the name in brackets may hold anything; state is the third field.
fn parse(pid: u32, stat: &str) -> Option<Process> {
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let number = |field: usize| fields.get(field - 3)?.parse::<u64>().ok();
    let ticks = number(14)? + number(15)? + number(16)? + number(17)?;
    Some(Process { pid, parent: number(4)? as u32, ticks })
}

fn ticks_per_second() -> Outcome<u64> {
    said_by("getconf", &["CLK_TCK"])?.parse().map_err(|e| format!("getconf CLK_TCK: {e}"))
}

/// Lets time pass for the other processes; this one has no runtime and nothing to do meanwhile.
pub fn pause(time: Duration) {
    let end = Instant::now() + time;
    while let Some(left) = end.checked_duration_since(Instant::now()).filter(|l| !l.is_zero()) {
        std::thread::park_timeout(left);
    }
}

/// A folder of its own, removed at the end.
pub struct Scratch(pub PathBuf);

impl Scratch {
    pub fn new() -> Outcome<Scratch> {
        let name = format!("tidegate-compare-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        Ok(Scratch(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
