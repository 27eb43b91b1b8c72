//! Tries Discord's gateway: sessions that go on, heartbeats, and what cannot be gone on with.

use std::collections::BTreeSet;

use serde_json::json;

use crate::{
    discord::{nothing_wrong, set},
    fake_discord::{Discord, GENERAL, GUILD, Pages, TOKEN},
    stage::{Stage, once},
};

#[tokio::test]
async fn a_session_goes_on_where_it_broke_off() {
    let (discord, stage) = set("discord-resume", |pages| pages.limit = 1_000, |_, _| {}).await;
    stage.until_connected().await;
    let mut guilty = BTreeSet::new();
    for round in 1..=2 {
        for n in 0..20 {
            guilty.insert(discord.say(GENERAL, round * 100 + n, &format!("grumbix {n}")));
            if n == 10 {
                // Whatever was sent and not read is lost with the connection.
                discord.hang_up();
            }
        }
        let count = guilty.len();
        let resumed = u32::try_from(round).expect("it is small");
        let whole = |pages: &Pages| pages.done.len() == count && pages.resumed == resumed;
        discord.book.until("all of it, in a session that went on", whole).await;
        discord.book.read(|pages| assert_eq!(pages.identified, 1));
    }
    discord.book.read(|pages| assert_eq!(once(pages.done_to("delete")), guilty));
    nothing_wrong(&discord);
}

#[tokio::test]
async fn a_session_that_is_over_is_begun_anew() {
    let (discord, stage) = set("discord-over", |_| {}, |_, _| {}).await;
    stage.until_connected().await;
    discord.forget_sessions();
    discord.hang_up();
    // It tries to go on, is told that it cannot, and begins anew.
    discord.book.until("a second session", |pages| pages.identified == 2).await;
    stage.until_connected().await;
    discord.say(GENERAL, 1, "you grumbix");
    discord.book.until("it works", |pages| pages.done.len() == 1).await;
    // The same where the gateway says so in a code.
    discord.close(4009);
    discord.book.until("a third session", |pages| pages.identified == 3).await;
    discord.book.read(|pages| assert_eq!(pages.resumed, 0));
    nothing_wrong(&discord);
}

#[tokio::test]
async fn hearts_beat_and_a_gateway_that_does_not_answer_is_left() {
    let (discord, _stage) = set("discord-beat", |pages| pages.beat_ms = 400, |_, _| {}).await;
    discord.book.until("five beats", |pages| pages.beats >= 5).await;
    discord.book.read(|pages| assert_eq!(pages.resumed, 0));
    discord.raw(json!({ "op": 1, "d": null }).to_string());
    discord.book.write(|pages| pages.answers_beats = false);
    discord.book.until("it went on", |pages| pages.resumed >= 1).await;
    discord.book.read(|pages| assert_eq!(pages.identified, 1));
    nothing_wrong(&discord);
}

#[tokio::test]
async fn a_beat_is_sent_when_it_is_asked_for() {
    let (discord, stage) = set("discord-asked", |_| {}, |_, _| {}).await;
    stage.until_connected().await;
    let before = discord.book.read(|pages| pages.beats);
    discord.raw(json!({ "op": 1, "d": null }).to_string());
    // The next of its own is up to 41 seconds away.
    discord.book.until("a beat", |pages| pages.beats > before).await;
    nothing_wrong(&discord);
}

#[tokio::test]
async fn what_cannot_be_gone_on_with_is_said() {
    let (_discord, stage) = set("discord-intent", |p| p.content_granted = false, |_, _| {}).await;
    stage.until_logged("the message content intent is not granted").await;

    let (_discord, stage) = set("discord-token", |pages| pages.token = "another", |_, _| {}).await;
    stage.until_logged("the token is not valid").await;

    for (code, cause) in [
        (4010, "too many guilds"),
        (4011, "too many guilds"),
        (4012, "version 10"),
        (4013, "does not know the intents"),
    ] {
        let (discord, stage) = set(&format!("discord-{code}"), |_| {}, |_, _| {}).await;
        stage.until_connected().await;
        discord.close(code);
        stage.until_logged(cause).await;
        assert!(stage.logged("a bot is refused by its platform"));
    }
}

#[tokio::test]
async fn a_guild_that_the_bot_is_not_in_is_named() {
    let elsewhere = |bot: &mut tidegate::config::BotConfig, _: &mut _| {
        bot.settings.insert("guild".into(), "100000000000000777".into());
    };
    let (_discord, stage) = set("discord-elsewhere", |_| {}, elsewhere).await;
    stage.until_logged("the bot is not in the guild 100000000000000777").await;

    let (discord, stage) = set("discord-removed", |_| {}, |_, _| {}).await;
    stage.until_connected().await;
    discord.event("GUILD_DELETE", json!({ "id": GUILD, "unavailable": true }));
    discord.say(GENERAL, 1, "grumbix, during an outage");
    discord.book.until("it is still heard", |pages| pages.done.len() == 1).await;
    discord.event("GUILD_DELETE", json!({ "id": GUILD }));
    stage.until_logged("the bot was removed from the guild").await;
}

#[tokio::test]
async fn the_gateway_is_asked_for_at_the_api() {
    let discord = Discord::open().await;
    let settings = format!("guild = {GUILD:?}\napi_url = \"http://{}/api/v10\"", discord.address);
    let stage = Stage::set("discord-api", "discord", TOKEN, &settings, |_, _| {}).await;
    stage.until_connected().await;
    // An address without TLS to go on at is not believed: it is asked for again.
    discord.hang_up();
    discord.book.until("it went on", |pages| pages.resumed == 1).await;
    nothing_wrong(&discord);

    let stage = Stage::set("discord-api-token", "discord", "another", &settings, |_, _| {}).await;
    stage.until_logged("the token is not valid").await;
}
