//! Makes the certificate that proxies end TLS with, and speaks TLS to them.

use std::{fs, path::Path, sync::Arc};

use tokio::net::TcpStream;
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{
        ClientConfig, RootCertStore,
        crypto::ring::default_provider,
        pki_types::{CertificateDer, ServerName, pem::PemObject},
    },
};

use super::Outcome;

pub const CERTIFICATE: &str = "certificate.pem";
pub const KEY: &str = "key.pem";
/// Both in one file, as HAProxy wants them.
pub const BOTH: &str = "both.pem";

/// Writes a fresh certificate for this host; whoever is started from now on trusts it.
pub fn make(folder: &Path) -> Outcome<()> {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]);
    let made = made.map_err(|e| format!("no certificate: {e}"))?;
    let (certificate, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    for (name, text) in
        [(CERTIFICATE, &certificate), (KEY, &key), (BOTH, &format!("{certificate}{key}"))]
    {
        let path = folder.join(name);
        fs::write(&path, text).map_err(|e| format!("{}: {e}", path.display()))?;
    }
    Ok(())
}

pub async fn connect(tcp: TcpStream) -> Outcome<TlsStream<TcpStream>> {
    // Every part runs in the benchmark's folder.
    let certificate = CertificateDer::from_pem_file(CERTIFICATE).map_err(|e| format!("{e:?}"))?;
    let mut roots = RootCertStore::empty();
    roots.add(certificate).map_err(|e| e.to_string())?;
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|e| e.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").map_err(|e| e.to_string())?;
    TlsConnector::from(Arc::new(config)).connect(name, tcp).await.map_err(|e| e.to_string())
}
