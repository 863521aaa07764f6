//! A server that answers by a script, one step a request, and notes what was asked; and pauses that nobody waits for.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use globus_portal::globus::http::{HttpClient, Limits, Pause};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::Notify,
    task::{JoinHandle, JoinSet},
};
use url::Url;

/// What the server does with one request.
#[derive(Clone, Debug)]
pub enum Step {
    Answer {
        status: u16,
        headers: Vec<(String, String)>,
        body: String,
    },
    /// Closes the connection without a word.
    Cut,
    /// Never answers.
    Hold,
    /// Sends `head`, and then `more` again and again, with a pause before each, until the other side has gone.
    Endless {
        head: Vec<u8>,
        more: Vec<u8>,
        pause: Duration,
    },
    /// The same step, when the gate is opened.
    Behind(Arc<Notify>, Box<Step>),
}

impl Step {
    pub fn answer(status: u16, body: impl Into<Value>) -> Self {
        Self::Answer { status, headers: Vec::new(), body: body.into().to_string() }
    }

    pub fn with(self, name: &str, value: &str) -> Self {
        match self {
            Self::Answer { status, mut headers, body } => {
                headers.push((name.to_owned(), value.to_owned()));
                Self::Answer { status, headers, body }
            }
            other => other,
        }
    }
}

/// A request as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    pub method: String,
    pub path: String,
    pub authorization: Option<String>,
    pub body: String,
}

/// Decides by the request.
type Judge = Box<dyn Fn(&Seen) -> Step + Send + Sync>;

#[derive(Default)]
struct Script {
    steps: Mutex<VecDeque<Step>>,
    judge: Option<Judge>,
    seen: Mutex<Vec<Seen>>,
}

/// The server. It closes each connection after its answer.
pub struct Scripted {
    /// Ends with a slash.
    pub base: Url,
    script: Arc<Script>,
    server: JoinHandle<()>,
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Scripted {
    /// Answers with one step after the other.
    pub async fn start(steps: impl IntoIterator<Item = Step>) -> Self {
        Self::run(Script { steps: Mutex::new(steps.into_iter().collect()), ..Script::default() }).await
    }

    /// Answers each request by what it is.
    pub async fn judging(judge: impl Fn(&Seen) -> Step + Send + Sync + 'static) -> Self {
        Self::run(Script { judge: Some(Box::new(judge)), ..Script::default() }).await
    }

    /// A port to be served, for a judge that has to know it.
    pub async fn bind() -> (Url, TcpListener) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = Url::parse(&format!("http://{}/", listener.local_addr().unwrap())).unwrap();
        (base, listener)
    }

    /// The same as [`judging`](Self::judging), at a port that is bound.
    pub fn judging_at(base: Url, listener: TcpListener, judge: impl Fn(&Seen) -> Step + Send + Sync + 'static) -> Self {
        Self::serve(base, listener, Script { judge: Some(Box::new(judge)), ..Script::default() })
    }

    async fn run(script: Script) -> Self {
        let (base, listener) = Self::bind().await;
        Self::serve(base, listener, script)
    }

    fn serve(base: Url, listener: TcpListener, script: Script) -> Self {
        let script = Arc::new(script);
        let server = tokio::spawn(serve(listener, script.clone()));
        Self { base, script, server }
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.script.seen.lock().unwrap().clone()
    }

    /// Counts what was asked, wherever it is needed.
    pub fn counter(&self) -> impl Fn() -> usize + Send + Sync + 'static {
        let script = self.script.clone();
        move || script.seen.lock().unwrap().len()
    }

    pub fn steps_left(&self) -> usize {
        self.script.steps.lock().unwrap().len()
    }
}

async fn serve(listener: TcpListener, script: Arc<Script>) {
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        connections.spawn(answer(stream, script.clone()));
    }
}

async fn answer(mut stream: TcpStream, script: Arc<Script>) {
    let Some(seen) = read(&mut stream).await else { return };
    let judged = script.judge.as_ref().map(|judge| judge(&seen));
    script.seen.lock().unwrap().push(seen);
    let step = judged.or_else(|| script.steps.lock().unwrap().pop_front());
    let mut step = step.unwrap_or_else(|| Step::answer(418, "the script is at its end"));
    while let Step::Behind(gate, then) = step {
        gate.notified().await;
        step = *then;
    }
    match step {
        Step::Behind(..) | Step::Cut => {}
        Step::Hold => std::future::pending().await,
        Step::Endless { head, more, pause } => {
            let mut sent = stream.write_all(&head).await;
            while sent.is_ok() {
                tokio::time::sleep(pause).await;
                sent = stream.write_all(&more).await;
            }
        }
        Step::Answer { status, headers, body } => {
            let more: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
            let head = format!(
                "HTTP/1.1 {status} Scripted\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n{more}\r\n",
                body.len()
            );
            let _ = stream.write_all(format!("{head}{body}").as_bytes()).await;
            let _ = stream.shutdown().await;
        }
    }
}

async fn read(stream: &mut TcpStream) -> Option<Seen> {
    let mut bytes = Vec::new();
    loop {
        if let Some(seen) = parse(&String::from_utf8_lossy(&bytes)) {
            return Some(seen);
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
}

/// A request, once all of it is there.
fn parse(text: &str) -> Option<Seen> {
    let (head, body) = text.split_once("\r\n\r\n")?;
    let mut lines = head.lines();
    let mut first = lines.next()?.split(' ');
    let headers: Vec<(String, &str)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim()))
        .collect();
    let header = |wanted: &str| headers.iter().find(|(name, _)| name == wanted).map(|(_, value)| (*value).to_owned());
    let length: usize = header("content-length").map_or(0, |length| length.parse().unwrap());
    (body.len() >= length).then(|| Seen {
        method: first.next().unwrap().to_owned(),
        path: first.next().unwrap().to_owned(),
        authorization: header("authorization"),
        body: body.to_owned(),
    })
}

/// Pauses that nobody waits for: the random part stands at its middle, and what was asked for is noted.
#[derive(Debug, Default)]
pub struct NotedPause(Mutex<Vec<Duration>>);

impl NotedPause {
    pub fn seconds(&self) -> Vec<f64> {
        self.0.lock().unwrap().iter().map(Duration::as_secs_f64).collect()
    }
}

#[async_trait]
impl Pause for NotedPause {
    fn random(&self) -> f64 {
        0.5
    }

    async fn sleep(&self, duration: Duration) {
        self.0.lock().unwrap().push(duration);
    }
}

/// A client for servers on loopback. It trusts no authority, and so is made in no time.
pub fn loopback_client(limits: Limits) -> HttpClient {
    HttpClient::with_authorities(limits, true, Some(Vec::new())).unwrap()
}
