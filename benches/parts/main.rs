//! What the parts of a request cost, one by one, without HTTP: cryptography, logins under way, and the stores. See
//! `benches/README.md`.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a measurement that cannot go on says where it stopped")]
#![expect(unreachable_pub, reason = "a program: nothing here is public")]

mod stores;

#[path = "../common/servers.rs"]
mod private_servers;

use divan::Bencher;
use globus_portal::{
    clock::Clock,
    globus::{
        Globus,
        environment::Environment,
        flow::AuthorizeUrls,
        http::{HttpClient, Limits, Proxies, Trust},
        id_token::IdTokenClaims,
        scopes,
    },
    secret::{ClientSecret, SecretKey, random_bytes},
    session::{
        assertions::Assertions,
        login_attempt::{BrowserBinding, LoginAttempts},
        return_path::ReturnPath,
        seal::{KeyRing, Purpose, hash},
        session_key,
    },
};

fn main() {
    divan::main();
}

fn keys() -> KeyRing {
    KeyRing::new(&SecretKey::new("a key for measurements, long enough to be one"), &[])
}

#[divan::bench]
fn the_name_of_a_session_in_the_store(bencher: Bencher) {
    let id = tower_sessions::session::Id::default();
    bencher.bench(|| session_key(divan::black_box(id)));
}

#[divan::bench]
fn a_hash_of_32_bytes(bencher: Bencher) {
    let bytes: [u8; 32] = random_bytes();
    bencher.bench(|| hash(&[divan::black_box(&bytes)]));
}

#[divan::bench(args = [64, 512, 4096])]
fn seal(bencher: Bencher, length: usize) {
    let (keys, plain) = (keys(), vec![7; length]);
    bencher.bench(|| keys.seal(Purpose::Session, b"place", divan::black_box(&plain)).unwrap());
}

#[divan::bench(args = [64, 512, 4096])]
fn open(bencher: Bencher, length: usize) {
    let keys = keys();
    let sealed = keys.seal(Purpose::Session, b"place", &vec![7; length]).unwrap();
    bencher.bench(|| keys.open(Purpose::Session, b"place", divan::black_box(&sealed)).unwrap());
}

#[divan::bench]
fn begin_a_login(bencher: Bencher) {
    let (keys, attempts, next) = (keys(), LoginAttempts::new(String::new()), ReturnPath::front(""));
    let (browser, now) = (BrowserBinding::random(), Clock::system().now());
    bencher.bench(|| attempts.begin(&keys, divan::black_box(&browser), &next, now).unwrap());
}

#[divan::bench]
fn recognise_a_login(bencher: Bencher) {
    let (keys, attempts, next) = (keys(), LoginAttempts::new(String::new()), ReturnPath::front(""));
    let (browser, now) = (BrowserBinding::random(), Clock::system().now());
    let state = attempts.begin(&keys, &browser, &next, now).unwrap().state;
    bencher.bench(|| attempts.open(&keys, Some(&browser), divan::black_box(&state), now).unwrap());
}

/// What an app gets with a yes: signed, and as it is kept for a minute.
#[divan::bench(args = [0, 50])]
fn an_assertion_that_is_signed(bencher: Bencher, groups: usize) {
    let clock = Clock::manual(Clock::system().now());
    let (assertions, claims, groups) = assertion(&clock, groups);
    let groups: Vec<&str> = groups.iter().map(|group| &**group).collect();
    bencher.bench_local(|| {
        clock.advance(time::Duration::minutes(1));
        assertions.of("staff", divan::black_box(&claims), None, Some(&groups)).unwrap()
    });
}

#[divan::bench(args = [0, 50])]
fn an_assertion_that_is_kept(bencher: Bencher, groups: usize) {
    let (assertions, claims, groups) = assertion(&Clock::manual(Clock::system().now()), groups);
    let groups: Vec<&str> = groups.iter().map(|group| &**group).collect();
    bencher.bench(|| assertions.of("staff", divan::black_box(&claims), None, Some(&groups)).unwrap());
}

fn assertion(clock: &Clock, groups: usize) -> (Assertions, IdTokenClaims, Vec<String>) {
    let key = SecretKey::new("a key for measurements, long enough to be one");
    let assertions = Assertions::new("https://portal.example.org".to_owned(), &key, &[], clock.clone());
    let claims = serde_json::json!({
        "sub": "f8907a41-b87f-4770-b2b4-cabdd1f151d5", "name": "Mira Solano", "email": "mira@northfield.example",
        "preferred_username": "mira@northfield.example", "organization": "Northfield University",
        "identity_provider": "0ec34ecc-ad7d-4d51-94e5-dc387441a4d6", "last_authentication": 1_800_000_000,
    });
    let groups = (0..groups).map(|number| format!("63f9f0a1-5a1b-4c7e-9d55-1f0c5e7a{number:04}"));
    (assertions, serde_json::from_value(claims).unwrap(), groups.collect())
}

#[divan::bench]
fn the_url_of_a_login(bencher: Bencher) {
    let http = HttpClient::trusting(Limits::default(), Trust::Only(Vec::new()), Proxies::Ignored).unwrap();
    let secret = ClientSecret::new("a secret");
    let globus = Globus::new(Environment::at(&"http://127.0.0.1/".parse().unwrap()), http);
    let client = globus.confidential_app("11111111-2222-4333-8444-555555555555", &secret);
    let wanted = ["openid", "profile", "email", scopes::transfer::ALL];
    let urls = AuthorizeUrls::like(&client.oauth2_start_flow("http://localhost:5000/login", wanted).unwrap());
    let keys = keys();
    let browser = BrowserBinding::random();
    let next = ReturnPath::front("");
    let login = LoginAttempts::new(String::new()).begin(&keys, &browser, &next, Clock::system().now()).unwrap();
    bencher.bench(|| divan::black_box(&urls).url(&login.state, &login.nonce, &login.verifier));
}
