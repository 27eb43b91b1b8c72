//! Chats through two gates, one behind the other, with TLS on the client's leg and on the server's.

mod common;

use std::{
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
};

use common::{Folder, PATIENCE, Room, config};
use futures_util::{SinkExt, StreamExt};
use rustls_pki_types::{CertificateDer, ServerName, pem::PemObject};
use tidegate::config::Config;
use tokio::{
    net::{TcpListener, TcpStream},
    time::timeout,
};
use tokio_rustls::{
    TlsConnector,
    rustls::{ClientConfig, RootCertStore, crypto::ring::default_provider, version::TLS13},
};
use tokio_tungstenite::tungstenite::Message;

/// Ends the process with the test, however that ends.
struct Gate(Child);

impl Drop for Gate {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

async fn spawn(
    folder: &Folder,
    name: &str,
    roots: &Path,
    mut config: Config,
) -> (Gate, SocketAddr) {
    let mut ports = Vec::new();
    for _ in 0..3 {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        ports.push(listener.local_addr().expect("its address"));
    }
    config.listen.chat = ports[0];
    config.listen.console = ports[1];
    config.listen.admin = ports[2];
    config.state_dir = folder.0.join(name);
    config.wordlists.paths = vec![std::path::absolute("tests/data/words").expect("a folder")];
    let file = folder.file(&format!("{name}.toml"), &toml::to_string(&config).expect("TOML"));
    let child = Command::new(env!("CARGO_BIN_EXE_tidegate"))
        .args(["run", "--config"])
        .arg(file)
        .env("SSL_CERT_FILE", roots)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the binary starts");
    let gate = Gate(child);
    let up = async {
        while TcpStream::connect(ports[0]).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, up).await.expect("it listens");
    (gate, ports[0])
}

/// A client that believes the certificate in `roots`.
fn connector(roots: &Path) -> TlsConnector {
    let mut store = RootCertStore::empty();
    store.add(CertificateDer::from_pem_file(roots).expect("a certificate")).expect("a root");
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(&[&TLS13])
        .expect("a version")
        .with_root_certificates(store)
        .with_no_client_auth();
    TlsConnector::from(Arc::new(config))
}

#[tokio::test]
async fn chat_crosses_tls_on_both_legs_and_is_judged() {
    let mut room = Room::open().await;
    let folder = Folder::new("tls");
    let issued = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a pair");
    let cert = folder.file("cert.pem", &issued.cert.pem());
    let key = folder.file("key.pem", &issued.signing_key.serialize_pem());

    let mut inner = config(&folder, room.address, |_| {});
    inner.listen.tls_cert = Some(cert.clone());
    inner.listen.tls_key = Some(key);
    let (_inner, behind) = spawn(&folder, "inner", &cert, inner.clone()).await;
    let mut outer = config(&folder, behind, |route| {
        route.upstream = format!("wss://localhost:{}", behind.port());
    });
    outer.listen.tls_cert = inner.listen.tls_cert.clone();
    outer.listen.tls_key = inner.listen.tls_key.clone();
    let (_outer, front) = spawn(&folder, "outer", &cert, outer).await;

    let stream = TcpStream::connect(front).await.expect("a listening port");
    let name = ServerName::try_from("localhost").expect("a name");
    let stream = connector(&cert).connect(name, stream).await.expect("TLS");
    let url = format!("wss://localhost:{}/ws", front.port());
    let (mut client, _) = tokio_tungstenite::client_async(url, stream).await.expect("a WebSocket");
    for (id, text) in [("1", "good evening"), ("2", "you grumbix"), ("3", "oh blorp")] {
        let said = serde_json::json!({ "type": "chat", "id": id, "user": "ana", "text": text });
        client.send(Message::text(said.to_string())).await.expect("an open connection");
    }
    assert!(room.hears().await.contains("good evening"));
    assert!(room.hears().await.contains("oh *****"), "masked, and nothing dropped before it");
    let back = timeout(PATIENCE, client.next()).await.expect("in time");
    assert!(back.expect("a frame").expect("a message").is_text());
}
