//! Explains a judgement at three depths: to its sender, to moderators, to whoever audits.
//!
//! A sender is told the rule and never what in the message broke it, nor how near it was: who
//! knows the term, the score or the threshold knows what to change.

use super::{Finding, Grounds, Head, Judgement, Language, Score, Verdict, Word};

/// How much is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// The rule in plain words.
    Sender,
    /// What was found and what decided.
    Moderator,
    /// Everything that the verdict hung on.
    Auditor,
}

impl Judgement {
    /// Why it was judged so, a line or several. What stands in a message is in none of them but
    /// for the listed terms that moderators are told.
    pub fn explain(&self, depth: Depth, language: Language) -> String {
        match depth {
            Depth::Sender => sender(self.verdict, self.grounds.rule(), language),
            Depth::Moderator => self.moderator(language).join("\n"),
            Depth::Auditor => {
                let mut lines = self.moderator(language);
                lines.extend(self.auditor(language));
                lines.join("\n")
            }
        }
    }

    fn moderator(&self, language: Language) -> Vec<String> {
        let by = decided(&self.grounds, language);
        let mut lines = vec![format!("{}: {by}", self.verdict.name())];
        lines.extend(self.findings.iter().filter(|f| !f.shadow).map(line));
        lines
    }

    fn auditor(&self, language: Language) -> Vec<String> {
        let Grounds { exempt, shield, shares, failed, .. } = &self.grounds;
        let model = match &self.score {
            Score::Known(scores) => scores.model.id.to_string(),
            Score::Late => "late".to_owned(),
            Score::Skipped => "-".to_owned(),
        };
        let (rules, exempt, shield) = (&self.rules, yes(*exempt, language), yes(*shield, language));
        let mut lines = vec![match language {
            Language::En => {
                format!("rules {rules}; model {model}; exempt: {exempt}; shield: {shield}")
            }
            Language::Fr => format!(
                "règles {rules}\u{a0}; modèle {model}\u{a0}; exempté\u{a0}: {exempt}\u{a0}; \
                 bouclier\u{a0}: {shield}"
            ),
        }];
        lines.extend(self.scores(language));
        for share in shares {
            let (rule, percent, bucket) = (&share.rule, share.percent, share.bucket);
            lines.push(match language {
                Language::En => format!("{rule}: enforced for {percent} %, sender in {bucket}"),
                Language::Fr => {
                    format!("{rule}\u{a0}: appliquée à {percent}\u{a0}%, expéditeur en {bucket}")
                }
            });
        }
        let shadow = self.findings.iter().filter(|f| f.shadow);
        lines.extend(shadow.map(|finding| match language {
            Language::En => format!("in shadow: {}", line(finding)),
            Language::Fr => format!("en observation\u{a0}: {}", line(finding)),
        }));
        lines.extend(failed.iter().map(|(rule, cause)| match language {
            Language::En => format!("condition {rule} failed: {cause}"),
            Language::Fr => format!("la condition {rule} a échoué\u{a0}: {cause}"),
        }));
        lines
    }

    /// Each head's score against its threshold, in one line.
    fn scores(&self, language: Language) -> Option<String> {
        let Score::Known(scores) = &self.score else { return None };
        let one = |head: Head| {
            let score = scores.of(head)?;
            let threshold = self.grounds.thresholds[head as usize];
            let threshold = threshold.map_or("-".to_owned(), |own| format!("{own:.2}"));
            Some(format!("{head} {score:.2}/{threshold}"))
        };
        let all: Vec<String> = Head::ALL.into_iter().filter_map(one).collect();
        let what = match language {
            Language::En => "scores/thresholds: ",
            Language::Fr => "scores/seuils\u{a0}: ",
        };
        (!all.is_empty()).then(|| what.to_owned() + &all.join(", "))
    }
}

/// A finding as moderators read it. Listed terms are quoted and escaped in `why` already.
fn line(finding: &Finding) -> String {
    let Finding { rule, category, severity, why, .. } = finding;
    format!("{category} {} ({rule}): {why}", severity.level())
}

fn yes(yes: bool, language: Language) -> &'static str {
    match (yes, language) {
        (true, Language::En) => "yes",
        (false, Language::En) => "no",
        (true, Language::Fr) => "oui",
        (false, Language::Fr) => "non",
    }
}

/// What had the last word.
fn decided(grounds: &Grounds, language: Language) -> String {
    let policy = &grounds.policy;
    let shield = match (grounds.shield, language) {
        (false, _) => "",
        (true, Language::En) => " under the shield",
        (true, Language::Fr) => " sous le bouclier",
    };
    let word = match (&grounds.word, language) {
        (Word::Nobody, Language::En) if grounds.exempt => "the sender is exempt".into(),
        (Word::Nobody, Language::Fr) if grounds.exempt => "l’expéditeur est exempté".into(),
        (Word::Nobody, Language::En) => "nothing in it acts".into(),
        (Word::Nobody, Language::Fr) => "rien n’y appelle une action".into(),
        (Word::Table(category, severity), Language::En) => {
            format!("{category} at severity {}", severity.level())
        }
        (Word::Table(category, severity), Language::Fr) => {
            format!("{category} de gravité {}", severity.level())
        }
        (Word::Floor(category, severity), Language::En) => {
            format!("the floor, {category} at severity {}", severity.level())
        }
        (Word::Floor(category, severity), Language::Fr) => {
            format!("le plancher, {category} de gravité {}", severity.level())
        }
        (Word::Condition { rule, why }, _) => {
            let why = if why.is_empty() { String::new() } else { format!(" ({why})") };
            format!("condition {rule}{why}")
        }
        (Word::Rule(rule), Language::En) => format!("rule {rule}"),
        (Word::Rule(rule), Language::Fr) => format!("règle {rule}"),
    };
    match language {
        Language::En => format!("policy {policy}{shield}, {word}"),
        Language::Fr => format!("politique {policy}{shield}, {word}"),
    }
}

/// What a sender is told of a verdict.
pub fn sender(verdict: Verdict, rule: &str, language: Language) -> String {
    use Language::{En, Fr};
    match (rule, verdict) {
        ("time_out", Verdict::Drop) => return timed_out(language).to_owned(),
        ("ban", Verdict::Drop) => return banned(language).to_owned(),
        _ => {}
    }
    let sentence = match (verdict, language) {
        (Verdict::Pass, En) => return "Your message was sent.".to_owned(),
        (Verdict::Pass, Fr) => return "Votre message a été envoyé.".to_owned(),
        (Verdict::Mask, En) => "Part of your message was masked.",
        (Verdict::Mask, Fr) => "Une partie de votre message a été masquée.",
        (Verdict::Hold, language) => held(language),
        (Verdict::Drop, language) => dropped(language),
    };
    sentence.to_owned() + &rule_told(rule, language)
}

pub fn held(language: Language) -> &'static str {
    match language {
        Language::En => "Your message is waiting for a moderator.",
        Language::Fr => "Votre message attend l’avis de la modération.",
    }
}

pub fn dropped(language: Language) -> &'static str {
    match language {
        Language::En => "Your message was not sent.",
        Language::Fr => "Votre message n’a pas été envoyé.",
    }
}

pub fn timed_out(language: Language) -> &'static str {
    match language {
        Language::En => "You are timed out; your message was not sent.",
        Language::Fr => {
            "Vous ne pouvez pas écrire pour le moment. Votre message n’a pas été envoyé."
        }
    }
}

pub fn banned(language: Language) -> &'static str {
    match language {
        Language::En => "You are banned; your message was not sent.",
        Language::Fr => "Vous ne pouvez plus écrire ici. Votre message n’a pas été envoyé.",
    }
}

/// ` Rule: hate.`, or nothing where there is no rule to name.
pub fn rule_told(rule: &str, language: Language) -> String {
    let word = rule_word(rule, language);
    match (word.is_empty(), language) {
        (true, _) => String::new(),
        (false, Language::En) => format!(" Rule: {word}."),
        (false, Language::Fr) => format!(" Règle\u{a0}: {word}."),
    }
}

/// A rule in plain words; one that the policy names itself as it stands.
fn rule_word(rule: &str, language: Language) -> &str {
    let known = WORDS.iter().find(|(name, ..)| *name == rule);
    known.map_or(rule, |(_, en, fr)| match language {
        Language::En => en,
        Language::Fr => fr,
    })
}

/// The categories and the rules that answer to no table: name, English, French.
const WORDS: [(&str, &str, &str); 21] = [
    ("threat", "threat", "menace"),
    ("hate", "hate", "haine"),
    ("harassment", "harassment", "harcèlement"),
    ("sexual", "sexual content", "contenu sexuel"),
    ("self_harm", "self-harm", "automutilation"),
    ("doxxing", "private information", "informations privées"),
    ("extremism", "extremism", "extrémisme"),
    ("profanity", "bad language", "grossièreté"),
    ("spam", "spam", "spam"),
    ("link", "links", "liens"),
    ("impersonation", "impersonation", "usurpation d’identité"),
    ("time_out", "you are timed out", "exclusion temporaire"),
    ("ban", "you are banned", "exclusion définitive"),
    ("late", "not checked yet", "pas encore vérifié"),
    ("crowd", "many are saying the same", "beaucoup disent la même chose"),
    ("shield", "newcomers are checked right now", "les nouveaux sont vérifiés en ce moment"),
    ("slow", "slow mode", "mode lent"),
    ("nuke", "a moderator stopped messages like it", "la modération a bloqué ce type de message"),
    ("strikes", "earlier messages were removed", "des messages précédents ont été retirés"),
    ("art", "pictures made of characters", "images en caractères"),
    ("while_held", "an earlier message is waiting", "un message précédent est en attente"),
];
