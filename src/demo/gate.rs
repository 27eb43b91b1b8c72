//! Opens Tidegate in front of the demo's room, with settings and accounts made on the spot.

use std::{
    fs, io,
    net::SocketAddr,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};

use super::{DemoError, Login, Options, room::Room};
use crate::{
    accounts::{Accounts, Role, Scope},
    config::{
        Config, HttpMode, IdentityConfig, IdentitySource, Keyless, RouteConfig, ServiceConfig,
    },
    listen,
};

/// The login that is printed.
const MODERATOR: &str = "moderator";
/// Sounds that read well aloud and, two letters each, spell no word one would regret.
const CONSONANTS: &[u8; 9] = b"bdlmrstvz";
const VOWELS: &[u8; 3] = b"aou";
/// Four groups of three sounds: 27 to the 12th, 57 bits, for a password that lives for a demo.
const GROUPS: usize = 4;
const SOUNDS: usize = 3;
/// A demo that is stopped should be gone at once: only its own page has to be told.
const DRAIN_MS: u64 = 300;
const GRACE_MS: u64 = 3_000;

/// Tidegate, running; its state goes with it.
pub struct Gate {
    running: listen::Running,
    state: StateDir,
}

impl Gate {
    /// Starts Tidegate before `room` and makes a login and an API key.
    pub async fn open(options: &Options, room: &Room) -> Result<(Gate, Login, String), DemoError> {
        let state = StateDir::fresh()?;
        let config = settings(options, room, &state.path);
        let path = state.settings();
        write_private(&path, &toml::to_string(&config)?).map_err(DemoError::State)?;
        let gate = Gate { running: start(config, path).await?, state };
        match admit(&gate.running.accounts).await {
            Ok((login, api_key)) => Ok((gate, login, api_key)),
            Err(error) => {
                gate.close().await;
                Err(error)
            }
        }
    }

    pub fn chat(&self) -> SocketAddr {
        self.running.chat
    }

    pub fn console(&self) -> SocketAddr {
        self.running.console
    }

    pub fn admin(&self) -> SocketAddr {
        self.running.admin
    }

    /// The settings file that this runs with: a start for one's own.
    pub fn settings(&self) -> &Path {
        &self.state.file
    }

    pub async fn close(self) {
        self.running.stop().await;
        drop(self.state);
    }
}

/// The one place that knows how the product is started.
async fn start(config: Config, path: PathBuf) -> Result<listen::Running, DemoError> {
    listen::start(config, Some(path)).await.map_err(|error| DemoError::Gate(error.to_string()))
}

/// A moderator's login and a program's key.
async fn admit(accounts: &Accounts) -> Result<(Login, String), DemoError> {
    let failed = |error: crate::accounts::AccountError| DemoError::Account(error.to_string());
    let login = Login { name: MODERATOR.into(), password: password()? };
    let added = accounts.add(&login.name, Role::Moderator, &login.password, false).await;
    added.map_err(failed)?;
    let api_key = accounts.issue_token("demo", &[Scope::Judge]).await.map_err(failed)?;
    Ok((login, api_key))
}

/// What `tidegate run --config` would be given for the same.
fn settings(options: &Options, room: &Room, state: &Path) -> Config {
    let mut config = Config { state_dir: state.join("state"), ..Config::default() };
    config.listen.chat = options.chat;
    config.listen.console = options.console;
    config.listen.admin = options.admin;
    config.listen.drain_ms = DRAIN_MS;
    config.listen.grace_ms = GRACE_MS;
    // The commands that the guide shows work here as they stand.
    config.api.keyless = Keyless::Loopback;
    config.route.push(RouteConfig {
        name: "demo".into(),
        path: "/".into(),
        upstream: format!("ws://{}", room.address),
        protocol: "generic".into(),
        policy: "standard".into(),
        // The room's page can be had by the chat port too, as a whole site behind Tidegate can.
        http: HttpMode::Pass,
        language: options.language,
        identity: Some(IdentityConfig { from: IdentitySource::Query, name: "user".into() }),
        service: Some(ServiceConfig { path: room.service_path(), ..ServiceConfig::default() }),
        ..RouteConfig::default()
    });
    config
}

/// A folder of the demo's own, removed with everything in it when the demo ends.
struct StateDir {
    path: PathBuf,
    file: PathBuf,
}

impl StateDir {
    fn fresh() -> Result<StateDir, DemoError> {
        let path = std::env::temp_dir().join(format!("tidegate-demo-{}", secret()?));
        // Fails when it is there already, so nobody can lay it out beforehand.
        fs::DirBuilder::new().mode(0o700).create(&path).map_err(DemoError::State)?;
        Ok(StateDir { file: path.join("tidegate.toml"), path })
    }

    fn settings(&self) -> PathBuf {
        self.file.clone()
    }
}

impl Drop for StateDir {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.path) {
            tracing::warn!(%error, "the demo's state could not be removed");
        }
    }
}

/// The file names the service key, which is nobody else's business.
fn write_private(path: &Path, text: &str) -> io::Result<()> {
    let file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    io::Write::write_all(&mut &file, text.as_bytes())
}

/// 128 random bits that fit into a URL and a file's name.
pub fn secret() -> Result<String, getrandom::Error> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)?;
    Ok(BASE64_URL_SAFE_NO_PAD.encode(bytes))
}

/// A password that can be read from one screen and typed into another.
pub fn password() -> Result<String, getrandom::Error> {
    let mut groups = Vec::with_capacity(GROUPS);
    for _ in 0..GROUPS {
        let mut group = String::new();
        while group.len() < 2 * SOUNDS {
            let mut byte = [0];
            getrandom::fill(&mut byte)?;
            // 27 sounds fit nine times into a byte; the rest would make some likelier.
            let sound = usize::from(byte[0]);
            if sound < 243 {
                group.push(char::from(CONSONANTS[sound % 9]));
                group.push(char::from(VOWELS[sound / 9 % 3]));
            }
        }
        groups.push(group);
    }
    Ok(groups.join("-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_settings_are_a_settings_file() {
        let room = Room::open(SocketAddr::from(([127, 0, 0, 1], 0)), "key".into()).await.unwrap();
        let config = settings(&Options::default(), &room, Path::new("/somewhere"));
        let file = toml::to_string(&config).unwrap();
        let read: Config = toml::from_str(&file).unwrap();
        assert_eq!(toml::to_string(&read).unwrap(), file);
        assert_eq!(read.route.len(), 1);
        assert_eq!(read.route[0].service.as_ref().unwrap().path, "/ws?service=key");
        room.close().await;
    }

    #[test]
    fn state_is_private_and_gone_afterwards() {
        use std::os::unix::fs::PermissionsExt;
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let state = StateDir::fresh().unwrap();
        write_private(&state.settings(), "x").unwrap();
        assert_eq!((mode(&state.path), mode(&state.file)), (0o700, 0o600));
        assert!(write_private(&state.settings(), "y").is_err());
        let path = state.path.clone();
        drop(state);
        assert!(!path.exists());
    }

    #[test]
    fn a_password_is_readable_and_never_twice_the_same() {
        let one = password().unwrap();
        assert_eq!(one.len(), GROUPS * 2 * SOUNDS + GROUPS - 1);
        assert!(one.split('-').all(|group| group.len() == 2 * SOUNDS));
        assert!(one.chars().all(|c| c.is_ascii_lowercase() || c == '-'));
        assert_ne!(one, password().unwrap());
    }
}
