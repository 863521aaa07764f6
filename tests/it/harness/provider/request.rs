//! A request as it came over the wire.

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use serde_json::Value;
use url::form_urlencoded;

#[derive(Clone, Debug)]
pub struct Request {
    pub method: Method,
    pub uri: Uri,
    pub headers: HeaderMap,
    pub body: String,
    /// The fields of the body, if it is a form.
    pub form: Vec<(String, String)>,
}

impl Request {
    /// The start line and the headers; the body is still empty.
    pub fn from_head(head: &str) -> Self {
        let (first, lines) = head.split_once("\r\n").unwrap_or((head, ""));
        let mut words = first.split(' ').map(str::to_owned);
        let mut word = || words.next().unwrap();
        let (method, uri) = (word().parse().unwrap(), word().parse().unwrap());
        let header = |line: &str| {
            let (name, value) = line.split_once(':').unwrap();
            (name.parse::<HeaderName>().unwrap(), value.trim().parse::<HeaderValue>().unwrap())
        };
        Self { method, uri, headers: lines.lines().map(header).collect(), body: String::new(), form: Vec::new() }
    }

    pub fn content_length(&self) -> usize {
        self.header("content-length").map_or(0, |length| length.parse().unwrap())
    }

    pub fn with_body(mut self, body: Vec<u8>) -> Self {
        self.form = form_urlencoded::parse(&body).into_owned().collect();
        self.body = String::from_utf8(body).unwrap();
        self
    }

    pub fn is_form(&self) -> bool {
        self.header("content-type") == Some("application/x-www-form-urlencoded")
    }

    pub fn is(&self, method: &Method, path: &str) -> bool {
        self.method == *method && self.uri.path() == path
    }

    /// A field of the form.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.form.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

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
