//! The front page for visitors who are signed out, and where a logout leads back to. Rows F5 and J4.

use crate::harness::{Browser, MIRA, Portal, parameter};

#[tokio::test]
async fn with_a_front_page_nobody_is_led_to_globus_before_they_ask_for_it() {
    let portal = Portal::with()
        .set("LANDING_PAGE", "true")
        .file("[[collections]]\nid = '7e57ab1e-0000-4000-8000-000000000001'\ntitle = 'Our <b>data</b>'\n")
        .start()
        .await;
    let browser = Browser::new();
    let front = browser.get(&portal.url("/")).await;
    assert_eq!((front.status.as_u16(), front.set_cookies().len()), (200, 0), "{}", front.body);
    assert!(front.body.contains("Sign in with Globus") && front.body.contains("Our &#60;b&#62;data"), "{}", front.body);
    assert!(front.header("cache-control").unwrap().contains("no-store"));
    // All else still asks for a login.
    assert_eq!(browser.get(&portal.url("/profile")).await.status, 303);
    // Who says no at Globus comes back to it.
    let authorize = portal.begin_login(&browser, "").await;
    let back = portal.decide(&browser, &authorize, MIRA, "deny").await;
    let denied = browser.get(back.as_str()).await;
    assert!(denied.body.contains("href=\"/\">Start page"), "{}", denied.body);

    let home = portal.log_in(&browser, MIRA).await;
    assert!(home.body.contains("You are successfully logged in!"), "{}", home.body);
    let csrf = portal.csrf(&browser);
    let out = browser.submit(&portal.url("/logout"), &[("csrf_token", &csrf)]).await.location();
    assert_eq!(parameter(&out, "redirect_uri"), Some(portal.url("/")));
    let front = browser.get(&portal.url("/")).await;
    assert!(front.status == 200 && front.body.contains("Sign in with Globus"), "{}", front.body);
    let farewell = browser.get(&portal.url("/signed-out")).await;
    assert!(farewell.body.contains("<a href=\"/\">Start page</a>"), "{}", farewell.body);
}

#[tokio::test]
async fn without_one_the_first_page_leads_to_the_login() {
    let portal = Portal::start().await;
    let answer = Browser::new().get(&portal.url("/")).await;
    assert_eq!((answer.status.as_u16(), answer.location().path()), (303, "/login"));
    assert!(!Browser::new().get(&portal.url("/signed-out")).await.body.contains("Start page"));
}

/// Row F5.
#[tokio::test]
async fn a_logout_leads_on_to_pages_of_this_site_and_of_named_hosts_and_nowhere_else() {
    let portal = Portal::with().set("ALLOWED_RETURN_HOSTS", "data.other.localhost:8443").start().await;
    let app = "http://data.other.localhost:8443/a?b=1&c";
    let encoded = "http%3A%2F%2Fdata.other.localhost%3A8443%2Fa%3Fb%3D1%26c";
    for (rd, next) in [
        ("/app/x", Some("/app/x")),
        (encoded, Some(app)),
        ("https://evil.example/", None),
        ("//evil.example/", None),
        ("http://data.other.localhost/", None),
        ("javascript:alert(1)", None),
    ] {
        let browser = Browser::new();
        portal.log_in(&browser, MIRA).await;
        let logout = browser.get(&portal.url(&format!("/oauth2/sign_out?rd={rd}"))).await.location();
        assert_eq!((logout.path(), parameter(&logout, "next").as_deref()), ("/logout", next), "{rd}");
        // Asked for by another site, the page that asks first keeps it.
        let asked = browser.get_with(logout.as_str(), &[("sec-fetch-site", "cross-site")]).await;
        assert_eq!(asked.body.contains("action=\"/logout?next="), next.is_some(), "{}", asked.body);
        let out = browser.get(logout.as_str()).await.location();
        let back = parameter(&out, "redirect_uri").unwrap();
        assert!(back.starts_with(&portal.url("/signed-out")), "{back}");
        let farewell = browser.get(&back).await;
        assert_eq!(farewell.body.contains("Go back to"), next.is_some(), "{rd}: {}", farewell.body);
        let href = next.map(|next| format!("href=\"{}\"", next.replace('&', "&#38;")));
        assert!(href.is_none_or(|href| farewell.body.contains(&href)), "{}", farewell.body);
    }
    // Nor by hand.
    for next in ["https://evil.example/", "//evil.example", "/\\evil.example"] {
        let page = Browser::new().get(&portal.url(&format!("/signed-out?next={next}"))).await;
        assert!(!page.body.contains("evil"), "{}", page.body);
    }
}
