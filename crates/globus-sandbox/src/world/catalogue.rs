//! All collections and endpoints.

use std::collections::BTreeMap;

use crate::ground::hosts::FileHosts;
use crate::ground::random;
use crate::world::belongings::{of_jonas, of_mira, of_priya, of_quirk, of_the_scholar};
use crate::world::collections::usual;
use crate::world::collections::{Collection, Kind};
use crate::world::people::{JONAS, MIRA, PRIYA, People, Person, QUIRK, SCHOLAR};
use crate::world::troubles;

/// All collections and endpoints of Transfer.
pub(crate) struct Catalogue {
    pub(crate) all: Vec<Collection>,
    /// Endpoints that no search finds: those of institutions that show only their collections.
    servers: Vec<Collection>,
}

impl Catalogue {
    /// `manager_url` is where all endpoints of Globus Connect Server are managed, `files` where files are served.
    pub(crate) fn new(people: &People, manager_url: &str, files: Option<&FileHosts>) -> Self {
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
            let has_files = collection.has_files();
            collection.https_server = files.filter(|_| has_files).map(|files| files.origin(&collection.label()));
        }
        Self { all, servers }
    }

    /// All collections and endpoints, including the endpoints that no search finds.
    pub(crate) fn every(&self) -> impl Iterator<Item = &Collection> {
        self.all.iter().chain(&self.servers)
    }

    pub(crate) fn find(&self, id: &str) -> Option<&Collection> {
        self.every().find(|collection| collection.id == id)
    }

    /// The collection whose files are served at the host with this label.
    pub(crate) fn with_label(&self, label: &str) -> Option<&Collection> {
        self.all.iter().find(|collection| collection.has_files() && collection.label() == label)
    }

    pub(crate) fn owned_by<'a>(&'a self, person: &'a Person) -> impl Iterator<Item = &'a Collection> {
        self.all.iter().filter(|collection| collection.is_owned_by(person))
    }
}

/// Assigns each collection of Globus Connect Server to the endpoint of its owner's institution, and creates the missing
/// endpoints.
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
            servers.push(Collection { served_by, public: false, ..usual(owner, Kind::Endpoint, &id, &name) });
            id
        });
        collection.served_by = Some(endpoint.clone());
    }
    servers
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::Catalogue;
    use crate::ground::hosts::FileHosts;
    use crate::world::people::People;

    #[test]
    fn no_two_collections_have_the_same_address() {
        let catalogue = Catalogue::new(&People::new(), "https://x.example", FileHosts::new("http://[::1]").as_ref());
        let mut seen = HashSet::new();
        for collection in catalogue.every().filter(|collection| collection.has_files()) {
            assert!(seen.insert(collection.https_server.clone().unwrap()), "{}", collection.id);
        }
        assert!(seen.len() > 60);
    }
}
