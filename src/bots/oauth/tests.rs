//! Plays a token endpoint that fails, dawdles and changes refresh tokens.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    sync::{mpsc, oneshot},
};

use super::*;

/// What a request asked with, and where its answer goes: a status and the body.
type Asked = (String, oneshot::Sender<(u16, String)>);

/// An endpoint that answers when the test says what.
async fn endpoint() -> (String, mpsc::Receiver<Asked>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}/token", listener.local_addr().expect("its address"));
    let (asked, asks) = mpsc::channel(8);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = String::new();
            while !request.contains("refresh_token=") {
                let mut part = [0; 4096];
                let count = stream.read(&mut part).await.expect("a request");
                assert!(count > 0, "it broke off: {request}");
                request.push_str(&String::from_utf8_lossy(&part[..count]));
            }
            let token = request.rsplit("refresh_token=").next().unwrap_or_default().to_owned();
            let (answer, answered) = oneshot::channel::<(u16, String)>();
            if asked.send((token, answer)).await.is_err() {
                return;
            }
            let (status, body) = answered.await.expect("the test answers");
            let text = format!(
                "HTTP/1.1 {status} x\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
                body.len(),
            );
            stream.write_all(text.as_bytes()).await.expect("whoever asked waits");
        }
    });
    (url, asks)
}

fn given(access: &str, refresh: &str) -> (u16, String) {
    let body = serde_json::json!({ "access_token": access, "refresh_token": refresh });
    (200, body.to_string())
}

/// A folder with a refresh token in it, removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let folder = std::env::temp_dir().join(format!("tidegate-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a temporary folder");
        let folder = Folder(folder);
        folder.write("one");
        folder
    }

    fn write(&self, token: &str) {
        fs::write(self.0.join("refresh"), token).expect("a temporary file");
    }

    fn read(&self) -> String {
        fs::read_to_string(self.0.join("refresh")).expect("it is there")
    }

    fn tokens(&self, url: &str) -> Tokens {
        let tls = tokio_rustls::rustls::ClientConfig::builder()
            .with_root_certificates(tokio_rustls::rustls::RootCertStore::empty())
            .with_no_client_auth();
        let (id, secret) = ("app".to_owned(), "hush".to_owned());
        let client = Client { url: url.to_owned(), id, secret };
        Tokens::new(Http::new(&Arc::new(tls)), client, Grant::Refresh(self.0.join("refresh")))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[tokio::test]
async fn a_token_is_kept_though_nobody_waits_for_it_any_more() {
    let (folder, (url, mut asks)) = (Folder::new("left"), endpoint().await);
    let tokens = folder.tokens(&url);
    let (token, answer) = tokio::select! {
        _ = tokens.held(None) => panic!("nothing was answered yet"),
        asked = asks.recv() => asked.expect("it is asked"),
    };
    assert_eq!(token, "one");
    answer.send(given("a", "two")).expect("the endpoint waits");
    let held = tokens.held(None).await.expect("the token that nobody waited for");
    assert_eq!((&*held.access, &*folder.read()), ("a", "two"));
    assert!(asks.try_recv().is_err(), "asked once");
}

#[tokio::test]
async fn an_endpoint_that_fails_is_left_alone_for_a_while() {
    for status in [401, 503] {
        let (folder, (url, mut asks)) = (Folder::new(&format!("fails-{status}")), endpoint().await);
        let tokens = folder.tokens(&url);
        let fail = async {
            let (_, answer) = asks.recv().await.expect("it is asked");
            answer.send((status, "{}".into())).expect("the endpoint waits");
        };
        let (held, ()) = tokio::join!(tokens.held(None), fail);
        let trouble = held.err().expect("there is no token");
        // What is to be done waits for the next token, whyever there is none.
        assert!(matches!(ActError::from(trouble), ActError::Later { .. }), "{status}");
        for _ in 0..3 {
            assert!(tokens.held(None).await.is_err(), "{status}");
        }
        assert!(asks.try_recv().is_err(), "{status}: asked once");
    }
}

#[tokio::test]
async fn a_refresh_token_that_somebody_puts_there_is_taken() {
    let (folder, (url, mut asks)) = (Folder::new("repaired"), endpoint().await);
    let tokens = folder.tokens(&url);
    // Nothing can be written: what is written first is a folder.
    let beside = folder.0.join("refresh.new");
    fs::create_dir(&beside).expect("a folder");
    // With what was asked for each access token, from the second on without a place to write.
    for (before, expected, access, refresh, kept) in [
        ("", "one", "a", "two", "one"),
        // It is known here only.
        ("", "two", "b", "three", "one"),
        // Somebody consents anew, and mends the folder.
        ("fresh", "fresh", "c", "four", "four"),
        ("", "four", "d", "five", "five"),
    ] {
        if !before.is_empty() {
            folder.write(before);
            fs::remove_dir(&beside).expect("a folder");
        }
        let stale = tokens.source.now.lock().await.held.as_ref().map(|held| held.access.clone());
        let give = async {
            let (token, answer) = asks.recv().await.expect("it is asked");
            answer.send(given(access, refresh)).expect("the endpoint waits");
            token
        };
        let (held, asked) = tokio::join!(tokens.held(stale.as_deref()), give);
        assert_eq!((&*held.expect("a token").access, &*asked), (access, expected));
        assert_eq!(folder.read(), kept, "{access}");
    }
}
