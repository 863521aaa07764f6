//! Reports sessions that other portals end: by LISTEN, or by polling where a pooler is in between.

use std::collections::HashSet;

use hex::FromHex as _;
use sqlx::{PgPool, postgres::PgListener};
use tokio::{
    sync::mpsc::UnboundedSender,
    time::{Duration, Instant},
};

use super::lend::{Lent, Reach};
use crate::session::store::{
    error::StoreError,
    news::{DisconnectedAtEnd, News},
    rows::{SessionKey, bytes32},
    sql::{Connection as _, ReadRow as _, Value::Int, within},
};

/// Where the end of a session is announced.
pub(super) const CHANNEL: &str = "globus_portal_ended";
/// How often an idle listener checks its connection.
const STILL_THERE: Duration = Duration::from_secs(2);
/// The pause before a listener reconnects, and between two polls.
const AGAIN: Duration = Duration::from_millis(250);
/// How far back a poll looks, in milliseconds: longer than the transaction that ends a session may take.
const SEEN_FOR: i64 = 20_000;
/// A poll that comes this late may have missed an end.
const MISSED_AFTER: Duration = Duration::from_secs(5);

/// Reports sessions that have ended, until the receiver is dropped.
pub(super) async fn listen(pool: PgPool, news: UnboundedSender<News>) {
    let _disconnected_at_end = DisconnectedAtEnd(news.clone());
    while !news.is_closed() && !pool.is_closed() {
        if let Err(error) = listen_once(&pool, &news).await
            && !pool.is_closed()
        {
            tracing::warn!(error = %error, "cannot listen for sessions ended elsewhere; retrying");
        }
        if news.send(News::Disconnected).is_err() {
            return;
        }
        tokio::time::sleep(AGAIN).await;
    }
}

async fn listen_once(pool: &PgPool, news: &UnboundedSender<News>) -> Result<(), StoreError> {
    let mut listener = within(async {
        let mut listener = PgListener::connect_with(pool).await?;
        listener.eager_reconnect(false);
        listener.listen(CHANNEL).await?;
        Ok(listener)
    })
    .await?;
    let mut sent = news.send(News::Connected);
    while sent.is_ok() {
        let notification = tokio::time::timeout(STILL_THERE, listener.try_recv()).await;
        sent = match notification {
            Ok(notification) => match notification? {
                Some(notification) => {
                    let ended = <[u8; 32]>::from_hex(notification.payload()).map(SessionKey);
                    news.send(ended.map_or(News::Changed, News::Ended))
                }
                // It has lost its connection, and perhaps notifications with it.
                None => return Ok(()),
            },
            Err(_) => {
                let ask = async { Ok(sqlx::query("SELECT 1").execute(&mut listener).await?) };
                within(ask).await?;
                Ok(())
            }
        };
    }
    Ok(())
}

/// The same behind a pooler, where a connection cannot listen because it is another client's a moment later.
pub(super) async fn poll(pool: PgPool, news: UnboundedSender<News>) {
    let _disconnected_at_end = DisconnectedAtEnd(news.clone());
    let mut seen = None;
    let mut polled = Instant::now();
    while !news.is_closed() && !pool.is_closed() {
        match recent_ends(&pool).await {
            Ok(ends) => {
                report(&news, seen.as_ref(), &ends, polled.elapsed() > MISSED_AFTER);
                (seen, polled) = (Some(ends), Instant::now());
            }
            Err(error) if seen.take().is_some() && !pool.is_closed() => {
                tracing::warn!(error = %error, "cannot poll for sessions ended elsewhere; retrying");
                // The loop notices that the receiver is gone.
                let _ = news.send(News::Disconnected);
            }
            Err(_) => {}
        }
        tokio::time::sleep(AGAIN).await;
    }
}

/// Reports what was not there at the last poll. The first poll reports that notifications are up.
fn report(news: &UnboundedSender<News>, seen: Option<&HashSet<SessionKey>>, ends: &HashSet<SessionKey>, missed: bool) {
    let reports: Vec<News> = match seen {
        None => vec![News::Connected],
        Some(_) if missed => vec![News::Changed],
        Some(seen) => ends.difference(seen).copied().map(News::Ended).collect(),
    };
    for report in reports {
        // The loop notices that the receiver is gone.
        let _ = news.send(report);
    }
}

/// Sessions that have ended lately. One may be reported more than once: its end gets its time before it becomes visible.
async fn recent_ends(pool: &PgPool) -> Result<HashSet<SessionKey>, StoreError> {
    let mut lent = Lent::new(&Reach::default(), pool, true).await?.in_transaction().await?;
    within(async {
        let sql = "SELECT key FROM globus_portal.recent_ends \
                   WHERE at > CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT) - $1";
        let rows = lent.rows(sql, &[Int(SEEN_FOR)]).await?;
        let keys = rows.iter().map(|row| Ok(SessionKey(bytes32(row.bytes("key")?)?)));
        let keys = keys.collect::<Result<_, StoreError>>()?;
        lent.finish().await?;
        Ok(keys)
    })
    .await
}
