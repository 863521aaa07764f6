//! Renewing a token: once for all callers that ask at the same time, in this process by a lock and everywhere by a lease.
//!
//! A refresh token may be good for one use only, and a second use may cost the person all tokens (RFC 9700 section 4.14.2). So
//! a refresh needs a lease that outlives the longest request to Globus, and reads the tokens again under it. Callers queue on
//! a per-token lock; a cancelled caller sends nothing, and those that waited for a renewal that failed do not all try again.
//! What Globus has answered is kept whatever happens to the callers: a renewal that has begun runs in a task of its own, and
//! writes until the store takes it.

use std::{
    sync::{Arc, PoisonError, Weak},
    time::Duration,
};

use tokio::time::{Instant, sleep, timeout};

use super::kept::{Kept, TokenUnavailable, Tokens, Turn, place};
use crate::{
    globus::{
        auth::TokenError,
        id_token::{Expected, IdTokenError},
        tokens::{Token, TokenResponse},
    },
    metrics::Renewed,
    secret::{AccessToken, RefreshToken, random_bytes},
    session::{
        seal::{Opened, Purpose, hash},
        store::{Lease, SessionKey, StoreError, TokenRow},
        user::UserSession,
    },
    traces::InRequest as _,
};

/// A token is renewed this long before it expires.
pub(super) const MARGIN: time::Duration = time::Duration::minutes(1);
/// How long a request waits for a renewal, which continues without it.
const PATIENCE: Duration = Duration::from_secs(10);
/// The pause between two checks of a token that another process is renewing.
const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// The pause before another attempt to store a renewed token.
const WRITE_AGAIN: Duration = Duration::from_millis(200);
/// How long one attempt to write it may take.
const WRITE_WITHIN: Duration = Duration::from_secs(1);
/// How long to keep trying.
const WRITE_FOR: Duration = Duration::from_secs(10 * 60);
/// How long the last attempt may take: long enough for a slow store to say whether an earlier one was written.
const LAST_WRITE_WITHIN: Duration = Duration::from_secs(30);
/// How long to wait after taking over a lease that was not released: its holder may still be trying to write. Longer than
/// [`WRITE_AGAIN`] and [`WRITE_WITHIN`] together.
const TAKE_OVER_AFTER: Duration = Duration::from_millis(1500);

/// Which token will do.
#[derive(Clone)]
pub(super) enum Wanted {
    /// One that does not expire within a minute.
    GoodForAWhile,
    /// One other than this one, which was rejected.
    OtherThan(AccessToken),
}

impl Wanted {
    fn is_met_by(&self, kept: &Kept, now: time::OffsetDateTime) -> bool {
        match self {
            Self::GoodForAWhile => kept.is_good(now.saturating_add(MARGIN)),
            Self::OtherThan(refused) => !kept.is(refused) && kept.is_good(now),
        }
    }
}

impl Tokens {
    /// The wanted token, after a renewal if necessary.
    pub(super) async fn renewed(
        &self,
        key: SessionKey,
        resource_server: &str,
        wanted: Wanted,
    ) -> Result<AccessToken, TokenUnavailable> {
        let renewed = timeout(PATIENCE, self.renewed_in_turn(key, resource_server, &wanted)).await;
        renewed.map_err(|_| TokenUnavailable::TakesLong)?
    }

    /// One at a time in this process; later callers find the new token, or that there is none.
    async fn renewed_in_turn(
        &self,
        key: SessionKey,
        resource_server: &str,
        wanted: &Wanted,
    ) -> Result<AccessToken, TokenUnavailable> {
        let came = Instant::now();
        let mut mine = self.turn(key, resource_server).lock_owned().await;
        loop {
            if mine.is_some_and(|failed| failed >= came) {
                return Err(TokenUnavailable::JustFailed);
            }
            let (_, kept) = self.read(key, resource_server).await?;
            if wanted.is_met_by(&kept, self.vault.clock.now()) {
                return Ok(AccessToken::new(kept.access_token));
            }
            if kept.refresh_token.is_none() {
                return Err(TokenUnavailable::SignIn(resource_server.to_owned()));
            }
            // In a task of its own, with the turn: a browser that leaves must not interrupt what Globus has already begun
            // to answer.
            let (this, resource_server, wanted) = (self.clone(), resource_server.to_owned(), wanted.clone());
            let renewing = async move {
                let renewed = this.renew_if_free(key, &resource_server, &wanted).await;
                if matches!(renewed, Err(TokenUnavailable::Globus(_))) {
                    *mine = Some(Instant::now());
                }
                (mine, renewed)
            };
            let done = self.vault.underway.spawn(renewing.in_request()).await;
            let (back, renewed) = done.map_err(|_| TokenUnavailable::BrokenOff)?;
            match renewed? {
                Some(token) => return Ok(token),
                None => mine = back,
            }
            sleep(LOOK_AGAIN).await;
        }
    }

    /// Renews a token, unless another process is doing that.
    async fn renew_if_free(
        &self,
        key: SessionKey,
        resource_server: &str,
        wanted: &Wanted,
    ) -> Result<Option<AccessToken>, TokenUnavailable> {
        let lease = hash(&[b"renewal", &key.0, resource_server.as_bytes()]);
        let (holder, length) = (random_bytes(), self.lease_length());
        let until = Instant::now() + length;
        let length = length.try_into().unwrap_or(time::Duration::MINUTE);
        match self.vault.store.take_lease(lease, holder, length).await? {
            Lease::Held => return Ok(None),
            Lease::Taken => {}
            Lease::TakenOver => sleep(TAKE_OVER_AFTER).await,
        }
        let renewed = self.renew_under_lease(key, resource_server, wanted, until).await;
        if let Err(error) = self.vault.store.release_lease(lease, holder).await {
            tracing::warn!(error = %error, "could not release the lease; it will expire");
        }
        renewed.map(Some)
    }

    /// Longer than the longest request to Globus, and what comes before and after it.
    fn lease_length(&self) -> Duration {
        self.renewal.timeout + self.renewal.timeout / 4 + TAKE_OVER_AFTER
    }

    /// `until` is when the lease ends.
    async fn renew_under_lease(
        &self,
        key: SessionKey,
        resource_server: &str,
        wanted: &Wanted,
        until: Instant,
    ) -> Result<AccessToken, TokenUnavailable> {
        let (row, kept) = self.read(key, resource_server).await?;
        if wanted.is_met_by(&kept, self.vault.clock.now()) {
            return Ok(AccessToken::new(kept.access_token));
        }
        let sign_in = || TokenUnavailable::SignIn(resource_server.to_owned());
        let refresh_token = kept.refresh_token.as_deref().ok_or_else(sign_in)?;
        let sub = &*self.vault.whose(key).await;
        // A process that was suspended before this point must not send a token that another process may have sent by now.
        if Instant::now() + self.renewal.timeout > until {
            return Err(TokenUnavailable::TakesLong);
        }
        let response = match self.renewal.auth.oauth2_refresh_token(&RefreshToken::new(refresh_token)).await {
            Ok(response) => response,
            Err(TokenError::InvalidGrant(error)) => {
                tracing::warn!(
                    sub,
                    resource_server,
                    error = error.for_log(),
                    "Globus no longer accepts the refresh token"
                );
                // These tokens are dead; those of other resource servers stay.
                self.vault.metrics.renewal(Renewed::Refused);
                self.vault.store.remove_token(key, resource_server, row.version).await?;
                return Err(sign_in());
            }
            Err(error) => {
                tracing::warn!(sub, resource_server, error = error.for_log(), "Globus did not renew a token");
                self.vault.metrics.renewal(Renewed::Failed);
                return Err(error.into());
            }
        };
        let Some(token) = self.token_for(key, sub, resource_server, &response).await else {
            self.vault.metrics.renewal(Renewed::Refused);
            self.give_up(key, &row, &response).await?;
            return Err(sign_in());
        };
        let renewed = self.keep_renewed(key, sub, token, &kept, row.version).await;
        self.vault.metrics.renewal(if renewed.is_ok() { Renewed::Ok } else { Renewed::Lost });
        renewed
    }

    /// Revokes what a renewal gave, and the earlier tokens, which may still be good.
    async fn give_up(&self, key: SessionKey, row: &TokenRow, response: &TokenResponse) -> Result<(), StoreError> {
        self.discard(response).await;
        self.vault.store.add_revocation(key, row, self.vault.clock.now()).await?;
        self.vault.store.remove_token(key, &row.resource_server, row.version).await?;
        self.revoke_due(Some(key)).await?;
        Ok(())
    }

    /// The requested token, if the response is about the same person. If the id_token names another one, the whole response is
    /// rejected (OpenID Connect Core section 12.2).
    async fn token_for<'a>(
        &self,
        key: SessionKey,
        sub: &str,
        resource_server: &str,
        response: &'a TokenResponse,
    ) -> Option<&'a Token> {
        let token = response.by_resource_server(resource_server)?;
        let Some(id_token) = response.id_token() else { return Some(token) };
        let expected = Expected::of_a_refresh();
        let person = match self.renewal.id_tokens.verify(id_token, &expected).await {
            Ok(claims) => claims.sub,
            // The response came from Globus Auth itself; a failure to fetch its keys does not make it invalid.
            Err(IdTokenError::Provider(_)) => return Some(token),
            Err(error) => {
                tracing::error!(sub, error = %error, "refused the id_token of a refresh, and its tokens with it");
                return None;
            }
        };
        let record = self.vault.read(key).await.ok().flatten();
        match record.and_then(|(_, opened)| UserSession::unpack(&opened.plain)) {
            Some(user) if user.claims.sub != person => {
                tracing::error!(sub, "refused the tokens of a refresh: they belong to another person");
                None
            }
            // Without a session there is no person to compare with, and the tokens will not be kept.
            _ => Some(token),
        }
    }

    /// Replaces the earlier tokens with the renewed ones. Keeps trying while the store fails: the earlier ones may be dead
    /// already.
    async fn keep_renewed(
        &self,
        key: SessionKey,
        sub: &str,
        token: &Token,
        before: &Kept,
        mut version: i64,
    ) -> Result<AccessToken, TokenUnavailable> {
        let resource_server = &*token.resource_server;
        let give_up = Instant::now() + WRITE_FOR;
        loop {
            let row = self.row(key, resource_server, &Kept::new(token, before.refresh_token.as_deref()), version)?;
            let is_last = Instant::now() > give_up;
            let within = if is_last { LAST_WRITE_WITHIN } else { WRITE_WITHIN };
            let written = timeout(within, self.replace(key, &row, token, before)).await;
            let written = written.unwrap_or_else(|_| Err(StoreError::new("no answer in time").into()));
            match written {
                Ok(Replaced::Done) => {
                    tracing::info!(sub, resource_server, "token renewed");
                    return Ok(token.access_token.clone());
                }
                Ok(Replaced::Resealed(row)) => version = row.version,
                Ok(Replaced::ByAnother(kept)) => {
                    self.revoke_beside(token, &kept).await;
                    return Ok(AccessToken::new(kept.access_token));
                }
                Ok(Replaced::Gone) => return Err(self.came_too_late(key, row, token).await),
                Err(error) if is_last => {
                    tracing::error!(sub, resource_server, error = %error, "lost a renewed token: the store did not accept it in time");
                    self.revoke_beside(token, before).await;
                    return Err(error);
                }
                Err(error) => {
                    tracing::warn!(resource_server, error = %error, "cannot store the renewed token yet; retrying");
                    sleep(WRITE_AGAIN).await;
                }
            }
        }
    }

    async fn replace(
        &self,
        key: SessionKey,
        row: &TokenRow,
        token: &Token,
        before: &Kept,
    ) -> Result<Replaced, TokenUnavailable> {
        if self.vault.store.replace_token(key, row).await? {
            return Ok(Replaced::Done);
        }
        match self.read(key, &row.resource_server).await {
            // An earlier attempt was written, though the store did not confirm it.
            Ok((_, now)) if now.is(&token.access_token) => Ok(Replaced::Done),
            Ok((row, now)) if now.access_token == before.access_token => Ok(Replaced::Resealed(row)),
            Ok((_, now)) => Ok(Replaced::ByAnother(now)),
            Err(TokenUnavailable::SignIn(_)) => Ok(Replaced::Gone),
            Err(error) => Err(error),
        }
    }

    /// The session ended while its token was renewed: the renewed ones are revoked as well.
    async fn came_too_late(&self, key: SessionKey, row: TokenRow, token: &Token) -> TokenUnavailable {
        let listed = self.vault.store.add_revocation(key, &row, self.vault.clock.now()).await;
        let revoked = match listed {
            Ok(()) => self.revoke_due(Some(key)).await.map(drop),
            Err(error) => Err(error),
        };
        if let Err(error) = revoked {
            tracing::warn!(error = %error, "revoking late tokens directly: they could not be queued");
            self.revoke_now(token).await;
        }
        TokenUnavailable::SignIn(row.resource_server)
    }

    /// Re-seals the tokens of a session that an earlier key has sealed. Returns whether all are done: a token that is being
    /// renewed is left alone, so that two writers do not collide. Each is one write, so the caller may be dropped.
    ///
    /// # Errors
    /// [`TokenUnavailable::Store`] or [`TokenUnavailable::Seal`].
    pub async fn reseal(&self, key: SessionKey) -> Result<bool, TokenUnavailable> {
        let mut all = true;
        for row in self.vault.store.tokens(key).await? {
            let turn = self.turn(key, &row.resource_server);
            let Ok(_mine) = turn.try_lock() else {
                all = false;
                continue;
            };
            let place = place(key, &row.resource_server);
            let opened = self.vault.keys.open(Purpose::Token, &place, &row.sealed);
            if let Some(opened) = opened.filter(Opened::is_stale) {
                let sealed = self.vault.keys.seal(Purpose::Token, &place, &opened.plain)?;
                all &= self.vault.store.replace_token(key, &TokenRow { sealed, ..row }).await?;
            }
        }
        Ok(all)
    }

    fn turn(&self, key: SessionKey, resource_server: &str) -> Arc<Turn> {
        let mut turns = self.renewal.turns.lock().unwrap_or_else(PoisonError::into_inner);
        turns.retain(|_, turn| turn.strong_count() > 0);
        let name = (key, resource_server.to_owned());
        if let Some(turn) = turns.get(&name).and_then(Weak::upgrade) {
            return turn;
        }
        let turn = Arc::default();
        turns.insert(name, Arc::downgrade(&turn));
        turn
    }
}

/// The outcome of replacing tokens.
enum Replaced {
    /// They are replaced.
    Done,
    /// Not yet: meanwhile they were re-sealed with another key.
    Resealed(TokenRow),
    /// Another process has renewed them; these are the new ones.
    ByAnother(Kept),
    /// They no longer exist.
    Gone,
}
