//! An app behind the gate that has no login of its own, and what visits it.

use std::{
    collections::BTreeMap,
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use serde_json::{Value, json};

use crate::harness::Answer;

/// An app as many are: it believes the headers that it gets, takes `_` and `.` for `-` in their names as CGI and WSGI do, and the
/// last of several. It makes an account for each person at first sight and shows it, with the request. It takes WebSockets, and
/// echoes what they say behind the person's name.
pub struct App {
    pub port: u16,
    accounts: Arc<Mutex<BTreeMap<String, Account>>>,
}

/// What the app knows of a person.
#[derive(Clone, Debug, Default)]
struct Account {
    number: usize,
    visits: usize,
}

impl App {
    pub fn start(name: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let accounts: Arc<Mutex<BTreeMap<String, Account>>> = Arc::default();
        let of_all = accounts.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let accounts = of_all.clone();
                thread::spawn(move || serve(name, &accounts, stream.unwrap()));
            }
        });
        Self { port, accounts }
    }

    /// The ids of everybody it has an account for.
    pub fn people(&self) -> Vec<String> {
        self.accounts.lock().unwrap().keys().cloned().collect()
    }
}

fn serve(name: &str, accounts: &Mutex<BTreeMap<String, Account>>, mut stream: TcpStream) {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).unwrap_or_default() == 0 {
            return;
        }
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let (first, rest) = head.split_once("\r\n").unwrap();
    let headers: Vec<(&str, &str)> = rest.lines().filter_map(|line| line.split_once(": ")).collect();
    let variables: BTreeMap<String, &str> =
        headers.iter().map(|(name, value)| (name.to_lowercase().replace(['_', '.'], "-"), *value)).collect();
    let variable = |name: &str| variables.get(name).copied().filter(|value| !value.is_empty());
    let account = variable("x-auth-request-user").map(|id| seen(accounts, id));
    if variable("upgrade").is_some_and(|value| value.eq_ignore_ascii_case("websocket")) {
        return echo(stream, variable("x-auth-request-preferred-username").unwrap_or("nobody"));
    }
    let mut body = vec![0; variable("content-length").and_then(|length| length.parse().ok()).unwrap_or_default()];
    let _ = stream.read_exact(&mut body);
    let shown = json!({
        "app": name,
        "request": first.trim_end_matches(" HTTP/1.1"),
        "headers": headers,
        "body": String::from_utf8_lossy(&body),
        "account": account.map(|account| json!({
            "id": variable("x-auth-request-user"), "username": variable("x-auth-request-preferred-username"),
            "email": variable("x-auth-request-email"), "groups": variable("x-auth-request-groups"),
            "number": account.number, "visits": account.visits,
        })),
    })
    .to_string();
    let (target, length) = (first.split(' ').nth(1).unwrap_or_default(), shown.len());
    let head = format!(
        "HTTP/1.1 200 OK\r\nX-App: {name}\r\nX-Target: {target}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    let body = if first.starts_with("HEAD ") { "" } else { &*shown };
    let _ = stream.write_all(format!("{head}{body}").as_bytes());
}

/// The account of a person, which may be new.
fn seen(accounts: &Mutex<BTreeMap<String, Account>>, id: &str) -> Account {
    let mut accounts = accounts.lock().unwrap();
    let next = accounts.len() + 1;
    let account = accounts.entry(id.to_owned()).or_insert(Account { number: next, visits: 0 });
    account.visits += 1;
    account.clone()
}

fn echo(mut stream: TcpStream, person: &str) {
    let _ = stream.write_all(b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n");
    let _ = stream.write_all(format!("{person}: ").as_bytes());
    let mut byte = [0];
    while stream.read(&mut byte).unwrap_or_default() == 1 {
        let _ = stream.write_all(&byte);
    }
}

/// What an app saw and showed.
#[derive(Debug)]
pub struct Shown(Value);

impl Shown {
    /// The page must be this app's.
    #[track_caller]
    pub fn by(app: &str, page: &Answer) -> Self {
        assert_eq!((page.status.as_u16(), page.header("x-app")), (200, Some(app)), "{}: {}", page.url, page.body);
        Self(serde_json::from_str(&page.body).unwrap())
    }

    /// The method and the target.
    pub fn request(&self) -> &str {
        self.0["request"].as_str().unwrap()
    }

    pub fn body(&self) -> &str {
        self.0["body"].as_str().unwrap()
    }

    /// Something of the account; nothing if the app knows nobody.
    pub fn account(&self, what: &str) -> Option<&str> {
        self.0["account"][what].as_str()
    }

    /// The number of the account, and how often its person has been here.
    pub fn visits(&self) -> (u64, u64) {
        (self.0["account"]["number"].as_u64().unwrap(), self.0["account"]["visits"].as_u64().unwrap())
    }

    /// The value of a header, by exactly this name but for its case; it may be there once.
    #[track_caller]
    pub fn header(&self, name: &str) -> Option<&str> {
        let all = self.0["headers"].as_array().unwrap();
        let mut values = all.iter().filter(|line| line[0].as_str().unwrap().eq_ignore_ascii_case(name));
        let found = values.next().map(|line| line[1].as_str().unwrap());
        assert!(values.next().is_none(), "{name} twice: {}", self.0);
        found
    }

    /// The whole of it, to look for what must not be there.
    pub fn text(&self) -> String {
        self.0.to_string()
    }
}

/// Sends exactly this, and reads the answer to its end.
pub fn raw(port: u16, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.write_all(request).unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

/// Asks for a WebSocket of the app: the status, and what comes back when something is said.
pub fn web_socket(port: u16, session: Option<&str>) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let cookie = session.map(|session| format!("Cookie: session={session}\r\n")).unwrap_or_default();
    let head = format!(
        "GET /app/socket HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-Fetch-Mode: websocket\r\n{cookie}\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = Vec::new();
    let mut byte = [0];
    while !answer.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap_or_default() == 1 {
        answer.push(byte[0]);
    }
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let status = answer.split(' ').nth(1).unwrap_or_default().to_owned();
    if status != "101" {
        return status;
    }
    stream.write_all(b"hello").unwrap();
    let mut said = Vec::new();
    while !said.ends_with(b"hello") && stream.read(&mut byte).unwrap_or_default() == 1 {
        said.push(byte[0]);
    }
    format!("{status} {}", String::from_utf8_lossy(&said))
}
