//! Listens to the server for sessions that have ended.

use std::time::Duration;

use redis::{PushInfo, PushKind, Value, aio::MultiplexedConnection, cmd};
use tokio::{
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    time::{sleep, timeout},
};

use super::{
    super::{DeafAtEnd, News, SessionKey, StoreError, of_hex},
    CHANNEL,
    link::Server,
};

/// A server that says nothing may be gone: it is asked so often, and given so long.
const PING_EVERY: Duration = Duration::from_millis(500);
const PING_ANSWER: Duration = Duration::from_millis(1500);
const PAUSE: Duration = Duration::from_millis(300);

/// Tells the news until nobody wants to know.
pub(super) async fn tell(server: Server, news: UnboundedSender<News>) {
    let _deaf_at_end = DeafAtEnd(news.clone());
    while !news.is_closed() {
        if let Ok((connection, pushes)) = subscribe(&server).await {
            // Whoever does not want to know any more is noticed by the loop.
            let _ = news.send(News::Hearing);
            pass_on(connection, pushes, &news).await;
            let _ = news.send(News::Deaf);
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

/// Passes messages on until the connection is lost or nobody wants to know.
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
                if let Some(told) = ended(&data) {
                    let _ = news.send(told);
                }
            }
            None | Some(PushInfo { kind: PushKind::Disconnection, .. }) => return,
            Some(_) => {}
        }
    }
}

/// Comes back when the server does not answer any more.
async fn silence(mut connection: MultiplexedConnection) {
    loop {
        sleep(PING_EVERY).await;
        match timeout(PING_ANSWER, cmd("PING").query_async::<Value>(&mut connection)).await {
            Ok(Ok(_)) => {}
            _ => return,
        }
    }
}

/// What a message on the channel says: nothing where somebody only tries the channel. One that we do not understand says that
/// something has happened.
fn ended(message: &[Value]) -> Option<News> {
    match message {
        [_, Value::BulkString(word)] if word == b"probe" => None,
        [_, Value::BulkString(id)] => Some(of_hex(id).map(SessionKey).map_or(News::Changed, News::Ended)),
        _ => Some(News::Changed),
    }
}
