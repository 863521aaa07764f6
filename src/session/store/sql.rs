//! What the stores in SQL databases have in common: SQLite and PostgreSQL are asked in the same words, but for clocks and
//! locks.

use std::time::Duration;

use super::StoreError;

/// How long a store may take for one thing.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);
/// How many spent states one transaction forgets, more or less.
pub(super) const TRIMMED_AT_ONCE: u32 = 10_000;

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::PoolTimedOut => Self::new("no connection within 5 seconds"),
            error => Self::from_cause(error),
        }
    }
}

/// Waits for a store, for no longer than [`PATIENCE`].
pub(super) async fn within<T>(work: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    let done = tokio::time::timeout(PATIENCE, work).await;
    done.unwrap_or_else(|_| Err(StoreError::new("no answer within 5 seconds")))
}

/// Borrows a connection, does one thing with it, and gives it back as good. Where that fails or takes too long, the
/// connection is dropped without a good word, and its owner knows that it may be broken.
macro_rules! on {
    ($connection:ident = $borrow:expr => $work:block) => {{
        let mut $connection = $borrow.await?;
        super::sql::within(async {
            let done: Result<_, super::StoreError> = async { $work }.await;
            let done = done?;
            $connection.finish().await?;
            Ok(done)
        })
        .await
    }};
}

/// The [`Store`](super::Store) of a database.
///
/// `$store` has, of its own: `trimming`; `query`, which makes one; `read` and `write`, which lend a connection, and `transaction`, which lends one in a transaction; `create` and `end`, which begin and end
/// a session in one go; `spend`, `inserted`, `sweep_more`, `has_room`, `listen` and `close_connections`. `schema` is where the tables are, `now` is the database's time in milliseconds, `least` and `greatest`
/// its functions of that sense, and `skip_locked` keeps those who claim at the same time out of each other's way. What is
/// said before and after a statement that is `soon` lets it reach the disk with the next write that is not.
macro_rules! sql_store {
    (
        $store:ty, $row:ty, schema: $schema:literal, private: $private:literal, now: $now:literal, least: $least:literal,
        greatest: $greatest:literal, skip_locked: $skip_locked:literal, soon: ($before:literal, $after:literal)
    ) => {
        fn session_row(row: &$row) -> Result<SessionRow, StoreError> {
            Ok(SessionRow {
                record: row.try_get("record")?,
                person: bytes32(row.try_get("person")?)?,
                last_seen: time_of(row.try_get("last_seen")?)?,
                ends: time_of(row.try_get("ends")?)?,
            })
        }

        fn keyed_session_row(row: &$row) -> Result<(SessionKey, SessionRow), StoreError> {
            Ok((SessionKey(bytes32(row.try_get("key")?)?), session_row(row)?))
        }

        fn token_row(row: &$row) -> Result<TokenRow, StoreError> {
            Ok(TokenRow {
                resource_server: row.try_get("resource_server")?,
                sealed: row.try_get("sealed")?,
                version: row.try_get("version")?,
                revoke_until: time_of(row.try_get("revoke_until")?)?,
            })
        }

        fn revocation_row(row: &$row) -> Result<RevocationRow, StoreError> {
            Ok(RevocationRow {
                id: row.try_get("id")?,
                session: SessionKey(bytes32(row.try_get("session")?)?),
                resource_server: row.try_get("resource_server")?,
                sealed: row.try_get("sealed")?,
            })
        }

        impl $store {
            /// The time of the row that is `place` rows after the first one, from that end of the order.
            async fn time_at(&self, sql: &'static str, place: u32) -> Result<Option<i64>, StoreError> {
                on!(connection = self.read() => {
                    let row = self.query(sql).bind(i64::from(place)).fetch_optional(&mut *connection).await?;
                    Ok(row.map(|row| row.try_get(0)).transpose()?)
                })
            }

            /// Forgets the oldest spent states where there are too many: first all of their age become too old, and then
            /// they go. Who spends one at the same moment is done before that, or finds it too old.
            async fn trim_states(&self) -> Result<(), StoreError> {
                let newest = concat!("SELECT until FROM ", $schema, "spent_states ORDER BY until DESC LIMIT 1 OFFSET $1");
                let oldest = concat!("SELECT until FROM ", $schema, "spent_states ORDER BY until LIMIT 1 OFFSET $1");
                while let Some(until) = self.time_at(newest, self.trimming.bounds.spent_states).await? {
                    let until = self.time_at(oldest, super::sql::TRIMMED_AT_ONCE).await?.map_or(until, |oldest| oldest.min(until));
                    on!(connection = self.transaction() => {
                        self.stop_spending(&mut connection).await?;
                        let floor = self.query(concat!("UPDATE ", $schema, "state_floor SET until = $1 WHERE until < $1")).bind(until);
                        floor.execute(&mut *connection).await?;
                        let states = self.query(concat!("DELETE FROM ", $schema, "spent_states WHERE until <= $1")).bind(until);
                        states.execute(&mut *connection).await?;
                        Ok(())
                    })?;
                }
                Ok(())
            }

            async fn trim_notes(&self) -> Result<(), StoreError> {
                let newest = concat!("SELECT until FROM ", $schema, "ended_notes ORDER BY until DESC LIMIT 1 OFFSET $1");
                let Some(until) = self.time_at(newest, self.trimming.bounds.ended_notes).await? else { return Ok(()) };
                on!(connection = self.write() => {
                    let notes = self.query(concat!("DELETE FROM ", $schema, "ended_notes WHERE until <= $1")).bind(until);
                    notes.execute(&mut *connection).await?;
                    Ok(())
                })
            }
        }

        #[async_trait]
        impl Store for $store {
            fn is_private(&self) -> bool {
                $private
            }

            fn news(&self) -> Option<UnboundedReceiver<News>> {
                Some(self.listen())
            }

            async fn create_session(
                &self,
                key: SessionKey,
                row: &SessionRow,
                tokens: &[TokenRow],
            ) -> Result<bool, StoreError> {
                on!(connection = self.write() => { self.create(&mut connection, key, row, tokens).await })
            }

            async fn session(&self, key: SessionKey) -> Result<Option<SessionRow>, StoreError> {
                on!(connection = self.read() => {
                    let query = self.query(concat!("SELECT record, person, last_seen, ends FROM ", $schema, "sessions WHERE key = $1"));
                    let row = query.bind(&key.0[..]).fetch_optional(&mut *connection).await?;
                    row.as_ref().map(session_row).transpose()
                })
            }

            async fn update_record(&self, key: SessionKey, record: &[u8]) -> Result<bool, StoreError> {
                on!(connection = self.write() => {
                    let query = self.query(concat!("UPDATE ", $schema, "sessions SET record = $1 WHERE key = $2")).bind(record).bind(&key.0[..]);
                    Ok(query.execute(&mut *connection).await?.rows_affected() == 1)
                })
            }

            async fn touch_session(&self, key: SessionKey, now: OffsetDateTime) -> Result<bool, StoreError> {
                on!(connection = self.write() => {
                    let sql = concat!($before, "UPDATE ", $schema, "sessions SET last_seen = $1 WHERE key = $2 RETURNING 1", $after);
                    let query = self.query(sql).bind(now.unix_timestamp()).bind(&key.0[..]);
                    Ok(query.fetch_all(&mut *connection).await?.len() == 1)
                })
            }

            async fn end_session(
                &self,
                key: SessionKey,
                now: OffsetDateTime,
                note_until: Option<OffsetDateTime>,
            ) -> Result<bool, StoreError> {
                let ended = on!(connection = self.transaction() => { self.end(&mut connection, key, now, note_until).await })?;
                if note_until.is_some() && ended && self.trimming.of_notes_is_due() {
                    super::warn_of_trim(self.trim_notes().await);
                }
                Ok(ended)
            }

            async fn ended_elsewhere(&self, key: SessionKey, now: OffsetDateTime) -> Result<bool, StoreError> {
                on!(connection = self.read() => {
                    let query = self.query(concat!("SELECT 1 FROM ", $schema, "ended_notes WHERE key = $1 AND until > $2"));
                    let query = query.bind(&key.0[..]).bind(now.unix_timestamp());
                    Ok(query.fetch_optional(&mut *connection).await?.is_some())
                })
            }

            async fn forget_ended(&self, key: SessionKey) -> Result<(), StoreError> {
                on!(connection = self.write() => {
                    let query = self.query(concat!("DELETE FROM ", $schema, "ended_notes WHERE key = $1")).bind(&key.0[..]);
                    query.execute(&mut *connection).await?;
                    Ok(())
                })
            }

            async fn sessions_of(
                &self,
                person: [u8; 32],
                limit: u32,
            ) -> Result<Vec<(SessionKey, SessionRow)>, StoreError> {
                on!(connection = self.read() => {
                    let sql = concat!("SELECT key, record, person, last_seen, ends FROM ", $schema, "sessions WHERE person = $1 \
                               ORDER BY last_seen DESC, ends DESC, key LIMIT $2");
                    let query = self.query(sql).bind(&person[..]).bind(i64::from(limit));
                    query.fetch_all(&mut *connection).await?.iter().map(keyed_session_row).collect()
                })
            }

            async fn sessions_after(
                &self,
                after: Option<SessionKey>,
                limit: u32,
            ) -> Result<Vec<(SessionKey, SessionRow)>, StoreError> {
                on!(connection = self.read() => {
                    // No key is an empty text, so that one comes before all.
                    let after = after.map(|key| key.0.to_vec()).unwrap_or_default();
                    let sql = concat!("SELECT key, record, person, last_seen, ends FROM ", $schema, "sessions WHERE key > $1 ORDER BY key LIMIT $2");
                    let query = self.query(sql).bind(after).bind(i64::from(limit));
                    query.fetch_all(&mut *connection).await?.iter().map(keyed_session_row).collect()
                })
            }

            async fn aged_sessions(
                &self,
                now: OffsetDateTime,
                idle_since: OffsetDateTime,
                limit: u32,
            ) -> Result<Vec<SessionKey>, StoreError> {
                on!(connection = self.read() => {
                    let query = self.query(concat!("SELECT key FROM ", $schema, "sessions WHERE ends <= $1 OR last_seen <= $2 LIMIT $3"));
                    let query = query.bind(now.unix_timestamp()).bind(idle_since.unix_timestamp()).bind(i64::from(limit));
                    let rows = query.fetch_all(&mut *connection).await?;
                    rows.iter().map(|row| Ok(SessionKey(bytes32(row.try_get("key")?)?))).collect()
                })
            }

            async fn insert_token(&self, key: SessionKey, row: &TokenRow) -> Result<bool, StoreError> {
                on!(connection = self.write() => {
                    let sql = concat!("INSERT INTO ", $schema, "tokens (session, resource_server, sealed, version, revoke_until) \
                               SELECT key, $1, $2, 1, $3 FROM ", $schema, "sessions WHERE key = $4 ON CONFLICT DO NOTHING");
                    let query = self.query(sql).bind(&row.resource_server).bind(&row.sealed[..]);
                    let query = query.bind(row.revoke_until.unix_timestamp()).bind(&key.0[..]);
                    Self::inserted(query.execute(&mut *connection).await)
                })
            }

            async fn token(&self, key: SessionKey, resource_server: &str) -> Result<Option<TokenRow>, StoreError> {
                on!(connection = self.read() => {
                    let sql = concat!("SELECT resource_server, sealed, version, revoke_until FROM ", $schema, "tokens \
                               WHERE session = $1 AND resource_server = $2");
                    let query = self.query(sql).bind(&key.0[..]).bind(resource_server);
                    query.fetch_optional(&mut *connection).await?.as_ref().map(token_row).transpose()
                })
            }

            async fn tokens(&self, key: SessionKey) -> Result<Vec<TokenRow>, StoreError> {
                on!(connection = self.read() => {
                    let sql = concat!("SELECT resource_server, sealed, version, revoke_until FROM ", $schema, "tokens WHERE session = $1");
                    let rows = self.query(sql).bind(&key.0[..]).fetch_all(&mut *connection).await?;
                    let mut tokens: Vec<_> = rows.iter().map(token_row).collect::<Result<_, _>>()?;
                    // Here and not there: the order of texts is a matter of the database's locale.
                    tokens.sort_by(|a, b| a.resource_server.cmp(&b.resource_server));
                    Ok(tokens)
                })
            }

            async fn replace_token(&self, key: SessionKey, row: &TokenRow) -> Result<bool, StoreError> {
                on!(connection = self.write() => {
                    let sql = concat!("UPDATE ", $schema, "tokens SET sealed = $1, version = version + 1, revoke_until = $2 \
                               WHERE session = $3 AND resource_server = $4 AND version = $5");
                    let query = self.query(sql).bind(&row.sealed[..]).bind(row.revoke_until.unix_timestamp());
                    let query = query.bind(&key.0[..]).bind(&row.resource_server).bind(row.version);
                    Ok(query.execute(&mut *connection).await?.rows_affected() == 1)
                })
            }

            async fn remove_token(&self, key: SessionKey, resource_server: &str, version: i64) -> Result<bool, StoreError> {
                on!(connection = self.write() => {
                    let sql = concat!("DELETE FROM ", $schema, "tokens WHERE session = $1 AND resource_server = $2 AND version = $3");
                    let query = self.query(sql).bind(&key.0[..]).bind(resource_server).bind(version);
                    Ok(query.execute(&mut *connection).await?.rows_affected() == 1)
                })
            }

            async fn add_revocation(&self, key: SessionKey, row: &TokenRow, now: OffsetDateTime) -> Result<(), StoreError> {
                on!(connection = self.write() => {
                    let sql = concat!("INSERT INTO ", $schema, "revocations (session, resource_server, sealed, added, due, revoke_until) \
                               VALUES ($1, $2, $3, $4, $4, $5)");
                    let query = self.query(sql).bind(&key.0[..]).bind(&row.resource_server).bind(&row.sealed[..]);
                    let query = query.bind(now.unix_timestamp()).bind(row.revoke_until.unix_timestamp());
                    query.execute(&mut *connection).await?;
                    Ok(())
                })
            }

            async fn claim_revocations(
                &self,
                session: Option<SessionKey>,
                now: OffsetDateTime,
                limit: u32,
            ) -> Result<Vec<RevocationRow>, StoreError> {
                on!(connection = self.write() => {
                    let sql = concat!(
                        "UPDATE ", $schema, "revocations SET due = $1 + ", $greatest, "($2, ", $least, "($3, ($1 - added) / 2)) ",
                        "WHERE id IN (SELECT id FROM ", $schema, "revocations WHERE due <= $1 AND session = coalesce($4, session) ",
                        "ORDER BY due, id LIMIT $5", $skip_locked, ") RETURNING id, session, resource_server, sealed",
                    );
                    let query = self.query(sql).bind(now.unix_timestamp()).bind(REVOKE_AGAIN.0).bind(REVOKE_AGAIN.1);
                    let query = query.bind(session.map(|session| session.0.to_vec())).bind(i64::from(limit));
                    query.fetch_all(&mut *connection).await?.iter().map(revocation_row).collect()
                })
            }

            async fn finish_revocation(&self, id: i64) -> Result<(), StoreError> {
                on!(connection = self.write() => {
                    self.query(concat!("DELETE FROM ", $schema, "revocations WHERE id = $1")).bind(id).execute(&mut *connection).await?;
                    Ok(())
                })
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
                let until = until.unix_timestamp();
                let spent = on!(connection = self.write() => { self.spend(&mut connection, state, until).await })?;
                if spent == Spent::First && self.trimming.of_states_is_due() {
                    super::warn_of_trim(self.trim_states().await);
                }
                Ok(spent)
            }

            async fn take_lease(&self, name: [u8; 32], holder: [u8; 16], length: Duration) -> Result<Lease, StoreError> {
                on!(connection = self.write() => {
                    let sql = concat!(
                        "INSERT INTO ", $schema, "leases (name, holder, until, taken_over) VALUES ($1, $2, ", $now, " + $3, 0) ",
                        "ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = excluded.until, taken_over = 1 ",
                        "WHERE leases.until <= ", $now, " RETURNING taken_over",
                    );
                    let length = i64::try_from(length.whole_milliseconds()).unwrap_or(i64::MAX);
                    let query = self.query(sql).bind(&name[..]).bind(&holder[..]).bind(length);
                    let Some(row) = query.fetch_optional(&mut *connection).await? else { return Ok(Lease::Held) };
                    let taken_over: i64 = row.try_get("taken_over")?;
                    Ok(if taken_over == 0 { Lease::Taken } else { Lease::TakenOver })
                })
            }

            async fn release_lease(&self, name: [u8; 32], holder: [u8; 16]) -> Result<(), StoreError> {
                on!(connection = self.write() => {
                    let query = self.query(concat!("DELETE FROM ", $schema, "leases WHERE name = $1 AND holder = $2"));
                    query.bind(&name[..]).bind(&holder[..]).execute(&mut *connection).await?;
                    Ok(())
                })
            }

            async fn sweep(&self, now: OffsetDateTime) -> Result<(), StoreError> {
                on!(connection = self.write() => {
                    let day = i64::try_from(Duration::DAY.whole_milliseconds()).unwrap_or(i64::MAX);
                    let still_told = now.saturating_sub(CLOCKS_DIFFER).unix_timestamp();
                    for (sql, before) in [
                        (concat!("DELETE FROM ", $schema, "spent_states WHERE until <= $1"), still_told),
                        (concat!("DELETE FROM ", $schema, "ended_notes WHERE until <= $1"), now.unix_timestamp()),
                        (concat!("DELETE FROM ", $schema, "revocations WHERE revoke_until <= $1"), now.unix_timestamp()),
                        (concat!("DELETE FROM ", $schema, "leases WHERE until <= ", $now, " - $1"), day),
                    ] {
                        self.query(sql).bind(before).execute(&mut *connection).await?;
                    }
                    self.sweep_more(&mut connection).await
                })?;
                self.trim_notes().await?;
                self.trim_states().await
            }

            async fn probe(&self) -> Result<(), StoreError> {
                on!(connection = self.write() => {
                    // Few rows, so that they do not grow in number, and several, so that portals seldom wait for each other.
                    let id = i64::from(random_bytes::<1>()[0] % 16);
                    let sql = concat!(
                        $before, "INSERT INTO ", $schema, "probes (id, filler) VALUES ($1, $2) ",
                        "ON CONFLICT (id) DO UPDATE SET filler = excluded.filler", $after,
                    );
                    self.query(sql).bind(id).bind(&[0x5a_u8; 1024][..]).execute(&mut *connection).await?;
                    // None is that old: this only shows that logins can write to their table.
                    let sql = concat!("DELETE FROM ", $schema, "spent_states WHERE until < 0");
                    self.query(sql).execute(&mut *connection).await?;
                    Ok(())
                })?;
                self.has_room().await
            }

            async fn close(&self) {
                self.close_connections().await;
            }
        }
    };
}

pub(super) use {on, sql_store};
