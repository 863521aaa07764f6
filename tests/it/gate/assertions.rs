//! Assertions: what apps can verify by themselves.

use std::{collections::BTreeSet, process::Stdio, sync::Arc};

use aws_lc_rs::{
    digest::{SHA256, digest},
    signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use globus_portal::{
    clock::Clock,
    session::store::{MemoryStore, Store},
};
use serde_json::{Value, json};
use time::Duration;

use super::{GROUP, JONAS, MIRA, ask, forwarded, signed_in, with};
use crate::{
    harness::{Answer, Browser, Portal, needs},
    sandbox::sdk::python,
};

pub(super) const ASSERTION: &str = "x-auth-request-assertion";
const MIRA_ID: &str = "f8907a41-b87f-4770-b2b4-cabdd1f151d5";

/// The portal's key set, as anybody gets it.
pub(super) async fn key_set(portal: &Portal) -> Value {
    let answer = Browser::new().get_with(&portal.url("/oauth2/jwks"), &[("accept", "application/json")]).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    serde_json::from_str(&answer.body).unwrap()
}

fn decoded(part: &str) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

/// The claims, if a key of the set that the header names has signed them (RFC 7515 section 5.2).
pub(super) fn verified(assertion: &str, keys: &Value) -> Option<Value> {
    let (message, signature) = assertion.rsplit_once('.').unwrap();
    let (header, claims) = message.split_once('.').unwrap();
    let kid = decoded(header)["kid"].clone();
    let key = keys["keys"].as_array().unwrap().iter().find(|key| key["kid"] == kid)?;
    let number = |name: &str| URL_SAFE_NO_PAD.decode(key[name].as_str().unwrap()).unwrap();
    let point = [vec![4], number("x"), number("y")].concat();
    let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
    let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point);
    public.verify(message.as_bytes(), &signature).is_ok().then(|| decoded(claims))
}

fn assertion(answer: &Answer) -> String {
    assert!(answer.status.is_success(), "{} {}", answer.status, answer.body);
    answer.header(ASSERTION).unwrap().to_owned()
}

async fn asserted(portal: &Portal, browser: &Browser, policy: &str) -> String {
    assertion(&ask(portal, browser, &format!("/oauth2/auth/{policy}"), &[]).await)
}

#[tokio::test]
async fn each_yes_has_one_that_says_what_the_headers_say_and_is_good_for_one_policy() {
    let portal = with(&format!("[policies.users]\ngroups = ['{GROUP}']\n")).start().await;
    let (mira, keys) = (signed_in(&portal, MIRA).await, key_set(&portal).await);
    let forward = forwarded(&portal, "GET", "/app/");
    for (path, headers, policy) in [
        ("/oauth2/auth", &[][..], "default"),
        ("/oauth2/auth/users", &[], "users"),
        ("/oauth2/authz/users/any/path", &[], "users"),
        ("/oauth2/forward", &forward, "default"),
        ("/oauth2/forward/users", &forward, "users"),
    ] {
        let answer = ask(&portal, &mira, path, headers).await;
        let token = assertion(&answer);
        assert_eq!(decoded(token.split('.').next().unwrap())["typ"], "JWT");
        assert_eq!(decoded(token.split('.').next().unwrap())["alg"], "ES256");
        let claims = verified(&token, &keys).unwrap();
        let audience = format!("{}/oauth2/auth/{policy}", portal.base);
        assert_eq!((claims["iss"].as_str(), claims["aud"].as_str()), (Some(&*portal.base), Some(&*audience)), "{path}");
        for (claim, name) in [
            ("sub", "user"),
            ("email", "email"),
            ("preferred_username", "preferred-username"),
            ("identity_provider", "identity-provider"),
            ("organization", "organization"),
        ] {
            let header = answer.header(&format!("x-auth-request-{name}"));
            assert!(
                header.is_some_and(|header| !header.is_empty()) && claims[claim].as_str() == header,
                "{claim}: {claims}"
            );
        }
        let auth_time = claims["auth_time"].as_i64().map(|time| time.to_string()).unwrap_or_default();
        assert_eq!(answer.header("x-auth-request-auth-time"), Some(&*auth_time));
        assert_eq!((&claims["sub"], &claims["name"]), (&MIRA_ID.into(), &"Mira Solano".into()));
        // She is in other groups too, which are none of the app's business.
        let (header, groups) = match policy {
            "users" => (GROUP, json!([GROUP])),
            _ => ("", Value::Null),
        };
        assert_eq!((answer.header("x-auth-request-groups"), &claims["groups"]), (Some(header), &groups), "{path}");
    }
    let (default, users) = (asserted(&portal, &mira, "default").await, asserted(&portal, &mira, "users").await);
    assert_ne!(default, users);
    let jonas = signed_in(&portal, JONAS).await;
    assert_ne!(verified(&asserted(&portal, &jonas, "default").await, &keys).unwrap()["sub"], MIRA_ID);
}

#[tokio::test]
async fn one_lives_for_two_minutes_and_is_signed_again_after_one() {
    let clock = Clock::manual(Clock::system().now());
    let portal = with("").clock(&clock).start().await;
    let (mira, keys) = (signed_in(&portal, MIRA).await, key_set(&portal).await);
    let first = asserted(&portal, &mira, "default").await;
    clock.advance(Duration::seconds(59));
    assert_eq!(asserted(&portal, &mira, "default").await, first);
    clock.advance(Duration::seconds(1));
    let second = asserted(&portal, &mira, "default").await;
    for (token, age) in [(&first, 60), (&second, 0)] {
        let (claims, now) = (verified(token, &keys).unwrap(), clock.now().unix_timestamp());
        let time = |name: &str| claims[name].as_i64().unwrap() - now;
        assert_eq!((time("iat"), time("nbf"), time("exp")), (-age, -age, 120 - age), "{claims}");
    }
    // It ends with the session: nobody gets one that is kept.
    let csrf = portal.csrf(&mira);
    assert_eq!(mira.submit(&portal.url("/logout"), &[("csrf_token", &csrf)]).await.status, 303);
    let answer = ask(&portal, &mira, "/oauth2/auth", &[]).await;
    assert_eq!((answer.status.as_u16(), answer.header(ASSERTION)), (401, None));
}

#[tokio::test]
async fn one_that_was_changed_verifies_with_no_key() {
    let portal = with("").start().await;
    let (mira, keys) = (signed_in(&portal, MIRA).await, key_set(&portal).await);
    let good = asserted(&portal, &mira, "default").await;
    let parts: Vec<&str> = good.split('.').collect();
    assert!(verified(&good, &keys).is_some());
    let mut claims = decoded(parts[1]);
    claims["aud"] = format!("{}/oauth2/auth/closed", portal.base).into();
    let other = URL_SAFE_NO_PAD.encode(claims.to_string());
    let mut signature = URL_SAFE_NO_PAD.decode(parts[2]).unwrap();
    assert_eq!(signature.len(), 64, "both numbers, without ASN.1 (RFC 7518 section 3.4)");
    signature[63] ^= 1;
    let signature = URL_SAFE_NO_PAD.encode(signature);
    for changed in [
        format!("{}.{other}.{}", parts[0], parts[2]),
        format!("{}.{}.{signature}", parts[0], parts[1]),
        format!("{}.{}.", parts[0], parts[1]),
    ] {
        assert_eq!(verified(&changed, &keys), None, "{changed}");
    }
}

#[tokio::test]
async fn the_key_set_is_public_at_both_places_and_names_keys_by_their_thumbprints() {
    let portal = with("").set("APPLICATION_ROOT", "/portal").start().await;
    let bare = portal.base.trim_end_matches("/portal");
    for url in [format!("{bare}/oauth2/jwks"), portal.url("/oauth2/jwks")] {
        let answer = Browser::new().get_with(&url, &[("accept", "application/json")]).await;
        assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, Some("application/jwk-set+json")));
        assert_eq!(answer.header("cache-control"), Some("public, max-age=300"));
        assert!(answer.set_cookies().is_empty());
        let keys: Value = serde_json::from_str(&answer.body).unwrap();
        let [key] = &keys["keys"].as_array().unwrap()[..] else { panic!("{keys}") };
        let names: BTreeSet<&str> = key.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(names, ["alg", "crv", "kid", "kty", "use", "x", "y"].into(), "and no private one");
        // RFC 7638 section 3: the required members, in order.
        let members = format!("{{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":{},\"y\":{}}}", key["x"], key["y"]);
        assert_eq!(key["kid"], URL_SAFE_NO_PAD.encode(digest(&SHA256, members.as_bytes())));
        assert_eq!((&key["use"], &key["alg"]), (&"sig".into(), &"ES256".into()));
    }
    let mira = Browser::new();
    portal.log_in(&mira, MIRA).await;
    let token = assertion(&mira.get(&portal.url("/oauth2/auth")).await);
    let claims = verified(&token, &key_set(&portal).await).unwrap();
    assert_eq!(
        (&claims["iss"], &claims["aud"]),
        (&portal.base.clone().into(), &portal.url("/oauth2/auth/default").into())
    );
}

const OLD: &str = "the key of before which is long enough to be one";
const NEW: &str = "the key of afterwards which is long enough as well";

#[tokio::test]
async fn replicas_verify_each_others_and_a_rotated_key_verifies_what_it_has_signed() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
    let first = with("").store(store.clone()).set("SECRET_KEY", OLD).start().await;
    let another = |key: &str, fallbacks: &str| {
        let portal = with("").store(store.clone()).globus_at(&first.globus).set("SECRET_KEY", key);
        portal.set("SECRET_KEY_FALLBACKS", fallbacks)
    };
    let replica = another(OLD, "").start().await;
    let mira = signed_in(&first, MIRA).await;
    let before = [asserted(&first, &mira, "default").await, asserted(&replica, &mira, "default").await];
    let sets = [key_set(&first).await, key_set(&replica).await];
    assert!(before.iter().all(|token| sets.iter().all(|keys| verified(token, keys).is_some())));

    // The first round: the new key is published before it signs. The second one: it signs.
    let prepared = another(OLD, NEW).start().await;
    let rotated = another(NEW, OLD).start().await;
    let after = asserted(&rotated, &mira, "default").await;
    for portal in [&prepared, &rotated] {
        let keys = key_set(portal).await;
        assert_eq!(keys["keys"].as_array().unwrap().len(), 2);
        assert!(before.iter().chain([&after]).all(|token| verified(token, &keys).is_some()));
    }
    assert!(verified(&asserted(&prepared, &mira, "default").await, &sets[0]).is_some(), "the current key signs");
    assert!(sets.iter().all(|keys| verified(&after, keys).is_none()));

    let without = another(NEW, "").start().await;
    let keys = key_set(&without).await;
    assert!(before.iter().all(|token| verified(token, &keys).is_none()) && verified(&after, &keys).is_some());
}

const README: &str = include_str!("../../../README.md");

/// The example of the README, in the place of an app behind the policy `staff`.
#[tokio::test(flavor = "multi_thread")]
async fn the_example_of_the_readme_verifies_one_and_refuses_what_it_must() {
    let tried = python().args(["-c", "import jwt, cryptography"]).stderr(Stdio::null()).status();
    let what = "no Python with PyJWT and cryptography; PYTHON_WITH_GLOBUS_SDK names one (pip install globus-sdk)";
    if !needs("assertions verified by PyJWT", tried.is_ok_and(|status| status.success()), what) {
        return;
    }
    let (_, example) = README.split_once("```python\n").unwrap();
    let (example, _) = example.split_once("```").unwrap();
    let portal = with("[policies.staff]\nsigned_in = true\n").start().await;
    let mira = signed_in(&portal, MIRA).await;
    let example = example.replace("https://portal.example.org", &portal.base);
    let run = |token: &str| {
        let program =
            format!("{example}\nimport json, sys\nprint(json.dumps(who({{'X-Auth-Request-Assertion': sys.argv[1]}})))");
        let ran = python().args(["-c", &program, token]).env("NO_PROXY", "*").output().unwrap();
        (String::from_utf8_lossy(&ran.stdout).into_owned(), String::from_utf8_lossy(&ran.stderr).into_owned())
    };
    let staff = asserted(&portal, &mira, "staff").await;
    let (said, errors) = run(&staff);
    let claims: Value = serde_json::from_str(&said).unwrap_or_else(|_| panic!("{errors}"));
    assert_eq!((&claims["sub"], &claims["preferred_username"]), (&MIRA_ID.into(), &MIRA.into()));
    let default = asserted(&portal, &mira, "default").await;
    assert!(run(&default).1.contains("InvalidAudienceError"), "{:?}", run(&default));
    let stranger = with("[policies.staff]\nsigned_in = true\n").set("SECRET_KEY", NEW).start().await;
    let theirs = asserted(&stranger, &signed_in(&stranger, MIRA).await, "staff").await;
    let (said, errors) = run(&theirs);
    assert!(said.is_empty() && errors.contains("Unable to find a signing key"), "{said} {errors}");
    let (message, _) = staff.rsplit_once('.').unwrap();
    let (_, signature) = default.rsplit_once('.').unwrap();
    assert!(run(&format!("{message}.{signature}")).1.contains("InvalidSignatureError"));
}
