//! Sessions in Redis: a server that hangs, restarts, is full, has a password, or uses TLS.

use std::{collections::BTreeSet, fs, sync::Arc, time::Duration};

use globus_portal::{
    clock::Clock,
    session::store::{News, RedisStore, SessionKey, SessionRow, Store, StoreError, TokenRow},
};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use redis::{FromRedisValue, cmd};
use tempfile::TempDir;
use time::OffsetDateTime;
use tokio::{
    sync::mpsc::UnboundedReceiver,
    time::{Instant, sleep, timeout},
};

use crate::harness::{
    Browser, PATIENCE, Portal, Provider, RedisServer, fresh_redis, globus_portal, portal_at, skip_without_redis,
    start_sandbox, steps::log_in_at,
};

/// How long an answer may take, whatever the server does: some seconds, and what a busy machine needs besides.
const ANSWER: Duration = Duration::from_secs(30);
const KEY: SessionKey = SessionKey([0xc4; 32]);

fn at(seconds: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(1_800_000_000 + seconds).unwrap()
}

fn session() -> SessionRow {
    SessionRow { record: b"record".to_vec(), person: [7; 32], last_seen: at(0), ends: at(1000) }
}

fn token(resource_server: &str) -> TokenRow {
    TokenRow {
        resource_server: resource_server.to_owned(),
        sealed: b"sealed".to_vec(),
        version: 1,
        revoke_until: at(5000),
    }
}

async fn open(url: &str) -> RedisStore {
    RedisStore::open(url).await.unwrap()
}

/// Why a store cannot be opened.
async fn refusal(url: &str) -> String {
    let opened = timeout(ANSWER, RedisStore::open(url)).await;
    opened.unwrap_or_else(|_| panic!("no answer")).unwrap_err().to_string()
}

/// Queries the server directly, bypassing the store.
async fn raw<T: FromRedisValue>(url: &str, words: &[&str]) -> T {
    let client = redis::Client::open(url).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    cmd(words[0]).arg(&words[1..]).query_async(&mut connection).await.unwrap()
}

/// Waits until something works again; returns how long that took.
async fn works<T>(mut ask: impl AsyncFnMut() -> Result<T, StoreError>) -> (T, Duration) {
    let begin = Instant::now();
    loop {
        match ask().await {
            Ok(answer) => return (answer, begin.elapsed()),
            Err(error) => assert!(begin.elapsed() < PATIENCE, "{error}"),
        }
        sleep(Duration::from_millis(20)).await;
    }
}

async fn next(news: &mut UnboundedReceiver<News>) -> News {
    timeout(PATIENCE, news.recv()).await.unwrap_or_else(|_| panic!("no news")).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_hangs_is_an_error_in_good_time_and_works_again_when_it_goes_on() {
    if skip_without_redis("a_server_that_hangs_is_an_error_in_good_time_and_works_again_when_it_goes_on") {
        return;
    }
    let server = RedisServer::start().await;
    let store = Arc::new(open(&server.url(0)).await);
    store.create_session(KEY, &session(), &[token("api")]).await.unwrap();
    server.stand_still();
    // With an open connection; then without one; and many at once, which do not wait for each other.
    for round in 0..3 {
        let begin = Instant::now();
        let asking: Vec<_> = (0..=round * 20)
            .map(|i| {
                let store = store.clone();
                tokio::spawn(async move {
                    match i % 3 {
                        0 => store.session(KEY).await.is_err(),
                        1 => store.touch_session(KEY, at(1)).await.is_err(),
                        _ => store.probe().await.is_err(),
                    }
                })
            })
            .collect();
        for asked in asking {
            assert!(asked.await.unwrap());
        }
        assert!(begin.elapsed() < ANSWER, "round {round} took {:?}", begin.elapsed());
    }
    assert!(refusal(&server.url(0)).await.contains("does not answer"));
    server.go_on();
    let (found, took) = works(async || store.session(KEY).await).await;
    assert_eq!(found.unwrap().record, b"record");
    assert!(took < ANSWER, "it took {took:?}");
    store.probe().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_started_again_works_again_with_its_data() {
    if skip_without_redis("a_server_that_is_started_again_works_again_with_its_data") {
        return;
    }
    let mut server = RedisServer::start().await;
    let store = open(&server.url(3)).await;
    store.create_session(KEY, &session(), &[token("api")]).await.unwrap();
    // Everything acknowledged a second ago is on disk.
    sleep(Duration::from_millis(1100)).await;
    server.stop();
    assert!(store.session(KEY).await.is_err());
    assert!(refusal(&server.url(3)).await.contains("cannot connect to Redis at 127.0.0.1"));
    server.restart().await;
    // The first query after an outage is answered.
    assert_eq!(store.session(KEY).await.unwrap(), Some(session()));
    assert_eq!(store.tokens(KEY).await.unwrap(), [token("api")]);

    // And so is the first one after an unnoticed restart.
    server.restart().await;
    sleep(Duration::from_millis(100)).await;
    assert!(store.end_session(KEY, at(1), None).await.unwrap());
    assert_eq!(store.claim_revocations(None, at(1), 10).await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_listens_is_told_when_the_server_is_silent_or_gone_and_when_it_is_back() {
    if skip_without_redis("who_listens_is_told_when_the_server_is_silent_or_gone_and_when_it_is_back") {
        return;
    }
    let mut server = RedisServer::start().await;
    let (store, other) = (open(&server.url(0)).await, open(&server.url(0)).await);
    let mut news = store.news().unwrap();
    assert_eq!(next(&mut news).await, News::Connected);

    server.stand_still();
    assert_eq!(next(&mut news).await, News::Disconnected);
    server.go_on();
    assert_eq!(next(&mut news).await, News::Connected);

    server.restart().await;
    assert_eq!(next(&mut news).await, News::Disconnected);
    assert_eq!(next(&mut news).await, News::Connected);
    works(async || other.create_session(KEY, &session(), &[]).await).await;
    assert!(other.end_session(KEY, at(1), None).await.unwrap());
    assert_eq!(next(&mut news).await, News::Ended(KEY));
    // Sessions that did not end are not announced, and an unknown message may mean anything.
    assert!(!other.end_session(KEY, at(1), None).await.unwrap());
    let _: i64 = raw(&server.url(0), &["PUBLISH", "globus-portal:ended", "what?"]).await;
    assert_eq!(next(&mut news).await, News::Changed);

    // Without subscribers nothing listens any more.
    drop(news);
    let begin = Instant::now();
    loop {
        let listening: Vec<(String, i64)> = raw(&server.url(0), &["PUBSUB", "NUMSUB", "globus-portal:ended"]).await;
        if listening[0].1 == 0 {
            break;
        }
        assert!(begin.elapsed() < PATIENCE);
        sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_server_refuses_to_write_and_lets_people_log_out() {
    if skip_without_redis("a_full_server_refuses_to_write_and_lets_people_log_out") {
        return;
    }
    let server = RedisServer::start().await;
    let url = server.url(0);
    let store = open(&url).await;
    let ended = SessionKey([2; 32]);
    store.create_session(KEY, &session(), &[token("api")]).await.unwrap();
    store.create_session(ended, &session(), &[token("a"), token("b")]).await.unwrap();
    let _: () = raw(&url, &["CONFIG", "SET", "maxmemory", "1"]).await;
    let error = store.probe().await.unwrap_err().to_string();
    assert!(error.contains("maxmemory") && !error.contains("may not"), "no word of rights: {error}");
    assert!(store.create_session(SessionKey([3; 32]), &session(), &[token("api")]).await.is_err());
    assert!(store.update_record(KEY, b"changed").await.is_err());
    assert!(store.replace_token(KEY, &token("api")).await.is_err());
    assert!(store.add_revocation(KEY, &token("api"), at(0)).await.is_err());
    assert!(store.spend_state([1; 32], at(100), at(0)).await.is_err());
    assert!(store.take_lease([1; 32], [1; 16], time::Duration::hours(1)).await.is_err());
    // Nothing was written partially, and reading works.
    assert_eq!(store.session(KEY).await.unwrap(), Some(session()));
    assert_eq!(store.session(SessionKey([3; 32])).await.unwrap(), None);
    assert_eq!(store.tokens(KEY).await.unwrap(), [token("api")]);

    // Logging out frees memory: it works, and queues the tokens for revocation.
    assert!(store.end_session(ended, at(1), None).await.unwrap());
    assert_eq!(store.session(ended).await.unwrap(), None);
    let due = store.claim_revocations(Some(ended), at(1), 10).await.unwrap();
    assert_eq!(due.len(), 2);
    store.finish_revocation(due[0].id).await.unwrap();
    store.sweep(at(1)).await.unwrap();

    let _: () = raw(&url, &["CONFIG", "SET", "maxmemory", "0"]).await;
    store.probe().await.unwrap();
    assert!(store.update_record(KEY, b"changed").await.unwrap());
    // What was claimed on the full server becomes due again at its time.
    assert_eq!(store.claim_revocations(None, at(61), 10).await.unwrap(), [due[1].clone()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_with_a_password_opens_with_it_and_no_error_tells_it() {
    if skip_without_redis("a_server_with_a_password_opens_with_it_and_no_error_tells_it") {
        return;
    }
    let arguments = ["--requirepass", "correct/horse"].map(ToOwned::to_owned);
    let server = RedisServer::start_in(TempDir::new().unwrap(), &arguments).await;
    let at_port = |who: &str| format!("redis://{who}127.0.0.1:{}/1", server.port());
    for who in [":correct%2Fhorse@", "default:correct%2Fhorse@"] {
        open(&at_port(who)).await.probe().await.unwrap();
    }
    for who in ["", ":SENTINEL-wrong@", "nobody:SENTINEL-wrong@"] {
        let error = refusal(&at_port(who)).await;
        assert!(!error.contains("SENTINEL"), "{error}");
        assert!(error.contains("cannot connect to Redis"), "{error}");
    }
    let store = open(&at_port(":correct%2Fhorse@")).await;
    assert!(!format!("{store:?}").contains("correct"), "{store:?}");
}

#[tokio::test]
async fn a_url_that_is_wrong_is_an_error_that_does_not_quote_it() {
    let urls = [
        "SENTINEL",
        "http://:SENTINEL@localhost/",
        "redis://:SENTINEL@/0",
        "redis://:SENTINEL@localhost:port/0",
        "redis://:SENTINEL@localhost/SENTINEL",
        "redis://:SENTINEL@localhost/?protocol=SENTINEL",
        "redis://:SENTINEL@localhost/?sslrootcert=/etc/ca.pem",
        "rediss://:SENTINEL@localhost/?sslrootcert=/no/such/ca.pem",
        "rediss://:SENTINEL@localhost/#SENTINEL",
    ];
    for url in urls {
        let error = refusal(url).await;
        assert!(!error.contains("SENTINEL"), "{url}: {error}");
        assert!(error.contains("URL") || error.contains("sslrootcert"), "{url}: {error}");
    }
}

/// A test CA, and the server's certificate from it.
fn certificates(folder: &TempDir) -> [String; 3] {
    let mut ca = CertificateParams::new(Vec::new()).unwrap();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca_key = KeyPair::generate().unwrap();
    let ca_certificate = ca.self_signed(&ca_key).unwrap();
    let key = KeyPair::generate().unwrap();
    let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
    let issuer = Issuer::new(ca, ca_key);
    let certificate = CertificateParams::new(names).unwrap().signed_by(&key, &issuer).unwrap();
    let texts = [("ca.pem", ca_certificate.pem()), ("server.pem", certificate.pem()), ("key.pem", key.serialize_pem())];
    texts.map(|(name, text)| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path.to_string_lossy().into_owned()
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_with_tls_is_trusted_by_the_ca_that_the_url_names() {
    if skip_without_redis("a_server_with_tls_is_trusted_by_the_ca_that_the_url_names") {
        return;
    }
    let folder = TempDir::new().unwrap();
    let [ca, certificate, key] = certificates(&folder);
    let other = TempDir::new().unwrap();
    let [other_ca, ..] = certificates(&other);
    let mut arguments: Vec<_> = "--port 0 --tls-port {port} --tls-auth-clients no".split(' ').map(Into::into).collect();
    for (name, path) in [("cert", &certificate), ("key", &key), ("ca-cert", &ca)] {
        arguments.extend([format!("--tls-{name}-file"), path.clone()]);
    }
    let server = RedisServer::start_in(folder, &arguments).await;
    for host in ["localhost", "127.0.0.1"] {
        let base = format!("rediss://{host}:{}/2", server.port());
        let store = open(&format!("{base}?sslrootcert={ca}")).await;
        store.probe().await.unwrap();
        let mut news = store.news().unwrap();
        assert_eq!(next(&mut news).await, News::Connected);
        for url in [base.clone(), format!("{base}?sslrootcert={other_ca}")] {
            let error = refusal(&url).await;
            assert!(error.contains("certificate"), "{url}: {error}");
        }
        assert!(refusal(&format!("{base}?sslrootcert={key}")).await.contains("no certificate in it"));
    }
    // Without TLS it does not answer.
    refusal(&server.url(2)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_at_a_socket_is_reached_by_its_path() {
    if skip_without_redis("a_server_at_a_socket_is_reached_by_its_path") {
        return;
    }
    let folder = TempDir::new().unwrap();
    let socket = folder.path().join("redis.sock").to_string_lossy().into_owned();
    let arguments = ["--unixsocket", &socket, "--requirepass", "secret"].map(ToOwned::to_owned);
    let _server = RedisServer::start_in(folder, &arguments).await;
    for scheme in ["unix", "redis+unix"] {
        open(&format!("{scheme}://{socket}?db=5&pass=secret")).await.probe().await.unwrap();
    }
    refusal(&format!("unix://{socket}?db=5")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_left_behind_when_everything_has_ended() {
    if skip_without_redis("nothing_is_left_behind_when_everything_has_ended") {
        return;
    }
    let url = fresh_redis().await;
    let store = open(&url).await;
    store.create_session(KEY, &session(), &[token("a"), token("b"), token("c")]).await.unwrap();
    store.touch_session(KEY, at(1)).await.unwrap();
    store.end_session(KEY, at(1), None).await.unwrap();
    store.spend_state([1; 32], at(100), at(0)).await.unwrap();
    store.take_lease([1; 32], [1; 16], time::Duration::hours(1)).await.unwrap();
    store.release_lease([1; 32], [1; 16]).await.unwrap();
    store.probe().await.unwrap();
    let due = store.claim_revocations(None, at(1), 1).await.unwrap();
    store.finish_revocation(due[0].id).await.unwrap();
    for i in 0..1200 {
        store.add_revocation(SessionKey([1; 32]), &token(&format!("api-{i}")), at(1)).await.unwrap();
    }
    store.sweep(at(5000)).await.unwrap();
    // The counter of revocations continues.
    assert_eq!(raw::<Vec<String>>(&url, &["KEYS", "*"]).await, ["globus-portal:last-revocation"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_an_error() {
    if skip_without_redis("what_cannot_be_read_is_an_error") {
        return;
    }
    let url = fresh_redis().await;
    let store = open(&url).await;
    let name = |kind: &str| format!("globus-portal:{kind}:{}", "c4".repeat(32));
    let (hash, tokens) = (name("session"), name("tokens"));
    store.create_session(KEY, &session(), &[]).await.unwrap();
    let person = "07".repeat(32);
    for (field, wrong, right) in [
        ("last_seen", "soon", "1800000000"),
        ("ends", "99999999999999999", "1800001000"),
        ("person", "nobody", &person),
        ("person", &"ä".repeat(32), &person),
    ] {
        let _: i64 = raw(&url, &["HSET", &hash, field, wrong]).await;
        assert!(store.session(KEY).await.is_err(), "{field}");
        assert!(store.sessions_after(None, 10).await.is_err(), "{field}");
        let _: i64 = raw(&url, &["HSET", &hash, field, right]).await;
        assert_eq!(store.session(KEY).await.unwrap(), Some(session()));
    }
    for wrong in ["", "1", "1 2", "one 2 sealed", "1 never sealed"] {
        let _: i64 = raw(&url, &["HSET", &tokens, "api", wrong]).await;
        assert!(store.token(KEY, "api").await.is_err(), "{wrong}");
        assert!(store.tokens(KEY).await.is_err(), "{wrong}");
    }
    let _: i64 = raw(&url, &["DEL", &tokens]).await;
    let _: () = raw(&url, &["SET", &tokens, "no hash"]).await;
    assert!(store.tokens(KEY).await.is_err());
    let _: i64 = raw(&url, &["DEL", &tokens]).await;

    // A deleted hash is a session that has ended; ending it removes the rest.
    store.end_session(KEY, at(1), None).await.unwrap();
    store.create_session(KEY, &session(), &[token("api")]).await.unwrap();
    let _: i64 = raw(&url, &["DEL", &hash]).await;
    assert_eq!(store.session(KEY).await.unwrap(), None);
    assert_eq!(store.sessions_after(None, 10).await.unwrap(), []);
    assert_eq!(store.sessions_of([7; 32], 100).await.unwrap(), []);
    assert_eq!(store.aged_sessions(at(9999), at(9999), 10).await.unwrap(), [KEY]);
    assert!(!store.end_session(KEY, at(1), None).await.unwrap());
    assert_eq!(store.aged_sessions(at(9999), at(9999), 10).await.unwrap(), []);
    assert_eq!(store.claim_revocations(None, at(1), 10).await.unwrap().len(), 1);
}

/// Row F6.
#[tokio::test(flavor = "multi_thread")]
async fn people_log_out_of_a_full_server_though_their_use_of_it_cannot_be_noted() {
    if skip_without_redis("people_log_out_of_a_full_server_though_their_use_of_it_cannot_be_noted") {
        return;
    }
    let server = RedisServer::start().await;
    let (provider, clock) = (Provider::start().await, Clock::manual(at(0)));
    let portal = Portal::with().provider(&provider).clock(&clock).set("SESSION_STORE", &server.url(0)).start().await;
    let browser = Browser::new();
    log_in_at(&portal, &provider, &browser, "person-1").await;
    clock.advance(time::Duration::minutes(2));
    let _: () = server.ask(&["CONFIG", "SET", "maxmemory", "1"]).await;
    assert_eq!(browser.get(&portal.url("/")).await.status, 503);
    assert_eq!(browser.submit(&portal.url("/logout"), &[]).await.status, 303);
    assert_eq!(provider.revoke_calls().len(), 1);
    assert_eq!(portal.session_cookie(&browser), None);
}

/// A server whose user `portal` has these ACL rules.
async fn server_with_rules(rules: &str) -> (RedisServer, String) {
    let server = RedisServer::start().await;
    let words: Vec<_> =
        format!("ACL SETUSER portal on >secret resetchannels {rules}").split(' ').map(ToOwned::to_owned).collect();
    let () = server.ask(&words.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let url = format!("redis://portal:secret@127.0.0.1:{}/0", server.port());
    (server, url)
}

/// The minimum ACL rules that the README names.
fn rights_of_the_readme() -> String {
    let readme = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    let rules = readme.split("ACL SETUSER portal on >PASSWORD ").nth(1).unwrap();
    rules.split('`').next().unwrap().split_whitespace().collect::<Vec<_>>().join(" ")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_probe_names_the_right_that_the_user_of_redis_lacks() {
    if skip_without_redis("the_probe_names_the_right_that_the_user_of_redis_lacks") {
        return;
    }
    let all = "~globus-portal:* &globus-portal:* +@all";
    for (rules, named) in [
        ("~globus-portal:* +@all", &["PUBLISH", "&globus-portal:*"][..]),
        ("~globus-portal:* &globus-portal:other +@all", &["PUBLISH", "&globus-portal:*"]),
        (&format!("{all} -publish"), &["PUBLISH", "+publish"]),
        (&format!("{all} -subscribe"), &["SUBSCRIBE", "+subscribe"]),
        (&format!("{all} -hset"), &["HSET"]),
        (&format!("{all} -zremrangebyscore"), &["ZREMRANGEBYSCORE"]),
        ("~portal:* &globus-portal:* +@all", &["SET", "~globus-portal:*"]),
    ] {
        let (_server, url) = server_with_rules(rules).await;
        let error = open(&url).await.probe().await.unwrap_err().to_string();
        assert!(named.iter().all(|word| error.contains(word)), "{rules}: {error}");
        assert!(!error.contains("secret"), "{error}");
    }
    let (_server, url) = server_with_rules(all).await;
    open(&url).await.probe().await.unwrap();
}

/// The commands that a script calls with this word.
fn commands_in(script: &str, word: &str) -> BTreeSet<String> {
    script.split(word).skip(1).filter_map(|rest| rest.split('\'').next()).map(ToOwned::to_owned).collect()
}

#[test]
fn the_probe_runs_the_commands_of_the_other_scripts_and_no_others() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/session/store/redis");
    let mut used = BTreeSet::new();
    let mut probed = BTreeSet::new();
    for file in fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "lua") {
            continue;
        }
        let script = fs::read_to_string(&path).unwrap();
        if path.ends_with("probe.lua") {
            probed = commands_in(&script, "try('");
        } else {
            used.extend(commands_in(&script, "redis.call('"));
        }
    }
    assert!(used.len() > 15, "{used:?}");
    assert_eq!(probed, used);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_probe_of_a_server_that_follows_another_fails_until_it_is_the_first() {
    if skip_without_redis("the_probe_of_a_server_that_follows_another_fails_until_it_is_the_first") {
        return;
    }
    let server = RedisServer::start().await;
    let store = open(&server.url(0)).await;
    let () = server.ask(&["REPLICAOF", "127.0.0.1", "1"]).await;
    // Its name may resolve to the new primary by now, so each query opens another connection.
    let mut connections = Vec::new();
    for _ in 0..3 {
        let error = store.probe().await.unwrap_err().to_string();
        assert!(error.contains("read only") && !error.contains("may not"), "no word of rights: {error}");
        let list: String = server.ask(&["CLIENT", "LIST", "TYPE", "NORMAL"]).await;
        let ids = list.lines().filter(|line| line.contains("cmd=eval")).filter_map(|line| line.split(' ').next());
        connections.push(ids.map(ToOwned::to_owned).collect::<Vec<_>>());
    }
    connections.dedup();
    assert_eq!(connections.len(), 3, "{connections:?}");
    let () = server.ask(&["REPLICAOF", "NO", "ONE"]).await;
    works(async || store.probe().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_portal_whose_user_of_redis_may_not_publish_is_not_ready() {
    if skip_without_redis("a_portal_whose_user_of_redis_may_not_publish_is_not_ready") {
        return;
    }
    let (server, url) = server_with_rules("~globus-portal:* +@all").await;
    let portal = Portal::with().set("SESSION_STORE", &url).start().await;
    let browser = Browser::new();
    let ready = browser.get(&portal.url("/readyz")).await;
    assert_eq!((ready.status.as_u16(), ready.body.contains("session store")), (503, true), "{}", ready.body);
    let () = server.ask(&["ACL", "SETUSER", "portal", "&globus-portal:*"]).await;
    let ready = works(async || match browser.get(&portal.url("/readyz")).await {
        ready if ready.status == 200 => Ok(()),
        ready => Err(StoreError::new(ready.body)),
    });
    ready.await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rights_that_the_readme_names_are_enough() {
    if skip_without_redis("the_rights_that_the_readme_names_are_enough") {
        return;
    }
    let (_server, url) = server_with_rules(&rights_of_the_readme()).await;
    let (store, other) = (open(&url).await, open(&url).await);
    store.probe().await.unwrap();
    assert_eq!(store.warnings().await, [""; 0]);
    let mut news = other.news().unwrap();
    assert_eq!(next(&mut news).await, News::Connected);
    store.create_session(KEY, &session(), &[token("api"), token("other")]).await.unwrap();
    store.touch_session(KEY, at(1)).await.unwrap();
    store.update_record(KEY, b"record").await.unwrap();
    store.replace_token(KEY, &token("other")).await.unwrap();
    store.remove_token(KEY, "other", 2).await.unwrap();
    store.add_revocation(KEY, &token("late"), at(1)).await.unwrap();
    assert_eq!(store.session(KEY).await.unwrap().unwrap().last_seen, at(1));
    assert_eq!(store.tokens(KEY).await.unwrap().len(), 1);
    assert!(store.token(KEY, "api").await.unwrap().is_some());
    assert_eq!(store.sessions_of([7; 32], 10).await.unwrap().len(), 1);
    assert_eq!(store.sessions_after(None, 10).await.unwrap().len(), 1);
    assert_eq!(store.aged_sessions(at(9999), at(9999), 10).await.unwrap(), [KEY]);
    store.take_lease([1; 32], [1; 16], time::Duration::HOUR).await.unwrap();
    store.release_lease([1; 32], [1; 16]).await.unwrap();
    store.spend_state([1; 32], at(100), at(0)).await.unwrap();
    assert!(store.end_session(KEY, at(1), Some(at(100))).await.unwrap());
    assert!(store.ended_elsewhere(KEY, at(2)).await.unwrap());
    store.forget_ended(KEY).await.unwrap();
    let due = store.claim_revocations(None, at(9), 10).await.unwrap();
    assert_eq!(due.len(), 2);
    store.finish_revocation(due[0].id).await.unwrap();
    store.sweep(at(9999)).await.unwrap();
    // A probe ends nothing, so the next notification is the end of the session.
    store.probe().await.unwrap();
    assert_eq!(next(&mut news).await, News::Ended(KEY));
    store.create_session(KEY, &session(), &[]).await.unwrap();
    store.end_session(KEY, at(1), None).await.unwrap();
    assert_eq!(next(&mut news).await, News::Ended(KEY));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_may_lose_sessions_is_worth_a_warning() {
    if skip_without_redis("a_server_that_may_lose_sessions_is_worth_a_warning") {
        return;
    }
    let server = RedisServer::start().await;
    let store = open(&server.url(0)).await;
    assert_eq!(store.warnings().await, [""; 0]);
    for (setting, value, named) in [
        ("maxmemory-policy", "allkeys-lru", "sessions and tokens"),
        ("maxmemory-policy", "allkeys-random", "noeviction"),
        ("maxmemory-policy", "volatile-ttl", "leases"),
    ] {
        let () = server.ask(&["CONFIG", "SET", setting, value]).await;
        let warnings = store.warnings().await;
        assert!(warnings.len() == 1 && warnings[0].contains(named) && warnings[0].contains(value), "{warnings:?}");
        let () = server.ask(&["CONFIG", "SET", setting, "noeviction"]).await;
    }
    let () = server.ask(&["CONFIG", "SET", "appendonly", "no"]).await;
    let warnings = store.warnings().await;
    assert!(warnings.len() == 1 && warnings[0].contains("all sessions end with the Redis server"), "{warnings:?}");
    let () = server.ask(&["CONFIG", "SET", "save", "3600 1"]).await;
    let warnings = store.warnings().await;
    assert!(warnings.len() == 1 && warnings[0].contains("last snapshot"), "{warnings:?}");
    // `check` prints them, and reports no problem with the store.
    let (folder, globus) = (TempDir::new().unwrap(), start_sandbox().await);
    let (serve, _) = portal_at(folder.path(), &globus);
    let mut command = globus_portal(folder.path(), ["check"]);
    command.envs(serve.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.env("GLOBUS_PORTAL_SESSION_STORE", server.url(0));
    let said = String::from_utf8(command.output().unwrap().stdout).unwrap();
    assert!(said.contains("warn  session store: appendonly is no"), "{said}");
    assert!(said.contains("ok    session store"), "{said}");
}
