//! Globus Transfer as far as the sandbox has it: endpoint search and single endpoints ("Globus Transfer documentation",
//! Endpoint Search and Endpoint Management).

use std::sync::Arc;

use axum::extract::{OriginalUri, Path, State};
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;
use serde_json::{Map, Value, json};

use super::collections::{Collection, Kind};
use super::params::Params;
use super::people::Person;
use super::reply::{self, TransferError};
use super::scopes::{TRANSFER, TRANSFER_ALL};
use super::store::now;
use super::{App, AppState, client};

const DEFAULT_LIMIT: usize = 25;
/// What happens to a greater `limit` is not documented; it is cut to this.
const MAX_LIMIT: usize = 100;
/// A search never leads further than this.
const MAX_RESULTS: usize = 1000;

/// An answer, or an error that still has to be told which resource it is about.
type Outcome<T> = Result<T, Problem>;

struct Problem {
    status: StatusCode,
    code: &'static str,
    message: String,
}

impl Problem {
    fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into() }
    }

    fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BadRequest", message)
    }

    fn about(self, uri: &Uri) -> TransferError {
        TransferError { status: self.status, code: self.code, message: self.message, resource: uri.path().to_owned() }
    }
}

/// `GET /v0.10/endpoint_search`
pub(super) async fn endpoint_search(
    State(app): State<AppState>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
) -> Result<Response, TransferError> {
    let found = search(&app, &headers, uri.query().unwrap_or_default());
    found.map(|document| reply::json(StatusCode::OK, &document)).map_err(|problem| problem.about(&uri))
}

/// `GET /v0.10/endpoint/{id}`
pub(super) async fn endpoint(
    State(app): State<AppState>,
    OriginalUri(uri): OriginalUri,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, TransferError> {
    let found = one_endpoint(&app, &headers, &id);
    found.map(|document| reply::json(StatusCode::OK, &document)).map_err(|problem| problem.about(&uri))
}

/// Every path of Transfer that the sandbox does not have.
pub(super) async fn unknown(OriginalUri(uri): OriginalUri) -> TransferError {
    let message = format!("No such resource '{}'", uri.path());
    Problem::new(StatusCode::NOT_FOUND, "ClientError.NotFound", message).about(&uri)
}

fn one_endpoint(app: &App, headers: &HeaderMap, id: &str) -> Outcome<Map<String, Value>> {
    let reader = reader(app, headers)?;
    match app.catalogue.find(id) {
        Some(collection) => Ok(collection.full_document(&reader)),
        None => Err(Problem::new(StatusCode::NOT_FOUND, "EndpointNotFound", format!("No such endpoint '{id}'"))),
    }
}

/// Who asks. Transfer answers 400 when there is no token at all and 401 when there is a dead one.
fn reader(app: &App, headers: &HeaderMap) -> Outcome<Arc<Person>> {
    let missing =
        || Problem::new(StatusCode::BAD_REQUEST, "ClientError.AuthenticationFailed", "No credentials supplied");
    headers.get(AUTHORIZATION).ok_or_else(missing)?;
    let text = client::bearer(headers).ok_or_else(missing)?;
    let store = app.store();
    let token = store
        .access_tokens
        .get(text, now())
        .ok_or_else(|| Problem::new(StatusCode::UNAUTHORIZED, "AuthenticationFailed", "Token is not active"))?;
    if token.resource_server == TRANSFER && token.has_scope(TRANSFER_ALL) {
        return Ok(token.grant.person.clone());
    }
    Err(Problem::new(
        StatusCode::FORBIDDEN,
        "PermissionDenied",
        format!("The token does not have the scope {TRANSFER_ALL}"),
    ))
}

/// A search as its query asks for it.
struct Search {
    scope: String,
    words: Vec<String>,
    entity_types: Vec<String>,
    owner_id: Option<String>,
    non_functional: Option<bool>,
    fields: Vec<String>,
    limit: usize,
    offset: usize,
}

fn search(app: &App, headers: &HeaderMap, query: &str) -> Outcome<Value> {
    let reader = reader(app, headers)?;
    let search = Search::read(query)?;
    let mut hits: Vec<&Collection> =
        app.catalogue.all.iter().filter(|collection| search.finds(collection, &reader)).take(MAX_RESULTS + 1).collect();
    hits.truncate(MAX_RESULTS);
    let end = search.offset.saturating_add(search.limit);
    let page: Vec<Value> = hits
        .iter()
        .skip(search.offset)
        .take(search.limit)
        .map(|collection| search.shown(collection, &reader))
        .collect();
    Ok(json!({
        "DATA": page,
        "DATA_TYPE": "endpoint_list",
        "has_next_page": end < hits.len(),
        "limit": search.limit,
        "offset": search.offset,
    }))
}

impl Search {
    fn read(query: &str) -> Outcome<Self> {
        let params = Params::read(query.as_bytes())
            .map_err(|again| Problem::bad_request(format!("Repeated parameter '{}'", again.0)))?;
        let search = Self {
            scope: params.owned("filter_scope").unwrap_or("all".into()),
            words: words(params.get("filter_fulltext").unwrap_or_default()),
            entity_types: params.list("filter_entity_type"),
            owner_id: params.owned("filter_owner_id"),
            non_functional: params.get("filter_non_functional").map(|flag| flag == "1"),
            fields: params.list("fields"),
            limit: number(&params, "limit", DEFAULT_LIMIT)?.min(MAX_LIMIT),
            offset: number(&params, "offset", 0)?,
        };
        if search.limit == 0 {
            return Err(Problem::bad_request("limit must be at least 1"));
        }
        search.check_scope()?;
        Ok(search)
    }

    fn check_scope(&self) -> Outcome<()> {
        match self.scope.as_str() {
            "all" | "hide-no-permissions" if self.words.is_empty() && self.owner_id.is_none() => {
                Err(Problem::bad_request("filter_fulltext is required when searching all endpoints"))
            }
            "all"
            | "hide-no-permissions"
            | "my-endpoints"
            | "my-gcp-endpoints"
            | "recently-used"
            | "in-use"
            | "shared-by-me"
            | "shared-with-me"
            | "administered-by-me" => Ok(()),
            _ => Err(Problem::bad_request("Invalid filter_scope")),
        }
    }

    fn finds(&self, collection: &Collection, reader: &Person) -> bool {
        let entity_type = collection.kind.entity_type();
        let non_functional = collection.kind == Kind::Endpoint;
        self.in_scope(collection, reader)
            && (self.entity_types.is_empty() || self.entity_types.iter().any(|t| t == entity_type))
            && self.owner_id.as_ref().is_none_or(|id| *id == collection.owner.id)
            && self.non_functional.is_none_or(|wanted| wanted == non_functional)
            && self.matches_words(collection)
    }

    fn in_scope(&self, collection: &Collection, reader: &Person) -> bool {
        let mine = collection.is_owned_by(reader);
        match self.scope.as_str() {
            "my-endpoints" | "administered-by-me" => mine,
            "my-gcp-endpoints" => mine && collection.kind.is_personal(),
            "recently-used" => mine && collection.last_used.is_some(),
            "shared-by-me" => mine && collection.kind.is_guest(),
            "shared-with-me" => collection.is_shared_with(reader),
            // Nothing is ever being transferred here.
            "in-use" => false,
            _ => mine || collection.public || collection.is_shared_with(reader),
        }
    }

    /// Every word of the search must begin some word of the collection's texts.
    fn matches_words(&self, collection: &Collection) -> bool {
        if self.words.is_empty() {
            return true;
        }
        let canonical_name = collection.canonical_name();
        let texts = [
            collection.display_name.as_deref(),
            Some(canonical_name.as_str()),
            collection.description.as_deref(),
            collection.organization.as_deref(),
            collection.department.as_deref(),
            Some(collection.owner.username.as_str()),
        ];
        let held: Vec<String> =
            texts.into_iter().flatten().chain(collection.keywords.iter().copied()).flat_map(words).collect();
        self.words.iter().all(|word| held.iter().any(|known| known.starts_with(word)))
    }

    fn shown(&self, collection: &Collection, reader: &Person) -> Value {
        let mut document = collection.document(reader);
        document.insert("_rank".into(), json!(1.0));
        if !self.fields.is_empty() {
            document.retain(|name, _| name == "DATA_TYPE" || self.fields.contains(name));
        }
        document.into()
    }
}

fn number(params: &Params, name: &str, default: usize) -> Outcome<usize> {
    match params.get(name) {
        None => Ok(default),
        Some(text) => text.parse().map_err(|_| Problem::bad_request(format!("{name} must be a whole number"))),
    }
}

/// Words as the search sees them: punctuation dropped, case ignored.
fn words(text: &str) -> Vec<String> {
    text.split(|character: char| !character.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect()
}
