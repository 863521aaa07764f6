//! Globus Auth Requirements Errors (GAREs): a service says what it needs before it does what was asked, and a new login
//! can give it that (Globus SDK documentation, "Globus Auth Requirements Errors"; Globus Auth developer guide, "Sessions").
//!
//! ```
//! use globus_sdk::{error::{ApiError, Service}, gare::to_gare, scopes};
//!
//! let body = br#"{
//!     "code": "ConsentRequired",
//!     "authorization_parameters": {
//!         "required_scopes": ["urn:globus:auth:scope:transfer.api.globus.org:all[*data]"],
//!         "session_required_single_domain": ["example.org"]
//!     }
//! }"#;
//! let error = ApiError::parse(Service::Transfer, 403, Some("application/json"), body);
//! let gare = to_gare(&error).ok_or("no GARE")?;
//! assert_eq!(gare.code, "ConsentRequired");
//!
//! // What the app needs anyway goes into the new login too.
//! let login = gare.login_parameters(["openid", scopes::transfer::ALL])?;
//! assert_eq!(scopes::serialize(&login.scopes)?, "openid urn:globus:auth:scope:transfer.api.globus.org:all[*data]");
//! assert_eq!(login.authorize.query_pairs(), [("session_required_single_domain", "example.org".to_owned())]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Services write it in five forms, which are tried in this order; types are strict, and unknown members are kept:
//!
//! 1. the form of today: `code` and `authorization_parameters`;
//! 2. the same without `code`, or with policies and domains as one text with commas;
//! 3. Transfer: `code` is `ConsentRequired`, with a list `required_scopes`;
//! 4. action providers: `code` is `ConsentRequired`, with one text `required_scope`;
//! 5. Globus Auth: `error` is `dependent_consent_required`, with `unapproved_scopes` in the first of `errors`.

mod forms;
mod needs;

use serde_json::{Map, Value};

use self::forms::of_document;
pub use self::needs::{DEFAULT_CODE, Gare, GlobusAuthorizationParameters, LoginParameters};
use crate::error::{ApiError, ErrorSubdocument};

/// What a GARE can be found in.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum ErrorDocument<'a> {
    /// A whole error answer, with all that it lists.
    Error(&'a ApiError),
    /// One document.
    Document(&'a Map<String, Value>),
    /// JSON that is no object.
    Other,
}

impl<'a> From<&'a ApiError> for ErrorDocument<'a> {
    fn from(error: &'a ApiError) -> Self {
        Self::Error(error)
    }
}

impl<'a> From<ErrorSubdocument<'a>> for ErrorDocument<'a> {
    fn from(subdocument: ErrorSubdocument<'a>) -> Self {
        Self::Document(subdocument.raw())
    }
}

impl<'a> From<&'a Value> for ErrorDocument<'a> {
    fn from(document: &'a Value) -> Self {
        document.as_object().map_or(Self::Other, Self::Document)
    }
}

impl<'a> From<&'a Map<String, Value>> for ErrorDocument<'a> {
    fn from(document: &'a Map<String, Value>) -> Self {
        Self::Document(document)
    }
}

/// The GARE of an error answer, of one of its subdocuments or of a JSON document, in any of the
/// [five forms](self); `None` when it is none. Of an answer that has several it is that of the whole document, or else
/// the first of its list.
#[must_use]
pub fn to_gare<'a>(error: impl Into<ErrorDocument<'a>>) -> Option<Gare> {
    match error.into() {
        ErrorDocument::Error(error) => error
            .document()
            .and_then(of_document)
            .or_else(|| error.errors().iter().find_map(|subdocument| of_document(subdocument.raw()))),
        ErrorDocument::Document(document) => of_document(document),
        ErrorDocument::Other => None,
    }
}

/// All GAREs of some errors. One answer can have several: those of its list in their order, then that of the whole
/// document.
#[must_use]
pub fn to_gares<'a, E: Into<ErrorDocument<'a>>>(errors: impl IntoIterator<Item = E>) -> Vec<Gare> {
    let mut gares = Vec::new();
    for error in errors {
        match error.into() {
            ErrorDocument::Error(error) => {
                gares.extend(error.errors().iter().filter_map(|subdocument| of_document(subdocument.raw())));
                // Without a list the whole document is already among the subdocuments.
                let whole = error.document().filter(|document| document.contains_key("errors"));
                gares.extend(whole.and_then(of_document));
            }
            other => gares.extend(to_gare(other)),
        }
    }
    gares
}

/// Whether [`to_gare`] finds one.
#[must_use]
pub fn is_gare<'a>(error: impl Into<ErrorDocument<'a>>) -> bool {
    to_gare(error).is_some()
}

/// Whether [`to_gare`] finds one in any of some errors.
#[must_use]
pub fn has_gares<'a, E: Into<ErrorDocument<'a>>>(errors: impl IntoIterator<Item = E>) -> bool {
    errors.into_iter().any(is_gare)
}
