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
//! let login = gare.login_parameters(&scopes::parse("openid urn:globus:auth:scope:transfer.api.globus.org:all")?)?;
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

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    error::{ApiError, ErrorSubdocument, plain},
    flow::AuthorizeParameters,
    scopes::{self, Scope, ScopeParseError},
};

type Object = Map<String, Value>;

const CONSENT_REQUIRED: &str = "ConsentRequired";
const PARAMETERS: &str = "authorization_parameters";
/// The code of a GARE that came without one.
pub const DEFAULT_CODE: &str = "AuthorizationRequired";

/// What a service needs before it does what was asked.
#[derive(Clone, PartialEq)]
pub struct Gare {
    /// The word that names the need: `ConsentRequired`, `AuthorizationRequired`, or the service's own.
    pub code: String,
    /// What a new login has to give.
    pub authorization_parameters: GlobusAuthorizationParameters,
    /// The document's other members.
    pub extra: Map<String, Value>,
}

/// What a login has to give, as the service wrote it. Every member may be absent.
#[derive(Clone, Default, PartialEq)]
pub struct GlobusAuthorizationParameters {
    /// For the person, on Globus's login page. It comes from the service: show it as text alone.
    pub session_message: Option<String>,
    /// Identities that must all be in the session.
    pub session_required_identities: Option<Vec<String>>,
    /// Authentication policies that must be met.
    pub session_required_policies: Option<Vec<String>>,
    /// Domains of which the session must have one identity.
    pub session_required_single_domain: Option<Vec<String>>,
    /// Whether multi-factor authentication is needed.
    pub session_required_mfa: Option<bool>,
    /// Scopes that need the person's consent.
    pub required_scopes: Option<Vec<String>>,
    /// `login` makes the person sign in again even in a live session; `none` forbids to ask the person anything.
    pub prompt: Option<String>,
    /// The object's other members.
    pub extra: Map<String, Value>,
}

/// What a GARE can be found in.
#[derive(Clone, Copy, Debug)]
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

fn of_document(document: &Object) -> Option<Gare> {
    of_today(document)
        .or_else(|| of_parameters(document))
        .or_else(|| of_transfer(document))
        .or_else(|| of_action_provider(document))
        .or_else(|| of_auth(document))
}

fn of_today(document: &Object) -> Option<Gare> {
    let code = document.get("code")?.as_str()?.to_owned();
    let mut members = Members(document.get(PARAMETERS)?.as_object()?.clone());
    let authorization_parameters = GlobusAuthorizationParameters {
        session_message: members.text("session_message")?,
        session_required_identities: members.texts("session_required_identities")?,
        session_required_policies: members.texts("session_required_policies")?,
        session_required_single_domain: members.texts("session_required_single_domain")?,
        session_required_mfa: members.flag("session_required_mfa")?,
        required_scopes: members.texts("required_scopes")?,
        prompt: members.text("prompt")?,
        extra: members.0,
    };
    Some(Gare { code, authorization_parameters, extra: without(document, &["code", PARAMETERS]) })
}

fn of_parameters(document: &Object) -> Option<Gare> {
    let code = match document.get("code") {
        Some(Value::String(code)) if !code.is_empty() => code,
        Some(code) if !is_falsy(code) => return None,
        _ => DEFAULT_CODE,
    };
    let mut members = Members(document.get(PARAMETERS)?.as_object()?.clone());
    let authorization_parameters = GlobusAuthorizationParameters {
        session_message: members.text("session_message")?,
        session_required_identities: members.texts("session_required_identities")?,
        session_required_policies: members.texts_or_commas("session_required_policies")?,
        session_required_single_domain: members.texts_or_commas("session_required_single_domain")?,
        session_required_mfa: members.flag("session_required_mfa")?,
        prompt: members.take("prompt", |prompt| (prompt == "login").then(|| "login".to_owned()))?,
        // This form knows of no scopes; a list of them is taken all the same, and anything else is left where it is.
        required_scopes: members.texts("required_scopes").flatten(),
        extra: members.0,
    };
    let extra = without(document, &["code", PARAMETERS]);
    Some(Gare { code: code.to_owned(), authorization_parameters, extra })
}

fn of_transfer(document: &Object) -> Option<Gare> {
    let required_scopes = texts(consent_required(document)?.get("required_scopes")?)?;
    let authorization_parameters = GlobusAuthorizationParameters {
        required_scopes: Some(required_scopes),
        session_message: text_of(document, "message")?,
        ..GlobusAuthorizationParameters::default()
    };
    Some(Gare {
        code: CONSENT_REQUIRED.to_owned(),
        authorization_parameters,
        extra: without(document, &["code", "required_scopes"]),
    })
}

fn of_action_provider(document: &Object) -> Option<Gare> {
    let required_scope = consent_required(document)?.get("required_scope")?.as_str()?.to_owned();
    let authorization_parameters = GlobusAuthorizationParameters {
        required_scopes: Some(vec![required_scope]),
        session_message: text_of(document, "description")?,
        extra: document.get(PARAMETERS).and_then(Value::as_object).cloned().unwrap_or_default(),
        ..GlobusAuthorizationParameters::default()
    };
    Some(Gare {
        code: CONSENT_REQUIRED.to_owned(),
        authorization_parameters,
        extra: without(document, &["code", "required_scope", PARAMETERS]),
    })
}

fn of_auth(document: &Object) -> Option<Gare> {
    if document.get("error")?.as_str()? != "dependent_consent_required" {
        return None;
    }
    let first = document.get("errors")?.as_array()?.first()?.as_object()?;
    let scopes = first.get("unapproved_scopes").map_or(Some(Vec::new()), texts)?;
    let authorization_parameters =
        GlobusAuthorizationParameters { required_scopes: Some(scopes), ..GlobusAuthorizationParameters::default() };
    Some(Gare { code: CONSENT_REQUIRED.to_owned(), authorization_parameters, extra: Map::new() })
}

fn consent_required(document: &Object) -> Option<&Object> {
    (document.get("code")?.as_str()? == CONSENT_REQUIRED).then_some(document)
}

fn without(document: &Object, names: &[&str]) -> Object {
    let rest = document.iter().filter(|(name, _)| !names.contains(&name.as_str()));
    rest.map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// A text that may be absent or null; `None` when it is of another type.
fn text_of(document: &Object, name: &str) -> Option<Option<String>> {
    match document.get(name) {
        None | Some(Value::Null) => Some(None),
        Some(value) => value.as_str().map(|text| Some(text.to_owned())),
    }
}

/// The members of an object, taken out one by one by their type. A member that is absent or null gives `Some(None)`, one
/// of another type `None` and stays.
struct Members(Object);

impl Members {
    fn take<T>(&mut self, name: &str, read: impl FnOnce(&Value) -> Option<T>) -> Option<Option<T>> {
        let value = match self.0.get(name) {
            None | Some(Value::Null) => None,
            Some(value) => Some(read(value)?),
        };
        self.0.remove(name);
        Some(value)
    }

    fn text(&mut self, name: &str) -> Option<Option<String>> {
        self.take(name, |value| value.as_str().map(ToOwned::to_owned))
    }

    fn flag(&mut self, name: &str) -> Option<Option<bool>> {
        self.take(name, Value::as_bool)
    }

    fn texts(&mut self, name: &str) -> Option<Option<Vec<String>>> {
        self.take(name, texts)
    }

    fn texts_or_commas(&mut self, name: &str) -> Option<Option<Vec<String>>> {
        self.take(name, |value| match value {
            Value::String(text) => Some(text.split(',').map(ToOwned::to_owned).collect()),
            other => texts(other),
        })
    }
}

fn texts(value: &Value) -> Option<Vec<String>> {
    value.as_array()?.iter().map(|text| text.as_str().map(ToOwned::to_owned)).collect()
}

/// What counts as not given where a default takes its place.
fn is_falsy(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(object) => object.is_empty(),
        Value::Bool(true) => false,
    }
}

impl Gare {
    /// The document in the form of today; with the other members too if `include_extra` says so, but never in the
    /// place of a member that the form knows.
    #[must_use]
    pub fn to_dict(&self, include_extra: bool) -> Value {
        let mut document = if include_extra { self.extra.clone() } else { Map::new() };
        document.insert("code".into(), self.code.clone().into());
        document.insert("authorization_parameters".into(), self.authorization_parameters.to_dict(include_extra));
        Value::Object(document)
    }

    /// What a new login needs so that the call may go through: the needs of this error, and its scopes together with
    /// `app_scopes`, which the app needs anyway and which come first.
    ///
    /// # Errors
    /// [`ScopeParseError`] when the service's scopes are no scopes, or make a cycle with the app's.
    pub fn login_parameters(&self, app_scopes: &[Scope]) -> Result<LoginParameters, ScopeParseError> {
        let parameters = &self.authorization_parameters;
        let mut required = Vec::new();
        for text in parameters.required_scopes.iter().flatten() {
            required.extend(scopes::parse(text)?);
        }
        Ok(LoginParameters {
            scopes: scopes::merge(app_scopes, &required)?,
            authorize: AuthorizeParameters {
                session_required_identities: parameters.session_required_identities.clone(),
                session_required_single_domain: parameters.session_required_single_domain.clone(),
                session_required_policies: parameters.session_required_policies.clone(),
                session_required_mfa: parameters.session_required_mfa,
                session_message: parameters.session_message.clone(),
                prompt: parameters.prompt.clone(),
                query_params: Vec::new(),
            },
        })
    }
}

impl GlobusAuthorizationParameters {
    /// The object, without members that are not given; with the other members too if `include_extra` says so.
    #[must_use]
    pub fn to_dict(&self, include_extra: bool) -> Value {
        let known: [(&str, Option<Value>); 7] = [
            ("session_message", self.session_message.clone().map(Value::from)),
            ("session_required_identities", self.session_required_identities.clone().map(Value::from)),
            ("session_required_policies", self.session_required_policies.clone().map(Value::from)),
            ("session_required_single_domain", self.session_required_single_domain.clone().map(Value::from)),
            ("session_required_mfa", self.session_required_mfa.map(Value::from)),
            ("required_scopes", self.required_scopes.clone().map(Value::from)),
            ("prompt", self.prompt.clone().map(Value::from)),
        ];
        let mut document = if include_extra { self.extra.clone() } else { Map::new() };
        document.extend(known.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
        Value::Object(document)
    }
}

/// The code, what is needed, and which other members there are: their texts may quote anything.
impl fmt::Debug for Gare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gare")
            .field("code", &plain(&self.code))
            .field("authorization_parameters", &self.authorization_parameters)
            .field("extra", &self.extra.len())
            .finish()
    }
}

impl fmt::Debug for GlobusAuthorizationParameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GlobusAuthorizationParameters")
            .field("session_message", &self.session_message.as_ref().map(|_| "…"))
            .field("session_required_identities", &self.session_required_identities)
            .field("session_required_policies", &self.session_required_policies)
            .field("session_required_single_domain", &self.session_required_single_domain)
            .field("session_required_mfa", &self.session_required_mfa)
            .field("required_scopes", &self.required_scopes)
            .field("prompt", &self.prompt)
            .field("extra", &self.extra.len())
            .finish()
    }
}

/// What a login asks of Globus Auth beyond the usual (Globus Auth developer guide, "Sessions"). It can be kept while the
/// person is on the way to the login page.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoginParameters {
    /// The scopes to ask for: the value of `scope`, which stands in another place than the rest.
    pub scopes: Vec<Scope>,
    /// Everything else, as a flow manager takes it.
    pub authorize: AuthorizeParameters,
}
