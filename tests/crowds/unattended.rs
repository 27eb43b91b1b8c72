//! Tries that another policy judges while nobody is on duty.

use tidegate::message::Verdict;

use crate::room::Room;

const NIGHT: &str = "[policy.p.unattended]\naction = \"stricter\"\npolicy = \"night\"\n\
                     [policy.night.profanity]\naction = [\"drop\",\"drop\",\"drop\",\"drop\"]\n\
                     [policy.night.flood]\nmessages_max = 2\n";

#[tokio::test]
async fn a_stricter_policy_stands_in() {
    let mut room = Room::new(NIGHT);
    let duty = room.pipeline.history.duty.clone();
    let attended = room.says("una", "oh blorp", 100).await.0;
    assert_ne!(attended, Verdict::Drop, "nobody keeps a list, so somebody is there");
    duty.keep(600_000);
    assert_eq!(room.says("ben", "oh blorp", 100).await.0, Verdict::Drop);
    let message = room.message("ben", "oh blorp");
    let judgement = room.pipeline.consider(&message, None).await;
    assert_eq!(judgement.verdict, Verdict::Drop, "asked for, too");
    assert!(judgement.standing.unattended, "{:?}", judgement.standing);
    assert_eq!(judgement.grounds.policy.to_string(), "night");

    // All of it is the other's: its bounds too.
    for (after_ms, expected) in [(100, Verdict::Pass), (100, Verdict::Pass), (100, Verdict::Drop)] {
        let (verdict, rules) = room.says("cyd", &format!("well {}", room.now), after_ms).await;
        assert_eq!(verdict, expected, "{rules:?}");
    }

    let _console = duty.connect("mo", room.now);
    duty.act("mo", room.now);
    assert_eq!(room.says("dan", "oh blorp", 599_000).await.0, attended);
    assert_eq!(room.says("eve", "oh blorp", 1_000).await.0, Verdict::Drop, "ten minutes on");
}

#[tokio::test]
async fn nobody_stands_in_for_who_stands_in() {
    let both = "[policy.night.unattended]\naction = \"stricter\"\npolicy = \"p\"\n";
    let mut room = Room::new(&format!("{NIGHT}{both}"));
    room.pipeline.history.duty.keep(600_000);
    assert_eq!(room.says("ben", "oh blorp", 100).await.0, Verdict::Drop);
}
