//! Configures and starts each subject: one worker thread, no logs, otherwise as shipped.

use std::{
    env, fs,
    net::TcpListener,
    path::{Path, PathBuf},
};

use super::{Outcome, machine::said_by, shape::Shape, started::Started, tls};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// No proxy: what the echo server and the generator themselves cost.
    Direct,
    Raw,
    Nginx,
    Haproxy,
    /// Passing on what it does not read.
    Unread,
    Tidegate,
    /// Moderating with the model as well.
    Model,
}

impl Kind {
    pub const ALL: [Kind; 7] = [
        Kind::Direct,
        Kind::Raw,
        Kind::Nginx,
        Kind::Haproxy,
        Kind::Unread,
        Kind::Tidegate,
        Kind::Model,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Kind::Direct => "direct",
            Kind::Raw => "raw",
            Kind::Nginx => "nginx",
            Kind::Haproxy => "haproxy",
            Kind::Unread => "unread",
            Kind::Tidegate => "tidegate",
            Kind::Model => "model",
        }
    }

    pub fn named(name: &str) -> Outcome<Kind> {
        let known = Kind::ALL.into_iter().find(|kind| kind.name() == name);
        known.ok_or_else(|| {
            let names = Kind::ALL.map(Kind::name).join(", ");
            format!("{name:?} is none of {names}")
        })
    }

    /// For the table.
    pub fn title(self) -> &'static str {
        match self {
            Kind::Direct => "no proxy",
            Kind::Raw => "raw TCP relay",
            Kind::Nginx => "nginx",
            Kind::Haproxy => "HAProxy",
            Kind::Unread => "Tidegate, passing unread",
            Kind::Tidegate => "Tidegate, moderating",
            Kind::Model => "Tidegate, with the model",
        }
    }

    /// Name and version as the program says it.
    pub fn version(self) -> Outcome<Option<String>> {
        let said = match self {
            Kind::Nginx => said_by("nginx", &["-v"]),
            Kind::Haproxy => said_by("haproxy", &["-v"]),
            Kind::Tidegate => return Ok(Some(format!("tidegate {}", env!("CARGO_PKG_VERSION")))),
            Kind::Direct | Kind::Raw | Kind::Unread | Kind::Model => return Ok(None),
        };
        let install = format!("install it: apt-get install {}", self.name());
        let said = said.map_err(|e| format!("{e}; {install}"))?;
        let line = said.lines().next().unwrap_or_default();
        let line = line.trim_start_matches("nginx version: ");
        // HAProxy adds its date and address.
        let end = line.find(" 20").unwrap_or(line.len());
        Ok(Some(line[..end].to_owned()))
    }
}

/// A subject that runs; `process` is `None` where there is no proxy.
pub struct Proxy {
    pub address: String,
    /// Tidegate's port for operators.
    pub admin: Option<String>,
    pub process: Option<Started>,
}

/// What every subject is told.
pub struct Setting<'a> {
    pub folder: &'a Path,
    pub upstream: &'a str,
    /// Terms beside Tidegate's own lists.
    pub wordlists: Option<&'a Path>,
    /// More connections than will be opened.
    pub connections: usize,
    /// Tidegate's; none judges by lists and rules alone.
    pub model: Option<Model<'a>>,
    /// What the generator will speak.
    pub shape: Shape,
    /// The chat server speaks and viewers hear: Tidegate judges what comes from it.
    pub egress: bool,
}

/// The model in the binary, on one thread of its own.
#[derive(Clone, Copy)]
pub struct Model<'a> {
    pub runtime: &'a str,
    /// What becomes of a message whose score is late: `pass` or `hold`.
    pub on_late: &'a str,
}

pub fn start(kind: Kind, setting: &Setting) -> Outcome<Proxy> {
    let address = free_address()?;
    let folder = setting.folder;
    let mut admin = None;
    let (program, arguments) = match kind {
        Kind::Direct => {
            return Ok(Proxy { address: setting.upstream.to_owned(), admin, process: None });
        }
        Kind::Raw => return raw(setting),
        Kind::Nginx => {
            let file = write(folder, "nginx.conf", &nginx(&address, setting))?;
            let folder = folder.display();
            let log = format!("{folder}/nginx.log");
            ("nginx".into(), words(&["-p", &folder.to_string(), "-e", &log, "-c", &file]))
        }
        Kind::Haproxy => {
            let file = write(folder, "haproxy.cfg", &haproxy(&address, setting))?;
            ("haproxy".into(), words(&["-db", "-f", &file]))
        }
        Kind::Unread | Kind::Tidegate | Kind::Model => {
            let own = admin.insert(free_address()?);
            // The runtime that every machine has.
            let model = Model { runtime: "embedded", on_late: "pass" };
            let model = setting.model.or((kind == Kind::Model).then_some(model));
            let config = tidegate(&address, own, setting, model)?;
            let file = write(folder, "tidegate.toml", &config)?;
            // What an earlier round held is none of this one's business.
            let state = folder.join("state");
            if state.exists() {
                fs::remove_dir_all(&state).map_err(|e| format!("{}: {e}", state.display()))?;
            }
            let program = PathBuf::from(env!("CARGO_BIN_EXE_tidegate"));
            (program, words(&["run", "--config", &file]))
        }
    };
    let mut process = Started::new(kind.name(), &program, &arguments, folder)?;
    process.listens(&address)?;
    Ok(Proxy { address, admin, process: Some(process) })
}

fn raw(setting: &Setting) -> Outcome<Proxy> {
    let mut process = role("raw", &["role:relay", setting.upstream], setting.folder)?;
    Ok(Proxy { address: process.line()?, admin: None, process: Some(process) })
}

/// Starts this program again in another role.
pub fn role(name: &str, arguments: &[&str], folder: &Path) -> Outcome<Started> {
    let own = env::current_exe().map_err(|e| format!("this program's own path: {e}"))?;
    Started::new(name, &own, &words(arguments), folder)
}

fn words(arguments: &[&str]) -> Vec<String> {
    arguments.iter().map(|argument| argument.to_string()).collect()
}

fn write(folder: &Path, name: &str, text: &str) -> Outcome<String> {
    let path = folder.join(name);
    fs::write(&path, text).map_err(|e| format!("{}: {e}", path.display()))?;
    Ok(path.display().to_string())
}

/// An address that nobody listens on; another program may be faster, and the start fails then.
fn free_address() -> Outcome<String> {
    let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    free.map(|address| address.to_string()).map_err(|e| format!("no free port: {e}"))
}

/// One process that serves all: it dies as one, and its figures are one process's.
fn nginx(address: &str, setting: &Setting) -> String {
    let Setting { folder, upstream, connections, shape, .. } = setting;
    let folder = folder.display();
    // When fewer than a sixteenth are left, nginx closes who has not asked anything yet.
    let files = connections * 5 / 2 + 512;
    let (listens, keys) = match shape {
        Shape::Tls => {
            let (certificate, key) = (tls::CERTIFICATE, tls::KEY);
            let keys = format!(
                "ssl_certificate {folder}/{certificate};\n    ssl_certificate_key {folder}/{key};"
            );
            (format!("{address} ssl"), keys)
        }
        _ => (address.to_owned(), String::new()),
    };
    format!(
        "daemon off;
master_process off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/nginx.log crit;
events {{ worker_connections {files}; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  server {{
    listen {listens} backlog=4096;
    {keys}
    location / {{
      proxy_pass http://{upstream};
      proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection \"upgrade\";
      proxy_read_timeout 1h;
      proxy_send_timeout 1h;
    }}
  }}
}}
"
    )
}

fn haproxy(address: &str, setting: &Setting) -> String {
    let Setting { folder, upstream, connections, shape, .. } = setting;
    let keys = match shape {
        Shape::Tls => format!(" ssl crt {}/{}", folder.display(), tls::BOTH),
        _ => String::new(),
    };
    // HAProxy refuses to start unless twice as many files may be open.
    let connections = connections + 256;
    format!(
        "global
  nbthread 1
  maxconn {connections}
defaults
  mode http
  timeout connect 5s
  timeout client 1h
  timeout server 1h
  timeout tunnel 1h
frontend chat
  bind {address}{keys}
  default_backend server
backend server
  server echo {upstream}
"
    )
}

/// Judged by the embedded lists, the invented terms and the pace rule, and by the model where the
/// setting has one. The pace is one that the load does not reach: it is counted all the same. The
/// check before the timing wants a binary frame back.
fn tidegate(
    address: &str,
    admin: &str,
    setting: &Setting,
    model: Option<Model>,
) -> Outcome<String> {
    let Setting { folder, upstream, wordlists, connections, shape, egress, .. } = setting;
    let console = free_address()?;
    let folder = folder.display();
    let paths = wordlists.map_or(String::new(), |path| format!("{:?}", path.display().to_string()));
    let (enabled, runtime, on_late) = match model {
        Some(model) => (true, model.runtime, model.on_late),
        None => (false, "auto", "pass"),
    };
    let own = |name| format!("\"{folder}/{name}\"");
    let keys = match shape {
        Shape::Tls => {
            format!("tls_cert = {}\ntls_key = {}", own(tls::CERTIFICATE), own(tls::KEY))
        }
        _ => String::new(),
    };
    // Without names in what is said, a connection is a sender.
    let window_ms = if matches!(shape, Shape::Irc | Shape::Text) { 100 } else { 10_000 };
    let compression = if *shape == Shape::Deflate { "on" } else { "off" };
    let (protocol, mode) = (shape.protocol(), ["inline", "egress"][usize::from(*egress)]);
    let most = connections + 512;
    Ok(format!(
        "state_dir = \"{folder}/state\"
[listen]
chat = \"{address}\"
console = \"{console}\"
admin = \"{admin}\"
accept_per_second = 100000
connections_max = {most}
connections_per_ip_max = {most}
compression = \"{compression}\"
{keys}
[hold]
# Whatever is to be held must find room: a full queue is another fallback.
held_max = 1000000
[score]
enabled = {enabled}
threads = 1
runtime = \"{runtime}\"
[wordlists]
paths = [{paths}]
[[route]]
name = \"main\"
path = \"/\"
upstream = \"ws://{upstream}\"
protocol = \"{protocol}\"
mode = \"{mode}\"
compression = \"{compression}\"
policy = \"bench\"
on_binary = \"pass\"
{}",
        policy(on_late, window_ms)
    ))
}

fn policy(on_late: &str, window_ms: u32) -> String {
    format!(
        "[policy.bench]
preset = \"standard\"
on_late = \"{on_late}\"
[policy.bench.flood]
messages_max = 100
repeats_max = 100
window_ms = {window_ms}
# Fifty thousand new senders who share forty lines are a raid. They are watched, and let pass.
[policy.bench.crowd]
action = \"pass\"
# Scores are read and compared, and none is high enough: what is measured must come back.
[policy.bench.heads]
toxic = 0.999
insult = 0.999
threat = 0.999
identity_hate = 0.999
obscene = 0.999
sexual = 0.999
self_harm = 0.999
[policy.bench.shield]
auto = false
"
    )
}
