//! Plays the chat server behind Tidegate: notes what arrives in which order, and answers it.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::{SinkExt, StreamExt};
use tokio::{
    net::{TcpListener, TcpStream},
    time::timeout,
};
use tokio_tungstenite::tungstenite::Message;

use crate::{
    common::{PATIENCE, Shared},
    wire::pause,
};

/// A chat server that says each line back to its sender.
pub struct Room {
    pub address: SocketAddr,
    inside: Arc<Inside>,
}

#[derive(Default)]
struct Inside {
    seats: AtomicUsize,
    /// Which life of the gate it is that lines arrive in.
    life: AtomicU64,
    arrivals: Shared<Vec<(u64, String)>>,
    keeps: bool,
}

/// Counts a connection for as long as it is open.
struct Seat(Arc<Inside>);

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.seats.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Room {
    /// `keeps`: whether it notes what arrives.
    pub async fn open(keeps: bool) -> Room {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("its address");
        let inside = Arc::new(Inside { keeps, ..Inside::default() });
        let shared = inside.clone();
        tokio::spawn(async move {
            loop {
                // Out of file descriptors, for a moment: whoever waits stays in the queue.
                let Ok((stream, _)) = listener.accept().await else {
                    pause(Duration::from_millis(20)).await;
                    continue;
                };
                shared.seats.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(serve(stream, Seat(shared.clone())));
            }
        });
        Room { address, inside }
    }

    pub fn life(&self, life: u64) {
        self.inside.life.store(life, Ordering::SeqCst);
    }

    /// Waits until every connection has ended, so that all that was sent has been read.
    pub async fn emptied(&self) {
        let empty = async {
            while self.inside.seats.load(Ordering::SeqCst) > 0 {
                pause(Duration::from_millis(1)).await;
            }
        };
        timeout(PATIENCE, empty).await.expect("the room empties");
    }

    /// Life and line of all that arrived, in order.
    pub fn arrivals(&self) -> Vec<(u64, String)> {
        self.inside.arrivals.lock().expect("no panic").clone()
    }
}

async fn serve(stream: TcpStream, seat: Seat) {
    let _ = stream.set_nodelay(true);
    let Ok(mut ws) = tokio_tungstenite::accept_async(stream).await else { return };
    while let Some(Ok(heard)) = ws.next().await {
        let Message::Text(text) = heard else { continue };
        if seat.0.keeps {
            let life = seat.0.life.load(Ordering::SeqCst);
            seat.0.arrivals.lock().expect("no panic").push((life, text.to_string()));
        }
        if ws.send(Message::Text(text)).await.is_err() {
            // Killed behind our back: what it sent before is still to be read.
            while let Some(Ok(Message::Text(text))) = ws.next().await {
                let life = seat.0.life.load(Ordering::SeqCst);
                seat.0.arrivals.lock().expect("no panic").push((life, text.to_string()));
            }
            return;
        }
    }
}
