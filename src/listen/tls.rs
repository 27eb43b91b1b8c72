//! Reads certificates and keys, and sets up TLS on both sides.

use std::{path::Path, sync::Arc};

use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ClientConfig, RootCertStore, ServerConfig,
        crypto::ring::default_provider,
        version::{TLS12, TLS13},
    },
};

/// What the chat and console ports present; the error names the file.
pub fn acceptor(cert: &Path, key: &Path) -> Result<TlsAcceptor, String> {
    let place = |path: &Path, cause: &dyn std::fmt::Display| format!("{}: {cause}", path.display());
    let chain = CertificateDer::pem_file_iter(cert)
        .and_then(|certs| certs.collect::<Result<Vec<_>, _>>())
        .map_err(|cause| place(cert, &cause))?;
    let private = PrivateKeyDer::from_pem_file(key).map_err(|cause| place(key, &cause))?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(&[&TLS13, &TLS12])
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, private))
        .map_err(|cause| place(cert, &cause))?;
    // WebSocket over HTTP/2 is not spoken.
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// How `wss` upstreams are verified: Mozilla's roots, and those in `SSL_CERT_FILE` if it is set.
pub fn connector() -> Result<Arc<ClientConfig>, String> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    if let Some(file) = std::env::var_os("SSL_CERT_FILE") {
        let place = |cause: &dyn std::fmt::Display| format!("SSL_CERT_FILE {file:?}: {cause}");
        let certs = CertificateDer::pem_file_iter(&file).map_err(|cause| place(&cause))?;
        for cert in certs {
            let cert = cert.map_err(|cause| place(&cause))?;
            roots.add(cert).map_err(|cause| place(&cause))?;
        }
    }
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(&[&TLS13, &TLS12])
        .map_err(|cause| cause.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}
