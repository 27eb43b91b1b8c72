//! Works on the store itself, or through the running process that owns it.

use std::{io, path::Path, sync::Arc, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{Method, Request, StatusCode, client::conn::http1, header};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

use crate::{
    accounts::AccountError,
    doors::control::{self, Address},
    store::{self, Store, StoreError},
};

/// A long audit log is read within this, or something is wrong.
const ANSWER_WAIT: Duration = Duration::from_secs(120);
const ANSWER_BYTES_MAX: usize = 64 * 1024;

#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    #[error(transparent)]
    Account(#[from] AccountError),
    /// The operator's: nothing runs that could be asked, and the store does not open either.
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the running Tidegate refused: {0}")]
    Refused(String),
    #[error("the store is in use, and the Tidegate that uses it does not answer: {0}")]
    Unreachable(String),
    #[error("the password cannot be read: {0}")]
    Password(io::Error),
}

/// Who can do it.
pub enum Place {
    Here(Arc<dyn Store>),
    Running(Address),
}

/// Opens the store, or finds the process that has it open.
pub async fn place(state_dir: &Path) -> Result<Place, CommandError> {
    let dir = state_dir.to_owned();
    let opened = tokio::task::spawn_blocking(move || store::open(&dir)).await;
    match opened.expect("opening a store does not panic") {
        Ok(store) => Ok(Place::Here(store)),
        // Without a control file nothing runs here, and the store's own error says more.
        Err(error @ StoreError::Unavailable { .. }) => {
            control::address(state_dir).map(Place::Running).map_err(|_| error.into())
        }
        Err(error) => Err(error.into()),
    }
}

/// One request to the control door; the answer's body, `null` where it has none.
pub async fn call(
    address: &Address,
    method: Method,
    path: &str,
    body: Value,
) -> Result<Value, CommandError> {
    let answer = tokio::time::timeout(ANSWER_WAIT, exchange(address, method, path, body)).await;
    let (status, body) = match answer {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => return Err(CommandError::Unreachable(error.to_string())),
        Err(_) => return Err(CommandError::Unreachable("no answer in time".into())),
    };
    if !status.is_success() {
        let message = body["message"].as_str().unwrap_or("without a reason");
        return Err(CommandError::Refused(message.to_owned()));
    }
    Ok(body)
}

type Any = Box<dyn std::error::Error + Send + Sync>;

async fn exchange(
    address: &Address,
    method: Method,
    path: &str,
    body: Value,
) -> Result<(StatusCode, Value), Any> {
    let stream = TcpStream::connect(address.admin).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let driven = tokio::spawn(connection);
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::HOST, address.admin.to_string())
        .header(header::AUTHORIZATION, format!("Bearer {}", address.token))
        .header(header::CONTENT_TYPE, "application/json")
        .body(Full::new(Bytes::from(body.to_string())))?;
    let response = sender.send_request(request).await?;
    let status = response.status();
    let bytes = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await?.to_bytes();
    driven.abort();
    Ok((status, serde_json::from_slice(&bytes).unwrap_or_default()))
}
