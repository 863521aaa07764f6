//! A proxy with the gate, over plain HTTP, a portal, and two apps behind it.

use std::{
    fs,
    time::{Duration, Instant},
};

use tempfile::TempDir;

use super::{
    super::{GROUP, POLICIES},
    proxy::{Place, Proxy},
};
use crate::{
    gate::app::App,
    harness::{Answer, Browser, PATIENCE, Portal, PortalBuilder, Process, free_port},
};

/// Who may pass to the two apps: people of Northfield University, and the members of a group.
pub const OF_APPS: &str = "[policies.staff]\ntitle = 'the app'\n\
                           identity_providers = ['0ec34ecc-ad7d-4d51-94e5-dc387441a4d6']\n\
                           [policies.members]\ntitle = 'the lab'\n";

/// A proxy, the portal, and an app for each of two policies: `/app/` for the staff, `/lab/` for the members of a group.
pub struct Gate {
    pub portal: Option<Portal>,
    pub app: App,
    pub lab: App,
    pub base: String,
    pub port: u16,
    _proxy: Process,
    _folder: TempDir,
}

impl Gate {
    pub async fn start(proxy: &Proxy) -> Self {
        Self::start_with(proxy, |portal| portal.set("TRUSTED_PROXIES", "127.0.0.1")).await
    }

    /// The same with other settings of the portal.
    pub async fn start_with(proxy: &Proxy, settings: impl FnOnce(PortalBuilder) -> PortalBuilder) -> Self {
        Self::start_by(settings, |folder, port, portal, app, lab| {
            (proxy.start)(&Place { folder, host: "localhost", port, portal, app, lab })
        })
        .await
    }

    /// The same with any proxy: in a folder, on the first port, before the portal and the two apps on the others.
    pub async fn start_by(
        settings: impl FnOnce(PortalBuilder) -> PortalBuilder,
        proxy: impl FnOnce(&std::path::Path, u16, u16, u16, u16) -> Process,
    ) -> Self {
        let folder = TempDir::new().unwrap();
        let (port, app, lab) = (free_port(), App::start("app"), App::start("lab"));
        let name = format!("localhost:{port}");
        let policies = format!("{POLICIES}{OF_APPS}groups = ['{GROUP}']\n");
        let portal = settings(Portal::with().file(&policies).set("SERVER_NAME", &name)).start().await;
        let behind = portal.app.settings.listen.tcp().unwrap().port();
        fs::create_dir_all(folder.path().join("files")).unwrap();
        fs::write(folder.path().join("files/data.txt"), "a file\n").unwrap();
        let proxy = proxy(folder.path(), port, behind, app.port, lab.port);
        let base = format!("http://{name}");
        let gate = Self { portal: Some(portal), app, lab, base, port, _proxy: proxy, _folder: folder };
        gate.is_served().await;
        gate
    }

    pub fn portal(&self) -> &Portal {
        self.portal.as_ref().unwrap()
    }

    /// Waits until the proxy forwards requests.
    async fn is_served(&self) {
        let begun = Instant::now();
        while !Browser::new()
            .try_get(&self.url("/healthz"))
            .await
            .is_ok_and(|answer| !matches!(answer.status.as_u16(), 404 | 502))
        {
            assert!(begun.elapsed() < PATIENCE, "the proxy forwards nothing");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// Follows a page to the login and back, however many redirects that takes; returns the page, or why there is none.
    pub async fn log_in(&self, browser: &Browser, page: &str, person: &str) -> Answer {
        let mut answer = browser.get(&self.url(page)).await;
        for _ in 0..3 {
            assert!(answer.status.is_redirection(), "{page}: {} {}", answer.status, answer.body);
            let next = answer.location();
            if next.as_str().starts_with(&self.portal().globus) {
                let back = self.portal().decide(browser, &next, person, "allow").await;
                return browser.follow(back.as_str()).await;
            }
            answer = browser.get(next.as_str()).await;
        }
        panic!("{page}: no way to the login: {} {}", answer.status, answer.body);
    }

    /// Somebody who is signed in.
    pub async fn somebody(&self, person: &str) -> Browser {
        let browser = Browser::new();
        self.log_in(&browser, "/profile", person).await;
        browser
    }

    pub fn session(&self, browser: &Browser) -> String {
        self.portal().session_cookie(browser).unwrap()
    }

    /// A request exactly as it stands there, with the cookie of a browser.
    pub fn raw(&self, method: &str, target: &str, browser: Option<&Browser>, more: &str) -> String {
        let cookie =
            browser.map(|browser| format!("Cookie: session={}\r\n", self.session(browser))).unwrap_or_default();
        let request = format!(
            "{method} {target} HTTP/1.1\r\nHost: localhost:{}\r\nConnection: close\r\nAccept: text/html\r\n{cookie}{more}\r\n",
            self.port
        );
        crate::gate::app::raw(self.port, request.as_bytes())
    }

    pub async fn log_out(&self, browser: &Browser) {
        let csrf = self.portal().csrf(browser);
        let answer = browser.submit(&self.url("/logout"), &[("csrf_token", &csrf)]).await;
        assert_eq!(answer.status, 303, "{}", answer.body);
    }
}
