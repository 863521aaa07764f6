//! Which step of a login a visit to `/login` is, by its query.

use std::borrow::Cow;

use url::form_urlencoded;

use super::refusal::Refusal;
use crate::{error::AppError, secret::AuthorizationCode, session::return_path::ReturnPath};

/// What a visit to `/login` is.
pub(super) enum LoginStep {
    /// A person wants to log in, and to be at `next` afterwards.
    Start { next: Option<String> },
    /// Somebody who is logged in is asked for more, as one of our own links says.
    StepUp { ask: String },
    /// Globus sent the browser back with a code.
    Returned { code: AuthorizationCode, state: String, iss: Option<String> },
    /// Globus sent the browser back with an error.
    Refused { refusal: Refusal, state: String, iss: Option<String> },
}

impl LoginStep {
    /// Reads the query. Repeated protocol parameters are rejected (RFC 6749 section 3.1), and so is a response with both a
    /// code and an error.
    pub(super) fn parse(query: Option<&str>) -> Result<Self, AppError> {
        let mut pairs: Vec<_> = form_urlencoded::parse(query.unwrap_or_default().as_bytes()).into_owned().collect();
        let mut once = |name: &str| {
            let mut found: Vec<String> = pairs.extract_if(.., |(key, _)| key == name).map(|(_, value)| value).collect();
            let last = found.pop();
            if found.is_empty() { Ok(last) } else { Err(start_again("a parameter was given twice", None)) }
        };
        let (code, error) = (once("code")?, once("error")?);
        match (code, error) {
            (None, None) => Ok(match once("ask").unwrap_or_default() {
                Some(ask) => Self::StepUp { ask },
                None => Self::Start { next: once("next").unwrap_or_default() },
            }),
            (Some(_), Some(_)) => Err(start_again("the response has both a code and an error", None)),
            (Some(code), None) => Ok(Self::Returned {
                code: AuthorizationCode::new(code),
                state: once("state")?.unwrap_or_default(),
                iss: once("iss")?,
            }),
            (None, Some(error)) => Ok(Self::Refused {
                refusal: Refusal { error, description: once("error_description").unwrap_or_default() },
                state: once("state")?.unwrap_or_default(),
                iss: once("iss")?,
            }),
        }
    }
}

pub(super) fn start_again(cause: impl Into<Cow<'static, str>>, next: Option<ReturnPath>) -> AppError {
    AppError::StartAgain {
        message: "This sign-in cannot be completed, for example because it was started in another browser or its address was changed. Nothing is lost: just start again.".into(),
        cause: cause.into(),
        next,
    }
}
