//! A proxy with the gate, over plain HTTP, a portal, and two apps behind it.

use std::{
    fs,
    net::Ipv4Addr,
    time::{Duration, Instant},
};

use rcgen::{CertifiedKey, generate_simple_self_signed};
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
    /// The proxy's certificate (PEM), where it has TLS.
    certificate: Option<String>,
    _proxy: Process,
    _folder: TempDir,
}

impl Gate {
    pub async fn start(proxy: &Proxy) -> Self {
        Self::start_with(proxy, |portal| portal.set("TRUSTED_PROXIES", "127.0.0.1")).await
    }

    /// The same with other settings of the portal.
    pub async fn start_with(proxy: &Proxy, settings: impl FnOnce(PortalBuilder) -> PortalBuilder) -> Self {
        Self::start_by(settings, None, |folder, port, portal, app, lab| {
            (proxy.start)(&Place { folder, host: "localhost", tls: false, port, portal, app, lab })
        })
        .await
    }

    /// The same with TLS, as the files of `deploy/` have it.
    pub async fn start_with_tls(proxy: &Proxy) -> Self {
        let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let settings =
            |portal: PortalBuilder| portal.set("TRUSTED_PROXIES", "127.0.0.1").set("PREFERRED_URL_SCHEME", "https");
        Self::start_by(settings, Some(cert.pem()), |folder, port, portal, app, lab| {
            fs::write(folder.join("certificate.pem"), cert.pem()).unwrap();
            fs::write(folder.join("key.pem"), signing_key.serialize_pem()).unwrap();
            (proxy.start)(&Place { folder, host: "localhost", tls: true, port, portal, app, lab })
        })
        .await
    }

    /// The same with any proxy: in a folder, on the first port, before the portal and the two apps on the others.
    pub async fn start_by(
        settings: impl FnOnce(PortalBuilder) -> PortalBuilder,
        certificate: Option<String>,
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
        let base = format!("{}://{name}", if certificate.is_some() { "https" } else { "http" });
        let gate = Self { portal: Some(portal), app, lab, base, port, certificate, _proxy: proxy, _folder: folder };
        gate.is_served().await;
        gate
    }

    pub fn portal(&self) -> &Portal {
        self.portal.as_ref().unwrap()
    }

    /// Waits until the proxy forwards requests.
    async fn is_served(&self) {
        let begun = Instant::now();
        while !self
            .browser()
            .try_get(&self.url("/healthz"))
            .await
            .is_ok_and(|answer| !matches!(answer.status.as_u16(), 404 | 502))
        {
            assert!(begun.elapsed() < PATIENCE, "the proxy forwards nothing");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub fn browser(&self) -> Browser {
        let at = (Ipv4Addr::LOCALHOST, self.port).into();
        let trusting = |certificate| Browser::trusting(certificate, Ipv4Addr::LOCALHOST.into(), ("localhost", at));
        self.certificate.as_deref().map_or_else(Browser::new, trusting)
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
        let browser = self.browser();
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
