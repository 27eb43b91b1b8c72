//! Tries shield mode: how it comes, what it does, how it goes.

use tidegate::{
    history::{Because, Slowed, Turn},
    message::{Role, Verdict},
};
use tokio::sync::broadcast::Receiver;

use crate::room::Room;

const ANA: Because = Because { by: "ana", why: "" };
const RAID: &str = "everybody leave gremlo and watch the splat tonight";
const QUICK: &str = "[policy.p.shield]\nhostile_max = 10\nmin_ms = 60000\ncalm_ms = 30000\n\
                     slow_ms = 5000\nwindow_ms = 20000\n";

fn turned(turns: &mut Receiver<Turn>) -> Option<(bool, Option<String>)> {
    turns.try_recv().ok().map(|turn| (turn.on, turn.by))
}

async fn raid(room: &mut Room, from: usize, senders: usize) {
    for n in from..from + senders {
        room.says(&format!("raider{n}"), RAID, 100).await;
    }
}

#[tokio::test]
async fn a_raid_raises_it_and_calm_lowers_it() {
    let mut room = Room::new(QUICK);
    let mut turns = room.pipeline.history.turns();
    room.settle(5).await;
    assert_eq!(room.says("una", "what a lovely evening", 0).await.0, Verdict::Pass);

    raid(&mut room, 0, 13).await;
    assert_eq!(turned(&mut turns), None, "nine were held");
    raid(&mut room, 13, 1).await;
    assert_eq!(turned(&mut turns), Some((true, None)));
    let up = room.pipeline.history.shields(room.now);
    assert_eq!((up.len(), up[0].channel.as_str(), &up[0].by), (1, "lobby", &None));

    // Newcomers are held whatever they say; regulars and those with a role are not.
    let (verdict, rules) = room.says("ben", "hello there", 100).await;
    assert_eq!((verdict, rules), (Verdict::Hold, vec!["shield".to_owned()]));
    assert_eq!(room.says("regular1", "what is going on", 100).await.0, Verdict::Pass);
    assert_eq!(room.says_as(Role::Subscriber, "sue", "oh no", 100).await.0, Verdict::Pass);

    // Between the half and the whole of the threshold nothing changes: it stays up.
    for round in 0..20 {
        for n in 0..6 {
            room.says(&format!("late{round}x{n}"), RAID, 500).await;
        }
        room.now += 17_000;
        assert_eq!(room.pipeline.history.shields(room.now).len(), 1, "round {round}");
    }
    // Held newcomers alone do not keep it up.
    for n in 0..100 {
        room.says(&format!("friend{n}"), "hello there", 400).await;
    }
    assert_eq!(turned(&mut turns), Some((false, None)));
    assert_eq!(room.says("zoe", "hello there", 100).await.0, Verdict::Pass);
    assert_eq!(turned(&mut turns), None);
}

#[tokio::test]
async fn it_stays_for_a_while_and_goes_without_a_message() {
    let mut room = Room::new(QUICK);
    let mut turns = room.pipeline.history.turns();
    raid(&mut room, 0, 14).await;
    assert_eq!(turned(&mut turns), Some((true, None)));
    let history = &room.pipeline.history;
    assert_eq!(history.shields(room.now + 59_999).len(), 1);
    assert_eq!(history.shields(room.now + 60_000).len(), 0);
    assert_eq!(turned(&mut turns), Some((false, None)));
}

#[tokio::test]
async fn a_crowd_of_friends_does_not_raise_it_unless_asked_to() {
    for (settings, expected) in [(QUICK.to_owned(), 0), (format!("{QUICK}newcomers_max = 50\n"), 1)]
    {
        let mut room = Room::new(&settings);
        for n in 0..60 {
            room.says(&format!("friend{n}"), &format!("hello number {n}"), 100).await;
        }
        // Some of them copy a line: few beside all the others.
        raid(&mut room, 0, 20).await;
        assert_eq!(room.pipeline.history.shields(room.now).len(), expected, "{settings}");
    }
    let mut room = Room::new("[policy.p.shield]\nauto = false\n");
    raid(&mut room, 0, 100).await;
    assert_eq!(room.pipeline.history.shields(room.now).len(), 0);
}

#[tokio::test]
async fn a_moderator_switches_it_and_is_not_fought() {
    let mut room = Room::new(QUICK);
    let history = room.pipeline.history.clone();
    let mut turns = history.turns();
    room.settle(3).await;
    history.switch_shield("main", "lobby", Some(room.now + 600_000), ANA, room.now);
    assert_eq!(turned(&mut turns), Some((true, Some("ana".into()))));
    assert_eq!(room.says("ben", "hello there", 100).await.0, Verdict::Hold);

    // Slow mode: what comes too soon is dropped, and does not count for the next.
    for (after_ms, expected) in [
        (9_000, Verdict::Pass),
        (3_000, Verdict::Drop),
        (1_900, Verdict::Drop),
        (200, Verdict::Pass),
    ] {
        let (verdict, rules) = room.says("regular1", &format!("well {after_ms}"), after_ms).await;
        assert_eq!(verdict, expected, "{after_ms}: {rules:?}");
    }
    // The stricter table: what `standard` holds is dropped.
    assert_eq!(room.says("regular2", "oh snarfle", 9_000).await.0, Verdict::Drop);
    room.channel = "elsewhere";
    assert_eq!(room.says("ben", "hello there", 100).await.0, Verdict::Pass);
    room.channel = "lobby";

    history.switch_shield("main", "lobby", None, Because { by: "max", why: "" }, room.now);
    assert_eq!(turned(&mut turns), Some((false, Some("max".into()))));
    raid(&mut room, 0, 100).await;
    assert_eq!(history.shields(room.now).len(), 0, "off by a person's word");
    room.now += 900_000;
    raid(&mut room, 100, 100).await;
    assert_eq!(history.shields(room.now).len(), 1, "which does not count for ever");

    history.switch_shield("main", "lobby", Some(room.now + 1_000), ANA, room.now);
    assert_eq!(room.says("cyd", "hello there", 999).await.0, Verdict::Hold);
    assert_eq!(room.says("dan", "hello there", 1).await.0, Verdict::Pass, "it has an end");
}

#[tokio::test]
async fn a_moderators_slow_mode_and_the_shields_are_one_wait() {
    let mut room = Room::new(QUICK);
    let history = room.pipeline.history.clone();
    room.settle(3).await;
    let slow = |seconds, now| {
        let (route, channel, by) = ("main".to_owned(), "lobby".to_owned(), "ana".to_owned());
        let slowed = Slowed { route, channel, seconds, by, since_ms: now, until_ms: now + 600_000 };
        history.slow_on(slowed).unwrap();
    };
    slow(8, room.now);
    for (after_ms, expected) in [
        (20_000, Verdict::Pass),
        (7_900, Verdict::Drop),
        // What was dropped does not count: it is the last one that passed.
        (100, Verdict::Pass),
    ] {
        let (verdict, rules) = room.says("regular1", &format!("well {after_ms}"), after_ms).await;
        assert_eq!(verdict, expected, "{after_ms}: {rules:?}");
    }
    // The shield asks for five seconds.
    history.switch_shield("main", "lobby", Some(room.now + 600_000), ANA, room.now);
    assert_eq!(room.says("regular1", "after six", 6_000).await.0, Verdict::Drop);
    assert_eq!(room.says("regular1", "after eight", 2_000).await.0, Verdict::Pass);
    slow(2, room.now);
    assert_eq!(room.says("regular1", "after three", 3_000).await.0, Verdict::Drop);
    assert_eq!(room.says("regular1", "after five", 2_000).await.0, Verdict::Pass);
    history.slow_off("main", "lobby", "max", room.now);
    assert_eq!(room.says("regular1", "four more", 4_000).await.0, Verdict::Drop, "the shield's");
    room.channel = "elsewhere";
    assert_eq!(room.says("regular1", "one", 1_000).await.0, Verdict::Pass);
    assert_eq!(room.says("regular1", "two", 1_000).await.0, Verdict::Pass);
}

#[tokio::test]
async fn it_outlasts_crowds_of_channels_and_senders() {
    let mut room = Room::with(QUICK, |config| {
        config.history.senders_max = 16;
        config.history.channels_max = 16;
        config.history.lines_max = 64;
    });
    room.pipeline.history.switch_shield("main", "lobby", Some(room.now + 600_000), ANA, room.now);
    for n in 0..500 {
        room.channel = Box::leak(format!("c{n}").into_boxed_str());
        room.says(&format!("s{n}"), RAID, 1).await;
    }
    room.channel = "lobby";
    assert_eq!(room.says("ben", "hello there", 1).await.0, Verdict::Hold);
}
