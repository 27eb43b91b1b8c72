//! Tries Owncast: hides what does not pass, with what each kind of token may do.

use std::{collections::BTreeSet, net::SocketAddr, sync::Arc};

use serde_json::json;
use tidegate::config::{Action, BotConfig, PolicyConfig};

use crate::{
    fake_owncast::{INTEGRATION, MODERATOR, Owncast, Pages, Trouble, VIEWER},
    stage::{Stage, print_delays},
};

async fn set(
    name: &str,
    token: &str,
    change: impl FnOnce(&mut BotConfig, &mut PolicyConfig),
) -> (Arc<Owncast>, Stage) {
    let (owncast, address) = Owncast::open().await;
    let stage = connected(name, token, address, change).await;
    (owncast, stage)
}

async fn connected(
    name: &str,
    token: &str,
    address: SocketAddr,
    change: impl FnOnce(&mut BotConfig, &mut PolicyConfig),
) -> Stage {
    let settings = format!("url = \"http://{address}/\"");
    let stage = Stage::set(name, "owncast", token, &settings, change).await;
    stage.until_connected().await;
    stage
}

fn hidden(pages: &Pages) -> BTreeSet<String> {
    pages.hidden.iter().map(|(id, _)| id.clone()).collect()
}

fn nothing_wrong(owncast: &Owncast) {
    owncast.book.read(|pages| assert_eq!(pages.wrong, Vec::<String>::new()));
}

#[tokio::test]
async fn watching_hides_nothing() {
    let (owncast, stage) = set("owncast-watch", MODERATOR, |bot, _| bot.act = false).await;
    owncast.say("u1", "hello");
    owncast.say("u2", "you grumbix");
    stage.until_deeds("delete", "watched", 1).await;
    owncast.book.read(|pages| assert!(pages.hidden.is_empty() && pages.banned.is_empty()));
    nothing_wrong(&owncast);
}

#[tokio::test]
async fn what_does_not_pass_is_hidden_and_nothing_else() {
    let (owncast, address) = Owncast::open().await;
    let before = owncast.say("u1", "grumbix, long before");
    let stage = connected("owncast-acts", MODERATOR, address, |_, _| {}).await;
    let mut guilty = vec![owncast.say("u1", "you grumbix")];
    // As the server renders it; several in one frame.
    guilty.extend(owncast.say_all(&[("u2", "<p>grum<b>bix</b></p>"), ("u3", "<p>a grumbix</p>")]));
    owncast.say_all(&[("u4", "fine &lt;3"), ("u5", "<img alt=\"grumbix\" src=\"/x.png\">")]);
    let event = |id: &str, more: serde_json::Value| {
        let mut event = json!({
            "type": "CHAT", "id": id, "body": "grumbix", "user": { "id": "x", "displayName": "x" },
        });
        let fields = more.as_object().expect("fields").clone();
        event.as_object_mut().expect("an event").extend(fields);
        event.to_string()
    };
    // What programs say, what is hidden already, what is no chat, and the bot's own.
    for (id, more) in [
        ("b", json!({ "user": { "id": "b", "displayName": "bot", "isBot": true } })),
        ("h", json!({ "visible": false })),
        ("s", json!({ "type": "SYSTEM" })),
        ("n", json!({ "type": "NAME_CHANGE", "oldName": "y" })),
        ("m", json!({ "user": { "id": "m1", "displayName": "me" } })),
    ] {
        owncast.send(event(id, more));
    }
    let last = owncast.say("u6", "grumbix once more");
    guilty.push(last.clone());
    owncast.book.until("the last is hidden", |pages| hidden(pages).contains(&last)).await;
    stage.until_deeds("delete", "done", 4).await;
    owncast.book.read(|pages| {
        assert_eq!(hidden(pages), guilty.into_iter().collect());
        assert!(!hidden(pages).contains(&before));
        assert_eq!(pages.hidden.len(), 4, "none twice");
        assert!(pages.banned.is_empty());
    });
    nothing_wrong(&owncast);
}

#[tokio::test]
async fn a_moderator_bans_and_an_integration_says_that_it_cannot() {
    let ban = |bot: &mut BotConfig, _: &mut PolicyConfig| bot.actions.drop = Action::Ban;
    let (owncast, _stage) = set("owncast-ban", MODERATOR, ban).await;
    owncast.say("u1", "you grumbix");
    owncast.book.until("a ban", |pages| pages.banned == ["u1"] && pages.hidden.len() == 1).await;
    nothing_wrong(&owncast);

    let (owncast, stage) = set("owncast-integration", INTEGRATION, ban).await;
    stage.until_logged("a bot lacks a permission").await;
    assert!(stage.logged("banning: an integration cannot"));
    owncast.say("u1", "you grumbix");
    stage.until_deeds("ban", "refused", 1).await;
    owncast.book.until("hidden", |pages| pages.hidden.len() == 1).await;
    owncast.book.read(|pages| assert!(pages.banned.is_empty()));
    nothing_wrong(&owncast);
}

#[tokio::test]
async fn what_a_token_lacks_is_said() {
    let (owncast, stage) = set("owncast-viewer", VIEWER, |_, _| {}).await;
    stage.until_logged("make the token's account a moderator").await;
    owncast.say("u1", "you grumbix");
    stage.until_logged("the token does not moderate the chat, or was taken back").await;
    stage.until_deeds("delete", "refused", 1).await;

    let settings = format!("url = \"http://{}\"", Owncast::open().await.1);
    let stage = Stage::set("owncast-unknown", "owncast", "nobody", &settings, |_, _| {}).await;
    stage.until_logged("does not accept the token").await;
}

#[tokio::test]
async fn a_token_that_was_taken_back_is_said_and_a_new_one_is_not_needed_to_hear() {
    let (owncast, stage) = set("owncast-withdrawn", MODERATOR, |_, _| {}).await;
    owncast.book.write(|pages| {
        pages.accounts.get_mut(MODERATOR).expect("an account").disabled = true;
    });
    owncast.say("u1", "you grumbix");
    stage.until_deeds("delete", "refused", 1).await;
    owncast.hang_up();
    stage.until_logged("account is disabled").await;
}

#[tokio::test]
async fn there_are_no_time_outs_and_the_settings_say_so() {
    let folder = crate::common::Folder::new("owncast-time-out");
    let file = folder.file("token", "x");
    let mut config = tidegate::config::Config::default();
    let mut bot = BotConfig { platform: "owncast".into(), ..BotConfig::default() };
    let mut check = |action, url: &str, expected: &str| {
        bot.actions.drop = action;
        bot.settings = toml::toml! { url = "x" };
        bot.settings.insert("url".into(), url.into());
        bot.settings.insert("token_file".into(), file.display().to_string().into());
        config.bot = vec![bot.clone()];
        let tools = tidegate::bots::Tools::new(tidegate_tls());
        let wrong = tidegate::bots::open(&config, &tools).map(|bots| bots.len());
        match (expected, wrong) {
            ("", Ok(1)) => {}
            (part, Err(wrong)) if !part.is_empty() => {
                assert!(wrong[0].contains(part), "{wrong:?} has no {part:?}");
            }
            (expected, found) => panic!("{expected:?}: {found:?}"),
        }
    };
    check(Action::Ban, "https://example.org", "");
    check(Action::TimeOut, "https://example.org", "no time-outs");
    check(Action::Delete, "example.org", "settings.url");
    check(Action::Delete, "ftp://example.org", "settings.url");
}

fn tidegate_tls() -> Arc<tokio_rustls::rustls::ClientConfig> {
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let config = tokio_rustls::rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the default versions")
        .with_root_certificates(tokio_rustls::rustls::RootCertStore::empty())
        .with_no_client_auth();
    Arc::new(config)
}

#[tokio::test]
async fn a_storm_loses_nothing_and_does_nothing_twice() {
    let (owncast, stage) = set("owncast-storm", MODERATOR, |_, _| {}).await;
    let (mut guilty, mut lost) = (BTreeSet::new(), 0);
    for n in 0..300_u32 {
        let user = format!("u{n}");
        let id = match n % 3 {
            0 => {
                let id = owncast.say(&user, &format!("<p>number {n}, grumbix</p>"));
                guilty.insert(id.clone());
                id
            }
            _ => owncast.say(&user, &format!("<p>number {n} is fine</p>")),
        };
        if n % 5 == 0 {
            owncast.repeat(&id);
        }
        let trouble = match n % 40 {
            7 => Some(Trouble::Status(503)),
            13 => Some(Trouble::Wait("0.2")),
            21 => Some(Trouble::Lost),
            33 => Some(Trouble::DoneAndLost),
            _ => None,
        };
        lost += usize::from(matches!(trouble, Some(Trouble::DoneAndLost)));
        owncast.book.write(|pages| pages.trouble.extend(trouble));
        if n % 75 == 74 {
            // What is said until it is back is read from the history.
            owncast.hang_up();
        }
        if n % 25 == 0 {
            let so_far: BTreeSet<_> = guilty.iter().take(guilty.len() / 2).cloned().collect();
            let seen = |pages: &Pages| hidden(pages).is_superset(&so_far);
            owncast.book.until("half of what was said is hidden", seen).await;
        }
    }
    let seen = |pages: &Pages| hidden(pages).is_superset(&guilty);
    owncast.book.until("all that is guilty is hidden", seen).await;
    // Whatever follows has been done too.
    let last = owncast.say("u-last", "grumbix");
    guilty.insert(last.clone());
    owncast.book.until("the last is hidden", |pages| hidden(pages).contains(&last)).await;
    owncast.book.read(|pages| {
        assert_eq!(hidden(pages), guilty);
        // Where the answer was lost with the connection, nobody knew that it was done.
        let twice = pages.hidden.len() - guilty.len();
        assert!(twice <= lost, "{twice} hidden twice");
        assert!(pages.connections > 4, "{} connections", pages.connections);
        let at = |id: &str| pages.said.iter().find(|said| said.id == id).map(|said| said.at);
        let delay = |(id, done): &(String, std::time::Instant)| {
            at(id).map(|said| (*done - said).as_millis())
        };
        print_delays("owncast, storm", pages.hidden.iter().filter_map(delay).collect());
    });
    assert_eq!(stage.deeds("delete", "given_up").await, 0);
    nothing_wrong(&owncast);
}

#[tokio::test]
async fn an_action_follows_at_once() {
    let (owncast, _stage) = set("owncast-delay", MODERATOR, |_, _| {}).await;
    for n in 1..=20 {
        owncast.say(&format!("u{n}"), "you grumbix");
        owncast.book.until("it is hidden", |pages| pages.hidden.len() == n).await;
    }
    owncast.book.read(|pages| {
        let delays = pages.hidden.iter().zip(&pages.said);
        let delays = delays.map(|((_, done), said)| (*done - said.at).as_millis());
        print_delays("owncast, one at a time", delays.collect());
    });
}

#[tokio::test]
async fn garbage_stops_nothing() {
    let (owncast, stage) = set("owncast-garbage", MODERATOR, |_, _| {}).await;
    let chat = r#"{"type":"CHAT","id":"#;
    let strange = [
        "not JSON".to_owned(),
        "{".into(),
        "[]".into(),
        "null".into(),
        r#"{"type":7}"#.into(),
        r#"{"type":"CHAT"}"#.into(),
        format!("{chat}7}}"),
        format!(r#"{chat}"x","body":{{}},"user":[]}}"#),
        format!(r#"{chat}"x","body":"b","user":{{"id":null}}}}"#),
        r#"{"type":"VISIBILITY-UPDATE","ids":"all","visible":0}"#.into(),
        r#"{"type":"CONNECTED_USER_INFO","user":"me"}"#.into(),
        "[".repeat(100_000),
    ];
    for frame in &strange {
        owncast.send(frame.clone());
    }
    // Empty lines are nothing at all, and an unknown event is somebody else's.
    owncast.send("\n\n{\"type\":\"NEWS\"}\n".into());
    let parts = ["reason=\"bot_strange_event\""];
    stage.until("tidegate_discarded_total", &parts, strange.len() as u64).await;
    let long = format!("{} grumbix", "la ".repeat(20_000));
    owncast.say("u1", &long);
    stage.until("tidegate_discarded_total", &["reason=\"bot_text_cut\""], 1).await;
    // More than one message may be: the connection breaks, and the bot comes back.
    owncast.send("x".repeat(2_000_000));
    owncast.book.until("it is back", |pages| pages.connections >= 2).await;
    let id = owncast.say("u2", "you grumbix");
    owncast.book.until("it still works", |pages| hidden(pages).contains(&id)).await;
    assert_eq!(stage.metric("tidegate_discarded_total", &parts).await, strange.len() as u64);
    nothing_wrong(&owncast);
}
