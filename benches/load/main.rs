//! What a request costs, over real HTTP, beside a bare axum server in the same run. See `benches/README.md`.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a measurement that cannot go on says where it stopped")]
#![expect(clippy::print_stdout, reason = "its figures are what it is for")]
#![expect(unreachable_pub, reason = "a program: nothing here is public")]

mod client;
mod provider;
mod servers;

use std::{process::ExitCode, time::Duration};

use self::{
    client::{Connection, on_connections},
    servers::{CLIENT_ID, Server},
};

/// How often two servers are measured in turn.
const PAIRS: usize = 5;
const CONNECTIONS: usize = 16;

fn main() -> ExitCode {
    if let Ok(role) = std::env::var("LOAD_ROLE") {
        return servers::be(&role);
    }
    let rounds = number("ROUNDS", 10_000);
    let stores = std::env::var("STORES").unwrap_or_else(|_| "memory,sqlite".to_owned());
    for store in stores.split(',') {
        measure(store, rounds);
    }
    ExitCode::SUCCESS
}

fn number(name: &str, default: usize) -> usize {
    std::env::var(name).ok().map_or(default, |text| text.parse().unwrap())
}

/// A portal, and the provider it uses.
struct Stage {
    portal: Server,
    _provider: Server,
    _folder: tempfile::TempDir,
}

impl Stage {
    /// `life` is that of the provider's tokens, in seconds.
    fn start(store: &str, life: u32, log: &str) -> Self {
        let provider = Server::start("provider", &[("LOAD_TOKEN_LIFE".to_owned(), life.to_string())]);
        let folder = tempfile::tempdir().unwrap();
        let store = match store {
            "sqlite" => format!("sqlite:{}", folder.path().join("sessions.db").display()),
            other => other.to_owned(),
        };
        let base = format!("http://{}/", provider.address);
        let config = folder.path().join("empty.conf");
        std::fs::write(&config, "").unwrap();
        let variables = [
            ("RUST_LOG", log.to_owned()),
            ("GLOBUS_PORTAL_CONFIG", config.display().to_string()),
            ("GLOBUS_PORTAL_SECRET_KEY", "a key for measurements, long enough to be one".to_owned()),
            ("GLOBUS_PORTAL_APP_CLIENT_ID", CLIENT_ID.to_owned()),
            ("GLOBUS_PORTAL_APP_CLIENT_SECRET", "a secret".to_owned()),
            ("GLOBUS_PORTAL_SESSION_STORE", store),
            ("GLOBUS_SDK_SERVICE_URL_AUTH", base.clone()),
            ("GLOBUS_SDK_SERVICE_URL_TRANSFER", base.clone()),
            ("GLOBUS_SDK_SERVICE_URL_GROUPS", base),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value));
        Self { portal: Server::start("portal", &variables), _provider: provider, _folder: folder }
    }

    fn address(&self) -> std::net::SocketAddr {
        self.portal.address
    }
}

/// Logs in; gives the session cookie.
fn log_in(connection: &mut Connection) -> String {
    let begun = connection.get("/login", "");
    assert_eq!(begun.status, 303);
    let parameter = |name: &str| {
        let found = begun.location.split(['?', '&']).find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
        found.unwrap_or_else(|| panic!("no {name} in {}", begun.location)).to_owned()
    };
    let target = format!("/login?code={}&state={}", parameter("nonce"), parameter("state"));
    let back = connection.get(&target, &begun.cookies[0]);
    assert_eq!((back.status, &*back.location), (303, "/"));
    back.cookies[0].clone()
}

/// Server CPU per request in microseconds, and the times of the requests.
fn cost(server: &Server, rounds: usize, work: impl Fn(&mut Connection) + Sync) -> (f64, Vec<Duration>) {
    let before = server.cpu();
    let times = on_connections(server.address, CONNECTIONS, rounds, work);
    #[expect(clippy::cast_precision_loss, reason = "a count of requests")]
    let per_request = (server.cpu() - before) * 1e6 / times.len() as f64;
    (per_request, times)
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Measures two servers in turn, and prints both and their ratio.
fn compare(
    what: &str,
    rounds: usize,
    (portal, theirs): (&Server, impl Fn(&mut Connection) + Sync),
    (bare, plain): (&Server, impl Fn(&mut Connection) + Sync),
) {
    // Warm up both.
    cost(bare, rounds / 10, &plain);
    cost(portal, rounds / 10, &theirs);
    let (mut ratios, mut ours, mut bares) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..PAIRS {
        let (b, _) = cost(bare, rounds, &plain);
        let (p, _) = cost(portal, rounds, &theirs);
        ratios.push(p / b);
        ours.push(p);
        bares.push(b);
    }
    let ratio = median(&mut ratios);
    println!(
        "{what:<40} {:>8.2} us  bare {:>7.2} us  ratio {ratio:.2} ({:.2} to {:.2})",
        median(&mut ours),
        median(&mut bares),
        ratios[0],
        ratios[PAIRS - 1]
    );
}

fn measure(store: &str, rounds: usize) {
    println!("--- {store}");
    let log = std::env::var("LOAD_LOG").unwrap_or_else(|_| "warn".to_owned());
    let stage = Stage::start(store, 172_800, &log);
    let portal = &stage.portal;
    let mut first = portal.connection();
    let cookie = log_in(&mut first);
    let page = first.get("/", &cookie);
    assert_eq!(page.status, 200);
    let login = first.get("/login", "");
    let bare_variables = [
        ("LOAD_PAGE".to_owned(), page.length.to_string()),
        ("LOAD_LOCATION".to_owned(), login.location.len().to_string()),
    ];
    let bare = Server::start("bare", &bare_variables);
    let get = |target: &'static str, cookie: String, status: u16| {
        move |connection: &mut Connection| {
            let answer = connection.get(target, &cookie);
            assert_eq!(answer.status, status);
        }
    };
    let cookie = || cookie.clone();
    let nothing = String::new;
    let plain = |target| get(target, cookie(), 204);
    compare("session check", rounds, (portal, get("/check", cookie(), 204)), (&bare, plain("/empty")));
    compare("GET / authenticated", rounds, (portal, get("/", cookie(), 200)), (&bare, get("/page", cookie(), 200)));
    compare(
        "GET / anonymous, to /login",
        rounds,
        (portal, get("/", nothing(), 303)),
        (&bare, get("/redirect", nothing(), 303)),
    );
    compare(
        "GET /login, to Globus",
        rounds,
        (portal, get("/login", nothing(), 303)),
        (&bare, get("/redirect", nothing(), 303)),
    );

    let logins = rounds / 50;
    cost(portal, logins / 4, |connection| drop(log_in(connection)));
    let mut costs: Vec<f64> =
        (0..PAIRS).map(|_| cost(portal, logins, |connection| drop(log_in(connection))).0).collect();
    println!("{:<40} {:>8.2} us", "a whole login", median(&mut costs));

    let stage = Stage::start(store, 30, &log);
    let cookies: Vec<String> = (0..CONNECTIONS).map(|_| log_in(&mut stage.portal.connection())).collect();
    let next = std::sync::atomic::AtomicUsize::new(0);
    let refresh = |connection: &mut Connection| {
        let index = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let answer = connection.get("/token", &cookies[index % CONNECTIONS]);
        assert_eq!(answer.status, 204);
    };
    let mut costs: Vec<f64> = (0..PAIRS).map(|_| cost(&stage.portal, logins, refresh).0).collect();
    println!("{:<40} {:>8.2} us", "a refresh", median(&mut costs));
    memory(store, &log);
}

fn memory(store: &str, log: &str) {
    let sessions = number("SESSIONS", 20_000);
    let stage = Stage::start(store, 172_800, log);
    cost(&stage.portal, 100, |connection| drop(log_in(connection)));
    let before = stage.portal.memory();
    on_connections(stage.address(), CONNECTIONS, sessions / CONNECTIONS, |connection| drop(log_in(connection)));
    let grown = stage.portal.memory().saturating_sub(before);
    println!("{:<40} {:>8} bytes", format!("memory per session, of {sessions}"), grown / sessions);
}
