//! A proxy with the gate, over plain HTTP.

use std::{
    any::Any,
    fs,
    path::Path,
    time::{Duration, Instant},
};

use tempfile::TempDir;

use super::{POLICIES, app::start_app, edited};
use crate::harness::{Answer, Browser, PATIENCE, Portal, free_port};

/// A proxy, a portal behind it, and an app that shows what it was asked.
pub struct Gate {
    pub portal: Portal,
    pub base: String,
    pub port: u16,
    _proxy: Box<dyn Any>,
    _folder: TempDir,
}

impl Gate {
    /// `proxy` starts one: in a folder, on the first port, before the portal and the app on the other two.
    pub async fn start<P: 'static>(proxy: impl FnOnce(&Path, u16, u16, u16) -> P) -> Self {
        let folder = TempDir::new().unwrap();
        let (port, app) = (free_port(), start_app());
        let name = format!("localhost:{port}");
        let portal = Portal::with()
            .file(&format!("{POLICIES}[policies.staff]\ntitle = 'the app'\ndomains = ['northfield.example']\n[policies.mfa]\nmfa = true\n"))
            .set("SERVER_NAME", &name)
            .set("TRUSTED_PROXIES", "127.0.0.1")
            .start()
            .await;
        let behind = portal.app.settings.listen.tcp().unwrap().port();
        fs::create_dir_all(folder.path().join("files")).unwrap();
        fs::write(folder.path().join("files/data.txt"), "a file\n").unwrap();
        let proxy = proxy(folder.path(), port, behind, app);
        let gate = Self { portal, base: format!("http://{name}"), port, _proxy: Box::new(proxy), _folder: folder };
        gate.is_served().await;
        gate
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

    /// Follows a page to the login and back.
    pub async fn log_in(&self, browser: &Browser, page: &str, person: &str) -> Answer {
        let mut answer = browser.get(&self.url(page)).await;
        for _ in 0..2 {
            assert!(answer.status.is_redirection(), "{} {}", answer.status, answer.body);
            answer = browser.get(answer.location().as_str()).await;
        }
        let back = self.portal.decide(browser, &answer.location(), person, "allow").await;
        browser.follow(back.as_str()).await
    }

    /// The same from the address that begins a login.
    pub async fn log_in_from(&self, browser: &Browser, start: &str, person: &str) -> Answer {
        let login = browser.get(&self.url(start)).await.location();
        let authorize = browser.get(login.as_str()).await.location();
        let back = self.portal.decide(browser, &authorize, person, "allow").await;
        browser.follow(back.as_str()).await
    }

    /// Comes back from a page of Globus to which a step-up has led, whatever was to be asked of the person: they have edited that
    /// out of the address.
    pub async fn come_back(&self, browser: &Browser, page: &Answer, person: &str) -> Answer {
        assert!(page.url.as_str().starts_with(&self.portal.globus), "{} {}", page.url, page.body);
        let back = self.portal.decide(&Browser::new(), &edited(&page.url), person, "allow").await;
        browser.follow(back.as_str()).await
    }
}
