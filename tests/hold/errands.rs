//! Leaves the queue of one process to another: what sessions of the old one ask is done by the new.

use std::sync::{Arc, atomic::Ordering};

use tidegate::{
    config::Position,
    history::Whose,
    hold::{Decision, Errand, Hold, State},
    message::Deleted,
    store::{Expect, Store, Table, Write},
};

use crate::life::{Dir, Life, REFUSES, config, live};

/// Two processes: the first has handed over to the second.
async fn successors(dirs: [&Dir; 2]) -> (Life, Arc<Life>) {
    let (old, new) = (live(dirs[0], config()).await, Arc::new(live(dirs[1], config()).await));
    let mut asked = old.queue.hand_over();
    let does = new.clone();
    tokio::spawn(async move {
        while let Some(asked) = asked.recv().await {
            asked.answer.send(does.queue.run(asked.errand).await).expect("somebody waits");
        }
    });
    (old, new)
}

fn seen(life: &Life, sender: &str, id: &str) -> Hold {
    let (mode, message_id) = (Position::Egress, Some(id.to_owned()));
    Hold { mode, message_id, ..life.message(1, sender) }
}

#[tokio::test]
async fn what_viewers_of_both_processes_see_is_held_once() {
    let dirs = [Dir::new(), Dir::new()];
    let (old, new) = successors([&dirs[0], &dirs[1]]).await;
    for (by, message, waiting) in [
        (&old, seen(&old, "una", "1"), 1),
        (&*new, seen(&new, "una", "1"), 1),
        (&old, seen(&old, "una", "1"), 1),
        (&*new, seen(&new, "una", "2"), 2),
        (&old, seen(&old, "una", "2"), 2),
        // An id says nothing of another sender, or of another text.
        (&old, seen(&old, "tom", "2"), 3),
        (&old, Hold { text: "blorp once more".into(), ..seen(&old, "tom", "2") }, 4),
        // Where nobody but its sender has sent it, each is another one.
        (&old, old.message(1, "una"), 5),
        (&old, old.message(1, "una"), 6),
    ] {
        by.queue.hold(message).await.unwrap();
        assert_eq!((old.queue.list().len(), new.queue.list().len()), (0, waiting));
    }
}

#[tokio::test]
async fn what_comes_by_both_at_once_is_held_once() {
    let dirs = [Dir::new(), Dir::new()];
    let (old, new) = successors([&dirs[0], &dirs[1]]).await;
    let (by_old, by_new) = (seen(&old, "una", "1"), seen(&new, "una", "1"));
    let (one, other) = tokio::join!(new.queue.hold(by_new), old.queue.hold(by_old));
    assert!(one.is_ok() && other.is_ok(), "{one:?} {other:?}");
    assert_eq!(new.queue.list().len(), 1);
}

#[tokio::test]
async fn what_is_deleted_while_the_store_is_left_is_withdrawn_by_the_next() {
    let dirs = [Dir::new(), Dir::new()];
    let (old, new) = (live(&dirs[0], config()).await, live(&dirs[1], config()).await);
    for id in ["1", "2", "3"] {
        let hold = seen(&old, "una", id);
        old.queue.hold(hold.clone()).await.unwrap();
        new.queue.run(Errand::Hold { hold: Box::new(hold), record: None }).await.unwrap();
    }
    old.store.mode.store(REFUSES, Ordering::SeqCst);
    let deleted = [Deleted::Channel("room".to_owned())];
    let leaves = async {
        let mut asked = old.queue.hand_over();
        let asked = asked.recv().await.expect("the sender's session asks");
        asked.answer.send(new.queue.run(asked.errand).await).expect("it waits");
    };
    tokio::join!(old.queue.withdraw_deleted("/chat", &deleted), leaves);
    assert!(new.queue.list().is_empty());
}

#[tokio::test]
async fn what_is_deleted_or_written_is_so_where_it_is_held() {
    let dirs = [Dir::new(), Dir::new()];
    let (old, new) = successors([&dirs[0], &dirs[1]]).await;
    let [gone, stays] = ["1", "2"].map(|id| seen(&old, "una", id));
    for hold in [&gone, &stays] {
        old.queue.hold(hold.clone()).await.unwrap();
    }
    old.queue.withdraw_deleted("/chat", &[Deleted::Message("1".to_owned())]).await;
    let state = |hold: &Hold| new.queue.find(&hold.id).unwrap().state;
    assert_eq!((state(&gone), state(&stays)), (State::Withdrawn, State::Held));

    new.queue.decide(&stays.id, Decision::Release, "ana").await.unwrap();
    assert!(new.queue.claim(&stays.id).await.unwrap());
    old.queue.written(&stays.id, true).await;
    let written = new.queue.find(&stays.id).unwrap().decided.as_ref().unwrap().written;
    assert_eq!(written, Some(true));
}

#[tokio::test]
async fn rows_are_written_or_it_is_said_that_they_are_not() {
    let dirs = [Dir::new(), Dir::new()];
    let (old, _new) = successors([&dirs[0], &dirs[1]]).await;
    let whose = Whose { route: "/chat", channel: "room", sender: "una" };
    let row = |key: &str| {
        let (key, value) = (key.to_owned(), Some(b"a ban".to_vec()));
        vec![Write { table: Table::Decrees, key, expect: Expect::Absent, value }]
    };
    old.queue.keep_back(whose, row("1")).await.unwrap();
    assert!(old.store.load(Table::Decrees, "1").await.unwrap().is_some(), "the store is here yet");
    old.store.store.close();
    assert!(old.queue.keep_back(whose, row("2")).await.is_err(), "nobody may believe it");
    // Of what waits alone the new one takes care.
    old.queue.keep_back(whose, Vec::new()).await.unwrap();
}
