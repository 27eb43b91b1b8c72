//! Opens a damaged store: everything that was written is there, or the file is refused.

use std::{
    fs,
    panic::{self, PanicHookInfo},
    path::{Path, PathBuf},
    sync::LazyLock,
};

use tidegate::store::{self, Entries, Expect, Store, StoreError, Table, Write};
use tokio::runtime::{Builder, Runtime};

use crate::input::Input;

const CHANGES_MAX: usize = 4;

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    quiet();
    Builder::new_current_thread().enable_time().build().expect("a runtime of one thread")
});

/// The library below may panic over a page that is not what was written; the store catches that.
/// Only a panic of our own is a finding.
fn quiet() {
    let loud = panic::take_hook();
    let quiet = move |info: &PanicHookInfo| {
        let theirs = |file: &str| file.contains("/registry/") || file.starts_with("/rustc/");
        if !info.location().is_some_and(|place| theirs(place.file())) {
            loud(info);
        }
    };
    panic::set_hook(Box::new(quiet));
}

fn folder(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("tidegate-fuzz-{name}-{}", std::process::id()))
}

fn file(folder: &Path) -> PathBuf {
    folder.join("tidegate.redb")
}

/// The bytes of a whole file, and what is in it.
static GENUINE: LazyLock<(Vec<u8>, Entries)> = LazyLock::new(|| {
    let folder = folder("whole");
    let rows = RUNTIME.block_on(async {
        let store = store::open(&folder).expect("a new store");
        for set in 0..4 {
            let put = |number: usize| {
                row(&format!("{set}-{number}"), Expect::Absent, "blorp ".repeat(10 * number))
            };
            store.commit((0..10).map(put).collect()).await.expect("the disk works");
        }
        all(&*store).await.expect("the disk works")
    });
    let bytes = fs::read(file(&folder)).expect("the file is there");
    let _ = fs::remove_dir_all(&folder);
    (bytes, rows)
});

fn row(key: &str, expect: Expect, value: String) -> Write {
    Write { table: Table::Holds, key: key.into(), expect, value: Some(value.into_bytes()) }
}

async fn all(store: &dyn Store) -> Result<Entries, StoreError> {
    store.scan(Table::Holds, "", usize::MAX).await
}

pub fn check(bytes: &[u8]) {
    static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| folder("damaged"));
    let (whole, rows) = &*GENUINE;
    let mut damaged = whole.clone();
    let mut input = Input::new(bytes);
    for _ in 0..1 + input.below(CHANGES_MAX) {
        change(&mut damaged, &mut input);
    }
    fs::create_dir_all(&*FOLDER).expect("the folder for temporary files can be written");
    fs::write(file(&FOLDER), &damaged).expect("the folder for temporary files can be written");
    RUNTIME.block_on(async {
        let store = match store::open(&FOLDER) {
            Ok(store) => store,
            Err(StoreError::Corrupt { place, cause }) => {
                assert!(place.contains("tidegate.redb"), "{place}");
                return assert!(cause.contains("move the file away"), "{cause}");
            }
            Err(other) => panic!("{other}"),
        };
        assert_eq!(all(&*store).await.expect("what was opened is read"), *rows, "other data");
        let written = store.commit(vec![row("new", Expect::Absent, "value".into())]).await;
        let found = store.load(Table::Holds, "new").await;
        if let (Ok(()), Ok(found)) = (written, found) {
            assert_eq!(found.as_deref(), Some(&b"value"[..]), "what was written is lost");
        }
    });
}

/// A few bytes flipped, zeroed or taken from elsewhere, or the end cut off.
fn change(file: &mut Vec<u8>, input: &mut Input) {
    if file.is_empty() {
        return;
    }
    let mut place = || {
        let place = (0..3).fold(0, |place, _| place << 8 | usize::from(input.byte()));
        place % file.len()
    };
    let (at, from) = (place(), place());
    let length = (1 << input.below(14)).min(file.len() - at.max(from));
    match input.below(5) {
        0 => file[at] ^= input.byte().max(1),
        1 => file[at..at + length].fill(input.byte()),
        2 => file.copy_within(from..from + length, at),
        3 => file.truncate(at),
        _ => file.extend(std::iter::repeat_n(0, length)),
    }
}
