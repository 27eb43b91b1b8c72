//! Tries Discord: deletes, times out and bans, and reads messages as their readers see them.

use std::{collections::BTreeSet, sync::Arc};

use serde_json::json;
use tidegate::{
    config::{Action, BotConfig, Consequence, LadderStep, PolicyConfig},
    message::Role,
};

use crate::{
    fake_discord::{Discord, GENERAL, GUILD, ME, MODS, OWNER, Pages, RAID, TOKEN, Trouble},
    stage::{Stage, once, print_delays},
};

pub async fn set(
    name: &str,
    fake: impl FnOnce(&mut Pages),
    change: impl FnOnce(&mut BotConfig, &mut PolicyConfig),
) -> (Arc<Discord>, Stage) {
    let discord = Discord::open().await;
    discord.book.write(fake);
    let settings = format!("guild = {GUILD:?}\napi_url = \"http://{}/api/v10\"", discord.address);
    // Without it the bot asks the API, as everybody does, and takes only an address with TLS.
    let settings = format!("{settings}\ngateway_url = \"ws://{}/gateway\"", discord.address);
    let stage = Stage::set(name, "discord", TOKEN, &settings, change).await;
    (discord, stage)
}

pub fn nothing_wrong(discord: &Discord) {
    discord.book.read(|pages| assert_eq!(pages.wrong, Vec::<String>::new()));
}

fn deleted(discord: &Discord) -> BTreeSet<String> {
    discord.book.read(|pages| once(pages.done_to("delete")))
}

#[tokio::test]
async fn watching_does_nothing() {
    let (discord, stage) = set("discord-watch", |_| {}, |bot, _| bot.act = false).await;
    stage.until_connected().await;
    discord.say(GENERAL, 1, "you grumbix");
    stage.until_deeds("delete", "watched", 1).await;
    discord.book.read(|pages| assert!(pages.done.is_empty()));
    nothing_wrong(&discord);
}

#[tokio::test]
async fn what_does_not_pass_is_deleted_and_nothing_else() {
    let exempt = |_: &mut BotConfig, policy: &mut PolicyConfig| {
        policy.exempt_roles = Some(vec![Role::Broadcaster, Role::Moderator]);
    };
    let (discord, stage) = set("discord-acts", |_| {}, exempt).await;
    stage.until_connected().await;
    let say = |user, content: &str, fields| discord.say_with(GENERAL, user, content, fields);
    let none = || json!({});
    say(
        1,
        "hello <@80351110224678912>, see <#100000000000000011> <:wave:41771983429993937>",
        none(),
    );
    // Programs, the platform itself, other guilds, and who is exempt.
    say(2, "grumbix", json!({ "author": { "id": "2", "username": "b", "bot": true } }));
    say(3, "grumbix", json!({ "webhook_id": "100000000000000099" }));
    say(4, "grumbix", json!({ "author": { "id": ME, "username": "tidegate", "bot": true } }));
    say(5, "grumbix", json!({ "type": 7 }));
    say(6, "grumbix", json!({ "guild_id": "100000000000000098" }));
    say(7, "grumbix", json!({ "guild_id": null }));
    say(8, "grumbix", json!({ "member": { "roles": [MODS] } }));
    say(9, "grumbix", json!({ "author": { "id": OWNER, "username": "o" } }));
    say(10, "", json!({ "embeds": [{ "title": "grumbix" }] }));
    let forwarded = json!({ "message_snapshots": [{ "message": { "content": "grumbix" } }] });
    let poll = json!({ "poll": {
        "question": { "text": "who is it" },
        "answers": [{ "poll_media": { "text": "the grumbix" } }],
    } });
    let mut guilty = vec![
        say(11, "you **grumbix**", none()),
        say(12, "an answer, grumbix", json!({ "type": 19 })),
        say(13, "", forwarded),
        say(14, "", poll),
        // A part that is not as it should be hides nothing else.
        say(15, "grumbix", json!({ "mentions": 7, "member": [], "poll": "x" })),
        discord.say(RAID, 16, "grumbix"),
    ];
    let edited = discord.say(GENERAL, 17, "harmless");
    // A preview is no edit; then it is edited twice, the second time for the worse.
    discord.event("MESSAGE_UPDATE", json!({ "id": edited, "channel_id": GENERAL, "embeds": [] }));
    discord.edit(&edited, 17, "still harmless");
    discord.edit(&edited, 17, "a grumbix after all");
    guilty.push(edited);
    stage.until_deeds("delete", "done", guilty.len() as u64).await;
    let last = discord.say(GENERAL, 18, "grumbix");
    guilty.push(last);
    stage.until_deeds("delete", "done", guilty.len() as u64).await;
    assert_eq!(deleted(&discord), guilty.into_iter().collect());
    nothing_wrong(&discord);
}

#[tokio::test]
async fn threads_are_of_their_channel_and_only_chosen_channels_are_heard() {
    let chosen = |bot: &mut BotConfig, _: &mut PolicyConfig| {
        bot.settings.insert("channels".into(), vec![GENERAL].into());
    };
    let (discord, stage) = set("discord-channels", |_| {}, chosen).await;
    stage.until_connected().await;
    const THREAD: &str = "100000000000000012";
    const OTHER: &str = "100000000000000013";
    for (id, parent) in [(THREAD, GENERAL), (OTHER, RAID)] {
        let thread = json!({
            "id": id, "guild_id": GUILD, "type": 11, "name": "mods only", "parent_id": parent,
        });
        discord.event("THREAD_CREATE", thread);
    }
    discord.say(RAID, 1, "grumbix");
    discord.say(OTHER, 2, "grumbix");
    let guilty = [discord.say(THREAD, 3, "grumbix"), discord.say(GENERAL, 4, "grumbix")];
    stage.until_deeds("delete", "done", 2).await;
    assert_eq!(deleted(&discord), guilty.into());
    nothing_wrong(&discord);
}

#[tokio::test]
async fn offences_lead_to_a_time_out_there() {
    let ladder = |_: &mut BotConfig, policy: &mut PolicyConfig| {
        let step = |at, then, for_ms| LadderStep { at, then, for_ms };
        policy.ladder = Some(vec![
            step(5.0, Consequence::TimeOut, Some(600_000)),
            step(8.0, Consequence::Ban, None),
        ]);
    };
    let (discord, stage) = set("discord-ladder", |_| {}, ladder).await;
    stage.until_connected().await;
    let first = discord.say(GENERAL, 7, "you grumbix");
    stage.until_deeds("delete", "done", 1).await;
    discord.book.read(|pages| assert!(pages.done_to("time_out").is_empty()));
    let second = discord.say(GENERAL, 7, "grumbix again");
    stage.until_deeds("time_out", "done", 1).await;
    stage.until_deeds("delete", "done", 2).await;
    assert_eq!(deleted(&discord), [first, second].into());
    discord.book.read(|pages| assert_eq!(pages.done_to("time_out"), ["7"]));
    nothing_wrong(&discord);
}

#[tokio::test]
async fn the_settings_can_ask_for_more_than_deleting() {
    let severe = |bot: &mut BotConfig, _: &mut PolicyConfig| {
        bot.actions.hold = Action::TimeOut;
        bot.actions.drop = Action::Ban;
        // Longer than the platform knows.
        bot.actions.time_out_s = 14 * 24 * 60 * 60;
    };
    let (discord, stage) = set("discord-ban", |_| {}, severe).await;
    stage.until_connected().await;
    discord.say(GENERAL, 8, "you grumbix");
    stage.until_deeds("ban", "done", 1).await;
    stage.until_deeds("delete", "done", 1).await;
    discord.book.read(|pages| {
        assert_eq!((pages.done_to("ban"), pages.done_to("delete").len()), (vec!["8"], 1));
    });
    nothing_wrong(&discord);
}

#[tokio::test]
async fn what_the_bot_lacks_is_said() {
    let few = |pages: &mut Pages| {
        (pages.permissions, pages.forbidden) = (1 << 10, true);
    };
    let (discord, stage) = set("discord-lacking", few, |_, _| {}).await;
    stage.until_connected().await;
    for permission in ["Time out members", "Ban members", "Manage messages"] {
        stage.until_logged(permission).await;
    }
    discord.say(GENERAL, 1, "you grumbix");
    stage.until_deeds("delete", "refused", 1).await;
    stage.until_logged("a permission is missing").await;
    nothing_wrong(&discord);

    let (_discord, stage) = set("discord-whole", |_| {}, |_, _| {}).await;
    stage.until_connected().await;
    assert!(!stage.logged("lacks a permission"));
}

#[tokio::test]
async fn a_storm_loses_nothing_and_does_nothing_twice() {
    let (discord, stage) = set("discord-storm", |pages| pages.limit = 25, |_, _| {}).await;
    stage.until_connected().await;
    let mut guilty = BTreeSet::new();
    for n in 0..400_u64 {
        let channel = if n % 2 == 0 { GENERAL } else { RAID };
        match n % 3 {
            0 => {
                _ = guilty.insert(discord.say(channel, 1_000 + n, &format!("number {n}, grumbix")))
            }
            _ => _ = discord.say(channel, 1_000 + n, &format!("number {n} is fine")),
        }
        if n % 7 == 0 {
            discord.repeat(3);
        }
        let trouble = match n % 40 {
            7 => Some(Trouble::Status(502)),
            13 => Some(Trouble::Global(0.2)),
            17 => Some(Trouble::Status(401)),
            21 => Some(Trouble::Lost),
            33 => Some(Trouble::DoneAndLost),
            _ => None,
        };
        discord.book.write(|pages| pages.trouble.extend(trouble));
        match n {
            60 | 180 => discord.hang_up(),
            120 => discord.raw(json!({ "op": 7, "d": null }).to_string()),
            240 => discord.close(4000),
            300 => discord.raw(json!({ "op": 9, "d": true }).to_string()),
            _ => {}
        }
        if n % 60 == 59 {
            let half = guilty.len() / 2;
            discord.book.until("half of it", |pages| pages.done.len() >= half).await;
        }
    }
    let all = guilty.len();
    discord.book.until("all that is guilty is deleted", |pages| pages.done.len() >= all).await;
    let last = discord.say(GENERAL, 1, "grumbix");
    guilty.insert(last);
    discord.book.until("the last is deleted", |pages| pages.done.len() > all).await;
    assert_eq!(deleted(&discord), guilty);
    discord.book.read(|pages| {
        assert_eq!(pages.identified, 1, "one session for all of it");
        // Of five breaks, some may fall into one pause.
        assert!(pages.resumed >= 2, "{} resumed", pages.resumed);
        println!("discord, storm: {} of {} calls over the limit", pages.limited, pages.done.len());
        print_delays("discord, storm", pages.delays());
    });
    assert_eq!(stage.deeds("delete", "given_up").await, 0);
    nothing_wrong(&discord);
}

#[tokio::test]
async fn an_action_follows_at_once() {
    let (discord, stage) = set("discord-delay", |pages| pages.limit = 1_000, |_, _| {}).await;
    stage.until_connected().await;
    for n in 1..=20 {
        discord.say(GENERAL, 100 + n as u64, "you grumbix");
        discord.book.until("it is deleted", |pages| pages.done.len() == n).await;
    }
    discord.book.read(|pages| print_delays("discord, one at a time", pages.delays()));
}

#[tokio::test]
async fn garbage_stops_nothing() {
    let (discord, stage) = set("discord-garbage", |_| {}, |_, _| {}).await;
    stage.until_connected().await;
    let strange = [
        "not JSON",
        "{",
        "[]",
        "7",
        r#"{"op":"zero"}"#,
        r#"{"op":-1}"#,
        r#"{"op":0,"s":"one","t":"MESSAGE_CREATE","d":{}}"#,
        r#"{"op":0,"t":7,"d":{}}"#,
    ];
    for frame in strange {
        discord.raw(frame);
    }
    discord.raw("[".repeat(100_000));
    for unknown in [r#"{"op":77,"d":{}}"#, r#"{"op":10,"d":null}"#, r#"{"op":11}"#] {
        discord.raw(unknown);
    }
    let events = [
        ("MESSAGE_CREATE", json!(null)),
        ("MESSAGE_CREATE", json!([])),
        ("MESSAGE_CREATE", json!({ "id": "../../x", "channel_id": GENERAL })),
        ("MESSAGE_UPDATE", json!({ "id": "1", "channel_id": "99999999999999999999999" })),
        ("MESSAGE_DELETE", json!({ "id": {} })),
        (
            "GUILD_ROLE_UPDATE",
            json!({ "guild_id": GUILD, "role": { "id": "1", "permissions": 7 } }),
        ),
        ("CHANNEL_UPDATE", json!("general")),
        ("THREAD_LIST_SYNC", json!({ "guild_id": GUILD })),
    ];
    let count = (strange.len() + 1 + events.len()) as u64;
    for (kind, d) in events {
        discord.event(kind, d);
    }
    discord.event("SOMETHING_NEW", json!({ "guild_id": GUILD }));
    let parts = ["reason=\"bot_strange_event\""];
    stage.until("tidegate_discarded_total", &parts, count).await;
    // Larger than any guild: the connection breaks, and the session goes on.
    discord.raw("x".repeat(17 * 1024 * 1024));
    discord.book.until("it is back", |pages| pages.resumed >= 1).await;
    discord.say(GENERAL, 1, "you grumbix");
    discord.book.until("it still works", |pages| pages.done.len() == 1).await;
    assert_eq!(stage.metric("tidegate_discarded_total", &parts).await, count);
    nothing_wrong(&discord);
}
