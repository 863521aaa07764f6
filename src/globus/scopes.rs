//! Names of well-known scopes and resource servers.

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
}

/// Scopes and names of Globus Transfer.
pub mod transfer {
    /// The resource server of the Transfer API.
    pub const RESOURCE_SERVER: &str = "transfer.api.globus.org";
    /// Everything the Transfer API offers.
    pub const ALL: &str = "urn:globus:auth:scope:transfer.api.globus.org:all";
}

/// Scopes and names of Globus Groups.
pub mod groups {
    /// The resource server of the Groups API.
    pub const RESOURCE_SERVER: &str = "groups.api.globus.org";
}
