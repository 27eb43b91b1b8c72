//! Says to each side why a session ends.

use tokio_tungstenite::tungstenite::protocol::{CloseFrame, frame::coding::CloseCode};

use super::leg::{Last, Leg, Trouble};
use crate::protocol;

/// What each side is told.
pub struct End {
    client: Farewell,
    server: Farewell,
    pub reason: &'static str,
}

enum Farewell {
    /// The codec has answered this peer's own close, or the peer is gone.
    Answered,
    Close(Option<CloseFrame>),
}

impl End {
    /// The last word of one leg, as the other is to hear it.
    pub fn heard(from: protocol::Leg, last: Last) -> End {
        match last {
            Last::Close(frame) => {
                End::of(from, Farewell::Answered, Farewell::Close(frame), "closed")
            }
            Last::Lost => End::of(from, Farewell::Answered, gone(from), "lost"),
            Last::Broke(code, why) => End::of(from, say(code, why), gone(from), why),
        }
    }

    pub fn restart() -> End {
        let client = say(CloseCode::Restart, "the service restarts, please reconnect");
        let server = say(CloseCode::Away, "the proxy restarts");
        End { client, server, reason: "drained" }
    }

    /// A leg that takes nothing of what waits for it.
    pub fn stalled(who: protocol::Leg) -> End {
        End::trouble(who, Trouble::Stalled)
    }

    pub fn trouble(who: protocol::Leg, trouble: Trouble) -> End {
        let (own, reason) = match (trouble, who) {
            (Trouble::Stalled, protocol::Leg::Client) => {
                (say(CloseCode::Policy, "reading too slowly"), "stalled")
            }
            (Trouble::Stalled, protocol::Leg::Server) => {
                let client = say(CloseCode::Again, "the chat server is too slow");
                let server = say(CloseCode::Policy, "reading too slowly");
                return End { client, server, reason: "stalled" };
            }
            (Trouble::Dawdling, _) => {
                (say(CloseCode::Policy, "a message was never finished"), "dawdling")
            }
            (Trouble::Dead, _) => (Farewell::Answered, "dead"),
        };
        End::of(who, own, gone(who), reason)
    }

    fn of(from: protocol::Leg, own: Farewell, other: Farewell, reason: &'static str) -> End {
        match from {
            protocol::Leg::Client => End { client: own, server: other, reason },
            protocol::Leg::Server => End { client: other, server: own, reason },
        }
    }

    pub fn tell(self, client: &mut Leg, server: &mut Leg) {
        for (leg, farewell) in [(client, self.client), (server, self.server)] {
            match farewell {
                Farewell::Answered => leg.answered(),
                Farewell::Close(frame) => leg.close(frame),
            }
        }
    }
}

/// What the other side of a vanished one is told; 1006 itself must never be sent.
fn gone(who: protocol::Leg) -> Farewell {
    match who {
        protocol::Leg::Client => say(CloseCode::Away, "the client is gone"),
        protocol::Leg::Server => say(CloseCode::Error, "the chat server is gone"),
    }
}

fn say(code: CloseCode, reason: &'static str) -> Farewell {
    Farewell::Close(Some(CloseFrame { code, reason: reason.into() }))
}
