//! Files and folders of collections: `ls`, `stat`, `mkdir`, `rename` ("Globus Transfer documentation", File Operations).

use crate::answer::reply::Document;
use crate::transfer::call::Call;
use axum::extract::{Path, RawQuery, State};
use serde_json::{Map, Value, json};
use url::form_urlencoded;

use crate::ground::moment::now;
use crate::ground::params::Params;
use crate::memory::app::{App, AppState};
use crate::memory::entry::Refusal;
use crate::memory::paths;
use crate::transfer::access;
use crate::transfer::access::{Caller, Outcome, Problem, Wish};
use crate::transfer::folder::{FIELDS, Row, document, sort};
use crate::transfer::listing::{Filter, Order, Page};
use crate::world::collections::Collection;

/// The default and the maximum number of entries in one listing.
const MAX_LISTING: usize = 100_000;

/// `GET /v0.10/operation/endpoint/{id}/ls`
pub(crate) async fn ls(
    State(app): State<AppState>,
    caller: Caller,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Outcome<Document<Value>> {
    list(&app, &caller, &id, query.as_deref().unwrap_or_default()).map(Document)
}

/// `GET /v0.10/operation/endpoint/{id}/stat`
pub(crate) async fn stat(
    State(app): State<AppState>,
    caller: Caller,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Outcome<Document<Map<String, Value>>> {
    one(&app, &caller, &id, query.as_deref().unwrap_or_default()).map(Document)
}

/// `POST /v0.10/operation/endpoint/{id}/mkdir` with `path`.
pub(crate) async fn mkdir(Path(id): Path<String>, call: Call) -> Outcome<Document<Value>> {
    make_folder(&call, &id)?;
    Ok(Document(call.result("mkdir_result", "DirectoryCreated", "The directory was created successfully")))
}

/// `POST /v0.10/operation/endpoint/{id}/rename` with `old_path` and `new_path`.
pub(crate) async fn rename(Path(id): Path<String>, call: Call) -> Outcome<Document<Value>> {
    give_new_name(&call, &id)?;
    Ok(Document(call.result("result", "FileRenamed", "File or directory renamed successfully")))
}

/// A query of `ls`. Only `filter` may be repeated; an entry is listed if one of the filters admits it.
fn ls_params(query: &str) -> Outcome<(Params, Vec<Filter>)> {
    let mut filters = Vec::new();
    let mut rest = form_urlencoded::Serializer::new(String::new());
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        if name == "filter" {
            let mut filter = Filter::default();
            filter.add(&value, &FIELDS)?;
            filters.push(filter);
        } else {
            rest.append_pair(&name, &value);
        }
    }
    Ok((Params::read(rest.finish().as_bytes())?, filters))
}

fn list(app: &App, caller: &Caller, id: &str, query: &str) -> Outcome<Value> {
    let (params, filters) = ls_params(query)?;
    let page = Page::read(&params, MAX_LISTING, MAX_LISTING)?;
    let order = Order::read(params.get("orderby").unwrap_or("name"), &FIELDS)?;
    let hidden = params.get("show_hidden").is_none_or(|_| params.is_true("show_hidden"));
    let collection = caller.open(app, id, Wish::List)?;
    let path = path(collection, params.get("path").unwrap_or("~"))?;
    caller.reach(app, collection, &path, false)?;
    let mut state = app.transfer();
    let entries = state.disks.of(collection).list(&path).map_err(|why| refused(why, collection, &path, Wish::List))?;
    let mut rows: Vec<Row<'_>> = entries
        .into_iter()
        .map(|(name, entry)| Row { name, entry })
        .filter(|row| hidden || !row.name.starts_with('.'))
        .filter(|row| filters.is_empty() || filters.iter().any(|filter| filter.admits_by(|field| row.text(field))))
        .collect();
    sort(&mut rows, &order);
    let total = rows.len();
    // Only what is shown becomes documents: a folder may have very many files.
    let shown: Vec<_> = page.cut(rows).iter().map(document).collect();
    Ok(json!({
        "DATA_TYPE": "file_list",
        "absolute_path": folder_text(&path),
        "endpoint": id,
        "length": shown.len(),
        "path": folder_text(params.get("path").unwrap_or(&path)),
        "rename_supported": true,
        "symlink_supported": true,
        "total": total,
        "DATA": shown,
    }))
}

/// A folder as Transfer prints it: with a trailing slash.
pub(crate) fn folder_text(path: &str) -> String {
    if path.ends_with('/') { path.to_owned() } else { format!("{path}/") }
}

fn one(app: &App, caller: &Caller, id: &str, query: &str) -> Outcome<Map<String, Value>> {
    let params = Params::read(query.as_bytes())?;
    let collection = caller.open(app, id, Wish::List)?;
    let path = path(collection, params.get("path").unwrap_or("~"))?;
    caller.reach(app, collection, &path, false)?;
    let mut state = app.transfer();
    let entry = state.disks.of(collection).get(&path).map_err(|why| refused(why, collection, &path, Wish::List))?;
    Ok(document(&Row { name: paths::name(&path), entry }))
}

fn make_folder(call: &Call, id: &str) -> Outcome<()> {
    let (app, caller) = (&call.app, &call.caller);
    let body = call.typed_document("mkdir")?;
    let collection = caller.open(app, id, Wish::MakeFolder)?;
    let path = path(collection, text(&body, "path")?)?;
    caller.reach(app, collection, &path, true)?;
    let mut state = app.transfer();
    let made = state.disks.of(collection).make_folder(&path, now());
    made.map_err(|why| refused(why, collection, &path, Wish::MakeFolder))
}

fn give_new_name(call: &Call, id: &str) -> Outcome<()> {
    let (app, caller) = (&call.app, &call.caller);
    let body = call.typed_document("rename")?;
    let collection = caller.open(app, id, Wish::Rename)?;
    let (old, new) = (path(collection, text(&body, "old_path")?)?, path(collection, text(&body, "new_path")?)?);
    caller.reach(app, collection, &old, true)?;
    caller.reach(app, collection, &new, true)?;
    let mut state = app.transfer();
    let moved = state.disks.of(collection).rename(&old, &new);
    moved.map_err(|why| refused(why, collection, &old, Wish::Rename))
}

/// A field that must be a string.
pub(crate) fn text<'a>(document: &'a Value, name: &str) -> Outcome<&'a str> {
    document[name].as_str().ok_or_else(|| Problem::bad_request(format!("'{name}' must be a string")))
}

fn path(collection: &Collection, text: &str) -> Outcome<String> {
    paths::absolute(collection, text).ok_or_else(|| Problem::bad_request("Invalid path"))
}

fn refused(why: Refusal, collection: &Collection, path: &str, wish: Wish) -> Problem {
    match why {
        Refusal::NotFound => access::path_not_found(collection, path),
        Refusal::Denied => access::endpoint_denied(collection, path),
        Refusal::Exists => access::failed(collection, wish, "Exists", "Path already exists"),
        Refusal::NotAFolder => access::failed(collection, wish, "NotDirectory", "Not a directory"),
        Refusal::IsAFolder => access::failed(collection, wish, "IsDirectory", "Is a directory"),
        Refusal::Full => access::failed(collection, wish, "NoSpace", "No space left on device"),
    }
}
