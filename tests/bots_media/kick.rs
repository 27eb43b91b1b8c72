//! Plays Kick's webhooks to the bot that moderates its chat.

use std::collections::HashMap;

use hyper::StatusCode;
use serde_json::{Value, json};
use tidegate::config::Action;
use tokio::time::Instant;

use crate::{
    fake_kick::{CHANNEL, Forged, Kick, public},
    media::Tokens,
    stage::{HOSTILE, Plan, Stage, assert_once, logged, print_times, refused, said},
};

async fn start(name: &str, fake: &Kick, plan: Plan) -> Stage {
    let channels = toml::Value::Array(vec![(CHANNEL as i64).into()]);
    let plan = Plan { refresh: "refresh-0\n", ..plan }
        .set("api", format!("http://{}/public/v1", fake.address))
        .set("token_url", format!("http://{}/oauth/token", fake.address))
        .set("listen", fake.webhook.to_string())
        .set("path", "/hooks/kick")
        .set("channels", channels);
    let plan = plan.set("acts_per_s", 100);
    let stage = Stage::set(name, "kick", plan).await;
    fake.subscribed().await;
    said(name, "a bot hears its platform").await;
    stage
}

async fn discarded(stage: &Stage, reason: &str) -> f64 {
    stage.metric(&format!("tidegate_discarded_total{{reason=\"{reason}\"}}")).await
}

fn id(body: &Value) -> String {
    body["message_id"].as_str().expect("an id").to_owned()
}

#[tokio::test]
async fn a_bot_that_may_not_act_only_says_what_it_would_do() {
    let fake = Kick::open().await;
    let stage = start("kick-dry", &fake, Plan::new(false)).await;
    let status = fake.send("chat.message.sent", &fake.chat(1, HOSTILE)).await;
    assert_eq!(status, StatusCode::OK);
    let watched = "tidegate_bot_deeds_total{bot=\"BOT\",what=\"delete\",result=\"watched\"}";
    stage.metric_is(watched, 1.0).await;
    assert!(fake.shared.log().done.is_empty());
    fake.shared.assert_content();
    stage.running.stop().await;
}

#[tokio::test]
async fn what_is_dropped_is_deleted_and_its_sender_restrained() {
    for (action, ban) in [
        (Action::Delete, None),
        (Action::TimeOut, Some(json!(10))),
        (Action::Ban, Some(Value::Null)),
    ] {
        let fake = Kick::open().await;
        let plan = Plan { drop: action, ..Plan::new(true) };
        let stage = start(&format!("kick-acts-{action:?}"), &fake, plan).await;
        fake.send("chat.message.sent", &fake.chat(2, "hello everybody")).await;
        let body = fake.chat(1, HOSTILE);
        fake.send("chat.message.sent", &body).await;
        let count = 1 + usize::from(ban.is_some());
        fake.shared.until("the deeds", |log, _| log.done.len() == count).await;
        let done = fake.shared.log().done.clone();
        assert_eq!((done[0].what, &done[0].id), ("delete", &id(&body)));
        if let Some(minutes) = ban {
            assert_eq!((done[1].what, &*done[1].id), ("ban", "1"));
            assert_eq!(done[1].detail["duration"], minutes);
            assert_eq!(done[1].detail["reason"], "Tidegate: hate");
        }
        fake.shared.assert_content();
        stage.running.stop().await;
    }
}

#[tokio::test]
async fn gifted_words_are_judged_and_left_where_they_are() {
    let fake = Kick::open().await;
    let stage = start("kick-gift", &fake, Plan::new(true)).await;
    let user = |id: u64| json!({ "user_id": id, "username": "u", "channel_slug": "owner" });
    let gift = json!({
        "broadcaster": user(CHANNEL), "sender": user(1),
        "gift": { "amount": 500, "name": "Rage Quit", "type": "LEVEL_UP", "tier": "MID",
            "message": HOSTILE, "pinned_time_seconds": 600 },
        "created_at": "2025-10-20T04:00:08.634Z",
    });
    assert_eq!(fake.send("kicks.gifted", &gift).await, StatusCode::OK);
    let held = "tidegate_messages_total{route=\"BOT\",verdict=\"hold\"}";
    stage.metric_is(held, 1.0).await;
    let body = fake.chat(2, HOSTILE);
    fake.send("chat.message.sent", &body).await;
    fake.shared.until("a deletion", |log, _| !log.done.is_empty()).await;
    assert_eq!(fake.shared.ids("delete"), [id(&body)]);
    assert!(stage.refunds().await.is_empty(), "it was shown");
    stage.running.stop().await;
}

/// The number of an emote looks like a phone's, and its name is nobody's word.
#[tokio::test]
async fn emotes_are_no_words() {
    let fake = Kick::open().await;
    let stage = start("kick-emotes", &fake, Plan::new(true)).await;
    for count in 0..5 {
        let number = format!("0612345{count}78");
        let mut body = fake.chat(count, &format!("call me [emote:{number}:catJAM]"));
        body["emotes"] = json!([{ "emote_id": number, "positions": [{ "s": 8, "e": 32 }] }]);
        fake.send("chat.message.sent", &body).await;
    }
    stage.metric_is("tidegate_messages_total{route=\"BOT\",verdict=\"pass\"}", 5.0).await;
    assert!(fake.shared.log().done.is_empty());
    stage.running.stop().await;
}

/// Events come again, several at once; tokens end, calls fail and answers break off.
#[tokio::test]
async fn nothing_is_lost_or_done_twice_in_a_storm() {
    let fake = Kick::open().await;
    fake.shared.state().tokens = Tokens::new(6);
    let stage = start("kick-storm", &fake, Plan::new(true).set("queue_max", 8)).await;
    fake.shared.log().storm = true;
    let (mut hostile, mut sent) = (Vec::new(), HashMap::new());
    for count in 0..300 {
        let bad = count % 10 == 3;
        let text = match bad {
            true => format!("{HOSTILE} {count}"),
            false => format!("message number {count} of {}", count * 7919),
        };
        let body = fake.chat(1_000 + count, &text);
        sent.insert(id(&body), Instant::now());
        if bad {
            hostile.push(id(&body));
        }
        let delivery = Forged { id: Some(format!("01STORM{count}")), ..Forged::default() };
        // Kick does not know that the first was taken, or what the second subscription told.
        let (first, again, other) = tokio::join!(
            fake.send("chat.message.sent", &body),
            fake.send_as("chat.message.sent", &body, delivery.clone()),
            fake.send_as("chat.message.sent", &body, delivery),
        );
        let taken = [first, again, other].contains(&StatusCode::OK);
        assert!(taken, "{count}: {first} {again} {other}");
    }
    fake.shared.log().storm = false;
    let count = hostile.len();
    fake.shared
        .until("every deletion", |log, _| {
            log.done.iter().filter(|done| !done.broken).count() >= count
        })
        .await;
    let all = ["pass", "drop"]
        .map(|verdict| format!("tidegate_messages_total{{route=\"BOT\",verdict=\"{verdict}\"}}"));
    stage.metric_is(&all[0], 270.0).await;
    assert_eq!((stage.metric(&all[0]).await, stage.metric(&all[1]).await), (270.0, 30.0));
    let done = fake.shared.log().done.clone();
    assert_once(&done, "delete", &mut hostile);
    print_times("kick, in a storm", done.iter().map(|done| done.at - sent[&done.id]).collect());
    fake.shared.assert_content();
    // The refresh token was used up and written anew; the file has the last.
    let kept = std::fs::read_to_string(stage.folder.0.join("refresh")).expect("the file");
    assert_eq!(kept, fake.shared.state().refresh);
    stage.running.stop().await;
}

/// Kick does not send again what was taken.
#[tokio::test]
async fn what_was_taken_is_acted_on_before_the_process_ends() {
    let fake = Kick::open().await;
    let stage = start("kick-stop", &fake, Plan::new(true)).await;
    let mut hostile = Vec::new();
    let bodies: Vec<_> = (0..40).map(|n| fake.chat(n, &format!("{HOSTILE} {n}"))).collect();
    let taken = bodies.iter().map(|body| fake.send("chat.message.sent", body));
    let taken = futures_util::future::join_all(taken).await;
    assert!(taken.iter().all(|status| *status == StatusCode::OK), "{taken:?}");
    stage.running.stop().await;
    hostile.extend(bodies.iter().map(id));
    assert_once(&fake.shared.log().done.clone(), "delete", &mut hostile);
    fake.shared.assert_content();
}

#[tokio::test]
async fn acts_at_once() {
    let fake = Kick::open().await;
    let stage = start("kick-times", &fake, Plan::new(true)).await;
    let mut times = Vec::new();
    for count in 0..10 {
        let body = fake.chat(count, &format!("{HOSTILE} {count}"));
        let (sent, before) = (Instant::now(), fake.shared.log().done.len());
        fake.send("chat.message.sent", &body).await;
        fake.shared.until("a deletion", |log, _| log.done.len() > before).await;
        times.push(fake.shared.log().done[before].at - sent);
    }
    print_times("kick, one at a time", times);
    stage.running.stop().await;
}

#[tokio::test]
async fn only_what_kick_signed_lately_is_believed() {
    let fake = Kick::open().await;
    let stage = start("kick-forged", &fake, Plan::new(true)).await;
    let body = fake.chat(1, HOSTILE);
    let forged =
        |signature: &str| Forged { signature: Some(signature.to_owned()), ..Forged::default() };
    for (forged, reason) in [
        (forged(""), "webhook_forged"),
        (forged("AAAA"), "webhook_forged"),
        (forged("not base64!"), "webhook_forged"),
        (Forged { other_key: true, ..Forged::default() }, "webhook_forged"),
        (Forged { body: Some(body.to_string() + " "), ..Forged::default() }, "webhook_forged"),
        (Forged { age: -3_600, ..Forged::default() }, "webhook_stale"),
        (Forged { age: 3_600, ..Forged::default() }, "webhook_stale"),
    ] {
        let before = discarded(&stage, reason).await;
        let status = fake.send_as("chat.message.sent", &body, forged).await;
        assert_eq!(status, StatusCode::FORBIDDEN);
        assert_eq!(discarded(&stage, reason).await, before + 1.0);
    }
    let large = Forged { body: Some("x".repeat(100_000)), ..Forged::default() };
    let status = fake.send_as("chat.message.sent", &body, large).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(fake.shared.log().done.is_empty());
    // The same words with a good signature, and once more: a replay is known by its id.
    let good = Forged { id: Some("01GOOD".into()), ..Forged::default() };
    for _ in 0..2 {
        let status = fake.send_as("chat.message.sent", &body, good.clone()).await;
        assert_eq!(status, StatusCode::OK);
    }
    let last = fake.chat(2, HOSTILE);
    fake.send("chat.message.sent", &last).await;
    fake.shared.until("two deletions", |log, _| log.done.len() == 2).await;
    assert_eq!(stage.deeds("delete", "done").await, 2.0);
    stage.running.stop().await;
}

#[tokio::test]
async fn a_new_key_is_asked_for() {
    let fake = Kick::open().await;
    let stage = start("kick-key", &fake, Plan::new(true)).await;
    fake.shared.state().key = public("test-only-other");
    let body = fake.chat(1, HOSTILE);
    let changed = Forged { other_key: true, ..Forged::default() };
    let status = fake.send_as("chat.message.sent", &body, changed.clone()).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    fake.shared.until("a new key", |_, state| state.keys_asked == 2).await;
    // Kick sends it again; by then the key is there, or a moment later.
    let mut tries = 0;
    while fake.send_as("chat.message.sent", &body, changed.clone()).await != StatusCode::OK {
        tries += 1;
        assert!(tries < 1_000, "the new key is not taken");
    }
    fake.shared.until("a deletion", |log, _| !log.done.is_empty()).await;
    stage.running.stop().await;
}

#[tokio::test]
async fn missing_permissions_are_said() {
    let fake = Kick::open().await;
    fake.shared.state().scope = "events:subscribe moderation:ban".into();
    let stage = start("kick-scope", &fake, Plan::new(true)).await;
    said("kick-scope", "lacks a permission").await;
    assert_eq!(logged("kick-scope", "permission=\"moderation:chat_message:manage\""), 1);
    assert_eq!(logged("kick-scope", "permission=\"moderation:ban\""), 0);
    fake.send("chat.message.sent", &fake.chat(1, HOSTILE)).await;
    said("kick-scope", "moderates no such channel").await;
    assert_eq!(stage.deeds("delete", "refused").await, 1.0);
    stage.running.stop().await;
}

#[tokio::test]
async fn garbage_stops_nothing() {
    let fake = Kick::open().await;
    let stage = start("kick-garbage", &fake, Plan::new(true)).await;
    for body in [Value::Null, json!(7), json!([]), json!({}), json!({ "message_id": 7 })] {
        // Signed is signed: sending it again would not make it better.
        assert_eq!(fake.send("chat.message.sent", &body).await, StatusCode::OK, "{body}");
    }
    for kind in ["moderation.banned", "livestream.status.updated", "unheard.of"] {
        assert_eq!(fake.send(kind, &json!({ "is_live": true })).await, StatusCode::OK, "{kind}");
    }
    assert_eq!(discarded(&stage, "bot_strange").await, 5.0);
    let body = fake.chat(1, HOSTILE);
    fake.send("chat.message.sent", &body).await;
    fake.shared.until("a deletion", |log, _| !log.done.is_empty()).await;
    assert_eq!(fake.shared.ids("delete"), [id(&body)]);
    fake.shared.assert_content();
    stage.running.stop().await;
}

#[tokio::test]
async fn wrong_settings_are_named() {
    let channels = || toml::Value::Array(vec![7.into()]);
    let some = |act| Plan::new(act).set("channels", channels());
    for (plan, expected) in [
        (Plan::new(false), "settings.channels: not one to 100"),
        (some(true), "settings.refresh_token_file: is missing"),
        (some(false).set("path", "hook"), "settings.path"),
        (some(false).set("queue_max", 0), "settings.queue_max: 0 is not within"),
        (some(false).set("public_key_file", "Cargo.toml"), "settings.public_key_file"),
        (some(false).set("listen", "here"), "settings: invalid socket address"),
    ] {
        let cause = refused("kick", plan).await;
        assert!(cause.starts_with("bot \"refused\": ") && cause.contains(expected), "{cause}");
    }
}
