//! A person with a real browser: headless Chromium, driven through WebDriver.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpStream,
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

use crate::harness::{
    AMARA, Browser, JONAS, MIRA, Process, QUIRK, Running, decide, find_program, free_port, sandboxed_portal,
    skip_without, until,
};

/// A folder of the sandbox that everyone may read.
const FOLDER: &str = "/collections/7e57ab1e-0000-4000-8000-000000000001";
const PROGRAMS: &[(&str, &str)] = &[("chromium", "chromium (Debian)"), ("chromedriver", "chromium-driver (Debian)")];
const PATIENCE: Duration = Duration::from_secs(60);
/// Chromium asks nobody but loopback for anything.
const NO_NAMES: &str = "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE localhost , EXCLUDE 127.0.0.1";

/// chromedriver, and every Chromium it has started.
struct Driver {
    running: Running,
    port: u16,
}

impl Driver {
    async fn start() -> Self {
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

/// A window of Chromium, and a portal on its sandbox for it to visit.
struct Window {
    client: Client,
    /// The URL of the session at the driver.
    session: String,
    http: reqwest::Client,
    base: String,
    // Dropped in this order.
    _driver: Driver,
    _portal: Process,
    _folder: TempDir,
}

impl Window {
    async fn open() -> Self {
        let folder = TempDir::new().unwrap();
        let port = free_port();
        let mut command = sandboxed_portal(folder.path());
        command
            .env("GLOBUS_PORTAL_LISTEN", format!("127.0.0.1:{port}"))
            .env("GLOBUS_PORTAL_SERVER_NAME", format!("localhost:{port}"));
        let mut portal = Process::start(&mut command, &folder.path().join("portal.log"));
        portal.says("Sandbox, not Globus").await;

        let driver = Driver::start().await;
        let address = format!("http://127.0.0.1:{}", driver.port);
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities(&folder.path().join("profile")))
            .connect(&address)
            .await
            .unwrap();
        let session = format!("{address}/session/{}", client.session_id().await.unwrap().unwrap());
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let base = format!("http://localhost:{port}");
        Self { client, session, http, base, _driver: driver, _portal: portal, _folder: folder }
    }

    /// A command specific to chromedriver.
    async fn command(&self, path: &str, body: &Value) -> Value {
        let answer = self.http.post(format!("{}/{path}", self.session)).json(body).send().await.unwrap();
        let mut document: Value = answer.json().await.unwrap();
        assert!(document["value"]["error"].is_null(), "{path}: {document}");
        document["value"].take()
    }

    /// A command of Chromium's developer tools.
    async fn tools(&self, command: &str, parameters: Value) {
        self.command("goog/cdp/execute", &json!({"cmd": command, "params": parameters})).await;
    }

    /// What Chromium has written to its console since the last look.
    async fn console(&self) -> Vec<String> {
        let entries = self.command("se/log", &json!({"type": "browser"})).await;
        entries.as_array().unwrap().iter().map(ToString::to_string).collect()
    }

    async fn assert_clean_console(&self) {
        let console = self.console().await;
        assert!(console.is_empty(), "{console:#?}");
    }

    async fn go(&self, path: &str) {
        self.client.goto(&format!("{}{path}", self.base)).await.unwrap();
    }

    async fn path(&self) -> String {
        let url = self.client.current_url().await.unwrap();
        url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()))
    }

    /// Waits until the page shows a text. During navigation, reading the page may fail.
    async fn sees(&self, text: &str) {
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
    async fn click(&self, text: &str, then: &str) {
        let path = format!("//*[self::a or self::button][contains(normalize-space(.), \"{text}\")]");
        let found = self.client.find(Locator::XPath(&path)).await;
        let element = found.unwrap_or_else(|error| panic!("nothing to click says {text:?}: {error}"));
        element.click().await.unwrap();
        self.sees(then).await;
    }

    async fn press(&self, key: Key) {
        let value = char::from(key);
        let keys = KeyActions::new("keyboard".to_owned()).then(KeyAction::Down { value }).then(KeyAction::Up { value });
        self.client.perform_actions(keys).await.unwrap();
    }

    async fn execute(&self, script: &str) -> Value {
        self.client.execute(script, vec![]).await.unwrap()
    }

    /// Logs in as a person, from the page "Who are you?".
    async fn choose(&self, person: &str) {
        self.click(person, "would like to:").await;
        self.click("Allow", "You are successfully logged in!").await;
    }

    /// Saves a screenshot of the page among the build's files.
    async fn picture(&self, name: &str) -> Vec<u8> {
        let picture = self.client.screenshot().await.unwrap();
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("screenshots");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(format!("{name}.png")), &picture).unwrap();
        picture
    }
}

fn capabilities(profile: &Path) -> Capabilities {
    let arguments = [
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
        NO_NAMES,
        &format!("--user-data-dir={}", profile.display()),
    ];
    let options = json!({"binary": find_program("chromium").unwrap(), "args": arguments});
    let logs = json!({"browser": "ALL"});
    [("goog:chromeOptions".to_owned(), options), ("goog:loggingPrefs".to_owned(), logs)].into_iter().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_logs_in_looks_around_logs_out_and_is_somebody_else() {
    if skip_without("the walk in Chromium", PROGRAMS) {
        return;
    }
    let window = Window::open().await;

    window.go("/").await;
    window.sees("Who are you?").await;
    window.choose(JONAS).await;
    assert_eq!(window.path().await, "/");

    window.click("See your endpoints", "Showing 1").await;
    window.click("Next", "Showing 26").await;
    assert_eq!(window.path().await, "/endpoints?page=2");
    window.click("Next", "Showing 51").await;
    assert!(window.client.find(Locator::LinkText("Next")).await.is_err());
    window.click("Previous", "Showing 26").await;
    window.click("Profile", "Linked identities").await;

    window.click("Sign out", "Logged out of").await;
    assert!(window.client.current_url().await.unwrap().path().ends_with("/v2/web/logout"));
    window.click("Continue to", "You are signed out").await;
    window.assert_clean_console().await;

    window.click("Sign in again", "Who are you?").await;
    window.click(AMARA, "would like to:").await;
    window.click("Deny", "You are not signed in").await;
    window.sees("If you ask for help, give this number").await;
    // Chromium logs the status of an error page; there is nothing else to log.
    let console = window.console().await;
    assert!(console.len() == 1 && console[0].contains("status of 403"), "{console:#?}");

    window.click("Sign in again", "would like to:").await;
    window.click("Use another identity", "Who are you?").await;
    window.choose(MIRA).await;
    window.sees(MIRA).await;
    window.go("/profile").await;
    window.click("Sign out now", "Logged out of").await;
    window.assert_clean_console().await;

    window.go("/endpoints").await;
    window.click(QUIRK, "would like to:").await;
    window.click("Allow", "Your endpoints").await;
    assert_eq!(window.path().await, "/endpoints");
    window.assert_clean_console().await;

    // The console does report when a page violates its own policy.
    window.execute("document.body.setAttribute('style', 'color: red')").await;
    let console = window.console().await;
    assert!(console.iter().any(|entry| entry.contains("Content Security Policy")), "{console:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_keyboard_reaches_the_content_first_and_a_phone_shows_it_whole() {
    if skip_without("keyboard and phone in Chromium", PROGRAMS) {
        return;
    }
    let window = Window::open().await;
    window.go("/").await;
    window.sees("Who are you?").await;
    window.picture("who-are-you").await;
    window.click(MIRA, "would like to:").await;
    window.picture("consent").await;
    window.click("Allow", "You are successfully logged in!").await;
    window.picture("index").await;

    window.press(Key::Tab).await;
    let focused = window.execute("return document.activeElement.textContent").await;
    assert_eq!(focused, "Skip to the content");
    let top = window.execute("return document.activeElement.getBoundingClientRect().top").await;
    assert!(top.as_f64().unwrap() >= 0.0, "the focused link is out of sight");
    window.press(Key::Enter).await;
    assert_eq!(window.execute("return document.activeElement.id").await, "main");

    window.go("/endpoints").await;
    window.sees("Showing 1").await;
    window.picture("endpoints").await;
    window.go("/collections?list=mine").await;
    window.sees("Northfield HPC Scratch").await;
    window.picture("collections").await;
    window.go(FOLDER).await;
    window.sees("About this collection").await;
    let picture = window.picture("folder").await;
    if std::env::var_os("UPDATE_SCREENSHOT").is_some() {
        let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
        fs::create_dir_all(&docs).unwrap();
        fs::write(docs.join("screenshot.png"), picture).unwrap();
    }
    window.go("/endpoints?page=1000").await;
    window.sees("Error 404").await;
    window.picture("error").await;

    let dark = json!({"features": [{"name": "prefers-color-scheme", "value": "dark"}]});
    window.tools("Emulation.setEmulatedMedia", dark).await;
    for path in ["/", "/endpoints", "/profile", "/collections", FOLDER, "/tasks"] {
        window.go(path).await;
        window.picture(&format!("dark{}", path.replace('/', "-"))).await;
    }
    window.tools("Emulation.setEmulatedMedia", json!({"features": []})).await;

    let phone = json!({"width": 360, "height": 740, "deviceScaleFactor": 2, "mobile": true});
    window.tools("Emulation.setDeviceMetricsOverride", phone).await;
    for path in ["/", "/endpoints", "/profile", "/signed-out-or-nowhere", "/collections", FOLDER, "/tasks"] {
        window.go(path).await;
        window.picture(&format!("phone{}", path.replace('/', "-"))).await;
        let root = "document.documentElement";
        let widths = window.execute(&format!("return [{root}.clientWidth, {root}.scrollWidth]")).await;
        assert_eq!(widths, json!([360, 360]), "{path} is wider than a phone");
    }
}

/// Row E10: what it means to end a session, for a person in another browser.
#[tokio::test(flavor = "multi_thread")]
async fn a_person_whose_session_was_ended_elsewhere_learns_so_and_authenticates_again() {
    if skip_without("an ended session in Chromium", PROGRAMS) {
        return;
    }
    let window = Window::open().await;
    window.go("/").await;
    window.sees("Who are you?").await;
    window.choose(MIRA).await;

    let elsewhere = Browser::new();
    let authorize = elsewhere.get(&format!("{}/login", window.base)).await.location();
    let globus = authorize.origin().ascii_serialization();
    let back = decide(&globus, &elsewhere, &authorize, MIRA, "allow").await;
    assert_eq!(elsewhere.get(back.as_str()).await.status, 303);
    let sessions = format!("{}/sessions", window.base);
    let token = elsewhere.get(&sessions).await.hidden("csrf_token");
    let ended = elsewhere.submit(&sessions, &[("end", "others"), ("csrf_token", &token)]).await;
    assert!(elsewhere.get(ended.location().as_str()).await.body.contains("One session was ended."));

    // Chromium is still signed in at the sandbox, which would let it in again at once.
    window.go("/profile").await;
    window.sees("Your session was ended").await;
    window.picture("ended").await;
    window.click("Sign in again", "Who are you?").await;
    window.click(MIRA, "Linked identities").await;
    assert_eq!(window.path().await, "/profile");
}

/// The whole way with a browser alone, scripts off, on a wide screen and on a phone: a mapped collection asks for a consent
/// once, files are chosen, a destination, and the transfer is followed to its end.
#[tokio::test(flavor = "multi_thread")]
async fn a_person_moves_files_with_a_browser_alone() {
    if skip_without("a transfer in Chromium", PROGRAMS) {
        return;
    }
    let window = Window::open().await;
    window.tools("Emulation.setScriptExecutionDisabled", json!({"value": true})).await;
    window.go("/collections?list=mine").await;
    window.sees("Who are you?").await;
    window.click(MIRA, "would like to:").await;
    window.click("Allow", "Northfield HPC Scratch").await;
    for (width, name) in [(1280, "wide"), (390, "phone")] {
        let screen = json!({"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500});
        window.tools("Emulation.setDeviceMetricsOverride", screen).await;
        window.go("/collections?list=mine").await;
        window.sees("Northfield HPC Scratch").await;
        if name == "wide" {
            window.click("Northfield HPC Scratch", "would like to:").await;
            window.picture("consent-for-data").await;
            window.click("Allow", "About this collection").await;
        } else {
            // Asked once.
            window.click("Northfield HPC Scratch", "About this collection").await;
        }
        window.picture(&format!("folder-{name}")).await;
        window.click("Choose what to transfer", "Transfer what is marked").await;
        for item in ["data/", "README.txt"] {
            let field = format!("input[name=item][value=\"{item}\"]");
            window.client.find(Locator::Css(&field)).await.unwrap().click().await.unwrap();
        }
        window.picture(&format!("items-{name}")).await;
        window.click("Transfer what is marked", "Choose where to").await;
        window.picture(&format!("destination-{name}")).await;
        window.click("Solano Lab: shared frames", "Choose a folder").await;
        window.click("Transfer into this folder", "Check the transfer").await;
        window.client.find(Locator::Css("#label")).await.unwrap().send_keys(name).await.unwrap();
        window.picture(&format!("review-{name}")).await;
        window.click("Start the transfer", "Submitted").await;
        window.picture(&format!("running-{name}")).await;
        // The page asks for itself again until the transfer is over.
        window.sees("Done").await;
        window.picture(&format!("done-{name}")).await;
        window.go("/tasks").await;
        window.sees(name).await;
        window.picture(&format!("tasks-{name}")).await;
    }
    window.click("Sign out", "Logged out of").await;
}
