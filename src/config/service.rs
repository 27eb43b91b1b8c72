//! Settles how Tidegate itself reaches a chat server, and keeps what it logs in with out of sight.

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
};

use hyper::http::HeaderValue;
use serde::{Deserialize, Serialize};

use super::read_bounded;

/// How Tidegate itself reaches the upstream.
#[derive(Clone, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct ServiceConfig {
    /// Path and query; the route's own where empty.
    pub path: String,
    /// Headers to send that are no secrets.
    pub headers: BTreeMap<String, String>,
    /// Headers to send whose values stand in files, for instance an Authorization.
    pub header_files: BTreeMap<String, PathBuf>,
    /// A file whose lines are text frames to send first: a login.
    pub hello_file: Option<PathBuf>,
    /// Text frames to send before the first release.
    pub hello: Vec<String>,
}

/// What is sent may be a secret even where it stands in the settings: names and numbers alone.
impl fmt::Debug for ServiceConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServiceConfig")
            .field("headers", &self.headers.keys().collect::<Vec<_>>())
            .field("header_files", &self.header_files)
            .field("hello_file", &self.hello_file)
            .field("hello", &self.hello.len())
            .finish_non_exhaustive()
    }
}

/// Key and cause of what is wrong with a file; never what is in it.
type Wrong = (&'static str, String);

impl ServiceConfig {
    /// Every header, those from files as the files are now.
    ///
    /// # Errors
    /// A file that cannot be read or holds no header's value.
    pub fn sent_headers(&self) -> Result<BTreeMap<String, String>, Wrong> {
        let mut all = self.headers.clone();
        for (name, file) in &self.header_files {
            let wrong = |cause| ("header_files", place(file, cause));
            let value = read_bounded(file).map_err(wrong)?.trim().to_owned();
            if value.is_empty() || HeaderValue::from_str(&value).is_err() {
                return Err(wrong("holds no value for a header".to_owned()));
            }
            all.insert(name.clone(), value);
        }
        Ok(all)
    }

    /// Every text frame to send first, those from the file as it is now.
    ///
    /// # Errors
    /// A file that cannot be read or is empty.
    pub fn sent_hello(&self) -> Result<Vec<String>, Wrong> {
        let Some(file) = &self.hello_file else { return Ok(self.hello.clone()) };
        let wrong = |cause| ("hello_file", place(file, cause));
        let text = read_bounded(file).map_err(wrong)?;
        let lines = text.lines().filter(|line| !line.trim().is_empty()).map(str::to_owned);
        let lines: Vec<String> = lines.collect();
        match lines.is_empty() {
            true => Err(wrong("holds no line".to_owned())),
            false => Ok([lines, self.hello.clone()].concat()),
        }
    }

    /// What is wrong with the files, by key.
    pub fn wrong_files(&self) -> Vec<Wrong> {
        self.sent_headers().err().into_iter().chain(self.sent_hello().err()).collect()
    }
}

fn place(file: &Path, cause: String) -> String {
    format!("{}: {cause}", file.display())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn secrets_come_from_files_and_are_never_shown() {
        let folder = std::env::temp_dir().join(format!("tidegate-service-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a temporary folder");
        let (token, login) = (folder.join("token"), folder.join("login"));
        let mut service = ServiceConfig {
            path: "/ws?key=hunter2".into(),
            headers: [("X-Bot".to_owned(), "hunter2".to_owned())].into(),
            header_files: [("Authorization".to_owned(), token.clone())].into(),
            hello_file: Some(login.clone()),
            hello: vec!["NICK hunter2".into()],
        };
        assert_eq!(service.wrong_files().len(), 2, "neither file is there");
        for (value, line, expected) in [
            ("Bearer hunter2\n", "PASS hunter2\r\n\n", vec![]),
            ("", "PASS hunter2", vec!["header_files"]),
            ("hunter2\nX-Evil: 1", "\n", vec!["header_files", "hello_file"]),
        ] {
            fs::write(&token, value).expect("a file");
            fs::write(&login, line).expect("a file");
            let wrong = service.wrong_files();
            let keys: Vec<_> = wrong.iter().map(|(key, _)| *key).collect();
            assert_eq!(keys, expected, "{value:?} {line:?}");
            assert!(!format!("{wrong:?} {service:?}").contains("hunter2"), "{service:?} {wrong:?}");
            if keys.is_empty() {
                assert_eq!(
                    service.sent_headers().expect("both")["Authorization"],
                    "Bearer hunter2"
                );
                let hello = service.sent_hello().expect("both");
                assert_eq!(hello, ["PASS hunter2", "NICK hunter2"]);
            }
        }
        service.hello_file = None;
        assert_eq!(service.sent_hello().expect("the settings' own"), ["NICK hunter2"]);
        fs::remove_dir_all(folder).expect("it is there");
    }
}
