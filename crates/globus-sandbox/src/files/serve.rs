//! Serving files ("Globus Connect Server documentation", HTTPS Access to Collections).

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{
    ACCEPT, ACCEPT_RANGES, ALLOW, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE,
    CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HOST, IF_RANGE, LAST_MODIFIED, RANGE, WWW_AUTHENTICATE,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use url::form_urlencoded;

use crate::answer::reply;
use crate::files::access::{Barred, check};
use crate::files::content::{Content, Part};
use crate::files::ranges::{Wanted, wanted};
use crate::ground::moment;
use crate::ground::params::Params;
use crate::ground::percent::{decoded, encoded};
use crate::memory::app::{App, AppState};
use crate::memory::entry::{Entry, Refusal};
use crate::memory::paths::{absolute, name};
use crate::world::collections::Collection;

/// Answers requests for the host of a collection; all others go on.
pub(crate) async fn files(State(app): State<AppState>, request: Request, next: Next) -> Response {
    let Some(collection) = served(&app, &request) else {
        return next.run(request).await;
    };
    answer(&app, collection, &request).unwrap_or_else(|barred| refusal(&app, collection, &request, barred))
}

/// The collection whose host a request names.
fn served<'a>(app: &'a App, request: &Request) -> Option<&'a Collection> {
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok());
    let named = request.uri().authority().map(|authority| authority.as_str()).or(host)?;
    app.catalogue.with_label(&app.files.as_ref()?.label(named)?)
}

fn params(request: &Request) -> Result<Params, Barred> {
    Params::of_query(request.uri().query()).map_err(|_| Barred::Missing)
}

fn answer(app: &App, collection: &Collection, request: &Request) -> Result<Response, Barred> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut response = reply::plain(StatusCode::METHOD_NOT_ALLOWED, "The sandbox only lets you read files.");
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return Ok(response);
    }
    let path = absolute(collection, &decoded(request.uri().path())).ok_or(Barred::Missing)?;
    check(app, collection, request.headers(), &params(request)?, &path)?;
    let entry = app.transfer().disks.of(collection).get(&path).map_err(|why| match why {
        Refusal::Denied => Barred::Forbidden,
        _ => Barred::Missing,
    })?;
    if entry.folder { Err(Barred::Missing) } else { Ok(file(collection, &path, &entry, request)) }
}

/// A file, or the part of it that is asked for.
fn file(collection: &Collection, path: &str, entry: &Entry, request: &Request) -> Response {
    let content = Content::of(&collection.id, path);
    let tag = format!("\"{:016x}-{}-{}\"", content.seed, entry.size, entry.modified);
    let text = |name: HeaderName| request.headers().get(name).and_then(|value| value.to_str().ok());
    let is_current = text(IF_RANGE).is_none_or(|known| known == tag);
    let (status, from, to) = match wanted(text(RANGE).filter(|_| is_current), entry.size) {
        Wanted::Whole => (StatusCode::OK, 0, entry.size),
        Wanted::Part(from, to) => (StatusCode::PARTIAL_CONTENT, from, to),
        Wanted::Nothing => {
            let mut response = reply::plain(StatusCode::RANGE_NOT_SATISFIABLE, "The file has no such part.");
            set(response.headers_mut(), CONTENT_RANGE, &format!("bytes */{}", entry.size));
            return response;
        }
    };
    let is_head = request.method() == Method::HEAD;
    let body = if is_head { Body::empty() } else { Body::new(Part { content, from, to }) };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    if status == StatusCode::PARTIAL_CONTENT {
        set(headers, CONTENT_RANGE, &format!("bytes {from}-{}/{}", to - 1, entry.size));
    }
    if is_download(request) {
        set(headers, CONTENT_DISPOSITION, &format!("attachment; filename*=UTF-8''{}", encoded(name(path))));
    }
    for (header, value) in [
        (ACCEPT_RANGES, "bytes"),
        (CACHE_CONTROL, "private, no-cache"),
        (CONTENT_LENGTH, &(to - from).to_string()),
        (CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox"),
        (CONTENT_TYPE, content.media_type()),
        (ETAG, &tag),
        (LAST_MODIFIED, &moment::http_date(entry.modified)),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ] {
        set(headers, header, value);
    }
    response
}

/// `?download`, with or without a value.
fn is_download(request: &Request) -> bool {
    let query = request.uri().query().unwrap_or_default();
    form_urlencoded::parse(query.as_bytes()).any(|(name, _)| name == "download")
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    // All values are made of visible ASCII.
    if let Ok(value) = HeaderValue::try_from(value) {
        headers.insert(name, value);
    }
}

fn refusal(app: &App, collection: &Collection, request: &Request, why: Barred) -> Response {
    let accept = request.headers().get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    match why {
        Barred::Unknown if accept.contains("text/html") => {
            let mut query = form_urlencoded::Serializer::new(String::new());
            query.append_pair("collection", &collection.id).append_pair("path", &decoded(request.uri().path()));
            if is_download(request) {
                query.append_pair("download", "1");
            }
            reply::redirect(StatusCode::FOUND, &format!("{}/v2/web/files?{}", app.base_url, query.finish()))
        }
        Barred::Unknown | Barred::BadToken => {
            let text = "This file needs a token of its collection, with the scope https.";
            let mut response = reply::plain(StatusCode::UNAUTHORIZED, text);
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            response
        }
        Barred::Forbidden => reply::plain(StatusCode::FORBIDDEN, "You do not have permission to read this."),
        Barred::Missing => reply::plain(StatusCode::NOT_FOUND, "There is no such file."),
        Barred::Down => reply::plain(StatusCode::SERVICE_UNAVAILABLE, "The collection cannot be reached."),
    }
}
