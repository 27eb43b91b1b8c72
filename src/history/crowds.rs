//! Counts over all senders of a channel: likeness, newcomers, bursts.

use std::sync::{Arc, Mutex};

use super::{
    lines::{Counted, Lines, Says},
    lock,
    rooms::{Burst, JustNow, Room, Rooms},
    sign::Sign,
};
use crate::{
    config::{HistoryConfig, ShieldConfig},
    message::Crowd,
};

/// Enough that busy channels seldom meet; few, because each has an equal share of the lines.
const PLOTS_MAX: usize = 8;

/// All channels, in plots with a lock each that is held for one message's bookkeeping.
pub struct Crowds {
    plots: Box<[Mutex<Plot>]>,
    /// In one plot.
    lines_max: usize,
    /// In one generation of one plot.
    rooms_max: usize,
}

#[derive(Default)]
struct Plot {
    lines: Lines,
    rooms: Rooms,
}

impl Crowds {
    pub fn new(config: &HistoryConfig) -> Crowds {
        let plots = (config.lines_max / 64).clamp(1, PLOTS_MAX);
        Crowds {
            plots: (0..plots).map(|_| Mutex::default()).collect(),
            lines_max: config.lines_max / plots,
            rooms_max: (config.channels_max / plots / 2).max(1),
        }
    }

    /// Notes a message and says what its channel's crowd did before it.
    pub fn note(
        &self,
        says: &Says,
        names: (&Arc<str>, &str),
        sign: &Sign,
        shield: &ShieldConfig,
    ) -> (Crowd, Burst) {
        let mut plot = lock(self.plot(says.channel));
        let counted = plot.lines.note(says, sign, self.lines_max);
        let room = plot.rooms.enter(says.channel, names, says.now, self.rooms_max);
        if says.newcomer {
            room.spoke(says.sender, says.now, shield.window_ms.max(says.window_ms));
        }
        let crowd = among(&counted, Some(room), room.just_now(says.now, says.window_ms));
        (crowd, room.burst(says.now, shield.window_ms))
    }

    /// What `note` would say, leaving no trace.
    pub fn peek(&self, says: &Says, sign: &Sign) -> Crowd {
        let plot = lock(self.plot(says.channel));
        let counted = plot.lines.peek(says, sign);
        let room = plot.rooms.see(says.channel);
        let around = room.map(|room| room.just_now(says.now, says.window_ms)).unwrap_or_default();
        let mut crowd = among(&counted, room, around);
        if says.newcomer && !room.is_some_and(|room| room.is_of(says.sender, around)) {
            crowd.around += 1;
            crowd.among_alike += 1;
            crowd.among_same += 1;
        }
        crowd
    }

    /// A newcomer's words were found hostile.
    pub fn hostile(
        &self,
        channel: u64,
        names: (&Arc<str>, &str),
        sender: u64,
        now: u64,
        window_ms: u64,
    ) -> Burst {
        let mut plot = lock(self.plot(channel));
        let room = plot.rooms.enter(channel, names, now, self.rooms_max);
        room.hostile(sender, now, window_ms);
        room.burst(now, window_ms)
    }

    /// Messages said lately that `is` means, and their senders.
    pub fn said(
        &self,
        channel: u64,
        is: impl Fn(&Sign) -> bool,
        now: u64,
        back_ms: u64,
    ) -> (u32, u32) {
        lock(self.plot(channel)).lines.said(channel, is, now, back_ms)
    }

    /// Channels that were heard lately, the last one first.
    pub fn channels(&self, max: usize) -> Vec<(String, String)> {
        let mut all = Vec::new();
        for plot in &self.plots {
            let plot = lock(plot);
            let names =
                |room: &Room| (room.last_ms, room.route.to_string(), room.channel.to_string());
            all.extend(plot.rooms.all().map(names));
            // Never more at once than are asked for, of each plot.
            all.sort_by(|a, b| b.cmp(a));
            all.truncate(max);
        }
        all.into_iter().map(|(_, route, channel)| (route, channel)).collect()
    }

    /// Lines and channels remembered now.
    pub fn sizes(&self) -> (usize, usize) {
        let sizes = self.plots.iter().map(|plot| {
            let plot = lock(plot);
            (plot.lines.len(), plot.rooms.len())
        });
        sizes.fold((0, 0), |all, own| (all.0 + own.0, all.1 + own.1))
    }

    fn plot(&self, channel: u64) -> &Mutex<Plot> {
        &self.plots[(channel % self.plots.len() as u64) as usize]
    }
}

/// How many of the newcomers who spoke just now are among those who said things like it.
fn among(counted: &Counted, room: Option<&Room>, around: JustNow) -> Crowd {
    let (mut alike, mut same) = (0, 0);
    for heard in &counted.senders {
        let is_around = room.is_some_and(|room| room.is_of(heard.sender, around));
        alike += u32::from(is_around);
        same += u32::from(is_around && heard.same);
    }
    let around = around.count as u32;
    let (among_alike, among_same) = (alike.min(around), same.min(around));
    Crowd { around, among_alike, among_same, ..counted.crowd }
}
