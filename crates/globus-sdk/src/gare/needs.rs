//! What a service needs, and the login that gives it.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    auth::flow::AuthorizeParameters,
    scopes::{self, Scope, ScopeParseError, Scopes},
    text::plain,
};

pub(super) const CONSENT_REQUIRED: &str = "ConsentRequired";
pub(super) const PARAMETERS: &str = "authorization_parameters";
/// The code of a GARE that came without one.
pub const DEFAULT_CODE: &str = "AuthorizationRequired";

/// What a service needs before it does what was asked.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct Gare {
    /// The word that names the need: `ConsentRequired`, `AuthorizationRequired`, or the service's own.
    pub code: String,
    /// What a new login has to give.
    pub authorization_parameters: GlobusAuthorizationParameters,
    /// The document's other members.
    pub extra: Map<String, Value>,
}

/// What a login has to give, as the service wrote it. Every member may be absent.
///
/// ```
/// use globus_sdk::gare::{Gare, GlobusAuthorizationParameters};
/// use globus_sdk::serde_json::json;
///
/// let needs = GlobusAuthorizationParameters::new()
///     .with_session_message("Sign in with your institution")
///     .with_session_required_single_domain(["example.org"])
///     .with_session_required_mfa(true);
/// assert_eq!(
///     Gare::new("AuthorizationRequired", needs).to_dict(),
///     json!({
///         "code": "AuthorizationRequired",
///         "authorization_parameters": {
///             "session_message": "Sign in with your institution",
///             "session_required_single_domain": ["example.org"],
///             "session_required_mfa": true
///         }
///     })
/// );
/// ```
#[derive(Clone, Default, PartialEq)]
#[non_exhaustive]
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
    /// The other members of the object.
    pub extra: Map<String, Value>,
}

impl Gare {
    /// The GARE of a service of one's own: its code, and what a login has to give.
    #[must_use]
    pub fn new(code: impl Into<String>, authorization_parameters: GlobusAuthorizationParameters) -> Self {
        Self { code: code.into(), authorization_parameters, extra: Map::new() }
    }

    /// The document in its current form, without the members in `extra`.
    #[must_use]
    pub fn to_dict(&self) -> Value {
        self.known_over(Map::new(), self.authorization_parameters.to_dict())
    }

    /// The document in its current form with the members in `extra`, which never replace those that the form defines (the
    /// SDK's `to_dict(include_extra=True)`).
    #[must_use]
    pub fn to_dict_with_extra(&self) -> Value {
        self.known_over(self.extra.clone(), self.authorization_parameters.to_dict_with_extra())
    }

    fn known_over(&self, mut document: Map<String, Value>, authorization_parameters: Value) -> Value {
        document.insert("code".into(), self.code.clone().into());
        document.insert(PARAMETERS.into(), authorization_parameters);
        Value::Object(document)
    }

    /// What a new login needs so that the call may go through: the needs of this error, and its scopes together with
    /// `app_scopes`, which the app needs anyway and which come first.
    ///
    /// # Errors
    /// [`ScopeParseError`] when the service's or the app's scopes cannot be parsed, or make a cycle together.
    pub fn login_parameters(&self, app_scopes: impl Into<Scopes>) -> Result<LoginParameters, ScopeParseError> {
        let parameters = &self.authorization_parameters;
        let mut required = Vec::new();
        // One by one: texts that are no scopes must not make up some together.
        for text in parameters.required_scopes.iter().flatten() {
            required.extend(scopes::parse(text)?);
        }
        Ok(LoginParameters {
            scopes: scopes::merge(app_scopes, required)?,
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
    /// Nothing required yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    text_list_setters! {
        with_session_required_identities: session_required_identities;
        with_session_required_policies: session_required_policies;
        with_session_required_single_domain: session_required_single_domain;
        with_required_scopes: required_scopes;
    }

    text_setters! {
        with_session_message: session_message;
        with_prompt: prompt;
    }

    setters! {
        with_session_required_mfa: session_required_mfa = bool;
        with_extra: extra = Map<String, Value>;
    }

    /// The object, without members that are not given and without those in `extra`.
    #[must_use]
    pub fn to_dict(&self) -> Value {
        self.known_over(Map::new())
    }

    /// The object with the members in `extra`, which never replace known ones.
    #[must_use]
    pub fn to_dict_with_extra(&self) -> Value {
        self.known_over(self.extra.clone())
    }

    fn known_over(&self, mut document: Map<String, Value>) -> Value {
        let known: [(&str, Option<Value>); 7] = [
            ("session_message", self.session_message.clone().map(Value::from)),
            ("session_required_identities", self.session_required_identities.clone().map(Value::from)),
            ("session_required_policies", self.session_required_policies.clone().map(Value::from)),
            ("session_required_single_domain", self.session_required_single_domain.clone().map(Value::from)),
            ("session_required_mfa", self.session_required_mfa.map(Value::from)),
            ("required_scopes", self.required_scopes.clone().map(Value::from)),
            ("prompt", self.prompt.clone().map(Value::from)),
        ];
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
#[non_exhaustive]
pub struct LoginParameters {
    /// The scopes to ask for: the value of `scope`, which stands in another place than the rest.
    pub scopes: Vec<Scope>,
    /// Everything else, as a flow manager takes it.
    pub authorize: AuthorizeParameters,
}
