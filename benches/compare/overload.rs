//! Overloads the model: sends three times what it can score, and checks what became of it all.
//!
//! No figure fails the run, for times are the machine's. What fails it is a message that nobody
//! can account for: lost, not judged, late without a reason, or late and not met by the fallback.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use super::{
    Outcome, load, machine,
    options::Options,
    proxies::{self, Kind, Model, Proxy, Setting},
    readings::{self, Readings, Watch},
    report,
    rounds::{clear_when_told, loaded},
    shape::Shape,
    started::{Scratch, pause},
};

/// Far beyond what a queue can smooth out, near enough for an evening's worst minute.
const TIMES: f64 = 3.0;
/// Connections that ask in turn while the cost of a text is measured: one batch
/// (`score.batch_max`) is in the model, and one waits.
const ASKING: usize = 32;
/// A connection's messages are judged one at a time. At four a second the one before is done with
/// or its deadline is over, so that no message waits for anything but the model.
const EACH_PER_SECOND: u64 = 4;

/// The store and the lists are read before the proxy says that it is ready.
const STARTING: Duration = Duration::from_secs(20);

/// What a run with one setting came to.
struct Run {
    title: String,
    sent: load::Result,
    counted: Readings,
    /// `None` without a model.
    queue: Option<f64>,
    /// Messages in the hold queue at the end.
    held: u64,
}

/// A rate that the model was measured by.
struct Pace {
    /// Seconds in the model for one text, in full batches.
    cost: f64,
    texts_per_batch: f64,
    /// Messages a second.
    rate: u64,
    connections: u64,
}

pub fn run(options: &Options) -> Outcome<()> {
    let scratch = Scratch::new()?;
    clear_when_told(&scratch.0)?;
    let folder = scratch.0.as_path();
    let mut echo = proxies::role("echo", &["role:echo"], folder)?;
    let upstream = echo.line()?;
    let setting = |on_late: Option<&'static str>| Setting {
        folder,
        upstream: &upstream,
        wordlists: None,
        connections: options.connections,
        model: on_late.map(|on_late| Model { runtime: &options.runtime, on_late }),
        shape: Shape::Talk,
        egress: false,
    };
    let proxy = proxies::start(Kind::Tidegate, &setting(Some("pass")))?;
    let about = about(admin(&proxy)?)?;
    let pace = measure(&proxy, options, folder)?;
    eprintln!("{}", pace.says());
    let title = |what: &str, phase: Duration| format!("{what}, {} s", phase.as_secs_f64());
    let phase = options.phase;
    let with = drive(&proxy, &pace, title("model, late ones pass", phase), phase, folder)?;
    drop(proxy);
    let proxy = proxies::start(Kind::Tidegate, &setting(None))?;
    let without = drive(&proxy, &pace, title("no model", phase), phase, folder)?;
    drop(proxy);
    // A hold is a durable commit for each: a quarter of the time shows that it is what happens.
    let shorter = phase / 4;
    let proxy = proxies::start(Kind::Tidegate, &setting(Some("hold")))?;
    let holding = drive(&proxy, &pace, title("model, late ones held", shorter), shorter, folder)?;
    drop(proxy);
    let wrong: Vec<String> = [
        named(&without, without.faults()),
        named(&with, with.faults().into_iter().chain(with.score_faults())),
        named(&holding, holding.faults().into_iter().chain(holding.score_faults())),
        named(&holding, holding.hold_faults()),
    ]
    .concat();
    println!("{}{}\n", heading(options, &about, &pace)?, table(&[without, with, holding]));
    match wrong.is_empty() {
        true => {
            println!("Every message is accounted for; what was late is what the policy says.");
            Ok(())
        }
        false => Err(wrong.join("\n")),
    }
}

fn named(run: &Run, faults: impl IntoIterator<Item = String>) -> Vec<String> {
    faults.into_iter().map(|fault| format!("{}: {fault}", run.title)).collect()
}

fn admin(proxy: &Proxy) -> Outcome<&str> {
    proxy.admin.as_deref().ok_or_else(|| "this proxy has no port for operators".to_owned())
}

/// The model and what runs it, as the proxy says when it is ready.
fn about(admin: &str) -> Outcome<String> {
    let end = Instant::now() + STARTING;
    let ready = loop {
        match readings::body(admin, "/ready") {
            Ok(ready) => break ready,
            Err(cause) if Instant::now() > end => return Err(cause),
            Err(_) => pause(Duration::from_millis(20)),
        }
    };
    let ready: serde_json::Value =
        serde_json::from_str(&ready).map_err(|e| format!("{admin}/ready: {e}"))?;
    let word = |key: &str| ready["model"][key].as_str().unwrap_or("?").to_owned();
    let (name, id) = (word("name"), word("sha256"));
    Ok(format!("{name} ({id}) in {} ({})", word("runtime"), word("version")))
}

/// Asks as fast as answers come, and reads from the proxy what a text cost its model.
fn measure(proxy: &Proxy, options: &Options, folder: &Path) -> Outcome<Pace> {
    let admin = admin(proxy)?;
    let ms = (options.phase / 5).as_millis().to_string();
    let asking = ASKING.to_string();
    let words = ["role:load", "closed", "talk", &proxy.address, &asking, &ms, "1"];
    let before = Readings::of(admin)?;
    loaded(proxy, &words, folder)?;
    let counted = Readings::of(admin)?.since(&before);
    let texts = counted.one("tidegate_score_batch_sum");
    let batches = counted.one("tidegate_score_batch_count");
    let seconds = counted.one("tidegate_model_seconds_sum");
    if texts < 1.0 || seconds <= 0.0 {
        return Err(format!("the model scored {texts} texts in {seconds} s: nothing to go by"));
    }
    let cost = seconds / texts;
    let rate = (TIMES / cost).ceil() as u64;
    let connections = (options.connections as u64).max(rate.div_ceil(EACH_PER_SECOND));
    Ok(Pace { cost, texts_per_batch: texts / batches, rate, connections })
}

impl Pace {
    fn says(&self) -> String {
        let Pace { cost, texts_per_batch, rate, connections } = self;
        format!(
            "A text costs {:.2} ms in the model in batches of {texts_per_batch:.1}, so that one \
             thread scores {:.0} a second; {rate} messages a second over {connections} connections",
            cost * 1e3,
            1.0 / cost,
        )
    }
}

/// Sends at the rate for so long, and reads what the proxy counted meanwhile.
fn drive(
    proxy: &Proxy,
    pace: &Pace,
    title: String,
    phase: Duration,
    folder: &Path,
) -> Outcome<Run> {
    let admin = admin(proxy)?;
    let (connections, rate) = (pace.connections.to_string(), pace.rate.to_string());
    let ms = phase.as_millis().to_string();
    let words = ["role:load", "open", "talk", &proxy.address, &connections, &rate, &ms, "2"];
    let before = Readings::of(admin)?;
    let watch = Watch::start(admin, "tidegate_score_queue");
    let (sent, _) = loaded(proxy, &words, folder).map_err(|cause| format!("{title}: {cause}"))?;
    let queue = watch.end()?;
    let after = Readings::of(admin)?;
    let counted = after.since(&before);
    let queue = (!counted.by("tidegate_scores_total", "result").is_empty()).then_some(queue);
    eprintln!("{title}: {} sent, {} came back", sent.messages, sent.returned);
    Ok(Run { title, sent, counted, queue, held: after.one("tidegate_held") as u64 })
}

impl Run {
    fn verdict(&self, name: &str) -> u64 {
        self.counted.by("tidegate_messages_total", "verdict").remove(name).unwrap_or(0)
    }

    fn judged(&self) -> u64 {
        self.counted.by("tidegate_messages_total", "verdict").values().sum()
    }

    fn score(&self, result: &str) -> u64 {
        self.counted.by("tidegate_scores_total", "result").remove(result).unwrap_or(0)
    }

    /// Findings of the rule that speaks for late scores, and of all others.
    fn findings(&self) -> (u64, u64) {
        let mut by = self.counted.by("tidegate_findings_total", "rule");
        (by.remove("late").unwrap_or(0), by.values().sum())
    }

    /// What must hold with and without a model.
    fn faults(&self) -> Vec<String> {
        let load::Result { messages: sent, returned, notices, .. } = self.sent;
        let (held, dropped) = (self.verdict("hold"), self.verdict("drop"));
        let mut faults = Vec::new();
        if self.judged() != sent {
            faults.push(format!("{sent} messages were sent and {} judged", self.judged()));
        }
        if returned + held + dropped != sent {
            faults.push(format!(
                "of {sent} messages {returned} came back, {held} were held and {dropped} dropped"
            ));
        }
        if notices != held + dropped {
            faults
                .push(format!("{} messages were stopped, {notices} notices came", held + dropped));
        }
        faults
    }

    /// What must hold of the scores, and of their being late.
    fn score_faults(&self) -> Vec<String> {
        let [known, cached, late, spared, not_needed] =
            ["known", "cached", "late", "spared", "not_needed"].map(|result| self.score(result));
        let mut faults = Vec::new();
        if known + cached + late + spared + not_needed != self.judged() {
            faults.push(format!(
                "{known} known, {cached} cached, {late} late, {spared} spared and {not_needed} not \
                 needed are not the {} messages judged",
                self.judged()
            ));
        }
        let discarded = self.counted.by("tidegate_discarded_total", "reason");
        let reasons: u64 =
            discarded.iter().filter(|(own, _)| own.starts_with("score_")).map(|(_, n)| n).sum();
        if reasons != late {
            faults.push(format!("{late} scores were late, and {reasons} have a reason"));
        }
        if late == 0 {
            let cause = "no score was late: the machine was too busy when a text was measured";
            faults.push(format!("{cause}, and this shows nothing"));
        }
        faults
    }

    /// Where the policy holds what is late, exactly that must be held.
    fn hold_faults(&self) -> Vec<String> {
        let (late, held) = (self.score("late"), self.verdict("hold"));
        let (said, others) = self.findings();
        let mut faults = Vec::new();
        if said != late {
            faults.push(format!("{late} scores were late, and {said} messages said to be"));
        }
        // Each message that lists or model stopped may be one more.
        if held < late || held > late + others {
            faults.push(format!("{late} scores were late, and {held} messages held"));
        }
        if self.held != held {
            faults.push(format!("{held} verdicts were hold, and {} messages are held", self.held));
        }
        faults
    }
}

fn heading(options: &Options, about: &str, pace: &Pace) -> Outcome<String> {
    Ok(format!(
        "{}{}; tidegate {}.\nModel {about}, one scoring thread. {}, {TIMES} times that. \
         `cargo bench --bench compare -- --overload`\n\n",
        report::warning(options),
        machine::about()?,
        env!("CARGO_PKG_VERSION"),
        pace.says(),
    ))
}

/// One column a run, one row a figure.
fn table(runs: &[Run]) -> String {
    let row = |name: &str, cell: &dyn Fn(&Run) -> String| {
        let cells: Vec<String> = runs.iter().map(cell).collect();
        format!("| {name} | {} |\n", cells.join(" | "))
    };
    let of_model = |run: &Run, text: String| run.queue.map_or("–".to_owned(), |_| text);
    let mut text = row("", &|run| run.title.clone());
    text.push_str(&format!("|---|{}\n", "---|".repeat(runs.len())));
    text.push_str(&row("messages sent", &|run| run.sent.messages.to_string()));
    text.push_str(&row("came back", &|run| run.sent.returned.to_string()));
    text.push_str(&row("notices", &|run| run.sent.notices.to_string()));
    text.push_str(&row("p50 ms", &|run| format!("{:.2}", run.sent.p50_ms)));
    text.push_str(&row("p99 ms", &|run| format!("{:.2}", run.sent.p99_ms)));
    text.push_str(&row("p99.9 ms", &|run| format!("{:.2}", run.sent.p999_ms)));
    text.push_str(&row("generator late, p99 ms", &|run| format!("{:.2}", run.sent.lag_p99_ms)));
    for (name, result) in [
        ("known", "known"),
        ("cached", "cached"),
        ("late", "late"),
        ("spared", "spared"),
        ("not needed", "not_needed"),
    ] {
        text.push_str(&row(&format!("scores {name}"), &|run| {
            of_model(run, run.score(result).to_string())
        }));
    }
    text.push_str(&row("scored a second", &|run| {
        of_model(run, format!("{:.0}", run.score("known") as f64 / run.sent.seconds))
    }));
    text.push_str(&row("longest queue seen", &|run| {
        of_model(run, format!("{:.0}", run.queue.unwrap_or(0.0)))
    }));
    let discarded = |run: &Run| run.counted.by("tidegate_discarded_total", "reason");
    let reasons: std::collections::BTreeSet<String> =
        runs.iter().flat_map(|run| discarded(run).into_keys()).collect();
    for reason in &reasons {
        text.push_str(&row(&format!("discarded, `{reason}`"), &|run| {
            discarded(run).get(reason).copied().unwrap_or(0).to_string()
        }));
    }
    for verdict in ["pass", "mask", "hold", "drop"] {
        text.push_str(&row(&format!("verdict {verdict}"), &|run| run.verdict(verdict).to_string()));
    }
    text
}
