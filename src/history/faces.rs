//! Remembers who did something lately: a bounded list of senders with the last time of each.

/// One sender, known by a keyed hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Face {
    pub sender: u64,
    pub at_ms: u64,
    pub times: u32,
    pub newcomer: bool,
}

/// At most `max` of them; one more takes the place of the one seen longest ago.
#[derive(Clone, Debug, Default)]
pub struct Faces(Vec<Face>);

impl Faces {
    /// Notes a sender. What they did before counts on as long as it was within the window.
    pub fn note(&mut self, sender: u64, newcomer: bool, now: u64, window_ms: u64, max: usize) {
        if let Some(face) = self.0.iter_mut().find(|face| face.sender == sender) {
            let again = face.at_ms.abs_diff(now) < window_ms;
            face.times = if again { face.times.saturating_add(1) } else { 1 };
            (face.at_ms, face.newcomer) = (now, newcomer);
            return;
        }
        let face = Face { sender, at_ms: now, times: 1, newcomer };
        if self.0.len() < max {
            return self.0.push(face);
        }
        if let Some(oldest) = self.0.iter_mut().min_by_key(|face| face.at_ms) {
            *oldest = face;
        }
    }

    /// Those seen within the window. A clock that went backwards counts as distance too.
    pub fn within(&self, now: u64, window_ms: u64) -> impl Iterator<Item = &Face> {
        self.0.iter().filter(move |face| face.at_ms.abs_diff(now) < window_ms)
    }
}
