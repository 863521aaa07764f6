//! What people own in Transfer: endpoints and collections, and their documents.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::belongings::{self, of_jonas, of_mira, of_priya, of_quirk, of_the_scholar};
use super::people::{Identity, JONAS, MIRA, PRIYA, People, Person, QUIRK, SCHOLAR};
use super::random;
use super::troubles::{self, Trouble};

/// The entity types of the Transfer documentation that the sandbox has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A laptop or workstation with Globus Connect Personal.
    Personal,
    /// A folder that somebody shares from there.
    PersonalGuest,
    /// A Globus Connect Server installation.
    Endpoint,
    /// Its storage, for people with an account there.
    Mapped,
    /// A folder that somebody shares from there.
    Guest,
}

impl Kind {
    pub(super) fn entity_type(self) -> &'static str {
        match self {
            Self::Personal => "GCP_mapped_collection",
            Self::PersonalGuest => "GCP_guest_collection",
            Self::Endpoint => "GCSv5_endpoint",
            Self::Mapped => "GCSv5_mapped_collection",
            Self::Guest => "GCSv5_guest_collection",
        }
    }

    pub(super) fn is_personal(self) -> bool {
        matches!(self, Self::Personal | Self::PersonalGuest)
    }

    pub(super) fn is_guest(self) -> bool {
        matches!(self, Self::Guest | Self::PersonalGuest)
    }
}

/// One endpoint or collection.
pub(super) struct Collection {
    pub(super) id: String,
    pub(super) kind: Kind,
    pub(super) owner: Identity,
    /// Null for some old ones; pages then show the canonical name.
    pub(super) display_name: Option<String>,
    pub(super) description: Option<String>,
    pub(super) organization: Option<String>,
    pub(super) department: Option<String>,
    pub(super) keywords: Vec<&'static str>,
    /// Whether a search of strangers finds it.
    pub(super) public: bool,
    /// Ids of identities that may use it from the start although it is not theirs.
    pub(super) shared_with: Vec<&'static str>,
    /// The Globus Connect Server endpoint that it is on, which Transfer names as its owner; an endpoint is on itself.
    pub(super) served_by: Option<String>,
    /// Where the manager of that endpoint is.
    pub(super) manager_url: Option<String>,
    /// When its owner last used it, as Transfer prints dates.
    pub(super) last_used: Option<&'static str>,
    /// Everybody may read and write it.
    pub(super) open: bool,
    /// What it does wrong.
    pub(super) trouble: Option<Trouble>,
}

impl Collection {
    pub(super) fn canonical_name(&self) -> String {
        format!("u_{}#{}", self.account(), self.id)
    }

    pub(super) fn shown_name(&self) -> String {
        self.display_name.clone().unwrap_or_else(|| self.canonical_name())
    }

    pub(super) fn is_owned_by(&self, person: &Person) -> bool {
        person.identities().any(|identity| identity.id == self.owner.id)
    }

    /// `owner_id` of its documents.
    pub(super) fn owner_id(&self) -> &str {
        self.served_by.as_deref().unwrap_or(&self.owner.id)
    }

    /// Whether it is a guest collection on that one.
    pub(super) fn is_hosted_by(&self, host: &Self) -> bool {
        let kinds =
            matches!((self.kind, host.kind), (Kind::Guest, Kind::Mapped) | (Kind::PersonalGuest, Kind::Personal));
        kinds && self.owner.id == host.owner.id
    }

    /// Canonical names begin with a made-up account name, the same for everything that one identity owns.
    fn account(&self) -> String {
        self.owner.id.replace('-', "")
    }

    /// The document that an endpoint search lists (Transfer documentation, "Endpoint Document").
    pub(super) fn document(&self, reader: &Person) -> Map<String, Value> {
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

    /// The document of one endpoint has its servers and the kind of its storage besides.
    pub(super) fn full_document(&self, reader: &Person) -> Map<String, Value> {
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
        let https = host
            .as_ref()
            .filter(|_| self.kind != Kind::Endpoint)
            .map(|host| format!("https://m-{}.{host}", &self.id[..6]));
        let tls = https.as_ref().map(|url| format!("{}:443", url.replace("https:", "tlsftp:")));
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
            ("https_server", json!(https)),
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

    pub(super) fn server(&self) -> Value {
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

/// Members that are null on all the sandbox's collections: mostly remains of older endpoints.
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

/// Everything that Transfer knows.
pub(super) struct Catalogue {
    pub(super) all: Vec<Collection>,
    /// Endpoints that no search finds: of institutions whose collections are all that people see.
    servers: Vec<Collection>,
}

impl Catalogue {
    /// `manager_url` is where all endpoints of Globus Connect Server are managed.
    pub(super) fn new(people: &People, manager_url: &str) -> Self {
        let mut all = Vec::new();
        for person in &people.all {
            let owner = &person.primary;
            all.extend(match owner.id.as_str() {
                MIRA => of_mira(owner),
                JONAS => of_jonas(owner),
                SCHOLAR => of_the_scholar(owner),
                PRIYA => of_priya(person),
                QUIRK => of_quirk(owner),
                _ => vec![],
            });
        }
        all.extend(troubles::collections());
        let mut servers = servers(&mut all);
        for collection in all.iter_mut().chain(&mut servers).filter(|collection| !collection.kind.is_personal()) {
            collection.manager_url = Some(manager_url.to_owned());
        }
        Self { all, servers }
    }

    /// Everything, with the endpoints that no search finds.
    pub(super) fn every(&self) -> impl Iterator<Item = &Collection> {
        self.all.iter().chain(&self.servers)
    }

    pub(super) fn find(&self, id: &str) -> Option<&Collection> {
        self.every().find(|collection| collection.id == id)
    }

    pub(super) fn owned_by<'a>(&'a self, person: &'a Person) -> impl Iterator<Item = &'a Collection> {
        self.all.iter().filter(|collection| collection.is_owned_by(person))
    }
}

/// Puts each collection of Globus Connect Server on the endpoint of its owner's institution, and makes those that are
/// missing.
fn servers(all: &mut [Collection]) -> Vec<Collection> {
    let mut endpoints: BTreeMap<String, String> = BTreeMap::new();
    for endpoint in all.iter().filter(|collection| collection.kind == Kind::Endpoint) {
        endpoints.insert(endpoint.owner.domain().to_owned(), endpoint.id.clone());
    }
    let mut servers = Vec::new();
    for collection in all.iter_mut().filter(|collection| !collection.kind.is_personal()) {
        let endpoint = endpoints.entry(collection.owner.domain().to_owned()).or_insert_with(|| {
            let owner = &collection.owner;
            let id = random::uuid_of(&format!("endpoint of {}", owner.domain()));
            let name = format!("{} data transfer nodes", owner.provider.name);
            let served_by = Some(id.clone());
            servers.push(Collection {
                served_by,
                public: false,
                ..belongings::collection(owner, Kind::Endpoint, &id, &name)
            });
            id
        });
        collection.served_by = Some(endpoint.clone());
    }
    servers
}
