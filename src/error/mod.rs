//! Errors of requests. The visitor reads what to do next; the log gets the cause.

mod demand;
mod denial;
mod globus;
mod reason;

use std::{borrow::Cow, sync::Arc};

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
};

use self::globus::Told;
pub use self::{
    demand::{Demand, Need},
    denial::Denial,
    globus::GlobusError,
};
use crate::{
    globus::error::CallError,
    session::{
        exchanges::TooMany, return_path::ReturnPath, seal::SealError, store::StoreError, tokens::TokenUnavailable,
    },
};

/// How long a visitor should wait before trying again, in seconds.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("10");

/// Titles and messages about policies.
const DENIED: (&str, &str) =
    ("You may not open this", "It is for other people than you, or for people who have signed in in another way.");
const UNDECIDED: (&str, &str) = (
    "Just a moment, please",
    "Globus knows whether you may open this, and is not responding properly. You are still signed in; please try again soon.",
);

/// A failed request, by what the visitor can do.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The page needs a login: redirect to this login page.
    #[error("not logged in")]
    LogIn(String),
    /// The page needs a login, and the request is not a navigation that could be redirected (401).
    #[error("not logged in, and not a navigation")]
    Unauthorized {
        /// The requested page, if a login can lead back to it.
        next: Option<ReturnPath>,
    },
    /// The session was ended from another browser or by an operator (401).
    #[error("the session was ended from elsewhere")]
    EndedElsewhere {
        /// Where a new login leads.
        next: Option<ReturnPath>,
    },
    /// The browser logs in repeatedly without being logged in afterwards (400).
    #[error("login loop: {cause}")]
    InCircles {
        /// For the visitor.
        message: &'static str,
        /// For the log.
        cause: &'static str,
        /// Where a new login leads.
        next: Option<ReturnPath>,
    },
    /// A login cannot continue and must be restarted (400).
    #[error("{cause}")]
    StartAgain {
        /// For the visitor.
        message: Cow<'static, str>,
        /// For the log.
        cause: Cow<'static, str>,
        /// Where a new login leads.
        next: Option<ReturnPath>,
    },
    /// The request was refused (403).
    #[error("{cause}")]
    Refused {
        /// The heading.
        title: Cow<'static, str>,
        /// For the visitor.
        message: Cow<'static, str>,
        /// For the log.
        cause: Cow<'static, str>,
        /// A new login, if one helps.
        sign_in: Option<SignIn>,
    },
    /// Globus does not do what was asked: the status says why (403, 404, 409, 502, 503, 504).
    #[error(transparent)]
    Globus(GlobusError),
    /// A collection is on a personal computer that is not connected (502). Holds whose it is, and the cause for the log.
    #[error("{cause}")]
    NotConnected {
        /// The owner, as Globus names them.
        owner: String,
        /// For the log.
        cause: String,
    },
    /// Something must be asked of the person at Globus first: one login there, and back to the page (403 where that cannot be).
    #[error("{0}")]
    StepUp(Box<Demand>),
    /// A policy does not let the person in (403).
    #[error("{0}")]
    Denied(Box<Denial>),
    /// Whether a policy lets the person in cannot be found out now (503).
    #[error("a policy cannot be judged now")]
    Undecided,
    /// The session store does not answer (503).
    #[error(transparent)]
    Busy(#[from] StoreError),
    /// A token must be renewed, and that fails now (503).
    #[error("no token: {0}")]
    Renewal(TokenUnavailable),
    /// The request is invalid HTTP (400). Holds the reason, for the log.
    #[error("{0}")]
    BadRequest(&'static str),
    /// The portal is overloaded (503). Holds the reason, for the log.
    #[error("{0}")]
    Overloaded(Cow<'static, str>),
    /// The request body is too large (413).
    #[error("the body is too large")]
    TooLarge,
    /// The request body did not arrive in time (408).
    #[error("the body took too long")]
    TooSlow,
    /// There is no such page (404).
    #[error("not found")]
    NotFound,
    /// There is no such page (404), but there is one below the root.
    #[error("the path is outside APPLICATION_ROOT: if a proxy strips the prefix, configure it to pass paths unchanged")]
    OutsideRoot,
    /// The page does not take this method (405).
    #[error("method not allowed")]
    MethodNotAllowed,
    /// Our own failure (500).
    #[error("{0}")]
    Internal(String),
}

/// Where the session's own token was missing, the error says why: the store may be down, which is not Globus's fault.
impl From<GlobusError> for AppError {
    fn from(error: GlobusError) -> Self {
        match error {
            GlobusError::Call(CallError::NoToken(cause)) => match cause.downcast::<TokenUnavailable>() {
                Ok(unavailable) => Self::from(*unavailable),
                Err(other) => Self::Internal(CallError::NoToken(other).for_log()),
            },
            error => Self::Globus(error),
        }
    }
}

impl From<CallError> for AppError {
    fn from(error: CallError) -> Self {
        GlobusError::Call(error).into()
    }
}

impl From<TokenUnavailable> for AppError {
    fn from(error: TokenUnavailable) -> Self {
        match error {
            TokenUnavailable::Store(error) => Self::Busy(error),
            TokenUnavailable::Globus(_)
            | TokenUnavailable::TakesLong
            | TokenUnavailable::JustFailed
            | TokenUnavailable::BrokenOff => Self::Renewal(error),
            TokenUnavailable::SignIn(_) => Self::Unauthorized { next: None },
            TokenUnavailable::Seal(_) => Self::Internal(error.to_string()),
        }
    }
}

impl From<TooMany> for AppError {
    fn from(error: TooMany) -> Self {
        Self::Overloaded(error.to_string().into())
    }
}

impl From<SealError> for AppError {
    fn from(error: SealError) -> Self {
        Self::Internal(error.to_string())
    }
}

impl From<askama::Error> for AppError {
    fn from(error: askama::Error) -> Self {
        Self::Internal(format!("a page cannot be rendered: {error}"))
    }
}

fn renewal_message(why: &TokenUnavailable) -> &'static str {
    match why {
        TokenUnavailable::Globus(_) | TokenUnavailable::JustFailed => {
            "This page needs a renewed permission from Globus, and Globus is not responding properly. You are still signed in; please try again soon."
        }
        _ => {
            "This page needs a renewed permission from Globus, and the renewal is taking longer than usual. You are still signed in; please try again soon."
        }
    }
}

/// The text of an error page. It is rendered where the request ID is known.
#[derive(Clone, Debug)]
pub struct ErrorText {
    /// The heading.
    pub title: Cow<'static, str>,
    /// What happened, for the visitor.
    pub message: Cow<'static, str>,
    /// A new login, if one helps.
    pub sign_in: Option<SignIn>,
    /// Whether the same request may work later, or once something has changed: the page offers to repeat it.
    pub again: bool,
    /// Whether the portal or Globus failed, so that the page says it is not the visitor's fault.
    pub is_ours: bool,
    /// What happened, for the log; `None` if the status says enough.
    pub cause: Option<Arc<str>>,
}

/// A new login, as the next step of an error page.
#[derive(Clone, Debug)]
pub struct SignIn {
    /// What the button says.
    pub label: &'static str,
    /// Where it leads.
    pub next: Option<ReturnPath>,
}

impl SignIn {
    /// For a visitor who has not been signed in.
    #[must_use]
    pub fn first(next: Option<ReturnPath>) -> Self {
        Self { label: "Sign in", next }
    }

    /// For a visitor who has tried, or was signed in before.
    #[must_use]
    pub fn again(next: Option<ReturnPath>) -> Self {
        Self { label: "Sign in again", next }
    }
}

impl AppError {
    fn status(&self) -> StatusCode {
        match self {
            Self::LogIn(_) => StatusCode::SEE_OTHER,
            Self::Unauthorized { .. } | Self::EndedElsewhere { .. } => StatusCode::UNAUTHORIZED,
            Self::StartAgain { .. } | Self::InCircles { .. } | Self::BadRequest(_) => StatusCode::BAD_REQUEST,
            Self::Refused { .. } | Self::StepUp(_) | Self::Denied(_) => StatusCode::FORBIDDEN,
            Self::Busy(_) | Self::Overloaded(_) | Self::Renewal(_) | Self::Undecided => StatusCode::SERVICE_UNAVAILABLE,
            Self::Globus(error) => error.told().status,
            Self::NotConnected { .. } => StatusCode::BAD_GATEWAY,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::NotFound | Self::OutsideRoot => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn text(self, status: StatusCode) -> ErrorText {
        let cause = Some(Arc::from(self.to_string()));
        let plain = ErrorText { cause, ..ErrorText::of(status) };
        let told = |title: Cow<'static, str>, message: Cow<'static, str>, sign_in| ErrorText {
            title,
            message,
            sign_in,
            ..plain.clone()
        };
        match self {
            Self::Unauthorized { next } => ErrorText { sign_in: Some(SignIn::first(next)), cause: None, ..plain },
            Self::EndedElsewhere { next } => told(
                "Your session was ended".into(),
                "It was ended from another browser or by the operators of this site. Sign in again; Globus will ask you to authenticate.".into(),
                Some(SignIn::again(next)),
            ),
            Self::InCircles { message, next, .. } => told(
                "Sign-in keeps repeating".into(),
                message.into(),
                Some(SignIn { label: "Try again", next }),
            ),
            Self::StartAgain { message, next, .. } => {
                told("Please sign in again".into(), message, Some(SignIn::again(next)))
            }
            Self::Refused { title, message, sign_in, .. } => told(title, message, sign_in),
            Self::StepUp(_) => told(
                "A permission is missing".into(),
                "This needs a permission that you have not given to this site yet. Open the page itself; Globus will ask you there.".into(),
                None,
            ),
            Self::Denied(_) => told(DENIED.0.into(), DENIED.1.into(), None),
            Self::Undecided => told(UNDECIDED.0.into(), UNDECIDED.1.into(), None),
            Self::NotConnected { owner, .. } => ErrorText {
                title: "This computer is not connected".into(),
                message: format!("The collection is on a personal computer of {owner}, which is switched off, asleep or not connected to Globus. They need to start Globus Connect Personal there; then try again.").into(),
                again: true,
                is_ours: false,
                ..plain
            },
            Self::Renewal(why) => told("Just a moment, please".into(), renewal_message(&why).into(), None),
            Self::Globus(error) => of_globus(&error, plain.cause),
            Self::Overloaded(_) => told(
                "Just a moment, please".into(),
                "This site is overloaded. Please try again in a few seconds.".into(),
                None,
            ),
            Self::Busy(_) | Self::BadRequest(_) | Self::Internal(_) | Self::OutsideRoot => plain,
            _ => ErrorText::of(status),
        }
    }
}

impl AppError {
    /// What must be asked of the person first, if that helps.
    fn demand(&self) -> Option<Demand> {
        match self {
            Self::Globus(error) => Demand::of(error),
            Self::StepUp(demand) => Some((**demand).clone()),
            _ => None,
        }
    }

    fn retry_after(&self) -> HeaderValue {
        match self {
            Self::Globus(error) => error.retry_after().map_or(RETRY_AFTER, |wait| wait.as_secs().max(1).into()),
            _ => RETRY_AFTER,
        }
    }
}

fn of_globus(error: &GlobusError, cause: Option<Arc<str>>) -> ErrorText {
    let Told { title, message, again, is_ours, .. } = error.told();
    let sign_in = (!again && (error.wants_login() || error.is_about_login())).then(|| SignIn::again(None));
    ErrorText { title: title.into(), message, sign_in, again, is_ours, cause }
}

impl ErrorText {
    /// The text for a status that needs no details.
    #[must_use]
    pub fn of(status: StatusCode) -> Self {
        let (title, message) = match status {
            StatusCode::UNAUTHORIZED => ("Please sign in", "Sign in to see this page."),
            StatusCode::NOT_FOUND => {
                ("There is no such page", "The address may have been mistyped, or the page has moved.")
            }
            StatusCode::METHOD_NOT_ALLOWED => {
                ("Method not allowed", "This address does not accept this kind of request.")
            }
            StatusCode::SERVICE_UNAVAILABLE => (
                "Just a moment, please",
                "This site cannot look up sessions at the moment. You are still signed in if you were; please try again soon.",
            ),
            StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT => {
                ("Globus does not answer", "Globus did not answer as it should. Please try again in a moment.")
            }
            StatusCode::PAYLOAD_TOO_LARGE => {
                ("That is too much at once", "This site takes at most 64 KiB in one form. Nothing was changed.")
            }
            status if status.is_client_error() => ("Bad request", "The request is invalid."),
            _ => ("Something went wrong here", "This was not your doing. Please try again."),
        };
        let sign_in = (status == StatusCode::UNAUTHORIZED).then(|| SignIn::first(None));
        let is_ours = status.is_server_error();
        Self { title: title.into(), message: message.into(), sign_in, again: is_ours, is_ours, cause: None }
    }
}

impl IntoResponse for AppError {
    fn into_response(self) -> Response {
        let status = self.status();
        if let Self::LogIn(location) = &self {
            return Redirect::to(location).into_response();
        }
        let mut response = status.into_response();
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, self.retry_after());
        }
        if let Self::Denied(denial) = &self {
            response.extensions_mut().insert(Arc::new((**denial).clone()));
        }
        if let Some(demand) = self.demand() {
            response.extensions_mut().insert(Arc::new(demand));
        }
        response.extensions_mut().insert(self.text(status));
        response
    }
}
