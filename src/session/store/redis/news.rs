//! Listens for sessions that other portals end.

use std::time::Duration;

use hex::FromHex as _;
use redis::{PushInfo, PushKind, Value, aio::MultiplexedConnection, cmd};
use tokio::{
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    time::{sleep, timeout},
};

use super::link::Server;
use crate::session::store::{
    error::StoreError,
    news::{DisconnectedAtEnd, News},
    rows::SessionKey,
};

/// Where the end of a session is announced.
pub(super) const CHANNEL: &str = "globus-portal:ended";
/// A server that says nothing may be gone: how often it is pinged, and how long it may take to answer.
const PING_EVERY: Duration = Duration::from_millis(500);
const PING_ANSWER: Duration = Duration::from_millis(1500);
const PAUSE: Duration = Duration::from_millis(300);

/// Reports sessions that have ended, until the receiver is dropped.
pub(super) async fn listen(server: Server, news: UnboundedSender<News>) {
    let _disconnected_at_end = DisconnectedAtEnd(news.clone());
    while !news.is_closed() {
        if let Ok((connection, pushes)) = subscribe(&server).await {
            // The loop notices that the receiver is gone.
            let _ = news.send(News::Connected);
            pass_on(connection, pushes, &news).await;
            let _ = news.send(News::Disconnected);
        }
        tokio::select! {
            () = news.closed() => {}
            () = sleep(PAUSE) => {}
        }
    }
}

async fn subscribe(server: &Server) -> Result<(MultiplexedConnection, UnboundedReceiver<PushInfo>), StoreError> {
    let (sender, pushes) = unbounded_channel();
    let mut connection = server.connect(sender).await?;
    match timeout(PING_ANSWER, connection.subscribe(CHANNEL)).await {
        Ok(Ok(())) => Ok((connection, pushes)),
        _ => Err(StoreError::new("cannot subscribe")),
    }
}

/// Passes messages on until the connection is lost or the receiver is dropped.
async fn pass_on(
    connection: MultiplexedConnection,
    mut pushes: UnboundedReceiver<PushInfo>,
    news: &UnboundedSender<News>,
) {
    let silence = silence(connection);
    tokio::pin!(silence);
    loop {
        let push = tokio::select! {
            () = news.closed() => return,
            () = &mut silence => return,
            push = pushes.recv() => push,
        };
        match push {
            Some(PushInfo { kind: PushKind::Message, data }) => {
                if let Some(report) = report(&data) {
                    let _ = news.send(report);
                }
            }
            None | Some(PushInfo { kind: PushKind::Disconnection, .. }) => return,
            Some(_) => {}
        }
    }
}

/// Returns when the server no longer answers.
async fn silence(mut connection: MultiplexedConnection) {
    loop {
        sleep(PING_EVERY).await;
        match timeout(PING_ANSWER, cmd("PING").query_async::<Value>(&mut connection)).await {
            Ok(Ok(_)) => {}
            _ => return,
        }
    }
}

/// What a message on the channel means. The message of a probe means nothing; one that this version does not know means that
/// any session may have ended.
fn report(message: &[Value]) -> Option<News> {
    match message {
        [_, Value::BulkString(word)] if word == b"probe" => None,
        [_, Value::BulkString(id)] => Some(<[u8; 32]>::from_hex(id).map(SessionKey).map_or(News::Changed, News::Ended)),
        _ => Some(News::Changed),
    }
}
