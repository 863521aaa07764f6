//! What a request may be: one `Host`, and a body that is small and comes soon.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    BoxError,
    body::{Body, Bytes, HttpBody},
    extract::Request,
    http::{Version, header, uri::Authority},
};
use http_body_util::Limited;
use hyper::body::{Frame, SizeHint};
use tokio::time::{Sleep, sleep};

use crate::error::AppError;

/// No form of ours is larger.
const MAX_BODY: usize = 64 << 10;
/// How long the whole body of a request may take to arrive.
const BODY_WITHIN: Duration = Duration::from_secs(10);

/// HTTP/1.1 asks for one `Host`, and for 400 where it is missing, is there twice, or is no host (RFC 9112 section 3.2).
///
/// # Errors
/// [`AppError::BadRequest`].
pub(super) fn check_host(request: &Request) -> Result<(), AppError> {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    match (hosts.next(), hosts.next()) {
        (Some(host), None) if is_host(host.as_bytes()) => Ok(()),
        (Some(_), None) => Err(AppError::BadRequest("the Host header is not a host")),
        (Some(_), Some(_)) => Err(AppError::BadRequest("there are two Host headers")),
        (None, _) if request.version() < Version::HTTP_11 => Ok(()),
        (None, _) => Err(AppError::BadRequest("there is no Host header")),
    }
}

/// A host, perhaps with a port; or nothing, from a client whose target has no host.
fn is_host(host: &[u8]) -> bool {
    host.is_empty() || (!host.contains(&b'@') && Authority::try_from(host).is_ok())
}

/// A request whose body is no larger, and takes no longer, than it may.
///
/// # Errors
/// [`AppError::TooLarge`] where the body says so itself.
pub(super) fn bounded(request: Request) -> Result<Request, AppError> {
    if request.body().is_end_stream() {
        return Ok(request);
    }
    if request.body().size_hint().lower() > MAX_BODY as u64 {
        return Err(AppError::TooLarge);
    }
    Ok(request.map(|body| {
        let body = Limited::new(body, MAX_BODY);
        Body::new(Timely { body, deadline: Box::pin(sleep(BODY_WITHIN)) })
    }))
}

/// A body that fails when it has not arrived by its deadline.
struct Timely {
    body: Limited<Body>,
    deadline: Pin<Box<Sleep>>,
}

impl HttpBody for Timely {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match Pin::new(&mut self.body).poll_frame(context) {
            Poll::Pending if self.deadline.as_mut().poll(context).is_ready() => {
                Poll::Ready(Some(Err("the body took too long".into())))
            }
            frame => frame,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
