//! Scopes: values with their dependencies, the text they are sent as, and the names of well-known ones.
//!
//! A scope is a permission that an app asks for. In the text of Globus Auth (developer guide, "Scopes and consents";
//! RFC 6749 section 3.3 for the outer form) scopes are separated by spaces, `name[dependency …]` says what else the
//! service behind `name` may do for the person, as deep as need be, and a `*` right before a name marks the scope as
//! optional: atomically revocable, so that it can be refused or taken back without the others.
//!
//! ```
//! use globus_sdk::scopes::{self, GcsCollectionScopes, Scope};
//!
//! let collection = GcsCollectionScopes::new("aa752cea-8222-5bc8-acd9-555b090c0ccb")?;
//! let transfer = Scope::new(scopes::transfer::ALL)?.with_dependency(collection.data_access().optional())?;
//! assert_eq!(
//!     transfer.to_string(),
//!     "urn:globus:auth:scope:transfer.api.globus.org:all\
//!      [*https://auth.globus.org/scopes/aa752cea-8222-5bc8-acd9-555b090c0ccb/data_access]"
//! );
//!
//! // Equal names become one scope with the dependencies of both.
//! assert_eq!(scopes::parse("a[b] c a[d]")?, scopes::parse("a[b d] c")?);
//! # Ok::<(), scopes::ScopeParseError>(())
//! ```
//!
//! # Normal form
//!
//! A [`Scope`] is always in normal form, and so is what [`parse`] and [`merge`] give:
//!
//! - A name has the same dependencies wherever it stands in a text: `a[b] b[c]` is `a[b[c]] b[c]`, because consents are
//!   a graph of names and not a tree.
//! - A dependency that is both required and optional is required: `a[*b b]` is `a[b]`. At the top `b` and `*b` stay two
//!   scopes.
//! - Scopes and dependencies stand in the order in which they are first named in the text (for [`merge`]: in the first
//!   list, then in the second). The order is stable, so equal input gives equal text.
//! - No scope depends on itself, however far around.
//!
//! Printing and parsing again therefore gives the same value.

mod collections;
mod error;
mod graph;
mod parse;
mod scope;
mod text;
mod tokens;

pub use self::{
    collections::{GcsCollectionScopes, GcsEndpointScopes, SpecificFlowScopes},
    error::{MAX_DEPTH, MAX_SCOPES, ScopeParseError},
    parse::{merge, parse, serialize},
    scope::Scope,
    text::Scopes,
};

/// The scopes of the tutorial's login: who the person is, and everything that Transfer offers.
pub const DEFAULT: [&str; 4] = [auth::OPENID, auth::PROFILE, auth::EMAIL, transfer::ALL];

/// Scopes and names of Globus Auth.
pub mod auth {
    /// The resource server of Globus Auth's own APIs.
    pub const RESOURCE_SERVER: &str = "auth.globus.org";
    /// Asks for an id_token (OpenID Connect Core section 3.1.2.1).
    pub const OPENID: &str = "openid";
    /// Asks for name, organization and username.
    pub const PROFILE: &str = "profile";
    /// Asks for the e-mail address.
    pub const EMAIL: &str = "email";
    /// Manage projects and the apps in them.
    pub const MANAGE_PROJECTS: &str = "urn:globus:auth:scope:auth.globus.org:manage_projects";
    /// See when and how the person signed in.
    pub const VIEW_AUTHENTICATIONS: &str = "urn:globus:auth:scope:auth.globus.org:view_authentications";
    /// See the person's apps.
    pub const VIEW_CLIENTS: &str = "urn:globus:auth:scope:auth.globus.org:view_clients";
    /// See the person's apps and their scopes.
    pub const VIEW_CLIENTS_AND_SCOPES: &str = "urn:globus:auth:scope:auth.globus.org:view_clients_and_scopes";
    /// See the consents that the person gave.
    pub const VIEW_CONSENTS: &str = "urn:globus:auth:scope:auth.globus.org:view_consents";
    /// Look up identities.
    pub const VIEW_IDENTITIES: &str = "urn:globus:auth:scope:auth.globus.org:view_identities";
    /// See all identities that the person has linked.
    pub const VIEW_IDENTITY_SET: &str = "urn:globus:auth:scope:auth.globus.org:view_identity_set";
}

/// Scopes and names of Globus Transfer.
pub mod transfer {
    /// The resource server of the Transfer API.
    pub const RESOURCE_SERVER: &str = "transfer.api.globus.org";
    /// Everything the Transfer API offers.
    pub const ALL: &str = "urn:globus:auth:scope:transfer.api.globus.org:all";
    /// Set up Globus Connect Personal.
    pub const GCP_INSTALL: &str = "urn:globus:auth:scope:transfer.api.globus.org:gcp_install";
}

/// Scopes and names of Globus Groups.
pub mod groups {
    /// The resource server of the Groups API.
    pub const RESOURCE_SERVER: &str = "groups.api.globus.org";
    /// Everything the Groups API offers.
    pub const ALL: &str = "urn:globus:auth:scope:groups.api.globus.org:all";
    /// See the person's groups and memberships.
    pub const VIEW_MY_GROUPS_AND_MEMBERSHIPS: &str =
        "urn:globus:auth:scope:groups.api.globus.org:view_my_groups_and_memberships";
}

/// Scopes and names of Globus Search.
pub mod search {
    /// The resource server of the Search API.
    pub const RESOURCE_SERVER: &str = "search.api.globus.org";
    /// Everything the Search API offers.
    pub const ALL: &str = "urn:globus:auth:scope:search.api.globus.org:all";
    /// What Globus Connect Server needs.
    pub const GLOBUS_CONNECT_SERVER: &str = "urn:globus:auth:scope:search.api.globus.org:globus_connect_server";
    /// Add to indices.
    pub const INGEST: &str = "urn:globus:auth:scope:search.api.globus.org:ingest";
    /// Search.
    pub const SEARCH: &str = "urn:globus:auth:scope:search.api.globus.org:search";
}

/// Scopes and names of Globus Flows. Its scopes bear a client id and not the resource server's name.
pub mod flows {
    /// The resource server of the Flows API.
    pub const RESOURCE_SERVER: &str = "flows.globus.org";
    /// The client id in the scopes.
    pub const CLIENT_ID: &str = "eec9b274-0c81-4334-bdc2-54e90e689b9a";
    /// Everything the Flows API offers.
    pub const ALL: &str = "https://auth.globus.org/scopes/eec9b274-0c81-4334-bdc2-54e90e689b9a/all";
    /// Create, change and delete flows.
    pub const MANAGE_FLOWS: &str = "https://auth.globus.org/scopes/eec9b274-0c81-4334-bdc2-54e90e689b9a/manage_flows";
    /// See flows.
    pub const VIEW_FLOWS: &str = "https://auth.globus.org/scopes/eec9b274-0c81-4334-bdc2-54e90e689b9a/view_flows";
    /// Run flows.
    pub const RUN: &str = "https://auth.globus.org/scopes/eec9b274-0c81-4334-bdc2-54e90e689b9a/run";
    /// See how runs are getting on.
    pub const RUN_STATUS: &str = "https://auth.globus.org/scopes/eec9b274-0c81-4334-bdc2-54e90e689b9a/run_status";
    /// Change and cancel runs.
    pub const RUN_MANAGE: &str = "https://auth.globus.org/scopes/eec9b274-0c81-4334-bdc2-54e90e689b9a/run_manage";
}

/// Scopes and names of Globus Timers.
pub mod timers {
    /// The resource server of the Timers API.
    pub const RESOURCE_SERVER: &str = "524230d7-ea86-4a52-8312-86065a9e0417";
    /// Everything the Timers API offers.
    pub const TIMER: &str = "https://auth.globus.org/scopes/524230d7-ea86-4a52-8312-86065a9e0417/timer";
}

/// Scopes and names of Globus Compute. Its scopes bear a client id and not the resource server's name.
pub mod compute {
    /// The resource server of the Compute API.
    pub const RESOURCE_SERVER: &str = "funcx_service";
    /// The client id in the scopes.
    pub const CLIENT_ID: &str = "facd7ccc-c5f4-42aa-916b-a0e270e2c2a9";
    /// Everything the Compute API offers.
    pub const ALL: &str = "https://auth.globus.org/scopes/facd7ccc-c5f4-42aa-916b-a0e270e2c2a9/all";
}
