//! Tries what becomes of a listed word that is talked about: covered, where the policy covers any.

use tidegate::message::{
    Category::{self, *},
    Score,
    Verdict::{Drop, Hold, Mask, Pass},
    ViewKind,
};

use super::{
    model::{said, tone},
    setup::{Try, policy, severity},
};

const MENTIONED: &str = "he called me a blorp and left";

#[test]
fn a_word_that_is_talked_about_is_covered() {
    let standard = policy("standard", "");
    for (text, level, expected) in [
        (MENTIONED, 4, Mask),
        ("please stop calling people blorps", 4, Mask),
        ("the word blorp is banned here", 3, Mask),
        ("I'm such a blorp lol", 3, Mask),
        ("this level is so blorp", 2, Mask),
        ("this level is so blorp", 3, Hold),
        ("he is a blorp", 4, Drop),
        ("I call him a blorp", 4, Drop),
        ("nice word, blorp", 4, Drop),
        ("he called me a thing. Blorp", 4, Drop),
        ("as sick of it as I am the blorp and all of them", 4, Drop),
        ("she called him a blorp you know", 4, Drop),
        ("he called me a blorp. and you are one", 4, Drop),
        ("he called me a blorp or a blorp and left", 4, Mask),
        ("he called me a blorp or a blorp you blorp", 4, Drop),
        ("he called me a blorp you big blorp", 4, Drop),
        ("she called @ana a blorp", 4, Drop),
        ("blorp is the word for you", 4, Drop),
        ("this streamer in one word: blorp", 4, Drop),
        ("keep calling him a blorp chat", 4, Drop),
        ("i won't stop calling her a blorp", 4, Drop),
        ("everyone say blorp", 4, Drop),
        ("sorry for who I am blorp", 4, Drop),
        ("where does the word \"blorp\" come from?", 4, Mask),
        ("blorp, ca veut dire quoi", 4, Mask),
        ("is blorp a slur?", 4, Mask),
        ("is ana a blorp? yes", 4, Drop),
        ("what is a blorp? this streamer is", 4, Drop),
        ("dont say blorp, its a slur", 4, Mask),
        ("on dit pas blorp ici, merci", 4, Mask),
        ("go say blorp to her", 4, Drop),
        ("why not say blorp here", 4, Drop),
        ("calling people blorps is not ok", 4, Mask),
        ("traiter les gens de blorp c'est raciste", 4, Mask),
        ("calling her a blorp is so right", 4, Drop),
        ("calling her a blorp is not wrong", 4, Drop),
        ("that site calls him a blorp every day", 4, Mask),
        ("my coworker called my friend a blorp", 4, Mask),
        ("all I did was wake up and some kids are yelling blorp at me", 4, Mask),
        ("the guy said she was a blorp", 4, Mask),
        ("he says blorp all the time", 4, Mask),
        ("I say she is a blorp", 4, Drop),
        ("as a blorp myself i agree", 4, Mask),
        ("@ana someone called me a blorp lol", 4, Mask),
        ("someone called me a blorp. are you a blorp", 4, Drop),
    ] {
        let (verdict, found, _) = said(text, Hate, level).judge(&standard);
        assert_eq!(verdict, expected, "{text} {level}: {found:?}");
    }
}

#[test]
fn a_word_in_the_form_of_a_report_may_be_hurled() {
    let standard = policy("standard", "");
    for (text, level, expected) in [
        // Calls upon whoever reads it.
        ("gamers say blorp", 4, Drop),
        ("ladies yell blorp at her", 4, Drop),
        ("some kids say blorp", 4, Mask),
        ("don't stop saying blorp chat", 4, Drop),
        ("never stop saying blorp", 4, Drop),
        ("not say blorp", 4, Drop),
        // What follows takes it back.
        ("calling them blorps is racist but true", 4, Drop),
        ("calling them blorps isn't ok unless its ana", 4, Drop),
        ("calling ana a blorp is hateful lol do it", 4, Drop),
        ("don't call him a blorp call him an ape", 4, Drop),
        ("dont type blorp in chat type it in dms", 4, Drop),
        ("dont say blorp and dont say ana is one", 4, Drop),
        ("on dit pas blorp on dit singe", 4, Drop),
        ("blorp is an insult to apes", 4, Drop),
        ("blorp is offensive and ana is one", 4, Drop),
        ("where blorps come from", 4, Drop),
        ("the slur blorp suits ana", 4, Drop),
        ("spam slurs like blorp", 4, Drop),
        ("he called me a thing blorp", 4, Drop),
    ] {
        let (verdict, found, _) = said(text, Hate, level).judge(&standard);
        assert_eq!(verdict, expected, "{text} {level}: {found:?}");
    }
}

#[test]
fn only_what_a_policy_covers_is_covered() {
    let floor = "[floor.hate]\naction = [\"pass\", \"pass\", \"pass\", \"drop\"]\n";
    for (preset, settings, category, level, expected) in [
        ("relaxed", "", Hate, 4, Mask),
        ("standard", "", Hate, 4, Mask),
        ("strict", "", Hate, 4, Drop),
        ("stage", "", Hate, 4, Drop),
        ("off", "", Hate, 4, Pass),
        ("standard", floor, Hate, 4, Drop),
        ("standard", floor, Hate, 3, Mask),
        ("standard", "", Harassment, 3, Mask),
        ("stage", "", Profanity, 3, Mask),
        // These are what they say, whoever says it.
        ("standard", "", Threat, 3, Hold),
        ("standard", "", SelfHarm, 3, Hold),
        ("standard", "", Extremism, 3, Hold),
    ] {
        let (verdict, found, _) = said(MENTIONED, category, level).judge(&policy(preset, settings));
        assert_eq!(verdict, expected, "{preset} {category} {level}: {found:?}");
    }
}

#[test]
fn a_model_that_hears_an_attack_is_believed() {
    let deaf = "[policy.deaf.hate]\nthreshold = 1.0\n";
    let check = |name: &str, score: Score, expected: u8| {
        let case = Try { score, ..said(MENTIONED, Hate, 4) };
        let (_, found, _) = case.judge(&policy(name, deaf));
        let own = found.iter().find(|finding| finding.rule == "term").expect("a term");
        assert_eq!(own.severity, severity(expected), "{name} {}", own.why);
        assert_eq!(own.why.contains("lowered to 1, talked about"), expected == 1, "{}", own.why);
    };
    check("standard", Score::Skipped, 1);
    check("standard", tone(0.02, &[]), 1);
    check("standard", tone(0.5, &[]), 1);
    check("standard", tone(0.02, &[("toxic", 0.95)]), 4);
    check("standard", tone(0.02, &[("identity_hate", 0.97)]), 4);
    check("deaf", tone(0.02, &[("toxic", 0.95)]), 1);
}

/// It hears the word, and a word that is asked about is not said to anybody.
#[test]
fn what_is_said_of_a_word_is_no_attack_by_its_tone() {
    let standard = policy("standard", "");
    for (text, score, expected) in [
        ("blorp is a slur", tone(0.02, &[("toxic", 0.95)]), Mask),
        ("dont say blorp", tone(0.02, &[("toxic", 0.95)]), Mask),
        // What a model finds for itself is more than tone.
        ("dont say blorp", tone(0.02, &[("identity_hate", 0.97)]), Hold),
        ("he called me a blorp", tone(0.02, &[("toxic", 0.95)]), Drop),
    ] {
        let case = Try { score, ..said(text, Hate, 4) };
        let (verdict, found, _) = case.judge(&standard);
        assert_eq!(verdict, expected, "{text}: {found:?}");
    }
}

/// What somebody else said must not be seen either, but a person hears of it.
#[test]
fn a_statement_that_is_told_of_waits_for_a_person() {
    let floor = "[floor.hate]\naction = [\"pass\", \"pass\", \"pass\", \"drop\"]\n";
    for (settings, text, category, level, expected) in [
        ("", "some guy yelled \"blorp\" at my mom", Hate, 4, Hold),
        ("", "they sprayed blorp on our door", Extremism, 4, Hold),
        ("", "my friend told me to blorp", SelfHarm, 4, Hold),
        ("", "they wrote « blorp » on the wall", Threat, 4, Hold),
        ("", "\"blorp\"", Hate, 4, Drop),
        ("", "'blorp' is the plan tonight friends", Hate, 4, Drop),
        ("", "some guy wrote blorp i wish he did it", Hate, 4, Drop),
        ("", "\"blorp\" he said and he is right", Hate, 4, Drop),
        ("", "they wrote \"blorp\" and you should too", Hate, 4, Drop),
        ("", "i told them to blorp today", Threat, 4, Drop),
        ("", "some guy yelled \"blorp\" at my mom", Hate, 3, Hold),
        (floor, "some guy yelled \"blorp\" at my mom", Hate, 4, Drop),
    ] {
        let mut case = said(text, category, level);
        case.hits[0].term = "blorp and all of them".into();
        let (verdict, found, _) = case.judge(&policy("standard", settings));
        assert_eq!(verdict, expected, "{text}: {found:?}");
    }
}

#[test]
fn a_disguised_word_is_not_talked_about() {
    let standard = policy("standard", "");
    let mut case = said(MENTIONED, Category::Hate, 4);
    case.hits[0].view = ViewKind::Folded;
    assert_eq!(case.judge(&standard).0, Drop);
    // Nor is a statement that is passed on.
    let mut case = said(MENTIONED, Category::Hate, 4);
    case.hits[0].term = "blorp are all bad".into();
    assert_eq!(case.judge(&standard).0, Drop);
}
