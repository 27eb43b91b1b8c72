//! Acts on senders and on whole channels, for moderators and programs alike.

use axum::http::StatusCode;

use super::{
    Doors, Failure,
    acts::TIME_OUT_S_MAX,
    decrees::carried,
    place::{check_sender, unfit},
};
use crate::{
    audit::{Event, Record},
    history::{Because, Slowed, Whose},
    message::{Sender, now_ms},
};

/// A permit answers somebody who is asking now; an hour is long for that.
const PERMIT_S_MAX: u64 = 3_600;
/// A day: a shield that lasts longer is a stricter policy's business.
const SHIELD_MINUTES_MAX: u64 = 1_440;
/// The same of slow mode, and its pace: nobody remembers longer when a sender last spoke.
const SLOW_MINUTES_MAX: u64 = 1_440;
const SLOW_S_MAX: u64 = 600;
/// A reason, not a report.
const WHY_CHARS_MAX: usize = 200;
const MINUTE_MS: u64 = 60_000;

impl Doors {
    /// Forgets a sender's strikes, holds and time-outs in a channel.
    pub fn forgive(&self, whose: Whose, by: &str) -> Result<(), Failure> {
        let channel = self.meant(whose)?;
        let whose = Whose { channel: &channel, ..whose };
        self.settler.pipeline.history.pardon(whose);
        self.settler.heed_soon(whose);
        self.record_act(whose, Event::Pardoned { by: by.to_owned() });
        Ok(())
    }

    /// Keeps a sender silent in a channel; says until when. What screens show of them is taken off,
    /// and the clock releases nothing of theirs that waits.
    pub async fn silence(&self, whose: Whose<'_>, seconds: u64, by: &str) -> Result<u64, Failure> {
        within("a time-out", seconds, TIME_OUT_S_MAX)?;
        let channel = self.meant(whose)?;
        let until_ms = in_seconds(seconds);
        let (doors, by) = (self.clone(), by.to_owned());
        let [route, sender] = [whose.route, whose.sender].map(str::to_owned);
        carried(async move {
            let _turn = doors.decrees.turn().await;
            let whose = Whose { route: &route, channel: &channel, sender: &sender };
            // Written first: what a crash leaves behind waits for a person, which is the mild
            // mistake. The time-out itself lives in memory.
            doors.settler.holds.keep_back(whose, Vec::new()).await?;
            doors.settler.pipeline.history.time_out(&route, &channel, &sender, until_ms);
            doors.record_act(whose, Event::TimedOut { until_ms, by });
            doors.settler.hush(whose).await;
            Ok(until_ms)
        })
        .await
    }

    /// Lets a sender speak again whom a time-out keeps silent, whoever gave it; the strikes stay,
    /// and so does a ban. Of somebody who is not silent nothing is recorded.
    pub fn unsilence(&self, whose: Whose, by: &str) -> Result<(), Failure> {
        let channel = self.meant(whose)?;
        let whose = Whose { channel: &channel, ..whose };
        let history = &self.settler.pipeline.history;
        if history.known(whose, now_ms()).timed_out_until_ms.is_some() {
            history.end_time_outs(whose);
            self.settler.heed_soon(whose);
            let (what, by) = ("time_out".to_owned(), by.to_owned());
            self.record_act(whose, Event::Lifted { what, by });
        }
        Ok(())
    }

    /// Lets a sender post one link in a channel; says until when.
    pub fn permit_link(&self, whose: Whose, seconds: u64, by: &str) -> Result<u64, Failure> {
        within("a permit", seconds, PERMIT_S_MAX)?;
        let channel = self.meant(whose)?;
        let until_ms = in_seconds(seconds);
        self.settler.pipeline.history.permit_link(whose.route, &channel, whose.sender, until_ms);
        let event = Event::Permitted { until_ms, by: by.to_owned() };
        self.record_act(Whose { channel: &channel, ..whose }, event);
        Ok(until_ms)
    }

    /// Puts a channel in shield mode for a while. Whoever follows the turns records it.
    pub fn shield_on(
        &self,
        route: &str,
        channel: &str,
        minutes: u64,
        because: Because,
    ) -> Result<(), Failure> {
        if !(1..=SHIELD_MINUTES_MAX).contains(&minutes) {
            let message = format!("a shield lasts 1 to {SHIELD_MINUTES_MAX} minutes");
            return Err(unfit("minutes", message));
        }
        self.switch(route, channel, Some(minutes), because)
    }

    /// Ends it, and keeps it from coming back by itself for a quarter of an hour.
    pub fn shield_off(&self, route: &str, channel: &str, because: Because) -> Result<(), Failure> {
        self.switch(route, channel, None, because)
    }

    fn switch(
        &self,
        route: &str,
        channel: &str,
        minutes: Option<u64>,
        because: Because,
    ) -> Result<(), Failure> {
        let channel = self.place(route, channel)?;
        if because.why.chars().count() > WHY_CHARS_MAX {
            return Err(unfit("why", format!("a reason has {WHY_CHARS_MAX} characters at most")));
        }
        let now = now_ms();
        let until_ms = minutes.map(|minutes| now.saturating_add(minutes * MINUTE_MS));
        self.settler.pipeline.history.switch_shield(route, &channel, until_ms, because, now);
        Ok(())
    }

    /// Has every sender of a channel wait so long between two messages, for a while. Whoever
    /// follows the turns records it.
    pub fn slow_on(
        &self,
        route: &str,
        channel: &str,
        (seconds, minutes): (u64, u64),
        by: &str,
    ) -> Result<(), Failure> {
        if !(1..=SLOW_S_MAX).contains(&seconds) {
            let message = format!("slow mode is 1 to {SLOW_S_MAX} seconds");
            return Err(unfit("seconds", message));
        }
        if !(1..=SLOW_MINUTES_MAX).contains(&minutes) {
            let message = format!("slow mode lasts 1 to {SLOW_MINUTES_MAX} minutes");
            return Err(unfit("minutes", message));
        }
        let channel = self.place(route, channel)?;
        let since_ms = now_ms();
        let until_ms = since_ms.saturating_add(minutes * MINUTE_MS);
        let (route, by) = (route.to_owned(), by.to_owned());
        let slowed = Slowed { route, channel, seconds, by, since_ms, until_ms };
        self.settler.pipeline.history.slow_on(slowed).map_err(|max| {
            let message = format!("{max} channels in slow mode are the most; end one first");
            Failure::new(StatusCode::CONFLICT, "slowed", message)
        })
    }

    /// Ends it; slow mode that is part of a shield stays.
    pub fn slow_off(&self, route: &str, channel: &str, by: &str) -> Result<(), Failure> {
        let channel = self.place(route, channel)?;
        self.settler.pipeline.history.slow_off(route, &channel, by, now_ms());
        Ok(())
    }

    /// The sender's channel as messages carry it, if there may be such a sender.
    pub fn meant(&self, whose: Whose) -> Result<String, Failure> {
        check_sender(whose.sender)?;
        self.place(whose.route, whose.channel)
    }

    fn record_act(&self, whose: Whose, event: Event) {
        let record = Record {
            id: self.settler.holds.fresh_id(),
            at_ms: now_ms(),
            route: whose.route.to_owned(),
            channel: whose.channel.to_owned(),
            sender: Sender { id: whose.sender.to_owned(), ..Sender::default() },
            event,
            findings: Vec::new(),
            rules: self.settler.pipeline.rules.load().version.to_string(),
            text_sha256: String::new(),
            decided_by: String::new(),
        };
        self.settler.audit.record(record, None);
    }
}

fn within(what: &str, seconds: u64, max: u64) -> Result<(), Failure> {
    match (1..=max).contains(&seconds) {
        true => Ok(()),
        false => Err(unfit("seconds", format!("{what} lasts 1 to {max} seconds"))),
    }
}

fn in_seconds(seconds: u64) -> u64 {
    now_ms().saturating_add(seconds.saturating_mul(1000))
}
