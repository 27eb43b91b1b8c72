//! Plays a moderator at the console's HTTP door.

use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Request, StatusCode, header};
use serde_json::{Value, json};

use super::{http, try_http};

pub const PASSWORD: &str = "correct horse battery";

#[derive(Clone)]
pub struct Moderator {
    console: SocketAddr,
    cookie: String,
}

impl Moderator {
    pub async fn log_in(console: SocketAddr, name: &str) -> Moderator {
        let credentials = json!({ "name": name, "password": PASSWORD });
        let request = Moderator::request(console, "POST", "/login", "", Some(&credentials));
        let (status, headers, body) = http(console, request).await;
        assert_eq!(status, StatusCode::OK, "{body:?}");
        let cookie = headers[header::SET_COOKIE].to_str().expect("a cookie");
        let cookie = cookie.split(';').next().unwrap_or_default().to_owned();
        Moderator { console, cookie }
    }

    /// The rows of the queue.
    pub async fn queue(&self) -> Vec<Value> {
        let (status, answer) = self.ask("GET", "/api/queue", None).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        answer["holds"].as_array().expect("rows").clone()
    }

    /// `release`, `remove`, `time-out` or `undo`.
    pub async fn act(&self, id: &str, act: &str) -> (StatusCode, Value) {
        let body = if act == "time-out" { json!({ "seconds": 60 }) } else { json!({}) };
        self.ask("POST", &format!("/api/holds/{id}/{act}"), Some(&body)).await
    }

    /// Releases every second row, as far as the process lives to do it; the rows asked for.
    pub async fn try_release(&self) -> Vec<Value> {
        let request = Moderator::request(self.console, "GET", "/api/queue", &self.cookie, None);
        let Some((_, _, body)) = try_http(self.console, request).await else { return Vec::new() };
        let answer: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
        let rows = answer["holds"].as_array().cloned().unwrap_or_default();
        let chosen: Vec<Value> = rows.into_iter().step_by(2).collect();
        for row in &chosen {
            let path = format!("/api/holds/{}/release", row["id"].as_str().unwrap_or_default());
            let body = Some(&Value::Null);
            let request = Moderator::request(self.console, "POST", &path, &self.cookie, body);
            let _ = try_http(self.console, request).await;
        }
        chosen
    }

    pub async fn post(&self, path: &str, body: &Value) -> (StatusCode, Value) {
        self.ask("POST", path, Some(body)).await
    }

    /// The body of an answer, whatever it is.
    pub async fn read(&self, path: &str) -> (StatusCode, String) {
        let request = Moderator::request(self.console, "GET", path, &self.cookie, None);
        let (status, _, body) = http(self.console, request).await;
        (status, String::from_utf8_lossy(&body).into_owned())
    }

    async fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> (StatusCode, Value) {
        let request = Moderator::request(self.console, method, path, &self.cookie, body);
        let (status, _, body) = http(self.console, request).await;
        (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
    }

    fn request(
        console: SocketAddr,
        method: &str,
        path: &str,
        cookie: &str,
        body: Option<&Value>,
    ) -> Request<Full<Bytes>> {
        let text = body.map(Value::to_string).unwrap_or_default();
        Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, console.to_string())
            .header(header::ORIGIN, format!("http://{console}"))
            .header("x-tidegate", "1")
            .header(header::COOKIE, cookie)
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(text)))
            .expect("a request")
    }
}
