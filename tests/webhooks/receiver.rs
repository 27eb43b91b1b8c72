//! Receives webhooks as strictly as a receiver can, and misbehaves when it is told to.

use std::{
    collections::VecDeque,
    convert::Infallible,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Instant,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use http_body_util::{BodyExt, Full, Limited};
use hyper::{Method, Request, Response, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use sha2::Sha256;
use tidegate::message::now_ms;
use tokio::{net::TcpListener, sync::watch, time::timeout};

use crate::PATIENCE;

/// What it does with one request.
#[derive(Clone, Debug)]
pub enum Act {
    Take,
    Status(u16),
    /// A status with a `Retry-After`.
    Later(u16, &'static str),
    /// Never answers.
    Hang,
    /// Breaks the connection.
    HangUp,
    /// Sends elsewhere on its own port.
    Redirect,
    /// Takes it, and answers more than anybody wants to read.
    Flood,
}

/// One try that came in.
#[derive(Clone, Debug)]
pub struct Got {
    pub id: String,
    pub body: Value,
    pub at: Instant,
    /// Whether it was answered with a 2xx.
    pub taken: bool,
}

impl Got {
    pub fn seq(&self) -> u64 {
        self.body["data"]["id"].as_u64().expect("a place in the chain")
    }
}

struct Inside {
    secret: Vec<u8>,
    acts: Mutex<VecDeque<Act>>,
    /// What is done when none of them is left.
    usual: Mutex<Act>,
    got: watch::Sender<Vec<Got>>,
    faults: Mutex<Vec<String>>,
}

pub struct Receiver {
    pub url: String,
    inside: Arc<Inside>,
}

impl Receiver {
    /// Takes whatever is signed with this secret (`whsec_…`).
    pub async fn open(secret: &str) -> Receiver {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("its address");
        let secret = secret.strip_prefix("whsec_").expect("a secret");
        let inside = Arc::new(Inside {
            secret: STANDARD.decode(secret).expect("base64"),
            acts: Mutex::default(),
            usual: Mutex::new(Act::Take),
            got: watch::channel(Vec::new()).0,
            faults: Mutex::default(),
        });
        tokio::spawn(serve(listener, inside.clone()));
        Receiver { url: url(address), inside }
    }

    /// What it does with the next requests, in this order, and then with all others.
    pub fn plan(&self, acts: impl IntoIterator<Item = Act>, usual: Act) {
        self.inside.acts.lock().expect("no panic").extend(acts);
        *self.inside.usual.lock().expect("no panic") = usual;
    }

    pub fn got(&self) -> Vec<Got> {
        let faults = self.inside.faults.lock().expect("no panic");
        assert!(faults.is_empty(), "{faults:?}");
        self.inside.got.borrow().clone()
    }

    /// Waits until what came is as it should be.
    pub async fn until(&self, what: &str, mut is_so: impl FnMut(&[Got]) -> bool) -> Vec<Got> {
        let mut seen = self.inside.got.subscribe();
        let waited = timeout(PATIENCE, seen.wait_for(|got| is_so(got))).await;
        assert!(waited.is_ok(), "{what}: {:?}", self.got());
        drop(waited);
        self.got()
    }

    /// Waits until so many were taken.
    pub async fn taken(&self, count: usize) -> Vec<Got> {
        let taken = |got: &[Got]| got.iter().filter(|got| got.taken).count();
        self.until(&format!("{count} are taken"), |got| taken(got) >= count).await
    }
}

fn url(address: SocketAddr) -> String {
    format!("http://{address}/events?key=k")
}

async fn serve(listener: TcpListener, inside: Arc<Inside>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else { return };
        let inside = inside.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request| answer(inside.clone(), request));
            // A connection that breaks is part of the plan.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

type Answer = Result<Response<Full<Bytes>>, String>;

async fn answer(inside: Arc<Inside>, request: Request<Incoming>) -> Answer {
    let (head, body) = request.into_parts();
    let body = Limited::new(body, 1024 * 1024).collect().await;
    let Ok(body) = body else { return Err("it broke off".to_owned()) };
    let body = body.to_bytes();
    let text = |name: &str| {
        let value = head.headers.get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default().to_owned()
    };
    let (id, at_s, signed) =
        (text("webhook-id"), text("webhook-timestamp"), text("webhook-signature"));
    let act = {
        let next = inside.acts.lock().expect("no panic").pop_front();
        next.unwrap_or_else(|| inside.usual.lock().expect("no panic").clone())
    };
    let mut faults = Vec::new();
    let mut check = |what: &str, good: bool| {
        if !good {
            faults.push(format!("{what}: {head:?} {body:?}"));
        }
    };
    check("method", head.method == Method::POST);
    check("place", head.uri == "/events?key=k");
    check("content-type", text("content-type") == "application/json");
    check("id", id.starts_with("msg_") && id.len() == 36);
    let now_s = now_ms() / 1_000;
    check("timestamp", at_s.parse::<u64>().is_ok_and(|at| now_s.abs_diff(at) <= 60));
    check("signature", signature_fits(&inside.secret, &id, &at_s, &body, &signed));
    let parsed: Value = serde_json::from_slice(&body).unwrap_or_default();
    let kinds = (parsed["type"].as_str(), parsed["data"]["kind"].as_str());
    check("type", kinds.0.is_some() && kinds.0 == kinds.1);
    check("time", parsed["timestamp"].as_str().is_some_and(|at| at.ends_with('Z')));
    inside.faults.lock().expect("no panic").extend(faults);
    let taken = matches!(act, Act::Take | Act::Flood);
    let got = Got { id, body: parsed, at: Instant::now(), taken };
    inside.got.send_modify(|all| all.push(got));
    act.carried_out().await
}

/// By the standard's words, with nothing of the sender's code.
fn signature_fits(secret: &[u8], id: &str, at_s: &str, body: &[u8], signed: &str) -> bool {
    let one = |signature: &str| {
        let Some(signature) = signature.strip_prefix("v1,") else { return false };
        let Ok(signature) = STANDARD.decode(signature) else { return false };
        let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("any length will do");
        mac.update([id.as_bytes(), b".", at_s.as_bytes(), b".", body].concat().as_slice());
        mac.verify_slice(&signature).is_ok()
    };
    signed.split(' ').any(one)
}

impl Act {
    async fn carried_out(self) -> Answer {
        let reply = |status: u16| Response::builder().status(status);
        let (reply, body) = match self {
            Act::Take => (reply(204), Bytes::new()),
            Act::Status(status) => (reply(status), Bytes::from_static(b"no")),
            Act::Later(status, wait) => (reply(status).header("retry-after", wait), Bytes::new()),
            Act::Redirect => (reply(307).header("location", "/elsewhere"), Bytes::new()),
            Act::Flood => (reply(200), Bytes::from(vec![b'x'; 8 * 1024 * 1024])),
            Act::HangUp => return Err("as planned".to_owned()),
            Act::Hang => {
                let never: Infallible = std::future::pending().await;
                match never {}
            }
        };
        Ok(reply.body(Full::new(body)).expect("a good answer"))
    }
}
