//! What people own in Transfer: endpoints and collections, and their documents.

use serde_json::{Map, Value, json};

use super::people::{Identity, JONAS, MIRA, PRIYA, People, Person, QUIRK, SCHOLAR};

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
    /// Ids of identities that may read it although it is not theirs.
    pub(super) shared_with: Vec<&'static str>,
    /// When its owner last used it, as Transfer prints dates.
    pub(super) last_used: Option<&'static str>,
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

    pub(super) fn is_shared_with(&self, person: &Person) -> bool {
        person.identities().any(|identity| self.shared_with.contains(&identity.id.as_str()))
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
            ("owner_id", json!(self.owner.id)),
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
        let manager = host.as_ref().map(|host| format!("https://{host}"));
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
            ("gcp_connected", json!(personal.then_some(true))),
            ("gcp_paused", json!(personal.then_some(false))),
            ("gcs_manager_url", json!(manager)),
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

    fn server(&self) -> Value {
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
}

impl Catalogue {
    pub(super) fn new(people: &People) -> Self {
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
        Self { all }
    }

    pub(super) fn find(&self, id: &str) -> Option<&Collection> {
        self.all.iter().find(|collection| collection.id == id)
    }

    pub(super) fn owned_by<'a>(&'a self, person: &'a Person) -> impl Iterator<Item = &'a Collection> {
        self.all.iter().filter(|collection| collection.is_owned_by(person))
    }
}

/// A collection that is like most: named, of its owner's institution, found by everybody.
fn collection(owner: &Identity, kind: Kind, id: &str, name: &str) -> Collection {
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
        last_used: None,
    }
}

fn of_mira(owner: &Identity) -> Vec<Collection> {
    let id = |last: u8| format!("542f1a4c-1145-4604-b926-dd8c9916ae{last:02x}");
    vec![
        Collection {
            description: Some("Raw frames of the Titan microscope, kept for 90 days.".into()),
            department: Some("Structural Biology".into()),
            keywords: vec!["cryo-em", "microscopy"],
            last_used: Some("2026-03-02"),
            ..collection(owner, Kind::Mapped, &id(1), "Northfield Cryo-EM Instrument")
        },
        Collection {
            description: Some("Deleted after 30 days without access.".into()),
            department: Some("Research Computing".into()),
            keywords: vec!["scratch", "hpc"],
            ..collection(owner, Kind::Mapped, &id(2), "Northfield HPC Scratch")
        },
        Collection {
            description: Some("Frames for the joint paper.".into()),
            shared_with: vec![PRIYA],
            ..collection(owner, Kind::Guest, &id(3), "Solano Lab: shared frames")
        },
        Collection {
            display_name: None,
            last_used: Some("2026-02-17"),
            ..collection(owner, Kind::Personal, &id(4), "")
        },
    ]
}

/// One server, its archive, and a guest collection for every experimental run: 57 in all.
fn of_jonas(owner: &Identity) -> Vec<Collection> {
    let id = |number: usize| format!("d3ca888e-1052-4ab5-ba4d-86dc76e9{number:04x}");
    let mut all = vec![
        Collection {
            description: Some("Data transfer nodes of the beamlines.".into()),
            ..collection(owner, Kind::Endpoint, &id(1), "Ridgeline DTN")
        },
        Collection {
            description: Some("Tape archive: a first byte may take minutes.".into()),
            department: Some("Scientific Data".into()),
            keywords: vec!["archive", "tape"],
            ..collection(owner, Kind::Mapped, &id(2), "Ridgeline Archive")
        },
        collection(owner, Kind::Personal, &id(3), "Jonas's workstation"),
        collection(owner, Kind::PersonalGuest, &id(4), "Workstation: posters"),
    ];
    all.extend((1..=53).map(|run| Collection {
        description: Some(format!("Detector images of run {run}.")),
        department: Some("Beamline 7".into()),
        keywords: vec!["beamline", "diffraction"],
        ..collection(owner, Kind::Guest, &id(4 + run), &format!("Beamline 7 run {run:03}"))
    }));
    all
}

fn of_the_scholar(owner: &Identity) -> Vec<Collection> {
    let id = "980aa732-3d57-41ff-adee-47cf13cc9dde";
    vec![collection(owner, Kind::Personal, id, "laptop")]
}

/// Collections of two of her identities: Transfer counts all of them as hers.
fn of_priya(person: &Person) -> Vec<Collection> {
    let id = |last: u8| format!("f7bef0ed-646a-4331-a254-abb10a5b72{last:02x}");
    let owner = &person.primary;
    let mut all = vec![
        Collection {
            description: Some("Floats and moorings, quality controlled.".into()),
            keywords: vec!["ocean", "sensors"],
            shared_with: vec![MIRA],
            ..collection(owner, Kind::Mapped, &id(1), "Coastal Sensor Store")
        },
        collection(owner, Kind::Personal, &id(2), "RV Meridian deck laptop"),
    ];
    all.extend(
        person
            .linked
            .first()
            .map(|university| collection(university, Kind::Guest, &id(3), "Ocean Modelling 402: assignments")),
    );
    all
}

fn of_quirk(owner: &Identity) -> Vec<Collection> {
    let id = |last: u8| format!("6daf5a2c-52d9-4217-a78d-a359537a8a{last:02x}");
    let script = "<script>alert(1)</script> & \"quotes\" 'single' {{ 7*7 }}";
    vec![
        Collection {
            description: Some("</td></table><h1>Broken out</h1>".into()),
            department: Some("\"><svg onload=alert(1)>".into()),
            ..collection(owner, Kind::Mapped, &id(1), script)
        },
        collection(owner, Kind::Guest, &id(2), "invoice\u{202e}fdp.exe \u{200f}שלום"),
        collection(owner, Kind::Personal, &id(3), &format!("{} 🧪🔬", "wide".repeat(60))),
        Collection {
            description: Some("first line\nsecond line\u{0}with a NUL".into()),
            ..collection(owner, Kind::Personal, &id(4), "   ")
        },
    ]
}
