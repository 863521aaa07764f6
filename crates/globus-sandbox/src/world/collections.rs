//! Endpoints and collections, and their documents.

use serde_json::{Map, Value, json};

use crate::ground::hosts::LABEL;
use crate::world::people::{Identity, Person};

/// The entity types of the Transfer documentation that the sandbox has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A laptop or workstation with Globus Connect Personal.
    Personal,
    /// A folder shared from there.
    PersonalGuest,
    /// A Globus Connect Server installation.
    Endpoint,
    /// Its storage, for people with an account there.
    Mapped,
    /// A folder shared from there.
    Guest,
}

impl Kind {
    pub(crate) fn entity_type(self) -> &'static str {
        match self {
            Self::Personal => "GCP_mapped_collection",
            Self::PersonalGuest => "GCP_guest_collection",
            Self::Endpoint => "GCSv5_endpoint",
            Self::Mapped => "GCSv5_mapped_collection",
            Self::Guest => "GCSv5_guest_collection",
        }
    }

    pub(crate) fn is_personal(self) -> bool {
        matches!(self, Self::Personal | Self::PersonalGuest)
    }

    pub(crate) fn is_guest(self) -> bool {
        matches!(self, Self::Guest | Self::PersonalGuest)
    }
}

/// The fault of a collection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// Reports a missing consent in the older form, without `authorization_parameters`.
    OldConsent,
    Deleted,
    OffLine,
    /// Requires a session with an identity of `troubles::WANTED_DOMAIN`.
    Domain,
    /// Requires the policy `policies::SENSITIVE`.
    Policy,
    /// Requires multi-factor authentication.
    Mfa,
    EndpointDenied,
    Denied,
    Maintenance,
    Unreachable,
    /// Its tasks take an hour.
    Slow,
    /// Its tasks wait for their owner.
    Inactive,
    /// Its tasks meet a broken connection on their way.
    Flaky,
    /// Its manager pauses all tasks.
    Paused,
}

/// One endpoint or collection.
pub(crate) struct Collection {
    pub(crate) id: String,
    pub(crate) kind: Kind,
    pub(crate) owner: Identity,
    /// Null for some old ones; pages then show the canonical name.
    pub(crate) display_name: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) organization: Option<String>,
    pub(crate) department: Option<String>,
    pub(crate) keywords: Vec<&'static str>,
    /// Whether people other than its owner find it by search.
    pub(crate) public: bool,
    /// Ids of the identities that it is shared with from the start.
    pub(crate) shared_with: Vec<&'static str>,
    /// Its Globus Connect Server endpoint, which Transfer names as its owner; an endpoint is its own.
    pub(crate) served_by: Option<String>,
    /// The URL of the manager of that endpoint.
    pub(crate) manager_url: Option<String>,
    /// Where its files are served.
    pub(crate) https_server: Option<String>,
    /// When its owner last used it, as a date of Transfer.
    pub(crate) last_used: Option<&'static str>,
    /// Whether everyone may read and write it.
    pub(crate) open: bool,
    /// How many files are in its large folders; with any it has folders with odd names too.
    pub(crate) crowds: &'static [u32],
    /// Its fault, if any.
    pub(crate) trouble: Option<Trouble>,
}

impl Collection {
    pub(crate) fn canonical_name(&self) -> String {
        format!("u_{}#{}", self.account(), self.id)
    }

    pub(crate) fn shown_name(&self) -> String {
        self.display_name.clone().unwrap_or_else(|| self.canonical_name())
    }

    pub(crate) fn is_owned_by(&self, person: &Person) -> bool {
        person.identities().any(|identity| identity.id == self.owner.id)
    }

    /// `owner_id` of its documents.
    pub(crate) fn owner_id(&self) -> &str {
        self.served_by.as_deref().unwrap_or(&self.owner.id)
    }

    /// Whether it is a guest collection on that one.
    pub(crate) fn is_hosted_by(&self, host: &Self) -> bool {
        let kinds =
            matches!((self.kind, host.kind), (Kind::Guest, Kind::Mapped) | (Kind::PersonalGuest, Kind::Personal));
        kinds && self.owner.id == host.owner.id
    }

    /// Whether its files can be had over https: those of Globus Connect Server.
    pub(crate) fn has_files(&self) -> bool {
        matches!(self.kind, Kind::Mapped | Kind::Guest)
    }

    /// The first part of its host name. The end of the id tells collections of one owner apart.
    pub(crate) fn label(&self) -> String {
        format!("{LABEL}{}{}", &self.id[..6], &self.id[32..])
    }

    /// Canonical names begin with a made-up account name, the same for everything that one identity owns.
    fn account(&self) -> String {
        self.owner.id.replace('-', "")
    }

    /// The document that an endpoint search lists (Transfer documentation, "Endpoint Document").
    pub(crate) fn document(&self, reader: &Person) -> Map<String, Value> {
        let mut document = Map::new();
        for name in NULL_MEMBERS {
            document.insert(name.into(), Value::Null);
        }
        for name in FALSE_MEMBERS {
            document.insert(name.into(), Value::Bool(false));
        }
        document.extend(self.identity_members(reader));
        document.extend(self.text_members());
        document.extend(self.service_members());
        document
    }

    /// The document of a single endpoint, which also has its servers and storage type.
    pub(crate) fn full_document(&self, reader: &Person) -> Map<String, Value> {
        let mut document = self.document(reader);
        let servers = if self.kind == Kind::Endpoint { vec![self.server()] } else { vec![] };
        document.insert("DATA".into(), servers.into());
        document.insert("storage_type".into(), Value::Null);
        document
    }

    fn identity_members(&self, reader: &Person) -> [(String, Value); 10] {
        let roles: &[&str] =
            if self.is_owned_by(reader) { &["administrator", "activity_manager", "activity_monitor"] } else { &[] };
        [
            ("DATA_TYPE", json!("endpoint")),
            ("id", json!(self.id)),
            ("name", json!(self.id)),
            ("username", json!(format!("u_{}", self.account()))),
            ("canonical_name", json!(self.canonical_name())),
            ("display_name", json!(self.display_name)),
            ("entity_type", json!(self.kind.entity_type())),
            ("owner_id", json!(self.owner_id())),
            ("owner_string", json!(self.owner.username)),
            ("my_effective_roles", json!(roles)),
        ]
        .map(|(name, value)| (name.into(), value))
    }

    fn text_members(&self) -> [(String, Value); 8] {
        let keywords = (!self.keywords.is_empty()).then(|| self.keywords.join(","));
        [
            ("description", json!(self.description)),
            ("organization", json!(self.organization)),
            ("department", json!(self.department)),
            ("keywords", json!(keywords)),
            ("contact_email", json!(self.owner.email)),
            ("public", json!(self.public)),
            ("last_accessed_time", json!(self.last_used)),
            ("default_directory", json!(self.default_directory())),
        ]
        .map(|(name, value)| (name.into(), value))
    }

    fn service_members(&self) -> [(String, Value); 15] {
        let personal = self.kind.is_personal();
        let host = (!personal).then(|| self.host());
        let tls =
            host.as_ref().filter(|_| self.has_files()).map(|host| format!("tlsftp://{}.{host}:443", self.label()));
        [
            ("expires_in", json!(-1)),
            ("max_concurrency", json!(4)),
            ("max_parallelism", json!(8)),
            ("preferred_concurrency", json!(2)),
            ("preferred_parallelism", json!(4)),
            ("location", json!("Automatic")),
            ("network_use", json!("normal")),
            ("is_globus_connect", json!(personal)),
            ("gcp_connected", json!(personal.then_some(self.trouble != Some(Trouble::OffLine)))),
            ("gcp_paused", json!(personal.then_some(false))),
            ("gcs_manager_url", json!(self.manager_url)),
            ("gcs_version", json!((!personal).then_some("5.4.83"))),
            ("https_server", json!(self.https_server)),
            ("tlsftp_server", json!(tls)),
            ("non_functional", json!(self.kind == Kind::Endpoint)),
        ]
        .map(|(name, value)| (name.into(), value))
    }

    fn default_directory(&self) -> Option<&'static str> {
        match self.kind {
            Kind::Endpoint => None,
            Kind::Personal => Some("/~/"),
            _ => Some("/{server_default}/"),
        }
    }

    fn host(&self) -> String {
        format!("{}.data.{}", self.owner.provider.short_name, self.owner.domain())
    }

    pub(crate) fn server(&self) -> Value {
        let host = self.host();
        json!({
            "DATA_TYPE": "server",
            "hostname": host,
            "id": 100_001,
            "incoming_data_port_end": null,
            "incoming_data_port_start": null,
            "is_connected": true,
            "is_paused": false,
            "outgoing_data_port_end": null,
            "outgoing_data_port_start": null,
            "port": 443,
            "scheme": "gsiftp",
            "subject": null,
            "uri": format!("gsiftp://{host}:443"),
        })
    }
}

/// A typical collection: with a name, of its owner's institution, found by everyone's search.
pub(crate) fn usual(owner: &Identity, kind: Kind, id: &str, name: &str) -> Collection {
    Collection {
        id: id.into(),
        kind,
        owner: owner.clone(),
        display_name: Some(name.into()),
        description: None,
        organization: owner.organization.clone(),
        department: None,
        keywords: vec![],
        public: !kind.is_personal(),
        shared_with: vec![],
        served_by: None,
        manager_url: None,
        https_server: None,
        last_used: None,
        open: false,
        crowds: &[],
        trouble: None,
    }
}

/// Members that are null on all of the sandbox's collections: mostly leftovers of older endpoints.
const NULL_MEMBERS: [&str; 26] = [
    "acl_max_expiration_period_mins",
    "authentication_assurance_timeout",
    "authentication_policy_id",
    "authentication_timeout_mins",
    "contact_info",
    "expire_time",
    "globus_connect_setup_key",
    "host_endpoint",
    "host_endpoint_display_name",
    "host_endpoint_id",
    "host_path",
    "info_link",
    "local_user_info_available",
    "mapped_collection_display_name",
    "mapped_collection_id",
    "myproxy_dn",
    "myproxy_server",
    "non_functional_endpoint_display_name",
    "non_functional_endpoint_id",
    "oauth_server",
    "s3_url",
    "sharing_target_endpoint",
    "sharing_target_root_path",
    "subscription_id",
    "user_message",
    "user_message_link",
];

/// Members that are false on all of them.
const FALSE_MEMBERS: [&str; 14] = [
    "acl_available",
    "acl_editable",
    "activated",
    "disable_anonymous_writes",
    "disable_verify",
    "force_encryption",
    "force_verify",
    "french_english_bilingual",
    "high_assurance",
    "in_use",
    "mfa_required",
    "requester_pays",
    "s3_owner_activated",
    "shareable",
];
