//! The claims of `id_token` and userinfo, by scope (OpenID Connect Core, sections
//! 2, 5.3 and 5.4; "Globus Auth documentation", claims). Members come in the order in which Globus sends them.

use serde::Serialize;

use crate::memory::store::Store;
use crate::world::people::{Identity, Person};

/// Claims about a person: the facts about the primary identity, and those about every linked one.
#[derive(Serialize)]
pub(crate) struct Claims {
    #[serde(flatten)]
    primary: Facts,
    identity_set: Vec<Facts>,
}

/// Facts about one identity. A claim that no scope allows is absent; an allowed but unknown one is null, except that an
/// unknown organization is absent too.
#[derive(Serialize)]
struct Facts {
    sub: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    organization: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<Nullable>,
    /// The claim of OpenID Connect; an entry of `identity_set` has `username` in its place.
    #[serde(skip_serializing_if = "Option::is_none")]
    preferred_username: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    identity_provider: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    identity_provider_display_name: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<Nullable>,
    last_authentication: Option<i64>,
}

/// A text, or null.
#[derive(Serialize)]
#[serde(transparent)]
struct Nullable(Option<String>);

/// The claims of an `id_token`.
#[derive(Serialize)]
pub(crate) struct IdToken {
    #[serde(flatten)]
    pub(crate) claims: Claims,
    pub(crate) iss: String,
    pub(crate) aud: String,
    pub(crate) exp: i64,
    pub(crate) iat: i64,
    /// Globus sends none; only the fault `id-token-not-yet-valid` adds it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) nbf: Option<i64>,
    pub(crate) at_hash: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) nonce: Option<String>,
}

/// The claims that the granted scopes allow.
pub(crate) fn of_person(store: &Store, person: &Person, granted: impl Fn(&str) -> bool) -> Claims {
    let (profile, email) = (granted("profile"), granted("email"));
    let of = |identity: &Identity| facts(store, identity, profile, email);
    let entry = |identity: &Identity| {
        let facts = of(identity);
        Facts { username: facts.preferred_username, preferred_username: None, ..facts }
    };
    Claims { primary: of(&person.primary), identity_set: person.identities().map(entry).collect() }
}

fn facts(store: &Store, identity: &Identity, profile: bool, email: bool) -> Facts {
    Facts {
        sub: identity.id.clone(),
        organization: identity.organization.clone().filter(|_| profile),
        name: profile.then(|| Nullable(identity.name.clone())),
        preferred_username: profile.then(|| identity.username.clone()),
        username: None,
        identity_provider: profile.then_some(identity.provider.id),
        identity_provider_display_name: profile.then_some(identity.provider.name),
        email: email.then(|| Nullable(identity.email.clone())),
        last_authentication: store.last_authentication(&identity.id),
    }
}
