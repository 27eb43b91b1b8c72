//! Measures files, functions and lines, and looks for what code must not do.

use super::{
    Check,
    source::{Source, line_of, numbered, places},
};

const FILE_LINES_MAX: usize = 500;
const FUNCTION_LINES_MAX: usize = 70;
const LINE_CHARS_MAX: usize = 100;

/// Planted violations that would be tedious to read.
const LONG_FILE: &str = include_str!("planted/long_file.txt");
const LONG_FUNCTION: &str = include_str!("planted/long_function.txt");
const LONG_LINE: &str = include_str!("planted/long_line.txt");

pub const CHECKS: [Check; 9] = [
    Check {
        name: "first line",
        find: first_line,
        guilty: &[
            ("src/x.rs", "use std::fs;\n"),
            ("src/x.rs", "//! Reads frames\n"),
            ("src/x.rs", "//! A reader of frames.\n"),
            ("src/x.rs", ""),
        ],
        innocent: &[
            ("src/x.rs", "//! Reads frames.\n"),
            ("src/x.rs", "//! Opens, reads and closes.\n"),
            ("notes.md", "Anything\n"),
        ],
    },
    Check {
        name: "file length",
        find: file_length,
        guilty: &[("src/x.rs", LONG_FILE)],
        innocent: &[("src/x.rs", "\n\n\n"), ("wordlists/en/x.txt", LONG_FILE)],
    },
    Check {
        name: "function length",
        find: function_length,
        guilty: &[("src/x.rs", LONG_FUNCTION)],
        innocent: &[("src/x.rs", "fn a();\nfn b() { c(\"}{{{\") }\ntype F = fn(u8);\n")],
    },
    Check {
        name: "line length",
        find: line_length,
        guilty: &[("benches/x.rs", LONG_LINE)],
        innocent: &[("src/x.rs", "let short = 1;\n"), ("README.md", LONG_LINE)],
    },
    Check {
        name: "no ignored test",
        find: ignored,
        guilty: &[
            ("tests/x.rs", "#[test]\n#[ignore]\nfn a() {}\n"),
            ("src/x.rs", "#[ignore = \"slow\"]\n"),
        ],
        innocent: &[("src/x.rs", "// never #[ignore] a test\nlet ignore = 1;\n")],
    },
    Check {
        name: "no sleep in tests",
        find: sleeps,
        guilty: &[
            ("tests/x.rs", "tokio::time::sleep(pause).await;\n"),
            ("src/x.rs", "#[cfg(test)]\nmod tests {\n    sleep(pause);\n}\n"),
        ],
        innocent: &[
            ("src/x.rs", "tokio::time::sleep(pause).await;\n"),
            ("tests/x.rs", "// sleep(1) would be wrong\nlet asleep = no_sleep(1);\n"),
        ],
    },
    Check {
        name: "bounded queues",
        find: unbounded,
        guilty: &[
            ("src/x.rs", "let (a, b) = mpsc::unbounded_channel();\n"),
            ("src/x.rs", "let (a, b) = mpsc::channel::<u8>();\n"),
            ("src/x.rs", "let (a, b) = std::sync::mpsc::channel();\n"),
        ],
        innocent: &[(
            "src/x.rs",
            "// unbounded_channel is banned\nmpsc::channel(16);\noneshot::channel();\n",
        )],
    },
    Check {
        name: "no unwrap outside tests",
        find: unwraps,
        guilty: &[
            ("src/x.rs", "let a = b.unwrap();\n"),
            ("src/x.rs", "let a = b\n    .unwrap();\n"),
            ("benches/x.rs", "let a = b.expect(\"\");\n"),
        ],
        innocent: &[
            ("src/x.rs", "let a = b.unwrap_or(1);\n#[cfg(test)]\nmod tests { b.unwrap(); }\n"),
            ("src/x.rs", "let a = b.expect(\"the list is not empty\");\n"),
            ("tests/x.rs", "b.unwrap();\n"),
        ],
    },
    Check {
        name: "nothing left to do",
        find: unfinished,
        guilty: &[
            ("src/x.rs", "fn a() { todo!() }\n"),
            ("src/x.rs", "unimplemented!(\"b\")\n"),
            ("src/x.rs", "dbg!(a);\n"),
        ],
        innocent: &[("src/x.rs", "// todo!() is not for shipping\n")],
    },
];

fn first_line(file: &Source) -> Vec<String> {
    if !file.is_rust() {
        return Vec::new();
    }
    let first = file.text.lines().next().unwrap_or_default();
    let Some(sentence) = first.strip_prefix("//! ") else {
        return vec!["the first line is not a `//! ` sentence".into()];
    };
    // In the crate's own file the product is the subject; elsewhere the file is, and goes unsaid.
    let verb = sentence.split(|c: char| !c.is_alphabetic()).next().unwrap_or_default();
    let verb_first = verb.ends_with('s') && verb.starts_with(char::is_uppercase);
    let mut wrong = Vec::new();
    if file.path != "src/lib.rs" && !verb_first {
        wrong.push(format!("the first line begins with {verb:?}, not with what the file does"));
    }
    if !sentence.ends_with('.') {
        wrong.push("the first line is not one whole sentence".into());
    }
    wrong
}

fn file_length(file: &Source) -> Vec<String> {
    let lines = file.text.lines().count();
    match file.is_rust() && lines > FILE_LINES_MAX {
        true => vec![format!("{lines} lines, {FILE_LINES_MAX} at most")],
        false => Vec::new(),
    }
}

fn function_length(file: &Source) -> Vec<String> {
    if !file.is_rust() {
        return Vec::new();
    }
    let long =
        functions(&file.code).into_iter().filter(|(_, _, lines)| *lines > FUNCTION_LINES_MAX);
    long.map(|(line, name, lines)| {
        format!("{line}: fn {name} has {lines} lines, {FUNCTION_LINES_MAX} at most")
    })
    .collect()
}

/// Line, name and length of every function with a body.
fn functions(code: &str) -> Vec<(usize, String, usize)> {
    let mut found = Vec::new();
    for at in places(code, "fn") {
        let rest = &code[at + 2..];
        let name: String =
            rest.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        // `fn(` is a type, `fn f();` has no body.
        if let (false, Some(length)) = (name.is_empty(), body_end(rest)) {
            let lines = rest[..length].bytes().filter(|byte| *byte == b'\n').count() + 1;
            found.push((line_of(code, at), name, lines));
        }
    }
    found
}

/// How far it is to the brace that closes the first body in `rest`.
fn body_end(rest: &str) -> Option<usize> {
    let (mut round, mut curly) = (0i32, 0i32);
    for (at, byte) in rest.bytes().enumerate() {
        match byte {
            b'(' | b'[' => round += 1,
            b')' | b']' => round -= 1,
            b';' if round == 0 && curly == 0 => return None,
            b'{' => curly += 1,
            b'}' if curly == 1 => return Some(at),
            b'}' => curly -= 1,
            _ => {}
        }
    }
    None
}

fn line_length(file: &Source) -> Vec<String> {
    let lines = file.lines().filter(|_| file.is_rust());
    lines
        .map(|(number, line)| (number, line.chars().count()))
        .filter(|(_, chars)| *chars > LINE_CHARS_MAX)
        .map(|(number, chars)| format!("{number}: {chars} characters, {LINE_CHARS_MAX} at most"))
        .collect()
}

fn ignored(file: &Source) -> Vec<String> {
    banned(numbered(&file.code), file, &["#[ignore", "#[cfg_attr(miri, ignore"])
}

fn sleeps(file: &Source) -> Vec<String> {
    let lines = file.tests().filter(|_| file.is_rust());
    let slept = lines.filter(|(_, line)| {
        places(line, "sleep").into_iter().any(|at| line[at + 5..].trim_start().starts_with('('))
    });
    slept.map(|(number, _)| format!("{number}: sleeps instead of waiting for something")).collect()
}

fn unbounded(file: &Source) -> Vec<String> {
    let mut wrong = banned(numbered(&file.code), file, &["unbounded_channel", "mpsc::unbounded"]);
    // The standard library's `channel` takes no bound; Tokio's, of the same name, takes one.
    for (number, line) in numbered(&file.code).filter(|_| file.is_rust()) {
        let mut calls = line.split("mpsc::channel").skip(1);
        let bare = |rest: &str| rest.find('(').is_some_and(|at| rest[at..].starts_with("()"));
        if calls.any(bare) {
            wrong.push(format!("{number}: a channel without a bound"));
        }
    }
    wrong
}

fn unwraps(file: &Source) -> Vec<String> {
    let mut wrong = banned(file.shipped(), file, &[".unwrap()", ".unwrap_err()"]);
    let shipped = file.shipped().map(|(number, _)| number).last().unwrap_or(0);
    let spoken = numbered(&file.uncommented).take_while(|(number, _)| *number <= shipped);
    wrong.extend(banned(spoken, file, &[".expect(\"\")"]));
    wrong
}

fn unfinished(file: &Source) -> Vec<String> {
    banned(numbered(&file.code), file, &["todo!(", "unimplemented!(", "dbg!("])
}

fn banned<'a>(
    lines: impl Iterator<Item = (usize, &'a str)>,
    file: &Source,
    parts: &[&str],
) -> Vec<String> {
    let mut wrong = Vec::new();
    for (number, line) in lines.filter(|_| file.is_rust()) {
        let found = parts.iter().find(|part| line.contains(**part));
        wrong.extend(found.map(|part| format!("{number}: `{part}`")));
    }
    wrong
}

pub fn mean(lengths: &[usize]) -> usize {
    lengths.iter().sum::<usize>() / lengths.len().max(1)
}

#[test]
fn functions_are_measured_from_name_to_brace() {
    let check = |code: &str, expected: &[(usize, &str, usize)]| {
        let found = functions(code);
        let found: Vec<_> = found.iter().map(|(l, n, c)| (*l, n.as_str(), *c)).collect();
        assert_eq!(found, expected, "{code:?}");
    };
    check("fn a() {}\n", &[(1, "a", 1)]);
    check("x\npub async fn a(\n    b: [u8; 2],\n) -> u8 {\n    c\n}\n", &[(2, "a", 5)]);
    check("fn a();\nfn b() {\n}\n", &[(2, "b", 2)]);
    check("type F = fn(u8) -> u8;\n", &[]);
    check("fn a() {\n    if b {\n    } else {\n    }\n}\nfn c() {}\n", &[(1, "a", 5), (6, "c", 1)]);
}
