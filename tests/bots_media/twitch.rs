//! Plays Twitch to the bot that moderates its chat and answers its AutoMod.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use serde_json::{Value, json};
use tidegate::config::Action;

use crate::{
    common::console::Moderator,
    fake_twitch::{BOT, CLIENT, Done, Held, LOGIN, Pages, Trouble, Twitch},
    stage::{HOSTILE, Plan, Stage, logged, print_times, refused, said},
};

pub fn plan(twitch: &Twitch, plan: Plan) -> Plan {
    let channels = toml::Value::Array(vec![LOGIN.to_uppercase().into()]);
    let plan = Plan { refresh: "refresh-0\n", ..plan };
    let plan = plan.set("client_id", CLIENT).set("channels", channels);
    twitch.settings().into_iter().fold(plan, |plan, (key, value)| plan.set(key, value))
}

pub async fn start(name: &str, chosen: Plan) -> (Arc<Twitch>, Stage) {
    let twitch = Twitch::open().await;
    let stage = Stage::set(name, "twitch", plan(&twitch, chosen)).await;
    said(name, "a bot hears its platform").await;
    (twitch, stage)
}

pub fn ids(pages: &Pages, what: &str) -> Vec<String> {
    let done = pages.done.iter().filter(|done| done.what == what);
    done.map(|done| done.id.clone()).collect()
}

pub fn nothing_wrong(twitch: &Twitch) {
    twitch.book.read(|pages| assert_eq!(pages.wrong, Vec::<String>::new()));
}

async fn row(moderator: &Moderator) -> Value {
    loop {
        if let Some(row) = moderator.queue().await.into_iter().next() {
            return row;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_bot_that_may_not_act_only_says_what_it_would_do() {
    let (twitch, stage) = start("twitch-watch", Plan::new(false)).await;
    twitch.say("1", "good evening");
    twitch.say("2", HOSTILE);
    let held = twitch.hold("3", "a held one", "swearing", &[(2, 5)]);
    let watched = "tidegate_bot_deeds_total{bot=\"BOT\",what=\"delete\",result=\"watched\"}";
    stage.metric_is(watched, 1.0).await;
    twitch.book.read(|pages| {
        assert!(pages.done.is_empty());
        assert_eq!(pages.held[&held].0, Held::Waiting);
    });
    nothing_wrong(&twitch);
}

#[tokio::test]
async fn what_is_dropped_is_deleted_and_its_sender_restrained() {
    let (twitch, stage) =
        start("twitch-acts", Plan { drop: Action::TimeOut, ..Plan::new(true) }).await;
    twitch.say("1", "good evening");
    // Its own words, and a channel that it was not asked to hear.
    twitch.say(BOT, HOSTILE);
    twitch.say_with("4", HOSTILE, json!({ "broadcaster_user_id": "777" }));
    let guilty = [
        twitch.say("2", HOSTILE),
        twitch.say_with("3", HOSTILE, json!({ "badges": [{ "set_id": "subscriber", "id": "3" }] })),
        // Of a part that is not as it should be, the rest is read.
        twitch.say_with("5", HOSTILE, json!({ "badges": 7, "cheer": "x", "message_type": null })),
        twitch.repeat("6", HOSTILE),
    ];
    let all = |pages: &Pages| ids(pages, "delete").len() == 4 && ids(pages, "time_out").len() == 4;
    twitch.book.until("four deleted and silenced", all).await;
    twitch.book.read(|pages| {
        assert_eq!(ids(pages, "delete").into_iter().collect::<BTreeSet<_>>(), guilty.into());
        let silenced: BTreeSet<_> = ids(pages, "time_out").into_iter().collect();
        assert_eq!(silenced, ["2", "3", "5", "6"].map(String::from).into());
        let one = pages.done.iter().find(|done| done.what == "time_out").expect("one");
        assert_eq!(one.detail["duration"], 600);
        assert!(one.detail["reason"].as_str().is_some_and(|why| why.starts_with("Tidegate: ")));
    });
    assert_eq!(stage.deeds("delete", "done").await, 4.0);
    // Bits were paid for it: it is left, unless the settings say otherwise.
    twitch.say_with("7", HOSTILE, json!({ "cheer": { "bits": 100 } }));
    let last = twitch.say("8", HOSTILE);
    let last_is_gone = |pages: &Pages| ids(pages, "delete").contains(&last);
    twitch.book.until("the last is deleted", last_is_gone).await;
    twitch.book.read(|pages| assert_eq!(ids(pages, "delete").len(), 5));
    nothing_wrong(&twitch);
}

#[tokio::test]
async fn what_automod_holds_waits_for_a_moderator_here() {
    let (twitch, stage) = start("twitch-automod", Plan::new(true)).await;
    let moderator = Moderator::log_in(stage.running.console, "ana").await;

    let held = twitch.hold("3", "😂 maybe rude", "swearing", &[(2, 6)]);
    let waiting = row(&moderator).await;
    assert_eq!(waiting["text"], "😂 maybe rude");
    let why = waiting["findings"].to_string();
    assert!(why.contains("AutoMod: swearing, level 4"), "{waiting}");
    assert_eq!(moderator.act(waiting["id"].as_str().expect("an id"), "release").await.0, 200);
    twitch.book.until("it is allowed", |pages| ids(pages, "allow") == [held.clone()]).await;

    let denied = twitch.hold("4", "another one", "bullying", &[]);
    let waiting = row(&moderator).await;
    assert_eq!(moderator.act(waiting["id"].as_str().expect("an id"), "remove").await.0, 200);
    // Only when it cannot be taken back any more.
    twitch.book.until("it is denied", |pages| ids(pages, "deny") == [denied.clone()]).await;

    // Decided there first: the row ends here, and nothing is told twice.
    for allowed in [true, false] {
        let there = twitch.hold("5", "a third", "bullying", &[]);
        row(&moderator).await;
        twitch.decide(&there, allowed);
        while !moderator.queue().await.is_empty() {}
    }
    // Nobody decided there either: that is nobody's verdict.
    let there = twitch.hold("7", "a fourth", "bullying", &[]);
    row(&moderator).await;
    twitch.lapse(&there);
    while !moderator.queue().await.is_empty() {}
    stage.metric_is("tidegate_holds_ended_total{state=\"withdrawn\"}", 1.0).await;
    // What the lists drop needs no moderator.
    let dropped = twitch.hold("6", HOSTILE, "racism", &[(0, 2)]);
    twitch.book.until("it is denied at once", |pages| ids(pages, "deny").contains(&dropped)).await;
    twitch.book.read(|pages| {
        assert_eq!(ids(pages, "allow"), [held]);
        assert_eq!(ids(pages, "deny"), [denied, dropped]);
    });
    nothing_wrong(&twitch);
}

async fn until_ended(moderator: &Moderator, stage: &Stage, state: &str, count: f64) {
    while !moderator.queue().await.is_empty() {}
    stage.metric_is(&format!("tidegate_holds_ended_total{{state=\"{state}\"}}"), count).await;
}

#[tokio::test]
async fn what_was_paid_for_and_held_there_is_held_here_and_stays_when_it_is_released() {
    let (twitch, stage) = start("twitch-cheer", Plan::new(true)).await;
    let moderator = Moderator::log_in(stage.running.console, "ana").await;
    let cheers = json!([
        { "type": "cheermote", "text": "Cheer70",
            "cheermote": { "prefix": "Cheer", "bits": 70, "tier": 1 } },
        { "type": "cheermote", "text": "Cheer30",
            "cheermote": { "prefix": "Cheer", "bits": 30, "tier": 1 } },
        { "type": "cheermote", "cheermote": 7 },
    ]);
    let held = twitch.hold_with("3", HOSTILE, "racism", &[], cheers);
    let waiting = row(&moderator).await;
    assert_eq!(waiting["paid"], "100 bits", "{waiting}");
    assert_eq!(moderator.act(waiting["id"].as_str().expect("an id"), "release").await.0, 200);
    twitch.book.until("it is allowed", |pages| ids(pages, "allow") == [held.clone()]).await;
    // It was said with that, and whoever released it had read it.
    let last = twitch.say("4", HOSTILE);
    twitch.book.until("the last is deleted", |pages| pages.deleted.contains(&last)).await;
    twitch.book.read(|pages| assert_eq!(pages.deleted, [last]));
    nothing_wrong(&twitch);
}

#[tokio::test]
async fn the_first_decision_wins_there_too() {
    let (twitch, stage) = start("twitch-first", Plan::new(true)).await;
    let moderator = Moderator::log_in(stage.running.console, "ana").await;

    // Removed here, and shown there before it could not be taken back any more.
    let held = twitch.hold("3", "a held one", "bullying", &[]);
    let waiting = row(&moderator).await;
    assert_eq!(moderator.act(waiting["id"].as_str().expect("an id"), "remove").await.0, 200);
    twitch.decide(&held, true);
    twitch.book.until("it is deleted", |pages| pages.deleted == [held.clone()]).await;

    // Silenced here, and denied there: the silence is carried there all the same.
    let held = twitch.hold("4", "another one", "bullying", &[]);
    let waiting = row(&moderator).await;
    assert_eq!(moderator.act(waiting["id"].as_str().expect("an id"), "time-out").await.0, 200);
    twitch.decide(&held, false);
    twitch.book.until("a time-out", |pages| ids(pages, "time_out") == ["4"]).await;
    until_ended(&moderator, &stage, "denied", 2.0).await;

    // Released here, while the answer is lost or nobody answers.
    for (trouble, denied, written) in
        [(Trouble::DoneAndLost, false, true), (Trouble::Status(503), true, false)]
    {
        let held = twitch.hold("5", "a third one", "bullying", &[]);
        let waiting = row(&moderator).await;
        twitch.book.write(|pages| pages.trouble.push_back(trouble));
        let id = waiting["id"].as_str().expect("an id");
        assert_eq!(moderator.act(id, "release").await.0, 200);
        twitch.book.until("it was asked for", |pages| pages.trouble.is_empty()).await;
        if denied {
            twitch.decide(&held, false);
        }
        let told = async {
            loop {
                let (_, answer) = moderator.read("/api/queue").await;
                let answer: Value = serde_json::from_str(&answer).expect("JSON");
                let ended = answer["ended"].as_array().expect("a list");
                let row = ended.iter().find(|row| row["id"] == id);
                if let Some(Value::Bool(told)) = row.map(|row| &row["decided"]["written"]) {
                    return *told;
                }
            }
        };
        assert_eq!(told.await, written, "{denied}");
    }
    twitch.book.read(|pages| assert!(ids(pages, "deny").is_empty()));
    nothing_wrong(&twitch);
}

#[tokio::test]
async fn a_token_that_does_not_come_loses_nothing() {
    let (twitch, stage) = start("twitch-no-token", Plan::new(true)).await;
    twitch.expire();
    twitch.book.write(|pages| pages.no_token.push_back(401));
    let guilty: BTreeSet<_> = (0..5).map(|n| twitch.say(&n.to_string(), HOSTILE)).collect();
    twitch.book.until("all are deleted", |pages| pages.deleted.len() == 5).await;
    twitch.book.read(|pages| {
        assert_eq!(pages.deleted.iter().cloned().collect::<BTreeSet<_>>(), guilty);
    });
    assert_eq!(stage.deeds("delete", "refused").await, 0.0);
    // Nor is it deaf for a minute.
    twitch.expire();
    twitch.book.write(|pages| pages.no_token.push_back(403));
    twitch.hang_up();
    while logged("twitch-no-token", "a bot hears its platform") < 2 {
        tokio::task::yield_now().await;
    }
    let last = twitch.say("6", HOSTILE);
    twitch.book.until("it acts again", |pages| pages.deleted.contains(&last)).await;
    twitch.book.read(|pages| assert!(pages.no_token.is_empty()));
    nothing_wrong(&twitch);
}

#[tokio::test]
async fn it_hears_while_it_subscribes() {
    let twitch = Twitch::open().await;
    twitch.quick.send_replace(false);
    let _stage = Stage::set("twitch-slow", "twitch", plan(&twitch, Plan::new(true))).await;
    let chat = |pages: &Pages| !pages.subscriptions.is_empty();
    twitch.book.until("it subscribes", chat).await;
    let first = twitch.say("1", HOSTILE);
    twitch.book.until("it acts already", |pages| pages.deleted == [first.clone()]).await;
    assert_eq!(logged("twitch-slow", "a bot hears its platform"), 0);
    twitch.quick.send_replace(true);
    said("twitch-slow", "a bot hears its platform").await;
    nothing_wrong(&twitch);
}

#[tokio::test]
async fn nothing_is_lost_or_done_twice_in_a_storm() {
    let (twitch, stage) = start("twitch-storm", Plan::new(true)).await;
    let mut guilty = BTreeSet::new();
    for n in 0..300_u32 {
        let user = (n % 50).to_string();
        match n % 3 {
            0 => _ = guilty.insert(twitch.say(&user, &format!("{HOSTILE} {n}"))),
            // What a whole crowd says anyway.
            1 => _ = twitch.say(&user, "gg"),
            _ if n % 30 == 2 => _ = guilty.insert(twitch.repeat(&user, &format!("{HOSTILE} {n}"))),
            _ => {}
        }
        let trouble = match n % 40 {
            7 => Some(Trouble::Status(503)),
            13 => Some(Trouble::Limited),
            21 => Some(Trouble::Lost),
            33 => Some(Trouble::DoneAndLost),
            _ => None,
        };
        twitch.book.write(|pages| pages.trouble.extend(trouble));
        if n % 75 == 50 {
            twitch.expire();
        }
        if n == 100 || n == 200 {
            twitch.ask_to_reconnect();
            let connected = pages_connected(n / 100 + 1);
            twitch.book.until("it came by the other address", connected).await;
        }
    }
    let all = guilty.len();
    twitch.book.until("all that is guilty is deleted", |pages| pages.deleted.len() == all).await;
    twitch.book.read(|pages| {
        assert_eq!(pages.deleted.iter().cloned().collect::<BTreeSet<_>>(), guilty);
        assert_eq!(pages.deleted.len(), all, "none twice");
        let delay = |done: &Done| Some(done.at.duration_since(*pages.said.get(&done.id)?));
        let times: Vec<Duration> = pages.done.iter().filter_map(delay).collect();
        print_times("twitch, storm", times);
    });
    assert_eq!(stage.deeds("delete", "given_up").await, 0.0);

    // A connection that breaks takes its subscriptions along; they are made anew.
    let before = logged("twitch-storm", "a bot hears its platform");
    twitch.hang_up();
    while logged("twitch-storm", "a bot hears its platform") == before {
        tokio::task::yield_now().await;
    }
    let last = twitch.say("1", HOSTILE);
    twitch.book.until("it acts again", |pages| pages.deleted.contains(&last)).await;
    nothing_wrong(&twitch);
}

fn pages_connected(least: u32) -> impl Fn(&Pages) -> bool {
    move |pages| pages.connections >= least
}

#[tokio::test]
async fn acts_at_once() {
    let (twitch, _stage) = start("twitch-delay", Plan::new(true)).await;
    for n in 0..30 {
        let id = twitch.say(&n.to_string(), HOSTILE);
        twitch.book.until("it is deleted", |pages| pages.deleted.contains(&id)).await;
    }
    twitch.book.read(|pages| {
        let times = pages.done.iter().map(|done| done.at.duration_since(pages.said[&done.id]));
        print_times("twitch, one at a time", times.collect());
    });
}

#[tokio::test]
async fn missing_permissions_are_said() {
    let twitch = Twitch::open().await;
    twitch.book.write(|pages| pages.scopes = vec!["user:read:chat"]);
    let name = "twitch-lacks";
    let stage = Stage::set(name, "twitch", plan(&twitch, Plan::new(true))).await;
    said(name, "a bot hears its platform").await;
    said(name, "scope moderator:manage:chat_messages").await;
    said(name, "automod.message.hold of ana_live").await;
    twitch.say("1", HOSTILE);
    let refused = "tidegate_bot_deeds_total{bot=\"BOT\",what=\"delete\",result=\"refused\"}";
    stage.metric_is(refused, 1.0).await;
    // Without the one that hears, there is nothing to do.
    let name = "twitch-deaf";
    let twitch = Twitch::open().await;
    twitch.book.write(|pages| pages.scopes = vec!["moderator:manage:automod"]);
    let _stage = Stage::set(name, "twitch", plan(&twitch, Plan::new(true))).await;
    said(name, "channel.chat.message of ana_live").await;
}

#[tokio::test]
async fn a_revoked_consent_and_a_dead_connection_are_said() {
    let (twitch, _stage) = start("twitch-revoked", Plan::new(true)).await;
    twitch.revoke("automod.message.hold");
    said("twitch-revoked", "Twitch tells no more of it").await;
    twitch.revoke("channel.chat.message");
    said("twitch-revoked", "authorization_revoked").await;

    let (twitch, _stage) = start("twitch-code", Plan::new(true)).await;
    twitch.close(4004);
    said("twitch-code", "EventSub closed with code 4004").await;
}

#[tokio::test]
async fn garbage_stops_nothing() {
    let (twitch, stage) = start("twitch-garbage", Plan::new(true)).await;
    let strange = json!({
        "metadata": {
            "message_id": "x", "message_type": "notification",
            "subscription_type": "channel.chat.message",
        },
        "payload": { "event": [7] },
    });
    for text in ["", "{", "[]", "null", "{\"metadata\":{}}", "\u{0}", &strange.to_string()] {
        twitch.send("channel.chat.message", text.to_owned());
    }
    let last = twitch.say("1", HOSTILE);
    twitch.book.until("it still acts", |pages| pages.deleted.contains(&last)).await;
    assert!(stage.metric("tidegate_discarded_total{reason=\"bot_strange_event\"}").await >= 5.0);
    nothing_wrong(&twitch);
}

#[tokio::test]
async fn wrong_settings_are_named() {
    let twitch = Twitch::open().await;
    let good = || plan(&twitch, Plan::new(false));
    let none = toml::Value::Array(Vec::new());
    for (chosen, cause) in [
        (good().set("channels", none), "settings.channels"),
        (good().set("channels", toml::Value::Array(vec!["a b".into()])), "is no login"),
        (good().set("client_id", "the app"), "settings.client_id"),
        (good().set("colour", "red"), "colour"),
        (Plan { refresh: "", ..good() }, "refresh_token_file"),
    ] {
        let said = refused("twitch", chosen).await;
        assert!(said.contains(cause), "{cause}: {said}");
    }
}
