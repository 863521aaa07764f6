//! Failed calls to Globus: what the visitor is told, as precisely as Globus says it.

use std::{borrow::Cow, time::Duration};

use axum::http::StatusCode;

use crate::globus::{
    auth::TokenError,
    error::{ApiError, CallError, Service},
    fault::Fault,
    gare::{self, Gare},
    id_token::IdTokenError,
    provider::ProviderError,
};

/// A failed call to Globus. Prints for the log, without the texts of Globus.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each variant wraps the error it names")]
pub enum GlobusError {
    #[error("{}", .0.for_log())]
    Call(#[from] CallError),
    #[error("{}", .0.for_log())]
    Token(#[from] TokenError),
    #[error(transparent)]
    IdToken(#[from] IdTokenError),
    #[error(transparent)]
    Provider(#[from] ProviderError),
}

/// What the visitor is told.
pub(super) struct Told {
    pub(super) status: StatusCode,
    pub(super) title: &'static str,
    pub(super) message: Cow<'static, str>,
    /// Whether trying again later may help.
    pub(super) again: bool,
    /// Whether Globus failed, or the portal did.
    pub(super) is_ours: bool,
}

impl Told {
    /// Globus works, and this is its answer.
    fn answer(status: StatusCode, title: &'static str, message: &'static str) -> Self {
        Self { status, title, message: message.into(), again: false, is_ours: false }
    }

    /// The same, where it may be another answer later.
    fn for_now(status: StatusCode, title: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self { status, title, message: message.into(), again: true, is_ours: false }
    }

    /// Globus does not answer as it should.
    fn failure(status: StatusCode) -> Self {
        Self {
            status,
            title: "Globus does not answer",
            message: "Globus did not answer as it should. Please try again in a moment.".into(),
            again: true,
            is_ours: true,
        }
    }
}

impl GlobusError {
    pub(super) fn timed_out(&self) -> bool {
        match self {
            Self::Call(error) | Self::Token(TokenError::Call(error)) => error.is_timeout(),
            Self::Provider(error) | Self::IdToken(IdTokenError::Provider(error)) => error.is_timeout(),
            _ => false,
        }
    }

    /// What a service requires of the person first, if that is what it says.
    pub(super) fn gare(&self) -> Option<Gare> {
        match self {
            Self::Call(CallError::Api(error)) => gare::to_gare(error),
            _ => None,
        }
    }

    /// Whether Globus no longer accepts the session's token, so that a login helps.
    pub(super) fn wants_login(&self) -> bool {
        matches!(self, Self::Call(error) if error.fault() == Fault::SignInAgain)
    }

    /// Whether it is about the login itself.
    pub(super) fn is_about_login(&self) -> bool {
        matches!(self, Self::Token(_) | Self::IdToken(_))
    }

    /// The path of the call that was answered.
    pub(super) fn path(&self) -> Option<&str> {
        match self {
            Self::Call(CallError::Api(error)) => error.path(),
            _ => None,
        }
    }

    /// How long Globus asks to wait before another try.
    pub(super) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Call(CallError::Api(error)) => error.retry_after(),
            _ => None,
        }
    }

    pub(super) fn told(&self) -> Told {
        let by_site = |message: &'static str| Told { is_ours: true, ..not_signed_in(StatusCode::BAD_GATEWAY, message) };
        match self {
            Self::Token(TokenError::InvalidGrant(_)) => not_signed_in(
                StatusCode::BAD_REQUEST,
                "Globus did not accept this sign-in: it may have been used already, or it took too long. Please sign in again.",
            ),
            Self::Token(TokenError::ClientRefused(_)) => {
                by_site("Globus does not accept this site's own credentials. Its operators need to fix this.")
            }
            _ if self.timed_out() => Told::failure(StatusCode::GATEWAY_TIMEOUT),
            Self::IdToken(_) => by_site("Your identity could not be verified with Globus, so you are not signed in."),
            Self::Call(CallError::Api(error)) => of_service(error),
            _ => Told::failure(StatusCode::BAD_GATEWAY),
        }
    }
}

fn not_signed_in(status: StatusCode, message: &'static str) -> Told {
    Told { again: false, ..Told::answer(status, "You are not signed in", message) }
}

/// What an error answer of a service means: what requires a login first, then its code, then its status.
fn of_service(error: &ApiError) -> Told {
    match error.fault() {
        Fault::ConsentNeeded => Told::answer(
            StatusCode::FORBIDDEN,
            "Globus does not allow this",
            "This needs a permission that this site does not request.",
        ),
        Fault::SignInAgain => Told::answer(
            StatusCode::FORBIDDEN,
            "Please sign in again",
            "Globus no longer accepts this session's permission, for example because you have withdrawn your consent there.",
        ),
        _ => of_code(error).unwrap_or_else(|| of_status(error)),
    }
}

/// Transfer's codes (Transfer API, "Errors"). What the storage itself says ends in the code's last part.
fn of_code(error: &ApiError) -> Option<Told> {
    let code = error.code().filter(|_| error.service() == Service::Transfer)?;
    let last = code.rsplit('.').next().unwrap_or(code);
    if let Some((_, status, title, message)) = ANSWERS.iter().find(|(name, ..)| *name == last) {
        return Some(Told::answer(*status, title, message));
    }
    if let Some((_, status, title, message)) = FOR_NOW.iter().find(|(name, ..)| *name == last) {
        return Some(Told::for_now(*status, title, *message));
    }
    code.starts_with("ExternalError").then(|| {
        Told::for_now(
            StatusCode::BAD_GATEWAY,
            "The storage does not answer",
            "Globus works, but it cannot reach the storage behind this collection. Try again later; if it stays so, tell the people who run the collection.",
        )
    })
}

/// A code, and what it means.
type Row = (&'static str, StatusCode, &'static str, &'static str);

/// What stays as it is until somebody changes it.
#[rustfmt::skip]
const ANSWERS: [Row; 7] = [
    ("EndpointDeleted", StatusCode::NOT_FOUND, "This collection was deleted",
        "Its owner or its operators have deleted it from Globus."),
    ("EndpointNotFound", StatusCode::NOT_FOUND, "There is no such collection",
        "Globus knows no collection with this id. The address may have been mistyped."),
    ("TaskNotFound", StatusCode::NOT_FOUND, "There is no such task",
        "Globus knows no task of yours with this id. It keeps tasks for 30 days."),
    ("NotFound", StatusCode::NOT_FOUND, "There is no such file or folder",
        "It may have been moved, renamed or deleted since the link to it was made."),
    ("EndpointPermissionDenied", StatusCode::FORBIDDEN, "The storage does not let you do this",
        "Your account on the storage behind this collection may not read or change this. The people who run the collection can give it that permission."),
    ("PermissionDenied", StatusCode::FORBIDDEN, "Globus does not allow this",
        "Globus does not let you do this. The owner of the collection can share it with you."),
    ("Exists", StatusCode::CONFLICT, "There is something of that name already",
        "Choose another name, or rename what is there. Nothing was changed."),
];

/// What may be otherwise later.
#[rustfmt::skip]
const FOR_NOW: [Row; 3] = [
    ("GCDisconnected", StatusCode::BAD_GATEWAY, "This computer is not connected",
        "The collection is on a personal computer that is switched off, asleep or not connected to Globus. Its owner needs to start Globus Connect Personal there; then try again."),
    ("GCPaused", StatusCode::BAD_GATEWAY, "This computer is paused",
        "The collection is on a personal computer on which Globus Connect Personal is paused. Its owner can let it continue; then try again."),
    ("ServiceUnavailable", StatusCode::SERVICE_UNAVAILABLE, "Globus is down for maintenance",
        "Globus takes no requests at the moment. Your transfers go on; try again later."),
];

fn of_status(error: &ApiError) -> Told {
    match (error.http_status(), error.fault()) {
        (429, _) => Told::for_now(StatusCode::SERVICE_UNAVAILABLE, "Too many requests", busy(error.retry_after())),
        (404, _) => Told::answer(
            StatusCode::NOT_FOUND,
            "Globus does not have this",
            "What this page shows is not at Globus, or no longer.",
        ),
        (409, _) => Told::answer(
            StatusCode::CONFLICT,
            "Globus did not do this",
            "It does not fit what is there, for example because somebody else was faster. Nothing was changed.",
        ),
        (_, Fault::NotAllowed) => {
            Told::answer(StatusCode::FORBIDDEN, "Globus does not allow this", "Globus does not let you do this.")
        }
        _ => Told::failure(StatusCode::BAD_GATEWAY),
    }
}

fn busy(retry_after: Option<Duration>) -> Cow<'static, str> {
    match retry_after.map(|wait| wait.as_secs()) {
        Some(seconds @ 2..=90) => {
            format!("Globus takes no more requests for now. Try again in {seconds} seconds.").into()
        }
        Some(seconds @ 91..) => {
            format!("Globus takes no more requests for now. Try again in {} minutes.", seconds.div_ceil(60)).into()
        }
        _ => "Globus takes no more requests for now. Try again in a moment.".into(),
    }
}
