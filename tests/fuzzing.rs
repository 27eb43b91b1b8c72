//! Holds the fuzz targets to their table, their corpora and their page.

use std::{collections::BTreeSet, fs, path::Path};

/// A clone is not to wait for them.
const CORPORA_BYTES_MAX: u64 = 2 * 1024 * 1024;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The names in `TARGETS`, as they stand in the source.
fn targets() -> BTreeSet<String> {
    let source = fs::read_to_string(root().join("fuzz/src/targets.rs")).expect("the table");
    let (_, table) = source.split_once("TARGETS:").expect("the table is named TARGETS");
    let rows = table.lines().filter_map(|line| line.trim().strip_prefix("(\""));
    rows.filter_map(|row| Some(row.split_once('"')?.0.to_owned())).collect()
}

#[test]
fn every_target_has_a_corpus_and_is_described() {
    let targets = targets();
    assert!(targets.len() >= 10, "only {} targets", targets.len());
    let page = fs::read_to_string(root().join("docs/fuzzing.md")).expect("the page");
    let (mut folders, mut bytes) = (BTreeSet::new(), 0);
    for entry in fs::read_dir(root().join("fuzz/data")).expect("the corpora") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            folders.insert(path.file_name().expect("a name").to_string_lossy().into_owned());
            let files = fs::read_dir(&path).expect("a corpus").flatten();
            let sizes: Vec<u64> = files.map(|f| f.metadata().expect("a file").len()).collect();
            assert!(!sizes.is_empty(), "{} is empty", path.display());
            bytes += sizes.iter().sum::<u64>();
        }
    }
    assert_eq!(folders, targets, "folders in fuzz/data and rows in TARGETS");
    assert!(bytes <= CORPORA_BYTES_MAX, "{bytes} bytes of corpora");
    for target in &targets {
        assert!(page.contains(&format!("`{target}`")), "docs/fuzzing.md lacks {target}");
    }
}
