//! Puts up and takes back what a platform itself has against raids: shield mode and blocked terms.

use serde_json::{Value, json};

use crate::{
    common::console::Moderator,
    fake_twitch::{LOGIN, Trouble, Twitch},
    stage::{Plan, Stage, refused, said},
    twitch::{ids, nothing_wrong, plan, start},
};

const RAID: &str = "everybody leave gremlo and watch the splat tonight";

async fn shield(stage: &Stage, minutes: u64) {
    let moderator = Moderator::log_in(stage.running.console, "ana").await;
    let asked = json!({ "route": stage.name, "channel": LOGIN, "minutes": minutes });
    assert_eq!(moderator.post("/api/shield", &asked).await.0, 200);
}

async fn nuke(stage: &Stage, text: &str, action: &str) -> Value {
    let moderator = Moderator::log_in(stage.running.console, "ana").await;
    let asked = json!({
        "route": stage.name, "channel": LOGIN, "text": text, "forward_minutes": 5,
        "action": action,
    });
    let (status, answer) = moderator.post("/api/nukes", &asked).await;
    assert_eq!(status, 201, "{answer}");
    answer["nuke"].clone()
}

async fn lift(stage: &Stage, nuke: &Value) {
    let moderator = Moderator::log_in(stage.running.console, "ana").await;
    let path = format!("/api/nukes/{}/lift", nuke["id"]);
    assert_eq!(moderator.post(&path, &json!({})).await.0, 200);
}

fn defending(act: bool) -> Plan {
    Plan { defences: true, ..Plan::new(act) }
}

#[tokio::test]
async fn a_shield_is_the_platforms_too() {
    let (twitch, stage) = start("twitch-shield", defending(true)).await;
    // A moment's trouble there is no reason to leave it.
    twitch.book.write(|pages| pages.trouble.push_back(Trouble::Limited));
    shield(&stage, 5).await;
    twitch.book.until("it is up", |pages| pages.shield).await;
    shield(&stage, 0).await;
    twitch.book.until("it is down", |pages| !pages.shield).await;
    stage.metric_is(&deeds("shield_off"), 1.0).await;
    assert_eq!(stage.deeds("shield_on", "done").await, 1.0);

    // One that somebody put up there is theirs to take down.
    twitch.book.write(|pages| pages.shield = true);
    shield(&stage, 5).await;
    let gone = "tidegate_bot_deeds_total{bot=\"BOT\",what=\"shield_on\",result=\"gone\"}";
    stage.metric_is(gone, 1.0).await;
    shield(&stage, 0).await;
    // Whatever comes after it shows that this was not meant.
    let nuked = nuke(&stage, RAID, "drop").await;
    twitch.book.until("it is blocked", |pages| ids(pages, "block") == [RAID]).await;
    lift(&stage, &nuked).await;
    twitch.book.until("it is not", |pages| ids(pages, "unblock") == [RAID]).await;
    twitch.book.read(|pages| assert!(pages.shield));
    nothing_wrong(&twitch);
}

#[tokio::test]
async fn what_is_nuked_is_blocked_there_for_as_long() {
    let (twitch, stage) = start("twitch-block", defending(true)).await;
    let theirs = ("5".to_owned(), "a term of theirs".to_owned());
    twitch.book.write(|pages| pages.blocked.insert("old".into(), theirs));
    // Held is not refused; a long text is known by how it begins; a star stands for itself.
    nuke(&stage, "only to be looked at first", "hold").await;
    let short = nuke(&stage, "a term of theirs", "drop").await;
    let long = nuke(&stage, &format!("{} *", "grumbix 7 ".repeat(80)), "drop").await;
    let two = [nuke(&stage, RAID, "drop").await, nuke(&stage, RAID, "drop").await];
    twitch.book.until("both are blocked", |pages| ids(pages, "block").len() == 2).await;
    let begins = ["grumbix 7"; 50].join(" ");
    twitch.book.read(|pages| {
        assert_eq!(ids(pages, "block"), [begins.clone(), RAID.to_owned()]);
    });
    lift(&stage, &two[0]).await;
    lift(&stage, &short).await;
    lift(&stage, &long).await;
    let long_is_gone = |pages: &_| ids(pages, "unblock") == [begins.clone()];
    twitch.book.until("the long one is not", long_is_gone).await;
    lift(&stage, &two[1]).await;
    twitch.book.until("nor the other", |pages| ids(pages, "unblock").len() == 2).await;
    twitch.book.read(|pages| assert_eq!(pages.blocked.keys().collect::<Vec<_>>(), ["old"]));
    nothing_wrong(&twitch);
}

#[tokio::test]
async fn what_an_earlier_process_left_up_is_taken_back() {
    let (twitch, stage) = start("twitch-left", defending(true)).await;
    shield(&stage, 5).await;
    nuke(&stage, RAID, "drop").await;
    twitch.book.until("all is up", |pages| pages.shield && pages.blocked.len() == 1).await;
    // When the process ends the platform does not answer, so that it is as if it was killed.
    twitch.book.write(|pages| pages.trouble.extend([Trouble::Lost, Trouble::Lost]));
    let Stage { running, folder, .. } = stage;
    running.stop().await;
    twitch.book.read(|pages| assert!(pages.shield && pages.blocked.len() == 1));
    twitch.book.write(|pages| pages.trouble.clear());

    let again = Plan { refresh: "", ..plan(&twitch, Plan::new(true)) };
    let refresh = twitch.book.read(|pages| pages.refresh.clone());
    let again = Plan { refresh: Box::leak(refresh.into_boxed_str()), ..again };
    let stage = Stage::set_in(folder, "twitch-left", "twitch", again).await;
    let down = |pages: &crate::fake_twitch::Pages| !pages.shield && pages.blocked.is_empty();
    twitch.book.until("all is taken back", down).await;
    // And what this one put up goes with it.
    let Stage { running, .. } = stage;
    running.stop().await;
    nothing_wrong(&twitch);
}

#[tokio::test]
async fn it_is_only_watched_until_it_may_act_and_refused_where_there_is_none() {
    let (twitch, stage) = start("twitch-idle", defending(false)).await;
    shield(&stage, 5).await;
    nuke(&stage, RAID, "drop").await;
    for what in ["shield_on", "block"] {
        let line = format!("bot=\"BOT\",what=\"{what}\",result=\"watched\"");
        stage.metric_is(&format!("tidegate_bot_deeds_total{{{line}}}"), 1.0).await;
    }
    twitch.book.read(|pages| assert!(!pages.shield && pages.blocked.is_empty()));

    let elsewhere = Plan { refresh: "token\n", ..defending(true) };
    let cause = refused("youtube", elsewhere).await;
    assert!(cause.contains("actions.shield: youtube has nothing of the kind"), "{cause}");

    let twitch = Twitch::open().await;
    twitch.book.write(|pages| pages.scopes.retain(|scope| !scope.contains("shield_mode")));
    let _unfit = Stage::set("twitch-unfit", "twitch", plan(&twitch, defending(true))).await;
    said("twitch-unfit", "scope moderator:manage:shield_mode").await;
    nothing_wrong(&twitch);
}

fn deeds(what: &str) -> String {
    format!("tidegate_bot_deeds_total{{bot=\"BOT\",what=\"{what}\",result=\"done\"}}")
}
