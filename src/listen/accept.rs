//! Accepts connections within bounds and serves HTTP on each.

use std::{
    convert::Infallible,
    future::Future,
    net::{IpAddr, SocketAddr},
    pin::pin,
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use dashmap::DashMap;
use hyper::{Request, Response, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    time::{Instant, timeout},
};
use tokio_rustls::TlsAcceptor;

use crate::{
    config::{ListenConfig, Network},
    metrics::Metrics,
    session::{Peer, Place, Wire},
};

/// hyper's own least; a request line and a few headers fit.
const HEADER_BYTES_MIN: usize = 8 * 1024;

/// A listening port and its bounds.
#[derive(Clone)]
pub struct Door {
    name: &'static str,
    tls: Option<TlsAcceptor>,
    places: Arc<Semaphore>,
    places_max: usize,
    per_ip: Arc<DashMap<IpAddr, usize>>,
    per_ip_max: usize,
    /// Many come by each of these: they have no bound of their own.
    proxies: Arc<[Network]>,
    per_second: u32,
    handshake: Duration,
    header_bytes_max: usize,
    metrics: Arc<Metrics>,
    shut: watch::Receiver<bool>,
    closed: watch::Receiver<bool>,
    /// Whether everybody new is refused for now.
    refuses: Arc<dyn Fn() -> bool + Send + Sync>,
}

/// Ends a door in two steps: nobody new is accepted, and whoever is inside is asked to go.
#[derive(Default)]
pub struct Stop {
    shut: watch::Sender<bool>,
    close: watch::Sender<bool>,
}

impl Stop {
    pub fn shut(&self) {
        self.shut.send_replace(true);
    }

    /// Shuts it, and lets each connection end with the answer that is under way.
    pub fn close(&self) {
        self.shut();
        self.close.send_replace(true);
    }
}

/// How many connections a door has room for.
pub struct Places<'a> {
    pub all: usize,
    /// Of one address, unless a proxy of the house has it.
    pub of_one: usize,
    pub proxies: &'a [Network],
}

/// One connection's claim on its door's bounds, given back when dropped.
struct Claim {
    _permit: OwnedSemaphorePermit,
    per_ip: Arc<DashMap<IpAddr, usize>>,
    ip: IpAddr,
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.per_ip.remove_if_mut(&self.ip, |_, count| {
            *count -= 1;
            *count == 0
        });
    }
}

impl Door {
    pub fn new(
        name: &'static str,
        config: &ListenConfig,
        places: &Places,
        tls: Option<TlsAcceptor>,
        metrics: Arc<Metrics>,
        stop: &Stop,
    ) -> Door {
        Door {
            name,
            tls,
            places: Arc::new(Semaphore::new(places.all)),
            places_max: places.all,
            per_ip: Arc::default(),
            per_ip_max: places.of_one.min(places.all),
            proxies: places.proxies.into(),
            per_second: config.accept_per_second.max(1),
            handshake: Duration::from_millis(config.handshake_ms),
            header_bytes_max: config.header_bytes_max.max(HEADER_BYTES_MIN),
            metrics,
            shut: stop.shut.subscribe(),
            closed: stop.close.subscribe(),
            refuses: Arc::new(|| false),
        }
    }

    /// Refuses whoever is new for as long as this says so.
    pub fn refusing(self, refuses: impl Fn() -> bool + Send + Sync + 'static) -> Door {
        Door { refuses: Arc::new(refuses), ..self }
    }

    /// Waits until every connection has ended.
    pub async fn emptied(&self) {
        let all = u32::try_from(self.places_max).unwrap_or(u32::MAX);
        // It fails only if the semaphore is closed, and nobody closes it.
        let _ = self.places.acquire_many(all).await;
    }

    /// Accepts until told to stop; every request goes to `answer`.
    pub async fn serve<A, F, B>(self, listener: TcpListener, answer: A)
    where
        A: Fn(Peer, Place, Request<Incoming>) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Response<B>> + Send + 'static,
        B: hyper::body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let mut pace = Pace::new(self.per_second);
        loop {
            // Whoever comes faster than the pace waits in the kernel's queue, not in our memory.
            pace.wait().await;
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = told(self.shut.clone()) => return,
            };
            let (stream, addr) = match accepted {
                Ok(accepted) => accepted,
                Err(cause) => {
                    // Out of file descriptors, or the peer is gone already: neither ends us.
                    tracing::warn!(door = self.name, %cause, "a connection was not accepted");
                    self.metrics.refuse("accept_failed");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            };
            if (self.refuses)() {
                self.metrics.refuse("overload");
                refuse(&stream);
                continue;
            }
            let Some(claim) = self.claim(addr.ip()) else {
                refuse(&stream);
                continue;
            };
            tokio::spawn(self.clone().connection(stream, addr, claim, answer.clone()));
        }
    }

    fn claim(&self, ip: IpAddr) -> Option<Claim> {
        let ip = ip.to_canonical();
        let Ok(permit) = self.places.clone().try_acquire_owned() else {
            self.metrics.refuse("connections_max");
            return None;
        };
        let mut count = self.per_ip.entry(ip).or_insert(0);
        let bounded = || !self.proxies.iter().any(|proxies| proxies.holds(ip));
        if *count >= self.per_ip_max && bounded() {
            self.metrics.refuse("connections_per_ip_max");
            return None;
        }
        *count += 1;
        drop(count);
        Some(Claim { _permit: permit, per_ip: self.per_ip.clone(), ip })
    }

    async fn connection<A, F, B>(self, stream: TcpStream, addr: SocketAddr, claim: Claim, answer: A)
    where
        A: Fn(Peer, Place, Request<Incoming>) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Response<B>> + Send + 'static,
        B: hyper::body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        // Chat is small and must not wait for more of it.
        let _ = stream.set_nodelay(true);
        let peer = Peer { addr, secure: self.tls.is_some() };
        let wire = match &self.tls {
            None => Wire::plain(stream),
            Some(tls) => match timeout(self.handshake, tls.accept(stream)).await {
                Ok(Ok(stream)) => Wire::over(stream),
                _ => return self.metrics.refuse("tls_handshake"),
            },
        };
        let place: Place = Arc::new(claim);
        let service = service_fn(move |request| {
            let answering = answer(peer, place.clone(), request);
            async move { Ok::<_, Infallible>(answering.await) }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.handshake)
            .max_buf_size(self.header_bytes_max)
            .serve_connection(TokioIo::new(wire), service)
            .with_upgrades();
        let mut connection = pin!(connection);
        let closed = self.closed.clone();
        // What a peer does wrong on its own connection is its own affair: hyper has answered it.
        tokio::select! {
            _ = connection.as_mut() => {}
            () = told(closed) => {
                connection.as_mut().graceful_shutdown();
                let _ = timeout(Duration::from_secs(1), connection).await;
            }
        }
    }
}

/// Ready once this door is told to stop, or nobody is left to tell it.
async fn told(mut stop: watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

/// Says 503 where there is no place; a socket that cannot take it at once is just closed.
fn refuse(stream: &TcpStream) {
    let answer = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nContent-Length: 0\r\n\
        Connection: close\r\n\r\n";
    let _ = stream.try_write(answer);
}

/// A bucket that refills at a fixed rate and holds a tenth of a second's worth.
struct Pace {
    every: Duration,
    burst: Duration,
    /// When the bucket will be full again.
    full: Instant,
}

impl Pace {
    fn new(per_second: u32) -> Pace {
        let every = Duration::from_secs(1) / per_second;
        Pace { every, burst: Duration::from_millis(100).max(every), full: Instant::now() }
    }

    async fn wait(&mut self) {
        let now = Instant::now();
        self.full = self.full.max(now) + self.every;
        if self.full > now + self.burst {
            tokio::time::sleep_until(self.full - self.burst).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_pace_lets_a_burst_through_and_then_its_rate() {
        let mut pace = Pace::new(100);
        let began = Instant::now();
        for _ in 0..10 {
            pace.wait().await;
        }
        assert_eq!(began.elapsed(), Duration::ZERO, "a tenth of a second's worth");
        for _ in 0..100 {
            pace.wait().await;
        }
        let elapsed = began.elapsed();
        assert!((990..=1010).contains(&elapsed.as_millis()), "{elapsed:?}");
    }
}
