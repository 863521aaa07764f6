//! A client of one service: a base URL, the way out, and an authorizer.

use reqwest::Method;
use serde::Serialize;
use url::Url;

use super::{
    answer::Answer,
    authorizer::Authorizer,
    http::{Body, Call, HttpClient},
    query::Parameters,
    response::Response,
    url::{join, path_below, with_slash},
};
use crate::error::{CallError, Service, UsageError};

/// A client of any Globus service, also of one that this crate has no client for.
///
/// Calls are retried, authorized, bounded and reported as those of the other clients, which all give access to these
/// methods for calls that they have no method for. A path is taken below the base URL, with or without a slash in front;
/// a query is given in pairs and encoded here.
#[derive(Clone, Debug)]
pub struct ServiceClient {
    pub(crate) service: Service,
    /// Ends with a slash.
    pub(crate) base: Url,
    pub(crate) http: HttpClient,
    pub(crate) authorizer: Authorizer,
}

impl ServiceClient {
    /// A client of the service at `base`, with an authorizer for its resource server. Off loopback `base` must be https: over
    /// plain http a call is refused before its token is sent.
    #[must_use]
    pub fn new(base: Url, http: HttpClient, authorizer: impl Into<Authorizer>) -> Self {
        Self { service: Service::Other, base: with_slash(base), http, authorizer: authorizer.into() }
    }

    /// `GET path?query`.
    ///
    /// The answer may have up to [`Limits::body`](crate::http::Limits::body) bytes, even if it is a list: which of the raw
    /// answers are lists is not known here. For larger ones, make the [`HttpClient`] with
    /// [`Limits::with_body`](crate::http::Limits::with_body).
    ///
    /// # Errors
    /// [`CallError`]; [`CallError::TooLarge`] for an answer above the limit, [`CallError::Api`] for any status but 2xx, [`CallError::Usage`] for a path that leaves the base URL.
    pub async fn get(&self, path: &str, query: &[(&str, &str)]) -> Result<Response, CallError> {
        self.raw(Method::GET, path, query, &Body::None).await
    }

    /// `POST path?query` with a JSON document. It may be sent again after a failure that may pass. `&()` is sent as the
    /// document `null`; [`post_empty`](Self::post_empty) sends none.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub async fn post(&self, path: &str, query: &[(&str, &str)], body: &impl Serialize) -> Result<Response, CallError> {
        self.raw(Method::POST, path, query, &json(body)?).await
    }

    /// `POST path?query` without a body, for operations that take none. It may be sent again, as [`post`](Self::post).
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub async fn post_empty(&self, path: &str, query: &[(&str, &str)]) -> Result<Response, CallError> {
        self.raw(Method::POST, path, query, &Body::None).await
    }

    /// `PUT path?query` with a JSON document.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub async fn put(&self, path: &str, query: &[(&str, &str)], body: &impl Serialize) -> Result<Response, CallError> {
        self.raw(Method::PUT, path, query, &json(body)?).await
    }

    /// `PATCH path?query` with a JSON document.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub async fn patch(
        &self,
        path: &str,
        query: &[(&str, &str)],
        body: &impl Serialize,
    ) -> Result<Response, CallError> {
        self.raw(Method::PATCH, path, query, &json(body)?).await
    }

    /// `DELETE path?query`.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub async fn delete(&self, path: &str, query: &[(&str, &str)]) -> Result<Response, CallError> {
        self.raw(Method::DELETE, path, query, &Body::None).await
    }

    async fn raw(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, &str)],
        body: &Body,
    ) -> Result<Response, CallError> {
        let mut url = path_below(&self.base, path)?;
        if !query.is_empty() {
            url.set_query(Some(&Parameters::from(query).encoded()));
        }
        let answer = self.send(method, url, body, false).await?;
        answer.success()?;
        Ok(Response::from(answer))
    }

    /// `GET path?query`. `path` has no slash in front.
    pub(crate) async fn fetch(&self, path: &str, query: &Parameters) -> Result<Answer, CallError> {
        let mut url = join(&self.base, path);
        if !query.is_empty() {
            url.set_query(Some(&query.encoded()));
        }
        self.send(Method::GET, url, &Body::None, false).await
    }

    /// [`fetch`](Self::fetch) of an answer that lists things, which may be larger than others.
    pub(crate) async fn fetch_list(&self, path: &str, query: &Parameters) -> Result<Answer, CallError> {
        let service = Self { http: self.http.clone().for_lists(), ..self.clone() };
        service.fetch(path, query).await
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
        self.send(Method::POST, join(&self.base, path), &json(document)?, false).await
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

fn json(document: &impl Serialize) -> Result<Body, UsageError> {
    let text = serde_json::to_string(document);
    text.map(Body::Json).map_err(|error| UsageError(format!("the document cannot be written as JSON: {error}")))
}
