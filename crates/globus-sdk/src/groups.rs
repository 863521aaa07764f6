//! Globus Groups: the groups a person is in, and one of them.
//!
//! To let in the members of a group only, ask with the person's token and look with [`is_active_member`].
//!
//! ```
//! use globus_sdk::{
//!     Globus,
//!     auth::RenewingAuthorizer,
//!     groups::is_active_member,
//!     scopes,
//! };
//!
//! # use globus_sandbox::{self as sandbox, Sandbox};
//! # use globus_sdk::{environment::Environment, http::HttpClient, secret::*};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let sandbox = Sandbox::bind(sandbox::Options::default()).await?;
//! # let environment = Environment::at(&sandbox.base_url().parse()?);
//! # tokio::spawn(sandbox.serve(std::future::pending()));
//! # let (client_id, client_secret) = (sandbox::CLIENT_ID.to_owned(), ClientSecret::new(sandbox::CLIENT_SECRET));
//! # let globus = Globus::new(environment, HttpClient::direct(Default::default())?);
//! # let app = globus.confidential_app(client_id, &client_secret);
//! // `globus` is `Globus::from_env()?`, or here, a sandbox. The app itself asks, and is in no group; for a person, use
//! // their token.
//! let scope = scopes::groups::VIEW_MY_GROUPS_AND_MEMBERSHIPS;
//! let authorizer = RenewingAuthorizer::client_credentials(app, scope, None);
//! let groups = globus.groups(authorizer).get_my_groups(&[]).await?;
//! assert!(!is_active_member(&groups, "63f9f0a1-5a1b-4c7e-9d55-1f0c5e7a0002"));
//! # Ok(())
//! # }
//! ```

use serde_json::Value;
use url::Url;

use crate::{
    error::{CallError, Service},
    service::{
        answer::Answer,
        authorizer::Authorizer,
        client::ServiceClient,
        http::HttpClient,
        query::{Parameters, segment},
        url::with_slash,
    },
};

documents! {
    /// A group (Groups API, "Get Group"). Texts are user input: escape them.
    Group {
        /// Its id, a UUID.
        id: String,
        /// Its name.
        name: Option<String>,
        /// What it is for.
        description: Option<String>,
        /// The group it is part of.
        parent_id: Option<String>,
        /// The groups that are part of it (with `include` `child_ids`).
        child_ids: Option<Vec<String>>,
        /// `regular` or `plus`.
        group_type: Option<String>,
        /// Whether using it asks for a fresh login.
        enforce_session: Option<bool>,
        /// How fresh, in seconds.
        session_limit: Option<u64>,
        /// By identity, when the login is no longer fresh enough.
        session_timeouts: Option<Value>,
        /// The person's own memberships: one for each of their identities that is in it.
        my_memberships: Vec<Membership>,
        /// The memberships of all members (with `include` `memberships`).
        memberships: Option<Vec<Membership>>,
        /// Who sees what of it.
        policies: Option<Policies>,
        /// What the person may do with it (with `include` `allowed_actions`).
        allowed_actions: Option<Vec<String>>,
        /// The subscription it belongs to.
        subscription_id: Option<String>,
    }

    /// What an identity is to a group.
    Membership {
        /// The group.
        group_id: Option<String>,
        /// The identity, by its id.
        identity_id: Option<String>,
        /// The identity's username.
        username: Option<String>,
        /// `member`, `manager` or `admin`.
        role: Option<String>,
        /// `active`, `invited`, `pending`, `rejected`, `removed`, `left` or `declined`.
        status: Option<String>,
    }

    /// A group's policies (Groups API, "Get Policies").
    Policies {
        /// Who finds it: `authenticated` or `private`.
        group_visibility: Option<String>,
        /// Who sees its members: `members` or `managers`.
        group_members_visibility: Option<String>,
        /// Whether it asks for a recent login.
        is_high_assurance: Option<bool>,
        /// How recent, in seconds.
        authentication_assurance_timeout: Option<u64>,
        /// Whether people can ask to be let in.
        join_requests: Option<bool>,
        /// What they have to fill in.
        signup_fields: Option<Vec<String>>,
    }
}

impl Membership {
    /// Whether the membership is active: invited, former and removed people are not members.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.status.as_deref() == Some("active")
    }
}

impl Group {
    /// Whether the person is a member, with any of their identities.
    #[must_use]
    pub fn is_active_member(&self) -> bool {
        let here = |membership: &Membership| membership.group_id.as_ref().is_none_or(|id| same_id(id, &self.id));
        self.my_memberships.iter().any(|membership| membership.is_active() && here(membership))
    }
}

/// Whether the person whose groups these are is an active member of the group with this id.
#[must_use]
pub fn is_active_member(groups: &[Group], group_id: &str) -> bool {
    groups.iter().any(|group| same_id(&group.id, group_id) && group.is_active_member())
}

/// UUIDs are the same in upper and lower case (RFC 9562 section 4); nothing is the same as no id.
fn same_id(one: &str, other: &str) -> bool {
    !one.is_empty() && one.eq_ignore_ascii_case(other)
}

/// A client of the Groups API (the Python SDK's `GroupsClient`).
#[derive(Clone, Debug)]
pub struct GroupsClient {
    service: ServiceClient,
}

impl GroupsClient {
    /// A client of the Groups API at `base`, with an authorizer for `groups.api.globus.org`.
    #[must_use]
    pub fn new(base: Url, http: HttpClient, authorizer: impl Into<Authorizer>) -> Self {
        let (base, authorizer) = (with_slash(base), authorizer.into());
        Self { service: ServiceClient { service: Service::Groups, base, http, authorizer } }
    }

    /// The groups of the person (Groups API, "Retrieve your groups and membership"). `statuses` asks for those with
    /// memberships of these statuses; none for Globus's default, which is `active`. Needs
    /// `urn:globus:auth:scope:groups.api.globus.org:view_my_groups_and_memberships`.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn get_my_groups(&self, statuses: &[&str]) -> Result<Vec<Group>, CallError> {
        self.ask("v2/groups/my_groups", "statuses", statuses).await?.list()
    }

    /// One group by its id (Groups API, "Get Group"). `include` asks for more: `memberships`, `my_memberships`,
    /// `policies`, `allowed_actions`, `child_ids`.
    ///
    /// # Errors
    /// [`CallError`]; status 404 when there is none, 403 when the person may not see it.
    pub async fn get_group(&self, group_id: &str, include: &[&str]) -> Result<Group, CallError> {
        self.ask(&format!("v2/groups/{}", segment(group_id)?), "include", include).await?.document()
    }

    /// `GET path` with a parameter that is a list, if there is anything in it.
    async fn ask(&self, path: &str, name: &str, list: &[&str]) -> Result<Answer, CallError> {
        let mut parameters = Parameters::default();
        parameters.set_some(name, (!list.is_empty()).then(|| list.join(",")));
        self.service.fetch_list(path, &parameters).await
    }
}

/// Calls that have no method here: `get`, `post`, `put`, `patch` and `delete` of [`ServiceClient`].
impl std::ops::Deref for GroupsClient {
    type Target = ServiceClient;

    fn deref(&self) -> &ServiceClient {
        &self.service
    }
}
