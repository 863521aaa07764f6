//! Errors of requests. The visitor reads what to do next; the log gets the cause.

use std::{borrow::Cow, sync::Arc};

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
};

use crate::{
    globus::{auth::TokenError, error::CallError, fault::Fault, id_token::IdTokenError, provider::ProviderError},
    session::{
        exchanges::TooMany, return_path::ReturnPath, seal::SealError, store::StoreError, tokens::TokenUnavailable,
    },
};

/// How long a visitor should wait before trying again, in seconds.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("10");

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
    /// Globus does not answer, or answers incorrectly (502, 504).
    #[error(transparent)]
    Globus(GlobusError),
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

impl GlobusError {
    fn timed_out(&self) -> bool {
        match self {
            Self::Call(error) | Self::Token(TokenError::Call(error)) => error.is_timeout(),
            Self::Provider(error) | Self::IdToken(IdTokenError::Provider(error)) => error.is_timeout(),
            _ => false,
        }
    }

    /// The heading, if that of the status would mislead.
    fn title(&self) -> Option<&'static str> {
        match self {
            Self::IdToken(_) | Self::Token(TokenError::InvalidGrant(_) | TokenError::ClientRefused(_)) => {
                Some("You are not signed in")
            }
            error if error.is_refusal() => Some("Globus does not allow this"),
            _ => None,
        }
    }

    /// Whether Globus works and denies the person this action.
    fn is_refusal(&self) -> bool {
        matches!(self, Self::Call(error) if matches!(error.fault(), Fault::NotAllowed | Fault::ConsentNeeded))
    }

    fn message(&self) -> &'static str {
        match self {
            Self::Token(TokenError::InvalidGrant(_)) => {
                "Globus did not accept this sign-in: it may have been used already, or it took too long. Please sign in again."
            }
            Self::Token(TokenError::ClientRefused(_)) => {
                "Globus does not accept this site's own credentials. Its operators need to fix this."
            }
            Self::IdToken(_) => "Your identity could not be verified with Globus, so you are not signed in.",
            Self::Call(error) if error.fault() == Fault::NotAllowed => "Globus does not let you do this.",
            Self::Call(error) if error.fault() == Fault::ConsentNeeded => {
                "This needs a permission that this site does not request."
            }
            Self::Call(error) if error.fault() == Fault::SignInAgain => {
                "Globus no longer accepts this session's permission. Please sign in again."
            }
            _ => "Globus did not answer as it should. Please try again in a moment.",
        }
    }
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
            Self::StartAgain { .. }
            | Self::InCircles { .. }
            | Self::BadRequest(_)
            | Self::Globus(GlobusError::Token(TokenError::InvalidGrant(_))) => StatusCode::BAD_REQUEST,
            Self::Refused { .. } => StatusCode::FORBIDDEN,
            Self::Busy(_) | Self::Overloaded(_) | Self::Renewal(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Globus(error) if error.timed_out() => StatusCode::GATEWAY_TIMEOUT,
            Self::Globus(error) if error.is_refusal() => StatusCode::FORBIDDEN,
            Self::Globus(_) => StatusCode::BAD_GATEWAY,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::NotFound | Self::OutsideRoot => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn text(self, status: StatusCode) -> ErrorText {
        let cause = Some(Arc::from(self.to_string()));
        match self {
            Self::Unauthorized { next } => ErrorText { sign_in: Some(SignIn::first(next)), ..ErrorText::of(status) },
            Self::EndedElsewhere { next } => ErrorText {
                title: "Your session was ended".into(),
                message: "It was ended from another browser or by the operators of this site. Sign in again; Globus will ask you to authenticate.".into(),
                sign_in: Some(SignIn::again(next)),
                cause,
            },
            Self::InCircles { message, next, .. } => ErrorText {
                title: "Sign-in keeps repeating".into(),
                message: message.into(),
                sign_in: Some(SignIn { label: "Try again", next }),
                cause,
            },
            Self::StartAgain { message, next, .. } => ErrorText {
                title: "Please sign in again".into(),
                message,
                sign_in: Some(SignIn::again(next)),
                cause,
            },
            Self::Refused { title, message, sign_in, .. } => ErrorText { title, message, sign_in, cause },
            Self::Renewal(why) => ErrorText {
                title: "Just a moment, please".into(),
                message: renewal_message(&why).into(),
                sign_in: None,
                cause,
            },
            Self::Globus(error) => ErrorText {
                title: error.title().map_or_else(|| ErrorText::of(status).title, Cow::Borrowed),
                message: error.message().into(),
                sign_in: Some(SignIn::again(None)),
                cause,
            },
            Self::Overloaded(_) => ErrorText {
                title: "Just a moment, please".into(),
                message: "This site is overloaded. Please try again in a few seconds.".into(),
                sign_in: None,
                cause,
            },
            Self::Busy(_) | Self::BadRequest(_) | Self::Internal(_) | Self::OutsideRoot => {
                ErrorText { cause, ..ErrorText::of(status) }
            }
            _ => ErrorText::of(status),
        }
    }
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
            status if status.is_client_error() => ("Bad request", "The request is invalid."),
            _ => ("Something went wrong here", "This was not your doing. Please try again."),
        };
        let sign_in = (status == StatusCode::UNAUTHORIZED).then(|| SignIn::first(None));
        Self { title: title.into(), message: message.into(), sign_in, cause: None }
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
            response.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER);
        }
        response.extensions_mut().insert(self.text(status));
        response
    }
}
