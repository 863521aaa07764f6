//! HTTP/1.1 written by hand, so that an answer can be anything.

use std::time::{Duration, SystemTime};

use axum::http::{HeaderMap, StatusCode, header};
use globus_portal::clock::Clock;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use super::{request::Request, step::Step};

/// Serves connections until it is dropped, which closes them.
pub async fn serve<Answering>(listener: TcpListener, answer: impl Fn(Request) -> Answering + Clone + Send + 'static)
where
    Answering: Future<Output = Step> + Send + 'static,
{
    let mut connections = JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(50)).await; // Out of descriptors: others close theirs.
            continue;
        };
        while connections.try_join_next().is_some() {}
        let answer = answer.clone();
        connections.spawn(async move {
            let mut connection = Connection { stream, unread: Vec::new() };
            while let Some(request) = connection.request().await {
                let step = tokio::select! {
                    biased;
                    step = answer(request) => step,
                    () = connection.closed() => return,
                };
                if !connection.carry_out(step).await {
                    return;
                }
            }
        });
    }
}

struct Connection {
    stream: TcpStream,
    unread: Vec<u8>,
}

impl Connection {
    /// The next request; `None` if the other side closes first.
    async fn request(&mut self) -> Option<Request> {
        let head = loop {
            if let Some(end) = self.unread.windows(4).position(|four| four == b"\r\n\r\n") {
                break self.unread.drain(..end + 4).collect::<Vec<_>>();
            }
            self.read().await?;
        };
        let request = Request::from_head(std::str::from_utf8(&head[..head.len() - 4]).unwrap());
        let length = request.content_length();
        while self.unread.len() < length {
            self.read().await?;
        }
        Some(request.with_body(self.unread.drain(..length).collect()))
    }

    async fn read(&mut self) -> Option<()> {
        let read = self.stream.read_buf(&mut self.unread).await.ok()?;
        (read > 0).then_some(())
    }

    /// Ready when the other side has closed.
    async fn closed(&mut self) {
        while self.read().await.is_some() {}
    }

    /// Returns whether the connection can be used again.
    async fn carry_out(&mut self, mut step: Step) -> bool {
        while let Step::Behind(gate, then) = step {
            gate.notified().await;
            step = *then;
        }
        match step {
            Step::Answer { status, headers, body } => self.send(status, headers, &body).await,
            Step::Behind(..) | Step::Cut => false,
            Step::Hold => {
                self.closed().await;
                false
            }
            Step::Endless { head, more, pause } => {
                let mut sent = self.stream.write_all(&head).await;
                while sent.is_ok() {
                    tokio::time::sleep(pause).await;
                    sent = self.stream.write_all(&more).await;
                }
                false
            }
        }
    }

    async fn send(&mut self, status: StatusCode, mut headers: HeaderMap, body: &[u8]) -> bool {
        let closes = headers.get(header::CONNECTION).is_some_and(|value| value == "close");
        if status != StatusCode::NO_CONTENT && status != StatusCode::NOT_MODIFIED {
            headers.insert(header::CONTENT_LENGTH, body.len().into());
        }
        let now = || httpdate::fmt_http_date(SystemTime::from(Clock::system().now())).parse().unwrap();
        headers.entry(header::DATE).or_insert_with(now);
        let mut answer = format!("HTTP/1.1 {} Answer\r\n", status.as_str()).into_bytes();
        for (name, value) in &headers {
            answer.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
        }
        answer.extend_from_slice(b"\r\n");
        answer.extend_from_slice(body);
        let sent = self.stream.write_all(&answer).await.is_ok();
        if closes {
            let _ = self.stream.shutdown().await;
        }
        sent && !closes
    }
}
