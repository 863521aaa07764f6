//! Signing in for a file: the person chooses who they are on a page of the sandbox, and takes a ticket to the address of the
//! collection. At Globus that address has a login of its own.

use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;

use crate::answer::pages::{ChoosePage, NoticePage};
use crate::answer::reply;
use crate::auth::browser::session;
use crate::files::access::may_read;
use crate::ground::moment::now;
use crate::ground::params::Params;
use crate::ground::percent::encoded;
use crate::ground::random;
use crate::memory::app::{App, AppState};
use crate::memory::paths::absolute;
use crate::memory::store::{TICKET_LIFE, Ticket};
use crate::world::collections::Collection;

/// `GET /v2/web/files?collection=…&path=…`, with `download=1` for a file that is to be saved.
pub(crate) async fn visit(State(app): State<AppState>, headers: HeaderMap, RawQuery(query): RawQuery) -> Response {
    let query = query.unwrap_or_default();
    let params = Params::read(query.as_bytes()).ok();
    let get = |name| params.as_ref().and_then(|params| params.get(name));
    let collection = get("collection").and_then(|id| app.catalogue.find(id)).filter(|found| found.has_files());
    let path = collection.and_then(|collection| absolute(collection, get("path").unwrap_or("/")));
    let (Some(collection), Some(path)) = (collection, path) else {
        return notice(StatusCode::NOT_FOUND, "There is no such file", "Its collection or its path is unknown.");
    };
    let Some(origin) = &collection.https_server else {
        return notice(StatusCode::NOT_FOUND, "There is no such file", "The collection has no address of its own.");
    };
    let Some(session) = session(&app.store(), &headers) else {
        let page = ChoosePage::for_page(&app, format!("files?{query}"), "read a file");
        // After the choice the browser goes on to the collection.
        return reply::page(StatusCode::OK, &page, Some(origin));
    };
    if !may_read(&app, collection, &session.person, &path) {
        let text = "The person who is signed in may not read it. Sign out to be someone else.";
        return notice(StatusCode::FORBIDDEN, "You do not have permission to read this", text);
    }
    let ticket = Ticket { person: session.person.clone(), collection: collection.id.clone() };
    let download = if get("download").is_some() { "download&" } else { "" };
    let location = format!("{origin}{}?{download}ticket={}", encoded(&path), put(&app, ticket));
    log(collection, &session.person.primary.username);
    reply::redirect(StatusCode::FOUND, &location)
}

fn put(app: &App, ticket: Ticket) -> String {
    let name = random::handle();
    app.store().tickets.put(name.clone(), ticket, now() + TICKET_LIFE);
    name
}

fn log(collection: &Collection, person: &str) {
    tracing::info!(person, collection = collection.id, "sandbox: signed in for a file");
}

fn notice(status: StatusCode, title: &'static str, text: &'static str) -> Response {
    reply::page(status, &NoticePage { title, text }, None)
}
