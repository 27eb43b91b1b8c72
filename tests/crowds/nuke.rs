//! Tries nukes: what they meet, when they end, that they can be lifted.

use tidegate::{
    history::{Nuke, Pattern},
    message::Verdict,
    normalize::normalize,
};

use crate::room::Room;

const LINE: &str = "everybody leave gremlo and watch the splat tonight";

fn pattern(room: &Room, text: &str) -> Pattern {
    room.pipeline.history.pattern(&room.message("", text), &normalize(text))
}

fn nuke(room: &Room, text: &str, drop: bool, minutes: u64) -> u64 {
    let nuke = Nuke {
        id: 0,
        route: "main".into(),
        channel: room.channel.into(),
        label: text.into(),
        text: text.into(),
        drop,
        by: "ana".into(),
        since_ms: room.now,
        until_ms: room.now + minutes * 60_000,
        hits: 0,
    };
    room.pipeline.history.nuke(pattern(room, text), nuke).expect("there is room").id
}

#[tokio::test]
async fn the_preview_counts_what_was_said() {
    let mut room = Room::new("[policy.p.crowd]\naction = \"pass\"\n");
    for n in 0..6 {
        room.says(&format!("s{n}"), LINE, 1_000).await;
        room.says(&format!("s{}", n % 2), &format!("{LINE}!! 🔥 {n}"), 1_000).await;
        room.says(&format!("t{n}"), "what a lovely quiet evening in the harbour", 1_000).await;
        room.says(&format!("t{n}"), "gg", 1_000).await;
    }
    let said =
        |text: &str, back_ms| room.pipeline.history.said(&pattern(&room, text), room.now, back_ms);
    assert_eq!(said(LINE, 600_000), (12, 6));
    assert_eq!(said("GG!", 600_000), (6, 6));
    assert_eq!(said("gg wp", 600_000), (0, 0));
    assert_eq!(said("nobody has said anything like this today", 600_000), (0, 0));
    // Who said it before counts as long as somebody's last time is within the minutes asked for.
    assert_eq!(said(LINE, 4_000).1, 2);
}

#[tokio::test]
async fn it_meets_likes_until_it_ends() {
    let mut room = Room::new("");
    room.settle(3).await;
    let id = nuke(&room, LINE, true, 10);
    for (text, expected) in [
        (LINE, Verdict::Drop),
        ("EVERYBODY leave gr3mlo!!! and watch the splat tonight 42", Verdict::Drop),
        (
            "zibber dronk fnord quux grault EVERYBODY leave gremlo and watch the splat tonight",
            Verdict::Drop,
        ),
        ("we all watch the harbour tonight", Verdict::Pass),
        ("gg", Verdict::Pass),
    ] {
        assert_eq!(room.says("regular1", text, 9_000).await.0, expected, "{text}");
    }
    assert_eq!(room.pipeline.history.nukes(room.now)[0].hits, 3);
    room.channel = "elsewhere";
    assert_eq!(room.says("regular1", LINE, 9_000).await.0, Verdict::Pass);
    room.channel = "lobby";
    room.now += 600_000;
    assert_eq!(room.says("regular1", LINE, 0).await.0, Verdict::Pass, "it has ended");
    assert_eq!(room.pipeline.history.nukes(room.now), []);
    assert!(room.pipeline.history.lift_nuke(id).is_none());
}

#[tokio::test]
async fn a_short_text_means_itself_alone() {
    let mut room = Room::new("");
    let id = nuke(&room, "LUL", false, 10);
    assert!(pattern(&room, "LUL").is_exact() && !pattern(&room, LINE).is_exact());
    for (text, expected) in [
        ("lul", Verdict::Hold),
        ("LUL LUL LUL!!", Verdict::Hold),
        ("LUL what a play", Verdict::Pass),
        ("gg", Verdict::Pass),
    ] {
        let (verdict, rules) = room.says("una", text, 9_000).await;
        assert_eq!(verdict, expected, "{text}: {rules:?}");
    }
    // The strictest of several counts, and each is lifted alone.
    let stricter = nuke(&room, "lul", true, 5);
    assert_eq!(room.says("una", "LUL", 9_000).await.0, Verdict::Drop);
    assert!(room.pipeline.history.lift_nuke(stricter).is_some());
    assert_eq!(room.says("una", "LUL", 9_000).await.0, Verdict::Hold);
    assert!(room.pipeline.history.lift_nuke(id).is_some());
    assert_eq!(room.says("una", "LUL", 9_000).await.0, Verdict::Pass);
}

#[tokio::test]
async fn there_are_only_so_many() {
    let room = Room::new("");
    let one = |n: usize, now: u64| {
        let text = format!("{LINE} {}", "a".repeat(n % 3));
        let nuke = Nuke {
            id: 0,
            route: "main".into(),
            channel: "lobby".into(),
            label: text.clone(),
            text: "".into(),
            drop: true,
            by: "ana".into(),
            since_ms: now,
            until_ms: now + 60_000,
            hits: 0,
        };
        room.pipeline.history.nuke(pattern(&room, &text), nuke)
    };
    let taken = (0..100).filter(|n| one(*n, room.now).is_ok()).count();
    assert_eq!(taken, 64);
    assert!(one(0, room.now + 60_000).is_ok(), "what has ended makes room");
}
