//! Holds what is deployed to its hardening, and the threat model to the tests that it names.

use std::{
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
    process::Command,
};

fn read(path: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("deploy").join(path);
    fs::read_to_string(&path).unwrap_or_else(|cause| panic!("{}: {cause}", path.display()))
}

/// File and a line of it, without what stands before and after.
const HARDENED: &[(&str, &[&str])] = &[
    (
        "Dockerfile",
        &[
            "FROM gcr.io/distroless/cc-debian12:nonroot",
            "&& mkdir -m 0700 /state",
            "COPY --from=build --chown=nonroot:nonroot /state /var/lib/tidegate",
            "cargo build --release --locked && cp target/release/tidegate /tidegate \\",
        ],
    ),
    (
        "compose.yaml",
        &[
            "read_only: true",
            "cap_drop: [ALL]",
            "security_opt: [\"no-new-privileges:true\"]",
            "- ./tidegate.toml:/etc/tidegate/tidegate.toml:ro",
            "- \"127.0.0.1:7401:7401\"",
            "core: 0",
        ],
    ),
    (
        "kubernetes/sidecar.yaml",
        &[
            "runAsNonRoot: true",
            "readOnlyRootFilesystem: true",
            "allowPrivilegeEscalation: false",
            "capabilities: { drop: [ALL] }",
            "seccompProfile: { type: RuntimeDefault }",
            "automountServiceAccountToken: false",
            "kind: NetworkPolicy",
        ],
    ),
    (
        "tidegate.service",
        &[
            "DynamicUser=yes",
            "StateDirectoryMode=0700",
            "UMask=0077",
            "LimitCORE=0",
            "Environment=ORT_DISABLE_TELEMETRY=1",
            "NoNewPrivileges=yes",
            "CapabilityBoundingSet=",
            "ProtectSystem=strict",
            "ProtectHome=yes",
            "PrivateTmp=yes",
            "PrivateDevices=yes",
            "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX",
            "RestrictNamespaces=yes",
            "MemoryDenyWriteExecute=yes",
            "SystemCallFilter=@system-service",
            "SystemCallFilter=~@privileged @resources",
        ],
    ),
];

#[test]
fn what_is_deployed_is_hardened() {
    for (path, lines) in HARDENED {
        let text = read(path);
        for line in *lines {
            assert!(text.lines().any(|own| own.trim() == *line), "{path} does not say {line}");
        }
    }
}

/// Nothing in a container or a unit may ask for what the rest takes away.
#[test]
fn nothing_deployed_asks_for_more_rights() {
    for (path, _) in HARDENED {
        let text = read(path);
        for word in
            ["privileged: true", "hostNetwork", "hostPID", "SYS_ADMIN", "USER root", "User=root"]
        {
            assert!(!text.contains(word), "{path} says {word}");
        }
    }
}

/// systemd's own judgement, where systemd is: 0 is the safest, 10 the least safe.
#[test]
fn systemd_finds_little_to_take_from_the_unit() {
    let folder = std::env::temp_dir().join(format!("tidegate-unit-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a temporary folder");
    let unit = folder.join("tidegate.service");
    // It wants to see the program; the one of the unit need not be here.
    let text = read("tidegate.service").replace("/usr/local/bin/tidegate run", "/bin/true run");
    fs::write(&unit, text).expect("a file");
    for arguments in [&["verify"][..], &["security", "--offline=true", "--threshold=15"]] {
        match Command::new("systemd-analyze").args(arguments).arg(&unit).output() {
            Ok(output) => {
                let said = String::from_utf8_lossy(&output.stdout).into_owned()
                    + &String::from_utf8_lossy(&output.stderr);
                if said.contains("unrecognized option") {
                    println!("this systemd-analyze is older than 250");
                    break;
                }
                assert!(output.status.success(), "{arguments:?}: {said}");
                let own = said.lines().filter(|line| line.contains("tidegate.service:"));
                let own: Vec<_> = own.filter(|line| !line.contains("exposure level")).collect();
                assert!(own.is_empty(), "{arguments:?}: {own:?}");
            }
            Err(cause) if cause.kind() == ErrorKind::NotFound => {
                println!("there is no systemd-analyze here");
                break;
            }
            Err(cause) => panic!("{cause}"),
        }
    }
    fs::remove_dir_all(folder).expect("it is there");
}

/// The text of every Rust file below a folder.
fn sources(folder: &Path) -> String {
    let mut all = String::new();
    for entry in fs::read_dir(folder).expect("it can be listed") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            all += &sources(&path);
        } else if path.extension().is_some_and(|kind| kind == "rs") {
            all += &fs::read_to_string(&path).expect("it can be read");
        }
    }
    all
}

#[test]
fn every_test_that_the_threat_model_names_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let all = sources(&root.join("tests")) + &sources(&root.join("src"));
    let text = fs::read_to_string(root.join("docs/security.md")).expect("the threat model");
    let from = text.find("\n## Threats").expect("its threats");
    let to = text.find("\n## What is not protected").expect("their end");
    let mut named = 0;
    for row in text[from..to].lines().filter(|line| line.starts_with("| ")) {
        let cells: Vec<&str> = row.trim_matches('|').split('|').collect();
        assert_eq!(cells.len(), 3, "threat, control, test: {row}");
        for name in cells[2].split('`').skip(1).step_by(2) {
            let there = match name.contains(['/', '.']) {
                true => root.join(name).exists(),
                false => all.contains(&format!("fn {name}(")),
            };
            assert!(there, "there is no {name}: {row}");
            named += 1;
        }
    }
    assert!(named > 80, "only {named} tests are named");
}
