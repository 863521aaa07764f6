//! Globus Auth with a person's token.

use serde::de::DeserializeOwned;
use url::Url;

use super::{
    claims::IdTokenClaims,
    documents::{Consents, Identities, IdentitiesQuery, IdentityProviders, ProvidersQuery},
};
use crate::{
    error::{CallError, Service},
    service::{
        authorizer::Authorizer,
        client::ServiceClient,
        http::HttpClient,
        query::{Parameters, segment},
        url::with_slash,
    },
};

/// A client of Globus Auth that acts with a person's token, or with any authorizer (the Python SDK's `AuthClient`).
#[derive(Clone, Debug)]
pub struct AuthClient {
    pub(super) service: ServiceClient,
}

impl AuthClient {
    /// A client of the Globus Auth at `base`.
    #[must_use]
    pub fn new(base: Url, http: HttpClient, authorizer: impl Into<Authorizer>) -> Self {
        let (base, authorizer) = (with_slash(base), authorizer.into());
        Self { service: ServiceClient { service: Service::Auth, base, http, authorizer } }
    }

    /// The claims about the person whose token this is (OpenID Connect Core section 5.3). Needs `openid`; its content
    /// depends on `profile` and `email`.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn userinfo(&self) -> Result<IdTokenClaims, CallError> {
        self.ask("v2/oauth2/userinfo", &Parameters::default()).await
    }

    /// The same for the person of a login: claims about anybody else than `subject`, the `sub` of its id_token, are refused
    /// (OpenID Connect Core section 5.3.2).
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn userinfo_of(&self, subject: &str) -> Result<IdTokenClaims, CallError> {
        let answer = self.service.fetch("v2/oauth2/userinfo", &Parameters::default()).await?;
        let claims: IdTokenClaims = answer.document()?;
        if claims.sub == subject { Ok(claims) } else { Err(answer.malformed("sub is not that of the id_token")) }
    }

    /// Identities by their usernames or ids (Globus Auth API, "Get Identities"). Names that nobody has are left out of the
    /// answer. Needs `view_identities`.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn get_identities(&self, query: &IdentitiesQuery<'_>) -> Result<Identities, CallError> {
        get_identities(&self.service, query).await
    }

    /// Identity providers by their domains or ids (Globus Auth API, "Get Identity Providers").
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn get_identity_providers(&self, query: &ProvidersQuery<'_>) -> Result<IdentityProviders, CallError> {
        let mut parameters = Parameters::default();
        match query {
            ProvidersQuery::Domains(domains) => parameters.set("domains", domains.join(",")),
            ProvidersQuery::Ids(ids) => parameters.set("ids", ids.join(",")),
        }
        self.ask("v2/api/identity_providers", &parameters).await
    }

    /// The consents that an identity has given (Globus Auth API, "Get Consents").
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn get_consents(&self, identity_id: &str) -> Result<Consents, CallError> {
        self.ask(&format!("v2/api/identities/{}/consents", segment(identity_id)?), &Parameters::default()).await
    }

    async fn ask<T: DeserializeOwned>(&self, path: &str, query: &Parameters) -> Result<T, CallError> {
        self.service.fetch(path, query).await?.document()
    }
}

pub(super) async fn get_identities(
    service: &ServiceClient,
    query: &IdentitiesQuery<'_>,
) -> Result<Identities, CallError> {
    let mut parameters = Parameters::default();
    match query {
        IdentitiesQuery::Usernames { usernames, provision } => {
            parameters.set("usernames", usernames.join(","));
            parameters.set("provision", if *provision { "true" } else { "false" });
        }
        IdentitiesQuery::Ids(ids) => parameters.set("ids", ids.join(",")),
    }
    service.fetch("v2/api/identities", &parameters).await?.document()
}

/// Calls that have no method here: `get`, `post`, `put`, `patch` and `delete` of [`ServiceClient`].
impl std::ops::Deref for AuthClient {
    type Target = ServiceClient;

    fn deref(&self) -> &ServiceClient {
        &self.service
    }
}
