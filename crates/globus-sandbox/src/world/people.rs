//! The people who can sign in: invented, from invented institutions.
//!
//! | username | what it is for |
//! |---|---|
//! | `mira@northfield.example` | the everyday researcher: a linked Globus ID, four collections, one without a display name |
//! | `jonas@ridgeline.example` | 57 collections: three pages of 25 |
//! | `amara@globusid.org` | a Globus ID without organization or collections |
//! | `0009-0004-7312-5580@scholar-id.example` | a researcher registry account: no name, no e-mail, no organization |
//! | `priya@coastal.example` | identities at three institutions, for apps that ask for one of them |
//! | `quirk@hostile.example` | text that breaks careless pages |
//!
//! What they own is in `collections`. Their ids never change, so tests and bookmarks may rely on them.

use std::sync::Arc;

use crate::ground::random;

/// Where an identity comes from ("Globus Auth documentation", identity providers).
pub(crate) struct Provider {
    pub(crate) id: &'static str,
    pub(crate) name: &'static str,
    pub(crate) short_name: &'static str,
    pub(crate) domain: &'static str,
}

/// One identity of a person, as in the Identities API.
#[derive(Clone)]
pub(crate) struct Identity {
    pub(crate) id: String,
    pub(crate) username: String,
    pub(crate) name: Option<String>,
    pub(crate) email: Option<String>,
    pub(crate) organization: Option<String>,
    pub(crate) provider: &'static Provider,
}

impl Identity {
    /// The part of the username after the `@`, which `session_required_single_domain` refers to.
    pub(crate) fn domain(&self) -> &str {
        self.username.rsplit_once('@').map_or("", |(_, domain)| domain)
    }
}

/// A person with one identity or several linked ones.
pub(crate) struct Person {
    /// The one that a token's `sub` names.
    pub(crate) primary: Identity,
    pub(crate) linked: Vec<Identity>,
    /// What tests use this person for.
    pub(crate) good_for: &'static str,
}

impl Person {
    pub(crate) fn identities(&self) -> impl Iterator<Item = &Identity> {
        std::iter::once(&self.primary).chain(&self.linked)
    }

    /// What a page calls this person.
    pub(crate) fn shown_name(&self) -> &str {
        self.primary.name.as_deref().unwrap_or(&self.primary.username)
    }
}

const NORTHFIELD: Provider = Provider {
    id: "0ec34ecc-ad7d-4d51-94e5-dc387441a4d6",
    name: "Northfield University",
    short_name: "northfield",
    domain: "northfield.example",
};
const RIDGELINE: Provider = Provider {
    id: "2c09ce28-938c-4ecd-b523-34b4acfdccfb",
    name: "Ridgeline National Laboratory",
    short_name: "ridgeline",
    domain: "ridgeline.example",
};
const GLOBUS_ID: Provider = Provider {
    // The one provider that exists everywhere, under its real id.
    id: "41143743-f3c8-4d60-bbdb-eeecaba85bd9",
    name: "Globus ID",
    short_name: "globusid",
    domain: "globusid.org",
};
const SCHOLAR_ID: Provider = Provider {
    id: "cce4c65d-77ec-442b-a56f-6cc45197c97e",
    name: "Scholar ID",
    short_name: "scholar-id",
    domain: "scholar-id.example",
};
const COASTAL: Provider = Provider {
    id: "4d2697d5-581c-4064-8474-131753334c26",
    name: "Coastal Institute of Oceanography",
    short_name: "coastal",
    domain: "coastal.example",
};
const HOSTILE: Provider = Provider {
    id: "22326235-d08f-4379-b01b-257bcaf9f0b5",
    name: "School of <i>Escaping</i> & Co.",
    short_name: "hostile",
    domain: "hostile.example",
};
const CLIENTS: Provider = Provider {
    id: "732a7c8a-8ccb-42eb-90ae-0aa8cb4fbda5",
    name: "Globus Auth Clients",
    short_name: "clients",
    domain: "clients.auth.globus.org",
};

/// Every provider.
const PROVIDERS: [&Provider; 7] = [&NORTHFIELD, &RIDGELINE, &GLOBUS_ID, &SCHOLAR_ID, &COASTAL, &HOSTILE, &CLIENTS];

/// All providers, for the Identity Providers API.
pub(crate) fn providers() -> impl Iterator<Item = &'static Provider> {
    PROVIDERS.into_iter()
}

/// The owner of the failing collections. No one can sign in as it.
pub(crate) fn trouble_desk() -> Identity {
    identity("d9d3d0d8-3c1e-4f0b-8c55-70ab1e000001", "trouble-desk", "Trouble Desk", &GLOBUS_ID)
}

/// An unused identity: what `provision` creates for a username of a known provider.
pub(crate) fn unknown_identity(username: &str) -> Option<Identity> {
    let (_, domain) = username.rsplit_once('@')?;
    let provider =
        PROVIDERS.into_iter().find(|p| p.domain.eq_ignore_ascii_case(domain) && p.short_name != "clients")?;
    Some(Identity {
        id: random::uuid_of(&format!("provisioned {}", username.to_lowercase())),
        username: username.to_lowercase(),
        name: None,
        email: None,
        organization: None,
        provider,
    })
}

pub(crate) const MIRA: &str = "f8907a41-b87f-4770-b2b4-cabdd1f151d5";
pub(crate) const JONAS: &str = "87c4309c-3bb8-4ada-8ad9-d8657eed2d2f";
pub(crate) const AMARA: &str = "86bc1d76-5ad7-419b-ae98-733c90025c9e";
pub(crate) const SCHOLAR: &str = "40a7864c-ee4d-4dca-82af-bf40a28526d7";
pub(crate) const PRIYA: &str = "34260d82-3a64-48fe-bfc8-977e434730df";
pub(crate) const QUIRK: &str = "66a67362-1bd1-4f8b-aad1-eb0dbb644918";

/// All people who can sign in.
pub(crate) struct People {
    pub(crate) all: Vec<Arc<Person>>,
}

impl People {
    pub(crate) fn new() -> Self {
        let all = [mira(), jonas(), amara(), scholar(), priya(), quirk()];
        Self { all: all.into_iter().map(Arc::new).collect() }
    }

    /// The person who has this identity, named by its username or its id.
    pub(crate) fn with_identity(&self, named: &str) -> Option<(&Arc<Person>, &Identity)> {
        self.all.iter().find_map(|person| {
            person
                .identities()
                .find(|identity| identity.id == named || identity.username == named)
                .map(|identity| (person, identity))
        })
    }

    /// The identities of all of them.
    pub(crate) fn identities(&self) -> impl Iterator<Item = &Identity> {
        self.all.iter().flat_map(|person| person.identities())
    }
}

/// An identity with all its texts; some people override them.
fn identity(id: &str, user: &str, name: &str, provider: &'static Provider) -> Identity {
    let username = format!("{user}@{}", provider.domain);
    Identity {
        id: id.into(),
        email: Some(username.clone()),
        username,
        name: Some(name.into()),
        organization: Some(provider.name.into()),
        provider,
    }
}

/// A linked identity that was never used has neither name nor organization.
fn unused(identity: Identity) -> Identity {
    Identity { name: None, organization: None, ..identity }
}

fn mira() -> Person {
    let globus_id = "beb37bf5-5073-4a28-afb2-051ad4a7f9a7";
    Person {
        primary: identity(MIRA, "mira", "Mira Solano", &NORTHFIELD),
        linked: vec![unused(identity(globus_id, "msolano", "Mira Solano", &GLOBUS_ID))],
        good_for: "The everyday researcher: one linked identity, a handful of collections, one of them without a display name.",
    }
}

fn jonas() -> Person {
    Person {
        primary: identity(JONAS, "jonas", "Jonas Weber", &RIDGELINE),
        linked: vec![],
        good_for: "Paging: owns 57 collections, three pages of 25.",
    }
}

fn amara() -> Person {
    Person {
        primary: Identity {
            organization: None,
            email: Some("amara.okafor@mail.example".into()),
            ..identity(AMARA, "amara", "Amara Okafor", &GLOBUS_ID)
        },
        linked: vec![],
        good_for: "Empty lists: a new Globus ID without an organization or any collections.",
    }
}

fn scholar() -> Person {
    Person {
        primary: Identity {
            name: None,
            email: None,
            organization: None,
            ..identity(SCHOLAR, "0009-0004-7312-5580", "", &SCHOLAR_ID)
        },
        linked: vec![],
        good_for: "Missing claims: a registry account with no name, no e-mail and no organization.",
    }
}

fn priya() -> Person {
    let university = "15561101-40da-40c6-977a-2e9c752e9583";
    let registry = "a63009c1-b3d1-48bd-8ae3-5b036ff9381d";
    Person {
        primary: identity(PRIYA, "priya", "Priya Raman", &COASTAL),
        linked: vec![
            identity(university, "praman", "Priya Raman", &NORTHFIELD),
            unused(identity(registry, "0009-0001-8846-2093", "", &SCHOLAR_ID)),
        ],
        good_for: "Linked identities: three institutions, for apps that insist on one of them.",
    }
}

fn quirk() -> Person {
    let name = "Zoë \u{202e}\"Bobby\"\u{202c} O'Tables <script>alert('name')</script>";
    Person {
        primary: Identity {
            organization: Some("<img src=x onerror=alert('organization')> & Söhne".into()),
            ..identity(QUIRK, "quirk", name, &HOSTILE)
        },
        linked: vec![],
        good_for: "Hostile text: markup, quotes and direction marks in every name; a page must show them as they are.",
    }
}

/// An app as a person.
pub(crate) fn of_client(id: &str, name: &str) -> Person {
    Person {
        primary: Identity { email: None, organization: None, ..identity(id, id, name, &CLIENTS) },
        linked: vec![],
        good_for: "",
    }
}
