//! The tables of the store in memory.

use std::{
    collections::{BTreeMap, HashMap, hash_map::Entry},
    sync::Arc,
};

use time::OffsetDateTime;
use tokio::time::Instant;

use super::remembered::Remembered;
use crate::session::store::{
    error::StoreError,
    rows::{RevocationRow, SessionKey, SessionRow, TokenRow, time_of},
};

#[derive(Debug, Default)]
pub(super) struct Tables {
    pub(super) sessions: HashMap<SessionKey, Box<Session>>,
    /// The sessions of each person.
    pub(super) persons: HashMap<[u8; 32], Vec<SessionKey>>,
    /// The name of each resource server, stored once for all sessions with a token for it.
    pub(super) names: Vec<Arc<str>>,
    pub(super) revocations: BTreeMap<i64, Revocation>,
    pub(super) last_revocation: i64,
    pub(super) spent_states: Remembered,
    /// States whose time ends at or before this are too old.
    pub(super) state_floor: i64,
    pub(super) ended_notes: Remembered,
    pub(super) leases: HashMap<[u8; 32], Held>,
}

#[derive(Debug)]
pub(super) struct Session {
    pub(super) record: Box<[u8]>,
    pub(super) person: [u8; 32],
    pub(super) last_seen: i64,
    pub(super) ends: i64,
    /// In the order of their resource servers.
    pub(super) tokens: Vec<Token>,
}

#[derive(Debug)]
pub(super) struct Token {
    pub(super) resource_server: Arc<str>,
    pub(super) sealed: Box<[u8]>,
    pub(super) version: i64,
    pub(super) revoke_until: i64,
}

#[derive(Debug)]
pub(super) struct Revocation {
    pub(super) row: RevocationRow,
    pub(super) added: OffsetDateTime,
    pub(super) due: OffsetDateTime,
    pub(super) until: OffsetDateTime,
}

#[derive(Debug)]
pub(super) struct Held {
    pub(super) holder: [u8; 16],
    pub(super) until: Instant,
}

impl Session {
    pub(super) fn row(&self) -> Result<SessionRow, StoreError> {
        Ok(SessionRow {
            record: self.record.to_vec(),
            person: self.person,
            last_seen: time_of(self.last_seen)?,
            ends: time_of(self.ends)?,
        })
    }

    /// Puts a token in place of one of this version, or, where that is 0, beside the others. Returns whether it did.
    pub(super) fn put(&mut self, token: Token, version: i64) -> bool {
        match self.tokens.iter().position(|known| known.resource_server == token.resource_server) {
            Some(place) if self.tokens[place].version == version => self.tokens[place] = token,
            None if version == 0 => {
                self.tokens.push(token);
                self.tokens.sort_by(|a, b| a.resource_server.cmp(&b.resource_server));
            }
            _ => return false,
        }
        true
    }

    pub(super) fn token(&mut self, resource_server: &str, version: i64) -> Option<usize> {
        self.tokens.iter().position(|token| &*token.resource_server == resource_server && token.version == version)
    }
}

impl Token {
    pub(super) fn row(&self) -> Result<TokenRow, StoreError> {
        Ok(TokenRow {
            resource_server: self.resource_server.to_string(),
            sealed: self.sealed.to_vec(),
            version: self.version,
            revoke_until: time_of(self.revoke_until)?,
        })
    }
}

impl Tables {
    pub(super) fn token(&mut self, row: &TokenRow, version: i64) -> Token {
        let known = self.names.iter().find(|name| ***name == *row.resource_server).cloned();
        let resource_server = known.unwrap_or_else(|| {
            let name: Arc<str> = row.resource_server.as_str().into();
            self.names.push(name.clone());
            name
        });
        Token {
            resource_server,
            sealed: row.sealed.as_slice().into(),
            version,
            revoke_until: row.revoke_until.unix_timestamp(),
        }
    }

    pub(super) fn revoke(&mut self, session: SessionKey, token: TokenRow, now: OffsetDateTime) {
        self.last_revocation += 1;
        let id = self.last_revocation;
        let TokenRow { resource_server, sealed, revoke_until: until, .. } = token;
        let row = RevocationRow { id, session, resource_server, sealed };
        self.revocations.insert(id, Revocation { row, added: now, due: now, until });
    }

    pub(super) fn forget_person_of(&mut self, key: SessionKey, person: [u8; 32]) {
        if let Entry::Occupied(mut keys) = self.persons.entry(person) {
            keys.get_mut().retain(|other| *other != key);
            if keys.get().is_empty() {
                keys.remove();
            }
        }
    }

    pub(super) fn rows(
        &self,
        wanted: impl Fn(&SessionKey, &Session) -> bool,
    ) -> Result<Vec<(SessionKey, SessionRow)>, StoreError> {
        let found = self.sessions.iter().filter(|(key, session)| wanted(key, session));
        found.map(|(key, session)| Ok((*key, session.row()?))).collect()
    }
}
