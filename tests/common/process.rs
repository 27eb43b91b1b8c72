//! Prepares the real binary to run beside the tests that cargo builds it for.
#![allow(dead_code)]

use std::{
    collections::BTreeSet,
    io::Write,
    net::SocketAddr,
    path::Path,
    process::{Command, Stdio},
    sync::Mutex,
};

use tokio::net::TcpListener;

use crate::common::console::PASSWORD;

/// An address that is free now, for a process that is told where to listen. None is given twice:
/// the system may choose the same port again as soon as it is let go.
pub async fn free_port() -> SocketAddr {
    static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());
    loop {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("its address");
        if GIVEN.lock().expect("no panic").insert(address.port()) {
            return address;
        }
    }
}

/// Adds `ana` as an operator would.
pub fn add_moderator(file: &Path) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_tidegate"))
        .args(["user", "add", "ana", "--role", "moderator", "--config"])
        .arg(file)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("the binary starts");
    let mut stdin = child.stdin.take().expect("its input");
    writeln!(stdin, "{PASSWORD}").expect("a password");
    drop(stdin);
    assert!(child.wait().expect("an end").success(), "the account was not added");
}
