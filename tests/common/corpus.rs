//! Reads the lines of `tests/corpus` with what is expected of them.

use std::{fs, path::Path};

use tidegate::message::Category;

/// One line: what is expected, and the text.
pub struct Line {
    pub place: String,
    /// The file's name without its ending.
    pub file: String,
    /// Nothing at all, or a category and perhaps a severity.
    pub expected: Option<(Category, Option<u8>)>,
    pub text: String,
}

/// The lines of the files whose names are wanted, in both languages.
pub fn corpus(wanted: impl Fn(&str) -> bool) -> Vec<Line> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let mut lines = Vec::new();
    for lang in ["en", "fr"] {
        let folder = fs::read_dir(root.join(lang)).expect("the corpus has this language");
        for path in folder.map(|entry| entry.expect("the folder can be read").path()) {
            let stem = path.file_stem().and_then(|stem| stem.to_str()).expect("a plain name");
            if wanted(stem) {
                lines.extend(read(&path, stem));
            }
        }
    }
    lines
}

fn read(path: &Path, stem: &str) -> Vec<Line> {
    let text = fs::read_to_string(path).expect("the file can be read");
    let lines = (1..).zip(text.lines()).filter(|(_, line)| !line.is_empty());
    let line = |(number, line): (usize, &str)| {
        let place = format!("{}:{number}", path.display());
        let (expected, text) = line.split_once('\t').expect(&place);
        let expected = (expected != "-").then(|| {
            let (name, severity) = match expected.split_once(':') {
                Some((name, severity)) => (name, severity.parse().ok()),
                None => (expected, None),
            };
            (Category::named(name).expect(&place), severity)
        });
        // Invisible characters would be lost on whoever edits these files.
        Line { place, file: stem.to_owned(), expected, text: unescape(text) }
    };
    lines.map(line).collect()
}

/// `\u{200b}` as Rust writes it.
pub fn unescape(text: &str) -> String {
    let mut parts = text.split("\\u{");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (code, rest) = part.split_once('}').expect("an escape ends");
        let code = u32::from_str_radix(code, 16).expect("an escape is hexadecimal");
        plain.push(char::from_u32(code).expect("an escape is a character"));
        plain.push_str(rest);
    }
    plain
}
