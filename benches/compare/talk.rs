//! Makes chat lines that do not repeat: sentences of 5 to 25 words, each put together afresh.
//!
//! What a crowd repeats, the model is asked once. To overload it, every text must be a new one,
//! and one that needs a score: ordinary talk, in which the word lists find nothing.

use super::chat::{self, Dice};

/// The longest line that people type in a chat that moves.
const WORDS_MAX: usize = 25;

const OPENERS: [&str; 16] = [
    "ok so",
    "honestly",
    "hey chat",
    "wait",
    "quick question",
    "hello from Lyon",
    "first time here and",
    "i missed the start but",
    "salut tout le monde",
    "maybe it is just me but",
    "on my screen",
    "from what i saw",
    "last week",
    "yesterday evening",
    "as usual",
    "no idea why but",
];
const WHO: [&str; 24] = [
    "the second boss",
    "that last jump",
    "the new map",
    "your keyboard",
    "the blue team",
    "this song",
    "the side quest",
    "the whole raid",
    "the left door",
    "the sound",
    "that long intro",
    "the speedrun route",
    "our guild",
    "the garden level",
    "the camera",
    "this season",
    "the final lap",
    "my little brother",
    "the older patch",
    "the chess opening",
    "the market in town",
    "the bridge scene",
    "the snow level",
    "the tutorial",
];
const DOES: [&str; 20] = [
    "looks better than",
    "took me longer than",
    "reminds me of",
    "goes well with",
    "feels slower than",
    "comes right after",
    "is nothing like",
    "was much easier than",
    "sounds a bit like",
    "fits nicely with",
    "changed more than",
    "starts earlier than",
    "deserves more time than",
    "runs smoother than",
    "works fine without",
    "should be shorter than",
    "got me more points than",
    "needs more practice than",
    "is harder to learn than",
    "ended sooner than",
];
const WHAT: [&str; 24] = [
    "the one from last night",
    "the version on my old laptop",
    "a quiet walk by the river",
    "what we saw at the tournament",
    "the trailer they showed in spring",
    "any puzzle in the first chapter",
    "the route with the two ladders",
    "a cup of tea after work",
    "the music in the menu",
    "the league game on sunday",
    "my whole school project",
    "the first hour of the stream",
    "a train ride to the coast",
    "everything in the workshop",
    "the demo i tried in the shop",
    "the recipe you read out",
    "the clip from the morning",
    "a rainy day at home",
    "the remake with the new voices",
    "our last try on the tower",
    "the map with the windmill",
    "the lesson about endgames",
    "the old arcade at the station",
    "the cooking stream",
];
const WHEN: [&str; 18] = [
    "by a wide margin",
    "at least for me",
    "if you play it with friends",
    "once you know the trick",
    "when the servers are quiet",
    "on a good day",
    "with the sound turned up",
    "and i never noticed before",
    "now that the patch is out",
    "as far as i can tell",
    "after the third try",
    "in my opinion",
    "before the big update",
    "on the small screen",
    "with a controller",
    "so far",
    "this month",
    "for a beginner",
];
const CLOSERS: [&str; 14] = [
    "what do you all think",
    "see you tomorrow",
    "thanks for the stream",
    "please show it again",
    "good luck with the next one",
    "merci pour tout",
    "back in ten minutes",
    "anyone else",
    "i will try it tonight",
    "greetings from Montréal",
    "gg",
    "nice one",
    "can we vote on it",
    "on se retrouve samedi",
];

/// One message; `chat::id_of` reads its id.
pub fn message(id: u64, dice: &mut Dice) -> String {
    let mut line = chat::head(id, dice);
    line.push_str(&text(dice));
    line.push_str("\"}");
    line
}

/// The text of a message made here.
pub fn text_of(message: &str) -> &str {
    let text = message.split_once(r#""text":""#).map_or(message, |(_, text)| text);
    text.trim_end_matches("\"}")
}

/// One of some fifty million; those of over [`WORDS_MAX`] words are thrown again.
fn text(dice: &mut Dice) -> String {
    loop {
        let mut parts = Vec::with_capacity(6);
        parts.extend(perhaps(&OPENERS, dice));
        parts.extend([pick(&WHO, dice), pick(&DOES, dice), pick(&WHAT, dice)]);
        parts.extend(perhaps(&WHEN, dice));
        parts.extend(perhaps(&CLOSERS, dice));
        let text = parts.join(" ");
        if text.split(' ').count() <= WORDS_MAX {
            return text;
        }
    }
}

fn pick(from: &[&'static str], dice: &mut Dice) -> &'static str {
    from[dice.below(from.len() as u64) as usize]
}

/// Every other sentence does without.
fn perhaps(from: &[&'static str], dice: &mut Dice) -> Option<&'static str> {
    let said = pick(from, dice);
    (dice.below(2) == 0).then_some(said)
}
