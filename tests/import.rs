//! Runs `tidegate import` on each kind of file, good, bad and hostile.

#![allow(clippy::unwrap_used)]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use tidegate::scan::wordlist;

mod common;

use common::Folder;

fn import(folder: &Folder, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
    command.arg("import").args(args).current_dir(&folder.0);
    command.output().unwrap()
}

/// What a good import printed, and the text of one of its lists without the head.
fn imported(folder: &Folder, args: &[&str], list: &str) -> (String, Vec<String>) {
    let output = import(folder, args);
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{told}{}", String::from_utf8_lossy(&output.stderr));
    (told, lines(&list_path(folder, list)))
}

fn list_path(folder: &Folder, list: &str) -> PathBuf {
    folder.0.join("imported").join(format!("{list}.txt"))
}

fn lines(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap();
    text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
}

/// A refused import: its exit code, what it said, and nothing on the disk.
fn refused(folder: &Folder, args: &[&str], code: i32, part: &str) {
    let output = import(folder, args);
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{args:?}: {told}");
    assert!(told.contains(part) && !told.contains("panicked"), "{args:?}: {part} in {told}");
    let left = fs::read_dir(folder.0.join("imported")).map_or(0, Iterator::count);
    assert_eq!(left, 0, "{args:?} left something behind");
}

#[test]
fn blocked_terms_line_by_line() {
    let folder = Folder::new("import-lines");
    let text = "\u{feff}blorp\nblorp*\n*gremlo*\n*zwix\nbad  blorp\nBLÓRP\n\n*\nb*x\n🦎\n";
    folder.file("terms.txt", text);
    let args = ["twitch", "terms.txt", "--category", "hate", "--severity", "2"];
    let (told, lines) = imported(&folder, &args, "hate");
    let expected = [
        "2 word blorp",
        "2 prefix blorp",
        "2 substring gremlo",
        r"2 regex \w*zwix\b",
        "2 phrase bad blorp",
        "2 word b*x",
        "2 regex 🦎",
    ];
    assert_eq!(lines, expected);
    for part in [
        "hate.txt: 7 terms",
        "Not imported (1):\n  line 8: a wildcard alone matches everything: \"*\"",
        "listed once (1):\n  line 6: \"BLÓRP\"",
        "Ends of words, or wildcards inside a phrase",
        "Signs without a letter: written as a regex (1):\n  line 10: \"🦎\"",
        "[wordlists] paths = [",
    ] {
        assert!(told.contains(part), "{part:?} in {told}");
    }
    assert!(wordlist::read(&folder.0.join("imported")).is_ok());
}

#[test]
fn blocked_terms_as_the_api_answers() {
    let folder = Folder::new("import-helix");
    let text = r#"{"data":[{"id":"1","text":"blorp","expires_at":null},
        {"text":"gremlo*","expires_at":"2027-01-01T00:00:00Z","broadcaster_id":"7"}],
        "pagination":{}}"#;
    folder.file("terms.json", text);
    let (told, lines) = imported(&folder, &["twitch", "terms.json"], "harassment");
    assert_eq!(lines, ["3 word blorp", "3 prefix gremlo"]);
    assert!(told.contains("They end by themselves there"), "{told}");
}

#[test]
fn automod_rules_with_what_differs() {
    let folder = Folder::new("import-rules");
    let text = r#"[
      {"name":"words","trigger_type":1,"exempt_roles":["9"],"trigger_metadata":{
        "keyword_filter":["blorp","*lop*","grem*","go blorp"],
        "regex_patterns":["\\bzw[i1]x\\b","blorp(?=s)","  x+y "],
        "allow_list":["blorp street","*flop*","blorp street"]}},
      {"name":"sets","trigger_type":4,"trigger_metadata":{"presets":[1,3],"allow_list":["gosh"]}},
      {"name":"crowd","trigger_type":5,"trigger_metadata":{"mention_total_limit":7}},
      {"name":"off","trigger_type":1,"enabled":false,
       "trigger_metadata":{"keyword_filter":["never"]}},
      {"name":"names","trigger_type":6,"trigger_metadata":{"keyword_filter":["never"]}}
    ]"#;
    folder.file("rules.json", text);
    let (told, listed) = imported(&folder, &["discord", "rules.json"], "harassment");
    let expected = [
        "3 word blorp",
        "3 substring lop",
        "3 prefix grem",
        "3 phrase go blorp",
        r"3 regex \bzw[i1]x\b",
        r"3 regex \s\sx+y\s",
    ];
    assert_eq!(listed, expected);
    assert_eq!(lines(&list_path(&folder, "allow")), ["blorp street", "flop", "gosh"]);
    for part in [
        "rule 1, regex 2: character 6 of the regex: look-around",
        "rule 4: \"off\"",
        "a limit of 7 of mentions",
        "rule 5, members' names and profiles, not messages: \"names\"",
        "rule 1, exempt_roles",
        "rule 2: \"profanity\"\n  rule 2: \"slurs\"",
        "one of them let the whole message pass",
        "rule 1, allowed 2: \"*flop*\"",
        "rule 1, allowed 3: \"blorp street\"",
        "not only at a space",
    ] {
        assert!(told.contains(part), "{part:?} in {told}");
    }
    assert!(wordlist::read(&folder.0.join("imported")).is_ok());
    folder.file("one.json", r#"{"trigger_type":1,"trigger_metadata":{"keyword_filter":["a1"]}}"#);
    let (_, listed) = imported(&folder, &["discord", "one.json", "--out", "o"], "harassment");
    assert_eq!(listed.len(), 6, "another folder leaves this one as it is");
}

#[test]
fn tables_with_and_without_a_header() {
    let folder = Folder::new("import-csv");
    let text = "Severity,TERM,lang,mode,category\n2,blorp,fr!en,,hate\n,\"go, blorp\",,,\n\
                4,gre,,prefix,threat\n,\"b[l1]orp\"\"\",,regex,\n,blorp street,,,allow\n";
    folder.file("terms.csv", text);
    let (_, hate) = imported(&folder, &["csv", "terms.csv"], "hate");
    assert_eq!(hate, ["2 word:fr!en blorp"]);
    let expected = ["3 phrase go, blorp", "3 regex b[l1]orp\""];
    assert_eq!(lines(&list_path(&folder, "harassment")), expected);
    assert_eq!(lines(&list_path(&folder, "threat")), ["4 prefix gre"]);
    assert_eq!(lines(&list_path(&folder, "allow")), ["blorp street"]);
    folder.file("plain.csv", "blorp,hate,1\ngremlo\n");
    let args = ["csv", "plain.csv", "--force", "--category", "profanity"];
    let (_, hate) = imported(&folder, &args, "hate");
    assert_eq!(hate, ["1 word blorp"]);
    assert_eq!(lines(&list_path(&folder, "profanity")), ["3 word gremlo"]);
}

#[test]
fn bad_input_leaves_nothing_behind() {
    let folder = Folder::new("import-bad");
    fs::write(folder.0.join("bytes.txt"), b"blorp\n\xff\n").unwrap();
    folder.file("empty.txt", "\n  \n");
    folder.file("stars.txt", "*\n**\n");
    folder.file("half.json", "{\"data\":[{\"text\":\"blorp\"},\n");
    folder.file("other.json", "{\"data\":[{\"name\":\"blorp\"}]}");
    folder.file("rule.json", "[{\"name\":\"blorp\"}]");
    folder.file("deep.json", &"[".repeat(100_000));
    folder.file("bad.csv", "term,severity,mode\nblorp,9,\nblorp,1,smoke\n,1,\ngood,1,\n");
    folder.file("column.csv", "term,colour\nblorp,1\n");
    folder.file("wide.csv", "blorp,hate,1,word,fr,x\n");
    folder.file("lang.csv", "blorp,hate,1,word,xx\n");
    folder.file("long.txt", &"blorp".repeat(200));
    folder.file("large.txt", &"blorp\n".repeat(200_000));
    for (args, code, part) in [
        (&["twitch", "none.txt"][..], 1, "none.txt: "),
        (&["twitch", "bytes.txt"], 1, "not UTF-8 text at line 2"),
        (&["twitch", "empty.txt"], 1, "nothing in it can be listed"),
        (&["twitch", "stars.txt"], 1, "nothing in it can be listed"),
        (&["twitch", "long.txt"], 1, "nothing in it can be listed"),
        (&["twitch", "large.txt"], 1, "larger than"),
        (&["twitch", "half.json"], 1, "half.json:2:0: EOF"),
        (&["twitch", "other.json"], 1, "other.json:1:25: missing field `text`"),
        (&["discord", "rule.json"], 1, "missing field `trigger_type`"),
        (&["discord", "deep.json"], 1, "deep.json:1:"),
        (&["csv", "bad.csv"], 1, "bad.csv:2: severity is not 1 to 4"),
        (&["csv", "bad.csv"], 1, "bad.csv:3: mode \"smoke\" is not one of"),
        (&["csv", "bad.csv"], 1, "bad.csv:4: no term"),
        (&["csv", "column.csv"], 1, "column \"colour\" is not one of"),
        (&["csv", "wide.csv"], 1, "wide.csv:1: 6 columns"),
        (&["csv", "lang.csv"], 1, "lang.csv:1: lang: language `xx`"),
        (&["smoke", "bad.csv"], 2, "smoke"),
        (&["twitch", "empty.txt", "--severity", "5"], 2, "is not 1 to 4"),
        (&["twitch", "empty.txt", "--category", "blorp"], 2, "is not one of threat"),
        (&["twitch"], 2, "FILE"),
    ] {
        refused(&folder, args, code, part);
    }
}

#[test]
fn lists_that_are_there_stay() {
    let folder = Folder::new("import-there");
    folder.file("a.csv", "blorp,hate\ngremlo,threat\n");
    fs::create_dir(folder.0.join("imported")).unwrap();
    fs::write(list_path(&folder, "threat"), "1 word mine\n").unwrap();
    let output = import(&folder, &["csv", "a.csv"]);
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("threat.txt: is there already; --force"), "{told}");
    assert!(!list_path(&folder, "hate").exists(), "all or nothing");
    assert_eq!(lines(&list_path(&folder, "threat")), ["1 word mine"]);
    let (_, threat) = imported(&folder, &["csv", "a.csv", "--force"], "threat");
    assert_eq!(threat, ["3 word gremlo"]);
    assert_eq!(fs::read_dir(folder.0.join("imported")).unwrap().count(), 2, "no parts left");
}

/// Terms that would be a comment, an example or a line of their own in a list, and what a
/// terminal would obey.
#[test]
fn a_hostile_file_stays_what_it_is() {
    let folder = Folder::new("import-hostile");
    let terms = [
        "# blorp",
        "+ blorp it",
        "blorp\n4 word gremlo",
        "\u{1b}[2J zwix",
        "\u{202e}flim",
        "3 word mluk",
    ];
    let data: Vec<_> = terms.iter().map(|text| serde_json::json!({ "text": text })).collect();
    folder.file("h.json", &serde_json::json!({ "data": data }).to_string());
    let allow = serde_json::json!({"trigger_type": 1, "trigger_metadata": {
        "keyword_filter": ["flop"], "allow_list": ["# flop", "flop\nblorp", "***", "#"]}});
    folder.file("a.json", &allow.to_string());
    let (told, lines_of) = imported(&folder, &["twitch", "h.json"], "harassment");
    assert_eq!(lines_of.len(), terms.len(), "{lines_of:?}");
    assert!(lines_of.iter().all(|line| line.starts_with("3 ")), "{lines_of:?}");
    assert!(!told.contains(['\u{1b}', '\u{202e}']), "{told:?}");
    imported(&folder, &["discord", "a.json", "--force"], "allow");
    assert_eq!(lines(&list_path(&folder, "allow")), ["flop", "flop blorp"]);
    let lists = wordlist::read(&folder.0.join("imported")).unwrap();
    assert_eq!(lists.iter().map(|list| list.terms.len()).sum::<usize>(), 1);
}
