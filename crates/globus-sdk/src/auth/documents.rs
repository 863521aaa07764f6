//! What Globus Auth returns about tokens, identities, providers and consents, and the queries for them.
//!
//! Required is what a document is about: whether a token is active, the id of an identity. An optional member of another
//! type than expected counts as absent, and so does an entry of a list that cannot be read. Members without a field are kept in
//! `more`.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::{
    document::{lenient, readable_items},
    scopes::Scopes,
};

/// What a dependent token grant asks for beyond the usual (Globus Auth developer guide, "dependent token grant").
///
/// ```
/// # use globus_sdk::auth::{ConfidentialAppAuthClient, DependentTokenOptions, TokenError};
/// # async fn example(app: ConfidentialAppAuthClient, token: globus_sdk::secret::AccessToken) -> Result<(), TokenError> {
/// let tokens = app.oauth2_get_dependent_tokens(&token, &DependentTokenOptions::new().with_refresh_tokens()).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DependentTokenOptions {
    pub(super) refresh_tokens: bool,
    pub(super) scopes: Option<Scopes>,
}

impl DependentTokenOptions {
    /// Access tokens for all services that the app depends on.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks for refresh tokens as well (`access_type=offline`).
    #[must_use]
    pub fn with_refresh_tokens(mut self) -> Self {
        self.refresh_tokens = true;
        self
    }

    /// Asks for these scopes alone.
    #[must_use]
    pub fn with_scopes(mut self, scopes: impl Into<Scopes>) -> Self {
        self.scopes = Some(scopes.into());
        self
    }
}

/// Which identities to get.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum IdentitiesQuery<'a> {
    /// By username; `provision` makes those that do not exist yet.
    Usernames {
        /// The usernames.
        usernames: &'a [&'a str],
        /// Whether to make an identity for a name that has none.
        provision: bool,
    },
    /// By id.
    Ids(&'a [&'a str]),
}

/// Which identity providers to get.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum ProvidersQuery<'a> {
    /// Those of these domains.
    Domains(&'a [&'a str]),
    /// Those with these ids.
    Ids(&'a [&'a str]),
}

/// What introspection returns about a token (RFC 7662 section 2.2; Globus Auth API, "Token Introspection"). For an
/// inactive token, all other members are absent.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct Introspection {
    /// Whether the token is valid now.
    pub active: bool,
    /// The scopes it has, space-separated.
    #[serde(default, deserialize_with = "lenient")]
    pub scope: Option<String>,
    /// The identity it acts for.
    #[serde(default, deserialize_with = "lenient")]
    pub sub: Option<String>,
    /// That identity's username.
    #[serde(default, deserialize_with = "lenient")]
    pub username: Option<String>,
    /// That identity's name.
    #[serde(default, deserialize_with = "lenient")]
    pub name: Option<String>,
    /// That identity's e-mail address.
    #[serde(default, deserialize_with = "lenient")]
    pub email: Option<String>,
    /// The app it was made for.
    #[serde(default, deserialize_with = "lenient")]
    pub client_id: Option<String>,
    /// The resource servers it is for.
    #[serde(default, deserialize_with = "one_or_many")]
    pub aud: Vec<String>,
    /// Who made it.
    #[serde(default, deserialize_with = "lenient")]
    pub iss: Option<String>,
    /// When it expires, in seconds since 1970.
    #[serde(default, deserialize_with = "lenient")]
    pub exp: Option<i64>,
    /// When it was made, in seconds since 1970.
    #[serde(default, deserialize_with = "lenient")]
    pub iat: Option<i64>,
    /// Not valid before this time, in seconds since 1970.
    #[serde(default, deserialize_with = "lenient")]
    pub nbf: Option<i64>,
    /// The ids of all linked identities (with `include` `identity_set`).
    #[serde(default, deserialize_with = "lenient")]
    pub identity_set: Option<Vec<String>>,
    /// All other members: `session_info`, `identity_set_detail`, `policy_evaluations`, …
    #[serde(flatten)]
    pub more: BTreeMap<String, Value>,
}

/// Some identities.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct Identities {
    /// The identities.
    #[serde(deserialize_with = "readable_items")]
    pub identities: Vec<Identity>,
}

/// An identity (Globus Auth API, "Identity Resource").
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct Identity {
    /// Its id.
    pub id: String,
    /// Its username, `name@domain`.
    #[serde(default, deserialize_with = "lenient")]
    pub username: String,
    /// The person's name.
    #[serde(default, deserialize_with = "lenient")]
    pub name: Option<String>,
    /// The e-mail address.
    #[serde(default, deserialize_with = "lenient")]
    pub email: Option<String>,
    /// The institution.
    #[serde(default, deserialize_with = "lenient")]
    pub organization: Option<String>,
    /// `used`, `unused`, `private` or `closed`.
    #[serde(default, deserialize_with = "lenient")]
    pub status: Option<String>,
    /// The id of its identity provider.
    #[serde(default, deserialize_with = "lenient")]
    pub identity_provider: Option<String>,
    /// All other members.
    #[serde(flatten)]
    pub more: BTreeMap<String, Value>,
}

/// Some identity providers.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct IdentityProviders {
    /// The identity providers.
    #[serde(deserialize_with = "readable_items")]
    pub identity_providers: Vec<IdentityProvider>,
}

/// An identity provider (Globus Auth API, "Identity Provider Resource").
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct IdentityProvider {
    /// Its id.
    pub id: String,
    /// Its name.
    #[serde(default, deserialize_with = "lenient")]
    pub name: Option<String>,
    /// The domains of its usernames.
    #[serde(default, deserialize_with = "lenient")]
    pub domains: Vec<String>,
    /// All other members.
    #[serde(flatten)]
    pub more: BTreeMap<String, Value>,
}

/// Some consents.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct Consents {
    /// The consents.
    #[serde(deserialize_with = "readable_items")]
    pub consents: Vec<Consent>,
}

/// A consent: an app may use a scope for a person (Globus Auth API, "Consents").
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct Consent {
    /// Its id.
    pub id: i64,
    /// The app, by its client id.
    pub client: String,
    /// The scope, by its id.
    pub scope: String,
    /// The scope's name.
    #[serde(default, deserialize_with = "lenient")]
    pub scope_name: Option<String>,
    /// The consents that this one depends on, from the first to this one.
    #[serde(default, deserialize_with = "lenient")]
    pub dependency_path: Vec<i64>,
    /// All other members.
    #[serde(flatten)]
    pub more: BTreeMap<String, Value>,
}

/// A list of strings, or a single one (RFC 7519 section 4.1.3); any other value counts as absent.
fn one_or_many<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::String(one) => vec![one],
        other => serde_json::from_value(other).unwrap_or_default(),
    })
}
