//! Holds every store to one contract: conditions, atomicity, order, durability, refusal of damage.

#![allow(clippy::unwrap_used, reason = "what fails in a test may panic, in its helpers too")]

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use tidegate::store::{Expect, STORES, Store, StoreError, Table, Write};

type Open = fn(&Path) -> Result<Arc<dyn Store>, StoreError>;

/// A directory of its own that goes away with the test.
struct Dir(PathBuf);

impl Dir {
    fn new() -> Dir {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let next = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("tidegate-store-{}-{next}", std::process::id());
        Dir(std::env::temp_dir().join(name))
    }

    /// The store's data file: the one that is not the lock.
    fn file(&self) -> PathBuf {
        let files = fs::read_dir(&self.0).unwrap().map(|entry| entry.unwrap().path());
        files.max_by_key(|path| fs::metadata(path).unwrap().len()).unwrap()
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn write(key: &str, expect: Expect, value: Option<&str>) -> Write {
    let value = value.map(|value| value.as_bytes().to_vec());
    Write { table: Table::Holds, key: key.to_owned(), expect, value }
}

fn exactly(value: &str) -> Expect {
    Expect::Exactly(value.as_bytes().to_vec())
}

async fn all(store: &dyn Store) -> Vec<(String, String)> {
    let found = store.scan(Table::Holds, "", usize::MAX).await.unwrap();
    found.into_iter().map(|(k, v)| (k, String::from_utf8(v).unwrap())).collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect()
}

/// What is written, the key that conflicts, and what is there afterwards.
type Step = (Vec<Write>, Option<&'static str>, &'static [(&'static str, &'static str)]);

#[tokio::test]
async fn conditions_decide_whole_write_sets() {
    for (name, open) in STORES {
        let dir = Dir::new();
        let store = open(&dir.0).unwrap();
        let steps: [Step; 9] = [
            (vec![write("a", Expect::Absent, Some("1"))], None, &[("a", "1")]),
            (vec![write("a", Expect::Absent, Some("2"))], Some("a"), &[("a", "1")]),
            (vec![write("a", exactly("0"), Some("2"))], Some("a"), &[("a", "1")]),
            (vec![write("a", exactly("1"), Some("2"))], None, &[("a", "2")]),
            (vec![write("x", exactly(""), Some("2"))], Some("x"), &[("a", "2")]),
            (
                vec![write("b", Expect::Absent, Some("1")), write("a", exactly("1"), None)],
                Some("a"),
                &[("a", "2")],
            ),
            (
                vec![write("b", Expect::Absent, Some("")), write("a", exactly("2"), None)],
                None,
                &[("b", "")],
            ),
            (vec![write("b", exactly(""), Some("é\n"))], None, &[("b", "é\n")]),
            (vec![], None, &[("b", "é\n")]),
        ];
        for (number, (writes, conflict, after)) in steps.into_iter().enumerate() {
            let answer = store.commit(writes).await;
            match (&answer, conflict) {
                (Ok(()), None) => {}
                (Err(StoreError::Conflict(key)), Some(expected)) => assert_eq!(key, expected),
                _ => panic!("{name} step {number}: {answer:?}"),
            }
            assert_eq!(all(&*store).await, pairs(after), "{name} step {number}");
        }
        assert_eq!(store.load(Table::Holds, "b").await.unwrap().unwrap(), "é\n".as_bytes());
        assert_eq!(store.load(Table::Holds, "a").await.unwrap(), None);
        assert_eq!(store.load(Table::Texts, "b").await.unwrap(), None, "{name}: tables mix");
    }
}

#[tokio::test]
async fn scans_are_ordered_limited_and_go_on_after_a_key() {
    for (name, open) in STORES {
        let dir = Dir::new();
        let store = open(&dir.0).unwrap();
        let keys = ["b", "a", "c/2", "c", "c/1", "~", "0"];
        let put = |key: &&str| write(key, Expect::Absent, Some(key));
        store.commit(keys.iter().map(put).collect()).await.unwrap();
        let check = async |after: &str, limit: usize, expected: &[&str]| {
            let found = store.scan(Table::Holds, after, limit).await.unwrap();
            let found: Vec<_> = found.iter().map(|(key, _)| key.as_str()).collect();
            assert_eq!(found, expected, "{name} after {after:?}");
        };
        check("", 10, &["0", "a", "b", "c", "c/1", "c/2", "~"]).await;
        check("", 2, &["0", "a"]).await;
        check("a", 2, &["b", "c"]).await;
        check("bb", 1, &["c"]).await;
        check("c/", 9, &["c/1", "c/2", "~"]).await;
        check("~", 9, &[]).await;
        check("", 0, &[]).await;
    }
}

#[tokio::test]
async fn everything_is_there_after_a_restart() {
    for (name, open) in STORES {
        let dir = Dir::new();
        for round in 0..3 {
            let store = open(&dir.0).unwrap();
            assert_eq!(all(&*store).await.len(), round, "{name}");
            let key = round.to_string();
            store.commit(vec![write(&key, Expect::Absent, Some("v"))]).await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_copy_taken_without_a_clean_stop_has_every_commit() {
    for (name, open) in STORES {
        let (dir, copy) = (Dir::new(), Dir::new());
        let store = open(&dir.0).unwrap();
        for round in 0..20 {
            let key = format!("{round:02}");
            store.commit(vec![write(&key, Expect::Absent, Some("v"))]).await.unwrap();
            // What a kill leaves behind: the bytes as they lie there now.
            let _ = fs::remove_dir_all(&copy.0);
            fs::create_dir_all(&copy.0).unwrap();
            let file = dir.file();
            fs::copy(&file, copy.0.join(file.file_name().unwrap())).unwrap();
            let after = open(&copy.0).unwrap();
            assert_eq!(all(&*after).await.len(), round + 1, "{name}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_that_want_the_same_one_wins() {
    for (name, open) in STORES {
        let dir = Dir::new();
        let store = open(&dir.0).unwrap();
        for round in 0..5 {
            let mut tasks = Vec::new();
            for me in 0..40 {
                let store = store.clone();
                let expect = match round {
                    0 => Expect::Absent,
                    _ => exactly(&format!("round {}", round - 1)),
                };
                let mine = write("it", expect, Some(&format!("round {round}")));
                let winner =
                    write(&format!("winner {round}"), Expect::Anything, Some(&me.to_string()));
                tasks.push(tokio::spawn(
                    async move { (me, store.commit(vec![mine, winner]).await) },
                ));
            }
            let mut winners = Vec::new();
            for task in tasks {
                match task.await.unwrap() {
                    (me, Ok(())) => winners.push(me.to_string()),
                    (_, Err(StoreError::Conflict(key))) => assert_eq!(key, "it"),
                    (_, Err(other)) => panic!("{name}: {other}"),
                }
            }
            let stored = store.load(Table::Holds, &format!("winner {round}")).await.unwrap();
            assert_eq!(winners, [String::from_utf8(stored.unwrap()).unwrap()], "{name}");
        }
    }
}

#[tokio::test]
async fn a_directory_in_use_is_refused_and_named() {
    for (name, open) in STORES {
        let dir = Dir::new();
        let first = open(&dir.0).unwrap();
        match open(&dir.0).err() {
            Some(StoreError::Unavailable { place, cause }) => {
                assert!(place.contains(dir.0.to_str().unwrap()), "{name}: {place}");
                assert!(cause.contains("another process"), "{name}: {cause}");
            }
            other => panic!("{name}: {other:?}"),
        }
        drop(first);
        assert!(open(&dir.0).is_ok(), "{name}: still locked");
    }
}

#[tokio::test]
async fn a_place_that_cannot_be_written_is_named() {
    for (name, open) in STORES {
        let dir = Dir::new();
        fs::create_dir_all(&dir.0).unwrap();
        let inside_a_file = dir.0.join("file").join("state");
        fs::write(dir.0.join("file"), "").unwrap();
        match open(&inside_a_file).err() {
            Some(StoreError::Unavailable { place, .. }) => {
                assert!(place.contains("state"), "{name}: {place}")
            }
            other => panic!("{name}: {other:?}"),
        }
    }
}

/// Opens a damaged file: everything that was written is there, or it is refused and named.
async fn refused(open: Open, dir: &Dir, what: &str, written: &[(String, String)]) -> bool {
    match open(&dir.0) {
        Ok(store) => {
            assert_eq!(all(&*store).await, written, "{what}: other data than was written");
            false
        }
        Err(StoreError::Corrupt { place, cause }) => {
            assert!(place.contains(dir.0.to_str().unwrap()), "{what}: {place}");
            assert!(cause.contains("move the file away"), "{what}: {cause}");
            true
        }
        Err(other) => panic!("{what}: {other}"),
    }
}

async fn sample(open: Open, dir: &Dir) -> (PathBuf, Vec<u8>, Vec<(String, String)>) {
    let store = open(&dir.0).unwrap();
    for set in 0..8 {
        let put =
            |n: usize| write(&format!("{set}-{n}"), Expect::Absent, Some(&"blorp ".repeat(n)));
        store.commit((0..40).map(put).collect()).await.unwrap();
    }
    let written = all(&*store).await;
    drop(store);
    let file = dir.file();
    let bytes = fs::read(&file).unwrap();
    (file, bytes, written)
}

#[tokio::test]
async fn a_file_cut_short_is_refused() {
    for (name, open) in STORES {
        let dir = Dir::new();
        let (file, bytes, written) = sample(*open, &dir).await;
        for part in 0..64 {
            let length = bytes.len() * part / 64;
            fs::write(&file, &bytes[..length]).unwrap();
            let what = format!("{name} cut to {length} of {}", bytes.len());
            assert!(refused(*open, &dir, &what, &written).await, "{what}: accepted");
        }
        for length in [1, 8, 63, 64, 320, 4095, bytes.len() - 1] {
            fs::write(&file, &bytes[..length]).unwrap();
            let what = format!("{name} cut to {length}");
            assert!(refused(*open, &dir, &what, &written).await, "{what}: accepted");
        }
    }
}

#[tokio::test]
async fn flipped_bytes_are_harmless_or_refused() {
    for (name, open) in STORES {
        let dir = Dir::new();
        let (file, bytes, written) = sample(*open, &dir).await;
        // Every byte of the header, then one in some that shares no factor with the page size.
        let places = (0..320).chain((320..bytes.len()).step_by((bytes.len() / 200) | 1));
        let mut refusals = 0;
        for place in places {
            let mut damaged = bytes.clone();
            damaged[place] ^= 0x55;
            fs::write(&file, &damaged).unwrap();
            let what = format!("{name} byte {place}");
            refusals += usize::from(refused(*open, &dir, &what, &written).await);
        }
        assert!(refusals > 0, "{name}: no flip was noticed");
    }
}

/// What was acknowledged and is then damaged must not pass for a commit that power cut short.
#[tokio::test]
async fn a_damaged_last_commit_is_not_taken_back_in_silence() {
    for (name, open) in STORES {
        let (dir, copy) = (Dir::new(), Dir::new());
        let store = open(&dir.0).unwrap();
        let put = |n: usize| write(&format!("{n}"), Expect::Absent, Some(&"blorp ".repeat(n)));
        store.commit((0..40).map(put).collect()).await.unwrap();
        let before = fs::read(dir.file()).unwrap();
        store.commit((40..80).map(put).collect()).await.unwrap();
        let written = all(&*store).await;
        // What a kill leaves behind, and of that what the last commit wrote beyond the header.
        let after = fs::read(dir.file()).unwrap();
        let changed = (512..after.len()).filter(|at| before.get(*at) != after.get(*at));
        let changed: Vec<usize> = changed.collect();
        fs::create_dir_all(&copy.0).unwrap();
        let file = copy.0.join(dir.file().file_name().unwrap());
        let mut refusals = 0;
        for place in changed.iter().step_by(changed.len() / 50 + 1) {
            let mut damaged = after.clone();
            damaged[*place] ^= 0x55;
            fs::write(&file, &damaged).unwrap();
            let what = format!("{name} byte {place}");
            refusals += usize::from(refused(*open, &copy, &what, &written).await);
        }
        assert!(refusals > 0, "{name}: no damage was noticed");
    }
}

#[tokio::test]
async fn files_of_others_are_refused() {
    for (name, open) in STORES {
        let foreign_bytes: [&[u8]; 4] = [b"", b"#!/bin/sh\n", &[0; 8192], &[0xff; 1 << 20]];
        let dir = Dir::new();
        let (file, ..) = sample(*open, &dir).await;
        for bytes in foreign_bytes {
            fs::write(&file, bytes).unwrap();
            let what = format!("{name} {} foreign bytes", bytes.len());
            assert!(refused(*open, &dir, &what, &[]).await, "{what}: accepted");
        }
        fs::remove_file(&file).unwrap();
        drop(redb::Database::create(&file).unwrap());
        let what = format!("{name}: another program's database");
        assert!(refused(*open, &dir, &what, &[]).await, "{what}: accepted");
    }
}

/// Changes the closed file as another version of Tidegate would.
fn changed(file: &Path, change: impl FnOnce(&redb::WriteTransaction)) {
    let database = redb::Database::open(file).unwrap();
    let transaction = database.begin_write().unwrap();
    change(&transaction);
    transaction.commit().unwrap();
}

const META: redb::TableDefinition<&str, &[u8]> = redb::TableDefinition::new("meta");
const HOLDS: redb::TableDefinition<&str, u64> = redb::TableDefinition::new("holds");
const DECREES: redb::TableDefinition<&str, &[u8]> = redb::TableDefinition::new("decrees");

#[tokio::test]
async fn a_later_format_is_refused_and_an_earlier_file_goes_on() {
    let (_, open) = STORES[0];
    let later = Dir::new();
    let (file, ..) = sample(open, &later).await;
    changed(&file, |transaction| {
        transaction.open_table(META).unwrap().insert("format", &b"2"[..]).unwrap();
    });
    assert!(refused(open, &later, "format 2", &[]).await);
    let Err(StoreError::Corrupt { cause, .. }) = open(&later.0) else { panic!("accepted") };
    assert!(cause.contains("another version of Tidegate"), "{cause}");

    // Decrees are younger than the format: what lacks their table gets it with the first of them.
    let earlier = Dir::new();
    let (file, _, written) = sample(open, &earlier).await;
    changed(&file, |transaction| assert!(transaction.delete_table(DECREES).unwrap()));
    let store = open(&earlier.0).unwrap();
    assert_eq!(store.load(Table::Decrees, "d").await.unwrap(), None);
    assert_eq!(store.scan(Table::Decrees, "", 9).await.unwrap(), []);
    let decree = || Write { table: Table::Decrees, ..write("d", Expect::Absent, Some("until")) };
    store.commit(vec![decree()]).await.unwrap();
    assert_eq!(store.load(Table::Decrees, "d").await.unwrap(), Some(b"until".to_vec()));
    assert!(matches!(store.commit(vec![decree()]).await, Err(StoreError::Conflict(_))));
    assert_eq!(all(&*store).await, written);
}

/// Rows whose type is another's are met after the file was opened, and are damage all the same;
/// what is asked of it next is answered as before.
#[tokio::test]
async fn a_table_that_is_not_ours_is_named_as_damage() {
    let (_, open) = STORES[0];
    let dir = Dir::new();
    let (file, ..) = sample(open, &dir).await;
    changed(&file, |transaction| {
        let ours: redb::TableDefinition<&str, &[u8]> = redb::TableDefinition::new("holds");
        assert!(transaction.delete_table(ours).unwrap());
        transaction.open_table(HOLDS).unwrap().insert("0-0", 7).unwrap();
    });
    let store = open(&dir.0).unwrap();
    for _ in 0..2 {
        let read = store.load(Table::Holds, "0-0").await;
        assert!(matches!(read, Err(StoreError::Corrupt { .. })), "{read:?}");
        let written = store.commit(vec![write("new", Expect::Absent, Some("1"))]).await;
        assert!(matches!(written, Err(StoreError::Corrupt { .. })), "{written:?}");
    }
    let other = Write { table: Table::Meta, ..write("m", Expect::Absent, Some("1")) };
    store.commit(vec![other]).await.unwrap();
    assert_eq!(store.load(Table::Meta, "m").await.unwrap(), Some(b"1".to_vec()));
}
