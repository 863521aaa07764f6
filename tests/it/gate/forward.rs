//! Caddy and Traefik: redirects, pages, and what they must say about the request.

use reqwest::Method;
use url::Url;

use super::{Browser, IDENTITY, MIRA, ask, assert_identity, forwarded, signed_in, with};
use crate::harness::Portal;

#[tokio::test]
async fn a_navigation_is_led_to_the_login_and_back_with_its_query() {
    let portal = with("").start().await;
    for target in ["/app/", "/app/a%20b/?q=1&r=%26%23&s=%C3%BC#".trim_end_matches('#'), "/app?x=http://evil.example/"] {
        let browser = Browser::new();
        let answer = ask(&portal, &browser, "/oauth2/forward", &forwarded(&portal, "GET", target)).await;
        assert_eq!((answer.status.as_u16(), answer.set_cookies().len()), (302, 0), "{}", answer.body);
        let location = answer.header("location").unwrap();
        assert!(location.starts_with(&portal.base), "Traefik takes a path for one of its own: {location}");
        let authorize = browser.get(location).await.location();
        let back = portal.decide(&browser, &authorize, MIRA, "allow").await;
        let home = browser.get(back.as_str()).await;
        assert_eq!(home.header("location"), Some(target));
        let answer = ask(&portal, &browser, "/oauth2/forward", &forwarded(&portal, "GET", target)).await;
        assert_eq!(answer.status, 200);
        assert_identity(&answer, MIRA);
    }
    // A path that proxies and browsers read in different ways is no way back.
    for odd in ["/app/..%2f..%2fetc", "//evil.example/", "/a/../b", "/\\evil", "/login", "/oauth2/start"] {
        let answer = ask(&portal, &Browser::new(), "/oauth2/forward", &forwarded(&portal, "GET", odd)).await;
        assert_eq!(answer.header("location"), Some(&*portal.url("/login")), "{odd}");
    }
}

#[tokio::test]
async fn what_is_no_navigation_gets_401_and_a_form_says_that_it_is_not_lost() {
    let portal = with("").start().await;
    let nobody = Browser::new();
    for more in [
        ("sec-fetch-mode", "cors"),
        ("sec-fetch-dest", "iframe"),
        ("x-requested-with", "XMLHttpRequest"),
        ("upgrade", "websocket"),
    ] {
        let headers = [&forwarded(&portal, "GET", "/app/")[..], &[more]].concat();
        let answer = ask(&portal, &nobody, "/oauth2/forward", &headers).await;
        assert_eq!((answer.status.as_u16(), &*answer.body), (401, ""), "{more:?}");
    }
    // Row H14: OPTIONS is not open.
    let mut options = forwarded(&portal, "OPTIONS", "/app/");
    options.retain(|(name, _)| *name != "accept");
    options.push(("accept", "application/json"));
    assert_eq!(ask(&portal, &nobody, "/oauth2/forward", &options).await.status, 401);
    let form = ask(&portal, &nobody, "/oauth2/forward", &forwarded(&portal, "POST", "/app/save")).await;
    assert_eq!(form.status, 401);
    assert!(form.body.contains("Your form was not sent") && form.body.contains("target=\"_blank\""), "{}", form.body);
    // Traefik may ask with the visitor's own method.
    let url = portal.url("/oauth2/forward");
    let answer = nobody.send(Method::POST, &url, &forwarded(&portal, "POST", "/app/save"), None).await;
    assert_eq!(answer.status, 401);
}

#[tokio::test]
async fn who_may_not_pass_is_told_why_and_whom_to_ask() {
    let portal = with("").start().await;
    let mira = signed_in(&portal, MIRA).await;
    // A form is not led to Globus, which could give what is missing: see `logins`.
    let page = ask(&portal, &mira, "/oauth2/forward/jonas", &forwarded(&portal, "POST", "/lab/")).await;
    assert_eq!(page.status, 403);
    for text in [
        "The &#60;b&#62;lab&#60;/b&#62; book",
        "mira@northfield.example",
        "ridgeline.example",
        "lab@ridgeline.example",
        "Mira Solano",
    ] {
        assert!(page.body.contains(text), "{text}: {}", page.body);
    }
    assert!(IDENTITY.iter().all(|name| page.header(name).is_none()), "{:?}", page.headers);
    let fetch = [&forwarded(&portal, "GET", "/lab/")[..], &[("sec-fetch-mode", "cors")]].concat();
    let answer = ask(&portal, &mira, "/oauth2/forward/jonas", &fetch).await;
    assert_eq!((answer.status.as_u16(), &*answer.body), (403, ""));
    // nginx drops the body of a 403, and shows this page in its place.
    let page = mira.get_with(&portal.url("/oauth2/denied/jonas"), &[("x-original-method", "POST")]).await;
    assert!(page.status == 403 && page.body.contains("To be let in, ask"), "{}", page.body);
    assert_eq!(
        mira.get(&portal.url("/oauth2/denied")).await.header("location"),
        Some("/"),
        "who may pass is not denied"
    );
}

/// Rows H6 to H9.
#[tokio::test]
async fn a_request_that_is_not_described_once_by_a_trusted_proxy_is_refused() {
    let portal = with("").start().await;
    let mira = signed_in(&portal, MIRA).await;
    let good = forwarded(&portal, "GET", "/app/");
    assert_eq!(ask(&portal, &mira, "/oauth2/forward", &good).await.status, 200);
    for name in ["x-forwarded-method", "x-forwarded-proto", "x-forwarded-host", "x-forwarded-uri"] {
        let without: Vec<_> = good.iter().filter(|(known, _)| *known != name).copied().collect();
        assert_eq!(ask(&portal, &mira, "/oauth2/forward", &without).await.status, 403, "without {name}");
        let (_, value) = good.iter().find(|(known, _)| *known == name).unwrap();
        let alias = name.replace('-', "_");
        let aliased = [&without[..], &[(&*alias, value)]].concat();
        assert_eq!(ask(&portal, &mira, "/oauth2/forward", &aliased).await.status, 403, "{alias}");
        let mixed = [&good[..], &[("X-FORWARDED-URI", "/open/"), ("X-Forwarded-Uri", "/open/")]].concat();
        assert_eq!(ask(&portal, &mira, "/oauth2/forward", &mixed).await.status, 403);
        for bad in [value, ""] {
            let other = [&without[..], &[(name, bad), (name, "other")]].concat();
            assert_eq!(ask(&portal, &mira, "/oauth2/forward", &other).await.status, 403, "{name} twice");
        }
        let dropped = [&good[..], &[("connection", name)]].concat();
        assert_eq!(ask(&portal, &mira, "/oauth2/forward", &dropped).await.status, 403, "{name} dropped");
    }
    for (name, value) in [
        ("x-forwarded-host", "evil.example"),
        ("x-forwarded-host", "localhost"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-uri", "app"),
        ("x-forwarded-uri", "http://localhost/"),
        ("x-forwarded-uri", "/a b"),
        ("x-forwarded-uri", "/\u{fc}"),
        ("x-forwarded-method", "GE T"),
    ] {
        let other: Vec<_> =
            good.iter().map(|(known, old)| (*known, if *known == name { value } else { old })).collect();
        assert_eq!(ask(&portal, &mira, "/oauth2/forward", &other).await.status, 403, "{name}: {value}");
    }
    // The dialect of nginx is not read here; a visitor's query is not either.
    let more = [&good[..], &[("x-original-url", "https://evil.example/"), ("x-original-method", "DELETE")]].concat();
    assert_eq!(ask(&portal, &mira, "/oauth2/forward?policy=jonas&x=1", &more).await.status, 200);
    assert_eq!(ask(&portal, &mira, "/oauth2/forward/closed?policy=default", &good).await.status, 403);

    let alone = Portal::with().file(super::POLICIES).start().await;
    let mira = signed_in(&alone, MIRA).await;
    let answer = ask(&alone, &mira, "/oauth2/forward", &forwarded(&alone, "GET", "/app/")).await;
    assert_eq!(answer.status, 403, "TRUSTED_PROXIES names nobody");
}

#[tokio::test]
async fn the_addresses_of_oauth2_proxy_lead_in_and_out() {
    let portal = with("").start().await;
    let origin = portal.base.clone();
    for (query, next) in [
        ("?rd=/app/", Some("/app/")),
        // As nginx writes it, unescaped, and as others do.
        (&*format!("?rd={origin}/app/?a=1&b=2"), Some("/app/?a=1&b=2")),
        (
            &*format!(
                "?x=1&rd={}",
                url::form_urlencoded::byte_serialize(format!("{origin}/app?a=1&b=%26").as_bytes()).collect::<String>()
            ),
            Some("/app?a=1&b=%26"),
        ),
        ("?rd=/app/?x=1&rd=/other/", Some("/app/?x=1&rd=/other/")),
        ("?rd=https://evil.example/", None),
        (&*format!("?rd={origin}.evil.example/"), None),
        (&*format!("?rd={origin}@evil.example/"), None),
        ("?rd=//evil.example/", None),
        ("?rd=%2F%2Fevil.example", None),
        ("?rd=javascript:alert(1)", None),
        ("?rd=/logout", None),
        ("", None),
    ] {
        for door in ["start", "sign_in"] {
            let answer = Browser::new().get(&portal.url(&format!("/oauth2/{door}{query}"))).await;
            let location = answer.location();
            assert_eq!((answer.status.as_u16(), location.path()), (303, "/login"), "{query}");
            let found = location.query_pairs().find(|(name, _)| name == "next").map(|(_, value)| value.into_owned());
            assert_eq!(found.as_deref(), next, "{query}");
        }
    }
    let by_header =
        Browser::new().get_with(&portal.url("/oauth2/start"), &[("x-auth-request-redirect", "/app/?x=1")]).await;
    assert_eq!(by_header.header("location"), Some("/login?next=%2Fapp%2F%3Fx%3D1"));
    let mira = signed_in(&portal, MIRA).await;
    let user: serde_json::Value = serde_json::from_str(&mira.get(&portal.url("/oauth2/userinfo")).await.body).unwrap();
    assert_eq!((&user["preferredUsername"], &user["email"]), (&MIRA.into(), &MIRA.into()));
    let nobody = Browser::new();
    let answer = nobody.get_with(&portal.url("/oauth2/userinfo"), &[("accept", "application/json")]).await;
    assert_eq!(answer.status, 401);
    let out = mira.get(&portal.url("/oauth2/sign_out?rd=https://evil.example/")).await;
    assert_eq!(out.header("location"), Some("/logout"));
    let callback = nobody.get(&portal.url("/oauth2/callback?error=access_denied&state=x")).await;
    assert_eq!(Url::parse(&portal.url(callback.header("location").unwrap())).unwrap().path(), "/login");
}
