//! A store whose calls are measured and traced.

use std::sync::Arc;

use async_trait::async_trait;
use time::{Duration, OffsetDateTime};
use tokio::sync::mpsc::UnboundedReceiver;

use super::{
    contract::Store,
    error::StoreError,
    news::News,
    rows::{Lease, RevocationRow, SessionKey, SessionRow, Spent, TokenRow},
};
use crate::{metrics::Metrics, traces::Traces};

/// Passes every call on to a store, counts how long it takes, and makes it a span of the request's trace.
#[derive(Debug)]
pub struct MeasuredStore {
    store: Arc<dyn Store>,
    metrics: Metrics,
    traces: Traces,
}

impl MeasuredStore {
    /// The same store, measured if anything is counted or traced.
    #[must_use]
    pub fn around(store: Arc<dyn Store>, metrics: &Metrics, traces: &Traces) -> Arc<dyn Store> {
        if !metrics.is_counted() && !traces.is_on() {
            return store;
        }
        Arc::new(Self { store, metrics: metrics.clone(), traces: traces.clone() })
    }

    async fn measured<T>(
        &self,
        operation: &'static str,
        call: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let began = self.metrics.begin();
        let span = self.traces.store_call(operation);
        let done = call.await;
        self.metrics.store_call(operation, done.is_ok(), began);
        if let Some(span) = span {
            span.end(done.is_ok());
        }
        done
    }
}

#[async_trait]
impl Store for MeasuredStore {
    fn is_private(&self) -> bool {
        self.store.is_private()
    }

    fn news(&self) -> Option<UnboundedReceiver<News>> {
        self.store.news()
    }

    async fn create_session(&self, key: SessionKey, row: &SessionRow, tokens: &[TokenRow]) -> Result<bool, StoreError> {
        self.measured("create_session", self.store.create_session(key, row, tokens)).await
    }

    async fn session(&self, key: SessionKey) -> Result<Option<SessionRow>, StoreError> {
        self.measured("session", self.store.session(key)).await
    }

    async fn update_record(&self, key: SessionKey, record: &[u8]) -> Result<bool, StoreError> {
        self.measured("update_record", self.store.update_record(key, record)).await
    }

    async fn touch_session(&self, key: SessionKey, now: OffsetDateTime) -> Result<bool, StoreError> {
        self.measured("touch_session", self.store.touch_session(key, now)).await
    }

    async fn end_session(
        &self,
        key: SessionKey,
        now: OffsetDateTime,
        note_until: Option<OffsetDateTime>,
    ) -> Result<bool, StoreError> {
        self.measured("end_session", self.store.end_session(key, now, note_until)).await
    }

    async fn ended_elsewhere(&self, key: SessionKey, now: OffsetDateTime) -> Result<bool, StoreError> {
        self.measured("ended_elsewhere", self.store.ended_elsewhere(key, now)).await
    }

    async fn forget_ended(&self, key: SessionKey) -> Result<(), StoreError> {
        self.measured("forget_ended", self.store.forget_ended(key)).await
    }

    async fn sessions_of(&self, person: [u8; 32], limit: u32) -> Result<Vec<(SessionKey, SessionRow)>, StoreError> {
        self.measured("sessions_of", self.store.sessions_of(person, limit)).await
    }

    async fn sessions_after(
        &self,
        after: Option<SessionKey>,
        limit: u32,
    ) -> Result<Vec<(SessionKey, SessionRow)>, StoreError> {
        self.measured("sessions_after", self.store.sessions_after(after, limit)).await
    }

    async fn aged_sessions(
        &self,
        now: OffsetDateTime,
        idle_since: OffsetDateTime,
        limit: u32,
    ) -> Result<Vec<SessionKey>, StoreError> {
        self.measured("aged_sessions", self.store.aged_sessions(now, idle_since, limit)).await
    }

    async fn token(&self, key: SessionKey, resource_server: &str) -> Result<Option<TokenRow>, StoreError> {
        self.measured("token", self.store.token(key, resource_server)).await
    }

    async fn tokens(&self, key: SessionKey) -> Result<Vec<TokenRow>, StoreError> {
        self.measured("tokens", self.store.tokens(key)).await
    }

    async fn replace_token(&self, key: SessionKey, row: &TokenRow) -> Result<bool, StoreError> {
        self.measured("replace_token", self.store.replace_token(key, row)).await
    }

    async fn put_token(
        &self,
        key: SessionKey,
        row: &TokenRow,
        revoke: Option<&TokenRow>,
        now: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        self.measured("put_token", self.store.put_token(key, row, revoke, now)).await
    }

    async fn remove_token(&self, key: SessionKey, resource_server: &str, version: i64) -> Result<bool, StoreError> {
        self.measured("remove_token", self.store.remove_token(key, resource_server, version)).await
    }

    async fn add_revocation(&self, key: SessionKey, row: &TokenRow, now: OffsetDateTime) -> Result<(), StoreError> {
        self.measured("add_revocation", self.store.add_revocation(key, row, now)).await
    }

    async fn claim_revocations(
        &self,
        session: Option<SessionKey>,
        now: OffsetDateTime,
        limit: u32,
    ) -> Result<Vec<RevocationRow>, StoreError> {
        self.measured("claim_revocations", self.store.claim_revocations(session, now, limit)).await
    }

    async fn finish_revocation(&self, id: i64) -> Result<(), StoreError> {
        self.measured("finish_revocation", self.store.finish_revocation(id)).await
    }

    async fn spend_state(
        &self,
        state: [u8; 32],
        until: OffsetDateTime,
        now: OffsetDateTime,
    ) -> Result<Spent, StoreError> {
        self.measured("spend_state", self.store.spend_state(state, until, now)).await
    }

    async fn take_lease(&self, name: [u8; 32], holder: [u8; 16], length: Duration) -> Result<Lease, StoreError> {
        self.measured("take_lease", self.store.take_lease(name, holder, length)).await
    }

    async fn release_lease(&self, name: [u8; 32], holder: [u8; 16]) -> Result<(), StoreError> {
        self.measured("release_lease", self.store.release_lease(name, holder)).await
    }

    async fn sweep(&self, now: OffsetDateTime) -> Result<(), StoreError> {
        self.measured("sweep", self.store.sweep(now)).await
    }

    async fn probe(&self) -> Result<(), StoreError> {
        self.measured("probe", self.store.probe()).await
    }

    async fn warnings(&self) -> Vec<String> {
        self.store.warnings().await
    }

    async fn close(&self) {
        self.store.close().await;
    }
}
