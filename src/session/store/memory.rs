//! Sessions in memory: they end with the process.
//!
//! Rows are stored compactly, because a portal may have a hundred thousand idle sessions.

mod remembered;
mod tables;

use std::{
    cmp::Reverse,
    collections::hash_map::Entry,
    sync::{Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use time::{Duration, OffsetDateTime};
use tokio::{sync::mpsc::UnboundedReceiver, time::Instant};

use self::tables::{Held, Revocation, Session, Tables, Token};
use super::{
    bounds::{Bounds, CLOCKS_DIFFER, next_try},
    contract::Store,
    error::StoreError,
    news::News,
    rows::{Lease, RevocationRow, SessionKey, SessionRow, Spent, TokenRow},
};

/// A store in the memory of this process.
#[derive(Debug, Default)]
pub struct MemoryStore {
    tables: Mutex<Tables>,
    bounds: Bounds,
}

impl MemoryStore {
    /// The same store with other bounds.
    #[must_use]
    pub fn with_bounds(self, bounds: Bounds) -> Self {
        Self { bounds, ..self }
    }

    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Store for MemoryStore {
    fn is_private(&self) -> bool {
        true
    }

    fn news(&self) -> Option<UnboundedReceiver<News>> {
        None
    }

    async fn create_session(&self, key: SessionKey, row: &SessionRow, tokens: &[TokenRow]) -> Result<bool, StoreError> {
        let mut tables = self.tables();
        if tables.sessions.contains_key(&key) {
            return Ok(false);
        }
        let mut tokens: Vec<Token> = tokens.iter().map(|row| tables.token(row, 1)).collect();
        tokens.sort_by(|a, b| a.resource_server.cmp(&b.resource_server));
        let session = Session {
            record: row.record.as_slice().into(),
            person: row.person,
            last_seen: row.last_seen.unix_timestamp(),
            ends: row.ends.unix_timestamp(),
            tokens,
        };
        tables.sessions.insert(key, Box::new(session));
        tables.persons.entry(row.person).or_default().push(key);
        Ok(true)
    }

    async fn session(&self, key: SessionKey) -> Result<Option<SessionRow>, StoreError> {
        self.tables().sessions.get(&key).map(|session| session.row()).transpose()
    }

    async fn update_record(&self, key: SessionKey, record: &[u8]) -> Result<bool, StoreError> {
        let mut tables = self.tables();
        let session = tables.sessions.get_mut(&key);
        Ok(session.map(|session| session.record = record.into()).is_some())
    }

    async fn touch_session(&self, key: SessionKey, now: OffsetDateTime) -> Result<bool, StoreError> {
        let mut tables = self.tables();
        let session = tables.sessions.get_mut(&key);
        Ok(session.map(|session| session.last_seen = now.unix_timestamp()).is_some())
    }

    async fn end_session(
        &self,
        key: SessionKey,
        now: OffsetDateTime,
        note_until: Option<OffsetDateTime>,
    ) -> Result<bool, StoreError> {
        let mut tables = self.tables();
        let Some(session) = tables.sessions.remove(&key) else { return Ok(false) };
        tables.forget_person_of(key, session.person);
        for token in &session.tokens {
            tables.revoke(key, token.row()?, now);
        }
        if let Some(until) = note_until {
            tables.ended_notes.insert(key.0, until.unix_timestamp());
            tables.ended_notes.trim(self.bounds.ended_notes);
        }
        Ok(true)
    }

    async fn ended_elsewhere(&self, key: SessionKey, now: OffsetDateTime) -> Result<bool, StoreError> {
        let tables = self.tables();
        Ok(tables.ended_notes.until(key.0).is_some_and(|until| until > now.unix_timestamp()))
    }

    async fn forget_ended(&self, key: SessionKey) -> Result<(), StoreError> {
        self.tables().ended_notes.remove(key.0);
        Ok(())
    }

    async fn sessions_of(&self, person: [u8; 32], limit: u32) -> Result<Vec<(SessionKey, SessionRow)>, StoreError> {
        let tables = self.tables();
        let keys = tables.persons.get(&person).map(Vec::as_slice).unwrap_or_default();
        let sessions = keys.iter().filter_map(|key| Some((*key, tables.sessions.get(key)?)));
        let rows: Result<Vec<_>, StoreError> = sessions.map(|(key, session)| Ok((key, session.row()?))).collect();
        let mut rows = rows?;
        rows.sort_by_key(|(key, row)| (Reverse(row.last_seen), Reverse(row.ends), key.0));
        rows.truncate(limit as usize);
        Ok(rows)
    }

    async fn sessions_after(
        &self,
        after: Option<SessionKey>,
        limit: u32,
    ) -> Result<Vec<(SessionKey, SessionRow)>, StoreError> {
        let mut rows = self.tables().rows(|key, _| after.is_none_or(|after| key.0 > after.0))?;
        rows.sort_by_key(|(key, _)| key.0);
        rows.truncate(limit as usize);
        Ok(rows)
    }

    async fn aged_sessions(
        &self,
        now: OffsetDateTime,
        idle_since: OffsetDateTime,
        limit: u32,
    ) -> Result<Vec<SessionKey>, StoreError> {
        let (now, idle_since) = (now.unix_timestamp(), idle_since.unix_timestamp());
        let tables = self.tables();
        let aged = tables.sessions.iter().filter(|(_, s)| s.ends <= now || s.last_seen <= idle_since);
        Ok(aged.map(|(key, _)| *key).take(limit as usize).collect())
    }

    async fn token(&self, key: SessionKey, resource_server: &str) -> Result<Option<TokenRow>, StoreError> {
        let tables = self.tables();
        let tokens = tables.sessions.get(&key).map(|session| &session.tokens);
        let token = tokens.and_then(|tokens| tokens.iter().find(|token| &*token.resource_server == resource_server));
        token.map(Token::row).transpose()
    }

    async fn tokens(&self, key: SessionKey) -> Result<Vec<TokenRow>, StoreError> {
        let tables = self.tables();
        let tokens = tables.sessions.get(&key).map(|session| session.tokens.as_slice()).unwrap_or_default();
        tokens.iter().map(Token::row).collect()
    }

    async fn replace_token(&self, key: SessionKey, row: &TokenRow) -> Result<bool, StoreError> {
        let mut tables = self.tables();
        let token = tables.token(row, row.version + 1);
        let Some(session) = tables.sessions.get_mut(&key) else { return Ok(false) };
        let Some(place) = session.token(&row.resource_server, row.version) else { return Ok(false) };
        session.tokens[place] = token;
        Ok(true)
    }

    async fn put_token(
        &self,
        key: SessionKey,
        row: &TokenRow,
        revoke: Option<&TokenRow>,
        now: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        let mut tables = self.tables();
        let token = tables.token(row, row.version + 1);
        let Some(session) = tables.sessions.get_mut(&key) else { return Ok(false) };
        if !session.put(token, row.version) {
            return Ok(false);
        }
        if let Some(revoke) = revoke {
            tables.revoke(key, revoke.clone(), now);
        }
        Ok(true)
    }

    async fn remove_token(&self, key: SessionKey, resource_server: &str, version: i64) -> Result<bool, StoreError> {
        let mut tables = self.tables();
        let Some(session) = tables.sessions.get_mut(&key) else { return Ok(false) };
        Ok(session.token(resource_server, version).map(|place| session.tokens.remove(place)).is_some())
    }

    async fn add_revocation(&self, key: SessionKey, row: &TokenRow, now: OffsetDateTime) -> Result<(), StoreError> {
        self.tables().revoke(key, row.clone(), now);
        Ok(())
    }

    async fn claim_revocations(
        &self,
        session: Option<SessionKey>,
        now: OffsetDateTime,
        limit: u32,
    ) -> Result<Vec<RevocationRow>, StoreError> {
        let mut tables = self.tables();
        let is_due = |revocation: &&mut Revocation| {
            revocation.due <= now && session.is_none_or(|session| session == revocation.row.session)
        };
        let mut due: Vec<_> = tables.revocations.values_mut().filter(is_due).collect();
        due.sort_by_key(|revocation| revocation.due);
        let claim = |revocation: &mut Revocation| {
            revocation.due = next_try(revocation.added, now);
            revocation.row.clone()
        };
        Ok(due.into_iter().take(limit as usize).map(claim).collect())
    }

    async fn finish_revocation(&self, id: i64) -> Result<(), StoreError> {
        self.tables().revocations.remove(&id);
        Ok(())
    }

    async fn spend_state(
        &self,
        state: [u8; 32],
        until: OffsetDateTime,
        now: OffsetDateTime,
    ) -> Result<Spent, StoreError> {
        let mut tables = self.tables();
        if until <= now || until.unix_timestamp() <= tables.state_floor {
            return Ok(Spent::TooOld);
        }
        if !tables.spent_states.insert(state, until.unix_timestamp()) {
            return Ok(Spent::Again);
        }
        if let Some(oldest) = tables.spent_states.trim(self.bounds.spent_states) {
            tables.state_floor = oldest.max(tables.state_floor);
        }
        Ok(Spent::First)
    }

    async fn take_lease(&self, name: [u8; 32], holder: [u8; 16], length: Duration) -> Result<Lease, StoreError> {
        let now = Instant::now();
        let mut tables = self.tables();
        let lease = match tables.leases.get(&name) {
            Some(held) if held.until > now => return Ok(Lease::Held),
            Some(_) => Lease::TakenOver,
            None => Lease::Taken,
        };
        tables.leases.insert(name, Held { holder, until: now + length.unsigned_abs() });
        Ok(lease)
    }

    async fn release_lease(&self, name: [u8; 32], holder: [u8; 16]) -> Result<(), StoreError> {
        if let Entry::Occupied(held) = self.tables().leases.entry(name)
            && held.get().holder == holder
        {
            held.remove();
        }
        Ok(())
    }

    async fn sweep(&self, now: OffsetDateTime) -> Result<(), StoreError> {
        let day_ago = Instant::now().checked_sub(Duration::DAY.unsigned_abs());
        let mut tables = self.tables();
        tables.spent_states.forget_until(now.saturating_sub(CLOCKS_DIFFER).unix_timestamp());
        tables.ended_notes.forget_until(now.unix_timestamp());
        tables.revocations.retain(|_, revocation| revocation.until > now);
        tables.leases.retain(|_, held| day_ago.is_none_or(|day_ago| held.until > day_ago));
        Ok(())
    }

    async fn probe(&self) -> Result<(), StoreError> {
        Ok(())
    }

    async fn close(&self) {}
}
