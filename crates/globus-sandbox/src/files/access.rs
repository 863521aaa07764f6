//! Who may read a file over https: everyone, or a person who proves who they are with a token of the collection or a ticket
//! from the sandbox's own sign-in.

use std::sync::Arc;

use axum::http::HeaderMap;

use crate::auth::bearer::{self, live_token};
use crate::ground::moment::now;
use crate::ground::params::Params;
use crate::memory::app::App;
use crate::memory::sharing::Standing;
use crate::world::collections::{Collection, Trouble};
use crate::world::people::Person;

/// Why a file is not served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Barred {
    /// The reader has to say who they are.
    Unknown,
    /// The token is not one for this collection.
    BadToken,
    Forbidden,
    Missing,
    Down,
}

/// Whether this request may read at a path.
pub(crate) fn check(
    app: &App,
    collection: &Collection,
    headers: &HeaderMap,
    params: &Params,
    path: &str,
) -> Result<(), Barred> {
    match collection.trouble {
        Some(Trouble::Deleted) => return Err(Barred::Missing),
        Some(Trouble::Denied | Trouble::EndpointDenied) => return Err(Barred::Forbidden),
        Some(Trouble::Maintenance | Trouble::Unreachable) => return Err(Barred::Down),
        _ => {}
    }
    if app.sharing().is_public(collection, path) {
        return Ok(());
    }
    let person = if bearer::text(headers).is_some() {
        by_token(app, collection, headers).ok_or(Barred::BadToken)?
    } else {
        by_ticket(app, collection, params).ok_or(Barred::Unknown)?
    };
    if may_read(app, collection, &person, path) { Ok(()) } else { Err(Barred::Forbidden) }
}

/// Whether a person may read at a path.
pub(crate) fn may_read(app: &App, collection: &Collection, person: &Person, path: &str) -> bool {
    let standing = Standing { person, groups: app.groups().active_groups_of(person) };
    app.sharing().allows(collection, &standing, path, false)
}

fn by_token(app: &App, collection: &Collection, headers: &HeaderMap) -> Option<Arc<Person>> {
    let token = live_token(app, headers).ok()?;
    let scope = format!("https://auth.globus.org/scopes/{}/https", collection.id);
    (token.resource_server == collection.id && token.has_scope(&scope)).then(|| token.grant.person.clone())
}

fn by_ticket(app: &App, collection: &Collection, params: &Params) -> Option<Arc<Person>> {
    let store = app.store();
    let ticket = store.tickets.get(params.get("ticket")?, now())?;
    (ticket.collection == collection.id).then(|| ticket.person.clone())
}
