//! Limits on requests: exactly one `Host`, and a small body that arrives in time.

use std::time::Duration;

use axum::{
    body::{Body, HttpBody as _},
    extract::Request,
    http::{Version, header, uri::Authority},
};
use http_body_util::BodyExt as _;
use tokio::time::timeout;

use crate::error::AppError;

/// No form of ours is larger.
pub(super) const MAX_BODY: usize = 64 << 10;
/// How long the whole body of a request may take to arrive.
const BODY_WITHIN: Duration = Duration::from_secs(10);

/// HTTP/1.1 requires exactly one valid `Host`, else 400 (RFC 9112 section 3.2).
///
/// # Errors
/// [`AppError::BadRequest`].
pub(super) fn check_host(request: &Request) -> Result<(), AppError> {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    match (hosts.next(), hosts.next()) {
        (Some(host), None) if is_host(host.as_bytes()) => Ok(()),
        (Some(_), None) => Err(AppError::BadRequest("the Host header is invalid")),
        (Some(_), Some(_)) => Err(AppError::BadRequest("the request has two Host headers")),
        (None, _) if request.version() < Version::HTTP_11 => Ok(()),
        (None, _) => Err(AppError::BadRequest("the request has no Host header")),
    }
}

/// A host, perhaps with a port; or nothing, from a client whose target has no host.
fn is_host(host: &[u8]) -> bool {
    host.is_empty() || (!host.contains(&b'@') && Authority::try_from(host).is_ok())
}

/// Reads the whole body. Until it has arrived, the request occupies only a connection.
///
/// # Errors
/// [`AppError::TooLarge`], [`AppError::TooSlow`], and [`AppError::BadRequest`] for a body that breaks off.
pub(super) async fn whole(request: Request) -> Result<Request, AppError> {
    if request.body().is_end_stream() {
        return Ok(request);
    }
    if request.body().size_hint().lower() > MAX_BODY as u64 {
        return Err(AppError::TooLarge);
    }
    let (parts, body) = request.into_parts();
    let body = timeout(BODY_WITHIN, read(body)).await.map_err(|_| AppError::TooSlow)??;
    Ok(Request::from_parts(parts, Body::from(body)))
}

/// Reads a body into one buffer. `http_body_util::Limited` and `collect` would keep each frame, and a hostile client sends tiny
/// ones.
async fn read(mut body: Body) -> Result<Vec<u8>, AppError> {
    let mut read = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| AppError::BadRequest("the request body ended early"))?;
        let Some(data) = frame.data_ref() else { continue };
        if read.len() + data.len() > MAX_BODY {
            return Err(AppError::TooLarge);
        }
        read.extend_from_slice(data);
    }
    Ok(read)
}
