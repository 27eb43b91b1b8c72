//! Lists what can be measured, and what of it each workload measures of whom.

use super::{Outcome, machine::said_by, options::Options, proxies::Kind, shape::Shape};

/// One table of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Workload {
    Chat,
    Text,
    Irc,
    Deflate,
    Tls,
    Idle,
    Model,
    Fanout,
    Surge,
}

/// What is measured of each subject; a phase that is `None` is left out.
pub struct Phases {
    pub shape: Shape,
    /// Whether messages and a listed term are tried first.
    pub checked: bool,
    pub idle: Option<usize>,
    pub closed: bool,
    /// Messages a second.
    pub paced: Option<usize>,
    pub subjects: &'static [Kind],
}

impl Workload {
    pub const ALL: [Workload; 9] = [
        Workload::Chat,
        Workload::Text,
        Workload::Irc,
        Workload::Deflate,
        Workload::Tls,
        Workload::Idle,
        Workload::Model,
        Workload::Fanout,
        Workload::Surge,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Workload::Chat => "chat",
            Workload::Text => "text",
            Workload::Irc => "irc",
            Workload::Deflate => "deflate",
            Workload::Tls => "tls",
            Workload::Idle => "idle",
            Workload::Model => "model",
            Workload::Fanout => "fanout",
            Workload::Surge => "surge",
        }
    }

    pub fn named(name: &str) -> Outcome<Workload> {
        let known = Workload::ALL.into_iter().find(|workload| workload.name() == name);
        known.ok_or_else(|| {
            let names = Workload::ALL.map(Workload::name).join(", ");
            format!("{name:?} is none of {names}")
        })
    }

    /// For the line above the table.
    pub fn title(self) -> &'static str {
        match self {
            Workload::Chat => "JSON of 200 bytes, its text 120",
            Workload::Text => "plain text of 36 bytes in the mean",
            Workload::Irc => "IRC over WebSocket, texts of 36 bytes in the mean",
            Workload::Deflate => {
                "the JSON compressed (permessage-deflate, each message for itself)"
            }
            Workload::Tls => "the JSON under TLS 1.3 as far as the proxy",
            Workload::Idle => "connections that said one thing each and then nothing",
            Workload::Model => "the JSON, few enough for the model to score",
            Workload::Fanout => "one speaker, many viewers",
            Workload::Surge => "8.5 times as much within a second, for a minute",
        }
    }

    /// `None` where a workload has a measurement of its own.
    pub fn phases(self, options: &Options) -> Option<Phases> {
        use Kind::{Direct, Haproxy, Model, Nginx, Raw, Tidegate, Unread};
        let phases = Phases {
            shape: Shape::Json,
            checked: false,
            idle: None,
            closed: true,
            paced: Some(options.rate),
            subjects: &[Nginx, Haproxy, Tidegate],
        };
        Some(match self {
            Workload::Chat => Phases {
                checked: true,
                idle: Some(options.idle),
                subjects: &[Direct, Raw, Nginx, Haproxy, Unread, Tidegate],
                ..phases
            },
            Workload::Text => Phases { shape: Shape::Text, ..phases },
            Workload::Irc => Phases { shape: Shape::Irc, ..phases },
            Workload::Deflate => Phases { shape: Shape::Deflate, ..phases },
            // The generator writes to many connections from one thread, which TLS does not bear.
            Workload::Tls => Phases { shape: Shape::Tls, paced: None, ..phases },
            Workload::Idle => Phases {
                closed: false,
                paced: None,
                idle: Some(if options.short { options.idle } else { idle() }),
                subjects: &[Raw, Nginx, Haproxy, Tidegate],
                ..phases
            },
            Workload::Model => Phases {
                closed: false,
                paced: Some(MODEL_RATE),
                subjects: &[Nginx, Tidegate, Model],
                ..phases
            },
            Workload::Fanout | Workload::Surge => return None,
        })
    }
}

/// Viewers of a large channel who say nothing.
const IDLE: usize = 10_000;
/// Of the files that a process may have open, those that a proxy needs for itself.
const OWN_FILES: usize = 1_000;

/// As many as a proxy may have open here, twice each.
fn idle() -> usize {
    let limit = said_by("sh", &["-c", "ulimit -Hn"]).ok().and_then(|limit| limit.parse().ok());
    limit.map_or(IDLE, |limit: usize| IDLE.min(limit.saturating_sub(OWN_FILES) / 2))
}
/// A busy chat; a thread scores about three times as many texts.
const MODEL_RATE: usize = 100;
