//! A store that can be made to fail and to work again.

use std::sync::{
    Mutex,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use async_trait::async_trait;
use globus_portal::session::store::{
    Lease, MemoryStore, News, RevocationRow, SessionKey, SessionRow, Spent, Store, StoreError, TokenRow,
};
use time::{Duration, OffsetDateTime};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// Sessions in memory, behind a switch.
#[derive(Debug, Default)]
pub struct FailingStore {
    inner: MemoryStore,
    down: AtomicBool,
    /// Whether lookups of a session never return.
    hung: AtomicBool,
    probes: AtomicUsize,
    /// Whether it accepts new sessions.
    takes_no_more: AtomicBool,
    /// Sessions that it cannot end.
    unending: Mutex<Vec<SessionKey>>,
    /// Notifications of changes by others; without any, the store has no other users.
    news: Mutex<Option<UnboundedReceiver<News>>>,
}

impl FailingStore {
    pub fn fail(&self, down: bool) {
        self.down.store(down, Ordering::SeqCst);
    }

    /// From now on lookups of a session never return; sessions can still be ended.
    pub fn hang_lookups(&self) {
        self.hung.store(true, Ordering::SeqCst);
    }

    /// From now on it accepts no new sessions, like a full store.
    pub fn take_no_more(&self) {
        self.takes_no_more.store(true, Ordering::SeqCst);
    }

    /// It fails to end this session.
    pub fn fail_to_end(&self, key: SessionKey) {
        self.unending.lock().unwrap().push(key);
    }

    /// How often it was probed.
    pub fn probes(&self) -> usize {
        self.probes.load(Ordering::SeqCst)
    }

    /// The next listener gets what is sent here.
    pub fn will_tell(&self) -> UnboundedSender<News> {
        let (sender, receiver) = unbounded_channel();
        *self.news.lock().unwrap() = Some(receiver);
        sender
    }

    fn inner(&self) -> Result<&MemoryStore, StoreError> {
        let down = self.down.load(Ordering::SeqCst);
        if down { Err(StoreError::new("SENTINEL-store-error: no such host db.internal")) } else { Ok(&self.inner) }
    }
}

#[async_trait]
impl Store for FailingStore {
    fn is_private(&self) -> bool {
        // So that it is asked each time.
        false
    }

    fn news(&self) -> Option<UnboundedReceiver<News>> {
        self.news.lock().unwrap().take()
    }

    async fn create_session(&self, key: SessionKey, row: &SessionRow, tokens: &[TokenRow]) -> Result<bool, StoreError> {
        if self.takes_no_more.load(Ordering::SeqCst) {
            return Err(StoreError::new("it is full"));
        }
        self.inner()?.create_session(key, row, tokens).await
    }

    async fn session(&self, key: SessionKey) -> Result<Option<SessionRow>, StoreError> {
        if self.hung.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        self.inner()?.session(key).await
    }

    async fn update_record(&self, key: SessionKey, record: &[u8]) -> Result<bool, StoreError> {
        self.inner()?.update_record(key, record).await
    }

    async fn touch_session(&self, key: SessionKey, now: OffsetDateTime) -> Result<bool, StoreError> {
        self.inner()?.touch_session(key, now).await
    }

    async fn end_session(
        &self,
        key: SessionKey,
        now: OffsetDateTime,
        note_until: Option<OffsetDateTime>,
    ) -> Result<bool, StoreError> {
        if self.unending.lock().unwrap().contains(&key) {
            return Err(StoreError::new("it cannot end this one"));
        }
        self.inner()?.end_session(key, now, note_until).await
    }

    async fn ended_elsewhere(&self, key: SessionKey, now: OffsetDateTime) -> Result<bool, StoreError> {
        self.inner()?.ended_elsewhere(key, now).await
    }

    async fn forget_ended(&self, key: SessionKey) -> Result<(), StoreError> {
        self.inner()?.forget_ended(key).await
    }

    async fn sessions_of(&self, person: [u8; 32], limit: u32) -> Result<Vec<(SessionKey, SessionRow)>, StoreError> {
        self.inner()?.sessions_of(person, limit).await
    }

    async fn sessions_after(
        &self,
        after: Option<SessionKey>,
        limit: u32,
    ) -> Result<Vec<(SessionKey, SessionRow)>, StoreError> {
        self.inner()?.sessions_after(after, limit).await
    }

    async fn aged_sessions(
        &self,
        now: OffsetDateTime,
        idle_since: OffsetDateTime,
        limit: u32,
    ) -> Result<Vec<SessionKey>, StoreError> {
        self.inner()?.aged_sessions(now, idle_since, limit).await
    }

    async fn token(&self, key: SessionKey, resource_server: &str) -> Result<Option<TokenRow>, StoreError> {
        self.inner()?.token(key, resource_server).await
    }

    async fn tokens(&self, key: SessionKey) -> Result<Vec<TokenRow>, StoreError> {
        self.inner()?.tokens(key).await
    }

    async fn replace_token(&self, key: SessionKey, row: &TokenRow) -> Result<bool, StoreError> {
        self.inner()?.replace_token(key, row).await
    }

    async fn put_token(
        &self,
        key: SessionKey,
        row: &TokenRow,
        revoke: Option<&TokenRow>,
        now: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        self.inner()?.put_token(key, row, revoke, now).await
    }

    async fn remove_token(&self, key: SessionKey, resource_server: &str, version: i64) -> Result<bool, StoreError> {
        self.inner()?.remove_token(key, resource_server, version).await
    }

    async fn add_revocation(&self, key: SessionKey, row: &TokenRow, now: OffsetDateTime) -> Result<(), StoreError> {
        self.inner()?.add_revocation(key, row, now).await
    }

    async fn claim_revocations(
        &self,
        session: Option<SessionKey>,
        now: OffsetDateTime,
        limit: u32,
    ) -> Result<Vec<RevocationRow>, StoreError> {
        self.inner()?.claim_revocations(session, now, limit).await
    }

    async fn finish_revocation(&self, id: i64) -> Result<(), StoreError> {
        self.inner()?.finish_revocation(id).await
    }

    async fn spend_state(
        &self,
        state: [u8; 32],
        until: OffsetDateTime,
        now: OffsetDateTime,
    ) -> Result<Spent, StoreError> {
        self.inner()?.spend_state(state, until, now).await
    }

    async fn take_lease(&self, name: [u8; 32], holder: [u8; 16], length: Duration) -> Result<Lease, StoreError> {
        self.inner()?.take_lease(name, holder, length).await
    }

    async fn release_lease(&self, name: [u8; 32], holder: [u8; 16]) -> Result<(), StoreError> {
        self.inner()?.release_lease(name, holder).await
    }

    async fn sweep(&self, now: OffsetDateTime) -> Result<(), StoreError> {
        self.inner()?.sweep(now).await
    }

    async fn probe(&self) -> Result<(), StoreError> {
        self.probes.fetch_add(1, Ordering::SeqCst);
        self.inner()?.probe().await
    }

    async fn close(&self) {}
}
