//! A proxy with the gate, over plain HTTP.

use std::{
    any::Any,
    fs,
    path::Path,
    time::{Duration, Instant},
};

use reqwest::Method;
use tempfile::TempDir;

use super::{
    JONAS, MIRA, POLICIES,
    app::{sent, start_app},
};
use crate::harness::{Answer, Browser, OtherApp, PATIENCE, PORTAL_SCOPE, Portal, free_port};

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
            .file(&format!("{POLICIES}[policies.staff]\ntitle = 'the app'\ndomains = ['northfield.example']\nprogram_scope = '{PORTAL_SCOPE}'\n"))
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

    /// A program passes by its token, or is told why not; it is never led to a login, and no app sees the token.
    pub async fn lets_programs_in(&self) {
        let app = OtherApp::register(&self.portal.globus).await;
        let token = app.token_of(MIRA, PORTAL_SCOPE).await;
        let ask = async |method: Method, token: &str| {
            let headers = [("authorization", &*format!("bearer {token}"))];
            Browser::new().send(method, &self.url("/app/api?x=1"), &headers, None).await
        };
        for method in [Method::GET, Method::POST, Method::DELETE] {
            let page = ask(method.clone(), &token).await;
            assert!(page.status == 200 && page.body.starts_with(&format!("{method} /app/api?x=1 ")), "{}", page.body);
            assert_eq!(sent(&page, "X-Auth-Request-Preferred-Username"), Some(MIRA));
            assert!(!page.body.contains(&token), "{}", page.body);
            let refused = ask(method, "invented").await;
            assert_eq!((refused.status.as_u16(), refused.header("location")), (401, None), "{}", refused.body);
            let challenges: Vec<_> = refused.headers.get_all("www-authenticate").iter().collect();
            let expected =
                format!("Bearer realm=\"{}\", error=\"invalid_token\"", self.portal.app.settings.server_name);
            assert_eq!(challenges, [&*expected]);
        }
        let jonas = app.token_of(JONAS, PORTAL_SCOPE).await;
        let denied = ask(Method::GET, &jonas).await;
        assert_eq!((denied.status.as_u16(), denied.header("location")), (403, None));
        assert!(!denied.body.contains("X-Auth-Request"), "{}", denied.body);
    }
}
