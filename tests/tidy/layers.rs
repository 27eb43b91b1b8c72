//! Checks that a module imports only from a lower line of the layering table.

use super::{
    Check,
    source::{Source, line_of, places},
};

/// Highest first; modules on one line never import each other.
const LAYERS: [&[&str]; 14] = [
    // For the fuzz targets alone, which see everything.
    &["fuzzing"],
    &["main"],
    &["commands"],
    &["demo"],
    &["listen"],
    &["session", "bots", "console", "api", "admin"],
    &["doors"],
    &["settle"],
    &["pipeline", "hold", "accounts"],
    &["rules", "audit"],
    &["protocol", "normalize", "scan", "score", "decide", "act", "history", "store", "http"],
    &["letters"],
    &["config"],
    &["message", "metrics"],
];

pub const CHECKS: [Check; 2] = [
    Check {
        name: "layering",
        find: upward,
        guilty: &[
            ("src/hold.rs", "use crate::session::Session;\n"),
            ("src/scan.rs", "use crate::{message::Hit, decide};\n"),
            ("src/scan/wordlist.rs", "fn a(b: crate::rules::Ruleset) {}\n"),
            (
                "src/console/page.rs",
                "use crate::{\n    api::{Answer, Ask},\n    message::Hit,\n};\n",
            ),
            ("src/message.rs", "use crate::config;\n"),
            ("src/blorp.rs", "use crate::message;\n"),
            ("src/main.rs", "use tidegate::session;\n"),
        ],
        innocent: &[
            ("src/hold.rs", "use crate::{audit::Audit, store::{Store, StoreError}};\n"),
            ("src/hold/expiry.rs", "use crate::hold::HoldQueue;\n"),
            ("src/console.rs", "use crate::{doors::Doors, hold};\n"),
            ("src/scan.rs", "// not crate::decide\nlet a = \"crate::decide\";\n"),
            ("src/main.rs", "use tidegate::commands::{self, Arguments};\n"),
            ("src/lib.rs", "pub use crate::session;\n"),
            ("tests/x.rs", "use crate::session;\n"),
        ],
    },
    Check {
        name: "paths from the root",
        find: sideways,
        guilty: &[
            ("src/scan.rs", "use super::decide;\n"),
            ("src/scan/wordlist.rs", "use super::super::decide;\n"),
            ("src/scan.rs", "mod tests {\n    use super::super::decide;\n}\n"),
        ],
        innocent: &[
            ("src/scan/wordlist.rs", "use super::Term;\n"),
            ("src/scan.rs", "mod tests {\n    use super::*;\n}\n"),
            ("src/store/embedded/file.rs", "use super::super::{Store, Write};\n"),
        ],
    },
];

/// The height of a module; the table's last line is 0.
fn height(module: &str) -> Option<usize> {
    LAYERS.iter().rev().position(|line| line.contains(&module))
}

/// The top-level module that a file of `src/` belongs to; none for the crate's own two files.
fn module(path: &str) -> Option<&str> {
    let inside = path.strip_prefix("src/")?;
    let name = inside.split('/').next()?;
    let name = name.strip_suffix(".rs").unwrap_or(name);
    (name != "lib" && name != "main").then_some(name)
}

/// The modules under `src/` that the table does not have.
pub fn unplaced<'a>(paths: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut missing: Vec<_> = paths
        .filter(|path| path.ends_with(".rs"))
        .filter_map(module)
        .filter(|name| height(name).is_none())
        .collect();
    missing.dedup();
    missing
}

fn upward(file: &Source) -> Vec<String> {
    let (own, root) = match file.path.as_str() {
        "src/main.rs" => ("main", "tidegate"),
        path => match module(path) {
            Some(own) => (own, "crate"),
            None => return Vec::new(),
        },
    };
    let Some(above) = height(own) else {
        return vec![format!("`{own}` stands in no line of the layering table")];
    };
    let mut wrong = Vec::new();
    for (line, other) in imports(&file.code, root) {
        let Some(below) = height(&other).filter(|_| other != own) else { continue };
        // The binary reads the arguments and calls one function: it knows the next line alone.
        if below >= above || (own == "main" && below + 1 != above) {
            wrong.push(format!("{line}: `{own}` imports `{other}`, against the layering"));
        }
    }
    wrong
}

/// Line and first name of every path that starts at `root`, groups unfolded.
fn imports(code: &str, root: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for at in places(code, root) {
        let Some(rest) = code[at + root.len()..].strip_prefix("::") else { continue };
        let base = code.len() - rest.len();
        match rest.strip_prefix('{') {
            None => found.push((line_of(code, at), leading_name(rest))),
            Some(group) => {
                let names = group_names(group).into_iter();
                found.extend(names.map(|(o, name)| (line_of(code, base + 1 + o), name)));
            }
        }
    }
    found
}

/// Offset and first name of each member of the group that `rest` begins within.
fn group_names(rest: &str) -> Vec<(usize, String)> {
    let (mut names, mut depth, mut start) = (Vec::new(), 1, true);
    for (at, c) in rest.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 1 => break,
            '}' => depth -= 1,
            ',' if depth == 1 => start = true,
            c if start && (c.is_alphanumeric() || c == '_') => {
                names.push((at, leading_name(&rest[at..])));
                start = false;
            }
            _ => {}
        }
    }
    names
}

fn leading_name(rest: &str) -> String {
    rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

/// Paths by `super` that leave the module, which the check above would not see.
fn sideways(file: &Source) -> Vec<String> {
    if module(&file.path).is_none() {
        return Vec::new();
    }
    // `store`, `embedded` and `file` for src/store/embedded/file.rs.
    let own = file.path["src/".len()..].split('/').count();
    let mut wrong = Vec::new();
    for at in places(&file.code, "super") {
        let (before, here) = (&file.code[..at], &file.code[at..]);
        // Only the first of `super::super` is looked at; it says how far up the path goes.
        let up = here.split("::").take_while(|part| *part == "super").count();
        if !before.ends_with("super::") && up >= own + open_modules(before) {
            wrong.push(format!("{}: leaves its module by `super`", line_of(&file.code, at)));
        }
    }
    wrong
}

/// How many `mod name {` are still open at the end of `before`.
fn open_modules(before: &str) -> usize {
    let mut open = Vec::new();
    for (at, byte) in before.bytes().enumerate() {
        match byte {
            b'{' => {
                let mut words = before[..at].split_whitespace().rev();
                open.push(words.nth(1) == Some("mod"));
            }
            b'}' => drop(open.pop()),
            _ => {}
        }
    }
    open.into_iter().filter(|module| *module).count()
}

#[test]
fn groups_are_unfolded() {
    let code = "use crate::{\n    a::{b, c},\n    d,\n};\nfn f() { crate::e::g() }\n";
    let found = imports(code, "crate");
    assert_eq!(found, [(2, "a".into()), (3, "d".into()), (5, "e".into())]);
}
