//! tower-sessions' records in our store: the id is hashed, the record sealed, its age judged by our clock.

use async_trait::async_trait;
use time::Duration;
use tower_sessions::{
    SessionStore,
    session::{Id, Record},
    session_store,
};

use super::{
    Vault,
    seal::{Purpose, hash},
    session_key,
    store::{SessionKey, SessionRow},
    tokens::Tokens,
    user::person_of,
};

/// How much later than the last note a use is noted again: not every page view needs a write.
const TOUCH_EVERY: Duration = Duration::minutes(1);

/// Our store as tower-sessions wants it.
#[derive(Clone, Debug)]
pub struct Records {
    vault: Vault,
    tokens: Tokens,
}

impl Records {
    /// Keeps records in this vault; `tokens` are those of the same sessions.
    #[must_use]
    pub fn new(vault: Vault, tokens: Tokens) -> Self {
        Self { vault, tokens }
    }

    fn seal(&self, key: SessionKey, record: &Record) -> session_store::Result<Vec<u8>> {
        let plain =
            serde_json::to_vec(&record.data).map_err(|error| session_store::Error::Encode(error.to_string()))?;
        let sealed = self.vault.keys.seal(Purpose::Session, &key.0, &plain);
        sealed.map_err(|error| session_store::Error::Encode(error.to_string()))
    }

    /// Notes the use of a session. If a key of before sealed it, seals it anew: its tokens first, so that the record
    /// tells whether that is done.
    async fn keep_up(
        &self,
        key: SessionKey,
        row: &SessionRow,
        record: &Record,
        stale: bool,
    ) -> session_store::Result<()> {
        let now = self.vault.clock.now();
        // With a short idle limit more often, for a use that is not noted does not count.
        if now - row.last_seen >= TOUCH_EVERY.min(self.vault.lifetimes.idle / 4) {
            self.vault.store.touch_session(key, now).await.map_err(|error| backend(&error))?;
        }
        if stale && self.tokens.seal_anew(key).await.map_err(|error| backend(&error))? {
            self.vault.store.update_record(key, &self.seal(key, record)?).await.map_err(|error| backend(&error))?;
        }
        Ok(())
    }
}

#[async_trait]
impl SessionStore for Records {
    async fn create(&self, record: &mut Record) -> session_store::Result<()> {
        let now = self.vault.clock.now();
        loop {
            // Always a new id: tower-sessions would go on with the id of a session that it has just deleted, and so with
            // one that somebody else may know.
            record.id = Id::default();
            let key = session_key(record.id);
            let row = SessionRow {
                record: self.seal(key, record)?,
                person: hash(&[b"person", person_of(&record.data).as_bytes()]),
                last_seen: now,
                ends: now + self.vault.lifetimes.absolute,
            };
            if self.vault.store.create_session(key, &row).await.map_err(|error| backend(&error))? {
                return Ok(());
            }
        }
    }

    /// Writes onto a session that exists, and onto no other: one that has ended while this request was under way stays
    /// ended.
    async fn save(&self, record: &Record) -> session_store::Result<()> {
        let key = session_key(record.id);
        self.vault.store.update_record(key, &self.seal(key, record)?).await.map_err(|error| backend(&error))?;
        Ok(())
    }

    async fn load(&self, id: &Id) -> session_store::Result<Option<Record>> {
        let key = session_key(*id);
        let Some(row) = self.vault.store.session(key).await.map_err(|error| backend(&error))? else { return Ok(None) };
        let now = self.vault.clock.now();
        if row.ends <= now || row.last_seen + self.vault.lifetimes.idle <= now {
            self.vault.end(key).await.map_err(|error| backend(&error))?;
            return Ok(None);
        }
        // A record that no key opens is none: its key has been taken away. Nor is one of another form.
        let Some(opened) = self.vault.keys.open(Purpose::Session, &key.0, &row.record) else { return Ok(None) };
        let Ok(data) = serde_json::from_slice(&opened.plain) else { return Ok(None) };
        let record = Record { id: *id, data, expiry_date: row.ends };
        self.keep_up(key, &row, &record, opened.is_stale()).await?;
        Ok(Some(record))
    }

    async fn delete(&self, id: &Id) -> session_store::Result<()> {
        self.vault.end(session_key(*id)).await.map_err(|error| backend(&error))?;
        Ok(())
    }
}

fn backend(error: &dyn std::error::Error) -> session_store::Error {
    session_store::Error::Backend(error.to_string())
}
