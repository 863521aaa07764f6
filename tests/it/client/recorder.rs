//! A server that notes every request as it came over the wire, and answers whatever the test wants.

use std::sync::{Arc, Mutex};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, Method, StatusCode, Uri, header::CONTENT_TYPE},
    response::{IntoResponse as _, Response},
};
use globus_portal::{
    globus::{
        authorizer::AccessTokenAuthorizer,
        http::{HttpClient, Limits},
        transfer::TransferClient,
    },
    secret::AccessToken,
};
use serde_json::Value;
use tokio::task::JoinHandle;
use url::Url;

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: Method,
    pub uri: Uri,
    pub headers: HeaderMap,
    pub body: String,
}

impl Request {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub fn query(&self) -> &str {
        self.uri.query().unwrap_or_default()
    }

    /// A parameter of the query as a number.
    pub fn number(&self, name: &str) -> Option<usize> {
        let mut pairs = self.query().split('&').filter_map(|pair| pair.split_once('='));
        pairs.find(|(key, _)| *key == name).map(|(_, value)| value.parse().unwrap())
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

type Answer = Arc<dyn Fn(&Request) -> Response + Send + Sync>;

pub struct Recorder {
    /// With a slash at its end.
    pub base: Url,
    requests: Arc<Mutex<Vec<Request>>>,
    server: JoinHandle<()>,
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Recorder {
    pub async fn start(answer: impl Fn(&Request) -> Response + Send + Sync + 'static) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = Url::parse(&format!("http://{}/", listener.local_addr().unwrap())).unwrap();
        let requests = Arc::<Mutex<Vec<Request>>>::default();
        let answer: Answer = Arc::new(answer);
        let router = Router::new().fallback(note).with_state((requests.clone(), answer));
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { base, requests, server }
    }

    /// Answers every request with the same document.
    pub async fn with(document: impl Into<String>) -> Self {
        let document = document.into();
        Self::start(move |_| json(&document)).await
    }

    /// What came since the last time this was asked.
    pub fn take(&self) -> Vec<Request> {
        std::mem::take(&mut *self.requests.lock().unwrap())
    }

    /// The one request that came since the last time this was asked.
    pub fn the_only(&self) -> Request {
        let mut requests = self.take();
        assert_eq!(requests.len(), 1, "{requests:?}");
        requests.remove(0)
    }

    pub fn transfer(&self) -> TransferClient {
        TransferClient::new(self.base.clone(), http(), token())
    }
}

async fn note(
    State((requests, answer)): State<(Arc<Mutex<Vec<Request>>>, Answer)>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let body = String::from_utf8(body.to_vec()).unwrap();
    let request = Request { method, uri, headers, body };
    requests.lock().unwrap().push(request.clone());
    answer(&request)
}

pub fn json(document: &str) -> Response {
    ([(CONTENT_TYPE, "application/json")], document.to_owned()).into_response()
}

pub fn status(status: u16, document: &str) -> Response {
    (StatusCode::from_u16(status).unwrap(), json(document)).into_response()
}

pub fn http() -> HttpClient {
    HttpClient::new(Limits { max_retries: 0, ..Limits::default() }, true).unwrap()
}

pub fn token() -> AccessTokenAuthorizer {
    AccessTokenAuthorizer::new(AccessToken::new("AT"))
}
