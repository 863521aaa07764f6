//! The claims about a person in an id_token: strict where they decide trust, lenient where they are for display; and which
//! of them are kept.

use axum::{Json, http::header, response::IntoResponse as _};
use globus_portal::{
    clock::Clock,
    globus::{
        auth::{AuthClient, ConfidentialAppAuthClient, IdentitiesQuery, ProvidersQuery},
        authorizer::AccessTokenAuthorizer,
        error::CallError,
        http::Limits,
    },
    secret::{AccessToken, ClientSecret},
};
use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::harness::{
    Answer, Browser, Portal, Process, Provider, globus_at, loopback_client, parameter, portal_at,
    provider::{CLIENT_ID, CLIENT_SECRET, id_token, sign, token_response},
    steps::key_of,
};

/// A login whose claims, and perhaps header, a test changes; returns the answer of the callback.
async fn log_in(portal: &Portal, provider: &Provider, browser: &Browser, change: impl FnOnce(&mut Value)) -> Answer {
    let authorize = portal.begin_login(browser, "").await;
    let nonce = parameter(&authorize, "nonce").unwrap();
    let mut claims = provider.good_claims(&nonce, portal.app.clock.now().unix_timestamp());
    change(&mut claims);
    provider.answer_with(id_token(&claims));
    browser.get(&portal.callback(&authorize, "a-code")).await
}

async fn start() -> (Provider, Portal) {
    let provider = Provider::start().await;
    let portal = Portal::with().provider(&provider).start().await;
    (provider, portal)
}

/// Values of every type other than the claim's.
fn odd() -> [Value; 9] {
    [json!(null), json!(7), json!(1.5), json!(true), json!([]), json!({}), json!(["x"]), json!({"a": {}}), json!(-1)]
}

#[tokio::test]
async fn claims_for_people_may_be_of_any_type_and_keep_nobody_out() {
    let (provider, portal) = start().await;
    let names = [
        "name",
        "preferred_username",
        "organization",
        "identity_provider",
        "identity_provider_display_name",
        "email",
        "last_authentication",
        "identity_set",
        "identities_left_out",
        "something_new",
    ];
    for name in names {
        for value in odd().into_iter().chain([json!("x")]) {
            let browser = Browser::new();
            let answer = log_in(&portal, &provider, &browser, |claims| claims[name] = value.clone()).await;
            assert_eq!(answer.status, 303, "{name}: {value}: {}", answer.body);
            for path in ["/", "/profile", "/sessions"] {
                assert_eq!(browser.get(&portal.url(path)).await.status, 200, "{name}: {value}: {path}");
            }
        }
    }
}

#[tokio::test]
async fn an_odd_linked_identity_is_left_out_and_an_odd_member_of_one_is_absent() {
    let (provider, portal) = start().await;
    let mut entries = vec![json!({"sub": "person-1", "username": "one@example.org"})];
    entries.extend(odd());
    entries.extend([json!("x"), json!({"sub": null, "username": "nobody@example.org"}), json!({"sub": 7})]);
    for (number, value) in odd().into_iter().enumerate() {
        let mut entry = json!({"sub": format!("linked-{number}"), "username": format!("linked-{number}@example.org")});
        for name in ["name", "organization", "identity_provider", "identity_provider_display_name", "email"] {
            entry[name] = value.clone();
        }
        entry["last_authentication"] = if value == 7 || value == -1 { json!("never") } else { value };
        entries.push(entry);
    }
    let browser = Browser::new();
    let answer = log_in(&portal, &provider, &browser, |claims| claims["identity_set"] = json!(entries)).await;
    assert_eq!(answer.status, 303, "{}", answer.body);
    let profile = browser.get(&portal.url("/profile")).await.body;
    for number in 0..odd().len() {
        assert!(profile.contains(&format!("linked-{number}@example.org")), "{number}: {profile}");
    }
    assert!(profile.contains("one@example.org") && !profile.contains("nobody@example.org"), "{profile}");
}

/// A display claim that occurs twice.
#[tokio::test]
async fn a_display_claim_that_is_there_twice_keeps_nobody_out() {
    let (provider, portal) = start().await;
    let browser = Browser::new();
    let authorize = portal.begin_login(&browser, "").await;
    let nonce = parameter(&authorize, "nonce").unwrap();
    let claims = provider.good_claims(&nonce, portal.app.clock.now().unix_timestamp());
    let text = claims.to_string().replacen('{', "{\"name\":\"Another\",\"email\":1,\"email\":2,", 1);
    let header = json!({"typ": "JWT", "alg": "RS512", "kid": "0"});
    let method = &aws_lc_rs::signature::RSA_PKCS1_SHA512;
    provider.answer_with(crate::harness::provider::sign_text(method, 0, &header, &text));
    let answer = browser.get(&portal.callback(&authorize, "a-code")).await;
    assert_eq!(answer.status, 303, "{}", answer.body);
}

/// The entry of each linked identity in Globus's id_token.
fn linked(number: usize) -> Value {
    json!({
        "sub": format!("{number:08x}-d274-11e5-bf75-1b6d0b1b0a5c"), "username": format!("researcher{number}@university.example"),
        "name": format!("Researcher Number {number}"), "organization": "The University of Northfield, Department of Physics",
        "identity_provider": "41143743-f3c8-4d60-bbdb-eeecaba85bd9", "last_authentication": 1_700_000_000 + number,
        "identity_provider_display_name": "University of Northfield", "email": format!("researcher{number}@university.example"),
    })
}

#[tokio::test]
async fn a_person_with_two_thousand_linked_identities_gets_in_and_the_session_stays_small() {
    let (provider, portal) = start().await;
    for count in [1, 110, 120, 250, 2000] {
        let browser = Browser::new();
        let set: Vec<Value> = (0..count).map(linked).collect();
        let own = set[count / 2]["sub"].clone();
        let change = |claims: &mut Value| {
            claims["sub"] = own.clone();
            claims["identity_set"] = set.clone().into();
        };
        let answer = log_in(&portal, &provider, &browser, change).await;
        assert_eq!(answer.status, 303, "{count}: {}", answer.body);
        let profile = browser.get(&portal.url("/profile")).await.body;
        let shown = (0..count).filter(|number| profile.contains(&format!(">researcher{number}@"))).collect::<Vec<_>>();
        assert!(shown.contains(&(count / 2)) && shown.contains(&(count - 1)), "{count}: {shown:?}");
        let row = portal.store.session(key_of(&portal, &browser)).await.unwrap().unwrap();
        assert!(row.record.len() < 48 << 10, "{count}: {}", row.record.len());
        assert!(profile.len() < 512 << 10, "{count}: {}", profile.len());
        if count <= 200 {
            assert_eq!(shown.len(), count);
            assert!(!profile.contains("less recently"), "{count}");
        } else {
            assert!(shown.len() >= 200, "{count}: {}", shown.len());
            let more = format!("And {} more", count - shown.len());
            assert_eq!(profile.contains(&more), count > shown.len(), "{count}: {more}");
            // Those used most recently.
            assert!(shown.len() == count || (count - shown.len() + 1..count).all(|number| shown.contains(&number)));
        }
    }
}

#[tokio::test]
async fn claims_as_long_as_they_may_be_leave_a_session_that_can_be_read() {
    let (provider, portal) = start().await;
    // Each of these takes six bytes of JSON.
    let long = "\u{1}".repeat(20_000);
    let browser = Browser::new();
    let answer = log_in(&portal, &provider, &browser, |claims| {
        for name in ["name", "preferred_username", "organization", "email", "identity_provider_display_name"] {
            claims[name] = long.clone().into();
        }
        claims["identity_set"] = (0..5).map(|n| json!({"sub": format!("linked-{n}"), "name": long[..9000]})).collect();
    })
    .await;
    assert_eq!(answer.status, 303, "{}", answer.body);
    for path in ["/", "/profile", "/sessions"] {
        assert_eq!(browser.get(&portal.url(path)).await.status, 200, "{path}");
    }
}

/// The log has the error's text.
async fn refusal(claim: &str, value: Option<Value>) -> String {
    let clock = Clock::manual(OffsetDateTime::from_unix_timestamp(1_800_000_000).unwrap());
    let provider = Provider::start().await;
    let mut claims = provider.good_claims("n", 1_800_000_000);
    match value {
        Some(value) => claims[claim] = value,
        None => drop(claims.as_object_mut().unwrap().remove(claim)),
    }
    provider.answer_with(id_token(&claims));
    let app = app(&provider, &clock);
    let response = app.oauth2_client_credentials_tokens("openid").await.unwrap();
    response.decode_id_token(&app.id_token_verifier(), Some("n")).await.unwrap_err().to_string()
}

fn app(provider: &Provider, clock: &Clock) -> ConfidentialAppAuthClient {
    let globus = globus_at(&provider.url, loopback_client(Limits::default()), clock);
    globus.confidential_app(CLIENT_ID, &ClientSecret::new(CLIENT_SECRET))
}

#[tokio::test]
async fn a_refusal_names_the_claim_and_says_what_is_wrong_with_it() {
    let now = 1_800_000_000;
    let cases = [
        ("exp", Some(json!("1800003600")), "claim exp is not a number"),
        ("exp", Some(json!(1.5)), "claim exp is not a whole number of seconds since 1970"),
        ("exp", Some(json!(now - 400)), "claim exp was 400 seconds ago by this machine's clock"),
        ("exp", None, "claim exp is missing"),
        ("iat", Some(json!(null)), "claim iat is not a number"),
        ("iat", Some(json!(now + 400)), "claim iat is 400 seconds in the future by this machine's clock"),
        ("nbf", Some(json!(null)), "claim nbf is not a number"),
        ("nonce", Some(json!(7)), "claim nonce is not a string"),
        ("nonce", Some(json!("another")), "claim nonce is not the one that this login has sent"),
        ("aud", Some(json!(7)), "claim aud is neither a string nor a list of strings"),
        ("aud", Some(json!("another")), "claim aud does not name this app's client id"),
        ("aud", Some(json!([CLIENT_ID, "another"])), "claim azp is missing, and aud names several apps"),
        ("azp", Some(json!(null)), "claim azp is not a string"),
        (
            "iss",
            Some(json!("https://auth.globus.org")),
            "claim iss is not the issuer that the discovery document names",
        ),
        ("sub", Some(json!(7)), "claim sub is not a string"),
        ("sub", Some(json!("")), "claim sub is empty"),
        ("at_hash", Some(json!(null)), "claim at_hash is not a string"),
        ("at_hash", Some(json!("x")), "claim at_hash is not that of the access token"),
    ];
    for (claim, value, text) in cases {
        let said = refusal(claim, value.clone()).await;
        assert!(said.starts_with(&format!("the id_token is refused: {text}")), "{claim} {value:?}: {said}");
        assert!(!said.contains("SENTINEL"), "{said}");
    }
}

#[tokio::test]
async fn a_refusal_names_the_member_of_the_header_or_says_what_cannot_be_read() {
    let provider = Provider::start().await;
    let app = app(&provider, &Clock::system());
    let verifier = app.id_token_verifier();
    let claims =
        provider.good_claims("n", OffsetDateTime::from_unix_timestamp(1_800_000_000).unwrap().unix_timestamp());
    let with = |header: Value| sign(0, &header, &claims);
    let cases = [
        (with(json!({"alg": "RS512", "crit": null})), "the id_token is refused: header crit is present"),
        (with(json!({"alg": "RS512", "kid": 7})), "the id_token is refused: header kid is not a string"),
        (with(json!({"typ": "JWT"})), "the id_token is refused: header alg is missing"),
        (with(json!({"alg": "none"})), "the id_token is refused: it is not signed with RS512"),
        (with(json!(["RS512"])), "the id_token cannot be read: its header: "),
        ("SENTINEL".to_owned(), "the id_token cannot be read: it is not a JSON Web Signature of three parts"),
        ("!.!.!".to_owned(), "the id_token cannot be read: its header: not base64url"),
        ("a".repeat(2 << 20), "the id_token cannot be read: it is longer than 1310720 bytes"),
    ];
    for (token, text) in cases {
        provider.answer_with(token);
        let response = app.oauth2_client_credentials_tokens("openid").await.unwrap();
        let said = response.decode_id_token(&verifier, Some("n")).await.unwrap_err().to_string();
        assert!(said.starts_with(text) && !said.contains("SENTINEL"), "{said}");
    }
}

#[tokio::test]
async fn a_refusal_that_the_clock_explains_says_how_far_it_is_off() {
    // The app's clock, and Globus's at the same time.
    let (here, globus) = (1_800_000_000_i64, "Fri, 15 Jan 2027 08:07:00 GMT"); // 7 minutes later
    for (claim, value) in [("iat", here + 420), ("nbf", here + 420), ("exp", here - 400)] {
        let provider = Provider::start().await;
        let mut claims = provider.good_claims("n", here);
        claims[claim] = value.into();
        let response = token_response(&id_token(&claims));
        provider.on_token(move |_| ([(header::DATE, globus)], Json(response.clone())).into_response());
        let app = app(&provider, &Clock::manual(OffsetDateTime::from_unix_timestamp(here).unwrap()));
        let response = app.oauth2_client_credentials_tokens("openid").await.unwrap();
        let said = response.decode_id_token(&app.id_token_verifier(), Some("n")).await.unwrap_err().to_string();
        let hint = "; the clock of this machine is about 7 minutes behind, by the Date header of Globus Auth";
        assert!(
            said.starts_with(&format!("the id_token is refused: claim {claim} ")) && said.ends_with(hint),
            "{said}"
        );
    }
}

/// Row C12.
#[tokio::test]
async fn userinfo_about_another_person_than_the_id_token_is_refused() {
    let provider = Provider::start().await;
    provider
        .on_other(|_| Json(json!({"sub": "person-2", "name": null, "email": 7, "identity_set": "x"})).into_response());
    let base = provider.url.clone();
    let auth =
        AuthClient::new(base, loopback_client(Limits::default()), AccessTokenAuthorizer::new(AccessToken::new("t")));
    assert_eq!(auth.userinfo_of("person-2").await.unwrap().sub, "person-2");
    for other in ["person-1", "", "PERSON-2", "person-2 "] {
        let error = auth.userinfo_of(other).await.unwrap_err();
        assert!(
            matches!(error, CallError::Malformed { .. }) && error.to_string().contains("sub is not that of"),
            "{error}"
        );
    }
    for odd in [json!({}), json!({"sub": null}), json!({"sub": 7})] {
        provider.on_other(move |_| Json(odd.clone()).into_response());
        assert!(matches!(auth.userinfo_of("person-2").await, Err(CallError::Malformed { .. })));
    }
}

#[tokio::test]
async fn odd_members_of_other_documents_of_globus_auth_count_as_absent() {
    let provider = Provider::start().await;
    let app = app(&provider, &Clock::system());
    let answer = |document: Value| provider.on_other(move |_| Json(document.clone()).into_response());
    for odd in odd() {
        answer(
            json!({"active": true, "scope": odd, "sub": odd, "exp": "soon", "aud": odd, "identity_set": odd, "name": odd}),
        );
        assert!(app.oauth2_token_introspect("t", &[]).await.unwrap().active, "{odd}");
        let entry = json!({"id": "i", "username": odd, "name": odd, "email": odd, "status": odd, "organization": odd});
        answer(json!({"identities": [odd, entry]}));
        let found = app.get_identities(&IdentitiesQuery::Ids(&["i"])).await.unwrap().identities;
        assert_eq!((found.len(), found[0].id.as_str()), (1, "i"), "{odd}");
    }
    answer(json!({"active": true, "aud": "one"}));
    assert_eq!(app.oauth2_token_introspect("t", &[]).await.unwrap().aud, ["one"]);
    let base = provider.url.clone();
    let auth =
        AuthClient::new(base, loopback_client(Limits::default()), AccessTokenAuthorizer::new(AccessToken::new("t")));
    answer(json!({"identity_providers": [{"id": "p", "name": 7, "domains": null}, null]}));
    assert_eq!(auth.get_identity_providers(&ProvidersQuery::Ids(&["p"])).await.unwrap().identity_providers.len(), 1);
    // A document without an id is malformed.
    for odd in [json!(null), json!("true"), json!(1)] {
        answer(json!({"active": odd}));
        let said = app.oauth2_token_introspect("t", &[]).await.unwrap_err().to_string();
        assert!(said.contains("POST /v2/oauth2/token/introspect: active is not true or false"), "{said}");
    }
    answer(json!({"identities": {}}));
    let said = app.get_identities(&IdentitiesQuery::Ids(&["i"])).await.unwrap_err().to_string();
    assert!(said.contains("GET /v2/api/identities: identities is not a list"), "{said}");
}

/// Row C14.
#[tokio::test]
async fn the_subject_is_the_account_whatever_else_has_changed() {
    let (provider, portal) = start().await;
    let as_person = |sub: &'static str, email: &'static str| {
        move |claims: &mut Value| {
            claims["sub"] = sub.into();
            claims["email"] = email.into();
            claims["preferred_username"] = email.into();
        }
    };
    let (before, renamed, other) = (Browser::new(), Browser::new(), Browser::new());
    log_in(&portal, &provider, &before, as_person("person-1", "old@example.org")).await;
    log_in(&portal, &provider, &renamed, as_person("person-1", "new@example.org")).await;
    log_in(&portal, &provider, &other, as_person("person-2", "old@example.org")).await;
    let count = async |sub: &str| portal.app.records.of_person(sub).await.unwrap().len();
    assert_eq!((count("person-1").await, count("person-2").await, count("old@example.org").await), (2, 1, 0));
    // The new owner of the address sees and ends no session of the previous one.
    let answer = other.submit(&portal.url("/sessions/end-others"), &[]).await;
    assert!(answer.status.as_u16() < 500, "{}", answer.body);
    assert_eq!(count("person-1").await, 2);
    for browser in [&before, &renamed] {
        assert_eq!(browser.get(&portal.url("/profile")).await.status, 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_says_that_the_clock_is_behind_at_the_start_and_when_a_login_fails_for_it() {
    let provider = Provider::start().await;
    let later = Clock::system().now() + time::Duration::hours(3);
    let date = httpdate::fmt_http_date(later.into());
    *provider.inner.date.lock().unwrap() = Some(date.clone());
    let folder = tempfile::tempdir().unwrap();
    let (mut command, base) = portal_at(folder.path(), &provider.base);
    command.env("GLOBUS_PORTAL_APP_CLIENT_ID", CLIENT_ID);
    let mut process = Process::start(&mut command, &folder.path().join("printed"));
    process.says("the clock of this machine is about 3 hours behind, by the Date header of Globus Auth").await;

    let browser = Browser::new();
    process.says("Listening").await;
    let authorize = browser.get(&format!("{base}/login")).await.location();
    let claims = provider.good_claims(&parameter(&authorize, "nonce").unwrap(), later.unix_timestamp());
    let response = token_response(&id_token(&claims));
    provider.on_token(move |_| ([(header::DATE, date.clone())], Json(response.clone())).into_response());
    let state = parameter(&authorize, "state").unwrap();
    assert_eq!(browser.get(&format!("{base}/login?code=a-code&state={state}")).await.status, 502);
    let line = process.says("claim iat is ").await;
    assert!(line.contains("; the clock of this machine is about 3 hours behind"), "{line}");
}

#[tokio::test]
async fn a_clock_that_is_two_minutes_slow_logs_in() {
    let (provider, portal) = start().await;
    for slow in [120, 290] {
        let later = |claims: &mut Value| {
            for claim in ["iat", "nbf"] {
                claims[claim] = (portal.app.clock.now().unix_timestamp() + slow).into();
            }
        };
        assert_eq!(log_in(&portal, &provider, &Browser::new(), later).await.status, 303, "{slow}");
    }
}
