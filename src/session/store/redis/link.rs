//! The connection to a Redis server: made when needed, shared by all callers, and replaced when it is lost.

use std::{
    fmt,
    future::Future,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use redis::{
    AsyncConnectionConfig, Client, Cmd, ErrorKind, FromRedisValue, IntoConnectionInfo as _, ProtocolVersion, PushInfo,
    PushKind, RedisError, RedisResult, ScriptInvocation, ServerErrorKind, TlsCertificates, Value,
    aio::{AsyncPushSender, MultiplexedConnection, SendError},
};
use tokio::{
    sync::Mutex,
    time::{Instant, timeout, timeout_at},
};
use url::Url;

use super::about;
use crate::{session::store::error::StoreError, settings::store_url};

/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(2);
/// How long an answer may take, including connecting.
const ANSWER: Duration = Duration::from_millis(4500);
/// How many characters of the server's message an error repeats.
const WORDS: usize = 200;
const SCHEMES: &[&str] = &["redis", "rediss", "valkey", "valkeys", "unix", "redis+unix", "valkey+unix"];
/// The parameter of a URL that names the file with the CA to trust.
const ROOT_CERTIFICATE: &str = "sslrootcert";

/// A question to the server.
pub(super) enum Question<'a> {
    Command(&'a Cmd),
    Script(&'a ScriptInvocation<'a>),
    /// Subscribes to a channel and unsubscribes at once.
    Subscription(&'a str),
}

impl Question<'_> {
    async fn put<T: FromRedisValue>(&self, connection: &mut MultiplexedConnection) -> RedisResult<T> {
        match self {
            Self::Command(command) => command.query_async(connection).await,
            Self::Script(script) => script.invoke_async(connection).await,
            Self::Subscription(channel) => {
                connection.subscribe(*channel).await?;
                connection.unsubscribe(*channel).await?;
                redis::from_redis_value(Value::Nil).map_err(Into::into)
            }
        }
    }
}

/// The address of the server, and the credentials.
#[derive(Clone)]
pub(super) struct Server(Client);

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Server({})", self.0.get_connection_info().addr())
    }
}

impl Server {
    /// Reads a URL. The errors quote nothing of it: any part of an invalid URL may hold a password.
    pub(super) fn from_url(url: &str) -> Result<Self, StoreError> {
        let invalid = |why: &str| StoreError::new(format!("the Redis URL is invalid: {why}"));
        if !url.starts_with("unix:") && !url.contains("+unix:") && store_url::has_stray_at(url) {
            return Err(invalid(store_url::ENCODE));
        }
        let mut url = Url::parse(url).map_err(|error| invalid(&error.to_string()))?;
        if !SCHEMES.contains(&url.scheme()) {
            return Err(invalid("it begins with redis://, rediss:// or redis+unix://"));
        }
        let root_certificate = take_parameter(&mut url, ROOT_CERTIFICATE);
        let tls = matches!(url.scheme(), "rediss" | "valkeys");
        let info = url.into_connection_info().map_err(|error| invalid(reason(&error.to_string())))?;
        let info = with_settings(info);
        match root_certificate {
            Some(_) if !tls => Err(invalid("sslrootcert goes with rediss:// alone")),
            Some(path) => trusting(info, Path::new(&path)),
            None => Ok(Self(Client::open(info).map_err(|error| invalid(reason(&error.to_string())))?)),
        }
    }

    /// Makes a connection that passes push messages on, its end among them.
    pub(super) async fn connect(&self, pushes: impl AsyncPushSender) -> Result<MultiplexedConnection, StoreError> {
        install_crypto();
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(None)
            .set_response_timeout(None)
            .set_push_sender(pushes);
        let connected = timeout(CONNECT, self.0.get_multiplexed_async_connection_with_config(&config)).await;
        let why = match connected {
            Ok(Ok(connection)) => return Ok(connection),
            Ok(Err(error)) => self.words(&error),
            Err(_) => "it does not answer".to_owned(),
        };
        Err(StoreError::new(format!("cannot connect to Redis at {}: {why}", self.0.get_connection_info().addr())))
    }

    /// An error in a few words, without the password: some servers repeat a whole command that they do not understand.
    fn words(&self, error: &RedisError) -> String {
        let mut text = error.to_string();
        if let Some(password) = self.0.get_connection_info().redis_settings().password()
            && !password.is_empty()
        {
            text = text.replace(password, "…");
        }
        text.lines().next().unwrap_or_default().chars().take(WORDS).collect()
    }
}

/// The words of an error about a URL before the kind of the error and the part of the URL.
fn reason(text: &str) -> &str {
    text.split(" - ").next().unwrap_or_default()
}

/// Takes a parameter out of a URL. It is ours, so the client must not see it.
fn take_parameter(url: &mut Url, name: &str) -> Option<String> {
    let (taken, others): (Vec<_>, Vec<_>) = url.query_pairs().into_owned().partition(|(key, _)| key == name);
    let (_, value) = taken.into_iter().next()?;
    url.set_query(None);
    if !others.is_empty() {
        url.query_pairs_mut().extend_pairs(others);
    }
    Some(value)
}

fn with_settings(info: redis::ConnectionInfo) -> redis::ConnectionInfo {
    // RESP3 reports the end of a connection, and allows subscriptions and commands on the same one.
    let settings = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
    // Every question is small, and none waits for another.
    let tcp = info.tcp_settings().clone().set_nodelay(true);
    info.set_redis_settings(settings).set_tcp_settings(tcp)
}

/// A server whose certificate comes from one CA.
fn trusting(info: redis::ConnectionInfo, path: &Path) -> Result<Server, StoreError> {
    let refused = |why: &dyn fmt::Display| StoreError::new(format!("sslrootcert: {}: {why}", path.display()));
    let pem = std::fs::read(path).map_err(|error| refused(&error))?;
    if !String::from_utf8_lossy(&pem).contains("-----BEGIN CERTIFICATE-----") {
        return Err(refused(&"there is no certificate in it"));
    }
    let certificates = TlsCertificates { client_tls: None, root_cert: Some(pem) };
    Ok(Server(Client::build_with_tls(info, certificates).map_err(|error| refused(&error))?))
}

/// TLS to Redis uses the process's default crypto library, and panics if several are compiled in and none is chosen. Chooses
/// one, unless the program has done so.
fn install_crypto() {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // It fails only if another thread was faster.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    }
}

/// A connection, and whether it is unusable by now.
#[derive(Clone)]
struct Live {
    connection: MultiplexedConnection,
    gone: Arc<AtomicBool>,
}

impl Live {
    fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Acquire)
    }

    fn give_up(&self) {
        self.gone.store(true, Ordering::Release);
    }
}

#[derive(Default)]
struct State {
    live: Option<Live>,
    /// When connecting last failed, and why.
    failed: Option<(Instant, StoreError)>,
}

/// One connection for all callers.
pub(super) struct Link {
    server: Server,
    state: Mutex<State>,
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Link").field(&self.server).finish()
    }
}

impl Link {
    pub(super) fn to(server: Server) -> Self {
        Self { server, state: Mutex::default() }
    }

    pub(super) fn server(&self) -> &Server {
        &self.server
    }

    /// Asks the server. Returns its answer, or an error in time. Nothing is sent twice: without an answer, the caller does not
    /// know whether the server has done it.
    pub(super) async fn ask<T: FromRedisValue>(&self, question: Question<'_>) -> Result<T, StoreError> {
        let deadline = Instant::now() + ANSWER;
        let mut live = in_time(deadline, self.live()).await??;
        match in_time(deadline, question.put(&mut live.connection)).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => {
                if ends_connection(&error) {
                    live.give_up();
                }
                let words = self.server.words(&error);
                Err(match (&question, error.kind()) {
                    (Question::Subscription(_), ErrorKind::Server(ServerErrorKind::NoPerm)) => {
                        about::refusal("SUBSCRIBE", &words)
                    }
                    _ => StoreError::new(format!("Redis: {words}")),
                })
            }
            // The server may be gone, and silence is the only sign of that.
            Err(silence) => {
                live.give_up();
                Err(silence)
            }
        }
    }

    /// The connection, or a new one. Callers that wait while it is made share the result.
    async fn live(&self) -> Result<Live, StoreError> {
        let asked = Instant::now();
        let mut state = self.state.lock().await;
        if let Some(live) = state.live.as_ref().filter(|live| !live.is_gone()) {
            return Ok(live.clone());
        }
        if let Some((_, why)) = state.failed.as_ref().filter(|(when, _)| *when >= asked) {
            return Err(why.clone());
        }
        state.live = None;
        match self.connect().await {
            Ok(live) => Ok(state.live.insert(live).clone()),
            Err(error) => {
                state.failed = Some((Instant::now(), error.clone()));
                Err(error)
            }
        }
    }

    async fn connect(&self) -> Result<Live, StoreError> {
        let gone = Arc::new(AtomicBool::new(false));
        let noted = gone.clone();
        let pushes = move |push: PushInfo| {
            if push.kind == PushKind::Disconnection {
                noted.store(true, Ordering::Release);
            }
            Ok::<_, SendError>(())
        };
        Ok(Live { connection: self.server.connect(pushes).await?, gone })
    }

    pub(super) async fn close(&self) {
        self.state.lock().await.live = None;
    }
}

async fn in_time<T>(deadline: Instant, answer: impl Future<Output = T>) -> Result<T, StoreError> {
    timeout_at(deadline, answer).await.map_err(|_| StoreError::new("Redis does not answer"))
}

/// Whether the next question needs another connection. A primary that has become a replica rejects writes; its name may lead
/// to the new primary by now.
fn ends_connection(error: &RedisError) -> bool {
    matches!(error.kind(), ErrorKind::Io | ErrorKind::Parse)
        || error.is_unrecoverable_error()
        || error.kind() == ErrorKind::Server(ServerErrorKind::ReadOnly)
}
