//! Streams the queue to consoles as server-sent events.

use std::{convert::Infallible, time::Duration};

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{Sse, sse::Event},
};
use futures_util::{Stream, stream::unfold};
use serde_json::{Value, json};
use tokio::{
    sync::{
        OwnedSemaphorePermit,
        broadcast::{Receiver, error::RecvError},
        watch,
    },
    time::{Instant, Interval, MissedTickBehavior, interval_at, sleep_until},
};

use super::{
    Console,
    duty::is_of_duty,
    view::{Question, View},
};
use crate::{
    accounts::{Role, Session},
    doors::Failure,
    history::OnDuty,
    hold::{Change, State as Held},
    message::now_ms,
};

/// A page that heard nothing for three of these knows that the connection is dead.
const BEAT: Duration = Duration::from_secs(10);
/// Who looks where is told four times a second at most, however many keys are pressed.
const LOOKS_APART: Duration = Duration::from_millis(250);

/// `queue` (the whole list, at the start and after a lag), then `added` and `moved` (one record
/// as it is now), `crowds` (shields, slow modes and nukes), `decrees` (bans, trust, allowed terms),
/// `looks` (who looks at which message), and `beat` with the time, each row's way, the crowds once
/// more and who is on duty. `ended` when the session is over.
///
/// The subscription is taken before the list is read, so nothing falls between them; a change
/// that the list has already is told once more, and records are whole, so that does no harm.
pub async fn stream(
    State(console): State<Console>,
    asked: Question,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Failure> {
    let session = console.need(&headers, Role::Viewer).await?;
    let view = View::new(session.rights.clone(), asked)?;
    let Ok(place) = console.streams.clone().try_acquire_owned() else {
        console.doors.settler.metrics.discard("console_streams");
        let message = "as many consoles listen as may";
        let failure = Failure::new(StatusCode::SERVICE_UNAVAILABLE, "busy", message);
        return Err(failure.after(Duration::from_secs(5)));
    };
    let mut beat = interval_at(Instant::now() + BEAT, BEAT);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let changes = console.doors.settler.holds.subscribe();
    let secret = console.guard.secret(&headers).unwrap_or_default().to_owned();
    let crowds = console.changes.subscribe();
    let decrees = console.doors.settler.pipeline.history.decrees_changed();
    let looks = console.looks.subscribe();
    let seat = console.seat(&session);
    let feed = Feed {
        console,
        view,
        changes,
        crowds,
        decrees,
        looks,
        look_at: Instant::now(),
        beat,
        secret,
        next: Next::Queue,
        seat,
        _place: place,
    };
    Ok(Sse::new(unfold(feed, Feed::next)))
}

struct Feed {
    console: Console,
    /// What they asked for, and may see as of the last beat.
    view: View,
    changes: Receiver<Change>,
    crowds: Receiver<()>,
    decrees: Receiver<()>,
    looks: watch::Receiver<()>,
    /// When the next change of who looks where may be told.
    look_at: Instant,
    beat: Interval,
    secret: String,
    next: Next,
    /// The place on duty of whoever may decide.
    seat: Option<OnDuty>,
    _place: OwnedSemaphorePermit,
}

#[derive(Clone, Copy)]
enum Next {
    Queue,
    Change,
    End,
}

impl Feed {
    async fn next(mut self) -> Option<(Result<Event, Infallible>, Feed)> {
        let event = match self.next {
            Next::End => return None,
            Next::Queue => event("queue", &self.console.snapshot(&self.view)),
            Next::Change => self.change().await?,
        };
        if !matches!(self.next, Next::End) {
            self.next = Next::Change;
        }
        Some((Ok(event), self))
    }

    async fn change(&mut self) -> Option<Event> {
        let (console, view) = (&self.console, &self.view);
        let rights = &view.rights;
        tokio::select! {
            change = listed(&mut self.changes, view) => match change {
                Ok(Change::Added(hold)) => Some(event("added", &console.answer(&hold, rights))),
                Ok(Change::Moved(hold, _)) => Some(event("moved", &console.answer(&hold, rights))),
                Err(RecvError::Lagged(_)) => {
                    console.doors.settler.metrics.discard("console_lag");
                    Some(event("queue", &console.snapshot(view)))
                }
                Err(RecvError::Closed) => None,
            },
            // How many changes there were does not matter, and the console itself has the sender.
            _ = self.crowds.recv() => Some(event("crowds", &console.crowds(rights))),
            _ = self.decrees.recv() => Some(event("decrees", &console.decrees(rights))),
            // Who looks where changes with every key press somewhere; what is told is the latest.
            _ = turned(&mut self.looks, self.look_at) => {
                self.look_at = Instant::now() + LOOKS_APART;
                Some(event("looks", &console.looks(rights)))
            }
            _ = self.beat.tick() => Some(self.beat().await),
        }
    }

    /// A session that ended, expired or lost its account ends its streams too.
    async fn beat(&mut self) -> Event {
        match self.console.doors.accounts.session(&self.secret).await {
            Ok(None) => {
                self.next = Next::End;
                event("ended", &json!({}))
            }
            Ok(Some(session)) => {
                // A role can change while the page is open, and with it the list.
                let seen = session.rights != self.view.rights;
                if self.seat.is_some() != is_of_duty(&session) {
                    self.seat = self.console.seat(&session);
                }
                self.view.rights = session.rights;
                match seen {
                    true => event("queue", &self.console.snapshot(&self.view)),
                    false => event("beat", &self.console.ways(&self.view)),
                }
            }
            // A store that does not answer now is no reason to go blind.
            Err(_) => event("beat", &self.console.ways(&self.view)),
        }
    }
}

/// The next change of what somebody asked for, and of how anything ended that they see. A dropped
/// wait loses none of those.
async fn listed(changes: &mut Receiver<Change>, view: &View) -> Result<Change, RecvError> {
    loop {
        let change = changes.recv().await?;
        let (Change::Added(hold) | Change::Moved(hold, _)) = &change;
        if view.lists(hold) || (hold.state != Held::Held && view.sees(hold)) {
            return Ok(change);
        }
    }
}

impl Console {
    /// A place on duty for whoever may decide; it is given back when the page is gone.
    fn seat(&self, session: &Session) -> Option<OnDuty> {
        is_of_duty(session).then(|| self.duty.connect(&session.name, now_ms()))
    }
}

/// Waits for a change, and not before a time. A dropped wait loses nothing.
async fn turned(looks: &mut watch::Receiver<()>, not_before: Instant) {
    sleep_until(not_before).await;
    // It fails only when the sender is gone, which the console itself has.
    let _ = looks.changed().await;
}

fn event(name: &str, data: &Value) -> Event {
    Event::default().event(name).data(data.to_string())
}
