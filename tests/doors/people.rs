//! Tries accounts: roles by channel, invitations, sessions, passwords and second factors.

use serde_json::{Value, json};
use tidegate::{
    accounts::{Place, Rights, Role},
    config::RouteConfig,
    history::Whose,
    hold::Hold,
    message::{Paid, now_ms},
};
use totp_rs::{Builder, Secret};

use crate::{
    console::Events,
    house::{Answer, House, PASSWORD, house},
};

const OTHER: &str = "another long password";

/// Somebody with roles in these channels of the route only; their cookie.
async fn only(house: &House, name: &str, places: &[(&str, Role)]) -> String {
    let place = |(channel, role): &(&str, Role)| Place {
        route: "main".into(),
        channel: (*channel).into(),
        role: *role,
    };
    let rights = Rights { role: None, places: places.iter().map(place).collect() };
    house.doors.accounts.add(name, rights, PASSWORD, false).await.expect("an account");
    house.cookie(name).await
}

/// A house with a route whose channels have names.
async fn channels() -> House {
    house(|config| {
        config.route.push(RouteConfig {
            name: "main".into(),
            path: "/".into(),
            upstream: "ws://127.0.0.1:9".into(),
            protocol: "generic".into(),
            policy: "standard".into(),
            ..Default::default()
        });
    })
    .await
}

impl House {
    async fn get(&self, path: &str, cookie: &str) -> Answer {
        self.page("GET", path, cookie, "").await
    }

    async fn post(&self, path: &str, cookie: &str, body: &Value) -> Answer {
        self.page("POST", path, cookie, &body.to_string()).await
    }

    async fn is_in(&self, cookie: &str) -> bool {
        self.get("/api/me", cookie).await.status == 200
    }
}

fn count(list: &Value) -> Option<usize> {
    list.as_array().map(Vec::len)
}

#[tokio::test]
async fn whoever_has_a_channel_sees_that_channel() {
    let house = channels().await;
    house.hold("a blorp here").await;
    for (name, places, sees, decides) in [
        ("mo", &[("lobby", Role::Moderator)][..], 1, true),
        ("eve", &[("attic", Role::Moderator), ("lobby", Role::Viewer)], 1, false),
        ("max", &[("attic", Role::Moderator)], 0, false),
    ] {
        let cookie = only(&house, name, places).await;
        let queue = house.get("/api/queue", &cookie).await.json();
        assert_eq!((count(&queue["holds"]), &queue["total"]), (Some(sees), &json!(sees)), "{name}");
        if sees > 0 {
            assert_eq!(queue["holds"][0]["may_decide"], decides, "{name}");
        }
    }
}

#[tokio::test]
async fn a_stream_tells_of_the_own_channels() {
    let house = channels().await;
    let ana = house.cookie("ana").await;
    let mut events =
        Events::open(&house, &only(&house, "max", &[("attic", Role::Viewer)]).await).await;
    let (_, queue) = events.next().await;
    assert_eq!((count(&queue["holds"]), &queue["total"]), (Some(0), &json!(0)));
    let hold = house.hold("a blorp here").await;
    assert_eq!(house.act(&ana, &hold.id, "remove", "{}").await.status, 200);
    let shield = json!({ "route": "main", "channel": "attic", "minutes": 5 });
    assert_eq!(house.post("/api/shield", &ana, &shield).await.status, 200);
    let (name, data) = events.next().await;
    assert_eq!(name, "crowds", "neither the message nor its end: {data}");
    assert_eq!(count(&data["shields"]), Some(1));
}

#[tokio::test]
async fn whoever_has_a_channel_decides_nothing_of_another() {
    let house = channels().await;
    let hold = house.hold("a blorp here").await;
    let eve = only(&house, "eve", &[("attic", Role::Moderator), ("lobby", Role::Viewer)]).await;
    let max = only(&house, "max", &[("attic", Role::Moderator)]).await;
    let mo = only(&house, "mo", &[("lobby", Role::Moderator)]).await;
    let of = |act: &str| format!("/api/holds/{}/{act}", hold.id);
    let here = |more: Value| {
        let mut body = json!({ "route": "main", "channel": "lobby" });
        let more = more.as_object().expect("it is one").clone();
        body.as_object_mut().expect("it is one").extend(more);
        body
    };
    let lasts = json!({ "seconds": 60 });
    let acts = [
        (of("release"), json!({})),
        (of("remove"), json!({})),
        (of("time-out"), lasts.clone()),
        (of("ban"), json!({})),
        (of("trust"), lasts.clone()),
        (of("allow"), lasts),
        (of("foresee"), json!({})),
        (of("alike"), json!({})),
        (of("remove-alike"), json!({})),
        (of("undo"), json!({})),
        ("/api/permits".into(), here(json!({ "sender": "u1", "seconds": 60 }))),
        ("/api/senders/pardon".into(), here(json!({ "sender": "u1" }))),
        ("/api/shield".into(), here(json!({ "minutes": 5 }))),
        ("/api/nukes".into(), json!({ "hold": hold.id, "forward_minutes": 5 })),
        ("/api/nukes/preview".into(), json!({ "hold": hold.id })),
        ("/api/nukes".into(), here(json!({ "text": "hello", "forward_minutes": 5 }))),
        ("/api/try".into(), here(json!({ "text": "hello" }))),
        ("/api/slow".into(), here(json!({ "seconds": 5, "minutes": 5 }))),
        ("/api/slow".into(), here(json!({ "seconds": 0 }))),
    ];
    for cookie in [&eve, &max] {
        for (path, body) in &acts {
            let answer = house.post(path, cookie, body).await;
            assert_eq!(answer.status, 403, "{path}: {}", answer.body);
        }
        let marked = json!({ "ids": [hold.id], "act": "remove" });
        let answer = house.post("/api/marked", cookie, &marked).await.json();
        assert_eq!((count(&answer["ids"]), &answer["missed"]), (Some(0), &json!(1)));
        // They are of all channels together.
        assert_eq!(house.get("/api/insights", cookie).await.status, 403);
    }
    assert_eq!(house.doors.settler.holds.list().len(), 1, "nothing was decided");
    for (path, body) in [&acts[12], &acts[1]] {
        assert_eq!(house.post(path, &mo, body).await.status, 200, "{path} is theirs");
    }
}

/// What is asked for in a list of several: it is shorter, and nobody is refused.
#[tokio::test]
async fn lists_leave_out_what_is_of_other_channels() {
    let house = channels().await;
    let made = house.hold("a blorp here").await;
    let paid = Hold {
        id: house.doors.settler.holds.fresh_id(),
        paid: Paid::new("5 EUR", ""),
        ..(*made).clone()
    };
    let paid = house.doors.settler.holds.hold(paid).await.expect("there is room");
    let ana = house.cookie("ana").await;
    assert_eq!(house.act(&ana, &paid.id, "remove", "{}").await.status, 200);
    let appealed = house.act(&ana, &made.id, "remove", "{}").await;
    assert_eq!(appealed.status, 200);
    let appeal = house.doors.appeal(&made.id, "u1", "why?", "panel").await;
    assert!(appeal.is_ok(), "{:?}", appeal.err().map(|failure| failure.message));
    let held = house.hold("another blorp").await;
    let max = only(&house, "max", &[("attic", Role::Moderator)]).await;
    let candidate = json!({ "toml": "[policy.p]\npreset = \"strict\"" });
    let replay = json!({ "route": "main", "channel": "", "candidate": candidate });
    for (cookie, sees) in [(&ana, true), (&max, false)] {
        let appeals = house.get("/api/appeals", cookie).await.json();
        assert_eq!(count(&appeals["appeals"]), Some(usize::from(sees)), "{appeals}");
        let queue = house.get("/api/queue", cookie).await.json();
        assert_eq!(count(&queue["ended"]), Some(if sees { 2 } else { 0 }), "{queue}");
        let replayed = house.post("/api/replay", cookie, &replay).await.json();
        let rows = replayed["sources"].as_object().expect("counts").values();
        let rows: u64 = rows.filter_map(Value::as_u64).sum();
        assert_eq!(rows > 0, sees, "{replayed}");
        let refunds = house.get("/api/refunds", cookie).await;
        let csv = house.get("/api/refunds.csv", cookie).await;
        for body in [&refunds.body, &csv.body] {
            assert!(sees || !body.contains(&paid.id), "{body}");
        }
    }
    let end = json!({ "forgive": false });
    let path = format!("/api/appeals/{}/overturn", made.id);
    assert_eq!(house.post(&path, &max, &end).await.status, 403);
    let look = json!({ "hold": held.id });
    assert_eq!(house.post("/api/look", &max, &look).await.status, 200);
    let queue = house.get("/api/queue", &ana).await.json();
    assert_eq!(queue["looks"]["looks"], json!({}), "nobody looks at what they do not see");
}

#[tokio::test]
async fn with_a_policy_of_another_channel_nothing_is_tried() {
    let house = channels().await;
    let max = only(&house, "max", &[("attic", Role::Moderator)]).await;
    let trial = |policy: &str| {
        let candidate = json!({ "policy": policy });
        json!({ "route": "main", "channel": "attic", "text": "hello", "candidate": candidate })
    };
    for (policy, status) in [("strict", 200), ("standard", 200), ("secret-garden", 403)] {
        assert_eq!(house.post("/api/try", &max, &trial(policy)).await.status, status, "{policy}");
    }
    let ana = house.cookie("ana").await;
    let unknown = house.post("/api/try", &ana, &trial("secret-garden")).await;
    assert_eq!(unknown.status, 422, "whoever decides everywhere is told that there is none");
}

#[tokio::test]
async fn what_is_in_force_in_other_channels_is_not_shown_and_not_ended() {
    let house = channels().await;
    let ana = house.cookie("ana").await;
    let max = only(&house, "max", &[("attic", Role::Moderator)]).await;
    let whose = Whose { route: "main", channel: "lobby", sender: "u1" };
    let ban = house.doors.ban(whose, "ana").await.expect("it is banned");
    let place = json!({ "route": "main", "channel": "lobby" });
    let (mut nuke, mut shield) = (place.clone(), place);
    (nuke["text"], nuke["forward_minutes"]) = ("a line that is nuked".into(), 5.into());
    shield["minutes"] = 5.into();
    let nuke = house.post("/api/nukes", &ana, &nuke).await.json();
    assert_eq!(house.post("/api/shield", &ana, &shield).await.status, 200);
    for (cookie, shown) in [(&ana, 1), (&max, 0)] {
        let crowds = house.get("/api/crowds", cookie).await.json();
        let decrees = house.get("/api/decrees", cookie).await.json();
        let lists = [&crowds["shields"], &crowds["nukes"], &decrees["decrees"]];
        assert_eq!(lists.map(count), [Some(shown); 3], "{cookie}");
        assert_eq!(decrees["total"], shown);
    }
    let nuke = format!("/api/nukes/{}/lift", nuke["nuke"]["id"]);
    for path in [nuke, format!("/api/decrees/{}/lift", ban.id)] {
        assert_eq!(house.post(&path, &max, &json!({})).await.status, 403, "{path}");
        assert_eq!(house.post(&path, &ana, &json!({})).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn an_admin_of_a_channel_gives_roles_there_and_nowhere_else() {
    let house = channels().await;
    let (adam, lea) =
        (house.cookie("adam").await, only(&house, "lea", &[("lobby", Role::Admin)]).await);
    house.settle("vera").await;
    only(&house, "max", &[("attic", Role::Moderator)]).await;
    let grant = async |cookie: &str, name: &str, body: &Value| {
        house.post(&format!("/api/people/{name}/grant"), cookie, body).await.status
    };
    let place =
        |channel: &str, role: Value| json!({ "route": "main", "channel": channel, "role": role });
    let everywhere = json!({ "role": "admin" });
    assert_eq!(grant(&lea, "vera", &place("lobby", "moderator".into())).await, 200);
    assert_eq!(grant(&lea, "vera", &place("attic", "moderator".into())).await, 403);
    assert_eq!(grant(&lea, "vera", &everywhere).await, 403);
    assert_eq!(grant(&lea, "lea", &everywhere).await, 403);
    let strange = json!({ "route": "nowhere", "channel": "lobby", "role": "viewer" });
    assert_eq!(grant(&lea, "vera", &strange).await, 422);
    // Whoever is more than a channel's is not theirs to throw out.
    for act in ["remove", "log-out", "factor-off"] {
        let path = format!("/api/people/vera/{act}");
        assert_eq!(house.post(&path, &lea, &json!({})).await.status, 403, "{act}");
    }
    let told = house.get("/api/people", &lea).await.json();
    let people = told["people"].as_array().expect("a list");
    let seen: Vec<_> = people.iter().filter_map(|person| person["name"].as_str()).collect();
    assert_eq!(seen, ["adam", "lea", "vera"], "whoever may do something in the lobby: {told}");

    assert_eq!(grant(&adam, "vera", &place("attic", "moderator".into())).await, 200);
    let vera = house.cookie("vera").await;
    let me = house.get("/api/me", &vera).await.json();
    assert_eq!((&me["role"], &me["everywhere"]), (&json!("moderator"), &json!("viewer")));
    assert_eq!(count(&me["places"]), Some(2));
    assert_eq!(grant(&lea, "vera", &place("lobby", Value::Null)).await, 200);
    let me = house.get("/api/me", &vera).await.json();
    assert_eq!(me["places"], json!([place("attic", "moderator".into())]));
}

#[tokio::test]
async fn admins_end_others_and_never_themselves_and_it_is_on_record() {
    let house = channels().await;
    let (adam, vera) = (house.cookie("adam").await, house.cookie("vera").await);
    let act = async |name: &str, act: &str, body: &Value| {
        house.post(&format!("/api/people/{name}/{act}"), &adam, body).await
    };
    let own = act("adam", "grant", &json!({ "role": null })).await;
    assert_eq!((own.status, &own.json()["error"]), (422, &json!("own")), "who would undo it?");
    for what in ["remove", "factor-off", "log-out"] {
        assert_eq!(act("adam", what, &json!({})).await.status, 422, "{what}");
    }
    let here = json!({ "route": "main", "channel": "lobby", "role": null });
    assert_eq!(act("adam", "grant", &here).await.status, 422);
    assert_eq!(act("vera", "grant", &json!({ "role": "moderator" })).await.status, 200);
    assert_eq!(act("vera", "log-out", &json!({})).await.status, 200);
    assert!(!house.is_in(&vera).await);
    assert_eq!(act("vera", "remove", &json!({})).await.status, 200);
    assert_eq!(house.log_in("nobody", PASSWORD).await.status, 401);
    house.doors.settler.audit.flush().await;
    let records = house.doors.settler.audit.recent(50).await.expect("the log is read");
    let said = format!("{records:?}");
    for what in ["vera is moderator here", "vera was logged out", "vera has no account any more"] {
        assert!(said.contains(what), "{what}: {said}");
    }
}

#[tokio::test]
async fn an_invitation_makes_one_account_with_its_role() {
    let house = channels().await;
    let adam = house.cookie("adam").await;
    let lea = only(&house, "lea", &[("lobby", Role::Admin)]).await;
    let lobby = json!({ "route": "main", "channel": "lobby", "role": "moderator" });
    let viewer = json!({ "role": "viewer" });
    assert_eq!(house.post("/api/invitations", &lea, &viewer).await.status, 403);
    let made = house.post("/api/invitations", &lea, &lobby).await;
    assert_eq!(made.status, 201, "{}", made.body);
    let secret = |made: &Value| {
        let link = made["link"].as_str().expect("a link");
        link.strip_prefix("/join#").expect("behind the #").to_owned()
    };
    let first = secret(&made.json());
    let join = async |secret: &str, name: &str, password: &str| {
        let body = json!({ "secret": secret, "name": name, "password": password });
        house.post("/join", "", &body).await.status
    };
    assert_eq!(join("wrong", "cleo", PASSWORD).await, 410);
    assert_eq!(join(&first, "adam", PASSWORD).await, 409, "the name is taken");
    assert_eq!(join(&first, "cleo", "short").await, 422);
    assert_eq!(join(&first, "cleo", PASSWORD).await, 201, "what failed did not use it up");
    assert_eq!(join(&first, "carl", PASSWORD).await, 410);
    let me = house.get("/api/me", &house.cookie("cleo").await).await.json();
    assert_eq!((&me["role"], &me["everywhere"]), (&json!("moderator"), &Value::Null));

    let made = house.post("/api/invitations", &adam, &json!({ "role": "admin" })).await.json();
    let id = made["invitations"][0]["id"].as_str().expect("an id");
    assert!(!secret(&made).contains(id), "an id opens nothing");
    let seen = house.get("/api/people", &lea).await.json();
    assert_eq!(seen["invitations"], json!([]), "what is beyond them is not shown");
    let path = format!("/api/invitations/{id}/take-back");
    assert_eq!(house.post(&path, &lea, &json!({})).await.status, 403);
    assert_eq!(house.post(&path, &adam, &json!({})).await.status, 200);
    assert_eq!(join(&secret(&made), "carl", PASSWORD).await, 410, "taken back");
}

#[tokio::test]
async fn who_has_left_invites_nobody() {
    let house = channels().await;
    let adam = house.cookie("adam").await;
    let lea = only(&house, "lea", &[("lobby", Role::Admin)]).await;
    let lobby = json!({ "route": "main", "channel": "lobby", "role": "moderator" });
    let made = house.post("/api/invitations", &lea, &lobby).await.json();
    let link = made["link"].as_str().expect("a link");
    let secret = link.strip_prefix("/join#").expect("behind the #");
    let less = json!({ "route": "main", "channel": "lobby", "role": "moderator" });
    assert_eq!(house.post("/api/people/lea/grant", &adam, &less).await.status, 200);
    let join = json!({ "secret": secret, "name": "cleo", "password": PASSWORD });
    assert_eq!(house.post("/join", "", &join).await.status, 410, "she may not any more");
    let again = json!({ "route": "main", "channel": "lobby", "role": "admin" });
    assert_eq!(house.post("/api/people/lea/grant", &adam, &again).await.status, 200);
    assert_eq!(house.post("/join", "", &join).await.status, 201);
}

#[tokio::test]
async fn sessions_are_listed_and_ended() {
    let house = house(|_| {}).await;
    let own = house.cookie("ana").await;
    let (other, third) = (house.cookie("ana").await, house.cookie("ana").await);
    let told = house.get("/api/account", &own).await.json();
    let seats = told["seats"].as_array().expect("a list").clone();
    assert_eq!(seats.len(), 3, "{told}");
    let mine: Vec<_> = seats.iter().filter(|seat| seat["own"] == true).collect();
    assert_eq!(mine.len(), 1);
    let id = |seat: &Value| seat["id"].as_str().expect("an id").to_owned();
    assert!(!third.contains(&id(&seats[0])), "an id is no secret");
    let end = async |cookie: &str, seat: &str| {
        house.post(&format!("/api/account/seats/{seat}/end"), cookie, &json!({})).await.status
    };
    assert_eq!(end(&own, &id(&seats[0])).await, 200);
    assert!(house.is_in(&own).await && house.is_in(&other).await);
    assert!(!house.is_in(&third).await, "the newest ended");
    // Somebody else's session is nobody's business.
    end(&house.cookie("ben").await, &id(mine[0])).await;
    assert!(house.is_in(&own).await);
    assert_eq!(end(&own, "others").await, 200);
    assert!(house.is_in(&own).await && !house.is_in(&other).await);
}

#[tokio::test]
async fn a_new_password_needs_the_old_and_ends_all_other_sessions() {
    let house = house(|_| {}).await;
    let (own, other) = (house.cookie("ana").await, house.cookie("ana").await);
    let change = async |old: &str, new: &str| {
        let body = json!({ "old": old, "new": new });
        house.post("/api/account/password", &own, &body).await.status
    };
    assert_eq!(change("wrong horse battery", OTHER).await, 401);
    assert_eq!(change(PASSWORD, "short").await, 422);
    assert_eq!(change(PASSWORD, OTHER).await, 200);
    assert!(house.is_in(&own).await && !house.is_in(&other).await);
    assert_eq!(house.log_in("ana", PASSWORD).await.status, 401);
    assert_eq!(house.log_in("ana", OTHER).await.status, 200);
}

#[tokio::test]
async fn a_second_factor_is_asked_for_and_each_code_opens_once() {
    let house = house(|config| config.console.attempts_max = 50).await;
    let own = house.cookie("ana").await;
    let setup = house.post("/api/account/factor", &own, &json!({})).await.json();
    let secret = setup["secret"].as_str().expect("a secret").to_owned();
    assert!(setup["uri"].as_str().expect("an address").contains(&secret));
    let lines = setup["picture"].as_array().expect("lines");
    let is_line = |line: &Value| line.as_str().map(str::len) == Some(lines.len());
    assert!(lines.len() > 20 && lines.iter().all(is_line), "{setup}");
    let parsed = Secret::try_from_base32(&secret).expect("base32");
    let totp = Builder::new().with_secret(parsed).build().expect("as the standard has it");
    // The code of this half minute and those beside it are good.
    let code = |steps: i64| {
        let now_s = now_ms() / 1000;
        totp.generate(now_s.saturating_add_signed(30 * steps)).to_string()
    };
    let on = async |password: &str, code: &str| {
        let body = json!({ "password": password, "secret": secret, "code": code });
        house.post("/api/account/factor/on", &own, &body).await.status
    };
    assert_eq!(on("wrong horse battery", &code(0)).await, 401);
    assert_eq!(on(PASSWORD, "000000x").await, 401);
    let first = code(0);
    assert_eq!(on(PASSWORD, &first).await, 200);
    let log_in = async |password: &str, code: Option<&str>| {
        let body = json!({ "name": "ana", "password": password, "code": code });
        let answer = house.post("/login", "", &body).await;
        (answer.status, answer.json()["error"].as_str().unwrap_or_default().to_owned())
    };
    let refused = |error: &str| (401, error.to_owned());
    assert_eq!(log_in(PASSWORD, None).await, refused("code_needed"));
    assert_eq!(log_in(PASSWORD, Some("12345")).await, refused("code"));
    assert_eq!(log_in(PASSWORD, Some(&first)).await, refused("code"), "it is used up");
    let next = code(1);
    assert_eq!(log_in(PASSWORD, Some(&next)).await.0, 200);
    assert_eq!(log_in(PASSWORD, Some(&next)).await, refused("code"), "somebody looked at it");
    let wrong = log_in("wrong horse battery", Some(&next)).await;
    assert_eq!(wrong, refused("refused"), "a code says nothing without the password");

    let adam = house.cookie("adam").await;
    let people = house.get("/api/people", &adam).await;
    assert!(!people.body.contains(&secret), "nobody is told the secret");
    let off = house.post("/api/people/ana/factor-off", &adam, &json!({})).await;
    assert_eq!(off.status, 200);
    assert_eq!(log_in(PASSWORD, None).await.0, 200, "whoever lost the telephone comes in again");
}
