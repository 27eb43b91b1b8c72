//! Checks that the tree keeps the house style and the layering, and that each check can fail.

#[path = "tidy/hostile.rs"]
mod hostile;
#[path = "tidy/layers.rs"]
mod layers;
#[path = "tidy/shape.rs"]
mod shape;
#[path = "tidy/source.rs"]
mod source;
#[path = "tidy/words.rs"]
mod words;

use source::Source;

/// One rule of the house: a pure function from a file to what is wrong with it.
struct Check {
    name: &'static str,
    find: fn(&Source) -> Vec<String>,
    /// A file (path, text) that breaks the rule: proof that the check can fail.
    guilty: &'static [(&'static str, &'static str)],
    /// Files that look like it and do not break it.
    innocent: &'static [(&'static str, &'static str)],
}

fn checks() -> Vec<Check> {
    shape::CHECKS.into_iter().chain(layers::CHECKS).chain(words::CHECKS).collect()
}

/// The mean length that the house style asks for is near 200; this is where near ends.
const MEAN_LINES_MAX: usize = 300;

#[test]
fn the_tree_is_tidy() {
    let files = source::tree();
    assert!(files.len() > 20, "only {} files found: is this the repository?", files.len());
    let mut wrong = Vec::new();
    for check in checks() {
        for file in &files {
            let found = (check.find)(file).into_iter();
            wrong.extend(found.map(|what| format!("{}: {what} [{}]", file.path, check.name)));
        }
    }
    wrong.sort();
    assert!(wrong.is_empty(), "{} violations:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn files_are_short_on_average() {
    let files = source::tree();
    let lengths: Vec<usize> =
        files.iter().filter(|f| f.path.starts_with("src/")).map(|f| f.lines().count()).collect();
    let mean = shape::mean(&lengths);
    println!("{} files under src/, {mean} lines on average", lengths.len());
    assert!(mean <= MEAN_LINES_MAX, "the mean file has {mean} lines, {MEAN_LINES_MAX} at most");
    assert_eq!(shape::mean(&[100, 200, 600]), 300);
}

#[test]
fn each_check_can_fail() {
    for check in checks() {
        assert!(!check.guilty.is_empty(), "{} has no planted violation", check.name);
        for (path, text) in check.guilty {
            let found = (check.find)(&Source::new(path, text));
            assert!(!found.is_empty(), "{} did not see {text:?} in {path}", check.name);
        }
        for (path, text) in check.innocent {
            let found = (check.find)(&Source::new(path, text));
            assert!(found.is_empty(), "{} saw {found:?} in {text:?}", check.name);
        }
    }
}

#[test]
fn every_module_stands_in_the_table() {
    let files = source::tree();
    let missing = layers::unplaced(files.iter().map(|file| file.path.as_str()));
    assert!(missing.is_empty(), "not in the layering table: {missing:?}");
    assert_eq!(
        layers::unplaced(["src/lib.rs", "src/act.rs", "src/blorp.rs"].into_iter()),
        ["blorp"]
    );
}

#[test]
fn hostile_words_stand_in_data_files_alone() {
    let files = source::tree();
    let listed = hostile::listed(&files);
    let wrong: Vec<String> = files
        .iter()
        .flat_map(|file| {
            let found = hostile::spoken(file, &listed).into_iter();
            found.map(|what| format!("{}: {what}", file.path))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));

    // Planted: a word of the real lists in a comment, where there are lists, and invented ones.
    let list = Source::new("wordlists/en/hate.txt", "# blorp\n3 word Grembl\n1 word splorp\n");
    let invented = hostile::listed(&[list]);
    let real = listed.first().map(String::as_str).unwrap_or("grembl");
    for (path, text, lists, expected) in [
        (
            "src/x.rs",
            format!("// a {real} here\n"),
            if listed.is_empty() { &invented } else { &listed },
            1,
        ),
        ("src/x.rs", "fn a_GREMBL_b() {}\n".to_owned(), &invented, 1),
        ("docs/x.md", "grembls, blorp and splorp\n".to_owned(), &invented, 0),
        ("tests/data/x.txt", "grembl\n".to_owned(), &invented, 0),
    ] {
        let found = hostile::spoken(&Source::new(path, &text), lists);
        assert_eq!(found.len(), expected, "{path}: {found:?}");
    }
}
