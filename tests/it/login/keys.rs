//! Keys: what one sealed, which others open, and what is left when a key is taken away.

use std::str::FromStr as _;

use axum::{Json, http::StatusCode, response::IntoResponse as _};
use globus_portal::{
    clock::Clock,
    secret::SecretKey,
    session::{
        seal::{KeyRing, Purpose},
        session_key,
        store::{SessionKey, SqliteStore, Store as _},
    },
};
use serde_json::json;
use time::{Duration, OffsetDateTime};
use tower_sessions::session::Id;

use crate::harness::{
    Browser, MIRA, Portal, PortalBuilder, Provider, parameter,
    provider::{id_token, token_response},
    until,
};

const OLD: &str = "the key of before, which is long enough to be one";
const NEW: &str = "the key of today, which is long enough to be one";
const OTHER: &str = "a key of somebody else, which is long enough too";

fn ring(keys: &[&str]) -> KeyRing {
    let mut keys = keys.iter().map(|key| SecretKey::new(*key));
    let current = keys.next().unwrap();
    KeyRing::new(&current, &keys.collect::<Vec<_>>())
}

/// Row B14.
#[test]
fn what_was_sealed_for_one_purpose_or_place_opens_for_no_other() {
    let keys = ring(&[NEW, OLD]);
    let purposes = [Purpose::LoginState, Purpose::Session, Purpose::Token];
    for sealed_for in purposes {
        let sealed = keys.seal(sealed_for, b"here", b"plain").unwrap();
        for opened_for in purposes {
            let opened = keys.open(opened_for, b"here", &sealed).map(|opened| opened.plain);
            let expected = (sealed_for == opened_for).then(|| b"plain".to_vec());
            assert_eq!(opened, expected, "{sealed_for:?} opened for {opened_for:?}");
        }
        for place in [&b""[..], b"her", b"here ", b"there"] {
            assert!(keys.open(sealed_for, place, &sealed).is_none(), "{sealed_for:?} at {place:?}");
        }
    }
}

/// Row B14.
#[tokio::test]
async fn nothing_we_give_a_browser_works_in_the_place_of_another() {
    let portal = Portal::start().await;
    let browser = Browser::new();
    let authorize = portal.begin_login(&browser, "").await;
    let login_cookie = browser.cookie("localhost", "login").unwrap();
    let state = parameter(&authorize, "state").unwrap();
    portal.log_in(&browser, MIRA).await;
    let session_cookie = portal.session_cookie(&browser).unwrap();

    for value in [&login_cookie, &state, &parameter(&authorize, "nonce").unwrap()] {
        let thief = Browser::new();
        thief.set_cookie("localhost", "session", value);
        assert_eq!(thief.get(&portal.url("/")).await.status, 303, "as a session cookie: {value}");
    }
    for value in [&session_cookie, &state] {
        let thief = Browser::new();
        thief.set_cookie("localhost", "login", value);
        let answer = thief.get(&portal.callback(&authorize, "a-code")).await;
        assert_eq!(answer.status, 400, "as a login cookie: {value}");
    }
    for value in [&session_cookie, &login_cookie] {
        let answer = browser.get(&portal.url(&format!("/login?code=a-code&state={value}"))).await;
        assert_eq!((answer.status.as_u16(), answer.header("location")), (303, Some("/")), "as a state: {value}");
        assert_eq!(portal.session_cookie(&browser).as_ref(), Some(&session_cookie), "the session is that of before");
        assert_eq!(Browser::new().get(answer.url.as_str()).await.status, 400, "as a state: {value}");
    }
    assert_eq!(browser.get(&portal.url("/")).await.status, 200);
}

#[test]
fn a_sealed_value_with_any_bit_changed_or_cut_short_does_not_open() {
    let keys = ring(&[NEW]);
    let sealed = keys.seal(Purpose::Session, b"here", b"plain").unwrap();
    assert_ne!(sealed, keys.seal(Purpose::Session, b"here", b"plain").unwrap(), "two sealings are alike");
    for bit in 0..sealed.len() * 8 {
        let mut changed = sealed.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert!(keys.open(Purpose::Session, b"here", &changed).is_none(), "bit {bit}");
    }
    for length in 0..sealed.len() {
        assert!(keys.open(Purpose::Session, b"here", &sealed[..length]).is_none(), "length {length}");
    }
    assert!(keys.open(Purpose::Session, b"here", &[&sealed[..], b"x"].concat()).is_none());
    let empty = keys.seal(Purpose::Session, b"", b"").unwrap();
    assert!(keys.open(Purpose::Session, b"", &empty).unwrap().plain.is_empty());
}

/// Row E7.
#[test]
fn the_first_key_seals_and_every_key_opens() {
    let before = ring(&[OLD]);
    let both = ring(&[NEW, OLD]);
    let after = ring(&[NEW]);
    let sealed = before.seal(Purpose::Token, b"", b"plain").unwrap();
    assert!(!before.open(Purpose::Token, b"", &sealed).unwrap().is_stale());
    assert!(both.open(Purpose::Token, b"", &sealed).unwrap().is_stale());
    assert!(after.open(Purpose::Token, b"", &sealed).is_none());
    let sealed = both.seal(Purpose::Token, b"", b"plain").unwrap();
    assert!(!both.open(Purpose::Token, b"", &sealed).unwrap().is_stale());
    assert!(!after.open(Purpose::Token, b"", &sealed).unwrap().is_stale());
    assert!(before.open(Purpose::Token, b"", &sealed).is_none());
    assert!(ring(&[OTHER]).open(Purpose::Token, b"", &sealed).is_none());
    // The same key twice does not cause endless re-sealing.
    assert!(!ring(&[NEW, NEW]).open(Purpose::Token, b"", &sealed).unwrap().is_stale());
}

#[test]
fn derived_values_follow_from_key_label_and_parts_and_from_nothing_less() {
    let keys = ring(&[NEW, OLD]);
    let derived = keys.derive(0, b"label", &[b"a", b"b"]).unwrap();
    assert_eq!(keys.derive(0, b"label", &[b"a", b"b"]), Some(derived));
    assert_eq!(ring(&[OLD, NEW]).derive(1, b"label", &[b"a", b"b"]), Some(derived));
    for other in [
        keys.derive(1, b"label", &[b"a", b"b"]),
        keys.derive(0, b"lab", &[b"a", b"b"]),
        keys.derive(0, b"label", &[b"ab"]),
        keys.derive(0, b"label", &[b"ab", b""]),
        keys.derive(0, b"label", &[b"", b"ab"]),
        keys.derive(0, b"label", &[b"b", b"a"]),
        keys.derive(0, b"label", &[]),
    ] {
        assert_ne!(other.unwrap(), derived);
    }
    assert_eq!(keys.derive(2, b"label", &[]), None);
}

/// A portal and what it needs for a restart: the provider, the file, the clock.
struct House {
    provider: Provider,
    folder: tempfile::TempDir,
    clock: Clock,
}

impl House {
    async fn new() -> Self {
        let clock = Clock::manual(OffsetDateTime::from_unix_timestamp(1_800_000_000).unwrap());
        let provider = Provider::start().await;
        provider.on_other(|_| Json(json!({"DATA": [], "has_next_page": false})).into_response());
        Self { provider, folder: tempfile::tempdir().unwrap(), clock }
    }

    fn file(&self) -> std::path::PathBuf {
        self.folder.path().join("sessions.db")
    }

    async fn portal(&self, key: &str, fallbacks: &str) -> Portal {
        self.builder(key, fallbacks).start().await
    }

    fn builder(&self, key: &str, fallbacks: &str) -> PortalBuilder {
        let with_file: PortalBuilder = Portal::with()
            .provider(&self.provider)
            .clock(&self.clock)
            .set("SESSION_STORE", &format!("sqlite:{}", self.file().display()))
            .set("SECRET_KEY", key);
        // A list of strings with spaces cannot be an environment variable, so it comes from a file.
        let list = self.folder.path().join("fallbacks");
        std::fs::write(&list, fallbacks).unwrap();
        if fallbacks.is_empty() {
            with_file
        } else {
            with_file.set("SECRET_KEY_FALLBACKS_FILE", list.to_str().unwrap())
        }
    }

    async fn log_in(&self, portal: &Portal, browser: &Browser) {
        let authorize = portal.begin_login(browser, "").await;
        let nonce = parameter(&authorize, "nonce").unwrap();
        let claims = self.provider.good_claims(&nonce, self.clock.now().unix_timestamp());
        let mut response = token_response(&id_token(&claims));
        response["other_tokens"] = json!([{
            "access_token": "transfer-access", "refresh_token": "transfer-refresh", "scope": "all",
            "expires_in": 172_800, "token_type": "Bearer", "resource_server": "transfer.api.globus.org",
        }]);
        self.provider.on_token(move |_| Json(response.clone()).into_response());
        let answer = browser.get(&portal.callback(&authorize, "a-code")).await;
        assert_eq!(answer.status, 303, "{}", answer.body);
    }

    /// What the file holds for a session: record and tokens.
    async fn sealed(&self, key: SessionKey) -> Vec<(String, Vec<u8>)> {
        let store = SqliteStore::open(&self.file()).await.unwrap();
        let record = store.session(key).await.unwrap().unwrap().record;
        let tokens = store.tokens(key).await.unwrap().into_iter().map(|row| (row.resource_server, row.sealed));
        std::iter::once(("record".to_owned(), record)).chain(tokens).collect()
    }
}

fn key_of(portal: &Portal, browser: &Browser) -> SessionKey {
    session_key(Id::from_str(&portal.session_cookie(browser).unwrap()).unwrap())
}

/// The key ids of sealed values: equal for the same key.
fn key_ids(sealed: &[(String, Vec<u8>)]) -> Vec<&[u8]> {
    let mut ids: Vec<&[u8]> = sealed.iter().map(|(_, bytes)| &bytes[1..5]).collect();
    ids.dedup();
    ids
}

/// Row F2: another key at one portal must not cost the others what they have to revoke.
#[tokio::test]
async fn tokens_that_a_portal_cannot_open_wait_for_one_that_has_their_key() {
    let house = House::new().await;
    let browser = Browser::new();
    let first = house.portal(OLD_WORD, "").await;
    house.log_in(&first, &browser).await;
    house.provider.on_revoke(|_| StatusCode::SERVICE_UNAVAILABLE.into_response());
    assert_eq!(browser.submit(&first.url("/logout"), &[]).await.status, 303);
    house.provider.on_revoke(|_| StatusCode::OK.into_response());
    first.stop().await;

    let tried = house.provider.revoke_calls().len();
    let stranger = house.portal(NEW_WORD, "").await;
    house.clock.advance(Duration::minutes(2));
    assert_eq!(stranger.app.tokens.revoke_due(None).await.unwrap(), (0, 2));
    stranger.stop().await;
    assert_eq!(house.provider.revoke_calls().len(), tried);
    let again = house.portal(NEW_WORD, OLD_WORD).await;
    house.clock.advance(Duration::minutes(2));
    assert_eq!(again.app.tokens.revoke_due(None).await.unwrap(), (2, 0));
    assert_eq!(house.provider.revoke_calls().len(), tried + 3);
}

const OLD_WORD: &str = "an-old-key-without-any-space-in-it-of-40";
const NEW_WORD: &str = "a-new-key-without-any-space-in-it-of-40-";

/// Row E7.
#[tokio::test]
async fn a_session_moves_to_the_new_key_when_it_is_used_and_outlives_the_old_one() {
    let house = House::new().await;
    let browser = Browser::new();
    let idle = Browser::new();
    let first = house.portal(OLD_WORD, "").await;
    house.log_in(&first, &browser).await;
    house.log_in(&first, &idle).await;
    let key = key_of(&first, &browser);
    let before = house.sealed(key).await;
    first.stop().await;

    let both = house.portal(NEW_WORD, OLD_WORD).await;
    assert_eq!(browser.get(&both.url("/")).await.status, 200);
    let after = house.sealed(key).await;
    assert_eq!(after.len(), 3);
    for (old, new) in before.iter().zip(&after) {
        assert_ne!(old.1, new.1, "{} is sealed with the old key still", new.0);
    }
    assert_eq!(key_ids(&after).len(), 1);
    assert_ne!(key_ids(&after), key_ids(&before));
    // Once is enough.
    assert_eq!(browser.get(&both.url("/")).await.status, 200);
    assert_eq!(house.sealed(key).await, after);
    both.stop().await;

    let last = house.portal(NEW_WORD, "").await;
    assert_eq!(browser.get(&last.url("/")).await.status, 200);
    assert_eq!(browser.get(&last.url("/endpoints")).await.status, 200);
    assert_eq!(idle.get(&last.url("/")).await.status, 303);
    let out = browser.submit(&last.url("/logout"), &[]).await;
    assert_eq!(out.status, 303);
    let calls = house.provider.revoke_calls();
    let mut revoked: Vec<_> = calls.iter().map(|call| call.field("token").unwrap()).collect();
    revoked.sort_unstable();
    assert_eq!(revoked, ["SENTINEL-auth-access-token", "transfer-access", "transfer-refresh"]);
}

/// Row E7.
#[tokio::test]
async fn a_key_that_is_taken_away_ends_what_it_sealed_and_login_works_on() {
    let house = House::new().await;
    let browser = Browser::new();
    let first = house.portal(OLD_WORD, "").await;
    house.log_in(&first, &browser).await;
    let cookie = first.session_cookie(&browser).unwrap();
    let begun = first.begin_login(&browser, "").await;
    first.stop().await;

    let other = house.portal(NEW_WORD, "").await;
    assert_eq!(browser.get(&other.url("/")).await.status, 303);
    let late = browser.get(&other.callback(&begun, "a-code")).await;
    assert_eq!(late.status, 400, "{}", late.body);
    house.log_in(&other, &browser).await;
    assert_eq!(browser.get(&other.url("/")).await.status, 200);
    let thief = Browser::new();
    thief.set_cookie("localhost", "session", &cookie);
    assert_eq!(thief.get(&other.url("/")).await.status, 303);
}

/// Row E7.
#[tokio::test]
async fn a_login_begun_under_the_old_key_is_completed_under_the_new_one() {
    let house = House::new().await;
    let browser = Browser::new();
    let first = house.portal(OLD_WORD, "").await;
    let begun = first.begin_login(&browser, "").await;
    first.stop().await;

    let both = house.portal(NEW_WORD, OLD_WORD).await;
    let claims = house.provider.good_claims(&parameter(&begun, "nonce").unwrap(), house.clock.now().unix_timestamp());
    house.provider.answer_with(id_token(&claims));
    let answer = browser.get(&both.callback(&begun, "a-code")).await;
    assert_eq!(answer.status, 303, "{}", answer.body);
    // The verifier that was sent is the one whose challenge the first portal showed.
    let verifier = house.provider.token_calls()[0].field("code_verifier").unwrap().to_owned();
    let challenge = globus_portal::globus::flow::code_challenge(&globus_portal::secret::CodeVerifier::new(verifier));
    assert_eq!(parameter(&begun, "code_challenge"), Some(challenge));
}

/// Row E8.
#[tokio::test]
async fn a_session_in_sqlite_survives_a_restart() {
    let house = House::new().await;
    let browser = Browser::new();
    let first = house.portal(OLD, "").await;
    house.log_in(&first, &browser).await;
    first.stop().await;
    let second = house.portal(OLD, "").await;
    assert_eq!(browser.get(&second.url("/")).await.status, 200);
    assert_eq!(browser.get(&second.url("/endpoints")).await.status, 200);
    // The age keeps counting across the restart.
    second.stop().await;
    house.clock.advance(Duration::hours(8));
    let third = house.portal(OLD, "").await;
    assert_eq!(browser.get(&third.url("/")).await.status, 303);
}

/// Row E8.
#[tokio::test]
async fn what_is_to_be_revoked_is_revoked_after_a_restart() {
    let house = House::new().await;
    let browser = Browser::new();
    let first = house.portal(OLD, "").await;
    house.log_in(&first, &browser).await;
    house.provider.on_revoke(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response());
    let out = browser.submit(&first.url("/logout"), &[]).await;
    assert_eq!(out.status, 303);
    first.stop().await;
    let tried = house.provider.revoke_calls().len();

    house.provider.on_revoke(|_| Json(json!({"active": false})).into_response());
    house.clock.advance(Duration::seconds(61));
    // Its sweep begins at once.
    let second = house.builder(OLD, "").sweeping().start().await;
    until("the revocations", || (house.provider.revoke_calls().len() >= tried + 3).then_some(())).await;
    assert_eq!(browser.get(&second.url("/")).await.status, 303);
    let calls = house.provider.revoke_calls();
    let mut sent: Vec<_> = calls[tried..].iter().map(|call| call.field("token").unwrap().to_owned()).collect();
    sent.sort_unstable();
    assert_eq!(sent, ["SENTINEL-auth-access-token", "transfer-access", "transfer-refresh"]);
}
