//! Plays broadcasts to the bot that moderates YouTube's live chat.

use std::time::Duration;

use serde_json::{Value, json};
use tidegate::config::Action;
use tokio::time::Instant;

use crate::{
    fake_youtube::{ACT, Youtube},
    media::Tokens,
    stage::{HOSTILE, Plan, Stage, assert_once, logged, print_times, refused, said},
};

async fn start(name: &str, fake: &Youtube, plan: Plan) -> Stage {
    let stage = set(name, fake, plan).await;
    fake.polled(2).await;
    stage
}

async fn set(name: &str, fake: &Youtube, plan: Plan) -> Stage {
    let plan = Plan { refresh: "1//refresh\n", ..plan }
        .set("api", format!("http://{}/v3/", fake.address))
        .set("token_url", format!("http://{}/token", fake.address))
        .set("poll_floor_ms", 5)
        .set("look_s", 1);
    let plan = plan.set("acts_per_s", 100);
    Stage::set(name, "youtube", plan).await
}

fn super_chat(text: &str) -> (&'static str, Value) {
    let details = json!({
        "amountMicros": "5000000", "currency": "EUR", "amountDisplayString": "€5.00",
        "userComment": text, "tier": 2,
    });
    ("superChatDetails", details)
}

#[tokio::test]
async fn a_bot_that_may_not_act_only_says_what_it_would_do() {
    let fake = Youtube::open().await;
    fake.begin("chat");
    let stage = start("yt-dry", &fake, Plan::new(false)).await;
    fake.say("UCuna", HOSTILE);
    let watched = "tidegate_bot_deeds_total{bot=\"BOT\",what=\"delete\",result=\"watched\"}";
    stage.metric_is(watched, 1.0).await;
    fake.polled(2).await;
    assert!(fake.shared.log().done.is_empty());
    fake.shared.assert_content();
    stage.running.stop().await;
}

#[tokio::test]
async fn what_is_dropped_is_deleted_and_its_sender_restrained() {
    for (action, ban) in [
        (Action::Delete, None),
        (Action::TimeOut, Some(json!("600"))),
        (Action::Ban, Some(Value::Null)),
    ] {
        let fake = Youtube::open().await;
        fake.begin("chat");
        let plan = Plan { drop: action, ..Plan::new(true) };
        let stage = start(&format!("yt-acts-{action:?}"), &fake, plan).await;
        fake.say("UCbea", "hello everybody");
        let id = fake.say("UCuna", HOSTILE);
        let count = 1 + usize::from(ban.is_some());
        fake.shared.until("the deeds", |log, _| log.done.len() == count).await;
        let done = fake.shared.log().done.clone();
        assert_eq!((done[0].what, &done[0].id), ("delete", &id));
        if let Some(seconds) = ban {
            assert_eq!((done[1].what, &*done[1].id), ("ban", "UCuna"));
            assert_eq!(done[1].detail["banDurationSeconds"], seconds);
            assert_eq!(done[1].detail["liveChatId"], "chat");
        }
        fake.shared.assert_content();
        stage.running.stop().await;
    }
}

#[tokio::test]
async fn what_was_said_before_the_start_is_history() {
    let fake = Youtube::open().await;
    fake.begin("chat");
    let text = || ("textMessageDetails", json!({ "messageText": HOSTILE }));
    fake.put_at("textMessageEvent", "UCold", text(), -60);
    let stage = start("yt-history", &fake, Plan::new(true)).await;
    let id = fake.say("UCuna", HOSTILE);
    fake.shared.until("a deletion", |log, _| !log.done.is_empty()).await;
    assert_eq!(fake.shared.ids("delete"), [id]);
    stage.running.stop().await;

    let fake = Youtube::open().await;
    fake.begin("chat");
    let old = fake.put_at("textMessageEvent", "UCold", text(), -60);
    let plan = Plan::new(true).set("history", true).set("video", "dQw4w9WgXcQ");
    let stage = start("yt-all", &fake, plan).await;
    fake.shared.until("a deletion", |log, _| !log.done.is_empty()).await;
    assert_eq!(fake.shared.ids("delete"), [old]);
    fake.shared.assert_content();
    stage.running.stop().await;
}

#[tokio::test]
async fn paid_words_are_judged_and_left_where_they_are() {
    let fake = Youtube::open().await;
    fake.begin("chat");
    let stage = start("yt-paid", &fake, Plan::new(true)).await;
    fake.put("superChatEvent", "UCrich", super_chat(HOSTILE));
    let sticker = json!({
        "superStickerMetadata": { "stickerId": "s", "altText": HOSTILE, "language": "en" },
        "amountMicros": 990_000, "currency": "USD", "tier": 1,
    });
    fake.put("superStickerEvent", "UCsticky", ("superStickerDetails", sticker));
    let milestone = json!({ "userComment": HOSTILE, "memberMonth": 3, "memberLevelName": "x" });
    let milestone =
        fake.put("memberMilestoneChatEvent", "UCold", ("memberMilestoneChatDetails", milestone));
    let last = fake.say("UCuna", HOSTILE);
    fake.shared.until("the deletions", |log, _| log.done.len() == 2).await;
    fake.polled(2).await;
    let deleted = fake.shared.ids("delete");
    assert!(deleted.contains(&milestone) && deleted.contains(&last), "{deleted:?}");
    // Judged all the same: nobody may drop what was paid for, so these are holds.
    let held = "tidegate_messages_total{route=\"BOT\",verdict=\"hold\"}";
    assert_eq!(stage.metric(held).await, 2.0);
    assert!(stage.refunds().await.is_empty(), "they were shown");
    fake.shared.assert_content();
    stage.running.stop().await;
}

#[tokio::test]
async fn paid_words_that_are_deleted_are_owed() {
    let fake = Youtube::open().await;
    fake.begin("chat");
    let plan = Plan { paid: Action::Delete, ..Plan::new(true) };
    let stage = start("yt-owed", &fake, plan).await;
    let id = fake.put("superChatEvent", "UCrich", super_chat(HOSTILE));
    fake.shared.until("a deletion", |log, _| !log.done.is_empty()).await;
    let refunds = stage.refunds().await;
    assert_eq!(refunds.len(), 1, "{refunds:?}");
    assert_eq!(
        (&refunds[0]["amount"], &refunds[0]["message_id"]),
        (&json!("5.00 EUR"), &json!(id))
    );
    assert_eq!(refunds[0]["route"], "yt-owed");
    stage.running.stop().await;
}

/// Pages repeat their ends, tokens end, calls fail and answers break off.
#[tokio::test]
async fn nothing_is_lost_or_done_twice_in_a_storm() {
    let fake = Youtube::open().await;
    fake.begin("chat");
    fake.shared.state().tokens = Tokens::new(15);
    let stage = start("yt-storm", &fake, Plan::new(true)).await;
    fake.shared.log().storm = true;
    let mut hostile = Vec::new();
    for count in 0..300 {
        let sender = format!("UC{count}");
        if count % 10 == 3 {
            hostile.push(fake.say(&sender, &format!("{HOSTILE} {count}")));
        } else {
            fake.say(&sender, &format!("message number {count} of {}", count * 7919));
        }
        if count % 50 == 0 {
            fake.polled(1).await;
        }
    }
    let count = hostile.len();
    fake.shared.until("half of the deletions", |log, _| log.done.len() >= count / 2).await;
    fake.shared.log().storm = false;
    fake.shared
        .until("every deletion", |log, _| {
            log.done.iter().filter(|done| !done.broken).count() >= count
        })
        .await;
    fake.polled(3).await;
    let done = fake.shared.log().done.clone();
    assert_once(&done, "delete", &mut hostile);
    let said = fake.shared.state().said.clone();
    let times = done.iter().map(|done| done.at - said[&done.id]).collect();
    print_times("youtube, in a storm, polled every 5 ms", times);
    assert_eq!(stage.metric("tidegate_messages_total{route=\"BOT\",verdict=\"drop\"}").await, 30.0);
    fake.shared.assert_content();
    stage.running.stop().await;
}

#[tokio::test]
async fn acts_within_a_poll() {
    let fake = Youtube::open().await;
    fake.begin("chat");
    let stage = start("yt-times", &fake, Plan::new(true)).await;
    let mut times = Vec::new();
    for count in 0..10 {
        let (said, before) = (Instant::now(), fake.shared.log().done.len());
        fake.say(&format!("UC{count}"), &format!("{HOSTILE} {count}"));
        fake.shared.until("a deletion", |log, _| log.done.len() > before).await;
        times.push(fake.shared.log().done[before].at - said);
    }
    print_times("youtube, one at a time, polled every 5 ms", times);
    stage.running.stop().await;
}

#[tokio::test]
async fn a_used_up_quota_is_said_and_rested() {
    let fake = Youtube::open().await;
    fake.begin("chat");
    fake.shared.state().units = 60;
    let stage = set("yt-quota", &fake, Plan::new(true)).await;
    said("yt-quota", "quota of API units is used up").await;
    assert!(fake.shared.state().spent);
    assert_eq!(stage.metric("tidegate_bots_connected{bot=\"BOT\"}").await, 0.0);
    let asked = fake.shared.log().requests;
    tokio::time::pause();
    for _ in 0..60 {
        tokio::time::advance(Duration::from_secs(30)).await;
    }
    tokio::time::resume();
    // Half an hour later it has neither asked nor said it again.
    assert_eq!(fake.shared.log().requests, asked);
    assert_eq!(logged("yt-quota", "quota of API units"), 1);
    fake.shared.assert_content();
    stage.running.stop().await;
}

/// Tidegate counts for itself, so that it need not be told by an error.
#[tokio::test]
async fn its_own_bound_on_units_is_kept() {
    let fake = Youtube::open().await;
    fake.begin("chat");
    let stage = set("yt-bound", &fake, Plan::new(true).set("quota", 31)).await;
    said("yt-bound", "quota of API units is used up").await;
    // One unit to find the chat, five a page.
    assert_eq!(fake.shared.state().polls, 6);
    assert!(!fake.shared.state().spent);
    stage.running.stop().await;
}

#[tokio::test]
async fn the_next_broadcast_follows_the_last() {
    for event in [true, false] {
        let fake = Youtube::open().await;
        fake.begin("monday");
        let name = if event { "yt-next-event" } else { "yt-next-error" };
        let stage = start(name, &fake, Plan::new(true)).await;
        let first = fake.say("UCuna", HOSTILE);
        fake.shared.until("a deletion", |log, _| log.done.len() == 1).await;
        fake.end(event);
        said(name, "a chat ended").await;
        fake.begin("tuesday");
        let second = fake.say("UCbea", HOSTILE);
        fake.shared.until("another", |log, _| log.done.len() == 2).await;
        assert_eq!(fake.shared.ids("delete"), [first, second]);
        fake.shared.assert_content();
        stage.running.stop().await;
    }
}

#[tokio::test]
async fn missing_permissions_are_said() {
    let fake = Youtube::open().await;
    fake.begin("chat");
    fake.shared.state().scope = "https://www.googleapis.com/auth/youtube.readonly".into();
    let stage = start("yt-scope", &fake, Plan::new(true)).await;
    said("yt-scope", "lacks a permission").await;
    assert_eq!(logged("yt-scope", ACT), 1);
    fake.say("UCuna", HOSTILE);
    said("yt-scope", "insufficientPermissions").await;
    assert_eq!(stage.deeds("delete", "refused").await, 1.0);
    assert!(fake.shared.log().done.is_empty());
    stage.running.stop().await;
}

#[tokio::test]
async fn garbage_stops_nothing() {
    let fake = Youtube::open().await;
    fake.begin("chat");
    let stage = start("yt-garbage", &fake, Plan::new(true)).await;
    fake.shared.state().garbage = [
        "",
        "nonsense",
        "null",
        "[]",
        "7",
        "{\"items\":7}",
        "{\"items\":[",
        "\u{0}\u{1}",
        "{\"pollingIntervalMillis\":1,\"items\":[null,7,[],{\"id\":1,\"snippet\":[]},\
         {\"snippet\":{\"type\":{}}}]}",
        "{\"nextPageToken\":\"\",\"pollingIntervalMillis\":0,\"items\":[]}",
        "{\"pollingIntervalMillis\":-1,\"items\":[]}",
    ]
    .map(str::to_owned)
    .to_vec();
    fake.shared.until("all of it", |_, state| state.garbage.is_empty()).await;
    for details in [Value::Null, json!(7), json!({ "messageText": 7 }), json!([HOSTILE])] {
        fake.put("textMessageEvent", "UCodd", ("textMessageDetails", details));
    }
    fake.put("superChatEvent", "UCodd", ("superChatDetails", json!({ "amountMicros": "-1" })));
    let id = fake.say("UCuna", HOSTILE);
    fake.shared.until("a deletion", |log, _| !log.done.is_empty()).await;
    assert_eq!(fake.shared.ids("delete"), [id]);
    stage.metric_is("tidegate_discarded_total{reason=\"bot_strange\"}", 4.0).await;
    stage.running.stop().await;
}

#[tokio::test]
async fn wrong_settings_are_named() {
    let start = |key: &'static str, value: toml::Value| async move {
        refused("youtube", Plan::new(true).set(key, value)).await
    };
    for (key, value, expected) in [
        ("poll_floor_ms", toml::Value::Integer(0), "settings.poll_floor_ms: 0 is not within"),
        ("look_s", toml::Value::Integer(0), "settings.look_s"),
        ("poll_ms", toml::Value::Integer(5), "settings: unknown field `poll_ms`"),
        ("video", toml::Value::Boolean(true), "settings: invalid type"),
        ("history", toml::Value::Boolean(true), "settings.refresh_token_file"),
    ] {
        let cause = start(key, value).await;
        assert!(cause.starts_with("bot \"refused\": ") && cause.contains(expected), "{cause}");
    }
    let bound = Duration::from_secs(600).as_millis() as i64 + 1;
    assert!(start("poll_floor_ms", bound.into()).await.contains("poll_floor_ms"));
}
