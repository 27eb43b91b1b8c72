//! Tries what is a raid and what is not.

use tidegate::{history::Watch, message::Verdict, normalize::normalize};

use crate::room::{Dice, Room};

/// Lines of which no word is listed anywhere.
const LINES: [&str; 6] = [
    "everybody leave gremlo and watch the splat tonight",
    "go home you boring zibber, nobody wants you here",
    "this streamer is a fraud, he buys all his viewers at dronk",
    "rejoignez tous le salon de grimbo, ici on perd son temps",
    "Wanna become famous? Buy primes and viewers on bigzib",
    "geh nach hause, hier will dich wirklich niemand sehen",
];

/// One variation, with one or two of the tricks of real raids; one word of filler at most, for
/// the shortest lines have five words that say anything.
fn vary(line: &str, dice: &mut Dice) -> String {
    let first = trick(line, dice, 12);
    if dice.roll(2) == 0 { first } else { trick(&first, dice, 10) }
}

fn trick(text: &str, dice: &mut Dice, tricks: usize) -> String {
    let mut words: Vec<String> = text.split(' ').map(str::to_owned).collect();
    let at = dice.roll(words.len());
    match dice.roll(tricks) {
        0 => format!("{text} {}", dice.pick(&["🔥🔥", "😂", "🤡🤡🤡", "❤️", "👀 👀"])),
        1 => format!("{text} {}", dice.roll(1_000_000)),
        2 => format!("{text} x{}q{}", dice.roll(1000), dice.roll(1000)),
        3 => format!("@{} {text}", dice.word()),
        4 => text.to_uppercase(),
        5 => {
            let mut case = |c: char| match dice.roll(2) {
                0 => c.to_ascii_uppercase(),
                _ => c,
            };
            text.chars().map(&mut case).collect()
        }
        6 => text.replace('e', "3").replace('o', "0"),
        7 => text.replace(' ', dice.pick(&["  ", " - ", "... ", "! "])),
        8 => {
            let last = words.len() - 1;
            words.swap(at, last);
            words.join(" ")
        }
        9 => {
            let middle = words[at].chars().count() / 2;
            let middle = words[at].char_indices().nth(middle).map_or(0, |(at, _)| at);
            words[at].insert_str(middle, dice.pick(&["\u{200b}", "\u{200d}", "\u{2060}"]));
            words.join(" ")
        }
        10 => format!("{text} {}", dice.word()),
        _ => format!("{}!! {text}", dice.word()),
    }
}

fn raid(line: &str, dice: &mut Dice, senders: usize) -> Vec<(String, String)> {
    (0..senders).map(|n| (format!("raider{n}"), vary(line, dice))).collect()
}

#[tokio::test]
async fn of_a_raid_of_200_at_most_5_copies_reach_the_room() {
    for seed in 0..30 {
        let mut dice = Dice(seed);
        let line = LINES[seed as usize % LINES.len()];
        let copies = raid(line, &mut dice, 200);
        let mut room = Room::new("");
        room.settle(20).await;
        let passed = room.all(&copies, 100).await;
        assert!(passed <= 5, "seed {seed}: {passed} of {line:?} passed");
    }
}

#[tokio::test]
async fn one_word_swapped_in_a_sentence_is_the_same_raid() {
    let line = "everybody leave this boring room and come watch the splat show with us";
    for seed in 0..10 {
        let mut dice = Dice(seed);
        let swap = |n: usize, dice: &mut Dice| {
            let mut words: Vec<String> = line.split(' ').map(str::to_owned).collect();
            let at = dice.roll(words.len());
            words[at] = dice.word();
            (format!("raider{n}"), words.join(" "))
        };
        let copies: Vec<_> = (0..200).map(|n| swap(n, &mut dice)).collect();
        let passed = Room::new("").all(&copies, 100).await;
        assert!(passed <= 5, "seed {seed}: {passed}");
    }
}

/// In the midst of ordinary chat: what regulars and other newcomers say passes meanwhile.
#[tokio::test]
async fn a_raid_takes_nobody_else_with_it() {
    let mut dice = Dice(7);
    // So many held newcomers would raise the shield, which has its own tests.
    let mut room = Room::new("[policy.p.shield]\nauto = false\n");
    room.settle(30).await;
    let copies = raid(LINES[0], &mut dice, 200);
    let mut passed = 0;
    for (n, (sender, text)) in copies.iter().enumerate() {
        passed += usize::from(room.says(sender, text, 150).await.0 < Verdict::Hold);
        let words: Vec<String> = (0..6).map(|_| dice.word()).collect();
        let who = if n % 3 == 0 { format!("new{n}") } else { format!("regular{}", n % 30) };
        let (verdict, rules) = room.says(&who, &words.join(" "), 400).await;
        assert_eq!(verdict, Verdict::Pass, "{who}: {words:?} {rules:?}");
    }
    assert!(passed <= 5, "{passed}");
}

#[tokio::test]
async fn copies_are_held_and_beyond_a_bound_dropped() {
    let mut room = Room::new("[policy.p.shield]\nauto = false\n");
    let mut verdicts = Vec::new();
    for n in 0..120 {
        let (verdict, rules) = room.says(&format!("r{n}"), LINES[0], 10).await;
        assert_eq!(rules.contains(&"crowd".to_owned()), n >= 4, "{n}: {rules:?}");
        verdicts.push(verdict);
    }
    let count = |wanted| verdicts.iter().filter(|verdict| **verdict == wanted).count();
    let counts = [Verdict::Pass, Verdict::Hold, Verdict::Drop].map(count);
    assert_eq!(counts, [4, 100, 16]);
}

#[tokio::test]
async fn a_friendly_raid_of_200_different_greetings_is_not_touched() {
    let hello =
        ["hi", "hello", "hey hey", "bonjour", "heyyy", "good evening", "salut", "yo", "hola"];
    let who = ["everyone", "chat", "all of you", "lovely people", "friends", "à tous", "streamer"];
    let from = [
        "from {}'s stream",
        "greetings from {}",
        "{} sent us here",
        "just came over from {}",
        "{} raid incoming",
        "we are the {} gang",
        "{} told us you are great",
        "{} community says hi",
        "on arrive de chez {}",
        "love from the whole {} squad",
        "saludos de parte de {}",
        "so happy to be here with {}",
        "{} said your art is wonderful",
    ];
    let end =
        ["", "<3", "❤️", "!", "novaRaid", "novaHype novaHype", "how are you?", "TombRaid", "^^"];
    for seed in 0..20 {
        let mut dice = Dice(seed);
        let name = ["nova", "grimbo", "MissZibber", "the_dronk"][seed as usize % 4];
        let mut lines = Vec::new();
        while lines.len() < 200 {
            let parts = [dice.pick(&hello), dice.pick(&who), dice.pick(&from), dice.pick(&end)];
            let text = parts.join(" ").replace("{}", name);
            if lines.iter().all(|(_, other)| *other != text) {
                lines.push((format!("friend{}", lines.len()), text));
            }
        }
        let mut room = Room::new("");
        room.settle(10).await;
        for (sender, text) in &lines {
            let (verdict, rules) = room.says(sender, text, 150).await;
            assert_eq!((verdict, rules), (Verdict::Pass, vec![]), "seed {seed}: {text}");
        }
    }
}

/// Visitors whose greetings no list knows: sentences put together from parts, in a made-up tongue.
#[tokio::test]
async fn different_greetings_of_an_unknown_language_are_not_touched() {
    for seed in 0..20 {
        let mut dice = Dice(seed);
        let mut parts = |n: usize| -> Vec<String> {
            (0..n).map(|_| format!("{} {}", strange(&mut dice), strange(&mut dice))).collect()
        };
        let (hello, who, from) = (parts(9), parts(9), parts(9));
        let mut dice = Dice(seed + 1000);
        let mut room = Room::new("");
        for n in 0..200 {
            let pick = |of: &[String], dice: &mut Dice| of[dice.roll(of.len())].clone();
            let text = [&hello, &who, &from].map(|of| pick(of, &mut dice)).join(" ");
            let (verdict, rules) = room.says(&format!("f{n}"), &text, 150).await;
            assert_eq!((verdict, rules), (Verdict::Pass, vec![]), "seed {seed}, {n}: {text}");
        }
    }
}

/// A word of a language with more sounds than [`Dice::word`] knows.
fn strange(dice: &mut Dice) -> String {
    let (open, close) = (b"bcdfgklmnprstvz", b"aeiou");
    let letter = |of: &[u8], dice: &mut Dice| char::from(of[dice.roll(of.len())]);
    let letters = 4 + 2 * dice.roll(2);
    (0..letters).map(|n| letter(if n % 2 == 0 { open } else { close }, dice)).collect()
}

#[tokio::test]
async fn a_raid_after_many_newcomers_is_seen_as_soon() {
    for seed in 0..10 {
        let mut dice = Dice(seed);
        let mut room = Room::new("");
        for n in 0..80 {
            let words: Vec<String> = (0..6).map(|_| dice.word()).collect();
            room.says(&format!("other{n}"), &words.join(" "), 1_000).await;
        }
        let passed = room.all(&raid(LINES[seed as usize % 3], &mut dice, 200), 200).await;
        // The others are most of those who spoke just now, for the first few copies.
        assert!(passed <= 8, "seed {seed}: {passed}");
    }
}

#[tokio::test]
async fn what_many_people_say_anyway_is_not_touched() {
    for text in [
        "TombRaid",
        "TombRaid TombRaid TombRaid",
        "gg",
        "LUL",
        "hello",
        "Hi from Nova's stream!",
        "novaHype novaLove novaRaid",
        "PogChamp Kappa LUL",
        "🔥🔥🔥",
        "W",
        "first",
        "lets gooo",
        "bonjour à tous",
        "what a game",
        "happy birthday nova",
    ] {
        let mut room = Room::new("");
        for n in 0..200 {
            let (verdict, rules) = room.says(&format!("f{n}"), text, 50).await;
            assert_eq!((verdict, rules), (Verdict::Pass, vec![]), "{text}, {n}");
        }
    }
}

#[tokio::test]
async fn copypasta_of_regulars_is_a_joke_of_theirs() {
    let mut room = Room::new("");
    room.settle(40).await;
    for n in 0..40 {
        let (verdict, rules) = room.says(&format!("regular{n}"), LINES[0], 500).await;
        assert_eq!((verdict, rules), (Verdict::Pass, vec![]), "{n}");
    }
    // The same of people who have just come is a raid.
    let strangers: Vec<_> = (0..60).map(|n| (format!("s{n}"), LINES[1].to_owned())).collect();
    assert_eq!(room.all(&strangers, 100).await, 4);
}

#[tokio::test]
async fn a_slow_drip_is_below_the_bound_and_a_longer_window_catches_it() {
    let drip: Vec<_> = (0..30).map(|n| (format!("d{n}"), LINES[2].to_owned())).collect();
    for (settings, expected) in [
        ("", 30),
        ("[policy.p.crowd]\nwindow_ms = 600000\n", 4),
        ("[policy.p.crowd]\nwindow_ms = 600000\naction = \"pass\"\n", 30),
        ("[policy.p.crowd]\nwindow_ms = 600000\ncopies_max = 9\n", 9),
    ] {
        assert_eq!(Room::new(settings).all(&drip, 40_000).await, expected, "{settings}");
    }
}

#[tokio::test]
async fn few_accounts_that_repeat_are_a_crowd_from_three_on() {
    for (accounts, expected) in [(2, 9), (3, 4), (6, 4)] {
        let lines = (0..9).map(|n| (format!("a{}", n % accounts), LINES[3].to_owned()));
        let lines: Vec<_> = lines.collect();
        let mut room = Room::new("[policy.p.flood]\nrepeats_max = 100\n");
        assert_eq!(room.all(&lines, 3_000).await, expected, "{accounts} accounts");
    }
}

#[tokio::test]
async fn channels_are_apart_and_the_unnamed_leave_no_trace() {
    let mut room = Room::new("");
    for n in 0..40 {
        room.channel = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"][n % 10];
        let (verdict, _) = room.says(&format!("r{n}"), LINES[0], 10).await;
        assert_eq!(verdict, Verdict::Pass, "{n}: four in each channel");
        assert_eq!(room.says("", LINES[4], 10).await.0, Verdict::Pass, "{n}");
    }
    room.channel = "a";
    assert_eq!(room.says("r99", LINES[0], 10).await.0, Verdict::Hold);
}

#[tokio::test]
async fn a_dry_run_leaves_no_trace() {
    let mut room = Room::new("");
    let rules = room.pipeline.rules.load_full();
    let policy = rules.policy("main", "");
    let watch = Watch { flood: &policy.flood, crowd: &policy.crowd, shield: &policy.shield };
    let history = room.pipeline.history.clone();
    for n in 0..50 {
        let message = room.message(&format!("dry{n}"), LINES[0]);
        let recent = history.peek(&message, &normalize(LINES[0]), &watch);
        assert_eq!((recent.crowd.senders, recent.newcomer), (1, true), "{n}");
    }
    assert_eq!((history.senders(), history.crowds()), (0, (0, 0)));
    for n in 0..4 {
        room.says(&format!("r{n}"), LINES[0], 10).await;
    }
    let message = room.message("dry", LINES[0]);
    let recent = history.peek(&message, &normalize(LINES[0]), &watch);
    assert_eq!((recent.crowd.senders, recent.crowd.same, recent.crowd.newcomers), (5, 5, 5));
    assert_eq!(room.says("r4", LINES[0], 0).await.0, Verdict::Hold, "as foreseen");
}

#[tokio::test]
async fn ten_thousand_senders_stay_within_bounds() {
    let mut dice = Dice(3);
    let mut room = Room::with("[policy.p.shield]\nauto = false\n", |config| {
        config.history.senders_max = 20_000;
        config.history.lines_max = 2_000;
        config.history.channels_max = 100;
    });
    let names: Vec<String> = (0..300).map(|n| format!("room{n}")).collect();
    let names: Vec<&'static str> = names.into_iter().map(|n| &*n.leak()).collect();
    let started = std::time::Instant::now();
    for n in 0..10_000_usize {
        room.channel = if n % 2 == 0 { "lobby" } else { names[n % 300] };
        let words: Vec<String> = (0..8).map(|_| dice.word()).collect();
        room.says(&format!("sender{n}"), &words.join(" "), 3).await;
    }
    println!("{:.1} µs a message", started.elapsed().as_secs_f64() * 1e6 / 10_000.0);
    let (lines, channels) = room.pipeline.history.crowds();
    assert!((1_500..=2_000).contains(&lines), "{lines}");
    assert!((20..=100).contains(&channels), "{channels}");
    assert!(room.pipeline.history.senders() >= 9_000);
    // The crowd is still seen after all that, and many words do not wash it away.
    room.channel = "lobby";
    for n in 0..4 {
        assert_eq!(room.says(&format!("r{n}"), LINES[0], 1).await.0, Verdict::Pass);
    }
    for n in 0..3_000 {
        let words: Vec<String> = (0..8).map(|_| dice.word()).collect();
        room.says(&format!("noise{n}"), &words.join(" "), 3).await;
    }
    assert_eq!(room.says("r4", LINES[0], 1).await.0, Verdict::Hold);
}
