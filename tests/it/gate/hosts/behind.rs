//! Apps on other hosts behind real proxies, by the configurations of `deploy/`.

use std::{
    fs,
    time::{Duration, Instant},
};

use tempfile::TempDir;

use super::{Hosts, OTHER, PORTAL, SISTER, is_at_globus};
use crate::{
    gate::{
        JONAS, MIRA, POLICIES,
        app::{App, Shown},
        behind::proxy::{CADDY_PROXY, NGINX_PROXY, Place, Proxy, TRAEFIK_PROXY},
    },
    harness::{Browser, PATIENCE, Portal, free_port, parameter, skip_without},
};

impl Hosts {
    /// Behind a proxy, with an app.
    async fn behind(proxy: &Proxy, staff: &str) -> Self {
        let (folder, app) = (TempDir::new().unwrap(), App::start("app"));
        let port = free_port();
        let portal = Portal::with()
            .file(&format!("{POLICIES}[policies.staff]\ntitle = 'the app'\n{staff}\n"))
            .set("SERVER_NAME", &format!("{PORTAL}:{port}"))
            .set("COOKIE_DOMAIN", "uni.localhost")
            .set("ALLOWED_RETURN_HOSTS", &format!("{SISTER}:{port}, {OTHER}:{port}"))
            .set("TRUSTED_PROXIES", "127.0.0.1")
            .start()
            .await;
        fs::create_dir_all(folder.path().join("files")).unwrap();
        let behind = portal.app.settings.listen.tcp().unwrap().port();
        let place = Place {
            folder: folder.path(),
            host: PORTAL,
            tls: false,
            port,
            portal: behind,
            app: app.port,
            lab: app.port,
        };
        let proxy = (proxy.start)(&place);
        let hosts = Self { portal, port, _proxy: Some(Box::new((proxy, folder, app))) };
        let (begun, healthz) = (Instant::now(), hosts.url(PORTAL, "/healthz"));
        while !Browser::new().try_get(&healthz).await.is_ok_and(|answer| answer.status == 200) {
            assert!(begun.elapsed() < PATIENCE, "the proxy forwards nothing");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        hosts
    }
}

async fn behind(proxy: &Proxy) {
    if skip_without(&format!("apps on other hosts behind {}", proxy.name), proxy.programs) {
        return;
    }
    visit(
        &Hosts::behind(proxy, "identity_providers = ['0ec34ecc-ad7d-4d51-94e5-dc387441a4d6']").await,
        proxy.hides_session,
    )
    .await;
    step_up(&Hosts::behind(proxy, "mfa = true").await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn apps_on_other_hosts_behind_nginx() {
    behind(&NGINX_PROXY).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn apps_on_other_hosts_behind_caddy() {
    behind(&CADDY_PROXY).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn apps_on_other_hosts_behind_traefik() {
    behind(&TRAEFIK_PROXY).await;
}

/// What a policy needs more of a login is given at Globus, and leads back to the app. Row I7.
async fn step_up(hosts: &Hosts) {
    for host in [SISTER, OTHER] {
        let browser = hosts.signed_in().await;
        let deep = "/deep/a%20b/?q=1&r=%26%23";
        // To the host under another domain, the session is handed over first.
        if host == OTHER {
            let walk = hosts.walk(&browser, &hosts.url(host, deep), MIRA).await;
            assert_eq!((walk.end(), is_at_globus(&walk)), (&*hosts.url(host, deep), false));
        }
        let walk = hosts.walk(&browser, &hosts.url(host, deep), MIRA).await;
        let asked = walk.seen.iter().any(|url| parameter(url, "session_required_mfa").as_deref() == Some("True"));
        assert!(asked, "{:#?}", walk.seen);
        assert_eq!(walk.end(), hosts.url(host, deep), "{:#?}", walk.seen);
        let shown = Shown::by("app", &browser.get(walk.end()).await);
        assert_eq!(shown.account("username"), Some(MIRA));
        let fetch = [("sec-fetch-mode", "cors"), ("sec-fetch-dest", "empty"), ("sec-fetch-site", "same-origin")];
        // A script is not led anywhere.
        let other = hosts.signed_in().await;
        if host == OTHER {
            hosts.walk(&other, &hosts.url(host, deep), MIRA).await;
        }
        let answer = other.get_with(&hosts.url(host, "/api"), &fetch).await;
        assert_eq!((answer.status.as_u16(), answer.header("location")), (403, None));
    }
}

/// What each of them must do. `drops`: whether it can take cookies out.
async fn visit(hosts: &Hosts, drops: bool) {
    let browser = Browser::new();
    for host in [SISTER, OTHER] {
        // A deep link, and back to it. The second host needs no login of its own.
        let deep = "/deep/a%20b/?q=1&r=%26%23&s=%C3%BC&rd=/x";
        let walk = hosts.walk(&browser, &hosts.url(host, deep), MIRA).await;
        assert_eq!(walk.end(), hosts.url(host, deep));
        assert_eq!(is_at_globus(&walk), host == SISTER, "{:#?}", walk.seen);
        browser.set_cookie(host, "of-the-app", "1");
        let shown = Shown::by("app", &browser.get(walk.end()).await);
        assert_eq!((shown.request(), shown.account("username")), (&*format!("GET {deep}"), Some(MIRA)));
        let cookie = shown.header("cookie").unwrap().to_owned();
        let of_the_portal = ["gate", "hand-over"].map(|name| browser.cookie(host, name)).into_iter().flatten();
        for value in of_the_portal.chain(hosts.session(&browser)).filter(|_| drops) {
            assert!(cookie.contains("of-the-app=1") && !cookie.contains(&value), "{cookie}");
        }
        // What a visitor writes as an id or a trace reaches neither the app nor the portal.
        let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let forged = [("x-request-id", "forged"), ("traceparent", trace), ("tracestate", "forged=1")];
        let shown = Shown::by("app", &browser.get_with(&hosts.url(host, "/x"), &forged).await);
        assert!(!shown.text().contains("forged") && shown.header("traceparent").is_none(), "{}", shown.text());
        let user = browser.get_with(&hosts.url(host, "/oauth2/userinfo"), &forged).await;
        assert!(user.header("x-request-id").is_some_and(|id| id != "forged"), "{:?}", user.headers);

        let nobody = Browser::new();
        let fetch = [("sec-fetch-mode", "cors"), ("sec-fetch-dest", "empty"), ("sec-fetch-site", "same-origin")];
        assert_eq!(nobody.get_with(&hosts.url(host, "/api"), &fetch).await.status, 401);
        let unsent = nobody.submit(&hosts.url(host, "/save"), &[("text", "half written")]).await;
        assert_eq!(unsent.location().host_str(), Some(PORTAL), "{} {}", unsent.status, unsent.body);
        let page = nobody.get(unsent.location().as_str()).await;
        assert!(page.status == 401 && page.body.contains("Your form was not sent"), "{}", page.body);
        for inside in [
            "/oauth2/auth",
            "/oauth2/auth/default",
            "/oauth2/forward/default",
            "/oauth2/authz/default/x",
            "/gate/default",
        ] {
            let answer = browser.get(&hosts.url(host, inside)).await;
            assert!(answer.headers.get("x-auth-request-user").is_none(), "{inside}");
            assert!(answer.status == 404 || inside == "/gate/default", "{inside}: {}", answer.status);
        }

        let jonas = Browser::new();
        hosts.walk(&jonas, &hosts.url(host, "/x"), JONAS).await;
        let page = hosts.walk(&jonas, &hosts.url(host, "/x"), JONAS).await.answer.unwrap();
        assert!(page.status == 403 && page.body.contains("You may not open <bdi>the app</bdi>"), "{}", page.body);
        assert_eq!(page.url.host_str(), Some(PORTAL));
    }
    let user = browser.get(&hosts.url(OTHER, "/oauth2/userinfo")).await;
    assert!(user.body.contains(MIRA), "{}", user.body);
    let out = browser.get_with(&hosts.url(OTHER, "/oauth2/sign_out"), &[("sec-fetch-site", "same-origin")]).await;
    assert!(out.location().as_str().starts_with(&hosts.portal.globus), "{}", out.status);
    for host in [SISTER, OTHER] {
        let answer = browser.get(&hosts.url(host, "/x")).await;
        assert_eq!((answer.status.as_u16(), answer.header("x-app")), (302, None), "{host}: {}", answer.body);
    }
}
