//! Assertions: what the gate says about somebody, signed, so that an app need not trust the way that headers take.
//!
//! An assertion is a JSON Web Token (RFC 7519), signed by ES256 (RFC 7518 section 3.4), for one policy and two minutes. Apps
//! verify it with the portal's key set (RFC 7517). It is signed again when it is a minute old, or when what it says has changed;
//! in between, the same one is given, so that most gate checks sign nothing.

mod keys;

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use axum::http::HeaderValue;
use serde::Serialize;
use serde_json::json;

use self::keys::SigningKey;
use super::seal::hash;
use crate::{clock::Clock, globus::id_token::IdTokenClaims, secret::SecretKey};

/// How long an assertion is valid, in seconds.
const LIFETIME: i64 = 120;
/// How old one is given at most, in seconds. What an app gets is valid for at least the rest.
const RENEW_AFTER: i64 = 60;
/// How many are kept. One has about a kilobyte.
const MOST: usize = 4_096;
/// The longest text in an assertion, in bytes. A longer one is left out: proxies and apps take headers of some kilobytes only.
const LONGEST_TEXT: usize = 512;

/// Signs assertions, and keeps them for a while.
#[derive(Debug)]
pub struct Assertions {
    issuer: String,
    signing: SigningKey,
    key_set: String,
    clock: Clock,
    kept: Mutex<HashMap<[u8; 32], Signed>>,
}

/// An assertion.
#[derive(Clone, Debug)]
pub struct Signed {
    /// When it was signed, in seconds since 1970.
    pub signed_at: i64,
    /// The JSON Web Token.
    pub assertion: HeaderValue,
}

/// What an assertion says, without its times (RFC 7519 section 4.1; OpenID Connect Core section 5.1).
#[derive(Serialize)]
struct Said<'a> {
    iss: &'a str,
    aud: &'a str,
    sub: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    preferred_username: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    groups: Option<&'a [&'a str]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    identity_provider: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    organization: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    auth_time: Option<i64>,
}

/// All of its claims.
#[derive(Serialize)]
struct Claims<'a> {
    #[serde(flatten)]
    said: &'a Said<'a>,
    iat: i64,
    nbf: i64,
    exp: i64,
}

impl Assertions {
    /// Assertions of the portal at this public URL. The current key signs; the former ones are published too, so that what they
    /// have signed stays good for its two minutes.
    #[must_use]
    pub fn new(issuer: String, current: &SecretKey, fallbacks: &[SecretKey], clock: Clock) -> Self {
        let signing = SigningKey::derive(current);
        let mut keys = vec![signing.jwk()];
        for former in fallbacks.iter().map(|secret| SigningKey::derive(secret).jwk()) {
            if !keys.contains(&former) {
                keys.push(former);
            }
        }
        Self { issuer, signing, key_set: json!({ "keys": keys }).to_string(), clock, kept: Mutex::default() }
    }

    /// The public keys: a JWK Set (RFC 7517 section 5).
    #[must_use]
    pub fn key_set(&self) -> &str {
        &self.key_set
    }

    /// The assertion that somebody has passed a policy. `auth_time` is when they authenticated, in seconds since 1970. `groups` are
    /// those that it names; `None` if they are not known. Its audience is the policy's address at the gate, so that one for an app
    /// is not good at another. `None` if the crypto library fails.
    pub fn of(
        &self,
        policy: &str,
        claims: &IdTokenClaims,
        auth_time: Option<i64>,
        groups: Option<&[&str]>,
    ) -> Option<Signed> {
        let audience = format!("{}/oauth2/auth/{policy}", self.issuer);
        let said = Said {
            iss: &self.issuer,
            aud: &audience,
            sub: &claims.sub,
            email: short(&claims.email),
            preferred_username: short(&claims.preferred_username),
            name: short(&claims.name),
            groups,
            identity_provider: short(&claims.identity_provider),
            organization: short(&claims.organization),
            auth_time,
        };
        let key = hash(&[&serde_json::to_vec(&said).ok()?]);
        let now = self.clock.now().unix_timestamp();
        if let Some(kept) = self.kept().get(&key).filter(|kept| kept.is_good(now)) {
            return Some(kept.clone());
        }
        let signed = Signed { signed_at: now, assertion: self.sign(&said, now)? };
        self.keep(key, signed.clone());
        Some(signed)
    }

    /// Whether one that was signed at this time, in seconds since 1970, may still be given.
    #[must_use]
    pub fn is_current(&self, signed_at: i64) -> bool {
        (0..RENEW_AFTER).contains(&self.clock.now().unix_timestamp().saturating_sub(signed_at))
    }

    fn sign(&self, said: &Said<'_>, now: i64) -> Option<HeaderValue> {
        let claims = Claims { said, iat: now, nbf: now, exp: now.saturating_add(LIFETIME) };
        let text = self.signing.sign(&serde_json::to_vec(&claims).ok()?)?;
        let mut assertion = HeaderValue::try_from(text).ok()?;
        assertion.set_sensitive(true);
        Some(assertion)
    }

    fn keep(&self, key: [u8; 32], one: Signed) {
        let mut kept = self.kept();
        if kept.len() >= MOST {
            kept.retain(|_, other| other.is_good(one.signed_at));
        }
        if kept.len() >= MOST {
            kept.clear();
        }
        kept.insert(key, one);
    }

    fn kept(&self) -> MutexGuard<'_, HashMap<[u8; 32], Signed>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Signed {
    fn is_good(&self, now: i64) -> bool {
        (0..RENEW_AFTER).contains(&now.saturating_sub(self.signed_at))
    }
}

fn short(text: &Option<String>) -> Option<&str> {
    text.as_deref().filter(|text| text.len() <= LONGEST_TEXT)
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use time::{Duration, OffsetDateTime};

    use super::{Assertions, Clock, HeaderValue, IdTokenClaims, LONGEST_TEXT, MOST, SecretKey};

    fn person(name: &str) -> IdTokenClaims {
        serde_json::from_value(json!({"sub": "a", "name": name})).unwrap_or_else(|error| unreachable!("{error}"))
    }

    fn at(clock: &Clock) -> Assertions {
        Assertions::new("http://localhost".to_owned(), &SecretKey::new("a key"), &[], clock.clone())
    }

    #[test]
    fn one_is_given_again_for_a_minute_and_only_while_it_says_the_same() {
        let clock = Clock::manual(OffsetDateTime::UNIX_EPOCH);
        let assertions = at(&clock);
        let of = |policy: &str, name: &str, groups: Option<&[&str]>| {
            assertions.of(policy, &person(name), None, groups).map(|signed| signed.assertion)
        };
        let first = of("a", "Mira", None);
        assert!(first.as_ref().is_some_and(HeaderValue::is_sensitive));
        let others =
            [of("b", "Mira", None), of("a", "Mira", Some(&[])), of("a", "Mira", Some(&["g"])), of("a", "M", None)];
        assert!(others.iter().all(|other| other.is_some() && *other != first));
        clock.advance(Duration::seconds(59));
        assert_eq!(of("a", "Mira", None), first);
        clock.advance(Duration::seconds(1));
        assert_ne!(of("a", "Mira", None), first);
        clock.advance(Duration::seconds(-300));
        assert_eq!(of("a", "Mira", None), of("a", "Mira", None), "a clock that was set back");
    }

    #[test]
    fn what_is_kept_and_what_is_said_are_bounded() {
        let clock = Clock::manual(OffsetDateTime::UNIX_EPOCH);
        let assertions = at(&clock);
        for number in 0..MOST + 10 {
            let kept = super::Signed { signed_at: 0, assertion: HeaderValue::from_static("") };
            assertions.keep(super::hash(&[&number.to_be_bytes()]), kept);
            assert!(assertions.kept().len() <= MOST);
        }
        assert_eq!(assertions.kept().len(), 10);
        let length =
            |name: &str| assertions.of("a", &person(name), None, None).map_or(0, |signed| signed.assertion.len());
        assert!(length(&"x".repeat(LONGEST_TEXT)) > length("x"));
        assert!(length(&"x".repeat(LONGEST_TEXT + 1)) < length("x"), "a long name is left out");
    }
}
