//! Makes chat lines: JSON of the `generic` preset, 200 bytes each, from many senders.

/// The length of every message, as JSON.
pub const MESSAGE_BYTES: usize = 200;

/// A crowd that Tidegate remembers whole, as `history.senders_max` has it by default.
const SENDERS: u64 = 50_000;

/// What people type: mostly short ASCII, some accents, some emoji.
const SAYINGS: [&str; 40] = [
    "that was so close",
    "gg well played everyone",
    "what game is this?",
    "first time here, hello from Lyon",
    "salut tout le monde, ça va ?",
    "LOL",
    "the second boss took me three hours yesterday",
    "turn the music down a bit please",
    "on lag ou c'est moi ?",
    "no way he makes that jump",
    "WHAT A SAVE",
    "j'ai raté le début, quelqu'un résume ?",
    "can you show the map again",
    "is this the new patch",
    "🎉🎉🎉",
    "one more round before bed",
    "that skin looks great on you",
    "merci pour le stream, à demain",
    "it says 60 fps but it feels like 30",
    "hahaha the timing",
    "you missed the chest on the left",
    "which keyboard do you use",
    "trop fort ce joueur",
    "I was here before the raid",
    "chat, is this real?",
    "the speedrun record is 1:42:07",
    "allez allez allez",
    "good morning from Montréal ❄️",
    "try the other door",
    "this song again, love it",
    "my internet died, what happened",
    "on se retrouve samedi soir",
    "wait for the second wave",
    "clip it",
    "number seven is carrying the team",
    "ça c'est du beau jeu 👏",
    "sound is gone on my side",
    "he knows exactly where to stand",
    "when is the next tournament?",
    "bonne nuit la team",
];

/// The same numbers every time for the same seed (splitmix64).
pub struct Dice {
    state: u64,
    /// Whose turn it is first: senders take turns, so that nobody speaks much more than others.
    first: u64,
}

impl Dice {
    /// `part` says who rolls: two that rolled alike would repeat each other's messages, which is
    /// what the pace rule drops.
    pub fn new(part: &str, seed: u64) -> Dice {
        let part = part.bytes().fold(seed, |sum, byte| sum.rotate_left(9) ^ u64::from(byte));
        let mut dice = Dice { state: part, first: 0 };
        dice.state = dice.roll() ^ seed;
        dice.first = dice.below(SENDERS);
        dice
    }

    pub fn roll(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, end: u64) -> u64 {
        self.roll() % end
    }
}

/// One message; `id` is readable with [`id_of`].
pub fn message(id: u64, dice: &mut Dice) -> String {
    let mut line = head(id, dice);
    // `"}` closes it.
    let end = MESSAGE_BYTES - 2;
    loop {
        let saying = SAYINGS[dice.below(SAYINGS.len() as u64) as usize];
        if line.len() + saying.len() + 2 > end {
            break;
        }
        line.push_str(saying);
        line.push_str(". ");
    }
    // Dots for the rest. Digits would do as well, but read as letters they say listed things.
    while line.len() < end {
        line.push('.');
    }
    line.push_str("\"}");
    line
}

/// A line as long as people's are: one or two sayings, 25 bytes each in the mean.
pub fn line(dice: &mut Dice) -> String {
    let mut pick = || SAYINGS[dice.below(SAYINGS.len() as u64) as usize];
    let (first, second) = (pick(), pick());
    if first.len() < second.len() { first.to_owned() } else { format!("{first}, {second}") }
}

/// A message as far as its text; senders take turns.
pub fn head(id: u64, dice: &Dice) -> String {
    let sender = (dice.first + id) % SENDERS;
    format!(r#"{{"type":"chat","id":"{id:012}","channel":"main","user":"u{sender:05}","text":""#)
}

/// A message of the same shape with this text.
pub fn saying(id: u64, text: &str) -> String {
    format!(r#"{{"type":"chat","id":"{id:012}","channel":"main","user":"v{id}","text":"{text}"}}"#)
}

/// The id of a message made here.
pub fn id_of(message: &[u8]) -> Option<usize> {
    const BEFORE: &[u8] = br#"{"type":"chat","id":""#;
    let digits = message.strip_prefix(BEFORE)?.get(..12)?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// Whether any of the sayings holds `word`; such a word must not be listed.
pub fn says(word: &str) -> bool {
    SAYINGS.iter().any(|saying| saying.to_lowercase().contains(word))
}
