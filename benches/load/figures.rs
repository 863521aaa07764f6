//! The measurements. Each prints its figures.

use std::{
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use crate::{
    client::{Connection, on_connections},
    number,
    servers::Server,
    stage::{LONG, SHORT, Stage, log_in},
    stores::Stores,
};

/// How often two servers are measured in turn, or one alone.
const PAIRS: usize = 5;
pub const CONNECTIONS: usize = 16;
pub const AT_ONCE: Duration = Duration::ZERO;

/// What requests of a logged-in browser cost, and what a redirect to the login costs.
pub fn requests(stores: &Stores, kind: &str) {
    let stage = Stage::start(stores, kind, LONG, AT_ONCE);
    let portal = &stage.portal;
    let mut first = portal.connection();
    let cookie = log_in(&mut first);
    let page = first.get("/", &cookie);
    assert_eq!(page.status, 200);
    let login = first.get("/login", "");
    let bare = Server::start(
        "bare",
        &[
            ("LOAD_PAGE".to_owned(), page.length.to_string()),
            ("LOAD_LOCATION".to_owned(), login.location.len().to_string()),
        ],
    );
    let get = |target: &'static str, cookie: &str, status: u16| {
        let cookie = cookie.to_owned();
        move |connection: &mut Connection| assert_eq!(connection.get(target, &cookie).status, status)
    };
    let ours = [
        ("session check", get("/check", &cookie, 204), get("/empty", &cookie, 204)),
        ("GET / authenticated", get("/", &cookie, 200), get("/page", &cookie, 200)),
        ("GET / anonymous, to /login", get("/", "", 303), get("/redirect", "", 303)),
        ("GET /login, to Globus", get("/login", "", 303), get("/redirect", "", 303)),
    ];
    for (what, theirs, plain) in ours {
        compare(what, (portal, theirs), (&bare, plain));
    }
}

/// What a whole login costs: to Globus, and back with a code.
pub fn logins(stores: &Stores, kind: &str) {
    let stage = Stage::start(stores, kind, LONG, AT_ONCE);
    let log_in = |connection: &mut Connection| drop(log_in(connection));
    cost(&stage.portal, rare_rounds() / 4, log_in);
    print_cost("a whole login", &stage.portal, log_in);
}

/// What a page costs that needs a token which has to be renewed.
pub fn refreshes(stores: &Stores, kind: &str) {
    let stage = Stage::start(stores, kind, SHORT, AT_ONCE);
    let cookies: Vec<String> = (0..CONNECTIONS).map(|_| log_in(&mut stage.portal.connection())).collect();
    let next = AtomicUsize::new(0);
    print_cost("a refresh", &stage.portal, |connection| {
        let cookie = &cookies[next.fetch_add(1, Ordering::Relaxed) % CONNECTIONS];
        assert_eq!(connection.get("/token", cookie).status, 204);
    });
}

/// How much memory a session takes that nobody uses.
pub fn memory(stores: &Stores, kind: &str) {
    let sessions = number("SESSIONS", 20_000);
    let stage = Stage::start(stores, kind, LONG, AT_ONCE);
    let log_in = |connection: &mut Connection| drop(log_in(connection));
    cost(&stage.portal, 100, log_in);
    let before = stage.portal.memory();
    on_connections(stage.portal.address, CONNECTIONS, sessions / CONNECTIONS, log_in);
    let grown = stage.portal.memory().saturating_sub(before);
    println!("{:<40} {:>8} bytes", format!("memory per session, of {sessions}"), grown / sessions);
}

/// How soon after its start a process answers.
pub fn start(stores: &Stores, kind: &str) {
    const STARTS: usize = 21;
    let stage = Stage::start(stores, kind, LONG, AT_ONCE);
    let mut times: Vec<Duration> = (0..STARTS).map(|_| stage.first_answer()).collect();
    times.sort_unstable();
    println!("{:<40} {:>8.1?} (to {:.1?})", "first answer after start", times[STARTS / 2], times[STARTS - 1]);
}

/// Whether pages of people who are logged in are slower while 64 others log in and Globus takes 200 ms for it. Logins keep
/// the machine busy as well, which is no matter of the portal's: so it is measured too what they cost when they go to
/// another portal on the same machine.
pub fn bystanders(stores: &Stores, kind: &str) {
    let stage = || Stage::start(stores, kind, LONG, Duration::from_millis(200));
    let (stage, other) = (stage(), stage());
    let cookie = log_in(&mut stage.portal.connection());
    print_times("a page without concurrent logins", look(&stage.portal, &cookie));
    for (where_to, server) in [("another portal", &other.portal), ("this portal", &stage.portal)] {
        let (times, logins) = beside_logins(server, || look(&stage.portal, &cookie));
        print_times(&format!("a page, beside {logins} logins at {where_to}"), times);
    }
}

/// How long the front page takes four people who look at it 500 times each.
pub fn look(portal: &Server, cookie: &str) -> Vec<Duration> {
    on_connections(portal.address, 4, 500, |connection| {
        // At the pace of people, so that what is measured is not how busy they are themselves.
        std::thread::sleep(Duration::from_millis(5));
        let begun = Instant::now();
        assert_eq!(connection.get("/", cookie).status, 200);
        begun.elapsed()
    })
}

/// Does something while 64 browsers log in at a portal; tells how many logins there were meanwhile.
fn beside_logins(server: &Server, work: impl Fn() -> Vec<Duration>) -> (Vec<Duration>, usize) {
    const BROWSERS: usize = 64;
    let (over, logged_in) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..BROWSERS {
            scope.spawn(|| {
                let mut connection = server.connection();
                while !over.load(Ordering::Relaxed) {
                    log_in(&mut connection);
                    logged_in.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        while logged_in.load(Ordering::Relaxed) < BROWSERS {
            std::thread::sleep(Duration::from_millis(10));
        }
        let before = logged_in.load(Ordering::Relaxed);
        let times = work();
        over.store(true, Ordering::Relaxed);
        (times, logged_in.load(Ordering::Relaxed) - before)
    })
}

pub fn print_times(what: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let at = |hundredths: usize| times[times.len() * hundredths / 100];
    println!("{what:<50} {:.2?} median, {:.2?} for 99 in 100", at(50), at(99));
}

/// Whether sending people to log in leaves something behind.
pub fn redirects(stores: &Stores, kind: &str) {
    let redirects = number("REDIRECTS", 1_000_000);
    let stage = Stage::start(stores, kind, LONG, AT_ONCE);
    let go = |connection: &mut Connection| assert_eq!(connection.get("/login", "").status, 303);
    on_connections(stage.portal.address, CONNECTIONS, 2000, go);
    let before = stage.portal.memory();
    on_connections(stage.portal.address, CONNECTIONS, redirects / CONNECTIONS, go);
    let (before, after) = (before / 1024, stage.portal.memory() / 1024);
    println!("{:<40} {before:>8} KiB before, {after} KiB after", format!("{redirects} redirects to Globus"));
}

/// How often a request is repeated on each connection.
pub fn rounds() -> usize {
    number("ROUNDS", 10_000)
}

/// The same for what costs many times as much.
fn rare_rounds() -> usize {
    rounds() / 50
}

/// Server CPU per request in microseconds.
fn cost(server: &Server, rounds: usize, work: impl Fn(&mut Connection) + Sync) -> f64 {
    let before = server.cpu();
    let requests = on_connections(server.address, CONNECTIONS, rounds, work).len();
    #[expect(clippy::cast_precision_loss, reason = "a count of requests")]
    let requests = requests as f64;
    (server.cpu() - before) * 1e6 / requests
}

pub fn print_cost(what: &str, server: &Server, work: impl Fn(&mut Connection) + Sync) {
    let mut costs: Vec<f64> = (0..PAIRS).map(|_| cost(server, rare_rounds(), &work)).collect();
    println!("{what:<40} {:>8.2} us ({:.2} to {:.2})", median(&mut costs), costs[0], costs[PAIRS - 1]);
}

pub fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Measures two servers in turn, and prints both and their ratio.
fn compare(
    what: &str,
    (portal, theirs): (&Server, impl Fn(&mut Connection) + Sync),
    (bare, plain): (&Server, impl Fn(&mut Connection) + Sync),
) {
    let rounds = rounds();
    // Warm up both.
    cost(bare, rounds / 10, &plain);
    cost(portal, rounds / 10, &theirs);
    let (mut ratios, mut ours, mut bares) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..PAIRS {
        let b = cost(bare, rounds, &plain);
        let p = cost(portal, rounds, &theirs);
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
