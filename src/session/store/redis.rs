//! Sessions in a Redis or Valkey server, for several processes at once.
//!
//! It needs Redis 6.2 or later, or any Valkey: a single server, which may have replicas, but not a Redis Cluster, because each
//! change is one script over many keys. All keys start with `globus-portal:`, and the end of a session is published on the
//! channel `globus-portal:ended`. The README names the rights that a dedicated user needs.
//!
//! The server must not drop data: `maxmemory-policy noeviction` (its default), and `appendonly yes` for sessions that survive
//! a restart of the server. After a failover the new server may lack the last moments of the old one, in which a session may
//! have ended.

mod about;
mod link;
mod news;
mod rows;

use std::{collections::HashMap, sync::LazyLock};

use async_trait::async_trait;
use hex::FromHex as _;
use redis::{Cmd, FromRedisValue, Script, ScriptInvocation, cmd};
use time::{Duration, OffsetDateTime};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use self::{
    link::{Link, Question, Server},
    news::CHANNEL,
    rows::{Values, corrupt, keyed_row, revocation_row, session_row, token_row, token_value},
};
use super::{
    bounds::{Bounds, CLOCKS_DIFFER, REVOKE_AGAIN},
    contract::Store,
    error::StoreError,
    news::News,
    rows::{Lease, RevocationRow, SessionKey, SessionRow, Spent, TokenRow},
};
use crate::{keep_running::keep_running, secret::random_bytes};

/// The oldest version whose `ZRANGE` takes the options that the scripts use.
const OLDEST: (u64, u64) = (6, 2);
/// How many revocations one sweep deletes. The server serves no other client meanwhile.
const SWEPT_AT_ONCE: u32 = 500;

/// A store in a Redis server.
#[derive(Debug)]
pub struct RedisStore {
    link: Link,
    bounds: Bounds,
}

/// The scripts. Each is one change, made completely or not at all.
macro_rules! scripts {
    ($($name:ident = $file:literal;)*) => {
        $(static $name: LazyLock<Script> =
            LazyLock::new(|| Script::new(concat!(include_str!("redis/common.lua"), include_str!($file))));)*
    };
}

scripts! {
    CREATE_SESSION = "redis/create_session.lua";
    UPDATE_RECORD = "redis/update_record.lua";
    TOUCH_SESSION = "redis/touch_session.lua";
    END_SESSION = "redis/end_session.lua";
    ENDED_ELSEWHERE = "redis/ended_elsewhere.lua";
    SESSIONS_OF = "redis/sessions_of.lua";
    SESSIONS_AFTER = "redis/sessions_after.lua";
    AGED_SESSIONS = "redis/aged_sessions.lua";
    PUT_TOKEN = "redis/put_token.lua";
    REPLACE_TOKEN = "redis/replace_token.lua";
    REMOVE_TOKEN = "redis/remove_token.lua";
    ADD_REVOCATION = "redis/add_revocation.lua";
    CLAIM_REVOCATIONS = "redis/claim_revocations.lua";
    FINISH_REVOCATION = "redis/finish_revocation.lua";
    SPEND_STATE = "redis/spend_state.lua";
    TAKE_LEASE = "redis/take_lease.lua";
    RELEASE_LEASE = "redis/release_lease.lua";
    SWEEP = "redis/sweep.lua";
    PROBE = "redis/probe.lua";
}

impl RedisStore {
    /// Connects to a server: `redis://[user:password@]host[:port][/database]`, the same with `rediss` for TLS, or
    /// `redis+unix:///path/of/socket[?db=…&user=…&pass=…]`. With TLS, the server's certificate must come from
    /// a CA of the system, or from one in a file: `rediss://…?sslrootcert=/path/of/ca.pem`.
    ///
    /// # Errors
    /// [`StoreError`] if the URL is invalid, or the server cannot be reached, refuses the connection or is unsuitable. The
    /// error contains no password.
    pub async fn open(url: &str) -> Result<Self, StoreError> {
        let store = Self { link: Link::to(Server::from_url(url)?), bounds: Bounds::default() };
        store.check_server().await?;
        Ok(store)
    }

    /// The same store with other bounds.
    #[must_use]
    pub fn with_bounds(self, bounds: Bounds) -> Self {
        Self { bounds, ..self }
    }

    /// Rejects an unsuitable server. If the user may not ask (`INFO`), later commands fail instead.
    async fn check_server(&self) -> Result<(), StoreError> {
        self.command::<String>(&cmd("PING")).await?;
        let Ok(info) = self.command::<String>(&cmd("INFO")).await else { return Ok(()) };
        if let Some(version) = about::fact(&info, "redis_version").filter(|version| about::is_older(version, OLDEST)) {
            return Err(StoreError::new(format!("this is Redis {version}, but the portal needs 6.2 or later")));
        }
        if about::fact(&info, "cluster_enabled") == Some("1") {
            return Err(StoreError::new("this is a Redis Cluster, but the portal needs a single server"));
        }
        Ok(())
    }

    async fn command<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, StoreError> {
        self.link.ask(Question::Command(command)).await
    }

    async fn run<T: FromRedisValue>(&self, script: &ScriptInvocation<'_>) -> Result<T, StoreError> {
        self.link.ask(Question::Script(script)).await
    }
}

fn key_named(prefix: &str, key: SessionKey) -> String {
    format!("globus-portal:{prefix}:{}", hex::encode(key.0))
}

#[async_trait]
impl Store for RedisStore {
    fn is_private(&self) -> bool {
        false
    }

    fn news(&self) -> Option<UnboundedReceiver<News>> {
        let (sender, receiver) = unbounded_channel();
        let server = self.link.server().clone();
        keep_running("listening to Redis", move || news::listen(server.clone(), sender.clone()));
        Some(receiver)
    }

    async fn create_session(&self, key: SessionKey, row: &SessionRow, tokens: &[TokenRow]) -> Result<bool, StoreError> {
        let mut script = CREATE_SESSION.prepare_invoke();
        script.arg(hex::encode(key.0)).arg(&row.record[..]).arg(hex::encode(row.person));
        script.arg(row.last_seen.unix_timestamp()).arg(row.ends.unix_timestamp());
        for token in tokens {
            script.arg(&token.resource_server).arg(token_value(token, 1));
        }
        self.run(&script).await
    }

    async fn session(&self, key: SessionKey) -> Result<Option<SessionRow>, StoreError> {
        let mut command = cmd("HMGET");
        command.arg(key_named("session", key)).arg(&["record", "person", "last_seen", "ends"]);
        session_row(&self.command(&command).await?)
    }

    async fn update_record(&self, key: SessionKey, record: &[u8]) -> Result<bool, StoreError> {
        self.run(UPDATE_RECORD.arg(hex::encode(key.0)).arg(record)).await
    }

    async fn touch_session(&self, key: SessionKey, now: OffsetDateTime) -> Result<bool, StoreError> {
        self.run(TOUCH_SESSION.arg(hex::encode(key.0)).arg(now.unix_timestamp())).await
    }

    async fn end_session(
        &self,
        key: SessionKey,
        now: OffsetDateTime,
        note_until: Option<OffsetDateTime>,
    ) -> Result<bool, StoreError> {
        let note_until = note_until.map(|until| until.unix_timestamp().to_string()).unwrap_or_default();
        let mut script = END_SESSION.prepare_invoke();
        script.arg(hex::encode(key.0)).arg(now.unix_timestamp()).arg(note_until).arg(self.bounds.ended_notes);
        self.run(&script).await
    }

    async fn ended_elsewhere(&self, key: SessionKey, now: OffsetDateTime) -> Result<bool, StoreError> {
        self.run(ENDED_ELSEWHERE.arg(hex::encode(key.0)).arg(now.unix_timestamp())).await
    }

    async fn forget_ended(&self, key: SessionKey) -> Result<(), StoreError> {
        let mut command = cmd("ZREM");
        command.arg("globus-portal:ended-elsewhere").arg(hex::encode(key.0));
        self.command(&command).await
    }

    async fn sessions_of(&self, person: [u8; 32], limit: u32) -> Result<Vec<(SessionKey, SessionRow)>, StoreError> {
        let rows: Vec<Values> = self.run(SESSIONS_OF.arg(hex::encode(person)).arg(limit)).await?;
        rows.into_iter().map(keyed_row).collect()
    }

    async fn sessions_after(
        &self,
        after: Option<SessionKey>,
        limit: u32,
    ) -> Result<Vec<(SessionKey, SessionRow)>, StoreError> {
        let from = after.map_or_else(|| "-".to_owned(), |key| format!("({}", hex::encode(key.0)));
        let rows: Vec<Values> = self.run(SESSIONS_AFTER.arg(from).arg(limit)).await?;
        rows.into_iter().map(keyed_row).collect()
    }

    async fn aged_sessions(
        &self,
        now: OffsetDateTime,
        idle_since: OffsetDateTime,
        limit: u32,
    ) -> Result<Vec<SessionKey>, StoreError> {
        let mut script = AGED_SESSIONS.prepare_invoke();
        script.arg(now.unix_timestamp()).arg(idle_since.unix_timestamp()).arg(limit);
        let keys: Vec<Vec<u8>> = self.run(&script).await?;
        let read =
            |key: &Vec<u8>| <[u8; 32]>::from_hex(key).map(SessionKey).map_err(|_| corrupt("the key of a session"));
        keys.iter().map(read).collect()
    }

    async fn token(&self, key: SessionKey, resource_server: &str) -> Result<Option<TokenRow>, StoreError> {
        let mut command = cmd("HGET");
        command.arg(key_named("tokens", key)).arg(resource_server);
        let value: Option<Vec<u8>> = self.command(&command).await?;
        value.map(|value| token_row(resource_server, &value)).transpose()
    }

    async fn tokens(&self, key: SessionKey) -> Result<Vec<TokenRow>, StoreError> {
        let mut command = cmd("HGETALL");
        command.arg(key_named("tokens", key));
        let values: Vec<(String, Vec<u8>)> = self.command(&command).await?;
        let rows = values.iter().map(|(resource_server, value)| token_row(resource_server, value));
        let mut rows = rows.collect::<Result<Vec<_>, _>>()?;
        rows.sort_by(|a, b| a.resource_server.cmp(&b.resource_server));
        Ok(rows)
    }

    async fn replace_token(&self, key: SessionKey, row: &TokenRow) -> Result<bool, StoreError> {
        let value = token_value(row, row.version.saturating_add(1));
        self.run(REPLACE_TOKEN.arg(hex::encode(key.0)).arg(&row.resource_server).arg(row.version).arg(value)).await
    }

    async fn put_token(
        &self,
        key: SessionKey,
        row: &TokenRow,
        revoke: Option<&TokenRow>,
        now: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        let mut script = PUT_TOKEN.prepare_invoke();
        script.arg(hex::encode(key.0)).arg(&row.resource_server).arg(row.version);
        script.arg(token_value(row, row.version.saturating_add(1))).arg(now.unix_timestamp());
        if let Some(revoke) = revoke {
            script.arg(&revoke.sealed[..]).arg(revoke.revoke_until.unix_timestamp());
        }
        self.run(&script).await
    }

    async fn remove_token(&self, key: SessionKey, resource_server: &str, version: i64) -> Result<bool, StoreError> {
        self.run(REMOVE_TOKEN.arg(hex::encode(key.0)).arg(resource_server).arg(version)).await
    }

    async fn add_revocation(&self, key: SessionKey, row: &TokenRow, now: OffsetDateTime) -> Result<(), StoreError> {
        let mut script = ADD_REVOCATION.prepare_invoke();
        script.arg(hex::encode(key.0)).arg(&row.resource_server).arg(&row.sealed[..]);
        script.arg(row.revoke_until.unix_timestamp()).arg(now.unix_timestamp());
        self.run(&script).await
    }

    async fn claim_revocations(
        &self,
        session: Option<SessionKey>,
        now: OffsetDateTime,
        limit: u32,
    ) -> Result<Vec<RevocationRow>, StoreError> {
        let mut script = CLAIM_REVOCATIONS.prepare_invoke();
        script.arg(session.map(|key| hex::encode(key.0)).unwrap_or_default()).arg(now.unix_timestamp());
        script.arg(limit).arg(REVOKE_AGAIN.0).arg(REVOKE_AGAIN.1);
        let rows: Vec<Values> = self.run(&script).await?;
        rows.iter().map(|values| revocation_row(values).ok_or_else(|| corrupt("tokens to revoke"))).collect()
    }

    async fn finish_revocation(&self, id: i64) -> Result<(), StoreError> {
        self.run(&FINISH_REVOCATION.arg(id)).await
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
        let mut script = SPEND_STATE.prepare_invoke();
        script.arg(hex::encode(state)).arg(until.unix_timestamp()).arg(self.bounds.spent_states);
        let answer: String = self.run(&script).await?;
        match &answer[..] {
            "first" => Ok(Spent::First),
            "again" => Ok(Spent::Again),
            "too old" => Ok(Spent::TooOld),
            _ => Err(corrupt("a spent state")),
        }
    }

    async fn take_lease(&self, name: [u8; 32], holder: [u8; 16], length: Duration) -> Result<Lease, StoreError> {
        let length = i64::try_from(length.whole_milliseconds()).unwrap_or(i64::MAX);
        let answer: String = self.run(TAKE_LEASE.arg(hex::encode(name)).arg(hex::encode(holder)).arg(length)).await?;
        match &answer[..] {
            "taken" => Ok(Lease::Taken),
            "taken over" => Ok(Lease::TakenOver),
            "held" => Ok(Lease::Held),
            _ => Err(corrupt("a lease")),
        }
    }

    async fn release_lease(&self, name: [u8; 32], holder: [u8; 16]) -> Result<(), StoreError> {
        self.run(RELEASE_LEASE.arg(hex::encode(name)).arg(hex::encode(holder))).await
    }

    /// Leases need no sweep: they have an expiry.
    async fn sweep(&self, now: OffsetDateTime) -> Result<(), StoreError> {
        loop {
            let mut script = SWEEP.prepare_invoke();
            script.arg(now.unix_timestamp()).arg(SWEPT_AT_ONCE);
            script.arg(now.saturating_sub(CLOCKS_DIFFER).unix_timestamp());
            script.arg(self.bounds.spent_states).arg(self.bounds.ended_notes);
            let forgotten: u32 = self.run(&script).await?;
            if forgotten < SWEPT_AT_ONCE {
                return Ok(());
            }
        }
    }

    async fn probe(&self) -> Result<(), StoreError> {
        let refused: Vec<String> = self.run(&PROBE.arg(hex::encode(random_bytes::<16>()))).await?;
        if let [command, why] = refused.as_slice() {
            return Err(about::refusal(command, why));
        }
        self.link.ask(Question::Subscription(CHANNEL)).await
    }

    async fn warnings(&self) -> Vec<String> {
        let Ok(info) = self.command::<String>(&cmd("INFO")).await else { return Vec::new() };
        // Managed servers often reject this command.
        let config = self.command::<HashMap<String, String>>(cmd("CONFIG").arg("GET").arg("save")).await;
        about::warnings(&info, config.unwrap_or_default().get("save").map(String::as_str))
    }

    async fn close(&self) {
        self.link.close().await;
    }
}
