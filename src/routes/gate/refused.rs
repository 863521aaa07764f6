//! Answers for programs that may not pass.

use axum::{http::StatusCode, response::Response};

use super::answer::bare;
use crate::{routes::bearer::Refusal, settings::Settings};

/// A no to a program. Credentials that are not one token get the status that the kind of proxy takes for them.
pub(super) fn refused(settings: &Settings, refusal: &Refusal, malformed: StatusCode) -> Response {
    let mut response = bare(match refusal {
        Refusal::Malformed => malformed,
        Refusal::NoToken | Refusal::Invalid(_) => StatusCode::UNAUTHORIZED,
        Refusal::Scope(_) | Refusal::Denied => StatusCode::FORBIDDEN,
    });
    response.headers_mut().extend(refusal.challenge(&settings.server_name));
    response
}
