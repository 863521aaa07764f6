//! A portal that runs in this process, on its own ports.

use std::{collections::BTreeMap, sync::Arc};

use globus_portal::{
    clock::Clock,
    routes::{Pages, csrf},
    sandbox,
    server::Server,
    session::{session_key, store::Store},
    settings::{Settings, Sources},
    state::{AppState, open_store},
};
use tempfile::TempDir;
use tokio::{sync::oneshot, task::JoinHandle};
use url::Url;

use super::{
    Answer, Browser,
    browser::parameter,
    free_port, place,
    process::start_sandbox,
    provider::{CLIENT_ID, CLIENT_SECRET, Provider},
};

/// A running portal, and the Globus it uses.
#[derive(Debug)]
pub struct Portal {
    pub app: AppState,
    /// Its session store, without the cache that the portal itself always uses.
    pub store: Arc<dyn Store>,
    /// `http://localhost:PORT`, without a trailing slash.
    pub base: String,
    /// The base URL of its Globus: the sandbox, or the test provider. Without a trailing slash.
    pub globus: String,
    tasks: Vec<JoinHandle<()>>,
    stop: Option<oneshot::Sender<()>>,
}

/// The settings of a new portal, by key.
#[derive(Default)]
pub struct PortalBuilder {
    settings: BTreeMap<String, String>,
    file: Option<TempDir>,
    clock: Option<Clock>,
    store: Option<Arc<dyn Store>>,
    globus: Option<String>,
    more: Pages,
    sweeps: bool,
}

impl PortalBuilder {
    pub fn set(mut self, key: &str, value: &str) -> Self {
        self.settings.insert(format!("GLOBUS_PORTAL_{key}"), value.to_owned());
        self
    }

    /// The lines of its settings file.
    pub fn file(mut self, lines: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("app.conf"), lines).unwrap();
        self.file = Some(folder);
        self
    }

    /// A file beside the settings file.
    pub fn beside(self, name: &str, content: &[u8]) -> Self {
        std::fs::write(self.file.as_ref().unwrap().path().join(name), content).unwrap();
        self
    }

    pub fn clock(mut self, clock: &Clock) -> Self {
        self.clock = Some(clock.clone());
        self
    }

    pub fn store(mut self, store: Arc<dyn Store>) -> Self {
        self.store = Some(store);
        self
    }

    /// Uses the test provider instead of the sandbox.
    pub fn provider(mut self, provider: &Provider) -> Self {
        self.settings.insert("GLOBUS_PORTAL_APP_CLIENT_ID".to_owned(), CLIENT_ID.to_owned());
        self.settings.entry("GLOBUS_PORTAL_APP_CLIENT_SECRET".to_owned()).or_insert_with(|| CLIENT_SECRET.to_owned());
        self.globus = Some(provider.base.clone());
        self
    }

    /// Uses an address as Globus, whether or not there is a server.
    pub fn globus_at(mut self, base: &str) -> Self {
        self.globus = Some(base.to_owned());
        self
    }

    /// Adds the test's own pages.
    pub fn pages(mut self, more: impl Into<Pages>) -> Self {
        self.more = more.into();
        self
    }

    /// Lets it sweep by itself, as real portals do. Other portals of tests do not: on a busy machine a sweep may come at any
    /// moment, and claim what a test is about to look at.
    pub fn sweeping(mut self) -> Self {
        self.sweeps = true;
        self
    }

    pub async fn start(mut self) -> Portal {
        let mut tasks = Vec::new();
        let globus = match self.globus.take() {
            Some(globus) => globus,
            None => start_sandbox().await,
        };
        let port = free_port();
        let defaults = [
            ("GLOBUS_PORTAL_SERVER_NAME", format!("localhost:{port}")),
            ("GLOBUS_PORTAL_LISTEN", format!("127.0.0.1:{port}")),
            ("GLOBUS_PORTAL_SESSION_STORE", "memory".to_owned()),
            ("GLOBUS_PORTAL_SECRET_KEY", "a secret key of the tests, long enough to be one".to_owned()),
            ("GLOBUS_PORTAL_APP_CLIENT_ID", sandbox::CLIENT_ID.to_owned()),
            ("GLOBUS_PORTAL_APP_CLIENT_SECRET", sandbox::CLIENT_SECRET.to_owned()),
        ];
        for (key, value) in defaults {
            self.settings.entry(key.to_owned()).or_insert(value);
        }
        for service in ["AUTH", "TRANSFER", "GROUPS"] {
            self.settings.insert(format!("GLOBUS_SDK_SERVICE_URL_{service}"), format!("{globus}/"));
        }
        let sources = Sources {
            file: self.file.as_ref().map_or("no such file".into(), |folder| folder.path().join("app.conf")),
            file_required: self.file.is_some(),
            environment: self.settings,
            sandbox: None,
        };
        let settings = Settings::load(&sources).unwrap_or_else(|problems| panic!("{problems}"));
        let clock = self.clock.unwrap_or_else(Clock::system);
        let base = format!("http://localhost:{}{}", settings.listen.tcp().unwrap().port(), settings.root);
        let store = match (self.store, place::current()) {
            (Some(store), _) => store,
            (None, Some(place)) => place.open().await,
            (None, None) => open_store(&settings.session_store).await.unwrap(),
        };
        let app = AppState::with_store(settings, clock, store.clone()).unwrap();
        let server = Server::bind(app.clone(), self.more).await.unwrap();
        let server = if self.sweeps { server } else { server.without_sweep() };
        let (stop, stopped) = oneshot::channel::<()>();
        tasks.push(tokio::spawn(async move {
            server.serve(async { drop(stopped.await) }).await;
        }));
        Portal { app, store, base, globus, tasks, stop: Some(stop) }
    }
}

/// Chooses a person of the sandbox and decides; returns the URL that the browser is sent back to.
pub async fn decide(globus: &str, browser: &Browser, authorize: &Url, person: &str, decision: &str) -> Url {
    let page = browser.get(authorize.as_str()).await;
    if page.status == 302 {
        return page.location(); // Signed in there, and consent was given before.
    }
    let request = page.hidden("request");
    if page.body.contains("/v2/web/choose") {
        let form = [("request", request.as_str()), ("identity", person)];
        let chosen = browser.submit(&format!("{globus}/v2/web/choose"), &form).await;
        assert_eq!(chosen.status, 303, "{}", chosen.body);
    }
    let form = [("request", request.as_str()), ("decision", decision)];
    let decided = browser.submit(&format!("{globus}/v2/web/consent"), &form).await;
    assert_eq!(decided.status, 303, "{}", decided.body);
    decided.location()
}

impl Drop for Portal {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

impl Portal {
    /// A portal with its own sandbox and sessions in memory.
    pub async fn start() -> Self {
        Self::with().start().await
    }

    /// The same, with something changed.
    pub fn with() -> PortalBuilder {
        PortalBuilder::default()
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// Stops it as SIGTERM does, and waits until it has stopped.
    pub async fn stop(mut self) {
        drop(self.stop.take());
        if let Some(server) = self.tasks.pop() {
            server.await.unwrap();
        }
    }

    /// Goes to `/login?…`; returns the authorize URL that the browser is sent to.
    pub async fn begin_login(&self, browser: &Browser, query: &str) -> Url {
        let answer = browser.get(&self.url(&format!("/login{query}"))).await;
        assert_eq!(answer.status, 303, "{}", answer.body);
        answer.location()
    }

    /// Chooses a person of the sandbox and decides; gives the URL that the browser is sent back to.
    pub async fn decide(&self, browser: &Browser, authorize: &Url, person: &str, decision: &str) -> Url {
        decide(&self.globus, browser, authorize, person, decision).await
    }

    /// A complete login as a person of the sandbox; returns the page that the browser ends on.
    pub async fn log_in(&self, browser: &Browser, person: &str) -> Answer {
        let authorize = self.begin_login(browser, "").await;
        let back = self.decide(browser, &authorize, person, "allow").await;
        let page = browser.follow(back.as_str()).await;
        assert_eq!(page.status, 200, "{}", page.body);
        page
    }

    /// The callback to which the test provider would send the browser, for a started login.
    pub fn callback(&self, authorize: &Url, code: &str) -> String {
        let state = parameter(authorize, "state").unwrap();
        self.url(&format!("/login?code={code}&state={state}"))
    }

    /// A CSRF token for the forms of this browser's session.
    pub fn csrf(&self, browser: &Browser) -> String {
        self.csrf_of(&self.session_cookie(browser).unwrap())
    }

    /// The same, by the session's cookie.
    pub fn csrf_of(&self, cookie: &str) -> String {
        csrf::token(&self.app, session_key(cookie.parse().unwrap()))
    }

    /// The session cookie that a browser has for this portal.
    pub fn session_cookie(&self, browser: &Browser) -> Option<String> {
        browser.cookie("localhost", &self.app.settings.session_cookie_name)
    }
}
