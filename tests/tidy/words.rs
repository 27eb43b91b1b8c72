//! Looks for words that names, platforms' files and a public repository must not hold.

use super::{
    Check,
    source::{Source, numbered},
};

/// Words that say nothing about what a thing does.
const EMPTY: [&str; 6] = ["manager", "helper", "util", "handler", "processor", "utility"];

/// Names of other people's crates and items that hold one of them.
const FOREIGN: [&str; 4] = ["futures_util", "hyper_util", "http_body_util", "tokio_util"];

/// The core knows no platform: each stands in its own files (a `/` ends a folder of them) and in
/// one list. Tests may speak of any: their frames were captured somewhere.
const PLATFORMS: [(&str, &[&str]); 9] = [
    (
        "twitch",
        &[
            "src/bots.rs",
            "src/fuzzing.rs",
            "src/bots/twitch.rs",
            "src/bots/twitch/",
            "src/commands/import.rs",
            "src/commands/import/twitch.rs",
            "src/protocol/irc.rs",
            "src/protocol/irc/twitch.rs",
        ],
    ),
    ("youtube", &["src/bots.rs", "src/fuzzing.rs", "src/bots/youtube.rs", "src/bots/youtube/"]),
    (
        "kick",
        &[
            "src/bots.rs",
            "src/fuzzing.rs",
            "src/bots/kick.rs",
            "src/bots/kick/",
            // It is a command of IRC and an English word too.
            "src/protocol/irc/known.rs",
            "src/scan/joined.rs",
        ],
    ),
    (
        "owncast",
        &[
            "src/bots.rs",
            "src/fuzzing.rs",
            "src/bots/owncast.rs",
            "src/bots/owncast/",
            "src/protocol.rs",
            "src/protocol/json.rs",
        ],
    ),
    (
        "discord",
        &[
            "src/bots.rs",
            "src/fuzzing.rs",
            "src/bots/discord.rs",
            "src/bots/discord/",
            "src/commands/import.rs",
            "src/commands/import/discord.rs",
        ],
    ),
    (
        "onnx",
        &[
            "src/score.rs",
            "src/score/embedded.rs",
            "src/score/load.rs",
            "src/score/onnx.rs",
            "src/score/onnx/",
        ],
    ),
    ("rten", &["src/score/onnx.rs", "src/score/onnx/"]),
    ("sqlite", &["src/store.rs", "src/store/sqlite.rs"]),
    ("redb", &["src/store/embedded.rs", "src/store/embedded/"]),
];

pub const CHECKS: [Check; 4] = [
    Check {
        name: "names",
        find: empty_names,
        guilty: &[
            ("src/x.rs", "struct HoldManager;\n"),
            ("src/x.rs", "fn a(handler: u8) {}\n"),
            ("src/x.rs", "mod string_utils;\n"),
            ("src/x.rs", "enum A { Processor }\n"),
            ("src/x_helper.rs", "\n"),
        ],
        innocent: &[
            ("src/x.rs", "use futures_util::Stream;\n// a handler of frames\nlet a = \"util\";\n"),
            ("src/x.rs", "fn handled() {}\n"),
        ],
    },
    Check {
        name: "no get_",
        find: getters,
        guilty: &[("src/x.rs", "impl A {\n    pub fn get_name(&self) {}\n}\n")],
        innocent: &[("src/x.rs", "fn getter() {}\nlet a = map.get_or_insert(1);\n")],
    },
    Check {
        name: "platforms",
        find: platforms,
        guilty: &[
            ("src/session.rs", "if name == \"twitch\" {}\n"),
            ("src/config.rs", "struct OwncastConfig;\n"),
            ("src/hold.rs", "use redb::Database;\n"),
        ],
        innocent: &[
            ("src/store/embedded.rs", "use redb::Database;\n"),
            ("src/store/embedded/file.rs", "use redb::Database;\n"),
            ("src/protocol/irc.rs", "#[cfg(test)]\nmod tests {\n    a(\"twitch.tv\");\n}\n"),
            ("src/session.rs", "// as Twitch does\nlet ferredbrick = 1;\n"),
        ],
    },
    Check {
        name: "the product alone",
        find: leaks,
        guilty: &[
            ("README.md", concat!("see /wo", "rk/notes\n")),
            ("src/x.rs", concat!("// as asked in issue", " #12\n")),
            ("docs/x.md", concat!("cd /tm", "p/place\n")),
        ],
        innocent: &[
            ("docs/x.md", "A network/work group; an issue is a question. A session ends.\n"),
            ("deploy/compose.yaml", "tmpfs: [/tmp]\n"),
        ],
    },
];

/// Every name in `code`, with its line.
fn names(code: &str) -> impl Iterator<Item = (usize, &str)> {
    numbered(code).flat_map(|(number, line)| {
        let parts = line.split(|c: char| !c.is_alphanumeric() && c != '_');
        parts.filter(|name| !name.is_empty()).map(move |name| (number, name))
    })
}

/// `HoldQueue` and `hold_queue` are both `hold`, `queue`.
fn parts(name: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut after_capital = false;
    for c in name.chars() {
        // A capital after a capital goes on with the same word: `MANAGER`, `URL`.
        if c == '_' || (c.is_uppercase() && !after_capital) {
            parts.push(String::new());
        }
        after_capital = c.is_uppercase();
        if let Some(last) = parts.last_mut().filter(|_| c != '_') {
            last.extend(c.to_lowercase());
        }
    }
    parts
}

fn is_empty_name(name: &str) -> bool {
    let empty = |part: &String| EMPTY.contains(&part.trim_end_matches('s'));
    !FOREIGN.contains(&name) && parts(name).iter().any(empty)
}

fn empty_names(file: &Source) -> Vec<String> {
    if !file.is_rust() {
        return Vec::new();
    }
    let path = file.path.trim_end_matches(".rs").split('/').map(|name| (0, name));
    let all = path.chain(names(&file.code));
    let empty = all.filter(|(_, name)| is_empty_name(name));
    empty.map(|(line, name)| format!("{line}: `{name}` does not say what it does")).collect()
}

fn getters(file: &Source) -> Vec<String> {
    let lines = numbered(&file.code).filter(|_| file.is_rust());
    let guilty = lines.filter(|(_, line)| line.contains("fn get_"));
    guilty.map(|(number, _)| format!("{number}: name it after what it gives")).collect()
}

fn platforms(file: &Source) -> Vec<String> {
    let mut wrong = Vec::new();
    if !file.is_rust() || !file.path.starts_with("src/") {
        return wrong;
    }
    let shipped = file.shipped().count();
    for (number, name) in names(&file.uncommented).filter(|(number, _)| *number <= shipped) {
        let lower = name.to_lowercase();
        let own = |word: &str| lower.split('_').any(|part| part.starts_with(word));
        let home = |homes: &&[&str]| {
            homes.iter().any(|home| match home.ends_with('/') {
                true => file.path.starts_with(home),
                false => file.path == *home,
            })
        };
        let known = PLATFORMS.iter().find(|(word, _)| own(word));
        if let Some((word, homes)) = known.filter(|(_, homes)| !home(homes)) {
            wrong.push(format!("{number}: {word} belongs in {}", homes.join(" or ")));
        }
    }
    wrong
}

/// What only the people who built it would understand.
fn leaks(file: &Source) -> Vec<String> {
    // Put together here, so that this file does not find itself.
    let places = [concat!("/wo", "rk/"), concat!("/tm", "p/"), concat!("/ro", "ot/")];
    let mut wrong = Vec::new();
    for (number, line) in file.lines() {
        let lower = line.to_lowercase();
        let place = places.iter().find(|place| {
            lower.match_indices(**place).any(|(at, _)| {
                !lower[..at].ends_with(|c: char| c.is_alphanumeric() || c == '.' || c == '/')
            })
        });
        wrong.extend(place.map(|place| format!("{number}: names {place}")));
        if numbered_issue(&lower) {
            wrong.push(format!("{number}: names an issue by number"));
        }
    }
    wrong
}

fn numbered_issue(line: &str) -> bool {
    line.match_indices("issue").any(|(at, word)| {
        let rest = line[at + word.len()..].trim_start_matches('s').trim_start();
        rest.strip_prefix('#').unwrap_or(rest).starts_with(|c: char| c.is_ascii_digit())
    })
}

#[test]
fn names_are_read_in_both_spellings() {
    for (name, expected) in [
        ("HoldManager", true),
        ("hold_manager", true),
        ("MANAGER", true),
        ("utils", true),
        ("futures_util", false),
        ("utilization", false),
        ("handle", false),
    ] {
        assert_eq!(is_empty_name(name), expected, "{name}");
    }
}
