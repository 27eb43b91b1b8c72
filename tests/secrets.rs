//! Holds Tidegate to its word on secrets: in nobody's log, error or folder but their owner's.

mod common;

use std::{
    fs,
    net::SocketAddr,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use common::{Folder, PATIENCE, Room, config, connect, next_json, say};
use tidegate::{accounts::Scope, commands::user, config::Config, rules::secret_key, store};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::timeout,
};

/// What must appear nowhere.
const SECRET: &str = "hunter2-hunter2";

#[test]
fn what_is_wrong_with_settings_repeats_no_secret() {
    for text in [
        format!("[[route]]\nupstream = \"ws://h\"\n[route.service]\nheaders = \"{SECRET}\"\n"),
        format!("[[route]]\nupstream = \"ws://h\"\n[route.service]\nhello = \"{SECRET}\"\n"),
        format!("[[route]]\nupstream = \"ws://h\"\nservice = {{ headers.A = [\"{SECRET}\"] }}\n"),
        format!(
            "[[route]]\nupstream = \"ws://h\"\nservice = {{ headers.A = \"{SECRET}\\u0007\" }}\n"
        ),
        format!("[[route]]\nupstream = \"ws://ana:{SECRET}@h\"\n"),
        format!("[[bot]]\nplatform = \"discord\"\ntoken = \"{SECRET}\"\n"),
        format!("[[bot]]\nplatform = \"discord\"\nsettings = \"{SECRET}\"\n"),
        format!("[[webhook]]\nname = \"a\"\nsecret = \"{SECRET}\"\n"),
        format!("password = \"{SECRET}\"\n"),
        format!("password = \"{SECRET}\nx"),
    ] {
        let problems = Config::parse(&text, "t.toml").expect_err(&text);
        let said = problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
        assert!(!said.contains(SECRET), "{text}\n{said}");
    }
}

/// Every file below a folder with the rights of others on it.
fn open_to_others(folder: &Path) -> Vec<(PathBuf, u32)> {
    let mut found = Vec::new();
    let mut ahead = vec![folder.to_owned()];
    while let Some(path) = ahead.pop() {
        let about = fs::symlink_metadata(&path).expect("it is there");
        let others = about.permissions().mode() & 0o077;
        if others != 0 {
            found.push((path.clone(), others));
        }
        if about.is_dir() {
            let inside = fs::read_dir(&path).expect("it can be listed");
            ahead.extend(inside.map(|entry| entry.expect("an entry").path()));
        }
    }
    found
}

#[tokio::test]
async fn the_state_folder_is_its_owners_alone() {
    // Whoever writes there first makes it.
    let folder = Folder::new("owner");
    let by_key = folder.0.join("by-key");
    secret_key::load_or_make(&by_key).expect("a key is made");
    let by_store = folder.0.join("by-store");
    drop(store::open(&by_store).expect("a store is made"));
    let room = Room::open().await;
    let config = config(&folder, room.address, |_| {});
    let running = common::gate(config.clone()).await;
    assert!(config.state_dir.join("control.json").exists());
    for made in [by_key, by_store, config.state_dir] {
        assert_eq!(open_to_others(&made), [], "others may use what is in {}", made.display());
    }
    running.stop().await;
}

/// Ends the process with the test, however that ends.
struct Gate(Child);

impl Drop for Gate {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts the program with everything logged that it can log.
async fn spawn(folder: &Folder, config: &mut Config) -> (Gate, PathBuf) {
    let mut ports = Vec::new();
    for _ in 0..3 {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        ports.push(listener.local_addr().expect("its address"));
    }
    (config.listen.chat, config.listen.console, config.listen.admin) =
        (ports[0], ports[1], ports[2]);
    config.wordlists.paths = vec![std::path::absolute("tests/data/words").expect("a folder")];
    let file = folder.file("tidegate.toml", &toml::to_string(&config).expect("TOML"));
    let log = folder.0.join("log");
    let child = Command::new(env!("CARGO_BIN_EXE_tidegate"))
        .args(["run", "--config"])
        .arg(file)
        .env("TIDEGATE_LOG", "trace")
        .stdout(Stdio::null())
        .stderr(fs::File::create(&log).expect("a file"))
        .spawn()
        .expect("the binary starts");
    let gate = Gate(child);
    let up = async {
        // Ports are bound first; commands find the process by this file.
        while !config.state_dir.join("control.json").exists() {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, up).await.expect("it listens");
    (gate, log)
}

/// One request as it is; the whole answer.
async fn ask(to: SocketAddr, head: &str, body: &str) -> String {
    let length = body.len();
    let text = format!(
        "{head}\r\nhost: {to}\r\norigin: http://{to}\r\nx-tidegate: 1\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    let mut stream = TcpStream::connect(to).await.expect("the port answers");
    stream.write_all(text.as_bytes()).await.expect("it is taken");
    let mut answer = String::new();
    let read = timeout(PATIENCE, stream.read_to_string(&mut answer)).await;
    read.expect("an answer in time").expect("an answer");
    answer
}

#[tokio::test]
async fn no_secret_is_logged_or_repeated() {
    let folder = Folder::new("secrets");
    let room = Room::open().await;
    let authorization = folder.file("authorization", &format!("Bearer {SECRET}-service"));
    let mut config = config(&folder, room.address, |route| {
        route.service = Some(tidegate::config::ServiceConfig {
            header_files: [("Authorization".to_owned(), authorization)].into(),
            ..Default::default()
        });
    });
    let (gate, log) = spawn(&folder, &mut config).await;
    let new = tidegate::admin::NewUser {
        name: "ana".into(),
        role: tidegate::accounts::Role::Moderator,
        places: Vec::new(),
        password: format!("{SECRET}-password"),
        replace: false,
    };
    user::add(&config.state_dir, new).await.expect("an account");
    let token = user::token(&config.state_dir, "bot", vec![Scope::Judge]).await.expect("a token");
    let control = fs::read_to_string(config.state_dir.join("control.json")).expect("a file");
    let control: serde_json::Value = serde_json::from_str(&control).expect("JSON");
    let mut secrets = vec![SECRET.to_owned(), token.clone()];
    secrets.push(control["token"].as_str().expect("a token").to_owned());

    let (console, login) = (config.listen.console, "POST /login HTTP/1.1");
    let right = format!(r#"{{"name":"ana","password":"{SECRET}-password"}}"#);
    let answer = ask(console, login, &right).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let cookie = answer.lines().find_map(|line| line.split_once("tidegate=")).expect("a cookie").1;
    let cookie = cookie.split(';').next().unwrap_or_default().to_owned();
    secrets.push(cookie.clone());
    let bearer = |path: &str, token: &str| format!("{path}\r\nauthorization: Bearer {token}");
    let wrong = format!(r#"{{"name":"ana","password":"{SECRET}-wrong"}}"#);
    let typed = format!(r#"{{"name":"{SECRET}","password":"x"}}"#);
    let judge = "POST /v1/judge HTTP/1.1";
    for (head, body, status) in [
        (login.to_owned(), wrong.as_str(), "401"),
        // A password typed into the wrong field.
        (login.to_owned(), &typed, "401"),
        (format!("GET /api/me HTTP/1.1\r\ncookie: tidegate={SECRET}"), "", "401"),
        (format!("GET /api/me HTTP/1.1\r\ncookie: tidegate={cookie}"), "", "200"),
        (bearer(judge, &token), r#"{"text":"hi"}"#, "200"),
        (bearer(judge, SECRET), r#"{"text":"hi"}"#, "401"),
        (bearer("GET /v1/holds HTTP/1.1", &token), "", "403"),
        (format!("POST /v1alpha1/comments:analyze?key={SECRET} HTTP/1.1"), "{}", "400"),
    ] {
        let answer = ask(console, &head, body).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{head}: {answer}");
        for secret in &secrets {
            assert!(!answer.contains(secret), "{head} is answered with a secret: {answer}");
        }
    }
    // A chat of somebody who sends a token along, and a message that is held.
    let mut client = connect(config.listen.chat, &format!("/ws?token={SECRET}")).await;
    say(&mut client, "1", &format!("i will snarfle {SECRET}")).await;
    assert_eq!(next_json(&mut client).await["verdict"], "hold");
    drop((client, gate));
    let log = fs::read_to_string(log).expect("a log");
    for said in ["\"ready\"", "a login failed", "logged in", "a scope did not suffice"] {
        assert!(log.contains(said), "{said} is not in the log:\n{log}");
    }
    for secret in &secrets {
        assert!(!log.contains(secret), "{secret} is in the log:\n{log}");
    }
}

#[test]
fn check_config_says_what_is_open_to_others() {
    let folder = Folder::new("wide");
    let wide = "[listen]\nconsole = \"0.0.0.0:7401\"\nadmin = \"[::]:7402\"\n";
    fs::create_dir(folder.0.join("open")).expect("a folder");
    fs::set_permissions(folder.0.join("open"), fs::Permissions::from_mode(0o755)).expect("set");
    let open = format!("state_dir = {:?}\n", folder.0.join("open"));
    for (text, expected) in [
        ("[listen]\nconsole = \"127.0.0.1:7401\"\n", &[][..]),
        (&open, &["1: state_dir: others on this machine"]),
        (wide, &["2: listen.console: is reached from other", "3: listen.admin: is reached"]),
    ] {
        let file = folder.file("t.toml", text);
        let mut check = Command::new(env!("CARGO_BIN_EXE_tidegate"));
        let output = check.arg("check-config").arg(file).output().expect("the binary runs");
        let said = String::from_utf8(output.stderr).expect("text");
        assert!(output.status.success(), "{said}");
        let warnings: Vec<_> = said.lines().filter(|l| l.starts_with("warning: ")).collect();
        assert_eq!(warnings.len(), expected.len(), "{said}");
        for (warning, part) in warnings.iter().zip(expected) {
            assert!(warning.contains(part), "{warning}");
        }
    }
}

/// Where ONNX Runtime is found it is used, and still leaves nothing behind: from 1.29 on its
/// official library would write an id of the machine into the user's folder, and tell its maker.
#[test]
fn the_faster_runtime_tells_nobody() {
    let folder = Folder::new("silent");
    let home = folder.0.join("home");
    fs::create_dir(&home).expect("a folder");
    let file = folder.file("t.toml", "[score]\nthreads = 1\n");
    let mut check = Command::new(env!("CARGO_BIN_EXE_tidegate"));
    check.arg("check-config").arg(file).env("HOME", &home).env_remove("ORT_DISABLE_TELEMETRY");
    check.env_remove("XDG_CACHE_HOME").env("TIDEGATE_LOG", "info");
    let output = check.output().expect("the binary runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let left = fs::read_dir(&home).expect("it can be listed").count();
    assert_eq!(left, 0, "something was written into the user's folder");
}
