//! Bookmarks ("Globus Transfer documentation", Endpoint Bookmarks): each person has some from the start.

use crate::answer::reply::{Created, Document};
use crate::memory::bookmarks::{Bookmark, MAX_BOOKMARKS};

use axum::extract::Path;
use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::ground::random;
use crate::transfer::access::{Caller, Outcome, Problem};
use crate::transfer::call::{Call, bounded_text};
use crate::transfer::operations::folder_text;

const MAX_NAME: usize = 128;
const MAX_PATH: usize = 1_000;

fn not_found(id: &str) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "BookmarkNotFound", format!("No such bookmark '{id}'"))
}

/// A name that no other bookmark has.
fn free_name<'a>(document: &'a Value, others: &[Bookmark], id: &str) -> Outcome<&'a str> {
    let name = bounded_text(document, "name", MAX_NAME)?;
    if others.iter().any(|bookmark| bookmark.name == name && bookmark.id != id) {
        let message = format!("There is already a bookmark named '{name}'");
        return Err(Problem::new(StatusCode::CONFLICT, "Conflict", message));
    }
    Ok(name)
}

/// `GET /v0.10/bookmark_list`
pub(crate) async fn list(call: Call) -> Outcome<Document<Value>> {
    let caller = &call.caller;
    let mut bookmarks = call.app.bookmarks();
    let documents: Vec<Value> =
        bookmarks.of(&call.app.catalogue, caller.person()).iter().map(Bookmark::document).collect();
    Ok(Document(json!({ "DATA": documents, "DATA_TYPE": "bookmark_list" })))
}

/// `POST /v0.10/bookmark` with `name`, `endpoint_id` and `path`.
pub(crate) async fn create(call: Call) -> Outcome<Created<Value>> {
    made(&call, &call.caller).map(Created)
}

fn made(call: &Call, caller: &Caller) -> Outcome<Value> {
    let document = call.document("bookmark")?;
    let endpoint = caller.look_at(&call.app, bounded_text(&document, "endpoint_id", 64)?)?;
    let path = bounded_text(&document, "path", MAX_PATH)?;
    let mut bookmarks = call.app.bookmarks();
    let own = bookmarks.of(&call.app.catalogue, caller.person());
    let name = free_name(&document, own, "")?;
    if own.len() >= MAX_BOOKMARKS {
        return Err(Problem::bad_request(format!("A user can have at most {MAX_BOOKMARKS} bookmarks")));
    }
    let bookmark = Bookmark {
        id: random::uuid(),
        name: name.to_owned(),
        endpoint: endpoint.id.clone(),
        // Bookmarks are of folders.
        path: folder_text(path),
    };
    let document = bookmark.document();
    own.push(bookmark);
    Ok(document)
}

/// `GET /v0.10/bookmark/{id}`
pub(crate) async fn show(Path(id): Path<String>, call: Call) -> Outcome<Document<Value>> {
    let caller = &call.caller;
    let mut bookmarks = call.app.bookmarks();
    let found = bookmarks.of(&call.app.catalogue, caller.person()).iter().find(|bookmark| bookmark.id == id);
    found.map(Bookmark::document).ok_or_else(|| not_found(&id)).map(Document)
}

/// `PUT /v0.10/bookmark/{id}` with another `name`.
pub(crate) async fn rename(Path(id): Path<String>, call: Call) -> Outcome<Document<Value>> {
    let caller = &call.caller;
    let document = call.document("bookmark")?;
    let mut bookmarks = call.app.bookmarks();
    let own = bookmarks.of(&call.app.catalogue, caller.person());
    let position = own.iter().position(|bookmark| bookmark.id == id).ok_or_else(|| not_found(&id))?;
    own[position].name = free_name(&document, own, &id)?.to_owned();
    Ok(Document(own[position].document()))
}

/// `DELETE /v0.10/bookmark/{id}`
pub(crate) async fn delete(Path(id): Path<String>, call: Call) -> Outcome<Document<Value>> {
    let caller = &call.caller;
    let mut bookmarks = call.app.bookmarks();
    let own = bookmarks.of(&call.app.catalogue, caller.person());
    let position = own.iter().position(|bookmark| bookmark.id == id).ok_or_else(|| not_found(&id))?;
    own.remove(position);
    Ok(Document(call.result("result", "Deleted", format!("Bookmark '{id}' deleted successfully"))))
}
