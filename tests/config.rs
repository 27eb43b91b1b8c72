//! Tries settings files: the default one, and everything that can be wrong with one.

#![allow(clippy::unwrap_used)]

use tidegate::config::{
    BotConfig, CategoryConfig, Config, Consequence, DEFAULT_FILE, Enforce, FloorCategory,
    FloorConfig, HookConfig, IdentityConfig, IdentitySource, JsonConfig, LadderStep, LinksConfig,
    OnExpiry, OnLate, PolicyConfig, Problem, RouteConfig, ServiceConfig, ShapeConfig, Unattended,
    UnattendedConfig, Unjudged, WebhookConfig, WhenConfig, WhileHeld, line_of,
};
use tidegate::decide::Policy;
use tidegate::message::{Category, Head, Verdict};

#[test]
fn default_file_is_the_default() {
    let parsed = Config::parse(DEFAULT_FILE, "default").expect("it loads unchanged");
    assert_eq!(toml::to_string(&parsed).unwrap(), toml::to_string(&Config::default()).unwrap());
}

/// The file with every setting that is off, and every example, taken into use.
fn uncommented() -> String {
    let on = |line: &str| match line.strip_prefix('#') {
        Some(rest) if rest.starts_with(|c: char| c == '[' || c.is_ascii_lowercase()) => {
            rest.to_owned()
        }
        _ => line.to_owned(),
    };
    let all: Vec<String> = DEFAULT_FILE.lines().map(on).collect();
    all.join("\n")
}

#[test]
fn examples_of_the_default_file_load() {
    let config = Config::parse(&uncommented(), "examples").expect("the examples are valid");
    assert_eq!(config.route.len(), 1);
    assert_eq!(config.policy.len(), 1);
    assert_eq!(Policy::problems(&config), []);
}

/// A policy that says everything.
fn whole_policy() -> PolicyConfig {
    let category = || {
        Some(CategoryConfig {
            action: Some([Verdict::Pass; 4]),
            threshold: Some(0.5),
            on_expiry: Some(OnExpiry::Drop),
            shadow: Some(false),
        })
    };
    PolicyConfig {
        preset: Some("standard".into()),
        language: serde_json::from_str("[\"en\"]").ok(),
        while_held: Some(WhileHeld::Pass),
        hold_ms: Some(1),
        on_expiry: Some(OnExpiry::Drop),
        when_full: Some(Unjudged::Drop),
        on_late: Some(OnLate::Pass),
        exempt_roles: Some(Vec::new()),
        exempt_users: Some(Vec::new()),
        waivable: Some(Vec::new()),
        notices: Some(true),
        flood: Some(Default::default()),
        links: Some(LinksConfig {
            allow: vec!["example.org".into()],
            block: vec!["example.com".into()],
            ..Default::default()
        }),
        shape: Some(ShapeConfig { art: Some(Verdict::Hold), ..Default::default() }),
        emotes: Some(Vec::new()),
        personal: Some(Default::default()),
        crowd: Some(Default::default()),
        shield: Some(Default::default()),
        heads: Some([(Head::Toxic, 0.5)].into()),
        harmless: Some(0.1),
        rules: Some([("flood".to_owned(), Enforce::Shadow)].into()),
        when: Some(vec![WhenConfig {
            condition: "true".into(),
            then: Verdict::Hold,
            rule: "r".into(),
            why: "w".into(),
            mode: Enforce::Always,
            category: Some(Category::Spam),
        }]),
        protected: Some(Default::default()),
        strikes: Some(Default::default()),
        ladder: Some(vec![LadderStep { at: 1.0, then: Consequence::Warn, for_ms: None }]),
        paid: Some(Default::default()),
        unattended: Some(UnattendedConfig {
            action: Unattended::Stricter,
            policy: Some("strict".into()),
        }),
        threat: category(),
        hate: category(),
        harassment: category(),
        sexual: category(),
        self_harm: category(),
        doxxing: category(),
        extremism: category(),
        profanity: category(),
        spam: category(),
        link: category(),
        impersonation: category(),
    }
}

#[test]
fn default_file_names_every_key() {
    let route = RouteConfig {
        identity: Some(IdentityConfig { from: IdentitySource::Header, name: "X".into() }),
        service: Some(ServiceConfig {
            headers: [("X-Bot".to_owned(), "x".to_owned())].into(),
            header_files: [("Authorization".to_owned(), "f".into())].into(),
            hello_file: Some("f".into()),
            ..Default::default()
        }),
        json: Some(JsonConfig::default()),
        ..Default::default()
    };
    let floor = FloorConfig {
        on_late: Some(OnLate::Hold),
        when_full: Some(Unjudged::Drop),
        heads: Some([(Head::Toxic, 0.5)].into()),
        harmless: Some(0.1),
        hate: Some(FloorCategory {
            action: Some([Verdict::Hold; 4]),
            threshold: Some(0.5),
            exempts: Some(false),
            on_expiry: Some(OnExpiry::Release),
        }),
        ..Default::default()
    };
    let (bot, hook) = (vec![BotConfig::default()], vec![HookConfig::default()]);
    let (file, env) = (Some("f".into()), Some("e".into()));
    let webhook = WebhookConfig { secret_file: file, secret_env: env, ..Default::default() };
    let mut config = Config {
        route: vec![route],
        bot,
        hook,
        webhook: vec![webhook],
        floor,
        ..Default::default()
    };
    config.policy.insert("mine".into(), whole_policy());
    config.listen.tls_cert = Some("c".into());
    config.listen.tls_key = Some("k".into());
    let whole = toml::Value::try_from(&config).unwrap();
    let file: toml::Value = toml::from_str(&uncommented()).unwrap();
    let mut missing = Vec::new();
    keys_missing(&whole, &file, "", &mut missing);
    // Every category takes the same four keys; the file shows each of them at least once.
    missing.retain(|key| !key.ends_with(".shadow") && !key.ends_with(".on_expiry"));
    missing.retain(|key| !key.ends_with(".threshold"));
    assert_eq!(missing, Vec::<String>::new());
    for key in ["shadow", "threshold", "on_expiry"] {
        assert!(uncommented().contains(&format!("\n{key} = ")), "{key}");
    }
}

fn keys_missing(whole: &toml::Value, file: &toml::Value, at: &str, missing: &mut Vec<String>) {
    match (whole, file) {
        (toml::Value::Table(whole), toml::Value::Table(file)) => {
            for (key, value) in whole {
                match file.get(key) {
                    Some(there) => keys_missing(value, there, &format!("{at}.{key}"), missing),
                    None => missing.push(format!("{at}.{key}")),
                }
            }
        }
        (toml::Value::Array(whole), toml::Value::Array(file)) => {
            if let (Some(whole), Some(file)) = (whole.first(), file.first()) {
                keys_missing(whole, file, at, missing);
            }
        }
        _ => {}
    }
}

/// Each text with the line, key and part of the cause of every problem it has.
type Case = (&'static str, &'static [(usize, &'static str, &'static str)]);

const WRONG: &[Case] = &[
    ("colour = 1\n", &[(1, "colour", "unknown field `colour`")]),
    (
        "shade = 1\n[listen]\nchat = 7\nports = 1\n[hold]\nheld = 2\n",
        &[
            (1, "shade", "unknown field `shade`"),
            (3, "listen.chat", "invalid type"),
            (4, "listen.ports", "unknown field `ports`"),
            (6, "hold.held", "unknown field `held`"),
        ],
    ),
    ("[listen\nchat = 1\n", &[(1, "", "")]),
    ("a = 1\nb = \nc = = 2\n", &[(1, "a", "unknown field"), (2, "", ""), (3, "", "")]),
    ("[listen]\ntls_cert = \"a.pem\"\n", &[(2, "listen.tls_cert", "tls_key")]),
    ("[listen]\nadmin = \"127.0.0.1:7400\"\n", &[(2, "listen.admin", "listen.chat already")]),
    ("[policy.a.crowd]\naction = \"mask\"\n", &[(2, "policy.a.crowd.action", "masked")]),
    ("[policy.a.crowd]\ncopies_max = 30\n", &[(1, "policy.a.crowd.held_max", "0 to 90")]),
    ("[policy.a.shield]\nhostile_max = 1\n", &[(2, "policy.a.shield.hostile_max", "2 to 500")]),
    ("[policy.a.shield]\npreset = \"hard\"\n", &[(2, "policy.a.shield.preset", "not one of")]),
    ("[history]\nlines_max = 1\n", &[(2, "history.lines_max", "not within")]),
    ("[hold]\nheld_max = 0\n", &[(2, "hold.held_max", "not within")]),
    ("[console]\nproxies = [\"proxy\"]\n", &[(2, "console.proxies", "neither an address")]),
    ("[limits]\ninflate_ratio_max = 0\n", &[(2, "limits.inflate_ratio_max", "1")]),
    ("[listen]\ncompression = \"gzip\"\n", &[(2, "listen.compression", "unknown variant")]),
    ("[limits]\n\nping_ms = 30000\n", &[(3, "limits.ping_ms", "dead_ms")]),
    (
        "[[route]]\nupstream = \"ftp://a\"\n[[route]]\npath = \"/\"\nupstream = \"ws://a\"\n",
        &[(2, "route[0].upstream", "ws://"), (4, "route[1].path", "path of route[0]")],
    ),
    (
        "[api]\norigins = [\"https://example.org\", \"https://*.example.org\"]\n",
        &[(2, "api.origins", "*.example.org")],
    ),
    ("[[route]]\npath = \"/a\"\n", &[(1, "route[0].upstream", "is missing")]),
    (
        "[[route]]\nupstream = \"ws://u:p@host\"\npolicy = \"lax\"\npath = \"x\"\n",
        &[
            (2, "route[0].upstream", "user or password"),
            (3, "route[0].policy", "there is no policy \"lax\""),
            (4, "route[0].path", "begin with /"),
        ],
    ),
    (
        "[[route]]\nupstream = \"ws://h\"\nmode = \"sideways\"\norigins = [\"example.org\"]\n",
        &[(3, "route[0].mode", "unknown variant"), (4, "route[0].origins", "example.org")],
    ),
    (
        "[[route]]\nupstream = \"ws://h\"\nmode = \"egress\"\n[route.service]\npath = \"/\"\n",
        &[(4, "route[0].service", "never written to")],
    ),
    (
        "[[route]]\nupstream = \"ws://h\"\n[route.service]\nheaders = { a = \"b\" }\n\
         header_files = { A = \"f\" }\n",
        &[(5, "route[0].service.header_files", "\"A\" stands in service.headers already")],
    ),
    (
        "[[route]]\nupstream = \"ws://h\"\n[route.service]\nheader_files = { \"a b\" = \"f\" }\n",
        &[(4, "route[0].service.header_files", "cannot be sent as a header")],
    ),
    (
        "[[route]]\nupstream = \"ws://h\"\n[route.json]\nroles = \"/r\"\n",
        &[(4, "route[0].json.roles", "prove nothing")],
    ),
    (
        "[[route]]\nupstream = \"ws://h\"\nprotocol = \"irc\"\n[route.json]\ntext = \"/t\"\n",
        &[(4, "route[0].json", "no use with protocol")],
    ),
    (
        "[[route]]\nupstream = \"ws://h\"\n[route.identity]\nfrom = \"header\"\n",
        &[(3, "route[0].identity", "missing field `name`")],
    ),
    (
        "[[route]]\nupstream = \"ws://h\"\nidentity = { from = \"header\", name = \"a b\" }\n",
        &[(3, "route[0].identity.name", "cannot be a header")],
    ),
    (
        "[policy.mine]\npreset = \"lax\"\nhold_ms = 1\n[policy.mine.hate]\nthreshold = 1.5\n",
        &[
            (2, "policy.mine.preset", "not one of off, relaxed"),
            (3, "policy.mine.hold_ms", "not within"),
            (5, "policy.mine.hate.threshold", "0 to 1"),
        ],
    ),
    (
        "[policy.a]\nharmless = -0.1\n[policy.a.heads]\ntoxic = nan\n",
        &[(2, "policy.a.harmless", "0 to 1"), (4, "policy.a.heads.toxic", "0 to 1")],
    ),
    (
        "[policy.a.heads]\nsarcasm = 0.5\n",
        &[(2, "policy.a.heads.sarcasm", "unknown variant `sarcasm`")],
    ),
    (
        "[policy.a.hate]\naction = [\"pass\"]\n[policy.a.threat]\naction = [\"no\",1,2,3]\n",
        &[(2, "policy.a.hate.action", "invalid length"), (4, "policy.a.threat.action", "variant")],
    ),
    (
        "[[bot]]\nname = \"a\"\npolicy = \"lax\"\n[[bot]]\nname = \"a\"\n",
        &[(3, "bot[0].policy", "there is no policy \"lax\""), (5, "bot[1].name", "name of bot[0]")],
    ),
    (
        "[[bot]]\nname = \"a\"\n[[hook]]\nname = \"a\"\n[[hook]]\nname = \"b/c\"\n\
         wait_max_s = 9999\n",
        &[
            (4, "hook[0].name", "name of bot[0]"),
            (6, "hook[1].name", "letters, digits"),
            (7, "hook[1].wait_max_s", "9999 is not within 0 to 3600"),
        ],
    ),
    (
        "[[webhook]]\nname = \"a\"\n[[webhook]]\nname = \"a\"\nretry_ms = 1\n[[webhook]]\n\
         age_max_s = 0\n",
        &[
            (4, "webhook[1].name", "name of webhook[0]"),
            (5, "webhook[1].retry_ms", "1 is not within 10"),
            (6, "webhook[2].name", "is empty"),
            (7, "webhook[2].age_max_s", "0 is not within 1"),
        ],
    ),
    (
        "[policy.a.unattended]\naction = \"stricter\"\n[policy.b.unattended]\npolicy = \"a\"\n",
        &[
            (1, "policy.a.unattended.policy", "is missing"),
            (4, "policy.b.unattended.policy", "has no use unless"),
        ],
    ),
    (
        "[policy.a.unattended]\naction = \"stricter\"\npolicy = \"night\"\n\
         [policy.b.unattended]\naction = \"stricter\"\npolicy = \"b\"\n",
        &[
            (3, "policy.a.unattended.policy", "there is no policy \"night\" (there are a, b, off"),
            (6, "policy.b.unattended.policy", "this policy itself"),
        ],
    ),
    (
        "[policy.a.unattended]\naction = \"sleep\"\n",
        &[(2, "policy.a.unattended.action", "variant")],
    ),
    ("[console]\nduty_minutes = 0\n", &[(2, "console.duty_minutes", "not within 1 to 1440")]),
    ("[policy.off]\npreset = \"strict\"\n", &[(2, "policy.off.preset", "preset of that name")]),
    (
        "[policy.a.flood]\nmessages_max = 1000\nwindow_ms = 0\n",
        &[(2, "policy.a.flood.messages_max", ""), (3, "policy.a.flood.window_ms", "")],
    ),
];

#[test]
fn everything_wrong_is_named() {
    for (text, expected) in WRONG {
        let problems = Config::parse(text, "t.toml").expect_err(text);
        let found: Vec<_> = problems.iter().map(|p| (p.line, p.key.as_str())).collect();
        let wanted: Vec<_> = expected.iter().map(|(line, key, _)| (Some(*line), *key)).collect();
        assert_eq!(found, wanted, "{text}\n{problems:#?}");
        for (problem, (.., cause)) in problems.iter().zip(*expected) {
            assert!(problem.cause.contains(cause), "{cause}: {problem}");
        }
    }
}

#[test]
fn good_files_load() {
    for text in [
        "",
        "[[route]]\nupstream = \"wss://chat.example.org:8443/ws?x=1\"\npolicy = \"strict\"\n",
        "[[route]]\npath=\"/a\"\nupstream=\"ws://h\"\n[[route]]\npath=\"/b\"\nupstream=\"ws://h\"",
        "[listen]\nchat = \"127.0.0.1:0\"\nconsole = \"127.0.0.1:0\"\nadmin = \"[::1]:0\"\n",
        "[policy.a.unattended]\naction = \"hold\"\n",
        "[policy.a.unattended]\naction = \"stricter\"\npolicy = \"night\"\n\
         [policy.night.unattended]\naction = \"stricter\"\npolicy = \"a\"\n",
        "[policy.\"a.b\"]\npreset = \"strict\"\n[[route]]\nupstream=\"ws://h\"\npolicy=\"a.b\"\n",
    ] {
        Config::parse(text, "t.toml").expect(text);
    }
}

#[test]
fn a_problem_reads_well_and_hides_control_characters() {
    let cause = "bad\u{1b}[2J value\n".into();
    let mut problem = Problem { file: "t.toml".into(), line: Some(3), key: "a.b".into(), cause };
    assert_eq!(problem.to_string(), "t.toml:3: a.b: bad [2J value");
    problem.line = None;
    problem.key.clear();
    assert_eq!(problem.to_string(), "t.toml: bad [2J value");
}

#[test]
fn files_are_bounded_text() {
    let folder = std::env::temp_dir().join(format!("tidegate-config-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let large = "#".repeat(1024 * 1024 + 1);
    for (name, bytes, cause) in [
        ("large.toml", large.as_bytes(), "larger than"),
        ("latin.toml", &b"a = 1\nb = \"\xe9\"\n"[..], "not UTF-8 text at line 2"),
    ] {
        let path = folder.join(name);
        std::fs::write(&path, bytes).unwrap();
        let problems = Config::read(&path).expect_err(name);
        assert!(problems[0].to_string().contains(cause), "{}", problems[0]);
    }
    let problems = Config::read(&folder.join("none.toml")).expect_err("no such file");
    assert!(problems[0].to_string().contains("none.toml: "), "{}", problems[0]);
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn a_key_has_its_line_or_its_tables() {
    let text = "[[route]]\npath = \"/\"\n\n[[route]]\nname = \"b\"\n";
    for (key, line) in
        [("route[0].path", Some(2)), ("route[1].protocol", Some(4)), ("hold.held_max", None)]
    {
        assert_eq!(line_of(text, key), line, "{key}");
    }
}
