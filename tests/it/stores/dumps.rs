//! A stolen store, or a copy of it, contains no token, no cookie and no person's name: row D11 of the security checklist,
//! for each persistent store.

use std::{
    fs,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use axum::{Json, http::StatusCode, response::IntoResponse as _};
use globus_portal::clock::Clock;
use redis::{Cmd, FromRedisValue, Value as Found};
use reqwest::Method;
use serde_json::{Value, json};
use time::{Duration, OffsetDateTime};

use crate::harness::{
    Browser, Portal, PostgresServer, Provider,
    leak::{Secret, assert_free, holds},
    parameter,
    place::{Place, in_postgres, in_redis, in_sqlite},
    provider::{Request, id_token, token_response},
    steps::key_of,
};

/// Every secret and every name contains this.
const MARK: &str = "XYLOPHONE";
const TRANSFER: &str = "transfer.api.globus.org";
/// Headers with the user agent of a browser and its address.
const HEADERS: [(&str, &str); 3] = [
    ("user-agent", "Mozilla/5.0 (X11; CrOS x86_64) SamsungBrowser/99"),
    ("x-forwarded-for", "203.0.113.77"),
    ("sec-fetch-site", "same-origin"),
];

fn claims(base: &Value) -> Value {
    let mut claims = base.clone();
    for name in ["sub", "name", "organization", "identity_provider", "identity_provider_display_name"] {
        claims[name] = format!("{MARK}-{name}").into();
    }
    for name in ["preferred_username", "email"] {
        claims[name] = format!("{MARK}-{name}@northfield.example").into();
    }
    claims["identity_set"] = json!([
        {"sub": claims["sub"], "username": format!("{MARK}-linked@ridgeline.example"), "name": format!("{MARK} linked")},
    ]);
    claims
}

/// A portal and its Globus, which issues a different token each time; all expire within the hour.
struct Walk {
    provider: Provider,
    portal: Portal,
    clock: Clock,
    issued: Arc<AtomicUsize>,
    secrets: Vec<Secret>,
}

impl Walk {
    async fn at(place: &Place) -> Self {
        let provider = Provider::start().await;
        provider.on_other(|_| Json(json!({"DATA": [], "has_next_page": false})).into_response());
        let clock = Clock::manual(OffsetDateTime::from_unix_timestamp(1_800_000_000).unwrap());
        let store = place.open().await;
        let portal = Portal::with().provider(&provider).clock(&clock).store(store).set("TRUSTED_PROXIES", "127.0.0.1");
        let portal = portal.set("REFRESH_TOKENS", "true").start().await;
        let secrets = ["Samsung Internet", "ChromeOS", "203.0.113.77", "northfield.example", "ridgeline.example", MARK];
        let secrets = secrets.map(|text| Secret::new(text, text.as_bytes())).into();
        Self { provider, portal, clock, issued: Arc::default(), secrets }
    }

    /// Starts a login that Globus accepts; returns the callback.
    async fn begin(&mut self, browser: &Browser) -> String {
        let authorize = self.portal.begin_login(browser, "").await;
        let nonce = parameter(&authorize, "nonce").unwrap();
        let id_token = id_token(&claims(&self.provider.good_claims(&nonce, self.clock.now().unix_timestamp())));
        for part in id_token.split('.') {
            self.secrets.push(Secret::new("a part of an id_token", part.as_bytes()));
        }
        self.secrets.push(Secret::new("a nonce", nonce.as_bytes()));
        self.secrets.extend(Secret::encoded("a state", &parameter(&authorize, "state").unwrap()));
        let issued = self.issued.clone();
        self.provider.on_token(move |call| Json(tokens(call, &id_token, &issued)).into_response());
        self.portal.callback(&authorize, &format!("{MARK}-code"))
    }

    async fn log_in(&mut self) -> Browser {
        let browser = Browser::new();
        let callback = self.begin(&browser).await;
        let answer = browser.get_with(&callback, &HEADERS).await;
        assert_eq!(answer.status, 303, "{}", answer.body);
        for cookie in browser.cookie_values() {
            self.secrets.extend(Secret::encoded("a cookie", &cookie));
        }
        browser
    }
}

/// A token response with new tokens.
fn tokens(call: &Request, id_token: &str, issued: &AtomicUsize) -> Value {
    let number = issued.fetch_add(1, Ordering::SeqCst);
    let token = |resource_server: &str| {
        json!({
            "access_token": format!("{MARK}-access-{number}"), "refresh_token": format!("{MARK}-refresh-{number}"),
            "scope": "all", "expires_in": 3600, "token_type": "Bearer", "resource_server": resource_server,
        })
    };
    if call.field("refresh_token").is_some() {
        let mut renewed = token(TRANSFER);
        renewed["other_tokens"] = json!([]);
        return renewed;
    }
    let mut response = token_response(id_token);
    response["access_token"] = "SENTINEL-auth-access-token".into();
    response["refresh_token"] = format!("{MARK}-auth-refresh").into();
    response["other_tokens"] = json!([token(TRANSFER)]);
    response
}

/// Everything that can happen to a session, and then a search of all that is stored.
async fn a_dump_tells_nothing(place: Place) {
    let mut walk = Walk::at(&place).await;
    let refusing = Browser::new();
    let callback = walk.begin(&refusing).await.replace("code=", "error=access_denied&error_description=");
    assert_eq!(refusing.get(&callback).await.status, 403);
    let browser = walk.log_in().await;
    walk.clock.advance(Duration::hours(1));
    // The portal has all of it, and has renewed a token.
    for (path, says) in
        [("/endpoints", MARK), ("/profile", MARK), ("/sessions", "203.0.113.77"), ("/sessions", "Samsung")]
    {
        let page = browser.get(&walk.portal.url(path)).await;
        assert!(page.status == 200 && page.body.contains(says), "{path}: {}", page.body);
    }
    assert_eq!(walk.issued.load(Ordering::SeqCst), 2);
    // Globus does not revoke, so the tokens stay queued.
    let gone = walk.log_in().await;
    let (key, gone_key) = (key_of(&walk.portal, &browser), key_of(&walk.portal, &gone));
    walk.provider.on_revoke(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response());
    let out = gone.send(Method::POST, &walk.portal.url("/logout"), &HEADERS, Some(&[])).await;
    assert_eq!(out.status, 303);
    // Another token is being renewed.
    walk.clock.advance(Duration::hours(1));
    let gate = walk.provider.hold_tokens();
    let (browser, url) = (Arc::new(browser), walk.portal.url("/endpoints"));
    let renewing = {
        let browser = browser.clone();
        tokio::spawn(async move { browser.get(&url).await.status })
    };
    gate.arrival().await;

    walk.secrets.push(Secret::new("the app's secret", b"SENTINEL"));
    let in_hex: Vec<Secret> = walk.secrets.iter().map(Secret::in_hex).collect();
    walk.secrets.extend(in_hex);
    let dumps = dump(&place).await;
    for (name, bytes) in &dumps {
        assert_free(name, bytes, &walk.secrets);
    }
    // What must be there is found: the session, the tokens to revoke, and their owners.
    for wanted in [&key.0[..], &gone_key.0, TRANSFER.as_bytes()] {
        assert!(dumps.iter().any(|(_, bytes)| holds(bytes, wanted)), "too little was looked at");
    }
    gate.open();
    assert_eq!(renewing.await.unwrap(), 200);

    // And a portal that did not seal would be caught.
    place.open().await.update_record(key, MARK.as_bytes()).await.unwrap();
    assert!(dump(&place).await.iter().any(|(_, bytes)| holds(bytes, MARK.as_bytes())));
}

/// All that is stored: the raw files, and everything that the server shows its administrator.
async fn dump(place: &Place) -> Vec<(String, Vec<u8>)> {
    let mut dumps = Vec::new();
    match place {
        Place::Memory(_) => {}
        Place::Sqlite(folder) => files_in(folder.path(), &mut dumps),
        Place::Postgres(url) => {
            let (server, database) = (PostgresServer::shared().await, url.rsplit('/').next().unwrap());
            dumps.extend(server.dump(database).map(|text| ("pg_dump".to_owned(), text)));
            let tables = server.sql(database, "SELECT tablename FROM pg_tables WHERE schemaname = 'globus_portal'");
            for table in tables.lines() {
                let rows = server.sql(database, &format!("SELECT t.*, t::text FROM globus_portal.{table} t"));
                dumps.push((table.to_owned(), rows.into_bytes()));
            }
        }
        Place::Redis(url) => {
            let values: Vec<u8> = redis_values(url).await;
            dumps.push(("the values of Redis".to_owned(), values));
            let folder: Vec<String> = ask(url, &[b"CONFIG", b"GET", b"dir"]).await;
            files_in(Path::new(&folder[1]), &mut dumps);
        }
    }
    dumps
}

fn files_in(folder: &Path, found: &mut Vec<(String, Vec<u8>)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files_in(&path, found);
        } else {
            found.push((path.display().to_string(), fs::read(&path).unwrap()));
        }
    }
}

async fn ask<T: FromRedisValue>(url: &str, words: &[&[u8]]) -> T {
    let client = redis::Client::open(url).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let mut command = Cmd::new();
    for word in words {
        command.arg(*word);
    }
    command.query_async(&mut connection).await.unwrap()
}

/// Every key of a database, and every value, whatever its type.
async fn redis_values(url: &str) -> Vec<u8> {
    let mut all = Vec::new();
    for key in ask::<Vec<Vec<u8>>>(url, &[b"KEYS", b"*"]).await {
        let kind: String = ask(url, &[b"TYPE", &key]).await;
        let words: &[&[u8]] = match &*kind {
            "string" => &[b"GET", &key],
            "hash" => &[b"HGETALL", &key],
            "set" => &[b"SMEMBERS", &key],
            "zset" => &[b"ZRANGE", &key, b"0", b"-1", b"WITHSCORES"],
            "list" => &[b"LRANGE", &key, b"0", b"-1"],
            kind => panic!("a value of the type {kind}"),
        };
        all.extend_from_slice(&key);
        flatten(ask(url, words).await, &mut all);
    }
    all
}

fn flatten(found: Found, all: &mut Vec<u8>) {
    all.push(b'\n');
    match found {
        Found::BulkString(bytes) => all.extend(bytes),
        Found::Array(members) => members.into_iter().for_each(|member| flatten(member, all)),
        other => all.extend(format!("{other:?}").into_bytes()),
    }
}

macro_rules! on_durable_stores {
    ($($place:ident)*) => {
        $(mod $place {
            #[tokio::test(flavor = "multi_thread")]
            async fn a_dump_tells_no_token_no_cookie_and_no_name() {
                if let Some(place) = super::$place("a_dump_tells_no_token_no_cookie_and_no_name").await {
                    super::a_dump_tells_nothing(place).await;
                }
            }
        })*
    };
}

// Rows D1 and D11.
on_durable_stores! { in_sqlite in_redis in_postgres }
