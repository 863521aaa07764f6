//! An app behind the gate, and what visits it.

use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    thread,
    time::Duration,
};

use crate::harness::Answer;

/// An app that knows nothing of Globus: it shows the head of each request, and takes WebSockets, which it echoes.
pub fn start_app() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming() {
            thread::spawn(move || serve(stream.unwrap()));
        }
    });
    port
}

fn serve(mut stream: TcpStream) {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).unwrap_or_default() == 0 {
            return;
        }
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let lower = head.to_lowercase();
    if lower.contains("upgrade: websocket") {
        let _ =
            stream.write_all(b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n");
        while stream.read(&mut byte).unwrap_or_default() == 1 {
            let _ = stream.write_all(&byte);
        }
        return;
    }
    let length: usize = lower
        .split_once("content-length: ")
        .and_then(|(_, rest)| rest.split("\r\n").next()?.parse().ok())
        .unwrap_or_default();
    let mut body = vec![0; length];
    let _ = stream.read_exact(&mut body);
    let shown = format!("{head}{}", String::from_utf8_lossy(&body));
    let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{shown}", shown.len());
    let _ = stream.write_all(answer.as_bytes());
}

/// The value of a header that the app was sent; it must be there once.
#[track_caller]
pub fn sent<'a>(page: &'a Answer, name: &str) -> Option<&'a str> {
    let start = format!("{}:", name.to_lowercase());
    let mut lines = page.body.lines().filter(|line| line.to_lowercase().starts_with(&start));
    let found = lines.next().and_then(|line| line.split_once(": ")).map(|(_, value)| value);
    assert!(lines.next().is_none(), "{name} twice: {}", page.body);
    found
}

pub fn raw(port: u16, request: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

/// Asks for a WebSocket: the status, and what comes back when something is said.
pub fn web_socket(port: u16, session: Option<&str>) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let cookie = session.map(|session| format!("Cookie: session={session}\r\n")).unwrap_or_default();
    let head = format!(
        "GET /app/socket HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-Fetch-Mode: websocket\r\n{cookie}\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = Vec::new();
    let mut byte = [0];
    while !answer.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap_or_default() == 1 {
        answer.push(byte[0]);
    }
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let status = answer.split(' ').nth(1).unwrap_or_default().to_owned();
    if status != "101" {
        return status;
    }
    stream.write_all(b"hello").unwrap();
    let mut said = [0; 5];
    stream.read_exact(&mut said).unwrap();
    format!("{status} {}", String::from_utf8_lossy(&said))
}
