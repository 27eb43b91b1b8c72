//! Names every metric, its help and its labels.

use prometheus_client::{
    encoding::text::encode,
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::{Registry, Unit},
};

type Labels = Vec<(&'static str, String)>;

/// All counters and gauges of the process; counting never waits.
pub struct Metrics {
    registry: Registry,
    /// By `route` and `verdict`.
    messages: Family<Labels, Counter>,
    /// By `rule` and `category`.
    findings: Family<Labels, Counter>,
    /// By `reason`: whatever was thrown away anywhere, and why.
    discarded: Family<Labels, Counter>,
    /// By `state`: how held messages ended.
    holds_ended: Family<Labels, Counter>,
    /// By `cause`: paid messages that were not shown.
    paid_unshown: Family<Labels, Counter>,
    /// By `then`: what strikes came to.
    ladder: Family<Labels, Counter>,
    /// By `reason`.
    connections_refused: Family<Labels, Counter>,
    /// By `result`: `known`, `cached`, `late`, `not_needed`, `spared`.
    scores: Family<Labels, Counter>,
    uncertain: Family<Labels, Counter>,
    /// By `result`: `ok`, `refused`.
    model_loads: Family<Labels, Counter>,
    /// By `result`: `ok`, `refused`.
    reloads: Family<Labels, Counter>,
    /// By `rule`: conditions of policies that could not be evaluated, and so did not apply.
    conditions_failed: Family<Labels, Counter>,
    /// By `result`: `ok`, `refused`.
    logins: Family<Labels, Counter>,
    /// By `verdict`.
    crowd_copies: Family<Labels, Counter>,
    /// By `state` (`on`, `off`) and `by` (`itself`, `moderator`).
    shield_changes: Family<Labels, Counter>,
    /// Channels in shield mode now.
    pub shields: Gauge,
    /// By `bot`: whether it hears its platform now.
    bots_connected: Family<Labels, Gauge>,
    /// By `bot`, `what` and `result`.
    bot_deeds: Family<Labels, Counter>,
    /// By `webhook` and `result`: `delivered`, `retried`, `dead`, `stopped`.
    webhooks: Family<Labels, Counter>,
    /// By `webhook`: records that it has not come to yet.
    webhook_lag: Family<Labels, Gauge>,
    /// From hearing a message to having acted on it.
    pub bot_act_seconds: Histogram,
    /// People on duty at the consoles.
    pub on_duty: Gauge,
    pub connections: Gauge,
    pub held: Gauge,
    pub judge_seconds: Histogram,
    pub score_seconds: Histogram,
    /// Messages that wait for the model now.
    pub score_queue: Gauge,
    /// What is given up because more is asked than the model can read: 0 to 3.
    pub overload: Gauge,
    /// Texts in one batch.
    pub score_batch: Histogram,
    /// One batch in the model.
    pub model_seconds: Histogram,
    pub store_commit_seconds: Histogram,
    pub bytes_from_clients: Counter,
    pub bytes_from_servers: Counter,
}

impl Default for Metrics {
    fn default() -> Self {
        Metrics::new()
    }
}

impl Metrics {
    pub fn new() -> Metrics {
        // 2 µs to about 2 s: a rule takes microseconds, a late model or disk a second.
        let seconds = || Histogram::new(exponential_buckets(2e-6, 2.0, 21));
        let mut metrics = Metrics {
            registry: Registry::with_prefix("tidegate"),
            messages: Family::default(),
            findings: Family::default(),
            discarded: Family::default(),
            holds_ended: Family::default(),
            paid_unshown: Family::default(),
            ladder: Family::default(),
            connections_refused: Family::default(),
            scores: Family::default(),
            uncertain: Family::default(),
            model_loads: Family::default(),
            reloads: Family::default(),
            conditions_failed: Family::default(),
            logins: Family::default(),
            crowd_copies: Family::default(),
            shield_changes: Family::default(),
            shields: Gauge::default(),
            bots_connected: Family::default(),
            bot_deeds: Family::default(),
            webhooks: Family::default(),
            webhook_lag: Family::default(),
            // 1 ms to about a minute: calls over the Internet, and waiting for a platform's pace.
            bot_act_seconds: Histogram::new(exponential_buckets(1e-3, 2.0, 17)),
            on_duty: Gauge::default(),
            connections: Gauge::default(),
            held: Gauge::default(),
            judge_seconds: seconds(),
            score_seconds: seconds(),
            score_queue: Gauge::default(),
            overload: Gauge::default(),
            score_batch: Histogram::new(exponential_buckets(1.0, 2.0, 11)),
            model_seconds: seconds(),
            store_commit_seconds: seconds(),
            bytes_from_clients: Counter::default(),
            bytes_from_servers: Counter::default(),
        };
        metrics.register();
        metrics
    }

    fn register(&mut self) {
        let r = &mut self.registry;
        r.register("messages", "Chat messages judged", self.messages.clone());
        r.register("findings", "Reasons found, acting or in shadow", self.findings.clone());
        r.register("discarded", "Things thrown away at a bound", self.discarded.clone());
        r.register("holds_ended", "Held messages by their end", self.holds_ended.clone());
        r.register("paid_unshown", "Paid messages that were not shown", self.paid_unshown.clone());
        r.register("ladder", "What senders' strikes came to", self.ladder.clone());
        let refused = self.connections_refused.clone();
        r.register("connections_refused", "Connections not proxied", refused);
        r.register("scores", "What the model stage answered", self.scores.clone());
        r.register("model_loads", "Attempts to swap the model", self.model_loads.clone());
        r.register("score_queue", "Messages waiting for the model", self.score_queue.clone());
        r.register("overload_step", "What is given up for the model", self.overload.clone());
        r.register("score_batch", "Texts in one batch for the model", self.score_batch.clone());
        r.register("uncertain", "Texts the first model was unsure of", self.uncertain.clone());
        r.register("reloads", "Attempts to load new rules", self.reloads.clone());
        let failed = self.conditions_failed.clone();
        r.register("conditions_failed", "Conditions that could not be told", failed);
        r.register("logins", "Logins at the console", self.logins.clone());
        r.register("crowd_copies", "Copies that a crowd sent", self.crowd_copies.clone());
        r.register("shield_changes", "Shields raised and lowered", self.shield_changes.clone());
        r.register("shields", "Channels in shield mode now", self.shields.clone());
        r.register("bots_connected", "Whether a bot hears now", self.bots_connected.clone());
        r.register("bot_deeds", "What bots did, and how it ended", self.bot_deeds.clone());
        r.register("webhooks", "Events for webhooks, by what became", self.webhooks.clone());
        r.register("webhook_lag", "Records that wait for a webhook", self.webhook_lag.clone());
        r.register("on_duty", "People on duty at the consoles", self.on_duty.clone());
        r.register("connections", "Proxied connections now", self.connections.clone());
        r.register("held", "Messages held now", self.held.clone());
        let unit = || Unit::Seconds;
        r.register_with_unit("judge", "One judgement", unit(), self.judge_seconds.clone());
        r.register_with_unit(
            "score",
            "One score, waiting included",
            unit(),
            self.score_seconds.clone(),
        );
        let act = self.bot_act_seconds.clone();
        r.register_with_unit("bot_act", "From hearing to having acted", unit(), act);
        let model = self.model_seconds.clone();
        r.register_with_unit("model", "One batch in the model", unit(), model);
        let commit = self.store_commit_seconds.clone();
        r.register_with_unit("store_commit", "One durable commit", unit(), commit);
        let (up, down) = (self.bytes_from_clients.clone(), self.bytes_from_servers.clone());
        r.register_with_unit("from_clients", "Payload read from clients", Unit::Bytes, up);
        r.register_with_unit("from_servers", "Payload read from servers", Unit::Bytes, down);
    }

    pub fn message(&self, route: &str, verdict: &'static str) {
        let labels = vec![("route", route.to_owned()), ("verdict", verdict.to_owned())];
        self.messages.get_or_create(&labels).inc();
    }

    /// How many messages of these routes got a verdict so far.
    pub fn judged(&self, routes: &[String], verdict: &'static str) -> u64 {
        let of = |route: &String| {
            let labels = vec![("route", route.clone()), ("verdict", verdict.to_owned())];
            self.messages.get(&labels).map_or(0, |count| count.get())
        };
        routes.iter().map(of).sum()
    }

    pub fn finding(&self, rule: &str, category: &'static str) {
        let labels = vec![("rule", rule.to_owned()), ("category", category.to_owned())];
        self.findings.get_or_create(&labels).inc();
    }

    pub fn condition_failed(&self, rule: &str) {
        self.conditions_failed.get_or_create(&vec![("rule", rule.to_owned())]).inc();
    }

    pub fn discard(&self, reason: &'static str) {
        self.discarded.get_or_create(&vec![("reason", reason.to_owned())]).inc();
    }

    pub fn hold_ended(&self, state: &'static str) {
        self.holds_ended.get_or_create(&vec![("state", state.to_owned())]).inc();
    }

    pub fn paid_unshown(&self, cause: &'static str) {
        self.paid_unshown.get_or_create(&vec![("cause", cause.to_owned())]).inc();
    }

    pub fn ladder(&self, then: &'static str) {
        self.ladder.get_or_create(&vec![("then", then.to_owned())]).inc();
    }

    pub fn refuse(&self, reason: &'static str) {
        self.connections_refused.get_or_create(&vec![("reason", reason.to_owned())]).inc();
    }

    pub fn scored(&self, result: &'static str) {
        self.scores.get_or_create(&vec![("result", result.to_owned())]).inc();
    }

    /// Texts that the second model read, and those that there was no time for.
    pub fn uncertain(&self, read: u64, left: u64) {
        for (result, count) in [("read", read), ("left", left)].into_iter().filter(|(_, n)| *n > 0)
        {
            self.uncertain.get_or_create(&vec![("result", result.to_owned())]).inc_by(count);
        }
    }

    pub fn reload(&self, result: &'static str) {
        self.reloads.get_or_create(&vec![("result", result.to_owned())]).inc();
    }

    pub fn model_load(&self, result: &'static str) {
        self.model_loads.get_or_create(&vec![("result", result.to_owned())]).inc();
    }

    pub fn login(&self, result: &'static str) {
        self.logins.get_or_create(&vec![("result", result.to_owned())]).inc();
    }

    pub fn crowd_copy(&self, verdict: &'static str) {
        self.crowd_copies.get_or_create(&vec![("verdict", verdict.to_owned())]).inc();
    }

    pub fn shield_changed(&self, on: bool, by_itself: bool) {
        let state = if on { "on" } else { "off" };
        let by = if by_itself { "itself" } else { "moderator" };
        let labels = vec![("state", state.to_owned()), ("by", by.to_owned())];
        self.shield_changes.get_or_create(&labels).inc();
    }

    pub fn bot_connected(&self, bot: &str, connected: bool) {
        let labels = vec![("bot", bot.to_owned())];
        self.bots_connected.get_or_create(&labels).set(connected.into());
    }

    pub fn bot_deed(&self, bot: &str, what: &'static str, result: &'static str) {
        let labels =
            vec![("bot", bot.to_owned()), ("what", what.to_owned()), ("result", result.to_owned())];
        self.bot_deeds.get_or_create(&labels).inc();
    }

    pub fn webhook(&self, webhook: &str, result: &'static str) {
        let labels = vec![("webhook", webhook.to_owned()), ("result", result.to_owned())];
        self.webhooks.get_or_create(&labels).inc();
    }

    pub fn webhook_lag(&self, webhook: &str, records: u64) {
        let labels = vec![("webhook", webhook.to_owned())];
        let records = i64::try_from(records).unwrap_or(i64::MAX);
        self.webhook_lag.get_or_create(&labels).set(records);
    }

    /// The OpenMetrics text exposition, which Prometheus reads.
    pub fn render(&self) -> String {
        let mut text = String::new();
        match encode(&mut text, &self.registry) {
            Ok(()) => text,
            // Writing to a string fails only if a metric's own encoder does.
            Err(_) => "# EOF\n".to_owned(),
        }
    }
}
