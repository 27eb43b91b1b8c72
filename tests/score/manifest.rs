//! Tries manifests that are whole, and one slip at a time.

use tidegate::{
    message::Head,
    score::manifest::{Manifest, ModelEntry},
};

const WHOLE: &str = r#"
[[model]]
name = "blorp-1"
file = "blorp-1.onnx"
sha256 = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
pieces = "blorp-1.pieces"
pieces_sha256 = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
heads = ["toxic", "threat"]
weak = ["threat"]
input_max = 64
licence = "MIT"
credits = ["somebody"]
data = ["some rows"]
[model.thresholds.standard]
toxic = 0.9
[[model.golden]]
text = "hello"
scores = { toxic = 0.01, threat = 0.0 }
"#;

const SECOND: &str = r#"
[model.second]
model = "blorp-deep"
weight = 0.7
[model.second.uncertain]
toxic = [0.05, 0.9]
"#;

/// The same manifest with a second model behind the first.
fn with_second() -> String {
    let deep = WHOLE.replace("blorp-1", "blorp-deep").replace("toxic = 0.9\n", "");
    format!("{WHOLE}{SECOND}{}", deep.replace("[model.thresholds.standard]", "[model.thresholds]"))
}

#[test]
fn a_second_model_is_named_by_the_first() {
    let manifest = Manifest::parse(&with_second(), "m").unwrap();
    let (entry, second) = manifest.second().unwrap();
    assert_eq!((entry.name.as_str(), second.weight), ("blorp-deep", 0.7));
    assert_eq!(second.uncertain["toxic"], [0.05, 0.9]);
    assert!(Manifest::parse(WHOLE, "m").unwrap().second().is_none());
}

#[test]
fn a_wrong_second_is_named() {
    for (from, to, key, cause) in [
        ("model = \"blorp-deep\"", "model = \"blorp-2\"", "model", "no other model"),
        ("model = \"blorp-deep\"", "model = \"blorp-1\"", "model", "no other model"),
        ("weight = 0.7", "weight = 1.1", "weight", "0 to 1"),
        ("toxic = [0.05, 0.9]", "", "uncertain", "no head"),
        ("toxic = [0.05, 0.9]", "blorp = [0.05, 0.9]", "uncertain", "no head \"blorp\""),
        ("toxic = [0.05, 0.9]", "toxic = [0.9, 0.05]", "uncertain.toxic", "a low and a high"),
        ("toxic = [0.05, 0.9]", "toxic = [0.05, 1.9]", "uncertain.toxic", "a low and a high"),
        ("toxic = [0.05, 0.9]", "toxic = [nan, 0.9]", "uncertain.toxic", "a low and a high"),
    ] {
        let text = with_second();
        assert!(text.contains(from), "{from}");
        let causes = Manifest::parse(&text.replacen(from, to, 1), "m").unwrap_err().join("\n");
        let expected = format!("m: model[0].second.{key}: ");
        assert!(causes.contains(&expected) && causes.contains(cause), "{to}: {causes}");
    }
    let other =
        with_second().replace("heads = [\"toxic\", \"threat\"]\nweak", "heads = [\"toxic\"]\nweak");
    assert!(Manifest::parse(&other, "m").is_err());
}

#[test]
fn a_whole_manifest_is_taken() {
    let manifest = Manifest::parse(WHOLE, "m").unwrap();
    let ModelEntry { name, heads, input_max, golden, .. } = manifest.first();
    assert_eq!((name.as_str(), *input_max, heads.len(), golden.len()), ("blorp-1", 64, 2, 1));
    assert_eq!(manifest.first().thresholds["standard"]["toxic"], 0.9);
    let card = manifest.first().card();
    assert_eq!((&*card.id, &*card.heads[1]), ("001122334455", "threat"));
    assert!(card.is_weak(Head::Threat) && !card.is_weak(Head::Toxic));
    assert_eq!(card.threshold("standard", Head::Toxic), Some(0.9));
    assert_eq!(card.threshold("standard", Head::Threat), None);
    assert_eq!(card.threshold("strict", Head::Toxic), None);
}

#[test]
fn the_embedded_manifest_is_whole() {
    let manifest = Manifest::embedded().unwrap();
    assert!(manifest.first().heads.iter().any(|head| head == "toxic"));
}

#[test]
fn each_slip_is_named() {
    let many = format!("heads = [{}]", vec!["\"a\""; 33].join(","));
    for (what, from, to, said) in [
        ("unknown key", "weak =", "weka =", "unknown field `weka`"),
        ("unknown key inside", "text = \"hello\"", "txt = \"hello\"", "unknown field `txt`"),
        ("no model", WHOLE, "model = []", "1 to 16 models"),
        ("no such preset", "thresholds.standard", "thresholds.standart", "no preset \"standart\""),
        ("a path", "\"blorp-1.onnx\"", "\"../blorp-1.onnx\"", "model[0].file: \"../blorp"),
        ("a path elsewhere", "\"blorp-1.pieces\"", "\"C:\\\\b\"", "model[0].pieces: "),
        ("a hidden file", "\"blorp-1.onnx\"", "\".onnx\"", "model[0].file: "),
        ("one file twice", "\"blorp-1.pieces\"", "\"blorp-1.onnx\"", "the model's own file"),
        ("a short digest", "pieces_sha256 = \"00", "pieces_sha256 = \"", "64 hex digits"),
        (
            "a digest in capitals",
            "sha256 = \"00112233445566778899aa",
            "sha256 = \"00112233445566778899AA",
            "lower case",
        ),
        ("a head twice", "[\"toxic\", \"threat\"]", "[\"toxic\", \"toxic\"]", "\"toxic\" twice"),
        ("too many heads", "heads = [\"toxic\", \"threat\"]", &many, "1 to 32 heads"),
        ("a weak stranger", "weak = [\"threat\"]", "weak = [\"insult\"]", "no head \"insult\""),
        ("a threshold's stranger", "toxic = 0.9", "sexual = 0.9", "no head \"sexual\""),
        ("a threshold too high", "toxic = 0.9", "toxic = 1.1", "not within 0 to 1"),
        ("a threshold of nothing", "toxic = 0.9", "toxic = nan", "not within 0 to 1"),
        ("a score too low", "toxic = 0.01", "toxic = -0.01", "not within 0 to 1"),
        ("a head unproved", ", threat = 0.0", "", "no golden text has a score for \"threat\""),
        ("a row too short", "input_max = 64", "input_max = 3", "3 is not within"),
        ("a row too long", "input_max = 64", "input_max = 1000", "1000 is not within"),
        ("no licence", "licence = \"MIT\"", "licence = \"\"", "model[0].licence: is empty"),
    ] {
        let text = WHOLE.replacen(from, to, 1);
        assert_ne!(text, WHOLE, "{what}: nothing was changed");
        let causes = Manifest::parse(&text, "m").expect_err(what);
        assert!(causes.iter().any(|cause| cause.contains(said)), "{what}: {causes:?}");
        assert!(causes.iter().all(|cause| cause.starts_with("m:")), "{what}: {causes:?}");
    }
}
