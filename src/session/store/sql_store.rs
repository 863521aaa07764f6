//! The store over a SQL database.

use async_trait::async_trait;
use time::{Duration, OffsetDateTime};
use tokio::sync::mpsc::UnboundedReceiver;

use super::{
    bounds::{Bounds, CLOCKS_DIFFER, REVOKE_AGAIN, Trimming, warn_of_trim},
    contract::Store,
    error::StoreError,
    news::News,
    rows::{Lease, RevocationRow, SessionKey, SessionRow, Spent, TokenRow, bytes32, time_of},
    sql::{
        Connection, Database, ReadRow, Value,
        Value::{Bytes, Int, Maybe, Text},
        within,
    },
};
use crate::secret::random_bytes;

/// About how many spent states one transaction deletes.
const TRIMMED_AT_ONCE: u32 = 10_000;

/// A store in a SQL database.
#[derive(Debug)]
pub struct SqlStore<D> {
    database: D,
    trimming: Trimming,
}

impl<D> SqlStore<D> {
    pub(super) fn on(database: D) -> Self {
        Self { database, trimming: Trimming::default() }
    }

    /// The same store with other bounds.
    #[must_use]
    pub fn with_bounds(mut self, bounds: Bounds) -> Self {
        self.trimming.bounds = bounds;
        self
    }
}

/// The rows of one statement. The connection is returned as good.
async fn rows<C: Connection>(mut lent: C, sql: &'static str, values: &[Value<'_>]) -> Result<Vec<C::Row>, StoreError> {
    within(async {
        let rows = lent.rows(sql, values).await?;
        lent.finish().await?;
        Ok(rows)
    })
    .await
}

/// How many rows one statement changed. The connection is returned as good.
async fn run<C: Connection>(mut lent: C, sql: &'static str, values: &[Value<'_>]) -> Result<u64, StoreError> {
    within(async {
        let changed = lent.run(sql, values).await?;
        lent.finish().await?;
        Ok(changed)
    })
    .await
}

fn session_row(row: &impl ReadRow) -> Result<SessionRow, StoreError> {
    Ok(SessionRow {
        record: row.bytes("record")?,
        person: bytes32(row.bytes("person")?)?,
        last_seen: time_of(row.int("last_seen")?)?,
        ends: time_of(row.int("ends")?)?,
    })
}

fn keyed_session_row(row: &impl ReadRow) -> Result<(SessionKey, SessionRow), StoreError> {
    Ok((SessionKey(bytes32(row.bytes("key")?)?), session_row(row)?))
}

fn token_row(row: &impl ReadRow) -> Result<TokenRow, StoreError> {
    Ok(TokenRow {
        resource_server: row.text("resource_server")?,
        sealed: row.bytes("sealed")?,
        version: row.int("version")?,
        revoke_until: time_of(row.int("revoke_until")?)?,
    })
}

fn revocation_row(row: &impl ReadRow) -> Result<RevocationRow, StoreError> {
    Ok(RevocationRow {
        id: row.int("id")?,
        session: SessionKey(bytes32(row.bytes("session")?)?),
        resource_server: row.text("resource_server")?,
        sealed: row.bytes("sealed")?,
    })
}

fn revocation_values<'a>(key: &'a SessionKey, row: &'a TokenRow, now: OffsetDateTime) -> [Value<'a>; 5] {
    let times = (Int(now.unix_timestamp()), Int(row.revoke_until.unix_timestamp()));
    [Bytes(&key.0), Text(&row.resource_server), Bytes(&row.sealed), times.0, times.1]
}

fn replacing_values<'a>(key: &'a SessionKey, row: &'a TokenRow) -> [Value<'a>; 5] {
    let until = Int(row.revoke_until.unix_timestamp());
    [Bytes(&row.sealed), until, Bytes(&key.0), Text(&row.resource_server), Int(row.version)]
}

/// Puts tokens into a session, if their version fits.
async fn put_token<D: Database>(lent: &mut D::Lent, key: SessionKey, row: &TokenRow) -> Result<bool, StoreError> {
    let texts = &D::texts().tokens;
    if row.version > 0 {
        return Ok(lent.run(&texts.replace, &replacing_values(&key, row)).await? == 1);
    }
    let until = Int(row.revoke_until.unix_timestamp());
    let values = [Bytes(&key.0), Text(&row.resource_server), Bytes(&row.sealed), until];
    Ok(lent.run(&texts.insert, &values).await? == 1)
}

fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.whole_milliseconds()).unwrap_or(i64::MAX)
}

/// The time of the row at `place`, counted as the statement orders them.
async fn time_at(database: &impl Database, sql: &'static str, place: u32) -> Result<Option<i64>, StoreError> {
    let found = rows(database.read().await?, sql, &[Int(place.into())]).await?;
    found.first().map(|row| row.int("until")).transpose()
}

/// Deletes the oldest spent states if there are more than `bound`: the floor rises first, then they are deleted. A caller that
/// spends a state of that age at the same time is done before that, or finds it too old.
async fn trim_states<D: Database>(database: &D, bound: u32) -> Result<(), StoreError> {
    let texts = &D::texts().upkeep;
    while let Some(until) = time_at(database, &texts.newest_state, bound).await? {
        let oldest = time_at(database, &texts.oldest_state, TRIMMED_AT_ONCE).await?;
        let until = oldest.map_or(until, |oldest| oldest.min(until));
        let mut lent = database.transaction().await?;
        within(async {
            database.stop_spending(&mut lent).await?;
            lent.run(&texts.raise_floor, &[Int(until)]).await?;
            lent.run(&texts.delete_states, &[Int(until)]).await?;
            lent.finish().await
        })
        .await?;
    }
    Ok(())
}

/// Deletes the oldest notes if there are more than `bound`.
async fn trim_notes<D: Database>(database: &D, bound: u32) -> Result<(), StoreError> {
    let texts = &D::texts().upkeep;
    let Some(until) = time_at(database, &texts.newest_note, bound).await? else { return Ok(()) };
    run(database.write().await?, &texts.delete_notes, &[Int(until)]).await?;
    Ok(())
}

#[async_trait]
impl<D: Database> Store for SqlStore<D> {
    fn is_private(&self) -> bool {
        D::IS_PRIVATE
    }

    fn news(&self) -> Option<UnboundedReceiver<News>> {
        Some(self.database.listen())
    }

    async fn create_session(&self, key: SessionKey, row: &SessionRow, tokens: &[TokenRow]) -> Result<bool, StoreError> {
        let mut lent = self.database.write().await?;
        within(async {
            let created = self.database.create(&mut lent, key, row, tokens).await?;
            lent.finish().await?;
            Ok(created)
        })
        .await
    }

    async fn session(&self, key: SessionKey) -> Result<Option<SessionRow>, StoreError> {
        let found = rows(self.database.read().await?, &D::texts().sessions.find, &[Bytes(&key.0)]).await?;
        found.first().map(session_row).transpose()
    }

    async fn update_record(&self, key: SessionKey, record: &[u8]) -> Result<bool, StoreError> {
        let values = [Bytes(record), Bytes(&key.0)];
        Ok(run(self.database.write().await?, &D::texts().sessions.update_record, &values).await? == 1)
    }

    async fn touch_session(&self, key: SessionKey, now: OffsetDateTime) -> Result<bool, StoreError> {
        let values = [Int(now.unix_timestamp()), Bytes(&key.0)];
        Ok(rows(self.database.write().await?, &D::texts().sessions.touch, &values).await?.len() == 1)
    }

    async fn end_session(
        &self,
        key: SessionKey,
        now: OffsetDateTime,
        note_until: Option<OffsetDateTime>,
    ) -> Result<bool, StoreError> {
        let mut lent = self.database.transaction().await?;
        let ended = within(async {
            let ended = self.database.end(&mut lent, key, now, note_until).await?;
            lent.finish().await?;
            Ok(ended)
        })
        .await?;
        // The connection is returned before another one is lent.
        drop(lent);
        if note_until.is_some() && ended && self.trimming.of_notes_is_due() {
            warn_of_trim(trim_notes(&self.database, self.trimming.bounds.ended_notes).await);
        }
        Ok(ended)
    }

    async fn ended_elsewhere(&self, key: SessionKey, now: OffsetDateTime) -> Result<bool, StoreError> {
        let values = [Bytes(&key.0), Int(now.unix_timestamp())];
        Ok(!rows(self.database.read().await?, &D::texts().sessions.find_note, &values).await?.is_empty())
    }

    async fn forget_ended(&self, key: SessionKey) -> Result<(), StoreError> {
        run(self.database.write().await?, &D::texts().sessions.delete_note, &[Bytes(&key.0)]).await?;
        Ok(())
    }

    async fn sessions_of(&self, person: [u8; 32], limit: u32) -> Result<Vec<(SessionKey, SessionRow)>, StoreError> {
        let values = [Bytes(&person), Int(limit.into())];
        let found = rows(self.database.read().await?, &D::texts().sessions.of_person, &values).await?;
        found.iter().map(keyed_session_row).collect()
    }

    async fn sessions_after(
        &self,
        after: Option<SessionKey>,
        limit: u32,
    ) -> Result<Vec<(SessionKey, SessionRow)>, StoreError> {
        // No key is empty, so an empty one sorts before all of them.
        let after = after.as_ref().map_or(&[][..], |key| &key.0);
        let values = [Bytes(after), Int(limit.into())];
        let found = rows(self.database.read().await?, &D::texts().sessions.after, &values).await?;
        found.iter().map(keyed_session_row).collect()
    }

    async fn aged_sessions(
        &self,
        now: OffsetDateTime,
        idle_since: OffsetDateTime,
        limit: u32,
    ) -> Result<Vec<SessionKey>, StoreError> {
        let values = [Int(now.unix_timestamp()), Int(idle_since.unix_timestamp()), Int(limit.into())];
        let found = rows(self.database.read().await?, &D::texts().sessions.aged, &values).await?;
        found.iter().map(|row| Ok(SessionKey(bytes32(row.bytes("key")?)?))).collect()
    }

    async fn token(&self, key: SessionKey, resource_server: &str) -> Result<Option<TokenRow>, StoreError> {
        let values = [Bytes(&key.0), Text(resource_server)];
        let found = rows(self.database.read().await?, &D::texts().tokens.find, &values).await?;
        found.first().map(token_row).transpose()
    }

    async fn tokens(&self, key: SessionKey) -> Result<Vec<TokenRow>, StoreError> {
        let found = rows(self.database.read().await?, &D::texts().tokens.of_session, &[Bytes(&key.0)]).await?;
        let mut tokens = found.iter().map(token_row).collect::<Result<Vec<_>, _>>()?;
        // Not in SQL, where the order of texts depends on the database's locale.
        tokens.sort_by(|a, b| a.resource_server.cmp(&b.resource_server));
        Ok(tokens)
    }

    async fn replace_token(&self, key: SessionKey, row: &TokenRow) -> Result<bool, StoreError> {
        Ok(run(self.database.write().await?, &D::texts().tokens.replace, &replacing_values(&key, row)).await? == 1)
    }

    async fn put_token(
        &self,
        key: SessionKey,
        row: &TokenRow,
        revoke: Option<&TokenRow>,
        now: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        let mut lent = self.database.transaction().await?;
        within(async {
            let put = put_token::<D>(&mut lent, key, row).await?;
            if let Some(revoke) = revoke.filter(|_| put) {
                lent.run(&D::texts().revocations.add, &revocation_values(&key, revoke, now)).await?;
            }
            lent.finish().await?;
            Ok(put)
        })
        .await
    }

    async fn remove_token(&self, key: SessionKey, resource_server: &str, version: i64) -> Result<bool, StoreError> {
        let values = [Bytes(&key.0), Text(resource_server), Int(version)];
        Ok(run(self.database.write().await?, &D::texts().tokens.remove, &values).await? == 1)
    }

    async fn add_revocation(&self, key: SessionKey, row: &TokenRow, now: OffsetDateTime) -> Result<(), StoreError> {
        run(self.database.write().await?, &D::texts().revocations.add, &revocation_values(&key, row, now)).await?;
        Ok(())
    }

    async fn claim_revocations(
        &self,
        session: Option<SessionKey>,
        now: OffsetDateTime,
        limit: u32,
    ) -> Result<Vec<RevocationRow>, StoreError> {
        let session = Maybe(session.as_ref().map(|key| &key.0[..]));
        let (shortest, longest) = REVOKE_AGAIN;
        let values = [Int(now.unix_timestamp()), Int(shortest), Int(longest), session, Int(limit.into())];
        let claimed = rows(self.database.write().await?, &D::texts().revocations.claim, &values).await?;
        claimed.iter().map(revocation_row).collect()
    }

    async fn finish_revocation(&self, id: i64) -> Result<(), StoreError> {
        run(self.database.write().await?, &D::texts().revocations.finish, &[Int(id)]).await?;
        Ok(())
    }

    async fn spend_state(
        &self,
        state: [u8; 32],
        until: OffsetDateTime,
        now: OffsetDateTime,
    ) -> Result<Spent, StoreError> {
        if until <= now {
            return Ok(Spent::TooOld);
        }
        let mut lent = self.database.write().await?;
        let spent = within(async {
            let spent = self.database.spend(&mut lent, state, until.unix_timestamp()).await?;
            lent.finish().await?;
            Ok(spent)
        })
        .await?;
        // The connection is returned before another one is lent.
        drop(lent);
        if spent == Spent::First && self.trimming.of_states_is_due() {
            warn_of_trim(trim_states(&self.database, self.trimming.bounds.spent_states).await);
        }
        Ok(spent)
    }

    async fn take_lease(&self, name: [u8; 32], holder: [u8; 16], length: Duration) -> Result<Lease, StoreError> {
        let values = [Bytes(&name), Bytes(&holder), Int(milliseconds(length))];
        let taken = rows(self.database.write().await?, &D::texts().upkeep.take_lease, &values).await?;
        let Some(row) = taken.first() else { return Ok(Lease::Held) };
        Ok(if row.int("taken_over")? == 0 { Lease::Taken } else { Lease::TakenOver })
    }

    async fn release_lease(&self, name: [u8; 32], holder: [u8; 16]) -> Result<(), StoreError> {
        let values = [Bytes(&name), Bytes(&holder)];
        run(self.database.write().await?, &D::texts().upkeep.release_lease, &values).await?;
        Ok(())
    }

    async fn sweep(&self, now: OffsetDateTime) -> Result<(), StoreError> {
        let texts = &D::texts().upkeep;
        let mut lent = self.database.write().await?;
        within(async {
            for (sql, before) in [
                (&texts.delete_states, now.saturating_sub(CLOCKS_DIFFER).unix_timestamp()),
                (&texts.delete_notes, now.unix_timestamp()),
                (&texts.delete_revocations, now.unix_timestamp()),
                (&texts.delete_leases, milliseconds(Duration::DAY)),
            ] {
                lent.run(sql, &[Int(before)]).await?;
            }
            self.database.sweep_more(&mut lent).await?;
            lent.finish().await
        })
        .await?;
        // The connection is returned before another one is lent.
        drop(lent);
        trim_notes(&self.database, self.trimming.bounds.ended_notes).await?;
        trim_states(&self.database, self.trimming.bounds.spent_states).await
    }

    async fn probe(&self) -> Result<(), StoreError> {
        let texts = &D::texts().upkeep;
        let mut lent = self.database.write().await?;
        within(async {
            // Few ids, so that the table stays small; several, so that portals seldom wait for each other.
            let id = i64::from(random_bytes::<1>()[0] % 16);
            lent.run(&texts.probe, &[Int(id), Bytes(&[0x5a; 1024])]).await?;
            // No state is that old: this only tests that logins can write to their table.
            lent.run(&texts.probe_states, &[]).await?;
            lent.finish().await
        })
        .await?;
        drop(lent);
        self.database.has_room().await
    }

    async fn close(&self) {
        self.database.close().await;
    }
}
