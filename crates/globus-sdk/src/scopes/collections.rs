//! Scopes that bear the id of a collection, an endpoint or a flow.

use super::{error::ScopeParseError, scope::Scope};

fn url_scope(resource_server: &str, name: &str) -> Scope {
    Scope::from_parts(&format!("https://auth.globus.org/scopes/{resource_server}/{name}"), false, Vec::new())
}

fn urn_scope(resource_server: &str, name: &str) -> Scope {
    Scope::from_parts(&format!("urn:globus:auth:scope:{resource_server}:{name}"), false, Vec::new())
}

/// An id that can stand in the middle of a scope's name.
fn id(text: &str) -> Result<String, ScopeParseError> {
    Scope::new(text).map(|scope| scope.scope_string().to_owned())
}

/// The scopes of a Globus Connect Server collection. The collection's id is the resource server.
///
/// A collection that has no such scope makes the whole login fail at Globus ("Unknown scope"): only mapped collections
/// that are not high-assurance have `data_access` (Transfer documentation, "Consents for data access").
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GcsCollectionScopes {
    resource_server: String,
}

impl GcsCollectionScopes {
    /// The scopes of the collection with this id.
    ///
    /// # Errors
    /// [`ScopeParseError::Name`] when the text cannot be an id: it is empty or has one of `[]* `.
    pub fn new(collection_id: &str) -> Result<Self, ScopeParseError> {
        Ok(Self { resource_server: id(collection_id)? })
    }

    /// The collection's id.
    #[must_use]
    pub fn resource_server(&self) -> &str {
        &self.resource_server
    }

    /// Read and write data on it: a dependency of [`transfer::ALL`](super::transfer::ALL), mostly an optional one.
    #[must_use]
    pub fn data_access(&self) -> Scope {
        url_scope(&self.resource_server, "data_access")
    }

    /// Download and upload over HTTPS.
    #[must_use]
    pub fn https(&self) -> Scope {
        url_scope(&self.resource_server, "https")
    }
}

/// The scopes of a Globus Connect Server endpoint. The endpoint's id is the resource server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GcsEndpointScopes {
    resource_server: String,
}

impl GcsEndpointScopes {
    /// The scopes of the endpoint with this id.
    ///
    /// # Errors
    /// [`ScopeParseError::Name`] when the text cannot be an id: it is empty or has one of `[]* `.
    pub fn new(endpoint_id: &str) -> Result<Self, ScopeParseError> {
        Ok(Self { resource_server: id(endpoint_id)? })
    }

    /// The endpoint's id.
    #[must_use]
    pub fn resource_server(&self) -> &str {
        &self.resource_server
    }

    /// Manage its collections.
    #[must_use]
    pub fn manage_collections(&self) -> Scope {
        urn_scope(&self.resource_server, "manage_collections")
    }
}

/// The scopes of one flow, as distinct from the Flows service ([`flows`](super::flows)). The flow's id is the resource
/// server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpecificFlowScopes {
    resource_server: String,
}

impl SpecificFlowScopes {
    /// The scopes of the flow with this id.
    ///
    /// # Errors
    /// [`ScopeParseError::Name`] when the text cannot be an id: it is empty or has one of `[]* `.
    pub fn new(flow_id: &str) -> Result<Self, ScopeParseError> {
        Ok(Self { resource_server: id(flow_id)? })
    }

    /// The flow's id.
    #[must_use]
    pub fn resource_server(&self) -> &str {
        &self.resource_server
    }

    /// Start a run of the flow.
    #[must_use]
    pub fn user(&self) -> Scope {
        let name = format!("flow_{}_user", self.resource_server.replace('-', "_"));
        url_scope(&self.resource_server, &name)
    }
}
