//! Errors of APIs: JSON documents for programs.

use std::{borrow::Cow, fmt, sync::Arc};

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use crate::{
    error::{AppError, ErrorText},
    globus::{
        auth::TokenError,
        error::{ApiError, CallError},
        fault::Fault,
        gare::{Gare, GlobusAuthorizationParameters, to_gare},
    },
    routes::{bearer::Refusal, ops::PlainText},
    session::programs::{NoDependentTokens, NotAccepted},
    telemetry::RequestFacts,
};

/// A failed request to an API of one's own. It becomes a document with `code` and `message`, or a Globus Auth Requirements Error
/// (`code` and `authorization_parameters`), which Globus's SDKs turn into a new login. `?` makes one of a failed call to Globus.
#[derive(Clone)]
pub struct JsonError {
    status: StatusCode,
    document: Value,
    headers: Vec<(header::HeaderName, HeaderValue)>,
    /// For the log.
    cause: Option<Arc<str>>,
    /// Whether the portal or Globus failed, for the log.
    is_ours: bool,
    /// What a service that the portal called requires of the caller.
    of_service: Option<Box<Gare>>,
}

/// Prints for the log.
impl fmt::Debug for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JsonError").field("status", &self.status).field("cause", &self.cause).finish_non_exhaustive()
    }
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.cause.as_deref().unwrap_or_else(|| self.status.as_str()))
    }
}

impl std::error::Error for JsonError {}

impl JsonError {
    /// An error of the API's own: `code` is for programs, `message` for the people who read what they print.
    #[must_use]
    pub fn new(status: StatusCode, code: &str, message: impl Into<Cow<'static, str>>) -> Self {
        let document = json!({"code": code, "message": message.into()});
        let is_ours = status.is_server_error();
        Self { status, document, headers: Vec::new(), cause: None, is_ours, of_service: None }
    }

    /// The caller lacks something that a new login gives (Globus SDK documentation, "Globus Auth Requirements Errors").
    #[must_use]
    pub fn gare(gare: &Gare) -> Self {
        Self { document: gare.to_dict(), ..Self::new(StatusCode::FORBIDDEN, "", "") }
    }

    fn because(self, cause: impl Into<Arc<str>>) -> Self {
        Self { cause: Some(cause.into()), ..self }
    }

    /// A service that the portal calls for the caller requires something of them. Scopes in it are those of that service.
    fn of_service(gare: &Gare) -> Self {
        Self { of_service: Some(Box::new(gare.clone())), ..Self::gare(gare) }
    }

    /// The caller has not consented to this scope as a dependency of the required one.
    pub(super) fn consent_required(scope: &str) -> Self {
        let needs = GlobusAuthorizationParameters::new().with_required_scopes([scope]);
        Self::of_service(&Gare::new("ConsentRequired", needs)).because(format!("no consent for {scope}"))
    }

    /// A request without a token that is good for it.
    pub(super) fn refused(refusal: &Refusal, realm: &str) -> Self {
        let new = Self::new;
        let error = match refusal {
            Refusal::NoToken => new(StatusCode::UNAUTHORIZED, "Unauthorized", "Send a Globus token for this service."),
            Refusal::Malformed => {
                new(StatusCode::BAD_REQUEST, "BadRequest", "Send one Authorization header with one Bearer token.")
            }
            Refusal::Invalid(_) => new(
                StatusCode::UNAUTHORIZED,
                "InvalidToken",
                "Globus does not accept this token, or it is not for this service. Get a new one.",
            ),
            Refusal::Scope(scope) => {
                let needs = GlobusAuthorizationParameters::new().with_required_scopes([scope]);
                Self::gare(&Gare::new("ConsentRequired", needs)).because(format!("the token has not the scope {scope}"))
            }
            Refusal::Denied => new(StatusCode::FORBIDDEN, "Forbidden", "You may not do this."),
        };
        Self { headers: refusal.challenge(realm).into_iter().collect(), ..error }
    }

    /// Globus Auth cannot be asked about a token now.
    pub(super) fn no_answer(error: &NotAccepted) -> Self {
        Self::unavailable().because(error.to_string())
    }

    fn unavailable() -> Self {
        let message = "Globus Auth does not answer as it should. Try again in a moment.";
        let headers = vec![(header::RETRY_AFTER, HeaderValue::from_static("10"))];
        Self { headers, ..Self::new(StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable", message) }
    }

    /// Globus Auth gives no tokens to act for the caller.
    pub(super) fn no_dependent_tokens(error: &NoDependentTokens, realm: &str) -> Self {
        let answer = match &*error.0 {
            TokenError::InvalidGrant(_) => Self::refused(&Refusal::Invalid("it has ended"), realm),
            TokenError::Call(CallError::Api(error)) if to_gare(error).is_some() => Self::of_api_error(error),
            _ => Self::unavailable(),
        };
        answer.because(error.to_string())
    }

    fn of_api_error(error: &ApiError) -> Self {
        match to_gare(error) {
            Some(gare) => Self::of_service(&gare),
            None => Self::new(
                StatusCode::FORBIDDEN,
                "Forbidden",
                "Globus no longer lets this service act for you. Get a new token.",
            ),
        }
    }

    /// The same, for a caller whose token must have `required`: scopes of other services have to be asked for as its
    /// dependencies (Globus Auth developer guide, "dependent scopes").
    fn below(self, required: &str) -> Self {
        let Some(mut gare) = self.of_service.clone() else { return self };
        let parameters = &mut gare.authorization_parameters;
        parameters.required_scopes = parameters.required_scopes.take().map(|wanted| nested(required, &wanted));
        Self { document: gare.to_dict(), ..self }
    }
}

/// `required[wanted …]`, except for what is written like that already.
fn nested(required: &str, wanted: &[String]) -> Vec<String> {
    let begins = |scope: &str| scope.split('[').next() == Some(required);
    let (mut all, others): (Vec<_>, Vec<_>) = wanted.iter().cloned().partition(|scope| begins(scope));
    if !others.is_empty() {
        all.push(format!("{required}[{}]", others.join(" ")));
    }
    all
}

impl From<CallError> for JsonError {
    fn from(error: CallError) -> Self {
        let cause = error.for_log();
        match error {
            CallError::NoToken(own) => match own.downcast::<Self>() {
                Ok(own) => *own,
                Err(other) => AppError::from(CallError::NoToken(other)).into(),
            },
            CallError::Api(error) if matches!(error.fault(), Fault::SignInAgain | Fault::ConsentNeeded) => {
                Self::of_api_error(&error).because(cause)
            }
            error => AppError::from(error).into(),
        }
    }
}

impl From<AppError> for JsonError {
    fn from(error: AppError) -> Self {
        let page = error.into_response();
        let status = match page.status() {
            status if status.is_client_error() || status.is_server_error() => status,
            // It would lead a person to a login.
            _ => StatusCode::UNAUTHORIZED,
        };
        let text = page.extensions().get::<ErrorText>().cloned().unwrap_or_else(|| ErrorText::of(status));
        let code = status.canonical_reason().unwrap_or_default().replace(' ', "");
        let retry_after = page.headers().get(header::RETRY_AFTER).cloned();
        let headers = retry_after.into_iter().map(|value| (header::RETRY_AFTER, value)).collect();
        Self { headers, cause: text.cause, is_ours: text.is_ours, ..Self::new(status, &code, text.message) }
    }
}

impl IntoResponse for JsonError {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(&self.document)).into_response();
        response.headers_mut().extend(self.headers.iter().cloned());
        // It stays as it is: no error page takes its place, but the log has the cause.
        response.extensions_mut().insert(PlainText);
        let text = ErrorText { cause: self.cause.clone(), is_ours: self.is_ours, ..ErrorText::of(self.status) };
        response.extensions_mut().insert(text);
        response.extensions_mut().insert(self);
        response
    }
}

/// Completes the error of an API: what another service requires is written as the caller has to ask for it.
pub(crate) fn completed(mut response: Response, facts: Option<&RequestFacts>) -> Response {
    let Some(admitted) = facts.and_then(|facts| facts.program.get()) else { return response };
    match response.extensions_mut().remove::<JsonError>() {
        Some(error) => error.below(&admitted.scope).into_response(),
        None => response,
    }
}
