//! Checks licences, sources and bans of every dependency against `deny.toml`.
//!
//! cargo-deny does more (advisories, all platforms) and takes minutes to install: `.ci/deny`.

use std::process::Command;

use serde::Deserialize;

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    license: Option<String>,
    source: Option<String>,
}

#[derive(Deserialize)]
struct Deny {
    licenses: Licenses,
    bans: Bans,
    sources: Sources,
}

#[derive(Deserialize)]
struct Licenses {
    allow: Vec<String>,
}

#[derive(Deserialize)]
struct Bans {
    deny: Vec<Ban>,
}

#[derive(Deserialize)]
struct Ban {
    name: String,
    /// With a version, only some are banned: that is left to cargo-deny.
    version: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Sources {
    allow_registry: Vec<String>,
}

/// What is wrong with one package.
fn faults(package: &Package, deny: &Deny) -> Vec<String> {
    let mut faults = Vec::new();
    let licence = package.license.as_deref().unwrap_or("none");
    if !allowed(licence, &deny.licenses.allow) {
        faults.push(format!("its licence is {licence}"));
    }
    // The crate itself has no source.
    let registry = package.source.as_deref().map(|source| source.trim_start_matches("registry+"));
    if registry.is_some_and(|from| !deny.sources.allow_registry.iter().any(|ok| ok == from)) {
        faults.push(format!("it comes from {registry:?}"));
    }
    if deny.bans.deny.iter().any(|ban| ban.version.is_none() && ban.name == package.name) {
        faults.push("it is banned".to_owned());
    }
    faults
}

/// Whether an SPDX expression can be met with the licences in `allow`.
fn allowed(expression: &str, allow: &[String]) -> bool {
    // `MIT/Apache-2.0` is how it was written before SPDX.
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let tokens: Vec<&str> = spaced.split_whitespace().collect();
    let mut at = 0;
    let met = either(&tokens, &mut at, allow);
    met && at == tokens.len()
}

/// `a OR b`; binds less than `AND`.
fn either(tokens: &[&str], at: &mut usize, allow: &[String]) -> bool {
    let mut met = both(tokens, at, allow);
    while tokens.get(*at) == Some(&"OR") {
        *at += 1;
        met |= both(tokens, at, allow);
    }
    met
}

fn both(tokens: &[&str], at: &mut usize, allow: &[String]) -> bool {
    let mut met = single(tokens, at, allow);
    while tokens.get(*at) == Some(&"AND") {
        *at += 1;
        met &= single(tokens, at, allow);
    }
    met
}

fn single(tokens: &[&str], at: &mut usize, allow: &[String]) -> bool {
    let token = tokens.get(*at).copied().unwrap_or_default();
    *at += 1;
    if token != "(" {
        // With an exception it is another licence, which has to be allowed by its whole name.
        let named = match tokens.get(*at..*at + 2) {
            Some(["WITH", exception]) => {
                *at += 2;
                format!("{token} WITH {exception}")
            }
            _ => token.to_owned(),
        };
        return allow.contains(&named);
    }
    let met = either(tokens, at, allow);
    *at += 1;
    met
}

fn deny() -> Deny {
    let text = include_str!("../deny.toml");
    toml::from_str(text).expect("deny.toml is what cargo-deny reads")
}

/// The platform that this is built on, as `rustc` names it.
fn platform() -> String {
    let output =
        Command::new("rustc").arg("-vV").output().expect("rustc runs, since it built this");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let host = said.lines().find_map(|line| line.strip_prefix("host: "));
    host.expect("rustc says what it runs on").to_owned()
}

#[test]
fn every_dependency_may_be_shipped() {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked", "--offline"])
        // What is not for this platform need not have been fetched.
        .args(["--filter-platform", &platform()])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs, since it runs this");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Metadata = serde_json::from_slice(&output.stdout).expect("cargo writes JSON");
    assert!(metadata.packages.len() > 50, "only {} packages", metadata.packages.len());
    let deny = deny();
    let mut wrong = Vec::new();
    for package in &metadata.packages {
        let name = format!("{} {}", package.name, package.version);
        wrong.extend(faults(package, &deny).into_iter().map(|fault| format!("{name}: {fault}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_bad_dependency_is_seen() {
    let check = |name: &str, license: Option<&str>, source: Option<&str>, expected: usize| {
        let package = Package {
            name: name.to_owned(),
            version: "1.0.0".to_owned(),
            license: license.map(str::to_owned),
            source: source.map(str::to_owned),
        };
        let found = faults(&package, &deny());
        assert_eq!(found.len(), expected, "{name} {license:?} {source:?}: {found:?}");
    };
    let registry = Some("registry+https://github.com/rust-lang/crates.io-index");
    check("blorp", Some("MIT OR Apache-2.0"), registry, 0);
    check("blorp", Some("MIT/Apache-2.0"), registry, 0);
    check("blorp", Some("GPL-3.0-only OR MIT"), registry, 0);
    check("blorp", Some("(MIT OR GPL-3.0-only) AND Unicode-3.0"), registry, 0);
    check("blorp", Some("Apache-2.0 WITH LLVM-exception OR MIT"), registry, 0);
    check("blorp", Some("Apache-2.0 WITH LLVM-exception"), registry, 1);
    check("blorp", Some("MPL-2.0"), registry, 1);
    check("blorp", Some("MIT AND GPL-3.0-only"), registry, 1);
    check("blorp", Some("(MIT"), registry, 1);
    check("blorp", None, registry, 1);
    check("blorp", Some("MIT"), Some("git+https://example.org/blorp"), 1);
    check("native-tls", Some("MIT"), registry, 1);
    check("tidegate", Some("MIT OR Apache-2.0"), None, 0);
}
