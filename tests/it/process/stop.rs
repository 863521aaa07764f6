//! Requests that are on their way when a portal stops. The runtime of these tests is one thread: between two steps of a test
//! nothing happens unless the test waits.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
};

use tokio::task::{spawn_blocking, yield_now};

use crate::harness::{Portal, steps::raw};

const REQUEST: &[u8] = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
const LAST_REQUEST: &str = "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

/// A portal that serves already.
async fn serving() -> Portal {
    let portal = Portal::start().await;
    assert!(raw(&portal, LAST_REQUEST).await.starts_with("HTTP/1.1 200 "));
    portal
}

fn connect(address: SocketAddr) -> TcpStream {
    TcpStream::connect(address).unwrap()
}

/// Asserts that this is all that comes over a connection: one answer, which says that the connection ends.
async fn assert_last_answer(mut stream: TcpStream) {
    let mut said = String::new();
    let said = spawn_blocking(move || stream.read_to_string(&mut said).map(|_| said)).await.unwrap().unwrap();
    assert!(said.starts_with("HTTP/1.1 200 ") && said.contains("\r\nconnection: close\r\n"), "{said:?}");
    assert_eq!(said.matches("HTTP/1.1 ").count(), 1, "{said}");
}

/// As many as the system lets wait, or nearly.
#[tokio::test]
async fn connections_that_wait_to_be_accepted_when_a_portal_stops_are_answered() {
    let portal = serving().await;
    let address = portal.app.settings.listen.tcp().unwrap();
    let waiting: Vec<_> = (0..100)
        .map(|_| {
            let mut stream = connect(address);
            stream.write_all(REQUEST).unwrap();
            stream
        })
        .collect();
    portal.stop().await;
    for stream in waiting {
        assert_last_answer(stream).await;
    }
    assert!(TcpStream::connect(address).is_err());
}

#[tokio::test]
async fn requests_that_come_right_after_the_stop_over_connections_that_are_established_are_answered() {
    let portal = serving().await;
    let (app, address) = (portal.app.clone(), portal.app.settings.listen.tcp().unwrap());
    let (mut new, mut kept) = (connect(address), connect(address));
    let mut kept = spawn_blocking(move || {
        kept.write_all(REQUEST).unwrap();
        let mut answer = [0; 4096];
        let read = kept.read(&mut answer).unwrap();
        assert!(!String::from_utf8_lossy(&answer[..read]).contains("connection: close"));
        kept
    })
    .await
    .unwrap();
    let ((), ()) = tokio::join!(portal.stop(), async {
        while !app.requests.is_closed() {
            yield_now().await;
        }
        for stream in [&mut new, &mut kept] {
            stream.write_all(REQUEST).unwrap();
        }
    });
    assert_last_answer(new).await;
    assert_last_answer(kept).await;
}
