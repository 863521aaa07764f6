//! The manager of Globus Connect Server, read-only: collections and roles ("Globus Connect Server Manager API"). One manager
//! serves all endpoints; the token selects the endpoint.

use std::sync::Arc;

use axum::Router;
use axum::extract::{FromRequestParts, OriginalUri, Path, RawQuery, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::routing::{any, get};
use serde_json::{Value, json};

use crate::answer::gcs_error::{GcsError, result};
use crate::answer::reply::Document;
use crate::auth::bearer::{NoToken, live_token};
use crate::ground::params::Params;
use crate::ground::random;
use crate::memory::app::{App, AppState};
use crate::memory::sharing::{Principal, Role};
use crate::world::collections::{Collection, Kind};
use crate::world::people::Person;

/// The POSIX connector.
const CONNECTOR: &str = "145812c8-decc-41f1-83cf-bb2a85a2a70b";

/// An answer, or an error of the manager.
type Outcome<T> = Result<T, GcsError>;

fn found(data: &[Value]) -> Document<Value> {
    Document(result(StatusCode::OK, "success", "Operation successful", data))
}

impl From<NoToken> for GcsError {
    fn from(_: NoToken) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthenticated", "A token of the endpoint is needed")
    }
}

/// Who calls, and the endpoint that the token is for.
pub(crate) struct Caller {
    person: Arc<Person>,
    endpoint: String,
}

impl FromRequestParts<AppState> for Caller {
    type Rejection = GcsError;

    async fn from_request_parts(parts: &mut Parts, app: &AppState) -> Outcome<Self> {
        let token = live_token(app, &parts.headers)?;
        let endpoint = token.resource_server.clone();
        if token.has_scope(&format!("urn:globus:auth:scope:{endpoint}:manage_collections")) {
            return Ok(Self { person: token.grant.person.clone(), endpoint });
        }
        Err(GcsError::denied("The token does not have the scope manage_collections"))
    }
}

impl Caller {
    /// The collections of the endpoint that this person may see.
    fn collections<'a>(&'a self, app: &'a App) -> impl Iterator<Item = &'a Collection> {
        let served = |collection: &&Collection| {
            let is_collection = matches!(collection.kind, Kind::Mapped | Kind::Guest);
            is_collection && collection.served_by.as_ref() == Some(&self.endpoint)
        };
        app.catalogue
            .all
            .iter()
            .filter(served)
            .filter(|collection| collection.public || collection.is_owned_by(&self.person))
    }

    fn collection<'a>(&'a self, app: &'a App, id: &str) -> Outcome<&'a Collection> {
        self.collections(app)
            .find(|collection| collection.id == id)
            .ok_or_else(|| GcsError::not_found("collection", id))
    }
}

/// `GET /api/collections`, with `filter` and `mapped_collection_id`.
pub(crate) async fn collections(
    State(app): State<AppState>,
    caller: Caller,
    RawQuery(query): RawQuery,
) -> Outcome<Document<Value>> {
    let params = Params::of_query(query.as_deref())?;
    let filters = params.list("filter");
    let host = params.get("mapped_collection_id");
    let fits = |collection: &&Collection| {
        let mine = collection.is_owned_by(&caller.person);
        let by_filter = filters.iter().all(|filter| match filter.as_str() {
            "mapped_collections" => collection.kind == Kind::Mapped,
            "guest_collections" => collection.kind == Kind::Guest,
            "managed_by_me" | "created_by_me" => mine,
            _ => false,
        });
        by_filter && host.is_none_or(|host| host_of(&app, collection).is_some_and(|known| known.id == host))
    };
    let fitting = caller.collections(&app).filter(fits);
    let documents: Vec<Value> = fitting.map(|collection| document(&app, collection)).collect();
    Ok(found(&documents))
}

/// `GET /api/collections/{id}`
pub(crate) async fn collection(
    State(app): State<AppState>,
    Path(id): Path<String>,
    caller: Caller,
) -> Outcome<Document<Value>> {
    let collection = caller.collection(&app, &id)?;
    Ok(found(&[document(&app, collection)]))
}

/// `GET /api/roles`: the roles of the collection `collection_id`, or of the endpoint without it.
pub(crate) async fn roles(
    State(app): State<AppState>,
    caller: Caller,
    RawQuery(query): RawQuery,
) -> Outcome<Document<Value>> {
    let params = Params::of_query(query.as_deref())?;
    let on = match params.get("collection_id") {
        Some(id) => caller.collection(&app, id)?,
        None => {
            app.catalogue.find(&caller.endpoint).ok_or_else(|| GcsError::not_found("endpoint", &caller.endpoint))?
        }
    };
    if !on.is_owned_by(&caller.person) {
        return Err(GcsError::denied("You must be an administrator of it"));
    }
    let roles: Vec<Value> = app.sharing().roles(on).iter().map(|role| role_document(on, role)).collect();
    Ok(found(&roles))
}

/// `GET /api/roles/{id}`
pub(crate) async fn role(
    State(app): State<AppState>,
    Path(id): Path<String>,
    caller: Caller,
) -> Outcome<Document<Value>> {
    let own = caller.collections(&app).filter(|collection| collection.is_owned_by(&caller.person));
    let sharing = app.sharing();
    let mut documents = own.flat_map(|collection| {
        sharing.roles(collection).iter().filter(|role| role.id == id).map(move |role| role_document(collection, role))
    });
    let document = documents.next().ok_or_else(|| GcsError::not_found("role", &id))?;
    Ok(found(&[document]))
}

/// All other routes of the manager.
pub(crate) async fn unknown(OriginalUri(uri): OriginalUri) -> GcsError {
    let message = format!("{} is not in the sandbox, which lets tools look at collections and roles only", uri.path());
    GcsError::new(StatusCode::NOT_FOUND, "not_in_sandbox", message)
}

fn host_of<'a>(app: &'a App, guest: &Collection) -> Option<&'a Collection> {
    app.catalogue.all.iter().find(|host| guest.is_hosted_by(host))
}

fn document(app: &App, collection: &Collection) -> Value {
    let host = host_of(app, collection);
    let guest = collection.kind == Kind::Guest;
    let gateway = random::uuid_of(&format!("storage gateway of {}", collection.owner_id()));
    json!({
        "DATA_TYPE": "collection#1.0.0",
        "allow_guest_collections": !guest,
        "authentication_timeout_mins": null,
        "collection_base_path": "/",
        "collection_type": if guest { "guest" } else { "mapped" },
        "connector_id": CONNECTOR,
        "contact_email": collection.owner.email,
        "contact_info": null,
        "default_directory": "/",
        "department": collection.department,
        "description": collection.description,
        "disable_anonymous_writes": false,
        "display_name": collection.shown_name(),
        "force_encryption": false,
        "high_assurance": false,
        "id": collection.id,
        "identity_id": collection.owner.id,
        "info_link": null,
        "keywords": collection.keywords,
        "manager_url": collection.manager_url,
        "mapped_collection_id": host.map(|host| host.id.as_str()),
        "organization": collection.organization,
        "public": collection.public,
        "require_mfa": false,
        "storage_gateway_id": gateway,
        "user_credential_id": guest.then(|| random::uuid_of(&format!("credential of {}", collection.id))),
    })
}

fn role_document(on: &Collection, role: &Role) -> Value {
    let principal = match &role.principal {
        Principal::Identity(id) => format!("urn:globus:auth:identity:{id}"),
        Principal::Group(id) => format!("urn:globus:groups:id:{id}"),
        Principal::AllAuthenticated | Principal::Anonymous => String::new(),
    };
    json!({
        "DATA_TYPE": "role#1.0.0",
        "collection": (on.kind != Kind::Endpoint).then_some(&on.id),
        "id": role.id,
        "principal": principal,
        "role": role.role,
    })
}

/// The routes of the manager.
pub(crate) fn routes() -> Router<AppState> {
    Router::new()
        .route("/api/collections", get(collections))
        .route("/api/collections/{id}", get(collection))
        .route("/api/roles", get(roles))
        .route("/api/roles/{id}", get(role))
        .route("/api/{*rest}", any(unknown))
}
