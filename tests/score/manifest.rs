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
