//! A siege: slow connections of every kind, clients that leave, and a slow provider, all at the same time. People who are
//! signed in must not notice, and everything is consistent afterwards.
//!
//! The small form runs with every `cargo test`. The proof has the figures of SIEGE_SECONDS=300 SIEGE_CONNECTIONS=2000 (of each
//! kind) SIEGE_LEAVING=500 (a second) SIEGE_PROVIDER=8 (seconds), with SIEGE_PORTAL naming a release build of the portal; it
//! prints what it measured (`--nocapture`), and from a minute on it also judges it. One store at a time, and nothing beside it:
//! `--test-threads 1`.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{Json, http::StatusCode, response::IntoResponse as _};
use globus_portal::clock::Clock;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval, sleep, timeout},
};
use tower_sessions::session::Id;

use crate::harness::{
    Browser, Process, Provider, fresh_postgres, fresh_redis, number, parameter, portal_at,
    provider::{CLIENT_ID, CLIENT_SECRET, at_hash, id_token},
    skip_without_postgres, skip_without_redis,
};

/// How many people are signed in all the time.
const PEOPLE: usize = 20;

/// The portal under siege.
struct Siege {
    process: Process,
    _provider: Provider,
    _folder: tempfile::TempDir,
    base: String,
    address: SocketAddr,
    /// Whether the provider is slow from now on.
    slow: Arc<AtomicBool>,
    /// Access tokens that were issued and not revoked, by person.
    tokens: Arc<Mutex<HashMap<String, usize>>>,
    over: Arc<AtomicBool>,
}

/// One answer, and how long it took.
struct Fetched {
    status: u16,
    body: String,
    took: Duration,
}

fn request(target: &str, cookies: &str) -> String {
    format!(
        "GET {target} HTTP/1.1\r\nHost: localhost\r\nCookie: {cookies}\r\nAccept: text/html\r\nConnection: close\r\n\r\n"
    )
}

impl Siege {
    async fn start(store: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let provider = Provider::start().await;
        let (slow, tokens) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(HashMap::new())));
        let (base, books) = (provider.base.clone(), tokens.clone());
        // A code names its person and the nonce of its login.
        provider.on_token(move |call| {
            let Some((person, nonce)) = call.field("code").and_then(|code| code.split_once('~')) else {
                return (StatusCode::BAD_REQUEST, Json(json!({"error": "invalid_grant"}))).into_response();
            };
            let token = format!("access-{person}-{nonce}");
            *books.lock().unwrap().entry(person.to_owned()).or_default() += 1;
            let now = Clock::system().now().unix_timestamp();
            let claims = json!({"iss": base, "sub": person, "aud": CLIENT_ID, "exp": now + 3600, "iat": now, "nonce": nonce,
                "at_hash": at_hash(&token), "preferred_username": format!("{person}@example.org")});
            Json(json!({"access_token": token, "scope": "openid", "expires_in": 172_800, "token_type": "Bearer",
                "resource_server": "auth.globus.org", "id_token": id_token(&claims), "other_tokens": []}))
            .into_response()
        });
        let books = tokens.clone();
        provider.on_revoke(move |call| {
            let person = call.field("token").unwrap().split('-').nth(1).unwrap().to_owned();
            *books.lock().unwrap().entry(person).or_default() -= 1;
            Json(json!({"active": false})).into_response()
        });
        provider.delay_tokens(slow.clone(), Duration::from_secs(number("SIEGE_PROVIDER", 2) as u64));
        let (command, base) = portal_at(folder.path(), &provider.base);
        let mut own = std::process::Command::new(
            std::env::var_os("SIEGE_PORTAL").unwrap_or_else(|| command.get_program().to_owned()),
        );
        own.arg("serve").env_clear().current_dir(folder.path());
        for (name, value) in command.get_envs() {
            own.env(name, value.unwrap());
        }
        own.env("GLOBUS_PORTAL_APP_CLIENT_ID", CLIENT_ID).env("GLOBUS_PORTAL_APP_CLIENT_SECRET", CLIENT_SECRET);
        own.env("GLOBUS_PORTAL_SESSION_STORE", store).env("RUST_LOG", "warn");
        let mut process = Process::start(&mut own, &folder.path().join("printed"));
        process.says("Listening on").await;
        let port = base.rsplit(':').next().unwrap().parse().unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        Self { process, _provider: provider, _folder: folder, base, address, slow, tokens, over: Arc::default() }
    }

    async fn send(&self, bytes: &str) -> Option<TcpStream> {
        let mut stream = TcpStream::connect(self.address).await.ok()?;
        stream.write_all(bytes.as_bytes()).await.ok()?;
        Some(stream)
    }

    async fn fetch(&self, target: &str, cookies: &str) -> Fetched {
        let began = Instant::now();
        let mut answer = Vec::new();
        let mut stream = self.send(&request(target, cookies)).await.unwrap();
        stream.read_to_end(&mut answer).await.unwrap();
        let body = String::from_utf8(answer).unwrap();
        let status = body.get(9..12).unwrap_or_else(|| panic!("no answer to {target}: {body:?}")).parse().unwrap();
        Fetched { status, body, took: began.elapsed() }
    }

    /// A started login: its callback, with the cookie; none if the portal is too busy.
    async fn callback(&self, person: &str) -> Option<(String, String)> {
        let browser = Browser::new();
        let answer = browser.get(&format!("{}/login", self.base)).await;
        if answer.status == 503 {
            return None;
        }
        let authorize = answer.location();
        let (state, nonce) = (parameter(&authorize, "state").unwrap(), parameter(&authorize, "nonce").unwrap());
        let cookies: Vec<_> = ["login", "rounds"]
            .iter()
            .filter_map(|name| Some(format!("{name}={}", browser.cookie("localhost", name)?)))
            .collect();
        Some((format!("/login?code={person}~{nonce}&state={state}"), cookies.join("; ")))
    }

    /// A session of this person, as a cookie.
    async fn session(&self, person: &str) -> String {
        let (target, cookies) = self.callback(person).await.unwrap();
        let fetched = self.fetch(&target, &cookies).await;
        let (_, after) = fetched.body.split_once("session=").unwrap_or_else(|| panic!("{}", fetched.body));
        format!("session={}", after.split(';').next().unwrap())
    }

    fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    /// How many kilobytes of memory the portal has now.
    fn memory(&self) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    /// One connection of a slow kind after the other, until the siege is over.
    async fn keep_slow(self: Arc<Self>, kind: Slow, cookie: String) {
        while !self.is_over() {
            kind.hold(&self, &cookie).await;
            sleep(Duration::from_millis(200)).await;
        }
    }

    /// Clients that leave, this many a second.
    async fn keep_leaving(self: Arc<Self>, sessions: Arc<Vec<String>>) {
        let mut ticks = interval(Duration::from_micros(1_000_000 / number("SIEGE_LEAVING", 50).max(1) as u64));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let mut clients = JoinSet::new();
        for n in 0.. {
            ticks.tick().await;
            if self.is_over() {
                break;
            }
            while clients.try_join_next().is_some() {}
            clients.spawn(self.clone().leave(n, sessions[n % sessions.len()].clone()));
        }
        clients.join_all().await;
    }

    async fn leave(self: Arc<Self>, n: usize, cookie: String) {
        let stay = Duration::from_micros((n as u64 * 7919) % 5000);
        let text = match n % 10 {
            0 => request("/readyz", ""),
            1 | 2 => request("/profile", &cookie),
            3 => request("/login", ""),
            4 if n % 50 == 4 => {
                let Some((target, cookies)) = self.callback(&format!("stranger{}", n % 1000)).await else { return };
                request(&target, &cookies)
            }
            _ => request("/", &format!("session={}", Id::default())),
        };
        if let Some(stream) = self.send(&text).await {
            sleep(stay).await;
            if n.is_multiple_of(2) {
                let _ = stream.set_zero_linger();
            }
        }
    }
}

/// The slow kinds of connections.
#[derive(Clone, Copy, Debug)]
enum Slow {
    Silent,
    HalfAHead,
    DrippingHead,
    Idle,
    DrippingBody,
    NeverReads,
}

const KINDS: [Slow; 6] =
    [Slow::Silent, Slow::HalfAHead, Slow::DrippingHead, Slow::Idle, Slow::DrippingBody, Slow::NeverReads];

impl Slow {
    /// Holds one connection until the other side closes it.
    async fn hold(self, siege: &Siege, cookie: &str) {
        let (first, drip) = match self {
            Self::Silent => (String::new(), ""),
            Self::HalfAHead => ("GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ".to_owned(), ""),
            Self::DrippingHead => ("GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ".to_owned(), "x"),
            Self::Idle => ("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(), ""),
            Self::DrippingBody => {
                let head = "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 60000\r\n\r\nend=";
                (format!("POST /sessions HTTP/1.1\r\nHost: localhost\r\nCookie: {cookie}\r\n{head}"), "x")
            }
            Self::NeverReads => {
                (format!("GET /profile HTTP/1.1\r\nHost: localhost\r\nCookie: {cookie}\r\n\r\n").repeat(20), "")
            }
        };
        let Some(mut stream) = siege.send(&first).await else { return };
        let mut byte = [0; 256];
        while !siege.is_over() {
            let read = !matches!(self, Self::NeverReads);
            match timeout(Duration::from_secs(1), async {
                if read { stream.read(&mut byte).await } else { std::future::pending().await }
            })
            .await
            {
                Ok(Ok(1..)) => {}
                Ok(_) => return,
                Err(_) if stream.write_all(drip.as_bytes()).await.is_err() => return,
                Err(_) => {}
            }
        }
    }
}

/// Times, from the shortest to the longest.
struct Times(Vec<Duration>);

impl Times {
    fn of(mut times: Vec<Duration>) -> Self {
        times.sort();
        Self(times)
    }

    fn at(&self, percent: usize) -> Duration {
        self.0[(self.0.len() - 1) * percent / 100]
    }
}

#[expect(clippy::print_stdout, reason = "figures, for whoever runs the proof with --nocapture")]
async fn besiege(store: &str, name: &str) {
    let seconds = number("SIEGE_SECONDS", 4);
    let siege = Arc::new(Siege::start(store).await);
    let mut sessions = Vec::new();
    for n in 0..PEOPLE {
        sessions.push(siege.session(&format!("person{n}")).await);
    }
    let ended = siege.session("person0").await;
    assert_eq!(siege.fetch("/logout", &ended).await.status, 303);
    siege.slow.store(true, Ordering::SeqCst);
    let sessions = Arc::new(sessions);
    let mut tasks = JoinSet::new();
    for kind in KINDS {
        for n in 0..number("SIEGE_CONNECTIONS", 30) {
            tasks.spawn(siege.clone().keep_slow(kind, sessions[n % PEOPLE].clone()));
        }
    }
    tasks.spawn(siege.clone().keep_leaving(sessions.clone()));
    let (mut pages, mut health, mut memory) = (Vec::new(), Vec::new(), Vec::new());
    let rounds = AtomicUsize::new(0);
    let until = Instant::now() + Duration::from_secs(seconds as u64);
    while Instant::now() < until {
        let n = rounds.fetch_add(1, Ordering::Relaxed);
        let page = siege.fetch("/", &sessions[n % PEOPLE]).await;
        assert_eq!(page.status, 200, "{}", page.body);
        assert!(page.body.contains("You are successfully logged in!"), "{}", page.body);
        pages.push(page.took);
        let healthy = siege.fetch("/healthz", "").await;
        assert_eq!(healthy.status, 200);
        health.push(healthy.took);
        memory.push(siege.memory());
        sleep(Duration::from_millis(50)).await;
    }
    siege.over.store(true, Ordering::SeqCst);
    tasks.join_all().await;
    let (pages, health) = (Times::of(pages), Times::of(health));
    // Memory after the first minute, or the first half, against the end.
    let settled = memory[(memory.len() / 2).min(memory.len() * 60 / seconds.max(1))];
    let last = *memory.last().unwrap();
    println!(
        "siege on {name}, {seconds} s: page median {:?}, 99 % {:?}, longest {:?}; healthz median {:?}, 99 % {:?}, longest {:?}; \
         {} visits; memory {} kB at first, {settled} kB, {last} kB at the end",
        pages.at(50),
        pages.at(99),
        pages.at(100),
        health.at(50),
        health.at(99),
        health.at(100),
        pages.0.len(),
        memory[0]
    );
    if seconds >= 60 {
        assert!(pages.at(50) < Duration::from_millis(20), "pages: {:?}", pages.at(50));
        assert!(health.at(50) < Duration::from_millis(100), "health: {:?}", health.at(50));
        assert!(last < settled + settled / 4, "memory grows: {settled} kB, then {last} kB");
    }
    assert_all_is_well(&siege, &sessions, &ended).await;
}

/// No one was signed out, those who signed out stay out, and no token is left of logins that were not completed.
async fn assert_all_is_well(siege: &Siege, sessions: &[String], ended: &str) {
    for (n, cookie) in sessions.iter().enumerate() {
        let page = siege.fetch("/", cookie).await;
        assert_eq!(page.status, 200, "{}", page.body);
        assert!(page.body.contains(&format!("person{n}@example.org")), "another person's page: {}", page.body);
        let listed = siege.fetch("/sessions", cookie).await;
        assert_eq!(listed.status, 200, "{}", listed.body);
    }
    assert_eq!(siege.fetch("/", ended).await.status, 303);
    let own = |tokens: &HashMap<String, usize>| {
        let of_people = tokens.iter().filter(|(person, _)| person.starts_with("person"));
        of_people.map(|(_, count)| count).sum::<usize>()
    };
    assert_eq!(own(&siege.tokens.lock().unwrap()), PEOPLE, "a session of each person has one token");
    siege.slow.store(false, Ordering::SeqCst);
    let fresh = siege.session("person0").await;
    assert_eq!(siege.fetch("/", &fresh).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_siege_is_not_noticed_by_those_who_are_signed_in_with_sessions_in_memory() {
    besiege("memory", "memory").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_siege_is_not_noticed_by_those_who_are_signed_in_with_sessions_in_sqlite() {
    besiege("sqlite:sessions.db", "SQLite").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_siege_is_not_noticed_by_those_who_are_signed_in_with_sessions_in_postgresql() {
    if !skip_without_postgres("siege::postgresql") {
        besiege(&fresh_postgres().await, "PostgreSQL").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_siege_is_not_noticed_by_those_who_are_signed_in_with_sessions_in_redis() {
    if !skip_without_redis("siege::redis") {
        besiege(&fresh_redis().await, "Redis").await;
    }
}
