//! Decides what goes without the model when more is asked than it can read, and in which order.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;

use crate::metrics::Metrics;

/// Without trouble for this long, the last step is taken back.
const CALM: Duration = Duration::from_secs(2);
/// What is refused is weighed over this …
const WINDOW: Duration = Duration::from_secs(1);
/// … and so many of these in a row close the door to newcomers.
const WINDOWS: u32 = 5;

/// What is given up, in this order; each step keeps those before it. What was judged, what is held
/// and what was paid for is never given up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    #[default]
    Nothing,
    /// Senders with a role, and those who are known for long, are judged without the model.
    Trusted,
    /// Whoever the model would not come to in time gets the policy's `on_late` at once.
    Everybody,
    /// New chat connections are refused.
    Newcomers,
}

impl Step {
    fn below(self) -> Step {
        match self {
            Step::Nothing | Step::Trusted => Step::Nothing,
            Step::Everybody => Step::Trusted,
            Step::Newcomers => Step::Everybody,
        }
    }
}

/// How much waits for the model, and what is given up for it.
pub struct Overload {
    /// Bytes of text that wait.
    waiting: AtomicU64,
    /// What the model takes for a byte, in nanoseconds; 0 before it is known.
    pub ns_a_byte: Arc<AtomicU64>,
    threads: u64,
    deadline: Duration,
    /// Places in the queue.
    places: u64,
    state: Mutex<State>,
    metrics: Arc<Metrics>,
}

struct State {
    step: Step,
    /// When there was last a reason for this step.
    troubled: Instant,
    window: Instant,
    asked: u32,
    refused: u32,
    /// Windows in a row of which half was refused.
    bad: u32,
}

impl Overload {
    pub fn new(threads: usize, deadline: Duration, places: usize, metrics: Arc<Metrics>) -> Self {
        let now = Instant::now();
        let state =
            State { step: Step::Nothing, troubled: now, window: now, asked: 0, refused: 0, bad: 0 };
        Overload {
            waiting: AtomicU64::new(0),
            ns_a_byte: Arc::default(),
            threads: threads.max(1) as u64,
            deadline,
            places: places.max(1) as u64,
            state: Mutex::new(state),
            metrics,
        }
    }

    pub fn enter(&self, bytes: usize) {
        self.waiting.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub fn leave(&self, bytes: usize) {
        self.waiting.fetch_sub(bytes as u64, Ordering::Relaxed);
    }

    /// What is given up now.
    pub fn step(&self) -> Step {
        self.change(|_, _| ())
    }

    /// Notes that a chat message asks while so many wait; false where the model would not come to
    /// it in time. Nobody's answer is lost by that: all that waits before it takes that long.
    pub fn admits(&self, queued: u64, wait: Duration) -> bool {
        let ahead = self.ahead();
        let admitted = ahead <= wait;
        self.change(|state, now| {
            state.asked += 1;
            state.refused += u32::from(!admitted);
            let long = ahead > self.deadline / 2 || queued > self.places / 2;
            let wanted = match (admitted, long) {
                (false, _) => Step::Everybody,
                (true, true) => Step::Trusted,
                (true, false) => Step::Nothing,
            };
            // What closes the door is told by whole seconds alone.
            let lasts = wanted > Step::Nothing && state.step < Step::Newcomers;
            if lasts && wanted >= state.step {
                (state.step, state.troubled) = (wanted, now);
            }
        });
        admitted
    }

    /// The same for one that found the queue full.
    pub fn turned_away(&self) {
        self.change(|state, now| {
            state.refused += 1;
            if state.step < Step::Newcomers {
                (state.step, state.troubled) = (Step::Everybody, now);
            }
        });
    }

    /// How long what waits will take.
    fn ahead(&self) -> Duration {
        let (bytes, pace) =
            (self.waiting.load(Ordering::Relaxed), self.ns_a_byte.load(Ordering::Relaxed));
        Duration::from_nanos(bytes.saturating_mul(pace) / self.threads)
    }

    fn change<T>(&self, change: impl FnOnce(&mut State, Instant) -> T) -> Step {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (was, now) = (state.step, Instant::now());
        state.pass(now);
        change(&mut state, now);
        let step = state.step;
        drop(state);
        if step != was {
            self.tell(was, step);
        }
        step
    }

    fn tell(&self, was: Step, step: Step) {
        self.metrics.overload.set(step as i64);
        let gives_up = match step {
            Step::Nothing => "nothing",
            Step::Trusted => "the model for known senders",
            Step::Everybody => "the model for whoever it cannot come to in time",
            Step::Newcomers => "new connections",
        };
        match step > was {
            true => tracing::warn!(step = step as u8, gives_up, "more is asked than can be read"),
            false => tracing::info!(step = step as u8, gives_up, "less is asked again"),
        }
    }
}

impl State {
    /// What time alone changes.
    fn pass(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.window);
        if passed >= WINDOW {
            // A second in which nobody asked is a good one.
            let quiet = passed >= 2 * WINDOW;
            let half = self.refused > 0 && 2 * self.refused >= self.asked;
            self.bad = if half && !quiet { self.bad + 1 } else { 0 };
            (self.window, self.asked, self.refused) = (now, 0, 0);
            if self.bad >= WINDOWS {
                (self.step, self.troubled) = (Step::Newcomers, now);
            }
        }
        while self.step > Step::Nothing && now >= self.troubled + CALM {
            self.step = self.step.below();
            self.troubled += CALM;
        }
    }
}
