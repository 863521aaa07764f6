//! Sessions in memory: they end with the process.

use std::{
    collections::{BTreeMap, HashMap, hash_map::Entry},
    sync::{Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use time::OffsetDateTime;

use super::{RevocationRow, SessionKey, SessionRow, Store, StoreError, TokenRow};

/// Keeps everything in this process.
#[derive(Debug, Default)]
pub struct MemoryStore(Mutex<Tables>);

#[derive(Debug, Default)]
struct Tables {
    sessions: HashMap<SessionKey, Session>,
    revocations: BTreeMap<i64, Revocation>,
    last_revocation: i64,
    spent_states: HashMap<[u8; 32], OffsetDateTime>,
}

#[derive(Debug)]
struct Session {
    row: SessionRow,
    tokens: BTreeMap<String, TokenRow>,
}

#[derive(Debug)]
struct Revocation {
    row: RevocationRow,
    due: OffsetDateTime,
    until: OffsetDateTime,
}

impl MemoryStore {
    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tables {
    fn revoke(&mut self, session: SessionKey, token: TokenRow, due: OffsetDateTime) {
        self.last_revocation += 1;
        let id = self.last_revocation;
        let TokenRow { resource_server, sealed, revoke_until: until, .. } = token;
        let row = RevocationRow { id, session, resource_server, sealed };
        self.revocations.insert(id, Revocation { row, due, until });
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn create_session(&self, key: SessionKey, row: &SessionRow) -> Result<bool, StoreError> {
        let mut tables = self.tables();
        if tables.sessions.contains_key(&key) {
            return Ok(false);
        }
        tables.sessions.insert(key, Session { row: row.clone(), tokens: BTreeMap::new() });
        Ok(true)
    }

    async fn session(&self, key: SessionKey) -> Result<Option<SessionRow>, StoreError> {
        Ok(self.tables().sessions.get(&key).map(|session| session.row.clone()))
    }

    async fn update_record(&self, key: SessionKey, record: &[u8]) -> Result<bool, StoreError> {
        let mut tables = self.tables();
        let session = tables.sessions.get_mut(&key);
        Ok(session.map(|session| session.row.record = record.to_vec()).is_some())
    }

    async fn touch_session(&self, key: SessionKey, now: OffsetDateTime) -> Result<(), StoreError> {
        if let Some(session) = self.tables().sessions.get_mut(&key) {
            session.row.last_seen = now;
        }
        Ok(())
    }

    async fn end_session(&self, key: SessionKey, now: OffsetDateTime) -> Result<bool, StoreError> {
        let mut tables = self.tables();
        let Some(session) = tables.sessions.remove(&key) else { return Ok(false) };
        for token in session.tokens.into_values() {
            tables.revoke(key, token, now);
        }
        Ok(true)
    }

    async fn aged_sessions(
        &self,
        now: OffsetDateTime,
        idle_since: OffsetDateTime,
        limit: u32,
    ) -> Result<Vec<SessionKey>, StoreError> {
        let tables = self.tables();
        let aged = tables.sessions.iter().filter(|(_, s)| s.row.ends <= now || s.row.last_seen <= idle_since);
        Ok(aged.map(|(key, _)| *key).take(limit as usize).collect())
    }

    async fn insert_token(&self, key: SessionKey, row: &TokenRow) -> Result<bool, StoreError> {
        let mut tables = self.tables();
        let Some(session) = tables.sessions.get_mut(&key) else { return Ok(false) };
        if session.tokens.contains_key(&row.resource_server) {
            return Ok(false);
        }
        session.tokens.insert(row.resource_server.clone(), TokenRow { version: 1, ..row.clone() });
        Ok(true)
    }

    async fn token(&self, key: SessionKey, resource_server: &str) -> Result<Option<TokenRow>, StoreError> {
        let tables = self.tables();
        Ok(tables.sessions.get(&key).and_then(|session| session.tokens.get(resource_server)).cloned())
    }

    async fn tokens(&self, key: SessionKey) -> Result<Vec<TokenRow>, StoreError> {
        let tables = self.tables();
        Ok(tables.sessions.get(&key).map(|session| session.tokens.values().cloned().collect()).unwrap_or_default())
    }

    async fn replace_token(&self, key: SessionKey, row: &TokenRow) -> Result<bool, StoreError> {
        let mut tables = self.tables();
        let tokens = tables.sessions.get_mut(&key).map(|session| &mut session.tokens);
        let Some(token) = tokens.and_then(|tokens| tokens.get_mut(&row.resource_server)) else { return Ok(false) };
        if token.version != row.version {
            return Ok(false);
        }
        *token = TokenRow { version: row.version + 1, ..row.clone() };
        Ok(true)
    }

    async fn remove_token(&self, key: SessionKey, resource_server: &str, version: i64) -> Result<bool, StoreError> {
        let mut tables = self.tables();
        let Some(session) = tables.sessions.get_mut(&key) else { return Ok(false) };
        let dead = session.tokens.get(resource_server).is_some_and(|token| token.version == version);
        Ok(dead && session.tokens.remove(resource_server).is_some())
    }

    async fn add_revocation(&self, key: SessionKey, row: &TokenRow, now: OffsetDateTime) -> Result<(), StoreError> {
        self.tables().revoke(key, row.clone(), now);
        Ok(())
    }

    async fn claim_revocations(
        &self,
        session: Option<SessionKey>,
        now: OffsetDateTime,
        again: OffsetDateTime,
        limit: u32,
    ) -> Result<Vec<RevocationRow>, StoreError> {
        let mut tables = self.tables();
        let is_due = |revocation: &&mut Revocation| {
            revocation.due <= now && session.is_none_or(|session| session == revocation.row.session)
        };
        let mut due: Vec<_> = tables.revocations.values_mut().filter(is_due).collect();
        due.sort_by_key(|revocation| revocation.due);
        let claim = |revocation: &mut Revocation| {
            revocation.due = again;
            revocation.row.clone()
        };
        Ok(due.into_iter().take(limit as usize).map(claim).collect())
    }

    async fn finish_revocation(&self, id: i64) -> Result<(), StoreError> {
        self.tables().revocations.remove(&id);
        Ok(())
    }

    async fn spend_state(&self, state: [u8; 32], until: OffsetDateTime) -> Result<bool, StoreError> {
        match self.tables().spent_states.entry(state) {
            Entry::Occupied(_) => Ok(false),
            Entry::Vacant(entry) => {
                entry.insert(until);
                Ok(true)
            }
        }
    }

    async fn sweep(&self, now: OffsetDateTime) -> Result<(), StoreError> {
        let mut tables = self.tables();
        tables.spent_states.retain(|_, until| *until > now);
        tables.revocations.retain(|_, revocation| revocation.until > now);
        Ok(())
    }

    async fn probe(&self) -> Result<(), StoreError> {
        Ok(())
    }

    async fn close(&self) {}
}
