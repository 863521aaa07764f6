//! How a login comes back: rows B1 to B16 of the security checklist.

use std::sync::Arc;

use axum::{
    Json,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use globus_portal::clock::Clock;
use reqwest::Method;
use serde_json::{Value, json};
use time::{Duration, OffsetDateTime};
use tokio::sync::{Notify, mpsc};
use url::Url;

use crate::harness::{
    Answer, Browser, JONAS, MIRA, Portal, Provider, parameter,
    provider::CLIENT_ID,
    steps::{assert_anonymous, assert_logged_in, is_active, key_of, let_in, log_in_at, sessions_in, until_revoked},
};

async fn start() -> (Provider, Portal) {
    let provider = Provider::start().await;
    let portal = Portal::with().provider(&provider).start().await;
    (provider, portal)
}

/// Lets the provider answer a started login correctly.
fn answer_well(portal: &Portal, provider: &Provider, authorize: &Url) {
    let response = let_in(portal, provider, authorize, "person-1");
    provider.on_token(move |_| Json(response.clone()).into_response());
}

/// Asserts that a callback was refused with a page, before any token request, and that no one is logged in.
async fn assert_refused(portal: &Portal, provider: &Provider, browser: &Browser, answer: &Answer, status: u16) {
    assert_eq!(answer.status, status, "{}: {}", answer.url, answer.body);
    assert_eq!(provider.token_calls().len(), 0, "{}", answer.url);
    assert_no_login(portal, browser, answer).await;
}

async fn assert_no_login(portal: &Portal, browser: &Browser, answer: &Answer) {
    assert_eq!((answer.header("location"), answer.set_cookies().len()), (None, 0), "{}", answer.url);
    assert!(answer.body.contains("<!doctype html>") || answer.body.contains("<!DOCTYPE html>"), "{}", answer.body);
    assert!(answer.body.contains(answer.header("x-request-id").unwrap()), "{}", answer.body);
    assert!(answer.body.contains("/login\"") || answer.body.contains("href=\"/\""), "no next step: {}", answer.body);
    assert_eq!(portal.session_cookie(browser), None);
    assert_eq!(sessions_in(portal).await, 0);
}

/// Row B1.
#[tokio::test]
async fn a_code_without_a_state_of_ours_is_never_exchanged() {
    let (provider, portal) = start().await;
    let browser = Browser::new();
    let authorize = portal.begin_login(&browser, "").await;
    answer_well(&portal, &provider, &authorize);
    let good = parameter(&authorize, "state").unwrap();
    let swapped = if good.ends_with('A') { "B" } else { "A" };
    let states = [
        String::new(),
        "&state=".to_owned(),
        "&state=unknown".to_owned(),
        "&state=%00".to_owned(),
        format!("&state={}", &good[1..]),
        format!("&state={}", &good[..good.len() - 1]),
        format!("&state={}{swapped}", &good[..good.len() - 1]),
        format!("&state=Z{}", &good[1..]),
        format!("&state={good}{good}"),
        format!("&state={good}="),
        format!("&STATE={good}"),
        format!("&state={}", "A".repeat(4000)),
    ];
    for state in states {
        for code in ["a-code", ""] {
            let answer = browser.get(&portal.url(&format!("/login?code={code}{state}"))).await;
            assert_refused(&portal, &provider, &browser, &answer, 400).await;
        }
    }
    let answer = browser.get(&portal.callback(&authorize, "a-code")).await;
    assert_eq!(answer.status, 303, "the state itself is good: {}", answer.body);
}

/// Row B2.
#[tokio::test]
async fn a_login_of_another_browser_cannot_be_finished_here() {
    let (provider, portal) = start().await;
    let (attacker, victim) = (Browser::new(), Browser::new());
    let authorize = portal.begin_login(&attacker, "").await;
    answer_well(&portal, &provider, &authorize);
    let callback = portal.callback(&authorize, "code-of-the-attacker");
    let answer = victim.get(&callback).await;
    assert_refused(&portal, &provider, &victim, &answer, 400).await;

    portal.begin_login(&victim, "").await;
    let answer = victim.get(&callback).await;
    assert_refused(&portal, &provider, &victim, &answer, 400).await;

    assert_eq!(attacker.get(&callback).await.status, 303, "where it was begun it works");
}

/// Row B3.
#[tokio::test]
async fn the_same_answer_twice_is_exchanged_once_and_leads_to_the_same_place() {
    let (provider, portal) = start().await;
    let browser = Browser::new();
    let authorize = portal.begin_login(&browser, "?next=/profile").await;
    answer_well(&portal, &provider, &authorize);
    let callback = portal.callback(&authorize, "a-code");
    let first = browser.get(&callback).await;
    let cookie = portal.session_cookie(&browser);
    for _ in 0..3 {
        let again = browser.get(&callback).await;
        assert_eq!((again.status.as_u16(), again.header("location")), (303, first.header("location")));
        assert_eq!(again.set_cookies().len(), 0);
    }
    assert_eq!(first.header("location"), Some("/profile"));
    assert_eq!(portal.session_cookie(&browser), cookie);
    assert_eq!((provider.token_calls().len(), sessions_in(&portal).await), (1, 1));
    assert_logged_in(&portal, &browser).await;
}

/// Row B3.
#[tokio::test(flavor = "multi_thread")]
async fn the_same_answer_twice_at_once_is_exchanged_once() {
    let (provider, portal) = start().await;
    let browser = Arc::new(Browser::new());
    let authorize = portal.begin_login(&browser, "?next=/profile").await;
    let response = let_in(&portal, &provider, &authorize, "person-1");
    let (asked, release) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (told, gate) = (asked.clone(), release.clone());
    provider.on_token(move |_| {
        told.notify_one();
        tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(gate.notified()));
        Json(response.clone()).into_response()
    });
    let callback = portal.callback(&authorize, "a-code");
    let first = tokio::spawn({
        let (browser, callback) = (browser.clone(), callback.clone());
        async move { browser.get(&callback).await }
    });
    asked.notified().await;
    let second = browser.get(&callback).await;
    assert_eq!((second.status.as_u16(), second.header("location")), (303, Some("/profile")));
    assert_eq!(second.set_cookies().len(), 0);
    release.notify_one();
    let first = first.await.unwrap();
    assert_eq!((first.status.as_u16(), first.header("location")), (303, Some("/profile")));
    assert_eq!((provider.token_calls().len(), sessions_in(&portal).await), (1, 1));
    assert_logged_in(&portal, &browser).await;
}

/// Row B4.
#[tokio::test]
async fn a_login_begun_too_long_ago_offers_a_new_one_to_the_same_place() {
    let provider = Provider::start().await;
    let clock = Clock::manual(OffsetDateTime::from_unix_timestamp(1_800_000_000).unwrap());
    let portal = Portal::with().provider(&provider).clock(&clock).start().await;
    let browser = Browser::new();
    let authorize = portal.begin_login(&browser, "?next=/endpoints%3Fpage%3D2").await;
    answer_well(&portal, &provider, &authorize);
    clock.advance(Duration::minutes(30));
    for query in ["code=a-code", "error=access_denied"] {
        let state = parameter(&authorize, "state").unwrap();
        let answer = browser.get(&portal.url(&format!("/login?{query}&state={state}"))).await;
        assert_eq!((answer.status.as_u16(), provider.token_calls().len()), (400, 0));
        let next = "/login?next=%2Fendpoints%3Fpage%3D2";
        assert!(answer.body.contains(&format!("href=\"{next}\"")), "{}", answer.body);
        let fresh = portal.begin_login(&browser, &next["/login".len()..]).await;
        assert_ne!(parameter(&fresh, "state").unwrap(), state);
    }
    assert_eq!(sessions_in(&portal).await, 0);
}

/// Row B4.
#[tokio::test]
async fn a_login_may_take_almost_half_an_hour() {
    let provider = Provider::start().await;
    let clock = Clock::manual(OffsetDateTime::from_unix_timestamp(1_800_000_000).unwrap());
    let portal = Portal::with().provider(&provider).clock(&clock).start().await;
    let browser = Browser::new();
    let authorize = portal.begin_login(&browser, "").await;
    clock.advance(Duration::minutes(29));
    answer_well(&portal, &provider, &authorize);
    assert_eq!(browser.get(&portal.callback(&authorize, "a-code")).await.status, 303);
}

/// Row B5.
#[tokio::test]
async fn a_person_who_says_no_gets_a_page_and_the_state_is_spent() {
    let (provider, portal) = start().await;
    let browser = Browser::new();
    let authorize = portal.begin_login(&browser, "?next=/profile").await;
    answer_well(&portal, &provider, &authorize);
    let state = parameter(&authorize, "state").unwrap();
    let refused = portal.url(&format!("/login?error=access_denied&error_description=SENTINEL&state={state}"));
    for _ in 0..3 {
        let answer = browser.get(&refused).await;
        assert_eq!((answer.status.as_u16(), answer.header("location")), (403, None));
        assert!(answer.body.contains("/login?next=%2Fprofile") && !answer.body.contains("SENTINEL"), "{}", answer.body);
    }
    let late = browser.get(&portal.callback(&authorize, "a-code")).await;
    assert_eq!((late.status.as_u16(), provider.token_calls().len()), (303, 0), "the state is spent");
    assert_eq!(sessions_in(&portal).await, 0);
    assert_anonymous(&portal, &browser).await;
}

/// Row B5.
#[tokio::test]
async fn the_sandbox_tells_us_that_a_person_says_no() {
    let portal = Portal::start().await;
    let browser = Browser::new();
    let authorize = portal.begin_login(&browser, "").await;
    let back = portal.decide(&browser, &authorize, MIRA, "deny").await;
    let answer = browser.get(back.as_str()).await;
    assert_eq!(answer.status, 403, "{}", answer.body);
    assert_anonymous(&portal, &browser).await;
}

/// Row B6.
#[tokio::test]
async fn an_error_with_a_bad_state_shows_nothing_of_the_query() {
    let (provider, portal) = start().await;
    let browser = Browser::new();
    portal.begin_login(&browser, "").await;
    let text = "SENTINEL%3Cscript%3Ealert(1)%3C/script%3E";
    for query in [
        format!("error={text}&error_description={text}&state={text}"),
        format!("error={text}&error_uri=https://evil.example/{text}"),
        format!("error=access_denied&state={text}&{text}={text}"),
        format!("error=&state={text}"),
    ] {
        let answer = browser.get(&portal.url(&format!("/login?{query}"))).await;
        assert_refused(&portal, &provider, &browser, &answer, 400).await;
        let shown = format!("{}{:?}", answer.body, answer.headers);
        assert!(!shown.contains("SENTINEL") && !shown.contains("evil") && !shown.contains("alert"), "{shown}");
    }
}

/// Row B7.
#[tokio::test]
async fn parameters_that_contradict_each_other_are_refused() {
    let (provider, portal) = start().await;
    let browser = Browser::new();
    let authorize = portal.begin_login(&browser, "").await;
    answer_well(&portal, &provider, &authorize);
    let state = parameter(&authorize, "state").unwrap();
    let iss: String = url::form_urlencoded::byte_serialize(provider.base.as_bytes()).collect();
    for query in [
        format!("code=a&error=access_denied&state={state}"),
        format!("error=access_denied&code=a&state={state}"),
        format!("code=a&error=&state={state}"),
        format!("code=a&code=a&state={state}"),
        format!("code=a&code=b&state={state}"),
        format!("code=a&c%6Fde=b&state={state}"),
        format!("code=a&state={state}&state={state}"),
        format!("code=a&state={state}&state="),
        format!("code=a&state={state}&iss={iss}&iss={iss}"),
        format!("code=a&state={state}&iss={iss}&iss="),
        format!("error=a&error=b&state={state}"),
        format!("error=a&state={state}&state=x"),
    ] {
        let answer = browser.get(&portal.url(&format!("/login?{query}"))).await;
        assert_refused(&portal, &provider, &browser, &answer, 400).await;
    }
    let answer = browser.get(&portal.callback(&authorize, "a-code")).await;
    assert_eq!(answer.status, 303, "none of them has spent the state: {}", answer.body);
}

/// Row B8.
#[tokio::test]
async fn an_answer_of_another_issuer_is_refused() {
    let (provider, portal) = start().await;
    let browser = Browser::new();
    let authorize = portal.begin_login(&browser, "").await;
    answer_well(&portal, &provider, &authorize);
    let callback = portal.callback(&authorize, "a-code");
    for iss in ["https://evil.example", "", &format!("{}/", provider.base), &provider.base.to_uppercase()] {
        let iss: String = url::form_urlencoded::byte_serialize(iss.as_bytes()).collect();
        let answer = browser.get(&format!("{callback}&iss={iss}")).await;
        assert_refused(&portal, &provider, &browser, &answer, 400).await;
    }
    let iss: String = url::form_urlencoded::byte_serialize(provider.base.as_bytes()).collect();
    assert_eq!(browser.get(&format!("{callback}&iss={iss}")).await.status, 303);
}

/// Row B8.
#[tokio::test]
async fn an_answer_without_issuer_is_refused_where_globus_promises_one() {
    let provider = Provider::start().await;
    provider.inner.discovery.lock().unwrap()["authorization_response_iss_parameter_supported"] = true.into();
    let portal = Portal::with().provider(&provider).start().await;
    let browser = Browser::new();
    let authorize = portal.begin_login(&browser, "").await;
    answer_well(&portal, &provider, &authorize);
    let callback = portal.callback(&authorize, "a-code");
    let answer = browser.get(&callback).await;
    assert_refused(&portal, &provider, &browser, &answer, 400).await;
    let iss: String = url::form_urlencoded::byte_serialize(provider.base.as_bytes()).collect();
    assert_eq!(browser.get(&format!("{callback}&iss={iss}")).await.status, 303);
}

/// The halves of a Basic header, as they were sent.
fn basic(headers: &HeaderMap) -> (String, String) {
    let value = headers[header::AUTHORIZATION].to_str().unwrap().strip_prefix("Basic ").unwrap();
    let pair = String::from_utf8(STANDARD.decode(value).unwrap()).unwrap();
    let (id, secret) = pair.split_once(':').unwrap();
    (id.to_owned(), secret.to_owned())
}

/// Row B9.
#[tokio::test]
async fn the_token_request_is_a_form_with_basic_credentials_and_nothing_in_its_url() {
    let secret = "a:b%c+d e é";
    let provider = Provider::start().await;
    let portal = Portal::with().provider(&provider).set("APP_CLIENT_SECRET", secret).start().await;
    let browser = Browser::new();
    let authorize = portal.begin_login(&browser, "").await;
    answer_well(&portal, &provider, &authorize);
    browser.get(&portal.callback(&authorize, "a%2Bcode%26with%3Dsigns")).await;
    assert_logged_in(&portal, &browser).await;

    let calls = provider.token_calls();
    let call = &calls[0];
    assert_eq!((calls.len(), call.method.as_str(), call.uri.to_string().as_str()), (1, "POST", "/v2/oauth2/token"));
    let names: Vec<&str> = call.form.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["grant_type", "code", "redirect_uri", "code_verifier"]);
    assert_eq!(call.field("grant_type"), Some("authorization_code"));
    assert_eq!(call.field("code"), Some("a+code&with=signs"));
    assert_eq!(call.field("redirect_uri"), Some(&*portal.url("/login")));
    assert_eq!(call.field("redirect_uri").map(ToOwned::to_owned), parameter(&authorize, "redirect_uri"));
    let (id, sent) = basic(&call.headers);
    assert_eq!(id, CLIENT_ID);
    assert!(sent.bytes().all(|b| b.is_ascii_alphanumeric() || b"%+-._*".contains(&b)), "{sent}");
    let decoded: Vec<(String, String)> = url::form_urlencoded::parse(sent.as_bytes()).into_owned().collect();
    assert_eq!(decoded, [(secret.to_owned(), String::new())]);
    assert!(!call.headers.contains_key(header::COOKIE) && !call.headers.contains_key(header::REFERER));
}

/// Row B9.
#[tokio::test]
async fn a_secret_as_globus_makes_them_goes_as_it_is() {
    let secret = "mh3PPFv3R3FSCoYvwxCHgLkXIY7K8xRq/AziH+xkgw8=";
    let provider = Provider::start().await;
    let portal = Portal::with().provider(&provider).set("APP_CLIENT_SECRET", secret).start().await;
    log_in_at(&portal, &provider, &Browser::new(), "person-1").await;
    assert_eq!(basic(&provider.token_calls()[0].headers), (CLIENT_ID.to_owned(), secret.to_owned()));
}

/// Row B10.
#[tokio::test]
async fn a_token_endpoint_that_redirects_is_not_followed() {
    for status in [301, 302, 303, 307, 308] {
        let (provider, portal) = start().await;
        let elsewhere = Provider::start().await;
        for target in [&provider.base, &elsewhere.base] {
            let browser = Browser::new();
            let authorize = portal.begin_login(&browser, "").await;
            let location = format!("{target}/v2/oauth2/token");
            provider.on_token(move |_| {
                (StatusCode::from_u16(status).unwrap(), [(header::LOCATION, location.clone())]).into_response()
            });
            let answer = browser.get(&portal.callback(&authorize, "a-code")).await;
            assert_eq!(answer.status, 502, "{status}");
            assert_no_login(&portal, &browser, &answer).await;
        }
        assert_eq!((provider.token_calls().len(), elsewhere.token_calls().len()), (2, 0), "{status}");
    }
}

/// Row B11.
#[tokio::test]
async fn a_token_endpoint_that_answers_nonsense_logs_nobody_in() {
    type Spoil = fn(Value) -> Response;
    let cases: [(&str, Spoil); 14] = [
        ("500", |_| StatusCode::INTERNAL_SERVER_ERROR.into_response()),
        ("503 with a good body", |good| (StatusCode::SERVICE_UNAVAILABLE, Json(good)).into_response()),
        ("429", |_| (StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, "3600")], "slow down").into_response()),
        ("400", |_| (StatusCode::BAD_REQUEST, Json(json!({"error": "SENTINEL"}))).into_response()),
        ("HTML", |_| axum::response::Html("<html>SENTINEL</html>").into_response()),
        ("nothing", |_| StatusCode::OK.into_response()),
        ("truncated", |good| good.to_string()[..100].to_owned().into_response()),
        ("an array", |good| Json(json!([good])).into_response()),
        ("a string", |_| Json(json!("SENTINEL")).into_response()),
        ("too large", |good| format!("{}{good}", " ".repeat(10 << 20)).into_response()),
        ("no token_type", |mut good| {
            good.as_object_mut().unwrap().remove("token_type");
            Json(good).into_response()
        }),
        ("token_type mac", |mut good| {
            good["token_type"] = "mac".into();
            Json(good).into_response()
        }),
        ("no id_token", |mut good| {
            good.as_object_mut().unwrap().remove("id_token");
            Json(good).into_response()
        }),
        ("other_tokens of type mac", |mut good| {
            let mut other = good.clone();
            other["token_type"] = "mac".into();
            other["resource_server"] = "transfer.api.globus.org".into();
            good["other_tokens"] = json!([other]);
            Json(good).into_response()
        }),
    ];
    let (provider, portal) = start().await;
    let browser = Browser::new();
    for (turn, (name, spoil)) in cases.into_iter().enumerate() {
        let authorize = portal.begin_login(&browser, "").await;
        let response = let_in(&portal, &provider, &authorize, "person-1");
        provider.on_token(move |_| spoil(response.clone()));
        let answer = browser.get(&portal.callback(&authorize, "a-code")).await;
        assert!(answer.status.as_u16() >= 400, "{name}: {}", answer.status);
        assert_no_login(&portal, &browser, &answer).await;
        assert!(!answer.body.contains("SENTINEL"), "{name}: {}", answer.body);
        assert_eq!(provider.token_calls().len(), turn + 1, "{name}");
    }
}

/// Row B12.
#[tokio::test]
async fn a_session_id_from_before_the_login_is_dead_after_it() {
    let (provider, portal) = start().await;
    let planted = "AAECAwQFBgcICQoLDA0ODw";
    let victim = Browser::new();
    victim.set_cookie("localhost", "session", planted);
    log_in_at(&portal, &provider, &victim, "victim").await;
    let first = portal.session_cookie(&victim).unwrap();
    assert_ne!(first, planted);
    log_in_at(&portal, &provider, &victim, "victim").await;
    let second = portal.session_cookie(&victim).unwrap();
    assert!(second != first && second != planted);
    for dead in [planted, &first] {
        let attacker = Browser::new();
        attacker.set_cookie("localhost", "session", dead);
        assert_anonymous(&portal, &attacker).await;
    }
    assert_logged_in(&portal, &victim).await;
    assert_eq!(sessions_in(&portal).await, 1);
}

/// Row B12.
#[tokio::test]
async fn an_attacker_who_plants_their_own_session_loses_it_to_the_login_and_learns_nothing() {
    let (provider, portal) = start().await;
    let (attacker, victim) = (Browser::new(), Browser::new());
    log_in_at(&portal, &provider, &attacker, "attacker").await;
    let planted = portal.session_cookie(&attacker).unwrap();
    victim.set_cookie("localhost", "session", &planted);
    log_in_at(&portal, &provider, &victim, "victim").await;
    assert_ne!(portal.session_cookie(&victim), Some(planted.clone()));
    attacker.set_cookie("localhost", "session", &planted);
    assert_anonymous(&portal, &attacker).await;
}

/// Row B13.
#[tokio::test]
async fn a_second_person_in_one_browser_ends_the_first_ones_session_and_tokens() {
    let portal = Portal::with().set("REFRESH_TOKENS", "true").start().await;
    let browser = Browser::new();
    portal.log_in(&browser, MIRA).await;
    let cookie = portal.session_cookie(&browser).unwrap();
    let mut tokens = Vec::new();
    for resource_server in ["auth.globus.org", "transfer.api.globus.org"] {
        tokens.push(portal.app.tokens.fresh(key_of(&portal, &browser), resource_server).await.unwrap());
    }
    assert!(is_active(&portal, &tokens[0]).await && is_active(&portal, &tokens[1]).await);

    browser.forget_cookie("127.0.0.1", "sandbox_globus_auth");
    let page = portal.log_in(&browser, JONAS).await;
    assert!(page.body.contains(JONAS) && !page.body.contains(MIRA), "{}", page.body);
    for token in &tokens {
        until_revoked(&portal, token).await;
    }
    for path in ["/profile", "/endpoints"] {
        let page = browser.get(&portal.url(path)).await;
        assert!(page.status == 200 && !page.body.contains("mira"), "{}", page.body);
    }
    let thief = Browser::new();
    thief.set_cookie("localhost", "session", &cookie);
    assert_anonymous(&portal, &thief).await;
    let own = portal.app.tokens.fresh(key_of(&portal, &browser), "transfer.api.globus.org").await.unwrap();
    assert!(is_active(&portal, &own).await, "the second person's tokens are good");
    assert_eq!(sessions_in(&portal).await, 1);
}

/// Row B13.
#[tokio::test]
async fn the_tokens_of_a_login_that_fails_half_way_are_revoked() {
    let (provider, portal) = start().await;
    let browser = Browser::new();
    let authorize = portal.begin_login(&browser, "").await;
    let mut response = let_in(&portal, &provider, &authorize, "person-1");
    response["refresh_token"] = "SENTINEL-refresh-token".into();
    response["id_token"] = "not.a.token".into();
    provider.on_token(move |_| Json(response.clone()).into_response());
    let (revoked, mut seen) = mpsc::unbounded_channel();
    provider.on_revoke(move |call| {
        revoked.send(call.field("token").unwrap().to_owned()).unwrap();
        Json(json!({"active": false})).into_response()
    });
    let answer = browser.get(&portal.callback(&authorize, "a-code")).await;
    assert!(answer.status.as_u16() >= 400);
    assert_no_login(&portal, &browser, &answer).await;
    assert_eq!(seen.recv().await.as_deref(), Some("SENTINEL-refresh-token"));
    assert_eq!(seen.recv().await.as_deref(), Some("SENTINEL-auth-access-token"));
}

/// Row B14.
#[tokio::test]
async fn no_value_of_ours_is_good_in_the_place_of_another() {
    let (provider, portal) = start().await;
    let browser = Browser::new();
    log_in_at(&portal, &provider, &browser, "person-1").await;
    let authorize = portal.begin_login(&browser, "").await;
    let calls = provider.token_calls().len();
    let session = portal.session_cookie(&browser).unwrap();
    let binding = browser.cookie("localhost", "login").unwrap();
    let state = parameter(&authorize, "state").unwrap();
    let nonce = parameter(&authorize, "nonce").unwrap();
    for value in [&binding, &state, &nonce] {
        let thief = Browser::new();
        thief.set_cookie("localhost", "session", value);
        assert_anonymous(&portal, &thief).await;
    }
    for value in [&session, &state, &nonce] {
        let thief = Browser::new();
        thief.set_cookie("localhost", "login", value);
        let answer = thief.get(&portal.callback(&authorize, "a-code")).await;
        assert_eq!((answer.status.as_u16(), provider.token_calls().len()), (400, calls), "{}", answer.body);
        portal.begin_login(&thief, "").await;
        assert_ne!(thief.cookie("localhost", "login").as_ref(), Some(value), "a value that is no binding is replaced");
    }
    for value in [&session, &binding, &nonce] {
        let answer = browser.get(&portal.url(&format!("/login?code=a-code&state={value}"))).await;
        assert_eq!((answer.status.as_u16(), provider.token_calls().len()), (303, calls), "{}", answer.body);
        assert_eq!((answer.header("location"), answer.set_cookies().len()), (Some("/"), 0), "signed in, and led on");
    }
}

/// Row B15.
#[tokio::test]
async fn the_callback_takes_get_and_nothing_else() {
    let (provider, portal) = start().await;
    let browser = Browser::new();
    let authorize = portal.begin_login(&browser, "").await;
    answer_well(&portal, &provider, &authorize);
    let callback = portal.callback(&authorize, "a-code");
    for method in [Method::HEAD, Method::POST, Method::PUT, Method::DELETE, Method::PATCH, Method::OPTIONS] {
        let answer = browser.send(method.clone(), &callback, &[], None).await;
        assert_eq!((answer.status.as_u16(), provider.token_calls().len()), (405, 0), "{method}");
        assert_eq!((answer.header("location"), answer.set_cookies().len()), (None, 0), "{method}");
    }
    let query = callback.split_once('?').unwrap().1;
    let fields: Vec<(String, String)> = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let form: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let answer = browser.submit(&portal.url("/login"), &form).await;
    assert_eq!((answer.status.as_u16(), provider.token_calls().len()), (405, 0), "no answer by form_post");
    assert_eq!(browser.get(&callback).await.status, 303);
}

/// Row B16.
#[tokio::test]
async fn the_page_after_a_login_carries_nothing_of_it_to_anybody() {
    let portal = Portal::start().await;
    let browser = Browser::new();
    let page = portal.log_in(&browser, MIRA).await;
    assert_eq!((page.url.path(), page.url.query(), page.url.fragment()), ("/", None, None));
    assert_eq!(page.header("referrer-policy"), Some("no-referrer"));
    for path in ["/", "/profile", "/endpoints"] {
        let page = browser.get(&portal.url(path)).await;
        let sources = page.body.split("src=\"").skip(1);
        let links = page.body.split("<link").skip(1).filter_map(|link| link.split_once("href=\"")).map(|(_, url)| url);
        let resources: Vec<&str> = sources.chain(links).map(|rest| rest.split('"').next().unwrap()).collect();
        assert!(resources.len() >= 2, "{}", page.body);
        assert!(resources.iter().all(|url| url.starts_with("/static/")), "{resources:?}");
        assert!(!page.body.contains("<script") && !page.body.contains("@import"), "{}", page.body);
    }
}
