//! Registering apps: `POST /sandbox/clients`, and the part of Globus Auth's Projects API by which a native app registers
//! an app for each of its installations, as the Globus CLI does ("Globus Auth documentation", native app templates).

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use serde_json::{Value, json};

use crate::answer::auth_error::{AuthError, Outcome};
use crate::answer::reply::{Created, Document};
use crate::auth::caller::BasicClient;
use crate::ground::random;
use crate::memory::app::AppState;
use crate::world::apps::{Client, Registration, Taken, is_name};

/// `POST /v2/api/clients` with `client`: `template_id` and `name`. Registers an app from the template of a
/// native app. The sandbox has no projects; `POST /sandbox/clients` registers other apps.
pub(crate) async fn from_template(
    State(app): State<AppState>,
    body: Result<Json<Value>, JsonRejection>,
) -> Outcome<Created<Value>> {
    let Ok(Json(document)) = body else {
        return Err(AuthError::BadRequest("The body must be a JSON document"));
    };
    let asked = &document["client"];
    let Some(template) = asked["template_id"].as_str() else {
        return Err(AuthError::NotInSandbox("An app in a project: POST /sandbox/clients registers apps here".into()));
    };
    let template = app
        .client(template)
        .filter(Client::is_native)
        .ok_or(AuthError::BadRequest("template_id is not the id of a native app"))?;
    let name = asked["name"].as_str().filter(|name| is_name(name)).ok_or(AuthError::BadRequest("name is missing"))?;
    let client = Client::new(Registration {
        id: random::uuid(),
        name: name.to_owned(),
        secret: Some(random::client_secret()),
        redirect_uris: template.redirect_uris().to_vec(),
        template: Some(template.id().to_owned()),
    });
    let document = json!({
        "client": client_document(&client),
        "included": { "client_credential": {
            "name": "Auto-created at client creation",
            "id": random::uuid(),
            "client": client.id(),
            "secret": client.secret(),
        } },
    });
    app.register(client).map_err(|Taken| AuthError::Internal)?;
    Ok(Created(document))
}

/// `GET /v2/api/clients/{id}`: an app reads its own document.
pub(crate) async fn show(Path(id): Path<String>, BasicClient(client): BasicClient) -> Outcome<Document<Value>> {
    check_is_oneself(&client, &id)?;
    Ok(Document(json!({ "client": client_document(&client) })))
}

/// `DELETE /v2/api/clients/{id}`: an app deletes itself and all its tokens.
pub(crate) async fn delete(
    State(app): State<AppState>,
    Path(id): Path<String>,
    BasicClient(client): BasicClient,
) -> Outcome<Document<Value>> {
    check_is_oneself(&client, &id)?;
    if !app.remove(client.id()) {
        return Err(AuthError::Forbidden);
    }
    Ok(Document(json!({ "client": client_document(&client) })))
}

/// Forbids an app access to any app but itself.
fn check_is_oneself(client: &Client, id: &str) -> Outcome<()> {
    if client.id() == id { Ok(()) } else { Err(AuthError::Forbidden) }
}

fn client_document(client: &Client) -> Value {
    let native = client.is_native();
    let mut grants = vec!["authorization_code", "refresh_token"];
    if !native {
        grants.insert(1, "client_credentials");
    }
    json!({
        "fqdns": [],
        "name": client.name(),
        "id": client.id(),
        "public_client": native,
        "scopes": [],
        "required_idp": null,
        "grant_types": grants,
        "userinfo_from_effective_identity": true,
        "client_type": if native { "public_installed_client" } else { "confidential_client" },
        "prompt_for_named_grant": false,
        "links": {"privacy_policy": null, "terms_and_conditions": null},
        "visibility": "private",
        "preselect_idp": null,
        "parent_client": client.template(),
        "project": null,
        "redirect_uris": client.redirect_uris(),
    })
}
