//! Tries decisions that come with a ban, a time-out, trust or an allowed term: both or neither.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_util::{FutureExt, future::BoxFuture};
use serde_json::{Value, json};
use tidegate::{
    config::{Config, OnExpiry, Position},
    doors::decrees::Lasting,
    history::Whose,
    hold::{Change, Decision, Hold, State},
    message::{Language, Verdict, now_ms},
    protocol::{Frame, NoticeKind},
    settle::{By, Inlet},
    store::{Entries, Store, StoreError, Table, Write},
};
use tokio::{sync::broadcast::Receiver, time::timeout};

use crate::{
    decrees::{UNA, holding, holding_over, ok, said},
    house::House,
};

const PATIENCE: Duration = Duration::from_secs(20);

/// The real store, looked at after each commit as whoever starts after a kill would.
struct Watched {
    store: Arc<dyn Store>,
    /// What was wrong after a commit, and which tables each commit changed.
    seen: Mutex<(Vec<String>, Vec<BTreeSet<&'static str>>)>,
    /// One commit at a time, so that the look is at one moment.
    turn: tokio::sync::Mutex<()>,
}

impl Watched {
    fn over(store: Arc<dyn Store>) -> Arc<Watched> {
        Arc::new(Watched { store, seen: Mutex::default(), turn: tokio::sync::Mutex::default() })
    }

    /// Removals that came with a ban, and removals that bans came with.
    async fn look(&self) -> [BTreeSet<String>; 2] {
        let rows = async |table| {
            let rows = self.store.scan(table, "", 10_000).await.expect("rows");
            rows.into_iter().map(|(_, row)| serde_json::from_slice(&row).expect("JSON"))
        };
        let holds: Vec<Value> =
            rows(Table::Holds).await.map(|row: Value| row["hold"].clone()).collect();
        let removed = holds.iter().filter(|hold| hold["decided"]["banned"] == true);
        let removed = removed.map(|hold| hold["id"].as_str().expect("an id").to_owned());
        let bans: Vec<Value> =
            rows(Table::Decrees).await.filter(|row: &Value| row["kind"] == "ban").collect();
        let with = bans.iter().filter_map(|ban| ban["with"].as_array()).flatten();
        let with = with.map(|id| id.as_str().expect("an id").to_owned());
        [removed.collect(), with.collect()]
    }

    fn wrong(&self) -> Vec<String> {
        self.seen.lock().expect("no panic").0.clone()
    }
}

impl Store for Watched {
    fn commit(&self, writes: Vec<Write>) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move {
            let _turn = self.turn.lock().await;
            let tables = writes.iter().map(|write| match write.table {
                Table::Holds => "holds",
                Table::Decrees => "decrees",
                Table::Outbox => "outbox",
                _ => "another",
            });
            let tables: BTreeSet<_> = tables.collect();
            let done = self.store.commit(writes).await;
            if done.is_ok() {
                let [removed, banned] = self.look().await;
                let mut seen = self.seen.lock().expect("no panic");
                if removed != banned {
                    seen.0.push(format!("removed {removed:?}, banned {banned:?}"));
                }
                seen.1.push(tables);
            }
            done
        })
    }
    fn load(&self, table: Table, key: &str) -> BoxFuture<'_, Result<Option<Vec<u8>>, StoreError>> {
        self.store.load(table, key)
    }
    fn scan(
        &self,
        table: Table,
        after: &str,
        limit: usize,
    ) -> BoxFuture<'_, Result<Entries, StoreError>> {
        self.store.scan(table, after, limit)
    }
}

fn whose(hold: &Hold) -> Whose<'_> {
    Whose { sender: &hold.sender.id, ..UNA }
}

async fn watched(change: impl FnOnce(&mut Config)) -> (House, Arc<Watched>) {
    let mut watched = None;
    let wrap = |store| -> Arc<dyn Store> { watched.insert(Watched::over(store)).clone() };
    let house = holding_over("", wrap, change).await;
    (house, watched.expect("the store was opened"))
}

#[tokio::test]
async fn a_kill_after_any_commit_leaves_both_or_neither() {
    let (house, store) = watched(|_| {}).await;
    let ana = house.cookie("ana").await;
    let [first, second, third] = [
        house.held("u1", "so blorp").await,
        house.held("u1", "a blorp").await,
        house.held("u2", "such blorp").await,
    ];
    ok(&house.act(&ana, &first.id, "ban", "{}").await);
    ok(&house.act(&ana, &second.id, "ban", "{}").await);
    ok(&house.act(&ana, &first.id, "undo", "{}").await);
    ok(&house.act(&ana, &second.id, "undo", "{}").await);
    ok(&house.act(&ana, &third.id, "ban", "{}").await);
    assert_eq!(store.wrong(), [""; 0]);
    // A release with trust, or with a term that is allowed, is one commit as well.
    for (sender, act) in [("u4", "trust"), ("u5", "allow")] {
        let hold = house.held(sender, "so blorp").await;
        store.seen.lock().expect("no panic").1.clear();
        ok(&house.act(&ana, &hold.id, act, "{}").await);
        let commits = store.seen.lock().expect("no panic").1.clone();
        let with = commits.iter().filter(|tables| tables.contains("decrees"));
        for tables in with.clone() {
            assert!(tables.contains("holds") && tables.contains("outbox"), "{act}: {tables:?}");
        }
        assert_eq!(with.count(), 1, "{act}: {commits:?}");
    }
}

/// Undoes a removal as soon as anybody can see it.
async fn undone_at_once(house: &House, mut changes: Receiver<Change>, id: &str) -> State {
    loop {
        match changes.recv().await {
            Ok(Change::Moved(moved, _)) if moved.state == State::Denied => break,
            _ => {}
        }
    }
    house.doors.undo(id, "ben").await.expect("it was removed just now").state
}

#[tokio::test]
async fn an_undo_never_slips_between_a_ban_and_its_removal() {
    let (house, store) = watched(|_| {}).await;
    let (doors, history) = (&house.doors, &house.doors.settler.pipeline.history);
    let changes = || doors.settler.holds.subscribe();
    for turn in 0..20 {
        let hold = house.held(&format!("u{turn}"), "so blorp").await;
        let undo = undone_at_once(&house, changes(), &hold.id);
        let (banned, undone) = tokio::join!(doors.ban_with(&hold.id, "ana"), undo);
        assert!(banned.is_ok() && undone == State::Held, "{banned:?} {undone:?}");
        assert!(history.ban(whose(&hold), now_ms()).is_none(), "{turn}");
        // The same of a time-out, which lives in memory.
        let undo = undone_at_once(&house, changes(), &hold.id);
        let (silenced, undone) = tokio::join!(doors.time_out(&hold.id, 600, "ana"), undo);
        assert!(silenced.is_ok() && undone == State::Held, "{silenced:?} {undone:?}");
        assert!(!history.is_silent(whose(&hold), now_ms()), "{turn}");
    }
    assert_eq!(store.wrong(), [""; 0]);
}

#[tokio::test]
async fn an_act_goes_on_when_whoever_asked_goes_away() {
    let house = holding("").await;
    let history = &house.doors.settler.pipeline.history;
    let [ban, silence, trust, undo] = [
        house.held("u1", "so blorp").await,
        house.held("u2", "so blorp").await,
        house.held("u3", "so blorp").await,
        house.held("u4", "so blorp").await,
    ];
    house.doors.ban_with(&undo.id, "ana").await.expect("it waits");
    // Each is asked for and forgotten at once, as by a connection that is lost.
    assert!(house.doors.ban_with(&ban.id, "ana").now_or_never().is_none());
    assert!(house.doors.time_out(&silence.id, 600, "ana").now_or_never().is_none());
    let lasting = Lasting::default();
    assert!(house.doors.trust_with(&trust.id, lasting, "ana").now_or_never().is_none());
    assert!(house.doors.undo(&undo.id, "ana").now_or_never().is_none());
    let done = async {
        while history.ban(whose(&ban), now_ms()).is_none()
            || !history.is_silent(whose(&silence), now_ms())
            || history.trust(whose(&trust), now_ms()).is_none()
            || history.is_silent(whose(&undo), now_ms())
        {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, done).await.expect("all are carried through");
    for (hold, state) in [
        (ban, State::Denied),
        (silence, State::Denied),
        (trust, State::Approved),
        (undo, State::Held),
    ] {
        assert_eq!(house.doors.held(&hold.id).expect("it is there").state, state, "{}", hold.id);
    }
}

#[tokio::test]
async fn where_there_is_no_room_nothing_is_decided() {
    let (house, store) = watched(|config| config.history.decrees_max = 1).await;
    let ana = house.cookie("ana").await;
    let [first, second] = [house.held("u1", "so blorp").await, house.held("u2", "a blorp").await];
    ok(&house.act(&ana, &first.id, "ban", "{}").await);
    for act in ["ban", "trust", "allow"] {
        let refused = house.act(&ana, &second.id, act, "{}").await;
        assert_eq!((refused.status, &refused.json()["error"]), (409, &json!("decrees")), "{act}");
        assert_eq!(house.doors.held(&second.id).expect("it waits").state, State::Held, "{act}");
    }
    // Whoever comes second is told who was first, and not that there is no room.
    house.doors.decide(&second.id, Decision::Remove, "ben").await.expect("it waits");
    let late = house.act(&ana, &second.id, "ban", "{}").await;
    assert_eq!((late.status, &late.json()["error"]), (409, &json!("already")), "{}", late.body);
    assert_eq!(late.json()["by"], "ben");
    assert_eq!(store.wrong(), [""; 0]);
}

/// What becomes of a message when nobody decides.
fn at_the_end(house: &House, hold: &Hold) -> OnExpiry {
    house.doors.held(&hold.id).expect("it waits").on_expiry
}

/// A message that the clock would release.
async fn waiting(house: &House, sender: &str) -> Arc<Hold> {
    // Never the same twice, which would be dropped for that.
    let again = " and".repeat(house.doors.settler.holds.list().len());
    let held = house.held(sender, &format!("so blorp{again}")).await;
    let id = house.doors.settler.holds.fresh_id();
    let hold = Hold { id, on_expiry: OnExpiry::Release, ..Hold::clone(&held) };
    house.doors.settler.holds.hold(hold).await.expect("there is room")
}

#[tokio::test]
async fn who_is_silenced_is_not_heard_by_what_waits() {
    let house = holding("").await;
    let doors = &house.doors;
    let both = async || [waiting(&house, "u1").await, waiting(&house, "u1").await];
    let elsewhere = waiting(&house, "u2").await;
    assert_eq!(at_the_end(&house, &elsewhere), OnExpiry::Release);

    for act in ["ban", "time-out"] {
        let [first, second] = both().await;
        match act {
            "ban" => doors.ban_with(&first.id, "ana").await.expect("it waits"),
            _ => doors.time_out(&first.id, 600, "ana").await.expect("it waits"),
        };
        assert_eq!(at_the_end(&house, &second), OnExpiry::Drop, "{act}");
        doors.undo(&first.id, "ana").await.expect("just now");
        assert_eq!(at_the_end(&house, &second), OnExpiry::Release, "{act}: a mistake");
        assert_eq!(at_the_end(&house, &first), OnExpiry::Release, "{act}: a mistake");
    }
    let [first, second] = both().await;
    doors.decide(&first.id, Decision::Remove, "ana").await.expect("it waits");
    doors.ban(UNA, "ana").await.expect("they are banned");
    assert_eq!(at_the_end(&house, &second), OnExpiry::Drop, "banned by name");
    doors.undo(&first.id, "ana").await.expect("just now");
    assert_eq!(at_the_end(&house, &first), OnExpiry::Drop, "it comes back, its sender does not");
    doors.decide(&first.id, Decision::Release, "ana").await.expect("a person may");
    doors.unban(UNA, "ana").await.expect("it is lifted");
    assert_eq!(at_the_end(&house, &second), OnExpiry::Release);

    doors.silence(UNA, 600, "ana").await.expect("it may be");
    assert_eq!(at_the_end(&house, &second), OnExpiry::Drop, "silenced by name");
    doors.forgive(UNA, "ana").expect("they are forgiven");
    let given = async {
        while at_the_end(&house, &second) != OnExpiry::Release {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, given).await.expect("it is left to the clock again");
    assert_eq!(at_the_end(&house, &elsewhere), OnExpiry::Release, "nobody else's changed");
}

#[tokio::test]
async fn what_is_shown_of_who_is_silenced_by_name_is_taken_off() {
    let house = holding("").await;
    let (doors, history) = (&house.doors, &house.doors.settler.pipeline.history);
    let inlet = Inlet { name: "main".into(), position: Position::Egress, language: Language::En };
    let message =
        tidegate::message::Message { id: Some("7".into()), ..said("u1", "lobby", "hello") };
    let frame = Frame::Text("hello".into());
    doors.settler.settle(&inlet, &By::default(), &message, Some(frame)).await;
    doors.silence(UNA, 600, "ana").await.expect("it may be");
    assert!(history.take_shown_of("main", "lobby", "u1").is_empty(), "it was taken off before");
}

#[tokio::test]
async fn who_is_banned_is_told_so() {
    let house = holding("").await;
    let told = async |language: Language| {
        let inlet = Inlet { name: "main".into(), position: Position::Inline, language };
        let message = said("u1", "lobby", "hello");
        let frame = Frame::Text("hello".into());
        let ruled = house.doors.settler.settle(&inlet, &By::default(), &message, Some(frame)).await;
        assert_eq!(ruled.judgement.verdict, Verdict::Drop);
        let notice = &ruled.outcome.notices[0];
        (notice.kind, notice.text())
    };
    house.doors.silence(UNA, 600, "ana").await.expect("it may be");
    assert_eq!(told(Language::En).await.0, NoticeKind::TimedOut);
    house.doors.ban(UNA, "ana").await.expect("they are banned");
    let english = "You are banned; your message was not sent.".to_owned();
    assert_eq!(told(Language::En).await, (NoticeKind::Banned, english));
    let french = "Vous ne pouvez plus écrire ici. Votre message n’a pas été envoyé.".to_owned();
    assert_eq!(told(Language::Fr).await, (NoticeKind::Banned, french));
}
