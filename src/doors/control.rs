//! Lets commands on the same machine reach the running process, which owns the store.

use std::{
    fs, io,
    io::Write,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    os::unix::fs::OpenOptionsExt,
    path::Path,
    sync::Arc,
};

use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot};

use crate::accounts::secret;

const FILE: &str = "control.json";

/// Where another process is asked for that takes over; the answer is its number, or why there is
/// none.
pub type Upgrades = mpsc::Sender<oneshot::Sender<Result<u32, String>>>;

/// The secret that opens `/control/*` on the admin port; cheap to clone.
#[derive(Clone, Debug)]
pub struct Control {
    digest: Arc<str>,
    upgrades: Option<Upgrades>,
}

/// What stands in the file: enough for a command to call. It is never shown.
#[derive(Deserialize, Serialize)]
pub struct Address {
    pub admin: SocketAddr,
    pub token: String,
}

impl Control {
    /// Writes `control.json` into `state_dir`, readable by its owner alone, in place of one that
    /// an earlier process left.
    ///
    /// # Errors
    /// Whatever the file system says.
    pub fn create(state_dir: &Path, admin: SocketAddr) -> io::Result<Control> {
        let token = secret::fresh();
        let digest = secret::digest(&token).into();
        let text = serde_json::to_vec(&Address { admin: dialable(admin), token })?;
        let (path, fresh) = (state_dir.join(FILE), state_dir.join("control.json.new"));
        match fs::remove_file(&fresh) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        // `create_new` follows no link that somebody left there.
        let mut file =
            fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&fresh)?;
        file.write_all(&text)?;
        file.sync_all()?;
        fs::rename(fresh, path)?;
        Ok(Control { digest, upgrades: None })
    }

    /// With somebody who can start the process that takes over.
    pub fn with(self, upgrades: Option<Upgrades>) -> Control {
        Control { upgrades, ..self }
    }

    /// Has another process take over, and waits until it does.
    ///
    /// # Errors
    /// Why none does: this one goes on.
    pub async fn upgrade(&self) -> Result<u32, String> {
        let cannot = || "this process cannot start another one".to_owned();
        let upgrades = self.upgrades.as_ref().ok_or_else(cannot)?;
        let (answer, answered) = oneshot::channel();
        upgrades.send(answer).await.map_err(|_| cannot())?;
        answered.await.unwrap_or_else(|_| Err("this process ends".to_owned()))
    }

    /// A door without a key: nothing opens it.
    pub fn closed() -> Control {
        Control { digest: secret::digest(&secret::fresh()).into(), upgrades: None }
    }

    pub fn opens(&self, token: &str) -> bool {
        secret::same(token, &self.digest)
    }
}

/// Where the running process can be reached, if one left its address.
///
/// # Errors
/// The file cannot be read, or is not what `create` writes.
pub fn address(state_dir: &Path) -> io::Result<Address> {
    Ok(serde_json::from_slice(&fs::read(state_dir.join(FILE))?)?)
}

/// "Every address" can be listened on but not dialled.
fn dialable(mut admin: SocketAddr) -> SocketAddr {
    if admin.ip().is_unspecified() {
        admin.set_ip(match admin.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    admin
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_file_is_private_and_its_token_opens() {
        let dir = std::env::temp_dir().join(format!("tidegate-control-{}", secret::fresh()));
        fs::create_dir(&dir).unwrap();
        let old = Control::create(&dir, "0.0.0.0:7402".parse().unwrap()).unwrap();
        let stale = address(&dir).unwrap();
        let control = Control::create(&dir, "0.0.0.0:7402".parse().unwrap()).unwrap();
        let found = address(&dir).unwrap();
        let mode = fs::metadata(dir.join(FILE)).unwrap().permissions().mode();
        fs::remove_dir_all(&dir).unwrap();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(found.admin, "127.0.0.1:7402".parse().unwrap());
        assert!(control.opens(&found.token) && old.opens(&stale.token));
        assert!(!control.opens(&stale.token) && !Control::closed().opens(&found.token));
    }
}
