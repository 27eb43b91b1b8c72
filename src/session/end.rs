//! Says to each side why a session ends.

use tokio_tungstenite::tungstenite::protocol::{CloseFrame, frame::coding::CloseCode};

use super::leg::{Leg, Trouble};
use crate::protocol;

/// What each side is told.
pub struct End {
    client: Farewell,
    server: Farewell,
    pub reason: &'static str,
}

enum Farewell {
    /// There is nothing to say, or nobody to say it to.
    Nothing,
    Close(Option<CloseFrame>),
}

impl End {
    /// Both sides have closed, or one did and the other never answered: `frame` answers for it.
    pub fn closed(first: protocol::Leg, frame: Option<CloseFrame>) -> End {
        End::of(first, Farewell::Close(frame), Farewell::Nothing, "closed")
    }

    /// The transport to one side is gone without a word.
    pub fn lost(who: protocol::Leg) -> End {
        End::of(who, Farewell::Nothing, gone(who), "lost")
    }

    /// One side broke a rule.
    pub fn broke(who: protocol::Leg, code: CloseCode, why: &'static str) -> End {
        End::of(who, say(code, why), gone(who), why)
    }

    pub fn restart() -> End {
        let client = Farewell::Close(Some(restarting()));
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
            (Trouble::Dead, _) => (Farewell::Nothing, "dead"),
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
                Farewell::Nothing => {}
                Farewell::Close(frame) => leg.close(frame.as_ref()),
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

/// What clients are told that are to come back.
pub fn restarting() -> CloseFrame {
    let reason = "the service restarts, please reconnect".into();
    CloseFrame { code: CloseCode::Restart, reason }
}

fn say(code: CloseCode, reason: &'static str) -> Farewell {
    Farewell::Close(Some(CloseFrame { code, reason: reason.into() }))
}
