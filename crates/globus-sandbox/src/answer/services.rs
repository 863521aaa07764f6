//! Which service of Globus a path belongs to, and the form of that service's errors. Errors of the router itself (an unknown
//! path, a wrong method, a body that is too long) get this form too: an SDK expects JSON.

use axum::extract::Request;
use axum::http::header::{ACCEPT, ALLOW, CONTENT_TYPE};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use crate::answer::gcs_error::GcsError;
use crate::answer::pages::NoticePage;
use crate::answer::transfer_error::TransferError;
use crate::answer::{auth_error, reply};

/// The service that a path belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Service {
    Auth,
    Transfer,
    Groups,
    /// The manager of Globus Connect Server.
    Gcs,
    /// The controls of the sandbox.
    Control,
    /// Pages, and all unknown paths.
    Page,
}

/// Path prefixes and their services. The first match counts.
const PATHS: [(&str, Service); 15] = [
    ("/v2/oauth2/authorize", Service::Page),
    ("/v2/oauth2/", Service::Auth),
    ("/v2/api/", Service::Auth),
    ("/.well-known/", Service::Auth),
    ("/jwk.json", Service::Auth),
    ("/v2/web/", Service::Page),
    ("/v0.10/", Service::Transfer),
    ("/v2/tunnels", Service::Transfer),
    ("/v2/stream_access_points", Service::Transfer),
    ("/v2/groups", Service::Groups),
    ("/v2/preferences", Service::Groups),
    ("/v2/subscription_info", Service::Groups),
    ("/api/", Service::Gcs),
    ("/sandbox/", Service::Control),
    ("/static/", Service::Page),
];

impl Service {
    pub(crate) fn of(path: &str) -> Self {
        PATHS.iter().find(|(start, _)| path.starts_with(start)).map_or(Self::Page, |(_, service)| *service)
    }

    /// Whether every request brings a token or an app's credentials and cookies are ignored, so that pages of any site may
    /// call it.
    pub(crate) fn is_api(self) -> bool {
        matches!(self, Self::Auth | Self::Transfer | Self::Groups | Self::Gcs)
    }

    /// An error in the form of the service. `code` is in the style of Auth and Groups.
    pub(crate) fn error(self, status: StatusCode, code: &str, path: &str, detail: &str) -> Response {
        match self {
            Self::Transfer => TransferError {
                status,
                code: transfer_code(status, code),
                message: detail.to_owned(),
                resource: path.to_owned(),
                more: Map::new(),
            }
            .into_response(),
            Self::Groups => reply::json(status, &json!({ "errors": auth_error::errors(status, code, detail) })),
            Self::Auth => reply::json(status, &auth_error::auth_document(status, code, detail)),
            Self::Gcs => GcsError::new(status, "error", detail).into_response(),
            Self::Control => reply::json(status, &json!({ "error": detail })),
            Self::Page => reply::json(status, &unknown_service(status, code, detail)),
        }
    }
}

/// Codes of Transfer go from the general to the specific.
fn transfer_code(status: StatusCode, code: &str) -> String {
    let general = words(status).replace(' ', "");
    let particular: String = code.split('_').map(capitalized).collect();
    if particular == general { format!("ClientError.{general}") } else { format!("ClientError.{general}.{particular}") }
}

fn capitalized(word: &str) -> String {
    let (first, rest) = word.split_at(word.len().min(1));
    first.to_uppercase() + &rest.to_lowercase()
}

fn words(status: StatusCode) -> &'static str {
    status.canonical_reason().unwrap_or("Unknown")
}

/// A document that the SDK's client of any service can read.
fn unknown_service(status: StatusCode, code: &str, detail: &str) -> Value {
    let mut document = auth_error::auth_document(status, code, detail);
    document["code"] = json!(code);
    document["message"] = json!(detail);
    document
}

/// Gives errors without a document the form of the service.
pub(crate) async fn with_service_errors(request: Request, next: Next) -> Response {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let service = match Service::of(&path) {
        Service::Page if wants_json(request.headers()) => Some(Service::Page),
        Service::Page => None,
        service => Some(service),
    };
    let response = next.run(request).await;
    let (status, has_document) = (response.status(), response.headers().contains_key(CONTENT_TYPE));
    let is_plain = response.headers().get(CONTENT_TYPE).is_none_or(|kind| kind.as_bytes().starts_with(b"text/plain"));
    if !status.is_client_error() || !is_plain {
        return response;
    }
    match service {
        Some(service) => with_allow(worded(service, status, &method, &path), &response),
        None if !has_document => with_allow(page(status), &response),
        None => response,
    }
}

fn wants_json(headers: &HeaderMap) -> bool {
    let accept = headers.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    accept.contains("json") && !accept.contains("text/html")
}

fn worded(service: Service, status: StatusCode, method: &Method, path: &str) -> Response {
    match status {
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => {
            let detail = format!("{method} {path} is not in the sandbox; its front page lists what is");
            service.error(status, "NOT_IN_SANDBOX", path, &detail)
        }
        _ => {
            let code = words(status).to_uppercase().replace(' ', "_");
            service.error(status, &code, path, words(status))
        }
    }
}

fn page(status: StatusCode) -> Response {
    let page = match status {
        StatusCode::NOT_FOUND => NoticePage {
            title: "The sandbox has no such page",
            text: "The sandbox covers only part of Globus. Its front page lists the pages it has.",
        },
        _ => NoticePage {
            title: "The sandbox cannot do this",
            text: "This page does not accept the method or the body of the request.",
        },
    };
    reply::page(status, &page, None)
}

/// A 405 lists the allowed methods (RFC 9110, section 15.5.6).
fn with_allow(mut response: Response, original: &Response) -> Response {
    if let Some(allow) = original.headers().get(ALLOW) {
        response.headers_mut().insert(ALLOW, allow.clone());
    }
    response
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;

    use super::{Service, transfer_code};

    #[test]
    fn paths_belong_to_services() {
        for (path, service) in [
            ("/v2/oauth2/authorize", Service::Page),
            ("/v2/oauth2/token", Service::Auth),
            ("/v2/api/projects", Service::Auth),
            ("/v0.10/tasks", Service::Transfer),
            ("/v2/groups", Service::Groups),
            ("/v2/web/logout", Service::Page),
            ("/sandbox/faults", Service::Control),
            ("/", Service::Page),
        ] {
            assert_eq!(Service::of(path), service, "{path}");
        }
    }

    #[test]
    fn codes_of_transfer_go_from_the_general_to_the_particular() {
        assert_eq!(transfer_code(StatusCode::NOT_FOUND, "NOT_IN_SANDBOX"), "ClientError.NotFound.NotInSandbox");
        assert_eq!(transfer_code(StatusCode::PAYLOAD_TOO_LARGE, "PAYLOAD_TOO_LARGE"), "ClientError.PayloadTooLarge");
    }
}
