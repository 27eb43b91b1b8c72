//! Compares the tokenizer with the one that training used, and tries what no vocabulary foresees.

use proptest::prelude::*;
use serde::Deserialize;
use tidegate::score::{
    manifest::{Manifest, ModelEntry},
    pieces::Pieces,
    text::model_text,
};

#[derive(Deserialize)]
struct Row {
    text: String,
    ids: Vec<Vec<i32>>,
}

fn read(model: &ModelEntry) -> (Pieces, usize) {
    let path = format!("{}/models/{}", env!("CARGO_MANIFEST_DIR"), model.pieces);
    (Pieces::parse(&std::fs::read(path).unwrap()).unwrap(), model.input_max)
}

#[test]
fn ids_are_those_of_training() {
    let manifest = Manifest::embedded().unwrap();
    let (second, _) = manifest.second().unwrap();
    for (model, rows, least) in [
        (manifest.first(), include_str!("../model/ids.jsonl"), 2_000),
        (second, include_str!("../model/deep_ids.jsonl"), 400),
    ] {
        are_those_of_training(model, rows, least);
    }
}

fn are_those_of_training(model: &ModelEntry, rows: &str, least: usize) {
    let (pieces, input_max) = read(model);
    let (mut seen, mut wrong) = (0, Vec::new());
    for line in rows.lines() {
        let row: Row = serde_json::from_str(line).unwrap();
        let ids = pieces.windows(&row.text, input_max);
        if ids != row.ids {
            wrong.push(format!("{:?}\n  {:?}\n  {ids:?}", row.text, row.ids));
        }
        seen += 1;
    }
    let shown = wrong.iter().take(5).cloned().collect::<Vec<_>>().join("\n");
    assert!(wrong.is_empty(), "{} of {seen} differ:\n{shown}", wrong.len());
    assert!(seen >= least, "only {seen} rows");
    println!("{}: {seen} texts cut as in training", model.name);
}

const WHOLE: &str = "<pad>\t0\n<unk>\t0\n<s>\t0\n</s>\t0\n▁\t-2\na\t-3\nab\t-4\n▁ab\t-9\nb\t-5\n";

#[test]
fn the_most_probable_pieces_win() {
    let pieces = Pieces::parse(WHOLE.as_bytes()).unwrap();
    for (text, expected) in [
        ("", vec![2, 3]),
        ("ab", vec![2, 4, 6, 3]),
        ("b a", vec![2, 4, 8, 4, 5, 3]),
        // What no piece covers is one unknown, however long.
        ("xyz", vec![2, 4, 1, 3]),
        ("axxb", vec![2, 4, 5, 1, 8, 3]),
        // No text spells a marker.
        ("<s>", vec![2, 4, 1, 3]),
    ] {
        assert_eq!(pieces.windows(text, 64), [expected], "{text}");
    }
}

#[test]
fn long_texts_are_read_in_windows() {
    let pieces = Pieces::parse(WHOLE.as_bytes()).unwrap();
    for (words, expected) in [(31, 1), (32, 2), (54, 2), (55, 3), (77, 3), (10_000, 3)] {
        let rows = pieces.windows(&"b ".repeat(words), 64);
        assert_eq!(rows.len(), expected, "{words} words");
        let whole = |row: &&Vec<i32>| row.len() <= 64 && row[0] == 2 && row.ends_with(&[3]);
        assert_eq!(rows.iter().filter(whole).count(), expected, "{words} words");
        // Three are enough for 77 words and one is at the end; of more the middle is left out.
        let joined = if words > 77 { &rows[..2] } else { &rows[..] };
        for pair in joined.windows(2) {
            // The first sixteen of a window are the last of the one before.
            let before = &pair[0][pair[0].len() - 17..pair[0].len() - 1];
            assert_eq!(before, &pair[1][1..17], "{words} words");
        }
    }
}

#[test]
fn bad_vocabularies_are_refused() {
    let long = format!("{WHOLE}{}\t-1\n", "a".repeat(257));
    for (what, file, said) in [
        ("nothing", String::new(), "line 1: no tab"),
        ("a missing marker", WHOLE.replacen("<unk>", "<unknown>", 1), "line 2: not <unk>"),
        ("no pieces", WHOLE.lines().take(4).collect::<Vec<_>>().join("\n"), "no pieces"),
        ("no number", WHOLE.replacen("-9", "-x", 1), "line 8: no number"),
        ("not a number", WHOLE.replacen("-9", "nan", 1), "line 8: not a log"),
        ("above certainty", WHOLE.replacen("-9", "9", 1), "line 8: not a log"),
        ("an empty piece", WHOLE.replacen("ab\t", "\t", 1), "line 7: not a piece"),
        ("a long piece", long, "line 10: not a piece"),
        ("a piece twice", format!("{WHOLE}a\t-1"), "line 10: a piece that was there"),
        ("an empty line", format!("{WHOLE}\n"), "line 10: no tab"),
    ] {
        let cause = Pieces::parse(file.as_bytes()).err().expect(what);
        assert!(cause.contains(said), "{what}: {cause}");
    }
    assert!(Pieces::parse(b"<pad>\t0\xff").is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_text_has_bounded_rows(
        text in "\\PC{0,300}|[a-c \u{0}-\u{2ff}\u{1f600}-\u{1f610}]{0,3000}",
    ) {
        let pieces = Pieces::parse(WHOLE.as_bytes()).unwrap();
        let rows = pieces.windows(&text, 64);
        prop_assert!((1..=3).contains(&rows.len()));
        prop_assert!(rows.iter().all(|row| (2..=64).contains(&row.len())));
        let known = |id: &i32| (0..pieces.count() as i32).contains(id);
        prop_assert!(rows.iter().flatten().all(known));
    }

    #[test]
    fn the_model_text_is_settled(text in "\\PC{0,200}|[a-c1 \u{0}-\u{2ff}]{0,200}") {
        let once = model_text(&text);
        prop_assert!(!once.contains("  ") && once.trim() == once);
        // Composed and folded characters may grow, by no more than a compatibility form does.
        prop_assert!(once.len() <= 18 * 4 * text.len().max(1));
    }

    #[test]
    fn no_bytes_are_too_much_for_the_parser(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Pieces::parse(&bytes);
        let mut file = WHOLE.as_bytes().to_vec();
        file.extend(bytes);
        let _ = Pieces::parse(&file);
    }
}
