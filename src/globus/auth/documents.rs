//! What Globus Auth tells of tokens, identities, providers and consents, and how to ask for them.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

/// Which identities to get.
#[derive(Clone, Copy, Debug)]
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
pub enum ProvidersQuery<'a> {
    /// Those of these domains.
    Domains(&'a [&'a str]),
    /// Those with these ids.
    Ids(&'a [&'a str]),
}

/// What introspection tells of a token (RFC 7662 section 2.2; Globus Auth API, "Token Introspection"). Of a token that is
/// not active nothing else is told.
#[derive(Clone, Debug, Deserialize)]
pub struct Introspection {
    /// Whether the token is good now.
    pub active: bool,
    /// The scopes it has, space-separated.
    pub scope: Option<String>,
    /// The identity it acts for.
    pub sub: Option<String>,
    /// That identity's username.
    pub username: Option<String>,
    /// That identity's name.
    pub name: Option<String>,
    /// That identity's e-mail address.
    pub email: Option<String>,
    /// The app it was made for.
    pub client_id: Option<String>,
    /// The resource servers it is good at.
    #[serde(default)]
    pub aud: Vec<String>,
    /// Who made it.
    pub iss: Option<String>,
    /// When it expires, in seconds since 1970.
    pub exp: Option<i64>,
    /// When it was made, in seconds since 1970.
    pub iat: Option<i64>,
    /// From when on it is good, in seconds since 1970.
    pub nbf: Option<i64>,
    /// The ids of all linked identities (with `include` `identity_set`).
    pub identity_set: Option<Vec<String>>,
    /// Everything else that was told, as it came: `session_info`, `identity_set_detail`, `policy_evaluations`, …
    #[serde(flatten)]
    pub more: BTreeMap<String, Value>,
}

/// Some identities.
#[derive(Clone, Debug, Deserialize)]
pub struct Identities {
    /// The identities.
    pub identities: Vec<Identity>,
}

/// An identity (Globus Auth API, "Identity Resource").
#[derive(Clone, Debug, Deserialize)]
pub struct Identity {
    /// Its id.
    pub id: String,
    /// Its username, `name@domain`.
    pub username: String,
    /// The person's name.
    pub name: Option<String>,
    /// The e-mail address.
    pub email: Option<String>,
    /// The institution.
    pub organization: Option<String>,
    /// `used`, `unused`, `private` or `closed`.
    pub status: Option<String>,
    /// The id of its identity provider.
    pub identity_provider: Option<String>,
}

/// Some identity providers.
#[derive(Clone, Debug, Deserialize)]
pub struct IdentityProviders {
    /// The identity providers.
    pub identity_providers: Vec<IdentityProvider>,
}

/// An identity provider (Globus Auth API, "Identity Provider Resource").
#[derive(Clone, Debug, Deserialize)]
pub struct IdentityProvider {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: Option<String>,
    /// The domains of its usernames.
    #[serde(default)]
    pub domains: Vec<String>,
}

/// Some consents.
#[derive(Clone, Debug, Deserialize)]
pub struct Consents {
    /// The consents.
    pub consents: Vec<Consent>,
}

/// A consent: an app may use a scope for a person (Globus Auth API, "Consents").
#[derive(Clone, Debug, Deserialize)]
pub struct Consent {
    /// Its id.
    pub id: i64,
    /// The app, by its client id.
    pub client: String,
    /// The scope, by its id.
    pub scope: String,
    /// The scope's name.
    pub scope_name: Option<String>,
    /// The consents this one hangs on, from the first to this one.
    #[serde(default)]
    pub dependency_path: Vec<i64>,
    /// Everything else that was told, as it came.
    #[serde(flatten)]
    pub more: BTreeMap<String, Value>,
}
