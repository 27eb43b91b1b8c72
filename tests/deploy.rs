//! Holds what is deployed to its hardening: no root, nothing to write to, no way to more rights.

use std::{fs, io::ErrorKind, path::PathBuf, process::Command};

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
