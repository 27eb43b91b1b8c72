//! Reads manifests, model files and vocabularies that nobody vouches for.

use std::{path::Path, sync::LazyLock};

use tidegate::score::{check_file, manifest::Manifest, pieces::Pieces, text::model_text};

use crate::input::Input;

/// What frames every row.
const FRAME: (i32, i32) = (2, 3);
const WINDOWS_MAX: usize = 3;

pub fn manifest(bytes: &[u8]) {
    let text = Input::new(bytes).text();
    let manifest = match Manifest::parse(&text, "file") {
        Ok(manifest) => manifest,
        Err(causes) => {
            assert!(!causes.is_empty());
            return assert!(causes.iter().all(|cause| cause.starts_with("file:")), "{causes:?}");
        }
    };
    assert_eq!(manifest, Manifest::parse(&text, "file").expect("it was read"));
    for model in &manifest.models {
        for file in [&model.file, &model.pieces] {
            assert!(!file.contains(['/', '\\', '\0']) && !file.starts_with('.'), "{file:?}");
        }
        let card = model.card();
        assert_eq!(card.heads.len(), model.heads.len());
        let thresholds = card.thresholds.values().flat_map(|own| own.values());
        assert!(thresholds.into_iter().all(|threshold| (0.0..=1.0).contains(threshold)));
    }
    assert_eq!(manifest.first(), &manifest.models[0]);
    if let Some((second, when)) = manifest.second() {
        assert!(second.name == when.model && second.heads == manifest.first().heads);
    }
}

pub fn model(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let heads = 1 + input.below(3);
    let file = input.bytes();
    match check_file(file, heads) {
        Err(cause) => assert!(!cause.is_empty() && !cause.contains('\u{1b}'), "{cause:?}"),
        Ok(()) => {
            // Another graph, and functions, each as large as nothing: parts 7 and 25.
            for more in [&[0x3a, 0][..], &[0xca, 1, 0]] {
                assert!(check_file(&[file, more].concat(), heads).is_err(), "a part more");
            }
        }
    }
}

pub fn pieces(bytes: &[u8]) {
    /// That of the embedded model.
    static SHIPPED: LazyLock<Pieces> = LazyLock::new(|| {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models");
        let manifest = Manifest::embedded().expect("the manifest is right");
        let file = folder.join(&manifest.first().pieces);
        let file = std::fs::read(file).expect("the vocabulary is there");
        Pieces::parse(&file).expect("the vocabulary is right")
    });
    let mut input = Input::new(bytes);
    let (own, input_max) = (input.flag(), 24 + 8 * input.below(61));
    let bytes = input.bytes();
    if !own {
        return windows(&SHIPPED, &String::from_utf8_lossy(bytes), input_max);
    }
    // A vocabulary, a NUL, a text.
    let mut halves = bytes.splitn(2, |byte| *byte == 0);
    let (file, text) = (halves.next().unwrap_or_default(), halves.next().unwrap_or_default());
    match Pieces::parse(file) {
        Ok(pieces) => windows(&pieces, &String::from_utf8_lossy(text), input_max),
        Err(cause) => assert!(!cause.is_empty()),
    }
}

fn windows(pieces: &Pieces, text: &str, input_max: usize) {
    let rows = pieces.windows(text, input_max);
    assert!((1..=WINDOWS_MAX).contains(&rows.len()), "{} windows", rows.len());
    for row in &rows {
        assert!((2..=input_max).contains(&row.len()), "{} of {input_max} ids", row.len());
        let (first, last) = (row[0], row[row.len() - 1]);
        assert_eq!((first, last), FRAME);
        assert!(row.iter().all(|id| usize::try_from(*id).is_ok_and(|id| id < pieces.count())));
    }
    let read = model_text(text);
    assert!(!read.contains(char::is_control) && !read.contains("  "), "{read:?}");
    assert_eq!(read.trim(), read);
}
