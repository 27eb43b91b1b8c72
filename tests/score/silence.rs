//! Tries that the library of the model reports to nobody.

use std::{
    fs,
    process::{Command, Stdio},
};

/// The library keeps an id and what it has not sent yet in a file, and would have no other reason.
#[test]
fn the_library_of_the_model_leaves_nothing_behind() {
    let folder = std::env::temp_dir().join(format!("tidegate-silence-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
    command.arg("judge").env_remove("ORT_DISABLE_TELEMETRY").current_dir(&folder);
    for place in ["HOME", "TMPDIR", "XDG_CACHE_HOME", "XDG_DATA_HOME"] {
        command.env(place, &folder);
    }
    let output = command.stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("runtime "), "{said}");
    // It fails where anything is in it.
    assert!(fs::remove_dir(&folder).is_ok(), "{said}");
}
