//! Hears of sessions that others end: by LISTEN, or, where a pooler is in between, by looking.

use std::collections::HashSet;

use sqlx::{PgPool, Row as _, postgres::PgListener};
use tokio::{
    sync::mpsc::UnboundedSender,
    time::{Duration, Instant},
};

use super::{
    super::{DeafAtEnd, News, SessionKey, StoreError, bytes32, of_hex, sql::within},
    CHANNEL,
    lend::{Lent, Reach},
};

/// How often a listener that hears nothing asks whether anybody is there.
const STILL_THERE: Duration = Duration::from_secs(2);
/// The pause before a listener that has lost its connection makes another, and between two looks.
const AGAIN: Duration = Duration::from_millis(250);
/// An end is there to be seen for so long, in milliseconds: longer than the transaction that brings it may take.
const SEEN_FOR: i64 = 20_000;
/// Who has not looked for so long may have missed one.
const MISSED_AFTER: Duration = Duration::from_secs(5);

/// Tells of sessions that have ended, until nobody wants to hear any more.
pub(super) async fn listen(pool: PgPool, news: UnboundedSender<News>) {
    let _deaf_at_end = DeafAtEnd(news.clone());
    while !news.is_closed() && !pool.is_closed() {
        if let Err(error) = listen_once(&pool, &news).await
            && !pool.is_closed()
        {
            tracing::warn!(error = %error, "cannot listen for sessions ended elsewhere; retrying");
        }
        if news.send(News::Deaf).is_err() {
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
    let mut heard = news.send(News::Hearing);
    while heard.is_ok() {
        let told = tokio::time::timeout(STILL_THERE, listener.try_recv()).await;
        heard = match told {
            Ok(told) => match told? {
                Some(told) => {
                    let ended = of_hex(told.payload().as_bytes()).map(SessionKey);
                    news.send(ended.map_or(News::Changed, News::Ended))
                }
                // It has lost its connection, and perhaps news with it.
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

/// The same where notifications of a connection that is somebody else's a moment later are of no use.
pub(super) async fn look(pool: PgPool, news: UnboundedSender<News>) {
    let _deaf_at_end = DeafAtEnd(news.clone());
    let mut seen = None;
    let mut looked = Instant::now();
    while !news.is_closed() && !pool.is_closed() {
        match recent_ends(&pool).await {
            Ok(ends) => {
                tell(&news, seen.as_ref(), &ends, looked.elapsed() > MISSED_AFTER);
                (seen, looked) = (Some(ends), Instant::now());
            }
            Err(error) if seen.take().is_some() && !pool.is_closed() => {
                tracing::warn!(error = %error, "cannot look for sessions that end elsewhere");
                // Whoever does not want to hear any more is noticed by the loop.
                let _ = news.send(News::Deaf);
            }
            Err(_) => {}
        }
        tokio::time::sleep(AGAIN).await;
    }
}

/// Tells what was not there at the last look; who did not look before begins to hear.
fn tell(news: &UnboundedSender<News>, seen: Option<&HashSet<SessionKey>>, ends: &HashSet<SessionKey>, missed: bool) {
    let told: Vec<News> = match seen {
        None => vec![News::Hearing],
        Some(_) if missed => vec![News::Changed],
        Some(seen) => ends.difference(seen).copied().map(News::Ended).collect(),
    };
    for told in told {
        // Whoever does not want to hear any more is noticed by the loop.
        let _ = news.send(told);
    }
}

/// What has ended lately, more than once where need be: who ends a session writes its time before it is seen.
async fn recent_ends(pool: &PgPool) -> Result<HashSet<SessionKey>, StoreError> {
    let mut connection = Lent::new(&Reach::default(), pool).await?.in_transaction().await?;
    within(async {
        let sql = "SELECT key FROM globus_portal.recent_ends \
                   WHERE at > CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT) - $1";
        let rows = sqlx::query(sql).persistent(false).bind(SEEN_FOR).fetch_all(&mut *connection).await?;
        let keys = rows.iter().map(|row| Ok(SessionKey(bytes32(row.try_get("key")?)?)));
        let keys = keys.collect::<Result<_, StoreError>>()?;
        connection.finish().await?;
        Ok(keys)
    })
    .await
}
