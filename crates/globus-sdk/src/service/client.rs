//! What the clients of all services share: a base URL, the way out, and an authorizer.

use reqwest::Method;
use serde::Serialize;
use url::Url;

use super::{
    answer::Answer,
    authorizer::Authorizer,
    http::{Body, Call, HttpClient},
    query::Parameters,
    url::join,
};
use crate::error::{CallError, Service, UsageError};

/// A client of one service.
#[derive(Clone, Debug)]
pub(crate) struct ServiceClient {
    pub(crate) service: Service,
    /// Ends with a slash.
    pub(crate) base: Url,
    pub(crate) http: HttpClient,
    pub(crate) authorizer: Authorizer,
}

impl ServiceClient {
    /// `GET path?query`. `path` has no slash in front.
    pub(crate) async fn get(&self, path: &str, query: &Parameters) -> Result<Answer, CallError> {
        let mut url = join(&self.base, path);
        if !query.is_empty() {
            url.set_query(Some(&query.encoded()));
        }
        self.send(Method::GET, url, &Body::None, false).await
    }

    /// `GET` of a whole URL, which a service has named itself.
    pub(crate) async fn get_url(&self, url: Url) -> Result<Answer, CallError> {
        self.send(Method::GET, url, &Body::None, false).await
    }

    /// `POST path` with a form. A form that carries a one-use code is sent `once`.
    pub(crate) async fn post_form(&self, path: &str, form: &Parameters, once: bool) -> Result<Answer, CallError> {
        self.send(Method::POST, join(&self.base, path), &Body::Form(form.encoded()), once).await
    }

    /// `POST path` with a JSON document, whose members are sent in the order they are declared in.
    pub(crate) async fn post_json(&self, path: &str, document: &impl Serialize) -> Result<Answer, CallError> {
        let text = serde_json::to_string(document)
            .map_err(|error| UsageError(format!("the document cannot be written as JSON: {error}")))?;
        self.send(Method::POST, join(&self.base, path), &Body::Json(text), false).await
    }

    /// `POST path` with nothing.
    pub(crate) async fn post_nothing(&self, path: &str) -> Result<Answer, CallError> {
        self.send(Method::POST, join(&self.base, path), &Body::None, false).await
    }

    async fn send(&self, method: Method, url: Url, body: &Body, once: bool) -> Result<Answer, CallError> {
        let call = Call { service: self.service, method, url, body, authorizer: &self.authorizer, once };
        self.http.call(&call).await
    }
}
