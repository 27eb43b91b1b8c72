//! Remembers who did something lately: a bounded list of senders with the last time of each.

/// One sender, known by a keyed hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Face {
    pub sender: u64,
    pub at_ms: u64,
    pub times: u32,
    pub newcomer: bool,
    /// The last thing they said: every word of it, hashed.
    pub words: u32,
}

/// At most `max` of them; one more takes the place of the one seen longest ago.
#[derive(Clone, Debug, Default)]
pub struct Faces(Vec<Face>);

impl Faces {
    /// Notes a sender. What they did before counts on as long as it was within the window.
    pub fn note(&mut self, face: Face, window_ms: u64, max: usize) {
        if let Some(own) = self.0.iter_mut().find(|own| own.sender == face.sender) {
            let again = own.at_ms.abs_diff(face.at_ms) < window_ms;
            let times = if again { own.times.saturating_add(face.times) } else { face.times };
            *own = Face { times, ..face };
            return;
        }
        if self.0.len() < max {
            return self.0.push(face);
        }
        if let Some(oldest) = self.0.iter_mut().min_by_key(|own| own.at_ms) {
            *oldest = face;
        }
    }

    /// Those seen within the window. A clock that went backwards counts as distance too.
    pub fn within(&self, now: u64, window_ms: u64) -> impl Iterator<Item = &Face> {
        self.0.iter().filter(move |face| face.at_ms.abs_diff(now) < window_ms)
    }
}
