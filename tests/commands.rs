//! Runs the real binary: judge, check-config, config, and the exit codes that scripts rely on.

#![allow(clippy::unwrap_used)]

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

use serde_json::Value;
use tidegate::{config::Config, decide::Policy, scan::wordlist, score::manifest::Manifest};

/// A folder of its own for one test, gone when the test is.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("tidegate-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn start(args: &[&str]) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
    command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

fn run(args: &[&str], input: &[u8]) -> Output {
    let mut child = start(args);
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let writer = std::thread::spawn(move || {
        // A command that reads nothing may have gone already.
        let _ = stdin.write_all(&input);
    });
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    output
}

fn answers(output: &Output) -> Vec<Value> {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = output.stdout.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| serde_json::from_slice(line).unwrap()).collect()
}

#[test]
fn exit_codes_are_stable() {
    let folder = Folder::new("codes");
    let bad = folder.file("bad.toml", "colour = 1\n[hold]\nheld_max = 0\n");
    let bad = bad.to_str().unwrap();
    let good = folder.file("good.toml", "");
    for (args, code) in [
        (&["config", "--default"][..], 0),
        (&["--version"], 0),
        (&["check-config", good.to_str().unwrap()], 0),
        (&["check-config", bad], 1),
        (&["check-config", "no/such/file"], 1),
        (&[], 2),
        (&["juggle"], 2),
        (&["config"], 2),
        (&["user", "add", "una", "--role", "king"], 2),
        (&["audit", "erase", "--route", "/"], 2),
        (&["audit", "erase", "--route", "/", "--sender", "una", "--config", bad], 64),
        (&["run", "--config", "x", "--upstream", "ws://h"], 2),
        (&["run", "--upstream", "gopher://h"], 2),
        (&["run", "--upstream", "ws://h", "--protocol", "smoke"], 2),
        (&["run", "--config", bad], 64),
        (&["run", "--config", "no/such/file"], 64),
        (&["judge", "--config", bad], 64),
    ] {
        let output = run(args, b"");
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{args:?}: {told}");
        assert!(!told.contains("panicked"), "{args:?}: {told}");
    }
}

#[test]
fn check_config_says_everything_that_is_wrong() {
    let folder = Folder::new("check");
    folder.file("lists/xx/insults.txt", "\u{0}\u{1}\n");
    let text = format!(
        "colour = 1\n[hold]\nheld_max = 0\n[wordlists]\npaths = [{:?}]\n[[route]]\nprotocol = \
         \"smoke\"\npolicy = \"lax\"\n[score]\nruntime = \"abacus\"\n",
        folder.0.join("nowhere")
    );
    let path = folder.file("bad.toml", &text);
    let output = run(&["check-config", path.to_str().unwrap()], b"");
    let told = String::from_utf8(output.stderr).unwrap();
    for (line, part) in [
        (1, "colour: unknown field"),
        (3, "hold.held_max: 0 is not within"),
        (6, "route[0].upstream: is missing"),
        (7, "route[0].protocol: protocol \"smoke\" is not one of"),
        (8, "route[0].policy: there is no policy \"lax\""),
        (10, "score.runtime: \"abacus\" is not one of"),
    ] {
        let wanted = format!("bad.toml:{line}: {part}");
        assert!(told.contains(&wanted), "{wanted} in {told}");
    }
    assert!(told.contains("nowhere"), "the word list: {told}");
    assert_eq!(output.stdout, b"");
}

#[test]
fn a_model_that_cannot_be_used_is_said() {
    let folder = Folder::new("badmodel");
    folder.file("manifest.toml", "[[model]]\nname = \"blorp\"\n");
    let text = format!("[score]\nmanifest = {:?}\n", folder.0.join("manifest.toml"));
    let path = folder.file("t.toml", &text);
    let path = path.to_str().unwrap();
    for (args, code) in [(["check-config", path].as_slice(), 1), (&["judge", "--config", path], 64)]
    {
        let output = run(args, b"");
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{told}");
        assert!(told.contains("manifest.toml:1: missing field"), "{told}");
    }
}

/// The binary in an empty folder, with nothing in its environment.
#[test]
fn every_text_is_scored_with_nothing_set_up() {
    let folder = Folder::new("alone");
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
    command.arg("judge").env_clear().current_dir(&folder.0);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"hello\n\nb l o r p\n").unwrap();
    let output = child.wait_with_output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    let manifest = Manifest::embedded().unwrap();
    let second = manifest.second().map(|(entry, _)| format!(" and {}", entry.name));
    let name = format!("{}{}", manifest.first().name, second.unwrap_or_default());
    assert!(told.starts_with(&format!("model {name} (")), "{told}");
    for answer in answers(&output) {
        for head in &manifest.first().heads {
            let score = answer["scores"][head].as_f64().unwrap();
            assert!((0.0..=1.0).contains(&score), "{answer}");
        }
    }
}

#[test]
fn the_default_file_is_good() {
    let folder = Folder::new("default");
    let output = run(&["config", "--default"], b"");
    let path = folder.file("tidegate.toml", std::str::from_utf8(&output.stdout).unwrap());
    let checked = run(&["check-config", path.to_str().unwrap()], b"");
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
}

#[test]
fn plain_lines_come_back_in_order() {
    let output =
        run(&["judge", "--no-model"], b"hello there\r\n\nbonsoir \xc3\xa0 tous\n\xff\nend");
    let answers = answers(&output);
    assert_eq!(answers.len(), 5);
    for (index, answer) in answers.iter().enumerate() {
        assert_eq!(answer["id"], index + 1);
        if index == 3 {
            assert!(answer["error"].as_str().unwrap().starts_with("not UTF-8"), "{answer}");
            continue;
        }
        assert_eq!(answer["verdict"], "pass", "{answer}");
        assert_eq!(answer["findings"], Value::Array(vec![]));
        assert_eq!(answer["scores"], serde_json::json!({}));
        assert!(answer["elapsed_us"].is_number());
    }
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.starts_with("5 lines (1 bad); microseconds a message: mean "), "{told}");
}

#[test]
fn objects_keep_their_ids_and_bad_ones_their_place() {
    let long = format!("{{\"text\":\"{}\"}}", "a".repeat(1024 * 1024));
    let input = format!(
        "{{\"id\":\"a\",\"text\":\"hi\",\"hue\":\"red\"}}\nnot json\n{{\"id\":7,\"text\":\"\"}}\n\
         {{\"id\":8}}\n\n{long}\n{{\"text\":\"after\",\"user\":5,\"channel\":\"#a\",\"ts\":1.5}}\n"
    );
    let answers = answers(&run(&["judge", "--jsonl", "--no-model"], input.as_bytes()));
    let expected: [(Value, bool); 7] = [
        ("a".into(), true),
        (2.into(), false),
        (7.into(), true),
        (4.into(), false),
        (5.into(), false),
        (6.into(), false),
        (7.into(), true),
    ];
    for (answer, (id, good)) in answers.iter().zip(&expected) {
        assert_eq!(answer["id"], *id, "{answer}");
        assert_eq!(answer["error"].is_null(), *good, "{answer}");
    }
    assert_eq!(answers.len(), expected.len());
}

#[test]
fn senders_have_a_pace_only_where_they_have_a_name() {
    let line = |user: &str, ts: u32| format!("{{\"text\":\"hello\"{user},\"ts\":{ts}}}\n");
    let user = ",\"user\":\"una\"";
    let repeated: String = (0..5).map(|_| line(user, 100)).collect();
    let nameless: String = (0..5).map(|_| line("", 100)).collect();
    let spread: String = (0..5).map(|n| line(user, 100 + 20 * n)).collect();
    for (what, input, expected) in [
        ("repeated", repeated, ["pass", "pass", "pass", "drop", "drop"]),
        ("nameless", nameless, ["pass"; 5]),
        ("spread", spread, ["pass"; 5]),
    ] {
        let answers = answers(&run(&["judge", "--jsonl", "--no-model"], input.as_bytes()));
        let verdicts: Vec<_> = answers.iter().map(|a| a["verdict"].as_str().unwrap()).collect();
        assert_eq!(verdicts, expected, "{what}");
    }
}

#[test]
fn the_route_named_is_the_policy_that_judges() {
    let folder = Folder::new("route");
    let text = "[[route]]\nname = \"calm\"\npath = \"/a\"\nupstream = \"ws://h\"\nprotocol = \
                \"text\"\n[[route]]\nname = \"free\"\npath = \"/b\"\nupstream = \"ws://h\"\n\
                protocol = \"text\"\npolicy = \"off\"\n";
    let path = folder.file("routes.toml", text);
    let path = path.to_str().unwrap();
    let input = "{\"text\":\"hello\",\"user\":\"una\",\"ts\":1}\n".repeat(4);
    for (route, expected) in [(&[][..], "drop"), (&["--route", "free"], "pass")] {
        let args = [&["judge", "--jsonl", "--no-model", "--config", path], route].concat();
        assert_eq!(answers(&run(&args, input.as_bytes()))[3]["verdict"], expected, "{route:?}");
    }
    let unknown = run(&["judge", "--config", path, "--route", "none"], b"");
    assert_eq!(unknown.status.code(), Some(2));
}

#[test]
fn the_policys_language_decides_for_a_word_alone() {
    let folder = Folder::new("language");
    folder.file("lists/xx/hate.txt", "4 word:fr!en blorp\n+ t'es un blorp\n- the blorp\n+ blorp\n");
    let lists = folder.0.join("lists");
    let policy = |language: &str| {
        let text = format!("[wordlists]\nembedded = false\npaths = [{lists:?}]\n{language}");
        folder.file("t.toml", &text).to_str().unwrap().to_owned()
    };
    for (language, alone, in_french) in [
        ("", "pass", "drop"),
        ("[policy.standard]\nlanguage = \"fr\"\n", "drop", "drop"),
        ("[policy.standard]\nlanguage = [\"en\"]\n", "pass", "drop"),
    ] {
        let path = policy(language);
        let output = run(&["judge", "--no-model", "--config", &path], b"blorp\nt'es un blorp\n");
        let answers = answers(&output);
        let verdicts = [&answers[0]["verdict"], &answers[1]["verdict"]];
        assert_eq!(verdicts, [alone, in_french], "{language}");
    }
    for (language, part) in [
        ("[policy.standard]\nlanguage = \"xx\"\n", "language `xx` is not one of en, fr"),
        ("[policy.standard]\nlanguage = []\n", "policy.standard.language: names no language"),
        ("", "xx/hate:4: \"blorp\" does not find its example \"blorp\""),
    ] {
        let output = run(&["check-config", &policy(language)], b"");
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{told}");
        assert!(told.contains(part), "{part} in {told}");
    }
}

#[test]
fn channels_have_their_policies_and_answers_say_why() {
    let folder = Folder::new("why");
    let text = "[[route]]\nname = \"irc\"\nupstream = \"ws://h\"\nprotocol = \"irc\"\n\
                [route.channels]\n\"#Ana\" = \"mine\"\n[floor.spam]\naction = [\"pass\", \
                \"hold\", \"hold\", \"drop\"]\n[policy.mine]\npreset = \"off\"\n";
    let path = folder.file("why.toml", text);
    let path = path.to_str().unwrap();
    let line = |channel: &str| {
        format!("{{\"text\":\"hello\",\"user\":\"una\",\"channel\":\"{channel}\",\"ts\":1}}\n")
            .repeat(4)
    };
    let args = ["judge", "--jsonl", "--no-model", "--config", path];
    for (channel, verdict, word) in
        [("#ana", "hold", "the floor, spam at severity 2"), ("#ben", "drop", "spam at severity 2")]
    {
        let answer = &answers(&run(&args, line(channel).as_bytes()))[3];
        assert_eq!((&answer["verdict"], answer.get("explanation")), (&verdict.into(), None));
        let all = [&args[..], &["--explain"]].concat();
        let why = answers(&run(&all, line(channel).as_bytes()))[3]["explanation"].clone();
        assert!(why["sender"].as_str().unwrap().ends_with("Rule: spam."), "{why}");
        assert!(why["moderator"].as_str().unwrap().contains(word), "{why}");
        assert!(why["auditor"].as_str().unwrap().contains("model -; exempt: no"), "{why}");
    }
    let french = [&args[..], &["--explain", "fr"]].concat();
    let why = answers(&run(&french, line("#ben").as_bytes()))[3]["explanation"].clone();
    assert_eq!(why["sender"], "Votre message n’a pas été envoyé. Règle\u{a0}: spam.");
}

#[test]
fn check_config_says_what_has_no_effect() {
    let folder = Folder::new("floor");
    let text = "[floor.hate]\naction = [\"pass\", \"hold\", \"hold\", \"drop\"]\n\
                [policy.mine.hate]\naction = [\"pass\", \"mask\", \"hold\", \"drop\"]\n";
    let path = folder.file("floor.toml", text);
    let output = run(&["check-config", path.to_str().unwrap()], b"");
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{said}");
    let expected = "floor.toml:4: policy.mine.hate.action: is milder than the floor at severity 2";
    assert!(said.starts_with("warning: ") && said.contains(expected), "{said}");
    let slip = text.to_owned()
        + "[policy.mine.rules]\nflod = 1\n[[policy.mine.when]]\nif = \"sendr\"\n\
                  then = \"hold\"\nrule = \"r\"\n";
    let path = folder.file("slip.toml", &slip);
    let output = run(&["check-config", path.to_str().unwrap()], b"");
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("slip.toml:6: policy.mine.rules.flod: there is no rule"), "{said}");
    assert!(said.contains("slip.toml:8: policy.mine.when[0].if: 1:1: there is no"), "{said}");
}

#[test]
fn each_answer_comes_before_the_next_line_is_needed() {
    let mut child = start(&["judge"]);
    let mut stdin = child.stdin.take().unwrap();
    let mut answers = BufReader::new(child.stdout.take().unwrap());
    for n in 1..=3 {
        stdin.write_all(b"hello\n").unwrap();
        let mut answer = String::new();
        answers.read_line(&mut answer).unwrap();
        assert_eq!(serde_json::from_str::<Value>(&answer).unwrap()["id"], n);
    }
    drop(stdin);
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_reader_who_leaves_is_no_failure() {
    let mut child = start(&["judge", "--no-model"]);
    let mut stdin = child.stdin.take().unwrap();
    drop(child.stdout.take());
    // More than any pipe holds, so that the end is met while writing.
    let _ = stdin.write_all("hello\n".repeat(20_000).as_bytes());
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && !told.contains("panicked"), "{told}");
}

#[test]
fn eval_measures_labelled_rows() {
    let folder = Folder::new("eval");
    folder.file("lists/xx/hate.txt", "4 word blorp\n");
    let settings =
        format!("[wordlists]\nembedded = false\npaths = [{:?}]\n", folder.0.join("lists"));
    let settings = folder.file("t.toml", &settings);
    let row = |text: &str, lang: &str, hate: f64| {
        format!(
            "{{\"text\":\"{text}\",\"lang\":\"{lang}\",\"labels\":{{\"identity_hate\":{hate}}}}}\n"
        )
    };
    let rows = [
        row("a blorp", "en", 1.0),
        row("unlisted", "en", 0.7),
        row("blorp!", "fr", 0.2),
        row("hello", "fr", 0.0),
        "not a row\n".to_owned(),
    ];
    let file = folder.file("rows.jsonl", &rows.concat());
    let [file, settings] = [&file, &settings].map(|path| path.to_str().unwrap());
    let output = run(&["eval", file, "--config", settings, "--no-model"], b"");
    let table = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<Vec<&str>> = table.lines().map(|l| l.split_whitespace().collect()).collect();
    assert_eq!(lines[2], ["identity_hate", "all", "4", "2", "0.500", "0.500", "0.500", "0.500"]);
    assert_eq!(lines[3], ["identity_hate", "lang/en", "2", "2", "1.000", "0.500", "0.667", "-"]);
    assert_eq!(lines[4][4..], ["0.000", "-", "0.000", "0.500"]);
    let verdicts: Vec<_> = lines.iter().filter(|l| l.first() == Some(&"all")).collect();
    assert_eq!(verdicts[0][1..6], ["4", "2", "0", "0", "2"]);
    assert!(table.contains("needed a score: 50.0 %; verdict changed by the model: -\n"));
    assert!(table.ends_with("5 lines, 1 of them no labelled rows\n"), "{table}");
    let piped = run(&["eval", "-", "--config", settings, "--no-model"], rows.concat().as_bytes());
    assert_eq!(String::from_utf8(piped.stdout).unwrap(), table);
    let empty = folder.file("empty.jsonl", "\n");
    for (path, code) in [(empty.to_str().unwrap(), 1), ("no/such/file", 1)] {
        assert_eq!(run(&["eval", path, "--config", settings], b"").status.code(), Some(code));
    }
}

#[test]
fn eval_holds_floors_and_speaks_to_machines() {
    let folder = Folder::new("floors");
    folder.file("lists/xx/hate.txt", "4 word blorp\n");
    let settings =
        format!("[wordlists]\nembedded = false\npaths = [{:?}]\n", folder.0.join("lists"));
    let settings = folder.file("t.toml", &settings);
    let row = |text: &str, hate: u8| {
        let labels = format!("{{\"identity_hate\":{hate}}}");
        format!("{{\"text\":\"{text}\",\"slice\":\"quoted\",\"labels\":{labels}}}\n")
    };
    let rows = [row("a blorp", 1), row("hello", 1), row("blorp!", 0), row("hi", 0)].concat();
    let eval = |more: &[&str]| {
        let args = ["eval", "-", "--no-model", "--json", "--config", settings.to_str().unwrap()];
        run(&[&args, more].concat(), rows.as_bytes())
    };
    let output = eval(&[]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let hate = &report["groups"]["slice/quoted"]["heads"]["identity_hate"];
    assert_eq!((&hate["rows"], &hate["found"]["f1"]), (&4.into(), &0.5.into()), "{report}");
    assert_eq!(report["groups"]["all"]["verdicts"]["drop"], 2);
    assert!(report["model"].is_null() && hate["score"].is_null(), "{report}");
    for (floors, code, told) in [
        (&["identity_hate:all:f1=0.5"][..], 0, ""),
        (&["identity_hate:slice/quoted:fpr=0.5"], 0, ""),
        (&["identity_hate:all:fpr=0.4"], 1, "identity_hate:all:fpr: 0.5000 is above 0.4\n"),
        (&["identity_hate:all:auc=0.4"], 1, "identity_hate:all:auc: the rows do not say"),
        (&["identity_hate:lang/xx:f1=0"], 1, "identity_hate:lang/xx:f1: the rows do not say"),
        (
            &["identity_hate:all:f1=0.6", "identity_hate:all:recall=0.5", "toxic:all:f1=0.1"],
            1,
            "identity_hate:all:f1: 0.5000 is below 0.6\ntoxic:all:f1: ",
        ),
        (&["identity_hate:all:wit=0.5"], 2, "there is no figure"),
    ] {
        let args: Vec<&str> = floors.iter().flat_map(|floor| ["--floor", floor]).collect();
        let output = eval(&args);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{floors:?}: {said}");
        assert!(said.contains(told), "{floors:?}: {said}");
    }
    // A floor that holds on the rows that could be read says nothing of the others.
    let rows = format!("{rows}what is this\n");
    let floor = ["--floor", "identity_hate:all:f1=0.5"];
    let args = ["eval", "-", "--no-model", "--config", settings.to_str().unwrap()];
    let output = run(&[&args[..], &floor].concat(), rows.as_bytes());
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("1 rows cannot be read, 0 have no score"), "{said}");
}

/// Lines of the embedded lists with the verdict that `standard` has for them, so that no such word
/// stands in a source file.
#[test]
fn listed_words_have_their_verdicts() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/verdicts.jsonl");
    let input = fs::read_to_string(path).unwrap();
    let rows: Vec<Value> = input.lines().map(|row| serde_json::from_str(row).unwrap()).collect();
    let answers = answers(&run(&["judge", "--jsonl", "--no-model"], input.as_bytes()));
    assert_eq!(answers.len(), rows.len());
    for (row, answer) in rows.iter().zip(&answers) {
        assert_eq!(answer["verdict"], row["expected"], "{row} {answer}");
        if row["span"].is_array() {
            assert_eq!(answer["findings"][0]["span"], row["span"], "{row} {answer}");
        }
    }
}

/// Every term of the embedded lists, alone in a message, has the verdict of its category and
/// severity under `standard`, or a more severe one where a second term stands in it.
#[test]
fn every_listed_term_has_its_verdict() {
    let policies = Policy::compile(&Config::default()).unwrap();
    let mut expected = Vec::new();
    let mut input = String::new();
    let lists = wordlist::embedded().unwrap();
    // A term that is allowed as a whole means nothing alone.
    let allowed: Vec<&String> = lists.iter().flat_map(|list| &list.allow).collect();
    for list in &lists {
        // A term that is meant in one language only means nothing alone either.
        let whole = list.terms.iter().filter(|term| term.scope.is_none());
        for term in whole.filter(|term| !allowed.contains(&&term.text)) {
            let action = policies["standard"].action(term.category, term.severity);
            expected.push((format!("{} {:?}", list.name, term.text), action.name()));
            input.push_str(&term.text);
            input.push('\n');
        }
    }
    assert!(expected.len() > 500, "{}", expected.len());
    let answers = answers(&run(&["judge", "--no-model"], input.as_bytes()));
    assert_eq!(answers.len(), expected.len());
    let rank = |name: &str| ["pass", "mask", "hold", "drop"].iter().position(|v| *v == name);
    let milder = expected
        .iter()
        .zip(&answers)
        .filter(|((_, wanted), answer)| rank(answer["verdict"].as_str().unwrap()) < rank(wanted));
    let milder: Vec<_> = milder.map(|((term, wanted), a)| (term, wanted, a)).collect();
    assert!(milder.is_empty(), "{milder:#?}");
}
