//! Prepares the real binary to run beside the tests that cargo builds it for.
#![allow(dead_code)]

use std::{
    io::Write,
    net::SocketAddr,
    path::Path,
    process::{Command, Stdio},
};

use tokio::net::TcpListener;

use crate::common::console::PASSWORD;

/// An address that is free now, for a process that is told where to listen.
pub async fn free_port() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    listener.local_addr().expect("its address")
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
