//! Three portals on one store, each a process of its own: a refresh token is used once, a logout is final everywhere, and
//! one that is killed takes nobody with it. Rows D4, D5, E4, E6, E8 and K6 of the security checklist.
//!
//! `ROUNDS` says how often the rounds of a test are repeated, and `REQUESTS` how many requests there are at the same time
//! at each portal.

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{Json, http::StatusCode, response::IntoResponse as _};
use serde_json::{Value, json};
use tempfile::TempDir;
use url::Url;

use crate::harness::{
    Browser, Process, Provider, fresh_postgres, fresh_redis, parameter, portal_at,
    provider::{CLIENT_ID, CLIENT_SECRET, id_token, token_response},
    skip_without_postgres, skip_without_redis,
};

/// How long it takes at most until a provider knows that who asked has been killed.
const GONE_WITHIN: Duration = Duration::from_millis(1500);

fn number(name: &str, default: usize) -> usize {
    std::env::var(name).ok().map_or(default, |text| text.parse().unwrap())
}

/// Refresh tokens of a provider that makes a new one at each use, and takes back everything at a second use of one.
#[derive(Default)]
struct Grants {
    uses: HashMap<String, usize>,
    made: usize,
}

impl Grants {
    /// The tokens for Transfer: those of a login are about to expire, those of a refresh are not.
    fn issue(&mut self, expires_in: u32) -> Value {
        self.made += 1;
        let refresh_token = format!("refresh-{}", self.made);
        self.uses.insert(refresh_token.clone(), 0);
        json!({
            "access_token": format!("access-{}", self.made), "refresh_token": refresh_token, "scope": "all",
            "expires_in": expires_in, "token_type": "Bearer", "resource_server": "transfer.api.globus.org",
        })
    }

    fn most_uses(&self) -> usize {
        self.uses.values().copied().max().unwrap_or(0)
    }
}

struct Replica {
    process: Process,
    base: String,
}

struct Stage {
    provider: Provider,
    grants: Arc<Mutex<Grants>>,
    replicas: Vec<Replica>,
    store: String,
    folder: TempDir,
}

impl Stage {
    async fn on(store: String) -> Self {
        let provider = Provider::start().await;
        let grants = Arc::new(Mutex::new(Grants::default()));
        provider.on_other(|_| {
            let page =
                json!({"DATA_TYPE": "endpoint_list", "DATA": [], "has_next_page": false, "limit": 25, "offset": 0});
            Json(page).into_response()
        });
        let known = grants.clone();
        let claims = provider.good_claims("", 0);
        provider.on_token(move |call| {
            let mut grants = known.lock().unwrap();
            if let Some(used) = call.field("refresh_token") {
                let uses = grants.uses.get_mut(used).unwrap();
                *uses += 1;
                if *uses > 1 {
                    return (StatusCode::BAD_REQUEST, Json(json!({"error": "invalid_grant"}))).into_response();
                }
                let mut renewed = grants.issue(3600);
                renewed["other_tokens"] = json!([]);
                return Json(renewed).into_response();
            }
            // The code is the nonce.
            let now = time::OffsetDateTime::UNIX_EPOCH + std::time::UNIX_EPOCH.elapsed().unwrap();
            let mut claims = claims.clone();
            claims["nonce"] = call.field("code").unwrap().into();
            claims["iat"] = now.unix_timestamp().into();
            claims["exp"] = (now.unix_timestamp() + 3600).into();
            let mut response = token_response(&id_token(&claims));
            response["other_tokens"] = json!([grants.issue(30)]);
            Json(response).into_response()
        });
        let mut stage = Self { provider, grants, replicas: Vec::new(), store, folder: TempDir::new().unwrap() };
        for number in 0..3 {
            let replica = stage.start(number).await;
            stage.replicas.push(replica);
        }
        stage
    }

    async fn start(&self, number: usize) -> Replica {
        let (mut command, base) = portal_at(self.folder.path(), &self.provider.base);
        command
            .env("GLOBUS_PORTAL_SESSION_STORE", &self.store)
            .env("GLOBUS_PORTAL_APP_CLIENT_ID", CLIENT_ID)
            .env("GLOBUS_PORTAL_APP_CLIENT_SECRET", CLIENT_SECRET)
            .env("GLOBUS_PORTAL_REFRESH_TOKENS", "true")
            .env("GLOBUS_PORTAL_REFRESH_TIMEOUT_SECONDS", "4");
        let printed: PathBuf = self.folder.path().join(format!("replica-{number}.log"));
        let mut process = Process::start(&mut command, &printed);
        process.says("Listening on").await;
        Replica { process, base }
    }

    /// A login at the first replica.
    async fn log_in(&self) -> Arc<Browser> {
        let browser = Browser::new();
        let base = &self.replicas[0].base;
        let authorize: Url = browser.get(&format!("{base}/login")).await.location();
        let (nonce, state) = (parameter(&authorize, "nonce").unwrap(), parameter(&authorize, "state").unwrap());
        let answer = browser.get(&format!("{base}/login?code={nonce}&state={state}")).await;
        assert_eq!(answer.status, 303, "{}", answer.body);
        Arc::new(browser)
    }

    /// Asks every replica for a page that needs a token, so often at the same time. Gives the statuses by replica; one that
    /// was killed has none.
    fn ask(&self, browser: &Arc<Browser>, times: usize) -> Vec<(usize, tokio::task::JoinHandle<u16>)> {
        let ask = |number: usize| {
            let (browser, url) = (browser.clone(), format!("{}/endpoints", self.replicas[number].base));
            (number, tokio::spawn(async move { browser.get(&url).await.status.as_u16() }))
        };
        (0..times * self.replicas.len()).map(|i| ask(i % self.replicas.len())).collect()
    }

    async fn refresh_rounds(&mut self) {
        for round in 0..number("ROUNDS", 3) {
            let browser = self.log_in().await;
            let kills = round % 2 == 1;
            let gate = self.provider.hold_tokens();
            let asked = self.ask(&browser, number("REQUESTS", 20));
            gate.arrival().await;
            if kills {
                self.replicas[0].process.signal("KILL");
                // If it was the one that renews, the provider sees it gone before it has answered, and so has used nothing.
                let gone = async {
                    while gate.waiting() > 0 {
                        tokio::time::sleep(Duration::from_millis(5)).await;
                    }
                };
                let _ = tokio::time::timeout(GONE_WITHIN, gone).await;
            }
            gate.open();
            for (number, status) in asked {
                match status.await {
                    Ok(status) => assert!(matches!(status, 200 | 503), "round {round}: {status}"),
                    Err(_) => assert!(kills && number == 0, "round {round}: replica {number} did not answer"),
                }
            }
            for replica in &self.replicas[1..] {
                let page = browser.get(&format!("{}/endpoints", replica.base)).await;
                assert_eq!(page.status, 200, "round {round}: {}", page.body);
            }
            assert_eq!(self.grants.lock().unwrap().most_uses(), 1, "round {round}");
            if kills {
                self.replicas[0] = self.start(0).await;
                let front = browser.get(&format!("{}/", self.replicas[0].base)).await;
                assert_eq!(front.status, 200, "round {round}: a new process knows the session");
            }
        }
    }

    async fn logout_rounds(&self) {
        for round in 0..number("ROUNDS", 5) {
            let browser = self.log_in().await;
            let cookie = browser.cookie("localhost", "session").unwrap();
            let in_flight = self.ask(&browser, number("REQUESTS", 16));
            let out = browser.submit(&format!("{}/logout", self.replicas[round % 3].base), &[]).await;
            assert_eq!(out.status, 303);
            let old = Browser::new();
            old.set_cookie("localhost", "session", &cookie);
            for (_, status) in in_flight {
                let status = status.await.unwrap();
                assert!(matches!(status, 200 | 303 | 503), "round {round}: {status}");
            }
            for replica in &self.replicas {
                let page = old.get(&format!("{}/profile", replica.base)).await;
                assert_eq!(page.status, 303, "round {round}: the old cookie is alive");
            }
        }
    }
}

macro_rules! on_each_store {
    ($($test:ident = $rounds:ident;)*) => {
        mod on_postgres {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $test() {
                if !super::skip_without_postgres(stringify!($test)) {
                    super::Stage::on(super::fresh_postgres().await).await.$rounds().await;
                }
            })*
        }

        mod on_redis {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $test() {
                if !super::skip_without_redis(stringify!($test)) {
                    super::Stage::on(super::fresh_redis().await).await.$rounds().await;
                }
            })*
        }
    };
}

// Rows D4, D5 and E8; row E4.
on_each_store! {
    each_refresh_token_is_used_once_though_one_process_is_killed = refresh_rounds;
    after_a_logout_the_old_cookie_is_dead_on_every_replica = logout_rounds;
}
