//! Tries what the console does about crowds: shields, slow mode, nukes, all that is held alike.

use std::sync::Arc;

use serde_json::{Value, json};
use tidegate::{
    audit::Event,
    config::RouteConfig,
    history::{Because, Slowed},
    hold::{Hold, State},
    message::{Message, Sender, Verdict, now_ms},
};
use tokio::time::{Duration, timeout};

use crate::house::{Answer, House, house};

/// Nothing here takes this long; a test that waits longer has failed.
const PATIENCE: Duration = Duration::from_secs(30);

const LINE: &str = "everybody leave gremlo and watch the blorp splat tonight";

async fn post(house: &House, cookie: &str, path: &str, body: Value) -> Answer {
    house.page("POST", path, cookie, &body.to_string()).await
}

/// What becomes of something said in a channel now.
async fn said(house: &House, channel: &str, sender: &str, text: &str) -> Verdict {
    let sender = Sender { id: sender.into(), ..Sender::default() };
    let (route, channel, text) = ("".into(), channel.to_owned(), text.to_owned());
    let message =
        Message { route, channel, sender, id: None, text, at_ms: now_ms(), ..Message::default() };
    house.doors.settler.pipeline.judge(&message).await.verdict
}

/// What the log says of settings, newest first.
async fn logged(house: &House) -> Vec<(String, String)> {
    house.doors.settler.audit.flush().await;
    let records = house.doors.settler.audit.recent(100).await.expect("the log is there");
    let settings = records.into_iter().filter_map(|record| match record.event {
        Event::Settings { what, by, .. } => Some((what, by)),
        _ => None,
    });
    settings.collect()
}

async fn waves(house: &House) -> Vec<Arc<Hold>> {
    let texts = [
        LINE.to_owned(),
        LINE.to_uppercase(),
        format!("{LINE}!! 🔥 4711"),
        "so blorp".to_owned(),
        "what a lovely blorp evening in the harbour".to_owned(),
    ];
    let mut held = Vec::new();
    for text in texts {
        held.push(house.hold(&text).await);
    }
    held
}

fn state(house: &House, hold: &Hold) -> State {
    house.doors.settler.holds.find(&hold.id).expect("it is remembered").state
}

#[tokio::test]
async fn all_that_is_held_alike_is_decided_at_once() {
    let house = house(|_| {}).await;
    let (ana, vera) = (house.cookie("ana").await, house.cookie("vera").await);
    let held = waves(&house).await;
    let counted = house.act(&ana, &held[1].id, "alike", "{}").await;
    assert_eq!(counted.json(), json!({ "held": 3, "senders": 1 }));
    for act in ["alike", "remove-alike", "release-alike"] {
        assert_eq!(house.act(&vera, &held[0].id, act, "{}").await.status, 403, "{act}");
        assert_eq!(house.act(&ana, "nothing", act, "{}").await.status, 404, "{act}");
    }
    let removed = house.act(&ana, &held[1].id, "remove-alike", "{}").await;
    assert_eq!(removed.status, 200, "{}", removed.body);
    let (ids, left) = (&removed.json()["ids"], &removed.json()["left"]);
    assert_eq!((ids, left), (&json!([held[0].id, held[1].id, held[2].id]), &json!(0)));
    assert!(removed.json()["undo_until_ms"].as_u64().is_some_and(|until| until > now_ms()));
    let states: Vec<State> = held.iter().map(|hold| state(&house, hold)).collect();
    use State::{Denied, Held};
    assert_eq!(states, [Denied, Denied, Denied, Held, Held]);

    // Each is taken back alone; then all of them are released.
    assert_eq!(house.act(&ana, &held[2].id, "undo", "{}").await.status, 200);
    let released = house.act(&ana, &held[0].id, "release-alike", "{}").await;
    assert_eq!(released.json()["ids"], json!([held[2].id]), "what is decided stays so");
}

fn switch(channel: &str, minutes: u64) -> Value {
    json!({ "route": "", "channel": channel, "minutes": minutes })
}

#[tokio::test]
async fn a_shield_that_is_over_is_told_though_nobody_looks() {
    let house = house(|_| {}).await;
    let mut records = house.doors.settler.audit.subscribe();
    let because = Because { by: "ana", why: "" };
    let (history, now) = (&house.doors.settler.pipeline.history, now_ms());
    history.switch_shield("", "lobby", Some(now + 300), because, now);
    let over = async {
        loop {
            let record = records.recv().await.expect("the log is there");
            if let Event::Settings { what, by, .. } = &record.event
                && what == "shield off"
            {
                return (record.channel.clone(), by.clone(), record.at_ms);
            }
        }
    };
    let (channel, by, at_ms) = timeout(PATIENCE, over).await.expect("it is told");
    assert_eq!((channel.as_str(), by.as_str()), ("lobby", "itself"));
    assert!(at_ms >= now + 300, "not before its end");
}

#[tokio::test]
async fn a_shield_is_switched_shown_and_recorded() {
    let house = house(|_| {}).await;
    let (ana, vera) = (house.cookie("ana").await, house.cookie("vera").await);
    for (cookie, body, expected) in [
        ("", switch("lobby", 10), 401),
        (vera.as_str(), switch("lobby", 10), 403),
        (&ana, switch("lobby", 1_441), 422),
        (&ana, json!({ "route": "nowhere", "channel": "lobby", "minutes": 10 }), 422),
        (&ana, json!({ "route": "", "channel": "lobby" }), 400),
        (&ana, switch("lobby", 10), 200),
    ] {
        let answer = post(&house, cookie, "/api/shield", body.clone()).await;
        assert_eq!(answer.status, expected, "{body}: {}", answer.body);
    }
    let seen = house.page("GET", "/api/crowds", &vera, "").await.json();
    let shield = &seen["shields"][0];
    assert_eq!((&shield["channel"], &shield["by"]), (&json!("lobby"), &json!("ana")));
    let queue = house.page("GET", "/api/queue", &vera, "").await.json();
    assert_eq!(queue["crowds"]["shields"], seen["shields"]);
    assert_eq!(said(&house, "lobby", "una", "hello there").await, Verdict::Hold);
    assert_eq!(said(&house, "elsewhere", "una", "hello there").await, Verdict::Pass);

    let off = post(&house, &ana, "/api/shield", switch("lobby", 0)).await.json();
    assert_eq!(off["shields"], json!([]));
    let heard = [json!("elsewhere"), json!("lobby")];
    let channels = off["channels"].as_array().expect("channels");
    assert!(channels.iter().all(|own| heard.contains(&own["channel"])) && channels.len() == 2);
    assert_eq!(said(&house, "lobby", "una", "hello there").await, Verdict::Pass);
    let expected = [("shield off", "ana"), ("shield on", "ana")];
    let expected = expected.map(|(what, by)| (what.to_owned(), by.to_owned()));
    // The log is written by whoever listens to shields, soon after.
    while logged(&house).await.len() < 2 {
        tokio::task::yield_now().await;
    }
    assert_eq!(logged(&house).await, expected);
    let metrics = house.doors.settler.metrics.render();
    assert!(metrics.contains(r#"tidegate_shield_changes_total{state="on",by="moderator"} 1"#));
}

fn pace(channel: &str, seconds: u64, minutes: u64) -> Value {
    json!({ "route": "", "channel": channel, "seconds": seconds, "minutes": minutes })
}

#[tokio::test]
async fn slow_mode_is_switched_shown_and_recorded() {
    let house = house(|_| {}).await;
    let (ana, vera) = (house.cookie("ana").await, house.cookie("vera").await);
    let mut told = house.doors.settler.pipeline.history.slow_turns();
    for (cookie, body, expected) in [
        ("", pace("lobby", 30, 10), 401),
        (vera.as_str(), pace("lobby", 30, 10), 403),
        (&ana, pace("lobby", 601, 10), 422),
        (&ana, pace("lobby", u64::MAX, 10), 422),
        (&ana, pace("lobby", 30, 0), 422),
        (&ana, pace("lobby", 30, 1_441), 422),
        (&ana, json!({ "route": "nowhere", "channel": "lobby", "seconds": 3, "minutes": 1 }), 422),
        (&ana, json!({ "route": "", "channel": "lobby", "minutes": 10 }), 400),
        (&ana, json!({ "route": "", "channel": "lobby", "seconds": 30 }), 422),
        (&ana, pace("lobby", 30, 10), 200),
    ] {
        let answer = post(&house, cookie, "/api/slow", body.clone()).await;
        assert_eq!(answer.status, expected, "{body}: {}", answer.body);
    }
    let seen = house.page("GET", "/api/crowds", &vera, "").await.json();
    let slow = &seen["slow"][0];
    let shown = (&slow["channel"], &slow["seconds"], &slow["by"]);
    assert_eq!(shown, (&json!("lobby"), &json!(30), &json!("ana")));
    let left_ms = slow["until_ms"].as_u64().expect("it has an end").saturating_sub(now_ms());
    assert!((500_000..=600_000).contains(&left_ms), "{left_ms}");
    let queue = house.page("GET", "/api/queue", &vera, "").await.json();
    assert_eq!(queue["crowds"]["slow"], seen["slow"]);
    assert_eq!(said(&house, "lobby", "una", "hello there").await, Verdict::Pass);
    assert_eq!(said(&house, "lobby", "una", "and again").await, Verdict::Drop);
    assert_eq!(said(&house, "lobby", "ben", "hello there").await, Verdict::Pass, "each alone");
    assert_eq!(said(&house, "elsewhere", "una", "hello there").await, Verdict::Pass);
    assert_eq!(said(&house, "elsewhere", "una", "and again").await, Verdict::Pass);

    let off = json!({ "route": "", "channel": "lobby", "seconds": 0 });
    for _ in 0..2 {
        let off = post(&house, &ana, "/api/slow", off.clone()).await;
        assert_eq!((off.status, &off.json()["slow"]), (200, &json!([])));
    }
    assert_eq!(said(&house, "lobby", "una", "third time").await, Verdict::Pass);
    let turns = [told.try_recv(), told.try_recv()].map(|turn| turn.map(|turn| turn.seconds));
    assert_eq!((turns, told.try_recv().is_err()), ([Ok(30), Ok(0)], true), "told once each");
    while logged(&house).await.len() < 2 {
        tokio::task::yield_now().await;
    }
    let expected = [("slow mode off", "ana"), ("slow mode on, 30 s", "ana")];
    let expected = expected.map(|(what, by)| (what.to_owned(), by.to_owned()));
    assert_eq!(logged(&house).await, expected);
}

#[tokio::test]
async fn slow_mode_that_is_over_is_told_though_nobody_looks() {
    let house = house(|_| {}).await;
    let mut records = house.doors.settler.audit.subscribe();
    let now = now_ms();
    let slowed = Slowed {
        route: String::new(),
        channel: "lobby".into(),
        seconds: 5,
        by: "ana".into(),
        since_ms: now,
        until_ms: now + 300,
    };
    house.doors.settler.pipeline.history.slow_on(slowed).expect("there is room");
    let over = async {
        loop {
            let record = records.recv().await.expect("the log is there");
            if let Event::Settings { what, by, .. } = &record.event
                && what == "slow mode off"
            {
                return (record.channel.clone(), by.clone(), record.at_ms);
            }
        }
    };
    let (channel, by, at_ms) = timeout(PATIENCE, over).await.expect("it is told");
    assert_eq!((channel.as_str(), by.as_str()), ("lobby", "itself"));
    assert!(at_ms >= now + 300, "not before its end");
}

#[tokio::test]
async fn a_nuke_is_previewed_fired_listed_and_lifted() {
    let house = house(|_| {}).await;
    let (ana, vera) = (house.cookie("ana").await, house.cookie("vera").await);
    let held = waves(&house).await;
    let aim = json!({ "hold": held[0].id, "back_minutes": 10 });
    assert_eq!(post(&house, &vera, "/api/nukes/preview", aim.clone()).await.status, 403);
    let seen = post(&house, &ana, "/api/nukes/preview", aim).await;
    assert_eq!(seen.json(), json!({ "held": 3, "said": 0, "senders": 0, "exact": false }));
    assert_eq!(house.doors.settler.holds.list().len(), 5, "looking changes nothing");

    let fire = json!({ "hold": held[0].id, "back_minutes": 10, "forward_minutes": 5 });
    assert_eq!(post(&house, &vera, "/api/nukes", fire.clone()).await.status, 403);
    let fired = post(&house, &ana, "/api/nukes", fire).await;
    assert_eq!(fired.status, 201, "{}", fired.body);
    assert_eq!(fired.json()["ids"], json!([held[0].id, held[1].id, held[2].id]));
    assert_eq!(house.doors.settler.holds.list().len(), 2);
    let listed = house.page("GET", "/api/crowds", &vera, "").await.json();
    let nuke = &listed["nukes"][0];
    assert_eq!((&nuke["by"], &nuke["drop"]), (&json!("ana"), &json!(true)));
    assert_eq!(nuke["label"], json!("everybody leave gremlo and watch the blo"));

    // Of the same in the channel that was meant nothing comes any more.
    let text = json!({
        "route": "", "channel": "den", "text": LINE, "forward_minutes": 5, "action": "hold",
    });
    assert_eq!(said(&house, "den", "una", LINE).await, Verdict::Pass);
    let seen = post(
        &house,
        &ana,
        "/api/nukes/preview",
        json!({
            "route": "", "channel": "den", "text": LINE, "back_minutes": 10,
        }),
    );
    assert_eq!(seen.await.json(), json!({ "held": 0, "said": 1, "senders": 1, "exact": false }));
    let own = post(&house, &ana, "/api/nukes", text).await.json()["nuke"]["id"].clone();
    assert_eq!(said(&house, "den", "ben", &format!("{LINE} 99")).await, Verdict::Hold);
    let path = format!("/api/nukes/{own}/lift");
    assert_eq!(post(&house, &vera, &path, json!({})).await.status, 403);
    assert_eq!(post(&house, &ana, &path, json!({})).await.status, 200);
    assert_eq!(post(&house, &ana, &path, json!({})).await.status, 404);
    assert_eq!(said(&house, "den", "cyd", LINE).await, Verdict::Pass);

    let log = logged(&house).await;
    let said: Vec<&str> = log.iter().map(|(what, _)| what.as_str()).collect();
    let first = format!("nuke 1 for 5 min, like {}", held[0].id);
    assert_eq!(said, ["nuke 2 lifted", "nuke 2 for 5 min", &first]);
    assert!(log.iter().all(|(_, by)| by == "ana"));

    // A viewer's words are kept where they can be erased, and a moderator's own with the nuke.
    let records = house.doors.settler.audit.recent(100).await.expect("the log is there");
    let kept = |what: &str| {
        let own = records.iter().find(|record| {
            matches!(&record.event, Event::Settings { what: own, .. } if own.starts_with(what))
        });
        !own.expect("it is there").text_sha256.is_empty()
    };
    assert!(kept("nuke 2 for") && !kept("nuke 1 for"));
}

#[tokio::test]
async fn what_is_no_nuke_is_refused() {
    let house = house(|_| {}).await;
    let ana = house.cookie("ana").await;
    let hold = house.hold("so blorp").await;
    let text = |text: &str, back: u64, forward: u64| {
        json!({ "route": "", "channel": "den", "text": text,
                "back_minutes": back, "forward_minutes": forward })
    };
    for (body, expected) in [
        (text(LINE, 10, 0), 422),
        (text(LINE, 10, 1_441), 422),
        (text(LINE, 61, 10), 422),
        (text(LINE, u64::MAX, 10), 422),
        (text("  ", 10, 10), 422),
        (text(&"b".repeat(2_001), 10, 10), 422),
        (json!({ "forward_minutes": 10 }), 422),
        (json!({ "hold": "nothing", "forward_minutes": 10 }), 404),
        (json!({ "route": "nowhere", "channel": "den", "text": LINE, "forward_minutes": 10 }), 422),
        (json!({ "hold": hold.id, "forward_minutes": 10, "action": "mask" }), 400),
        (text(&"blorp ".repeat(10_000), 10, 10), 413),
    ] {
        let answer = post(&house, &ana, "/api/nukes", body.clone()).await;
        let told = body.to_string();
        assert_eq!(answer.status, expected, "{}: {}", &told[..told.len().min(90)], answer.body);
    }
    for n in 0..64 {
        let answer = post(&house, &ana, "/api/nukes", text(&format!("splat {n}"), 0, 1)).await;
        assert_eq!(answer.status, 201, "{n}: {}", answer.body);
    }
    let answer = post(&house, &ana, "/api/nukes", text(LINE, 0, 1)).await;
    assert_eq!((answer.status, &answer.json()["error"]), (409, &json!("nukes")));
}

#[tokio::test]
async fn a_nukes_label_shows_no_personal_data() {
    let house = house(|_| {}).await;
    let ana = house.cookie("ana").await;
    let text = "write to una.marlowe@example.org about the blorp";
    let fire = json!({ "route": "", "channel": "den", "text": text, "forward_minutes": 5 });
    let fired = post(&house, &ana, "/api/nukes", fire).await;
    assert_eq!(fired.status, 201, "{}", fired.body);
    assert_eq!(fired.json()["nuke"]["label"], "write to … about the blorp");
}

#[tokio::test]
async fn channels_are_meant_however_a_moderator_writes_them() {
    let route =
        RouteConfig { name: "irc".into(), protocol: "irc".into(), ..RouteConfig::default() };
    let house = house(|config| config.route.push(route)).await;
    let ana = house.cookie("ana").await;
    let at = |channel: &str| json!({ "route": "irc", "channel": channel });
    let with = |channel: &str, more: &[(&str, Value)]| {
        let mut body = at(channel);
        more.iter().for_each(|(key, value)| body[*key] = value.clone());
        body
    };
    let long = "x".repeat(513);
    for (path, more) in [
        ("/api/shield", vec![("minutes", json!(5))]),
        ("/api/slow", vec![("seconds", json!(5)), ("minutes", json!(5))]),
        ("/api/nukes", vec![("text", json!(LINE)), ("forward_minutes", json!(5))]),
        ("/api/permits", vec![("sender", json!("una")), ("seconds", json!(60))]),
        ("/api/senders/pardon", vec![("sender", json!("una"))]),
    ] {
        let mut elsewhere = with("#den", &more);
        elsewhere["route"] = json!("nowhere");
        for body in [elsewhere, with(&long, &more)] {
            assert_eq!(post(&house, &ana, path, body).await.status, 422, "{path}");
        }
        if more[0].0 == "sender" {
            for sender in ["", &long] {
                let body = with("#den", &[&more[1..], &[("sender", json!(sender))]].concat());
                assert_eq!(post(&house, &ana, path, body).await.status, 422, "{path}");
            }
        }
        let answer = post(&house, &ana, path, with("#Den", &more)).await;
        assert!(answer.status < 300, "{path}: {}", answer.body);
    }
    let seen = house.page("GET", "/api/crowds", &ana, "").await.json();
    assert_eq!(seen["shields"][0]["channel"], "#den");
    assert_eq!(seen["slow"][0]["channel"], "#den");
    assert_eq!(seen["nukes"][0]["channel"], "#den");
    let una = Sender { id: "una".into(), ..Sender::default() };
    let message = Message {
        route: "irc".into(),
        channel: "#den".into(),
        sender: una,
        at_ms: now_ms(),
        ..Message::default()
    };
    assert!(house.doors.settler.pipeline.history.has_permit(&message));
}
