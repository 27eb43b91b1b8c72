//! Tries what moderators decide for longer than one message: bans, trust and allowed terms.

use std::{path::PathBuf, sync::Arc};

use serde_json::{Value, json};
use tidegate::{
    accounts::Scope,
    audit::Event,
    config::{Config, Position, RouteConfig},
    doors::Decrees,
    history::{History, Whose},
    hold::Hold,
    message::{Category, Judgement, Language, Message, Sender, Verdict, now_ms},
    protocol::Frame,
    rules::Ruleset,
    score::Scorer,
    settle::{By, Inlet},
    store::Store,
};

use crate::house::{Answer, House, house_over, raw, request};

pub const UNA: Whose = Whose { route: "main", channel: "lobby", sender: "u1" };

/// A house whose route holds what `tests/data/words` lists, and whose policy says this too.
pub async fn holding(policy: &str) -> House {
    holding_over(policy, |store| store, |_| {}).await
}

/// The same over a store of the test's, with other settings.
pub async fn holding_over(
    policy: &str,
    wrap: impl FnOnce(Arc<dyn Store>) -> Arc<dyn Store>,
    change: impl FnOnce(&mut Config),
) -> House {
    let text = format!(
        "[[route]]\nname = \"main\"\nupstream = \"ws://127.0.0.1:1\"\npolicy = \"p\"\n\
         [policy.p]\npreset = \"standard\"\n{policy}\n\
         [policy.p.profanity]\naction = [\"hold\", \"hold\", \"hold\", \"drop\"]\n"
    );
    let mut parsed = Config::parse(&text, "t.toml").expect(&text);
    parsed.wordlists.embedded = false;
    parsed.wordlists.paths = vec![PathBuf::from("tests/data/words")];
    let rules = Ruleset::build(&parsed).expect("the rules compile");
    let route: RouteConfig = parsed.route.remove(0);
    let house = house_over(Scorer::none(), wrap, |config| {
        config.route.push(route);
        change(config);
    })
    .await;
    house.doors.settler.pipeline.rules.store(Arc::new(rules));
    house
}

pub fn said(sender: &str, channel: &str, text: &str) -> Message {
    Message {
        route: "main".into(),
        channel: channel.into(),
        sender: Sender { id: sender.into(), name: format!("the {sender}"), roles: Vec::new() },
        text: text.into(),
        at_ms: now_ms(),
        ..Message::default()
    }
}

impl House {
    /// What becomes of a message, as in a session; the held one where it is held.
    pub async fn says(&self, message: &Message) -> (Judgement, Option<Arc<Hold>>) {
        let inlet =
            Inlet { name: "main".into(), position: Position::Inline, language: Language::En };
        let frame = Frame::Text(message.text.as_str().into());
        let ruled = self.doors.settler.settle(&inlet, &By::default(), message, Some(frame)).await;
        let hold = ruled.id.and_then(|id| self.doors.settler.holds.find(&id));
        (ruled.judgement, hold)
    }

    pub async fn held(&self, sender: &str, text: &str) -> Arc<Hold> {
        let (judgement, hold) = self.says(&said(sender, "lobby", text)).await;
        hold.unwrap_or_else(|| panic!("{text:?} is {:?}", judgement.verdict))
    }

    pub async fn verdict(&self, sender: &str, channel: &str, text: &str) -> Verdict {
        self.says(&said(sender, channel, text)).await.0.verdict
    }

    async fn in_force(&self, cookie: &str) -> Vec<Value> {
        let answer = self.page("GET", "/api/decrees", cookie, "").await.json();
        answer["decrees"].as_array().expect("a list").clone()
    }

    async fn lift(&self, cookie: &str, id: &Value) -> Answer {
        let path = format!("/api/decrees/{}/lift", id.as_str().expect("an id"));
        self.page("POST", &path, cookie, "{}").await
    }

    /// What the next start would know.
    pub async fn next_start(&self) -> History {
        let history = History::new(1000);
        Decrees::open(&*self.doors.store, &history).await.expect("the rows are read");
        history
    }
}

pub fn ok(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()
}

#[tokio::test]
async fn a_ban_comes_with_a_removal_and_goes_with_its_undo() {
    let house = holding("").await;
    let ana = house.cookie("ana").await;
    let mut records = house.doors.settler.audit.subscribe();
    let hold = house.held("u1", "so blorp").await;
    let banned = ok(&house.act(&ana, &hold.id, "ban", "{}").await);
    assert_eq!(banned["hold"]["state"], "denied");
    assert_eq!(banned["hold"]["decided"]["banned"], true);
    let (judgement, _) = house.says(&said("u1", "lobby", "good evening")).await;
    assert_eq!(judgement.verdict, Verdict::Drop);
    assert_eq!(
        (judgement.findings[0].rule.as_str(), &*judgement.findings[0].why),
        ("time_out", "banned")
    );
    // There alone, and nobody else.
    assert_eq!(house.verdict("u1", "elsewhere", "good evening").await, Verdict::Pass);
    assert_eq!(house.verdict("u2", "lobby", "good evening").await, Verdict::Pass);
    let list = house.in_force(&ana).await;
    assert_eq!((&list[0]["kind"], &list[0]["sender"]), (&json!("ban"), &json!("u1")), "{list:?}");
    assert_eq!((&list[0]["name"], &list[0]["until_ms"]), (&json!("the u1"), &json!(null)));

    ok(&house.act(&ana, &hold.id, "undo", "{}").await);
    assert_eq!(house.verdict("u1", "lobby", "good evening").await, Verdict::Pass);
    assert_eq!(house.in_force(&ana).await, Vec::<Value>::new());
    house.doors.settler.audit.flush().await;
    let mut events = Vec::new();
    while let Ok(record) = records.try_recv() {
        if !matches!(record.event, Event::Judged(_)) {
            events.push(record.event.clone());
        }
    }
    let by = || "ana".to_owned();
    let expected = [
        Event::Decided { state: "denied".into(), by: by() },
        Event::Banned { by: by() },
        Event::Undone { by: by() },
        Event::Lifted { what: "ban".into(), by: by() },
    ];
    assert_eq!(events, expected);
}

#[tokio::test]
async fn a_ban_with_two_reasons_outlives_one_of_them() {
    let house = holding("").await;
    let (ana, ben) = (house.cookie("ana").await, house.cookie("ben").await);
    let (first, second) = (house.held("u1", "so blorp").await, house.held("u1", "a blorp").await);
    ok(&house.act(&ana, &first.id, "ban", "{}").await);
    ok(&house.act(&ben, &second.id, "ban", "{}").await);
    assert_eq!(house.in_force(&ana).await.len(), 1, "one sender is banned once");
    ok(&house.act(&ana, &first.id, "undo", "{}").await);
    assert_eq!(house.verdict("u1", "lobby", "hello").await, Verdict::Drop);
    ok(&house.act(&ana, &second.id, "undo", "{}").await);
    assert_eq!(house.verdict("u1", "lobby", "hello").await, Verdict::Pass);
    // One that was decided by itself is not an undo's to lift.
    house.doors.ban(UNA, "token:panel").await.expect("they are banned");
    ok(&house.act(&ana, &first.id, "ban", "{}").await);
    ok(&house.act(&ana, &first.id, "undo", "{}").await);
    assert_eq!(house.verdict("u1", "lobby", "hello").await, Verdict::Drop);
}

#[tokio::test]
async fn what_is_in_force_is_so_after_a_restart() {
    let house = holding("").await;
    let ana = house.cookie("ana").await;
    let hold = house.held("u1", "so blorp").await;
    ok(&house.act(&ana, &hold.id, "ban", "{}").await);
    let other = house.held("u2", "a blorp").await;
    ok(&house.act(&ana, &other.id, "allow", r#"{"seconds":3600}"#).await);
    let next = house.next_start().await;
    assert!(next.ban(UNA, now_ms()).is_some());
    let (list, total) = next.decrees(10, now_ms());
    assert_eq!((total, &list), (2, &house.doors.settler.pipeline.history.decrees(10, now_ms()).0));
    let later = next.decrees(10, now_ms() + 3_600_001);
    assert_eq!(later.1, 1, "what has an end is over then");

    let list = house.in_force(&ana).await;
    let ban = list.iter().find(|own| own["kind"] == "ban").expect("it is listed");
    ok(&house.lift(&ana, &ban["id"]).await);
    let again = house.lift(&ana, &ban["id"]).await;
    assert_eq!((again.status, again.json()["error"].clone()), (404, json!("unknown_decree")));
    assert!(house.next_start().await.ban(UNA, now_ms()).is_none(), "lifted for good");
}

#[tokio::test]
async fn trust_waives_what_the_policy_says_and_never_the_core() {
    let house = holding("").await;
    let ana = house.cookie("ana").await;
    let hold = house.held("u1", "so blorp").await;
    for (body, status) in
        [(r#"{"seconds":0}"#, 422), (r#"{"seconds":7776001}"#, 422), (r#"{"hours":1}"#, 400)]
    {
        assert_eq!(house.act(&ana, &hold.id, "trust", body).await.status, status, "{body}");
    }
    let trusted = ok(&house.act(&ana, &hold.id, "trust", r#"{"seconds":3600}"#).await);
    assert_eq!(trusted["hold"]["state"], "approved", "{trusted}");
    for (sender, text, expected) in [
        ("u1", "so blorp", Verdict::Pass),
        ("u2", "so blorp", Verdict::Hold),
        // Threats, and hate unless the policy says so; severity 4 in any case.
        ("u1", "i will snarfle", Verdict::Hold),
        ("u1", "you grumbix", Verdict::Drop),
    ] {
        assert_eq!(house.verdict(sender, "lobby", text).await, expected, "{sender}: {text}");
    }
    assert_eq!(house.verdict("u1", "elsewhere", "so blorp").await, Verdict::Hold);
    let list = house.in_force(&ana).await;
    assert_eq!((&list[0]["kind"], &list[0]["by"]), (&json!("trust"), &json!("ana")));
    ok(&house.lift(&ana, &list[0]["id"]).await);
    assert_eq!(house.verdict("u1", "lobby", "so blorp").await, Verdict::Hold);
    // Who decides second changes nothing: no trust comes of a release that was none.
    let late = house.act(&ana, &hold.id, "trust", "{}").await;
    assert_eq!((late.status, house.in_force(&ana).await.len()), (409, 0));
}

#[tokio::test]
async fn a_policy_may_let_trust_waive_less() {
    let house = holding("waivable = [\"link\"]").await;
    let ana = house.cookie("ana").await;
    let hold = house.held("u1", "so blorp").await;
    ok(&house.act(&ana, &hold.id, "trust", "{}").await);
    assert_eq!(house.verdict("u1", "lobby", "so blorp").await, Verdict::Hold);
    let next = house.held("u1", "a blorp").await;
    let refused = house.act(&ana, &next.id, "allow", "{}").await;
    assert_eq!((refused.status, &refused.json()["error"]), (422, &json!("core")));
}

#[tokio::test]
async fn a_term_is_allowed_where_it_was_held_and_for_as_long_as_said() {
    let house = holding("").await;
    let ana = house.cookie("ana").await;
    let held = house.held("u1", "so blorp").await;
    let [_, _, both] = [
        house.held("u2", "a blorp").await,
        house.held("u3", "b l o r p").await,
        house.held("u4", "a blorp, i will snarfle").await,
    ];
    let page = house.page("GET", "/api/queue", &ana, "").await.json();
    let offered = |id: &str| {
        let rows = page["holds"].as_array().expect("rows");
        rows.iter().find(|row| row["id"] == id).expect("a row")["can_allow"].clone()
    };
    assert_eq!((offered(&held.id), offered(&both.id)), (json!(true), json!(false)));
    let foreseen = ok(&house.act(&ana, &held.id, "foresee", "{}").await);
    let expected = json!({
        "terms": ["\"blorp\" of en/profanity"], "minutes": 10, "held": 2, "stopped": 0, "of": 3,
    });
    assert_eq!(foreseen, expected);
    assert_eq!(house.verdict("u5", "lobby", "a blorp").await, Verdict::Hold, "nothing changed");

    let refused = house.act(&ana, &both.id, "allow", "{}").await;
    assert_eq!(
        (refused.status, &refused.json()["error"]),
        (422, &json!("core")),
        "{}",
        refused.body
    );
    let allowed = ok(&house.act(&ana, &held.id, "allow", r#"{"seconds":3600}"#).await);
    assert_eq!(allowed["hold"]["state"], "approved");
    for (channel, text, expected) in [
        ("lobby", "so blorp", Verdict::Pass),
        ("lobby", "so b l o r p", Verdict::Pass),
        ("lobby", "a blorp, i will snarfle", Verdict::Hold),
        ("elsewhere", "so blorp", Verdict::Hold),
    ] {
        assert_eq!(house.verdict("u6", channel, text).await, expected, "{channel}: {text}");
    }
    let mut later = said("u6", "lobby", "so blorp");
    later.at_ms += 3_600_001;
    assert_eq!(house.says(&later).await.0.verdict, Verdict::Hold, "an hour is over");
    let list = house.in_force(&ana).await;
    assert_eq!((&list[0]["term"], &list[0]["list"]), (&json!("blorp"), &json!("en/profanity")));
    assert_eq!(list[0]["category"], json!(Category::Profanity));
    ok(&house.lift(&ana, &list[0]["id"]).await);
    assert_eq!(house.verdict("u6", "lobby", "so blorp").await, Verdict::Hold);
}

#[tokio::test]
async fn what_was_stopped_lately_counts_in_the_preview() {
    let house = holding("").await;
    let ana = house.cookie("ana").await;
    let removed = house.held("u2", "a blorp").await;
    ok(&house.act(&ana, &removed.id, "remove", "{}").await);
    // The console follows the queue, and is not the queue.
    loop {
        let page = house.page("GET", "/api/queue", &ana, "").await.json();
        if page["ended"][0]["id"] == removed.id.as_str() {
            break;
        }
    }
    let elsewhere = house.says(&said("u3", "elsewhere", "so blorp")).await.1.expect("it is held");
    let dropped = house.verdict("u4", "lobby", "you grumbix").await;
    assert_eq!(dropped, Verdict::Drop, "for another word");
    let held = house.held("u1", "so blorp").await;
    house.doors.settler.audit.flush().await;
    let foreseen = ok(&house.act(&ana, &held.id, "foresee", "{}").await);
    let seen = [&foreseen["held"], &foreseen["stopped"], &foreseen["of"]];
    assert_eq!(seen, [&json!(0), &json!(1), &json!(2)], "not {}", elsewhere.id);
}

/// One request of a program.
async fn ask(house: &House, token: &str, method: &str, path: &str, body: &str) -> Answer {
    let bearer = format!("Bearer {token}");
    let headers =
        [("host", "any"), ("authorization", bearer.as_str()), ("content-type", "application/json")];
    raw(house.console, &request(method, path, &headers, body)).await
}

#[tokio::test]
async fn programs_do_the_same_and_see_it() {
    let house = holding("").await;
    let token = house.doors.accounts.issue_token("panel", &Scope::ALL).await.expect("a token");
    let post = async |path: &str, body: &str| ask(&house, &token, "POST", path, body).await;
    let place = "/v1/senders/lobby/u1";
    let known = ok(&post(&format!("{place}/ban"), "").await);
    assert_eq!((&known["banned"], &known["trusted"]), (&json!(true), &json!(false)), "{known}");
    assert_eq!(house.verdict("u1", "lobby", "hello").await, Verdict::Drop);
    let list = ok(&ask(&house, &token, "GET", "/v1/decrees?kind=ban", "").await);
    assert_eq!((&list["total"], &list["decrees"][0]["by"]), (&json!(1), &json!("token:panel")));
    for _ in 0..2 {
        let known = ok(&post(&format!("{place}/unban"), "").await);
        assert_eq!(known["banned"], false, "also where there is no ban");
    }
    assert_eq!(house.verdict("u1", "lobby", "hello").await, Verdict::Pass);

    let known = ok(&post(&format!("{place}/trust"), r#"{"seconds":60}"#).await);
    assert!(known["trusted_until_ms"].as_u64().is_some_and(|until| until > now_ms()), "{known}");
    assert_eq!(house.verdict("u1", "lobby", "so blorp").await, Verdict::Pass);
    assert_eq!(ok(&post(&format!("{place}/untrust"), "").await)["trusted"], false);

    let held = house.held("u2", "so blorp").await;
    let path = format!("/v1/holds/{}/ban", held.id);
    assert_eq!(ok(&post(&path, "").await)["decided"]["banned"], true);
    assert_eq!(ok(&post(&format!("/v1/holds/{}/undo", held.id), "").await)["state"], "held");
    let path = format!("/v1/holds/{}/allow", held.id);
    assert_eq!(ok(&post(&path, "{}").await)["state"], "approved");
    let list = ok(&ask(&house, &token, "GET", "/v1/decrees?channel=lobby", "").await);
    assert_eq!((&list["total"], &list["decrees"][0]["term"]), (&json!(1), &json!("blorp")));
    let path = format!("/v1/decrees/{}", list["decrees"][0]["id"].as_str().expect("an id"));
    assert_eq!(ok(&ask(&house, &token, "DELETE", &path, "").await)["kind"], "allow");
    assert_eq!(ask(&house, &token, "DELETE", &path, "").await.status, 404);

    let held = house.held("u3", "so blorp").await;
    let path = format!("/v1/holds/{}/trust", held.id);
    assert_eq!(ok(&post(&path, r#"{"seconds":null}"#).await)["state"], "approved");
    assert_eq!(house.verdict("u3", "lobby", "so blorp").await, Verdict::Pass);
    for (query, status) in [("?limit=0", 400), ("?colour=1", 400), ("?limit=1", 200)] {
        let answer = ask(&house, &token, "GET", &format!("/v1/decrees{query}"), "").await;
        assert_eq!(answer.status, status, "{query}");
    }
    let reader = house.doors.accounts.issue_token("r", &[Scope::Read]).await.expect("a token");
    for act in ["ban", "unban", "trust", "untrust"] {
        let answer = ask(&house, &reader, "POST", &format!("{place}/{act}"), "{}").await;
        assert_eq!(answer.status, 403, "{act}");
    }
    assert_eq!(ask(&house, &reader, "GET", "/v1/decrees", "").await.status, 200);
    assert_eq!(ask(&house, &house.token, "GET", "/v1/decrees", "").await.status, 403);
}

#[tokio::test]
async fn nobody_in_particular_is_neither_banned_nor_trusted() {
    let house = holding("").await;
    let (judgement, hold) = house.says(&said("", "lobby", "so blorp")).await;
    let hold = hold.unwrap_or_else(|| panic!("{:?}", judgement.verdict));
    let ana = house.cookie("ana").await;
    for act in ["ban", "trust"] {
        let answer = house.act(&ana, &hold.id, act, "{}").await;
        assert_eq!((answer.status, &answer.json()["error"]), (422, &json!("sender")), "{act}");
    }
    assert_eq!(house.doors.settler.holds.list().len(), 1, "nothing was decided");
}
