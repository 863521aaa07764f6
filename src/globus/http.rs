//! The one HTTP client: every call has a time limit and a size limit, and no redirect is followed.
//!
//! Redirects are not followed because a token endpoint or an API that answers with one would otherwise make us carry
//! credentials to where it points (RFC 9700 section 4.12).

use std::time::Duration;

use reqwest::{
    RequestBuilder, StatusCode,
    header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue},
    redirect::Policy,
};
use serde::de::DeserializeOwned;
use url::Url;

use super::error::{ApiError, CallError, Service};

const CLIENT_INFO: &str = concat!("product=globus-portal,version=", env!("CARGO_PKG_VERSION"));
const USER_AGENT: &str = concat!("globus-portal/", env!("CARGO_PKG_VERSION"));

/// Bounds on a call.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The whole call, from connecting to the last byte of the answer.
    pub timeout: Duration,
    /// The answer's body, in bytes.
    pub body: usize,
}

impl Default for Limits {
    /// 10 seconds and 4 MiB: a page of 100 endpoint documents is about 300 kB.
    fn default() -> Self {
        Self { timeout: Duration::from_secs(10), body: 4 << 20 }
    }
}

/// An HTTP client with [`Limits`]. Cheap to clone; clones share their connections.
#[derive(Clone, Debug)]
pub struct HttpClient {
    client: reqwest::Client,
    limits: Limits,
}

impl HttpClient {
    /// Makes a client. `direct` leaves out the proxies that the environment names, as services on loopback need.
    ///
    /// # Errors
    /// When no TLS configuration can be made, for example because the machine has no certificates of authorities.
    pub fn new(limits: Limits, direct: bool) -> Result<Self, reqwest::Error> {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert("x-globus-client-info", HeaderValue::from_static(CLIENT_INFO));
        let mut builder = reqwest::Client::builder()
            .user_agent(USER_AGENT)
            .default_headers(headers)
            .redirect(Policy::none())
            .referer(false)
            .connect_timeout(limits.timeout.min(Duration::from_secs(5)))
            .timeout(limits.timeout);
        if direct {
            builder = builder.no_proxy();
        }
        Ok(Self { client: builder.build()?, limits })
    }

    pub(crate) fn get(&self, url: Url) -> RequestBuilder {
        self.client.get(url)
    }

    pub(crate) fn post(&self, url: Url) -> RequestBuilder {
        self.client.post(url)
    }

    /// Sends a request and reads the whole answer, within the limits.
    pub(crate) async fn send(&self, request: RequestBuilder) -> Result<Answer, CallError> {
        let mut response = request.send().await?;
        let status = response.status();
        let content_type =
            response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).map(ToOwned::to_owned);
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            if body.len() + chunk.len() > self.limits.body {
                return Err(CallError::TooLarge { limit: self.limits.body });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer { service: Service::default(), status, content_type, body })
    }
}

/// A whole answer.
pub(crate) struct Answer {
    service: Service,
    status: StatusCode,
    content_type: Option<String>,
    body: Vec<u8>,
}

impl Answer {
    /// Says which service it is from, for the reading of errors.
    pub(crate) fn of(self, service: Service) -> Self {
        Self { service, ..self }
    }

    /// The document of a successful answer.
    pub(crate) fn document<T: DeserializeOwned>(&self) -> Result<T, CallError> {
        self.success()?;
        serde_json::from_slice(&self.body).map_err(|source| CallError::Malformed { what: place(&source) })
    }

    /// Nothing, when the answer says success.
    pub(crate) fn success(&self) -> Result<(), CallError> {
        if self.status.is_success() {
            return Ok(());
        }
        let content_type = self.content_type.as_deref();
        Err(CallError::Api(ApiError::parse(self.service, self.status.as_u16(), content_type, &self.body)))
    }
}

/// Where and why a document could not be read. serde's own message may quote the document, and with it a token.
fn place(error: &serde_json::Error) -> String {
    let kind = match error.classify() {
        serde_json::error::Category::Io | serde_json::error::Category::Eof => "it ends too early",
        serde_json::error::Category::Syntax => "it is not JSON",
        serde_json::error::Category::Data => "a member is missing or of another type",
    };
    format!("{kind} (line {}, column {})", error.line(), error.column())
}
