//! The portals, the provider they share, and people who log in.

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard},
};

use axum::{Json, http::StatusCode, response::IntoResponse as _};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use url::Url;

use crate::harness::{
    Answer, Browser, Process, Provider, free_port, parameter, portal_at,
    provider::{CLIENT_ID, CLIENT_SECRET, id_token, token_response},
};

/// How long the provider may take to renew a token, in seconds.
pub const REFRESH_TIMEOUT: u32 = 4;

/// The refresh tokens of a provider that rotates them, and revokes everything when one is used twice.
#[derive(Default)]
pub struct Grants {
    uses: HashMap<String, usize>,
    made: usize,
}

impl Grants {
    /// The tokens for Transfer: those of a login have already expired, those of a refresh are valid.
    fn issue(&mut self, expires_in: u32) -> Value {
        self.made += 1;
        let refresh_token = format!("refresh-{}", self.made);
        self.uses.insert(refresh_token.clone(), 0);
        json!({
            "access_token": format!("access-{}", self.made), "refresh_token": refresh_token, "scope": "all",
            "expires_in": expires_in, "token_type": "Bearer", "resource_server": "transfer.api.globus.org",
        })
    }

    pub fn most_uses(&self) -> usize {
        self.uses.values().copied().max().unwrap_or(0)
    }

    /// How often tokens were renewed.
    pub fn renewals(&self) -> usize {
        self.uses.values().sum()
    }

    /// The valid refresh tokens, and the access tokens issued with them. (Those of a used refresh token have expired or are
    /// about to.)
    pub fn good(&self) -> Vec<String> {
        let unused = self.uses.iter().filter(|(_, uses)| **uses == 0);
        unused.flat_map(|(token, _)| [token.clone(), token.replace("refresh", "access")]).collect()
    }
}

pub struct Replica {
    pub process: Process,
    pub base: String,
    port: u16,
}

pub struct Stage {
    pub provider: Provider,
    pub replicas: Vec<Replica>,
    grants: Arc<Mutex<Grants>>,
    store: String,
    settings: Vec<(String, String)>,
    folder: TempDir,
}

impl Stage {
    /// This many portals on a store, with additional settings.
    pub async fn with(count: usize, store: &str, settings: &[(&str, &str)]) -> Self {
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
            response["other_tokens"] = json!([grants.issue(0)]);
            Json(response).into_response()
        });
        let settings = settings.iter().map(|(key, value)| (format!("GLOBUS_PORTAL_{key}"), (*value).to_owned()));
        let mut stage = Self {
            provider,
            grants,
            replicas: Vec::new(),
            store: store.to_owned(),
            settings: settings.collect(),
            folder: TempDir::new().unwrap(),
        };
        for _ in 0..count {
            let replica = stage.start_at(free_port()).await;
            stage.replicas.push(replica);
        }
        stage
    }

    /// A process on this port.
    async fn start_at(&self, port: u16) -> Replica {
        let (mut command, _) = portal_at(self.folder.path(), &self.provider.base);
        command
            .env("GLOBUS_PORTAL_LISTEN", format!("127.0.0.1:{port}"))
            .env("GLOBUS_PORTAL_SERVER_NAME", format!("localhost:{port}"))
            .env("GLOBUS_PORTAL_SESSION_STORE", &self.store)
            .env("GLOBUS_PORTAL_APP_CLIENT_ID", CLIENT_ID)
            .env("GLOBUS_PORTAL_APP_CLIENT_SECRET", CLIENT_SECRET)
            .env("GLOBUS_PORTAL_REFRESH_TOKENS", "true")
            .env("GLOBUS_PORTAL_REFRESH_TIMEOUT_SECONDS", REFRESH_TIMEOUT.to_string())
            .envs(self.settings.iter().map(|(key, value)| (key, value)));
        let printed: PathBuf = self.folder.path().join(format!("{port}.log"));
        let mut process = Process::start(&mut command, &printed);
        process.says("Listening on").await;
        Replica { process, base: format!("http://localhost:{port}"), port }
    }

    /// Replaces a process that has ended.
    pub async fn start_again(&mut self, number: usize) {
        self.replicas[number] = self.start_at(self.replicas[number].port).await;
    }

    pub fn grants(&self) -> MutexGuard<'_, Grants> {
        self.grants.lock().unwrap()
    }

    /// The URL of a portal's page.
    pub fn url(&self, replica: usize, path: &str) -> String {
        format!("{}{path}", self.replicas[replica].base)
    }

    /// Starts a login at a portal; returns its callback.
    pub async fn begin_login(&self, browser: &Browser, replica: usize) -> String {
        let authorize: Url = browser.get(&self.url(replica, "/login")).await.location();
        let (nonce, state) = (parameter(&authorize, "nonce").unwrap(), parameter(&authorize, "state").unwrap());
        self.url(replica, &format!("/login?code={nonce}&state={state}"))
    }

    /// A login at the first portal.
    pub async fn log_in(&self) -> Arc<Browser> {
        let browser = Browser::new();
        let callback = self.begin_login(&browser, 0).await;
        let answer = browser.get(&callback).await;
        assert_eq!(answer.status, 303, "{}", answer.body);
        Arc::new(browser)
    }

    /// Requests a page from a portal, in a separate task.
    pub fn asks(&self, browser: &Arc<Browser>, replica: usize, path: &str) -> JoinHandle<Answer> {
        let (browser, url) = (browser.clone(), self.url(replica, path));
        tokio::spawn(async move { browser.get(&url).await })
    }

    /// Asserts that a page that needs a token works at every portal, and that no refresh token was used twice.
    pub async fn assert_works_everywhere(&self, browser: &Browser) {
        for replica in 0..self.replicas.len() {
            let page = browser.get(&self.url(replica, "/endpoints")).await;
            assert_eq!(page.status, 200, "replica {replica}: {}", page.body);
        }
        assert_eq!(self.grants().most_uses(), 1);
    }

    /// Requests a page that needs a token from every portal, this many times at once. Returns the statuses by portal; none
    /// where there was no answer.
    pub fn ask(&self, browser: &Arc<Browser>, times: usize) -> Vec<(usize, JoinHandle<Option<u16>>)> {
        let ask = |number: usize| {
            let (browser, url) = (browser.clone(), self.url(number, "/endpoints"));
            (number, tokio::spawn(async move { Some(browser.try_get(&url).await.ok()?.status.as_u16()) }))
        };
        (0..times * self.replicas.len()).map(|i| ask(i % self.replicas.len())).collect()
    }
}
