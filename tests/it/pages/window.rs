//! A window of headless Chromium, driven through WebDriver.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use fantoccini::{
    Client, ClientBuilder, Locator,
    actions::{InputSource as _, KeyAction, KeyActions},
    key::Key,
    wd::Capabilities,
};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use crate::harness::{Process, Running, find_program, free_port, sandboxed_portal, until};

pub const PROGRAMS: &[(&str, &str)] =
    &[("chromium", "chromium (Debian)"), ("chromedriver", "chromium-driver (Debian)")];
const PATIENCE: Duration = Duration::from_secs(60);
/// Chromium asks nobody but loopback for anything.
const NO_NAMES: &str = "MAP * ~NOTFOUND , EXCLUDE localhost , EXCLUDE *.localhost , EXCLUDE 127.0.0.1";

/// chromedriver, and every Chromium it has started.
pub struct Driver {
    running: Running,
    port: u16,
}

impl Driver {
    pub async fn start() -> Self {
        let port = free_port();
        let mut command = Command::new(find_program("chromedriver").unwrap());
        command.arg(format!("--port={port}")).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let driver = Self { running: Running::start(&mut command), port };
        until("chromedriver to listen", || TcpStream::connect(("127.0.0.1", port)).ok()).await;
        driver
    }
}

impl Drop for Driver {
    /// Chromium outlives a killed driver, so the driver is asked to end.
    fn drop(&mut self) {
        if let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.port)) {
            let request =
                format!("GET /shutdown HTTP/1.1\r\nHost: localhost:{}\r\nConnection: close\r\n\r\n", self.port);
            let _ = stream.set_read_timeout(Some(PATIENCE));
            let _ = stream.write_all(request.as_bytes()).and_then(|()| stream.read_to_end(&mut Vec::new()));
        }
        for _ in 0..100 {
            if !matches!(self.running.0.try_wait(), Ok(None)) {
                break;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// A window of Chromium.
pub struct Window {
    pub client: Client,
    /// The URL of the session at the driver.
    session: String,
    http: reqwest::Client,
    /// The portal's address, without a slash at its end.
    pub base: String,
    // Dropped in this order.
    _driver: Driver,
    _profile: TempDir,
    _portal: Option<(Process, TempDir)>,
}

impl Window {
    /// A window, and a portal on its sandbox for it to visit.
    pub async fn open() -> Self {
        Self::open_with("").await
    }

    /// The same with a settings file, beside which there is a picture `frames.svg`.
    pub async fn open_with(settings: &str) -> Self {
        let folder = TempDir::new().unwrap();
        fs::write(folder.path().join("example_app.conf"), settings).unwrap();
        fs::write(folder.path().join("frames.svg"), include_str!("../../../templates/static/favicon.svg")).unwrap();
        let port = free_port();
        let mut command = sandboxed_portal(folder.path());
        command
            .env("GLOBUS_PORTAL_LISTEN", format!("127.0.0.1:{port}"))
            .env("GLOBUS_PORTAL_SERVER_NAME", format!("localhost:{port}"));
        let mut portal = Process::start(&mut command, &folder.path().join("portal.log"));
        portal.says("Sandbox, not Globus").await;
        Self { _portal: Some((portal, folder)), ..Self::at(&format!("http://localhost:{port}")).await }
    }

    /// A window for a portal that is there already. It takes any certificate.
    pub async fn at(base: &str) -> Self {
        Self::with(base, &[format!("--host-resolver-rules={NO_NAMES}")], &json!({"browser": "ALL"}), true).await
    }

    /// A window for a portal of which it knows where its host is, and no certificate but the one with this key. It notes what goes
    /// over the network.
    pub async fn knowing(base: &str, (host, at): (&str, SocketAddr), key_hash: &str) -> Self {
        let arguments = [
            format!("--host-resolver-rules=MAP {host} {at} , {NO_NAMES}"),
            format!("--ignore-certificate-errors-spki-list={key_hash}"),
        ];
        Self::with(base, &arguments, &json!({"browser": "ALL", "performance": "ALL"}), false).await
    }

    async fn with(base: &str, arguments: &[String], logs: &Value, any_certificate: bool) -> Self {
        let profile = TempDir::new().unwrap();
        let driver = Driver::start().await;
        let address = format!("http://127.0.0.1:{}", driver.port);
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities(profile.path(), arguments, logs, any_certificate))
            .connect(&address)
            .await
            .unwrap();
        let session = format!("{address}/session/{}", client.session_id().await.unwrap().unwrap());
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let base = base.to_owned();
        Self { client, session, http, base, _driver: driver, _profile: profile, _portal: None }
    }

    /// A command specific to chromedriver.
    pub async fn command(&self, path: &str, body: &Value) -> Value {
        let answer = self.http.post(format!("{}/{path}", self.session)).json(body).send().await.unwrap();
        let mut document: Value = answer.json().await.unwrap();
        assert!(document["value"]["error"].is_null(), "{path}: {document}");
        document["value"].take()
    }

    /// A command of Chromium's developer tools.
    pub async fn tools(&self, command: &str, parameters: Value) -> Value {
        self.command("goog/cdp/execute", &json!({"cmd": command, "params": parameters})).await
    }

    /// What went over the network since the last look, as events of the developer tools: their names and parameters.
    pub async fn network(&self) -> Vec<(String, Value)> {
        let entries = self.command("se/log", &json!({"type": "performance"})).await;
        let events = entries.as_array().unwrap().iter().map(|entry| {
            let mut event: Value = serde_json::from_str(entry["message"].as_str().unwrap()).unwrap();
            let message = &mut event["message"];
            (message["method"].as_str().unwrap().to_owned(), message["params"].take())
        });
        events.filter(|(method, _)| method.starts_with("Network.")).collect()
    }

    /// What Chromium has written to its console since the last look.
    pub async fn console(&self) -> Vec<String> {
        let entries = self.command("se/log", &json!({"type": "browser"})).await;
        entries.as_array().unwrap().iter().map(ToString::to_string).collect()
    }

    pub async fn assert_clean_console(&self) {
        let console = self.console().await;
        assert!(console.is_empty(), "{console:#?}");
    }

    pub async fn go(&self, path: &str) {
        self.client.goto(&format!("{}{path}", self.base)).await.unwrap();
    }

    pub async fn path(&self) -> String {
        let url = self.client.current_url().await.unwrap();
        url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()))
    }

    /// Waits until the page shows a text. During navigation, reading the page may fail.
    pub async fn sees(&self, text: &str) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let body = match self.client.find(Locator::Css("body")).await {
                Ok(body) => body.text().await.unwrap_or_default(),
                Err(error) => error.to_string(),
            };
            if body.contains(text) {
                return;
            }
            assert!(Instant::now() < deadline, "no {text:?} at {}:\n{body}", self.path().await);
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// Follows the link or presses the button that has this text, and waits for what the next page shows.
    pub async fn click(&self, text: &str, then: &str) {
        let path = format!("//*[self::a or self::button][contains(normalize-space(.), \"{text}\")]");
        let found = self.client.find(Locator::XPath(&path)).await;
        let element = found.unwrap_or_else(|error| panic!("nothing to click says {text:?}: {error}"));
        element.click().await.unwrap();
        self.sees(then).await;
    }

    /// The same for a link that says exactly this.
    pub async fn click_exactly(&self, text: &str, then: &str) {
        let path = format!("//a[normalize-space(.) = \"{text}\"]");
        let found = self.client.find(Locator::XPath(&path)).await;
        let element = found.unwrap_or_else(|error| panic!("no link says {text:?}: {error}"));
        element.click().await.unwrap();
        self.sees(then).await;
    }

    /// Waits until something is so.
    pub async fn until(&self, what: &str, mut is_so: impl AsyncFnMut() -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !is_so().await {
            assert!(Instant::now() < deadline, "not yet: {what}, at {}", self.path().await);
            sleep(Duration::from_millis(50)).await;
        }
    }

    pub async fn press(&self, key: Key) {
        let value = char::from(key);
        let keys = KeyActions::new("keyboard".to_owned()).then(KeyAction::Down { value }).then(KeyAction::Up { value });
        self.client.perform_actions(keys).await.unwrap();
    }

    pub async fn execute(&self, script: &str) -> Value {
        self.client.execute(script, vec![]).await.unwrap()
    }

    /// Logs in as a person, from the page "Who are you?".
    pub async fn choose(&self, person: &str) {
        self.click(person, "would like to:").await;
        self.click("Allow", "You are successfully logged in!").await;
    }

    /// Saves a screenshot of the page among the build's files.
    pub async fn picture(&self, name: &str) -> Vec<u8> {
        let picture = self.client.screenshot().await.unwrap();
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("screenshots");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(format!("{name}.png")), &picture).unwrap();
        picture
    }

    /// The same; with `UPDATE_SCREENSHOT` it goes to the folder `docs` too.
    pub async fn picture_for_docs(&self, name: &str) {
        let picture = self.picture(name).await;
        if std::env::var_os("UPDATE_SCREENSHOT").is_some() {
            let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
            fs::create_dir_all(&docs).unwrap();
            fs::write(docs.join(format!("{name}.png")), picture).unwrap();
        }
    }
}

fn capabilities(profile: &Path, more: &[String], logs: &Value, any_certificate: bool) -> Capabilities {
    let folder = format!("--user-data-dir={}", profile.display());
    let arguments: Vec<&str> = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--disable-dev-shm-usage",
        "--hide-scrollbars",
        "--window-size=1200,900",
        &folder,
    ]
    .into_iter()
    .chain(more.iter().map(String::as_str))
    .collect();
    let options = json!({"binary": find_program("chromium").unwrap(), "args": arguments});
    let certificates = ("acceptInsecureCerts", json!(any_certificate));
    let capabilities = [("goog:chromeOptions", options), ("goog:loggingPrefs", logs.clone()), certificates];
    capabilities.map(|(name, value)| (name.to_owned(), value)).into_iter().collect()
}
