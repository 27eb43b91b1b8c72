//! Reads source files and blanks what is not code.

use std::{fs, path::Path};

/// One file, as it stands and with parts blanked; all three have the same lines.
pub struct Source {
    pub path: String,
    pub text: String,
    /// Comments blanked.
    pub uncommented: String,
    /// Comments, strings and character literals blanked.
    pub code: String,
}

impl Source {
    pub fn new(path: &str, text: &str) -> Source {
        let (uncommented, code) = match path.ends_with(".rs") {
            true => blank(text),
            false => (text.to_owned(), text.to_owned()),
        };
        Source { path: path.to_owned(), text: text.to_owned(), uncommented, code }
    }

    pub fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    pub fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        numbered(&self.text)
    }

    /// The first line of the file's tests; `usize::MAX` where it has none.
    fn tests_from(&self) -> usize {
        let path = &self.path;
        if path.starts_with("tests/") || path.ends_with("/tests.rs") || path.contains("/tests/") {
            return 1;
        }
        let mut lines = numbered(&self.code).peekable();
        while let Some((number, line)) = lines.next() {
            let next = lines.peek().map_or("", |(_, next)| next.trim_start());
            if line.trim() == "#[cfg(test)]" && next.starts_with("mod ") {
                return number;
            }
        }
        usize::MAX
    }

    /// The lines of `code` that are shipped.
    pub fn shipped(&self) -> impl Iterator<Item = (usize, &str)> {
        let end = self.tests_from();
        numbered(&self.code).take_while(move |(number, _)| *number < end)
    }

    /// The lines of `code` that are tests.
    pub fn tests(&self) -> impl Iterator<Item = (usize, &str)> {
        let start = self.tests_from();
        numbered(&self.code).skip_while(move |(number, _)| *number < start)
    }
}

pub fn numbered(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().map(|(index, line)| (index + 1, line))
}

/// The 1-based line on which byte `at` stands.
pub fn line_of(text: &str, at: usize) -> usize {
    text[..at].bytes().filter(|byte| *byte == b'\n').count() + 1
}

/// Where the token `word` stands in `code`, with nothing of a name on either side.
pub fn places(code: &str, word: &str) -> Vec<usize> {
    let named = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    let found = code.match_indices(word).map(|(at, _)| at);
    found
        .filter(|at| !named(code[..*at].chars().next_back()))
        .filter(|at| !named(code[at + word.len()..].chars().next()))
        .collect()
}

/// Every text file of the repository that is not built or fetched.
pub fn tree() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    walk(root, root, &mut files);
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files
}

fn walk(root: &Path, folder: &Path, files: &mut Vec<Source>) {
    const SKIPPED: [&str; 6] =
        [".git", "target", "node_modules", "tidegate-state", "training-work", "shared"];
    for entry in fs::read_dir(folder).expect("the repository can be listed") {
        let path = entry.expect("the repository can be listed").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if SKIPPED.contains(&name.as_str()) {
            continue;
        }
        if path.is_dir() {
            walk(root, &path, files);
            continue;
        }
        let inside = path.strip_prefix(root).expect("the walk starts at the root");
        // What is not UTF-8 is data (a model, captured frames), not text.
        if let Ok(text) = fs::read_to_string(&path) {
            files.push(Source::new(&inside.to_string_lossy(), &text));
        }
    }
}

/// The text without comments, and the text without comments and literals; lines stay lines.
fn blank(text: &str) -> (String, String) {
    let chars: Vec<char> = text.chars().collect();
    let (mut uncommented, mut code) = (String::new(), String::new());
    let mut at = 0;
    while at < chars.len() {
        let kind = piece(&chars, at);
        for &c in &chars[at..kind.end] {
            let gap = if c == '\n' { '\n' } else { ' ' };
            uncommented.push(if kind.comment { gap } else { c });
            code.push(if kind.comment || kind.literal { gap } else { c });
        }
        at = kind.end;
    }
    (uncommented, code)
}

struct Piece {
    end: usize,
    comment: bool,
    literal: bool,
}

/// What starts at `at`, and where it ends.
fn piece(chars: &[char], at: usize) -> Piece {
    let is = |index: usize, wanted: char| chars.get(index) == Some(&wanted);
    let comment = |end| Piece { end, comment: true, literal: false };
    let literal = |end| Piece { end, comment: false, literal: true };
    let inside_name = at > 0 && (chars[at - 1].is_alphanumeric() || chars[at - 1] == '_');
    match chars[at] {
        '/' if is(at + 1, '/') => comment(until(chars, at, |i| is(i, '\n'))),
        '/' if is(at + 1, '*') => comment(block_end(chars, at)),
        '"' => literal(string_end(chars, at)),
        'r' if !inside_name || chars[at - 1] == 'b' => match raw_end(chars, at) {
            Some(end) => literal(end),
            None => Piece { end: at + 1, comment: false, literal: false },
        },
        '\'' if is(at + 1, '\\') => literal(until(chars, at + 3, |i| is(i, '\'')) + 1),
        '\'' if is(at + 2, '\'') => literal(at + 3),
        _ => Piece { end: at + 1, comment: false, literal: false },
    }
}

fn until(chars: &[char], from: usize, stop: impl Fn(usize) -> bool) -> usize {
    (from..chars.len()).find(|index| stop(*index)).unwrap_or(chars.len())
}

fn block_end(chars: &[char], at: usize) -> usize {
    let (mut index, mut depth) = (at, 0);
    while index + 1 < chars.len() {
        match (chars[index], chars[index + 1]) {
            ('/', '*') => depth += 1,
            ('*', '/') if depth == 1 => return index + 2,
            ('*', '/') => depth -= 1,
            _ => {
                index += 1;
                continue;
            }
        }
        index += 2;
    }
    chars.len()
}

fn string_end(chars: &[char], at: usize) -> usize {
    let mut index = at + 1;
    while index < chars.len() {
        match chars[index] {
            '\\' => index += 2,
            '"' => return index + 1,
            _ => index += 1,
        }
    }
    chars.len()
}

/// The end of the raw string whose `r` stands at `at`, if that is what it is.
fn raw_end(chars: &[char], at: usize) -> Option<usize> {
    let hashes = chars[at + 1..].iter().take_while(|c| **c == '#').count();
    let quote = at + 1 + hashes;
    if chars.get(quote) != Some(&'"') {
        return None;
    }
    let closes = |index: usize| {
        let after = &chars[index + 1..];
        chars[index] == '"' && after.iter().take_while(|c| **c == '#').count() >= hashes
    };
    Some((until(chars, quote + 1, closes) + 1 + hashes).min(chars.len()))
}

#[test]
fn comments_and_literals_are_told_from_code() {
    let check = |text: &str, uncommented: &str, code: &str| {
        assert_eq!(blank(text), (uncommented.to_owned(), code.to_owned()), "{text:?}");
    };
    check("a // b\nc", "a     \nc", "a     \nc");
    check("a /* /* b */ { */ c", "a                 c", "a                 c");
    check(r#"f("{\"}") }"#, r#"f("{\"}") }"#, "f(      ) }");
    check("x = '{'; 'a: loop", "x = '{'; 'a: loop", "x =    ; 'a: loop");
    check(r"x = '\''; y", r"x = '\''; y", "x =     ; y");
    check("r#\"{\"#; b", "r#\"{\"#; b", "      ; b");
    check("for r in x", "for r in x", "for r in x");
    check("\"// no\" // yes", "\"// no\"       ", "              ");
}

#[test]
fn tests_are_told_from_what_is_shipped() {
    let text = "fn a() {}\n\n#[cfg(test)]\nmod tests {\n    fn b() {}\n}\n";
    let file = Source::new("src/x.rs", text);
    assert_eq!(file.shipped().count(), 2);
    assert_eq!(file.tests().next(), Some((3, "#[cfg(test)]")));
    assert_eq!(Source::new("tests/x.rs", text).shipped().count(), 0);
    assert_eq!(Source::new("src/x/tests.rs", text).tests().count(), 6);
}
