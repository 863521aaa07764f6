//! What the provider does with one request.

use std::{
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use axum::{
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::Response,
};
use http_body_util::BodyExt as _;
use serde_json::Value;
use tokio::sync::Notify;

#[derive(Clone, Debug)]
pub enum Step {
    Answer {
        status: StatusCode,
        headers: HeaderMap,
        body: Vec<u8>,
    },
    /// Closes the connection without an answer.
    Cut,
    /// Never answers.
    Hold,
    /// Sends `head`, and then `more` again and again, with a pause before each, until the other side closes.
    Endless {
        head: Vec<u8>,
        more: Vec<u8>,
        pause: Duration,
    },
    /// The same step, once the gate is opened.
    Behind(Arc<Notify>, Box<Step>),
}

impl Step {
    /// Answers with this value as JSON, and closes the connection.
    pub fn answer(status: u16, body: impl Into<Value>) -> Self {
        Self::text(status, body.into().to_string()).with("connection", "close")
    }

    /// Answers with this text, which may be JSON.
    pub fn text(status: u16, text: impl Into<String>) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Self::Answer { status: StatusCode::from_u16(status).unwrap(), headers, body: text.into().into_bytes() }
    }

    /// Adds a header to an answer.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        if let Self::Answer { headers, .. } = &mut self {
            headers.append(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
        }
        self
    }
}

impl From<Response> for Step {
    /// The body must be complete: a response that streams is written as another step.
    fn from(response: Response) -> Self {
        let (head, body) = response.into_parts();
        let collected = pin!(body.collect()).poll(&mut Context::from_waker(Waker::noop()));
        let Poll::Ready(body) = collected else { panic!("the body is not complete") };
        Self::Answer { status: head.status, headers: head.headers, body: body.unwrap().to_bytes().to_vec() }
    }
}
