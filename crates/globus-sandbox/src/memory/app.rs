//! One sandbox: what its handlers share, and the locks.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::http::HeaderMap;
use axum::http::header::HOST;
use url::Url;

use crate::ground::hosts::{FileHosts, Hosts};
use crate::ground::moment::now_millis;
use crate::ground::options::Options;
use crate::ground::tls::Tls;
use crate::memory::bookmarks::Bookmarks;
use crate::memory::faults::Faults;
use crate::memory::keys::ComingKey;
use crate::memory::seen::Seen;
use crate::memory::sharing::Sharing;
use crate::memory::store::Store;
use crate::memory::tasks::TransferState;
use crate::world::apps::{Client, Clients, Taken};
use crate::world::catalogue::Catalogue;
use crate::world::groups::GroupBook;
use crate::world::people::{Identity, People};
use crate::world::scopes;
use crate::world::scopes::Known;

pub(crate) type AppState = Arc<App>;

/// Everything the handlers share.
pub(crate) struct App {
    pub(crate) base_url: String,
    pub(crate) local_url: String,
    pub(crate) hosts: Hosts,
    pub(crate) files: Option<FileHosts>,
    pub(crate) tls: Arc<Tls>,
    pub(crate) client_name: String,
    pub(crate) redirect_uris: Vec<String>,
    clients: Mutex<Clients>,
    pub(crate) people: People,
    pub(crate) catalogue: Catalogue,
    pub(crate) key: ComingKey,
    store: Mutex<Store>,
    transfer: Mutex<TransferState>,
    bookmarks: Mutex<Bookmarks>,
    sharing: Mutex<Sharing>,
    groups: Mutex<GroupBook>,
    faults: Mutex<Faults>,
    seen: Mutex<Seen>,
}

impl App {
    pub(crate) fn new(options: Options, public: Option<String>, local: SocketAddr) -> Self {
        let people = People::new();
        let local_url = format!("http://{local}");
        let base_url = public.unwrap_or_else(|| local_url.clone());
        let clients = Clients::new(&options, &format!("{base_url}/v2/web/auth-code"));
        let manager_url = base_url.replacen("http://", "https://", 1);
        let files = FileHosts::new(&base_url);
        let catalogue = Catalogue::new(&people, &manager_url, files.as_ref());
        Self {
            sharing: Mutex::new(Sharing::new(&catalogue)),
            groups: Mutex::new(GroupBook::new(&people)),
            catalogue,
            bookmarks: Mutex::default(),
            tls: Arc::new(Tls::new(options.public_url.as_ref().and_then(Url::host_str))),
            hosts: Hosts::new(options.public_url.as_ref(), local.ip()),
            files,
            base_url,
            local_url,
            clients: Mutex::new(clients),
            client_name: options.client_name,
            redirect_uris: options.redirect_uris,
            people,
            key: ComingKey::begin(),
            store: Mutex::new(Store::new()),
            transfer: Mutex::default(),
            faults: Mutex::default(),
            seen: Mutex::default(),
        }
    }

    /// Files and tasks, brought up to date. Do not lock the store while holding this: the order of the locks is store,
    /// transfer, faults, seen, bookmarks, sharing, groups, clients.
    pub(crate) fn transfer(&self) -> MutexGuard<'_, TransferState> {
        let mut state = locked(&self.transfer);
        state.advance(&self.catalogue, now_millis());
        state
    }

    pub(crate) fn bookmarks(&self) -> MutexGuard<'_, Bookmarks> {
        locked(&self.bookmarks)
    }

    pub(crate) fn sharing(&self) -> MutexGuard<'_, Sharing> {
        locked(&self.sharing)
    }

    pub(crate) fn groups(&self) -> MutexGuard<'_, GroupBook> {
        locked(&self.groups)
    }

    /// The apps: the last lock in the order.
    pub(crate) fn clients(&self) -> MutexGuard<'_, Clients> {
        locked(&self.clients)
    }

    pub(crate) fn client(&self, id: &str) -> Option<Client> {
        self.clients().find(id)
    }

    pub(crate) fn faults(&self) -> MutexGuard<'_, Faults> {
        locked(&self.faults)
    }

    pub(crate) fn seen(&self) -> MutexGuard<'_, Seen> {
        locked(&self.seen)
    }

    pub(crate) fn store(&self) -> MutexGuard<'_, Store> {
        locked(&self.store)
    }

    /// Finds a scope among the well-known ones and those of collections and apps.
    pub(crate) fn scope(&self, name: &str) -> Option<Known> {
        scopes::look_up(name, &self.catalogue, |id| self.client(id))
    }

    /// Every identity: of people, of apps, and those that were provisioned.
    pub(crate) fn identities(&self, store: &Store) -> Vec<Identity> {
        let apps: Vec<Identity> = self.clients().all().map(|client| client.person().primary).collect();
        self.people.identities().chain(store.provisioned()).cloned().chain(apps).collect()
    }

    /// Registers an app; when there are too many, removes the oldest registered one.
    pub(crate) fn register(&self, client: Client) -> Result<(), Taken> {
        tracing::info!(client_id = client.id(), name = client.name(), "sandbox: registered an app");
        let oldest = self.clients().register(client)?;
        if let Some(oldest) = oldest {
            self.store().forget_client(&oldest);
        }
        Ok(())
    }

    /// Removes a registered app and everything it holds; false when there is none.
    pub(crate) fn remove(&self, id: &str) -> bool {
        let Some(client) = self.clients().remove(id) else {
            return false;
        };
        self.store().forget_client(&client);
        tracing::info!(client_id = client.id(), "sandbox: removed an app");
        true
    }

    /// The base URL for a caller: the local one for a program on this machine, which may be unable to reach the public one.
    pub(crate) fn base_for(&self, headers: &HeaderMap) -> &str {
        let named = headers.get(HOST).and_then(|host| host.to_str().ok());
        let local = named.is_some_and(|host| self.local_url.strip_prefix("http://") == Some(host));
        if local { &self.local_url } else { &self.base_url }
    }
}

/// Locks a mutex, even after a panic of another thread that held it.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
