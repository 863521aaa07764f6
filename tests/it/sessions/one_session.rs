//! One session that is used and changed concurrently, on every store: rows E5 and E7 of the security checklist.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use axum::{Json, Router, response::IntoResponse as _, routing::get};
use globus_portal::{clock::Clock, error::AppError, routes::logged_in::LoggedIn};
use serde_json::{Value, json};
use time::{Duration, OffsetDateTime};

use crate::harness::{
    Browser, Portal, Provider, parameter,
    place::{Place, in_memory, in_postgres, in_redis, in_sqlite},
    provider::{Request, id_token, token_response},
    steps::key_of,
};

const OLD: &str = "an-old-key-without-any-space-in-it-of-40";
const NEW: &str = "a-new-key-without-any-space-in-it-of-40-";
const TRANSFER: &str = "transfer.api.globus.org";
const GROUPS: &str = "groups.api.globus.org";
/// How long a token lasts, in seconds.
const LIFE: i64 = 3600;
const ROUNDS: usize = 8;
/// How many requests for each page run at the same time.
const REQUESTS: usize = 8;

/// A new token whose refresh token names its resource server.
fn token(resource_server: &str, number: usize) -> Value {
    json!({
        "access_token": format!("{resource_server}/access/{number}"), "scope": "all", "expires_in": LIFE,
        "refresh_token": format!("{resource_server}/refresh/{number}"), "token_type": "Bearer",
        "resource_server": resource_server,
    })
}

/// Portals on one store, and what they share.
struct House {
    provider: Provider,
    clock: Clock,
    place: Place,
    /// How long a portal may serve a session from its cache.
    cache: &'static str,
    folder: tempfile::TempDir,
    issued: Arc<AtomicUsize>,
}

impl House {
    async fn at(place: Place, cache: &'static str) -> Self {
        let provider = Provider::start().await;
        provider.on_other(|_| Json(json!({"DATA": [], "has_next_page": false})).into_response());
        let clock = Clock::manual(OffsetDateTime::from_unix_timestamp(1_800_000_000).unwrap());
        let issued = Arc::<AtomicUsize>::default();
        let (base, now, count) = (provider.good_claims("", 0), clock.clone(), issued.clone());
        provider.on_token(move |call: &Request| {
            let number = count.fetch_add(1, Ordering::SeqCst);
            if let Some((resource_server, _)) = call.field("refresh_token").and_then(|token| token.split_once('/')) {
                let mut renewed = token(resource_server, number);
                renewed["other_tokens"] = json!([]);
                return Json(renewed).into_response();
            }
            // The code is the nonce.
            let (mut claims, now) = (base.clone(), now.now().unix_timestamp());
            claims["nonce"] = call.field("code").unwrap().into();
            (claims["iat"], claims["exp"]) = (now.into(), (now + LIFE).into());
            let mut response = token_response(&id_token(&claims));
            response["other_tokens"] = json!([token(TRANSFER, number), token(GROUPS, number)]);
            Json(response).into_response()
        });
        Self { provider, clock, place, cache, folder: tempfile::tempdir().unwrap(), issued }
    }

    /// A portal with a key to seal with, and a previous or next key.
    async fn portal(&self, key: &str, other: &str) -> Portal {
        async fn groups(user: LoggedIn) -> Result<&'static str, AppError> {
            user.token(GROUPS).await?;
            Ok("a page with groups")
        }
        let builder = Portal::with().provider(&self.provider).clock(&self.clock).store(self.place.open().await);
        let builder = builder.set("REFRESH_TOKENS", "true").set("SECRET_KEY", key);
        let builder = builder.set("SESSION_CACHE_SECONDS", self.cache);
        let list = self.folder.path().join("other-keys");
        std::fs::write(&list, other).unwrap();
        let builder =
            if other.is_empty() { builder } else { builder.set("SECRET_KEY_FALLBACKS_FILE", list.to_str().unwrap()) };
        builder.pages(Router::new().route("/my-groups", get(groups))).start().await
    }

    async fn log_in(&self, begins: &Portal, ends: &Portal) -> Arc<Browser> {
        let browser = Browser::new();
        let authorize = begins.begin_login(&browser, "").await;
        let answer = browser.get(&ends.callback(&authorize, &parameter(&authorize, "nonce").unwrap())).await;
        assert_eq!(answer.status, 303, "{}", answer.body);
        Arc::new(browser)
    }
}

async fn looks_at(portal: &Portal, browser: &Browser, path: &str) {
    let answer = browser.get(&portal.url(path)).await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.body);
    assert_eq!(answer.set_cookies(), [""; 0], "{path}");
}

/// At the same time, the tokens of two resource servers are renewed, the use of the session is recorded, and everything is
/// re-sealed with another key.
async fn many_changes(place: Place) {
    let house = House::at(place, "0").await;
    let (old, new) = (house.portal(OLD, "").await, Arc::new(house.portal(NEW, OLD).await));
    let mut browsers = Vec::new();
    for round in 0..ROUNDS {
        let browser = house.log_in(&old, &old).await;
        house.clock.advance(Duration::seconds(LIFE));
        let before = house.issued.load(Ordering::SeqCst);
        let visits = (0..3 * REQUESTS).map(|i| {
            let (new, browser, path) =
                (new.clone(), browser.clone(), ["/endpoints", "/my-groups", "/"][(i + round) % 3]);
            tokio::spawn(async move { looks_at(&new, &browser, path).await })
        });
        for visit in visits.collect::<Vec<_>>() {
            visit.await.unwrap();
        }
        // Each token was renewed once, and both are there; the use is recorded.
        assert_eq!(house.issued.load(Ordering::SeqCst), before + 2);
        let (key, store) = (key_of(&new, &browser), house.place.open().await);
        for resource_server in [TRANSFER, GROUPS] {
            let token = new.app.tokens.fresh(key, resource_server).await.unwrap();
            let number: usize = token.expose_secret().rsplit('/').next().unwrap().parse().unwrap();
            assert!(token.expose_secret().starts_with(resource_server) && number >= before);
        }
        assert_eq!(house.issued.load(Ordering::SeqCst), before + 2);
        assert_eq!(store.session(key).await.unwrap().unwrap().last_seen, house.clock.now());

        // Tokens renewed at that moment are already sealed with the new key, and the next visit re-seals the rest.
        looks_at(&new, &browser, "/").await;
        let tokens = store.tokens(key).await.unwrap();
        let record = store.session(key).await.unwrap().unwrap().record;
        let mut key_ids: Vec<&[u8]> = tokens.iter().map(|row| &row.sealed[1..5]).chain([&record[1..5]]).collect();
        key_ids.dedup();
        assert_eq!((tokens.len(), key_ids.len()), (3, 1), "round {round}: {key_ids:?}");
        store.close().await;
        browsers.push(browser);
    }
    drop(old);
    // The old key is removed.
    let last = house.portal(NEW, "").await;
    for browser in browsers {
        for path in ["/", "/endpoints", "/my-groups"] {
            looks_at(&last, &browser, path).await;
        }
    }
}

/// Portals on one store rotate the key one after the other: first all can open the new one, then each seals with it.
async fn another_key(place: Place, cache: &'static str) {
    let house = House::at(place, cache).await;
    let first = house.portal(OLD, "").await;
    let (long_since, idle) = (house.log_in(&first, &first).await, house.log_in(&first, &first).await);
    drop(first);
    let knows = house.portal(OLD, NEW).await;
    let seals = house.portal(NEW, OLD).await;
    // For a while there are portals of both kinds, and a browser may reach any of them.
    let mut browsers = vec![long_since];
    for (begins, ends) in [(&knows, &knows), (&knows, &seals), (&seals, &knows), (&seals, &seals)] {
        browsers.push(house.log_in(begins, ends).await);
    }
    for _ in 0..3 {
        house.clock.advance(Duration::seconds(LIFE));
        for browser in &browsers {
            // The token is renewed where the cached session may be from before the other portal re-sealed it.
            for (portal, path) in [(&knows, "/"), (&seals, "/"), (&knows, "/endpoints"), (&seals, "/profile")] {
                looks_at(portal, browser, path).await;
            }
        }
    }
    drop(knows);
    let all = house.portal(NEW, OLD).await;
    for browser in &browsers {
        looks_at(&all, browser, "/endpoints").await;
    }
    drop((seals, all));
    // Without the old key, the sessions used since then are still valid.
    let last = house.portal(NEW, "").await;
    for browser in &browsers {
        for path in ["/", "/endpoints", "/my-groups"] {
            looks_at(&last, browser, path).await;
        }
    }
    assert_eq!(idle.get(&last.url("/")).await.status, 303);
}

macro_rules! story {
    ($test:ident: $($place:ident)* => $story:expr) => {
        mod $test {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $place() {
                if let Some(place) = super::$place(concat!(stringify!($test), "::", stringify!($place))).await {
                    $story(place).await;
                }
            })*
        }
    };
}

// Row E5.
story! {
    changes_of_different_parts_at_the_same_time_all_survive: in_memory in_sqlite in_redis in_postgres => super::many_changes
}
// Row E7.
story! {
    portals_change_the_key_one_after_the_other_and_nobody_is_logged_out:
        in_redis in_postgres => (|place| super::another_key(place, "0"))
}
story! {
    portals_that_remember_sessions_change_the_key_one_after_the_other_too:
        in_redis in_postgres => (|place| super::another_key(place, "300"))
}
