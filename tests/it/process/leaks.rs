//! No token, code, secret or cookie leaks: not into the log at any level, not into the session store's files, not into what
//! the browser gets.

use std::{
    fs,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use aws_lc_rs::digest;
use axum::{
    Json,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use globus_portal::clock::Clock;
use serde_json::{Value, json};
use tempfile::TempDir;
use url::Url;

use crate::harness::{
    Answer, Browser, Process, Provider,
    collector::Collector,
    leak::{Secret, assert_free, characters},
    parameter, portal_at,
    provider::{CLIENT_ID, CLIENT_SECRET, Request, at_hash, id_token},
};

const SECRET_KEY: &str = "SENTINEL secret key, long enough to be one";

/// How the stand-in for Globus misbehaves at the next call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trouble {
    None,
    /// Refuses the code and repeats it.
    Grant,
    /// Refuses the client and repeats its secret.
    Client,
    /// An answer with tokens breaks off.
    BrokenOff,
    /// An id_token of another person.
    Nonce,
    /// A failure that repeats the request.
    Echo,
}

/// What the test and the stand-in share.
struct Shared {
    nonce: Mutex<String>,
    trouble: Mutex<Trouble>,
    issued: AtomicUsize,
}

impl Shared {
    fn set(&self, trouble: Trouble) {
        *self.trouble.lock().unwrap() = trouble;
    }

    fn trouble(&self) -> Trouble {
        *self.trouble.lock().unwrap()
    }

    /// An answer of the token endpoint: tokens of Globus Auth and of Transfer, which has nearly expired.
    fn tokens(&self, base: &str) -> Value {
        let count = self.issued.fetch_add(1, Ordering::SeqCst);
        let access_token = format!("SENTINEL-auth-access-{count}");
        let nonce = match self.trouble() {
            Trouble::Nonce => "another".to_owned(),
            _ => self.nonce.lock().unwrap().clone(),
        };
        let hash = digest::digest(&digest::SHA256, &count.to_be_bytes());
        let now = Clock::system().now().unix_timestamp();
        let claims = json!({
            "iss": base, "sub": URL_SAFE_NO_PAD.encode(&hash.as_ref()[..8]), "aud": CLIENT_ID, "exp": now + 3600,
            "iat": now, "nonce": nonce, "at_hash": at_hash(&access_token), "name": "Person",
            "preferred_username": "person@example.org",
        });
        json!({
            "access_token": access_token, "refresh_token": format!("SENTINEL-auth-refresh-{count}"),
            "scope": "openid profile email", "expires_in": 172_800, "token_type": "Bearer",
            "resource_server": "auth.globus.org", "id_token": id_token(&claims),
            "other_tokens": [{
                "access_token": format!("SENTINEL-transfer-access-{count}"),
                "refresh_token": format!("SENTINEL-transfer-refresh-{count}"),
                "scope": "urn:globus:auth:scope:transfer.api.globus.org:all", "expires_in": 30,
                "token_type": "Bearer", "resource_server": "transfer.api.globus.org",
            }],
        })
    }

    fn token_endpoint(&self, base: &str, call: &Request) -> Response {
        let echo = format!("{:?} {:?}", call.form, call.headers[header::AUTHORIZATION]);
        let refusal = |status: StatusCode, error: &str| {
            (status, Json(json!({"error": error, "error_description": echo, "message": echo}))).into_response()
        };
        match self.trouble() {
            Trouble::Grant => refusal(StatusCode::UNAUTHORIZED, "invalid_grant"),
            Trouble::Client => refusal(StatusCode::UNAUTHORIZED, "invalid_client"),
            Trouble::Echo => refusal(StatusCode::INTERNAL_SERVER_ERROR, "server_error"),
            Trouble::BrokenOff => {
                let whole = self.tokens(base).to_string();
                ([(header::CONTENT_TYPE, "application/json")], whole[..whole.len() - 2].to_owned()).into_response()
            }
            Trouble::None | Trouble::Nonce if call.field("grant_type") == Some("refresh_token") => {
                let count = self.issued.fetch_add(1, Ordering::SeqCst);
                Json(json!({
                    "access_token": format!("SENTINEL-renewed-access-{count}"),
                    "refresh_token": call.field("refresh_token"), "expires_in": 172_800, "token_type": "Bearer",
                    "scope": "urn:globus:auth:scope:transfer.api.globus.org:all",
                    "resource_server": "transfer.api.globus.org", "other_tokens": [],
                }))
                .into_response()
            }
            Trouble::None | Trouble::Nonce => Json(self.tokens(base)).into_response(),
        }
    }

    fn endpoint_search(&self, headers: &HeaderMap) -> Response {
        let echo = format!("{headers:?} {:?}", headers[header::AUTHORIZATION]);
        match self.trouble() {
            Trouble::None => Json(json!({
                "DATA": [{"id": "endpoint-1", "display_name": "Endpoint One", "owner_string": "person@example.org"}],
                "has_next_page": false,
            }))
            .into_response(),
            Trouble::BrokenOff => {
                ([(header::CONTENT_TYPE, "application/json")], format!("{{\"DATA\": {echo:?}")).into_response()
            }
            _ => {
                let document = json!({"code": "InternalError", "message": echo, "request_id": "abc"});
                (StatusCode::INTERNAL_SERVER_ERROR, Json(document)).into_response()
            }
        }
    }
}

/// A portal as a process, a stand-in for Globus that exposes its secrets, and everything that was captured.
struct Walk {
    folder: TempDir,
    base: String,
    process: Process,
    provider: Provider,
    collector: Collector,
    shared: Arc<Shared>,
    browser: Browser,
    /// Answers of the portal, except those that start a login: these must have the state and a cookie.
    answers: Vec<Answer>,
    secrets: Vec<Secret>,
    codes: usize,
}

impl Walk {
    async fn start(log_format: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let provider = Provider::start().await;
        let trouble = Mutex::new(Trouble::None);
        let shared = Arc::new(Shared { nonce: Mutex::default(), trouble, issued: AtomicUsize::new(0) });
        let (of_token, of_revoke, base) = (shared.clone(), shared.clone(), provider.base.clone());
        provider.on_token(move |call| of_token.token_endpoint(&base, call));
        provider.on_revoke(move |call| match of_revoke.trouble() {
            Trouble::None => Json(json!({"active": false})).into_response(),
            _ => (StatusCode::INTERNAL_SERVER_ERROR, Json(json!({"error": "e", "message": call.form}))).into_response(),
        });
        let of_transfer = shared.clone();
        provider.on_other(move |call| match call.uri.path() {
            "/v0.10/endpoint_search" => of_transfer.endpoint_search(&call.headers),
            _ => StatusCode::NOT_FOUND.into_response(),
        });
        let collector = Collector::start().await;
        let (mut command, base) = portal_at(folder.path(), &provider.base);
        command
            .env("GLOBUS_PORTAL_OTLP_ENDPOINT", &collector.base)
            .env("GLOBUS_PORTAL_OTLP_HEADERS", "api-key=SENTINEL-of-the-collector")
            .env("GLOBUS_PORTAL_SECRET_KEY", SECRET_KEY)
            .env("GLOBUS_PORTAL_APP_CLIENT_ID", CLIENT_ID)
            .env("GLOBUS_PORTAL_APP_CLIENT_SECRET", CLIENT_SECRET)
            .env("GLOBUS_PORTAL_SESSION_STORE", "sqlite:sessions.db")
            .env("GLOBUS_PORTAL_REFRESH_TOKENS", "true")
            .env("GLOBUS_PORTAL_LOG_FORMAT", log_format)
            .env("RUST_LOG", "trace");
        let mut process = Process::start(&mut command, &folder.path().join("log"));
        process.says("Listening on").await;
        let secrets = vec![Secret::new("the secret key", SECRET_KEY.as_bytes())];
        let (browser, answers) = (Browser::new(), vec![]);
        Self { folder, base, process, provider, collector, shared, browser, answers, secrets, codes: 0 }
    }

    /// Visits a page of the portal.
    async fn visit(&mut self, path: &str, status: u16) {
        let answer = self.browser.get(&format!("{}{path}", self.base)).await;
        assert_eq!(answer.status, status, "{path}: {}", answer.body);
        self.answers.push(answer);
        self.note_cookies();
    }

    fn note_cookies(&mut self) {
        for value in self.browser.cookie_values() {
            self.secrets.extend(Secret::encoded("a cookie", &value));
        }
    }

    async fn begin(&mut self) -> Url {
        let answer = self.browser.get(&format!("{}/login?next=%2Fprofile", self.base)).await;
        let authorize = answer.location();
        *self.shared.nonce.lock().unwrap() = parameter(&authorize, "nonce").unwrap();
        self.note_cookies();
        self.secrets.extend(Secret::encoded("a state", &parameter(&authorize, "state").unwrap()));
        self.secrets.push(Secret::new("a nonce", parameter(&authorize, "nonce").unwrap().as_bytes()));
        authorize
    }

    /// Comes back from Globus with a code.
    async fn log_in(&mut self, trouble: Trouble, status: u16) -> String {
        let authorize = self.begin().await;
        self.shared.set(trouble);
        self.codes += 1;
        let state = parameter(&authorize, "state").unwrap();
        let callback = format!("/login?code=SENTINEL-code-{}&state={state}", self.codes);
        self.visit(&callback, status).await;
        self.shared.set(Trouble::None);
        callback
    }

    /// Their secrets: what the stand-in for Globus got and what it issued.
    fn note_conversation(&mut self) {
        let calls = [self.provider.token_calls(), self.provider.revoke_calls()].concat();
        for call in &calls {
            let authorization = call.headers[header::AUTHORIZATION].to_str().unwrap();
            self.secrets
                .push(Secret::new("the Basic credentials", authorization.trim_start_matches("Basic ").as_bytes()));
            for name in ["code", "code_verifier", "refresh_token", "token"] {
                self.secrets.extend(call.field(name).map(|value| Secret::new(name, value.as_bytes())));
            }
        }
        assert!(calls.iter().any(|call| call.field("code_verifier").is_some()));
        // The prefix of every token and code, of the client secret, and of the secret key.
        self.secrets.push(Secret::new("something that begins with SENTINEL", b"SENTINEL"));
        self.secrets.push(Secret::new("an id_token", URL_SAFE_NO_PAD.encode(r#"{"alg":"#).as_bytes()));
        self.secrets.sort_by(|a, b| a.needle.cmp(&b.needle));
        self.secrets.dedup_by(|a, b| a.needle == b.needle);
    }

    fn stored(&self) -> Vec<(String, Vec<u8>)> {
        let named = |path: &Path| path.file_name().unwrap().to_string_lossy().into_owned();
        let entries = fs::read_dir(&self.folder).unwrap().map(|entry| entry.unwrap().path());
        let files = entries.filter(|path| named(path).starts_with("sessions.db"));
        files.map(|path| (named(&path), fs::read(&path).unwrap())).collect()
    }
}

/// Visits everything, with everything that can go wrong, and searches for leaks.
async fn nothing_gets_out(log_format: &str) {
    let mut walk = Walk::start(log_format).await;
    walk.visit("/", 303).await;
    walk.visit("/endpoints", 303).await;
    for path in ["/healthz", "/readyz", "/signed-out"] {
        walk.visit(path, 200).await;
    }

    // Logins that fail.
    walk.visit("/login?code=SENTINEL-code-foreign&state=SENTINEL-state", 400).await;
    let state = parameter(&walk.begin().await, "state").unwrap();
    walk.visit(&format!("/login?error=access_denied&error_description=The+person+said+no&state={state}"), 403).await;
    walk.log_in(Trouble::Grant, 400).await;
    walk.log_in(Trouble::Client, 502).await;
    walk.log_in(Trouble::BrokenOff, 502).await;
    walk.log_in(Trouble::Nonce, 502).await;
    walk.log_in(Trouble::Echo, 502).await;

    // One that succeeds, twice over, and every page; a token is renewed on the way.
    let callback = walk.log_in(Trouble::None, 303).await;
    for path in ["/", "/endpoints", "/profile"] {
        walk.visit(path, 200).await;
    }
    walk.visit(&callback, 303).await;
    for (path, status) in [("/nowhere", 404), ("/endpoints?page=SENTINEL", 404), ("/logout/", 404)] {
        walk.visit(path, status).await;
    }
    for trouble in [Trouble::Echo, Trouble::BrokenOff] {
        walk.shared.set(trouble);
        walk.visit("/endpoints", 502).await;
    }
    walk.shared.set(Trouble::None);

    // Another person in the same browser: the tokens of the previous one are revoked.
    walk.log_in(Trouble::None, 303).await;
    walk.visit("/endpoints", 200).await;
    let before = walk.stored();

    // Globus does not revoke, so the tokens stay queued.
    walk.shared.set(Trouble::Echo);
    walk.visit("/logout", 303).await;
    walk.visit("/", 303).await;
    let after = walk.stored();
    walk.process.signal("TERM");
    assert_eq!(walk.process.ended().await.code(), Some(0));

    walk.note_conversation();
    let log = walk.process.printed();
    assert!(log.contains("TRACE") && log.contains("request_id") && log.contains("/endpoints"), "too quiet:\n{log}");
    assert!(log.contains("access_denied: The person said no"), "the log says why Globus refused:\n{log}");
    assert_free("the log", log.as_bytes(), &walk.secrets);

    let exported = walk.collector.bodies().concat();
    assert!(walk.collector.spans().iter().any(|span| span.name == "POST /v2/oauth2/token"), "too quiet");
    assert_free("the traces", &exported, &walk.secrets);
    for known in ["person@example.org", "Endpoint One", "/nowhere", "access_denied"] {
        assert!(!characters(&exported).contains(known), "{known} is in the traces");
    }

    assert!(before.len() == 3 && after.len() == 3, "the database, its log and its index");
    let found = |files: &[(String, Vec<u8>)]| {
        files.iter().any(|(_, bytes)| characters(bytes).contains("transfer.api.globus.org"))
    };
    assert!(found(&before) && found(&after), "tokens are kept, and then listed");
    for (name, bytes) in before.iter().chain(&after).chain(&walk.stored()) {
        assert_free(name, bytes, &walk.secrets);
    }

    for answer in &walk.answers {
        let mut headers = answer.headers.clone();
        headers.remove(header::SET_COOKIE);
        let sent = format!("{headers:?}{}", answer.body);
        assert_free(answer.url.path(), sent.as_bytes(), &walk.secrets);
        if answer.status.as_u16() >= 400 {
            assert!(answer.body.contains("give this number"), "{}", answer.body);
            assert!(answer.body.contains("class=\"button\" href=\"/"), "{}", answer.body);
        }
    }
}

/// Rows D1 and D11.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_gets_out_into_a_log_for_machines_a_store_or_a_page() {
    nothing_gets_out("json").await;
}

/// Rows D1 and D11.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_gets_out_into_a_log_for_people_a_store_or_a_page() {
    nothing_gets_out("pretty").await;
}
