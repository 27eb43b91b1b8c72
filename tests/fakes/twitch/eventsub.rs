//! Serves EventSub over WebSocket.

use futures_util::{SinkExt, StreamExt};
use serde_json::json;
use tidegate::{message::now_ms, protocol::rfc3339};
use tokio_tungstenite::tungstenite::{
    Message,
    protocol::{CloseFrame, frame::coding::CloseCode},
};

use super::{Order, Twitch, meta};
use crate::fake_door::Seat;

impl Twitch {
    pub(super) async fn sit(&self, at: &str, mut seat: Seat) {
        let mut orders = self.orders.subscribe();
        let again = at.strip_prefix("/ws?again=").map(str::to_owned);
        if again.is_none() && at != "/ws" {
            return self.wrong(format!("a connection to {at}"));
        }
        let (session, keepalive) = self.book.write(|pages| {
            pages.connections += 1;
            pages.sessions += 1;
            let fresh = format!("session-{}", pages.sessions);
            let session = again.unwrap_or(fresh);
            *pages.live.entry(session.clone()).or_default() += 1;
            (session, pages.keepalive_s)
        });
        let welcome = json!({
            "metadata": meta(&self.fresh("event"), "session_welcome"),
            "payload": { "session": {
                "id": session, "status": "connected", "keepalive_timeout_seconds": keepalive,
                "reconnect_url": null, "connected_at": rfc3339(now_ms()),
            } },
        });
        let _ = seat.send(Message::text(welcome.to_string())).await;
        loop {
            tokio::select! {
                order = orders.recv() => match order {
                    Ok(Order::Text(own, text)) if own == session => {
                        if seat.send(Message::text(text)).await.is_err() {
                            break;
                        }
                    }
                    Ok(Order::Text(..)) => {}
                    Ok(Order::Close(code)) => {
                        let frame = CloseFrame { code: CloseCode::from(code), reason: "".into() };
                        let _ = seat.close(Some(frame)).await;
                        break;
                    }
                    Ok(Order::HangUp) | Err(_) => break,
                },
                came = seat.next() => match came {
                    Some(Ok(Message::Text(text))) => {
                        // Whoever writes to it is thrown out.
                        self.wrong(format!("it was written to: {text}"));
                        break;
                    }
                    Some(Ok(Message::Close(_)) | Err(_)) | None => break,
                    Some(Ok(_)) => {}
                },
            }
        }
        // With the last connection go the subscriptions.
        self.book.write(|pages| {
            let live = pages.live.get_mut(&session).expect("it was counted");
            *live -= 1;
            if *live == 0 {
                pages.subscriptions.retain(|own| own.session != session);
            }
        });
    }
}
