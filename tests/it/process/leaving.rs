//! Clients that leave: whatever they started is finished or was never started, and cookie, store, queue, cache and provider
//! agree afterwards. Each story runs with each store; LEAVING_TRIES says how often (25 by default, 1000 for a proof).

use std::{
    collections::{BTreeSet, HashSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{Json, http::StatusCode, response::IntoResponse as _};
use globus_portal::{
    clock::Clock,
    session::{person_key, session_key, store::SessionKey},
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::sleep,
};
use tower_sessions::session::Id;

use crate::harness::{
    Browser, Portal, PostgresServer, Provider, fresh_postgres, number, parameter,
    place::on_every_store,
    provider::{Request, at_hash, id_token},
    skip_without_postgres,
};

const TRANSFER: &str = "transfer.api.globus.org";
const AUTH: &str = "auth.globus.org";
/// The longest that a client stays, in microseconds.
const LONGEST: usize = 5_000;
/// How many clients there are at a time.
const AT_A_TIME: usize = 8;

/// The tokens that the provider has issued and not revoked. A refresh token is valid for one use.
#[derive(Default)]
struct Bank {
    issued: AtomicUsize,
    access: Mutex<BTreeSet<String>>,
    refresh: Mutex<BTreeSet<String>>,
    used_twice: AtomicUsize,
}

impl Bank {
    fn token(&self, resource_server: &str, owner: &str) -> Value {
        let number = self.issued.fetch_add(1, Ordering::SeqCst);
        let (access, refresh) = (
            format!("access-{owner}-{resource_server}-{number}"),
            format!("refresh-{owner}-{resource_server}-{number}"),
        );
        self.access.lock().unwrap().insert(access.clone());
        self.refresh.lock().unwrap().insert(refresh.clone());
        json!({"access_token": access, "refresh_token": refresh, "scope": "all", "expires_in": 172_800,
            "token_type": "Bearer", "resource_server": resource_server})
    }

    /// A code names its person and the nonce of its login.
    fn exchange(&self, call: &Request, claims: impl Fn(&str) -> Value) -> Value {
        let (person, nonce) = call.field("code").unwrap().split_once('~').unwrap();
        let mut response = self.token(AUTH, person);
        let mut claims = claims(nonce);
        claims["sub"] = person.into();
        claims["at_hash"] = at_hash(response["access_token"].as_str().unwrap()).into();
        response["id_token"] = id_token(&claims).into();
        response["other_tokens"] = json!([self.token(TRANSFER, person)]);
        response
    }

    fn renew(&self, refresh: &str) -> Option<Value> {
        if !self.refresh.lock().unwrap().remove(refresh) {
            self.used_twice.fetch_add(1, Ordering::SeqCst);
            return None;
        }
        let access = refresh.replacen("refresh-", "access-", 1);
        self.access.lock().unwrap().remove(&access);
        let [_, owner, resource_server, _] = parts(refresh);
        let mut response = self.token(resource_server, owner);
        response["other_tokens"] = json!([]);
        Some(response)
    }

    fn revoke(&self, token: &str) {
        self.access.lock().unwrap().remove(token);
        self.refresh.lock().unwrap().remove(token);
    }
}

/// Kind, owner, resource server and number of a token: `access-mira_1-auth.globus.org-7`.
fn parts(token: &str) -> [&str; 4] {
    let parts: Vec<&str> = token.split('-').collect();
    parts.try_into().unwrap()
}

/// A portal, and a provider that tracks its tokens.
struct Stage {
    portal: Arc<Portal>,
    _provider: Provider,
    bank: Arc<Bank>,
    clock: Clock,
}

impl Stage {
    async fn start() -> Self {
        let provider = Provider::start().await;
        let bank = Arc::new(Bank::default());
        let clock = Clock::manual(time::OffsetDateTime::from_unix_timestamp(1_800_000_000).unwrap());
        let base = provider.base.clone();
        let (books, now) = (bank.clone(), clock.clone());
        provider.on_token(move |call| match call.field("grant_type") {
            Some("refresh_token") => match books.renew(call.field("refresh_token").unwrap()) {
                Some(token) => Json(token).into_response(),
                None => (StatusCode::BAD_REQUEST, Json(json!({"error": "invalid_grant"}))).into_response(),
            },
            _ => {
                let now = now.now().unix_timestamp();
                let claims = |nonce: &str| {
                    json!({"iss": base, "aud": crate::harness::provider::CLIENT_ID, "exp": now + 3600, "iat": now,
                        "nonce": nonce, "name": "A Person", "preferred_username": "person@example.org"})
                };
                Json(books.exchange(call, claims)).into_response()
            }
        });
        let books = bank.clone();
        provider.on_revoke(move |call| {
            books.revoke(call.field("token").unwrap());
            Json(json!({"active": false})).into_response()
        });
        provider.on_other(|_| {
            Json(json!({"DATA_TYPE": "endpoint_list", "DATA": [], "has_next_page": false, "offset": 0, "limit": 25}))
                .into_response()
        });
        // With a cache where the store is shared, so that it must agree too.
        let builder = Portal::with().provider(&provider).clock(&clock).set("SESSION_CACHE_SECONDS", "30");
        let builder = builder.set("REFRESH_TOKENS", "true").set("SESSION_IDLE_SECONDS", "2592000");
        Self { portal: Arc::new(builder.start().await), _provider: provider, bank, clock }
    }

    /// A session of this person, and its cookie.
    async fn session(&self, person: &str) -> Id {
        let browser = Browser::new();
        let answer = browser.get(&self.callback(&browser, person).await).await;
        assert_eq!(answer.status, 303, "{}", answer.body);
        self.portal.session_cookie(&browser).unwrap().parse().unwrap()
    }

    /// The address that a login of this person comes back to.
    async fn callback(&self, browser: &Browser, person: &str) -> String {
        let authorize = self.portal.begin_login(browser, "").await;
        let nonce = parameter(&authorize, "nonce").unwrap();
        self.portal.callback(&authorize, &format!("{person}~{nonce}"))
    }

    /// Waits until all work is done.
    async fn settle(&self) {
        for _ in 0..3 {
            sleep(Duration::from_millis(50)).await;
            self.portal.app.requests.close();
            self.portal.app.requests.wait().await;
            self.portal.app.vault.underway.close();
            self.portal.app.vault.underway.wait().await;
        }
        self.portal.app.tokens.revoke_due(None).await.unwrap();
    }

    async fn is_let_in(&self, id: Id) -> bool {
        let browser = Browser::new();
        browser.set_cookie("localhost", &self.portal.app.settings.session_cookie_name, &id.to_string());
        let status = browser.get(&self.portal.url("/")).await.status;
        // Or a page that says that the session was ended elsewhere.
        assert!(matches!(status.as_u16(), 200 | 303 | 401), "{status}");
        status == 200
    }

    async fn stored(&self) -> HashSet<SessionKey> {
        let rows = self.portal.store.sessions_after(None, 100_000).await.unwrap();
        rows.into_iter().map(|(key, _)| key).collect()
    }

    /// Asserts that cookie, cache, store and queue agree about these sessions. Returns how many are alive.
    async fn assert_agreement(&self, sessions: &[(String, Id)]) -> usize {
        let stored = self.stored().await;
        let mut alive = 0;
        for (person, id) in sessions {
            let key = session_key(*id);
            let is_stored = stored.contains(&key);
            assert_eq!(self.is_let_in(*id).await, is_stored, "the cookie of {person} and the store disagree");
            let listed = self.portal.app.records.of_person(person).await.unwrap();
            assert_eq!(listed.iter().any(|known| known.key == key), is_stored, "the list of {person} disagrees");
            let indexed = self.portal.store.sessions_of(person_key(person), 1000).await.unwrap();
            assert_eq!(indexed.iter().any(|(known, _)| *known == key), is_stored, "the index of {person} disagrees");
            alive += usize::from(is_stored);
        }
        alive
    }

    /// Asserts that every token that the provider has issued and not revoked is in a session, and that every session has both.
    async fn assert_no_orphans(&self) {
        let mut held = BTreeSet::new();
        for key in self.stored().await {
            for resource_server in [AUTH, TRANSFER] {
                let token = self.portal.app.tokens.fresh(key, resource_server).await.unwrap();
                held.insert(token.expose_secret().to_owned());
            }
        }
        assert_eq!(*self.bank.access.lock().unwrap(), held, "tokens that no session has, or that are dead");
        assert_eq!(self.bank.refresh.lock().unwrap().len(), held.len(), "refresh tokens that no session has");
        assert_eq!(self.bank.used_twice.load(Ordering::SeqCst), 0, "a refresh token was used twice");
    }

    /// Does something once for each try, some at a time; returns the results.
    async fn try_often<T: Send + 'static, W>(self: &Arc<Self>, attempt: impl Fn(Arc<Self>, usize) -> W) -> Vec<T>
    where
        W: Future<Output = T> + Send + 'static,
    {
        let tries = number("LEAVING_TRIES", 25);
        let mut tasks = tokio::task::JoinSet::new();
        let mut done = Vec::new();
        for n in 0..tries {
            if tasks.len() >= AT_A_TIME {
                done.push(tasks.join_next().await.unwrap().unwrap());
            }
            tasks.spawn(attempt(self.clone(), n));
        }
        done.extend(tasks.join_all().await);
        done
    }

    /// Sends a request with a cookie, and leaves a moment later without reading the answer: by a reset in one of two cases.
    async fn leave(&self, method: &str, target: &str, cookies: &str, form: &str, n: usize) {
        let address = self.portal.app.settings.listen.tcp().unwrap();
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!(
            "{method} {target} HTTP/1.1\r\nHost: localhost:{}\r\nCookie: {cookies}\r\nAccept: text/html\r\n\
             Sec-Fetch-Site: same-origin\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
            address.port(),
            form.len()
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        // Evenly distributed, including the shortest.
        sleep(Duration::from_micros((n * 7919 % LONGEST) as u64)).await;
        if n.is_multiple_of(2) {
            stream.set_zero_linger().unwrap();
        }
    }

    fn cookie(&self, id: Id) -> String {
        format!("{}={id}", self.portal.app.settings.session_cookie_name)
    }
}

on_every_store! {
    a_logout_that_is_left_has_ended_the_session_everywhere_or_nowhere
    an_end_of_another_session_that_is_left_is_an_end_everywhere_or_nowhere
    an_end_of_all_other_sessions_that_is_left_loses_none_of_them
    a_login_that_is_left_leaves_no_session_half_made_and_no_token_without_one
    a_page_that_is_left_changes_nothing
    a_renewal_that_is_left_is_kept
    logins_that_one_browser_finishes_at_the_same_moment_leave_one_session
}

/// A name without a dash.
fn person(n: usize) -> String {
    format!("person_{n}")
}

async fn a_logout_that_is_left_has_ended_the_session_everywhere_or_nowhere() {
    let stage = Arc::new(Stage::start().await);
    let sessions = stage
        .try_often(|stage, n| async move {
            let id = stage.session(&person(n)).await;
            assert!(stage.is_let_in(id).await);
            let method = if n % 4 < 2 { "GET" } else { "POST" };
            stage.leave(method, "/logout", &stage.cookie(id), "", n).await;
            (person(n), id)
        })
        .await;
    stage.settle().await;
    stage.assert_agreement(&sessions).await;
    stage.assert_no_orphans().await;
}

/// The handle that a session has on the page of its person.
async fn handle(stage: &Stage, person: &str, id: Id) -> String {
    let listed = stage.portal.app.records.of_person(person).await.unwrap();
    listed.iter().find(|known| known.key == session_key(id)).unwrap().handle()
}

async fn an_end_of_another_session_that_is_left_is_an_end_everywhere_or_nowhere() {
    let stage = Arc::new(Stage::start().await);
    let pairs = stage
        .try_often(|stage, n| async move {
            let (here, other) = (stage.session(&person(n)).await, stage.session(&person(n)).await);
            assert!(stage.is_let_in(other).await);
            let token = stage.portal.csrf_of(&here.to_string());
            let form = format!("end={}&csrf_token={token}", handle(&stage, &person(n), other).await);
            stage.leave("POST", "/sessions", &stage.cookie(here), &form, n).await;
            ((person(n), here), (person(n), other))
        })
        .await;
    stage.settle().await;
    let (here, others): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
    assert_eq!(stage.assert_agreement(&here).await, here.len(), "the session that asked has ended");
    stage.assert_agreement(&others).await;
    stage.assert_no_orphans().await;
}

async fn an_end_of_all_other_sessions_that_is_left_loses_none_of_them() {
    let stage = Arc::new(Stage::start().await);
    let triples = stage
        .try_often(|stage, n| async move {
            let here = stage.session(&person(n)).await;
            let others = [stage.session(&person(n)).await, stage.session(&person(n)).await];
            let form = format!("end=others&csrf_token={}", stage.portal.csrf_of(&here.to_string()));
            stage.leave("POST", "/sessions", &stage.cookie(here), &form, n).await;
            ((person(n), here), others.map(|id| (person(n), id)))
        })
        .await;
    stage.settle().await;
    let (here, others): (Vec<_>, Vec<_>) = triples.into_iter().unzip();
    assert_eq!(stage.assert_agreement(&here).await, here.len(), "the session that asked has ended");
    for of_one in &others {
        let alive = stage.assert_agreement(of_one).await;
        assert_ne!(alive, 1, "one of two was ended, and the other was forgotten");
    }
    stage.assert_no_orphans().await;
}

async fn a_login_that_is_left_leaves_no_session_half_made_and_no_token_without_one() {
    let stage = Arc::new(Stage::start().await);
    stage
        .try_often(|stage, n| async move {
            let browser = Browser::new();
            let callback = stage.callback(&browser, &person(n)).await;
            let binding = browser.cookie_values().into_iter().next().unwrap();
            let target = callback.strip_prefix(&stage.portal.base).unwrap();
            stage.leave("GET", target, &format!("login={binding}"), "", n).await;
        })
        .await;
    stage.settle().await;
    // A later login works as always, and all records are consistent.
    let id = stage.session("somebody").await;
    assert_eq!(stage.assert_agreement(&[("somebody".to_owned(), id)]).await, 1);
    stage.assert_no_orphans().await;
}

const PAGES: [&str; 10] = [
    "/",
    "/profile",
    "/sessions",
    "/endpoints",
    "/signed-out",
    "/static/none.css",
    "/readyz",
    "/healthz",
    "/login?next=%2Fprofile",
    "/login?error=access_denied&state=x",
];

async fn a_page_that_is_left_changes_nothing() {
    let stage = Arc::new(Stage::start().await);
    let sessions = stage
        .try_often(|stage, n| async move {
            let id = stage.session(&person(n)).await;
            for (page, target) in PAGES.iter().enumerate() {
                stage.leave("GET", target, &stage.cookie(id), "", n + page).await;
            }
            (person(n), id)
        })
        .await;
    stage.settle().await;
    assert_eq!(stage.assert_agreement(&sessions).await, sessions.len());
    stage.assert_no_orphans().await;
}

async fn a_renewal_that_is_left_is_kept() {
    let stage = Arc::new(Stage::start().await);
    let sessions = stage.try_often(|stage, n| async move { (person(n), stage.session(&person(n)).await) }).await;
    stage.clock.advance(time::Duration::days(3));
    let of_all = Arc::new(sessions.clone());
    stage
        .try_often(move |stage, n| {
            let (_, id) = of_all[n];
            async move {
                stage.leave("GET", "/endpoints", &stage.cookie(id), "", n).await;
                stage.leave("GET", "/endpoints", &stage.cookie(id), "", n + 1).await;
            }
        })
        .await;
    stage.settle().await;
    assert_eq!(stage.assert_agreement(&sessions).await, sessions.len());
    stage.assert_no_orphans().await;
}

async fn logins_that_one_browser_finishes_at_the_same_moment_leave_one_session() {
    let stage = Arc::new(Stage::start().await);
    let browser = Arc::new(Browser::new());
    let mut callbacks = Vec::new();
    for _ in 0..20 {
        callbacks.push(stage.callback(&browser, "one_person").await);
    }
    let mut tabs = tokio::task::JoinSet::new();
    for callback in callbacks {
        let browser = browser.clone();
        tabs.spawn(async move { browser.get(&callback).await.status });
    }
    assert!(tabs.join_all().await.iter().all(|status| *status == 303));
    stage.settle().await;
    assert_eq!(stage.stored().await.len(), 1);
    stage.assert_no_orphans().await;
    // The remaining session is the browser's, unless the answers arrived out of order.
    let id: Id = stage.portal.session_cookie(&browser).unwrap().parse().unwrap();
    stage.assert_agreement(&[("one_person".to_owned(), id)]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_leave_cost_postgresql_no_connection() {
    if skip_without_postgres("leaving::clients_that_leave_cost_postgresql_no_connection") {
        return;
    }
    let url = fresh_postgres().await;
    let database = url::Url::parse(&url).unwrap().path()[1..].to_owned();
    let portal = Portal::with().set("SESSION_STORE", &url).start().await;
    let server = PostgresServer::shared().await;
    let connections = || {
        let sql = "SELECT string_agg(pid::text, ' ') FROM pg_stat_activity WHERE datname = current_database() AND \
                   pid <> pg_backend_pid()";
        let pids = server.sql(&database, sql);
        pids.split_whitespace().map(ToOwned::to_owned).collect::<BTreeSet<String>>()
    };
    // As many at a time as later, so that the pool has all its connections.
    let at_a_time = |count: usize, stay: Option<Duration>| {
        let portal = &portal;
        async move {
            let visits = (0..count).map(|_| async {
                let mut stream = TcpStream::connect(portal.app.settings.listen.tcp().unwrap()).await.unwrap();
                let request = format!(
                    "GET / HTTP/1.1\r\nHost: localhost\r\nCookie: session={}\r\nConnection: close\r\n\r\n",
                    Id::default()
                );
                stream.write_all(request.as_bytes()).await.unwrap();
                match stay {
                    Some(stay) => sleep(stay).await,
                    None => drop(stream.read_to_end(&mut Vec::new()).await),
                }
            });
            futures_of(visits).await;
        }
    };
    at_a_time(64, None).await;
    let before = connections();
    for n in 0..number("LEAVING_TRIES", 25) {
        at_a_time(16, Some(Duration::from_micros((n as u64 * 137) % 2000))).await;
    }
    portal.app.requests.close();
    portal.app.requests.wait().await;
    at_a_time(64, None).await;
    let gone: Vec<_> = before.difference(&connections()).cloned().collect();
    assert_eq!(gone, Vec::<String>::new(), "connections that were closed");
}

/// Waits for all of them.
async fn futures_of(all: impl Iterator<Item = impl Future<Output = ()>>) {
    let mut all: Vec<_> = all.map(Box::pin).collect();
    std::future::poll_fn(|context| {
        all.retain_mut(|one| one.as_mut().poll(context).is_pending());
        if all.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
}
