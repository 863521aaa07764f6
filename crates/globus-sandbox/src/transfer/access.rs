//! Who may do what in Transfer: the token, the collection, and the errors of both ("Globus Transfer documentation",
//! API Overview, Errors).

use std::sync::Arc;

use axum::extract::{FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use crate::answer::transfer_error::TransferError;
use crate::auth::bearer::{NoToken, live_token};
use crate::ground::params::Repeated;
use crate::memory::app::{App, AppState};
use crate::memory::policies;
use crate::memory::sharing::Standing;
use crate::memory::store::Grant;
use crate::world::collections::{Collection, Kind, Trouble};
use crate::world::people::Person;
use crate::world::scopes;
use crate::world::scopes::{Scope, TRANSFER, TRANSFER_ALL};
use crate::world::troubles::WANTED_DOMAIN;

/// An answer, or an error of Transfer.
pub(crate) type Outcome<T> = Result<T, Problem>;

/// Why Transfer refuses a request.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    pub(crate) code: String,
    pub(crate) message: String,
    /// Further members of the document.
    more: Map<String, Value>,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { status, code: code.into(), message: message.into(), more: Map::new() }
    }

    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BadRequest", message)
    }

    fn with(mut self, name: &str, value: Value) -> Self {
        self.more.insert(name.into(), value);
        self
    }

    fn about(self, resource: &str) -> TransferError {
        TransferError {
            status: self.status,
            code: self.code,
            message: self.message,
            resource: resource.to_owned(),
            more: self.more,
        }
    }
}

/// Transfer answers 400 to a call without a token and 401 to one with an inactive token.
impl From<NoToken> for Problem {
    fn from(why: NoToken) -> Self {
        match why {
            NoToken::Missing => {
                Self::new(StatusCode::BAD_REQUEST, "ClientError.AuthenticationFailed", "No credentials supplied")
            }
            NoToken::Inactive => Self::new(StatusCode::UNAUTHORIZED, "AuthenticationFailed", "Token is not active"),
        }
    }
}

impl From<Repeated> for Problem {
    fn from(Repeated(name): Repeated) -> Self {
        Self::bad_request(format!("Repeated parameter '{name}'"))
    }
}

impl IntoResponse for Problem {
    /// A response without a document: [`name_resource`] makes it, because only the request knows the path.
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// Builds the document of an error, which names the requested path.
pub(crate) async fn name_resource(request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    let mut response = next.run(request).await;
    match response.extensions_mut().remove::<Problem>() {
        Some(problem) => problem.about(&path).into_response(),
        None => response,
    }
}

/// What a caller wants to do with a collection. The code of most endpoint errors names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    List,
    MakeFolder,
    Rename,
    /// Submitting a task: it gets the endpoint's errors later, when it runs.
    Submit,
}

impl Wish {
    /// The code of a failure at the endpoint, such as `ExternalError.DirListingFailed.GCDisconnected`.
    pub(crate) fn external_error(self, kind: &str) -> String {
        let failed = match self {
            Self::List => "DirListingFailed",
            Self::MakeFolder => "MkdirFailed",
            Self::Rename => "RenameFailed",
            Self::Submit => "TaskFailed",
        };
        format!("ExternalError.{failed}.{kind}")
    }
}

/// Who calls Transfer.
pub(crate) struct Caller {
    pub(crate) grant: Arc<Grant>,
    scopes: Vec<Scope>,
}

impl FromRequestParts<AppState> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &AppState) -> Outcome<Self> {
        Self::of(app, &parts.headers)
    }
}

impl Caller {
    pub(crate) fn person(&self) -> &Person {
        &self.grant.person
    }

    /// The caller behind a request.
    fn of(app: &App, headers: &HeaderMap) -> Outcome<Self> {
        let token = live_token(app, headers)?;
        if token.resource_server == TRANSFER && token.has_scope(TRANSFER_ALL) {
            return Ok(Self { grant: token.grant, scopes: token.scopes });
        }
        Err(denied(format!("The token does not have the scope {TRANSFER_ALL}")))
    }

    /// The endpoint with an id, if it exists.
    pub(crate) fn look_at<'a>(&self, app: &'a App, id: &str) -> Outcome<&'a Collection> {
        let not_found = |code, message| Err(Problem::new(StatusCode::NOT_FOUND, code, message));
        match app.catalogue.find(id) {
            None => not_found("EndpointNotFound", format!("No such endpoint '{id}'")),
            Some(gone) if gone.trouble == Some(Trouble::Deleted) => {
                not_found("EndpointDeleted", format!("Endpoint '{id}' has been deleted"))
            }
            Some(collection) => Ok(collection),
        }
    }

    /// A collection, if this caller may use it in this way.
    pub(crate) fn open<'a>(&self, app: &'a App, id: &str, wish: Wish) -> Outcome<&'a Collection> {
        let collection = self.look_at(app, id)?;
        if collection.kind == Kind::Endpoint {
            return Err(Problem::bad_request(format!("'{id}' is an endpoint and not a collection")));
        }
        if !app.sharing().admits(collection, &self.standing(app)) {
            return Err(denied(format!("You do not have permission to use the collection '{id}'")));
        }
        if let Some(problem) = collection.trouble.and_then(|trouble| self.met(trouble, collection, wish)) {
            return Err(problem);
        }
        if collection.kind == Kind::Mapped && !self.has_data_access(app, id) {
            return Err(consent_required(collection));
        }
        Ok(collection)
    }

    /// The identities and groups by which collections are shared with the caller.
    pub(crate) fn standing(&self, app: &App) -> Standing<'_> {
        Standing { person: self.person(), groups: app.groups().active_groups_of(self.person()) }
    }

    /// Refuses a path that no access rule allows the caller to read or write.
    pub(crate) fn reach(&self, app: &App, collection: &Collection, path: &str, write: bool) -> Outcome<()> {
        if app.sharing().allows(collection, &self.standing(app), path, write) {
            return Ok(());
        }
        let wish = if write { "write" } else { "read" };
        Err(denied(format!("You do not have permission to {wish} at '{path}' on '{}'", collection.id)))
    }

    /// The consent may have come with this token or with an earlier one of the same app.
    fn has_data_access(&self, app: &App, id: &str) -> bool {
        let needed = [Scope {
            name: TRANSFER_ALL.into(),
            optional: false,
            dependencies: vec![Scope { name: data_access(id), optional: true, dependencies: vec![] }],
        }];
        let remembered = || app.store().has_consent(self.person(), &self.grant.client, &needed);
        scopes::cover(&self.scopes, &needed) || remembered()
    }

    /// The error that a collection's trouble causes for this caller, if any.
    fn met(&self, trouble: Trouble, collection: &Collection, wish: Wish) -> Option<Problem> {
        let late = wish == Wish::Submit;
        match trouble {
            Trouble::Policy if !self.meets_policy() => Some(policy_failed()),
            Trouble::Denied => Some(denied("The collection's administrator has blocked access")),
            Trouble::Maintenance => Some(Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "ServiceUnavailable",
                "The service is down for maintenance",
            )),
            Trouble::OffLine if !late => Some(bad_gateway(
                wish.external_error("GCDisconnected"),
                "The GCP endpoint is not currently connected to Globus",
            )),
            Trouble::Unreachable if !late => Some(bad_gateway(
                wish.external_error("ConnectFailed"),
                endpoint_message(collection, "connect", "Could not connect to server", "Connection timed out"),
            )),
            Trouble::Domain if !late && !self.has_wanted_domain() => Some(login_failed(collection, wish)),
            Trouble::Mfa if !late && !self.has_second_factor() => Some(second_factor(collection, wish)),
            Trouble::EndpointDenied if !late => Some(endpoint_denied(collection, "/")),
            _ => None,
        }
    }

    fn meets_policy(&self) -> bool {
        policies::is_met(self.grant.session.as_ref(), &self.grant.client, policies::SENSITIVE)
    }

    fn has_second_factor(&self) -> bool {
        let session = self.grant.session.as_ref();
        session.is_some_and(|session| {
            session.authentications.iter().any(|proven| proven.client == self.grant.client && proven.mfa)
        })
    }

    fn has_wanted_domain(&self) -> bool {
        let session = self.grant.session.as_ref();
        session.is_some_and(|session| {
            session.authentications.iter().filter(|proven| proven.client == self.grant.client).any(|proven| {
                let mut identities = self.person().identities();
                identities.any(|identity| identity.id == proven.identity && identity.domain() == WANTED_DOMAIN)
            })
        })
    }
}

fn data_access(id: &str) -> String {
    format!("https://auth.globus.org/scopes/{id}/data_access")
}

fn denied(message: impl Into<String>) -> Problem {
    Problem::new(StatusCode::FORBIDDEN, "PermissionDenied", message)
}

fn bad_gateway(code: String, message: impl Into<String>) -> Problem {
    Problem::new(StatusCode::BAD_GATEWAY, code, message)
}

/// The current Globus Auth Requirements Error together with the older `required_scopes`, or the latter alone.
fn consent_required(collection: &Collection) -> Problem {
    let message = "Missing required data_access consent";
    let required = json!([format!("{TRANSFER_ALL}[*{}]", data_access(&collection.id))]);
    let problem =
        Problem::new(StatusCode::FORBIDDEN, "ConsentRequired", message).with("required_scopes", required.clone());
    if collection.trouble == Some(Trouble::OldConsent) {
        return problem;
    }
    problem.with("authorization_parameters", json!({"required_scopes": required, "session_message": message}))
}

/// Transfer sends the policies as one string.
fn policy_failed() -> Problem {
    let message = "Failing collection authentication policy";
    Problem::new(StatusCode::FORBIDDEN, "AuthPolicyFailed", message).with(
        "authorization_parameters",
        json!({"session_message": message, "session_required_policies": policies::SENSITIVE}),
    )
}

fn login_failed(collection: &Collection, wish: Wish) -> Problem {
    let details = format!(
        "530-Login incorrect. : GlobusError: v=1 c=LOGIN_DENIED\\r\\n530-GridFTP-Message: None of your identities are from \
         domains allowed by resource policies\\r\\n530-GridFTP-JSON-Result: {{\"DATA_TYPE\": \"result#1.0.0\", \"code\": \
         \"permission_denied\", \"detail\": {{\"DATA_TYPE\": \"not_from_allowed_domain#1.0.0\", \"allowed_domains\": \
         [\"{WANTED_DOMAIN}\"]}}, \"has_next_page\": false, \"http_response_code\": 403}}\\r\\n530 End.\\r\\n\n"
    );
    bad_gateway(wish.external_error("LoginFailed"), endpoint_message(collection, "login", "Login Failed", &details))
        .with(
            "authorization_parameters",
            json!({
                "session_message": "Session reauthentication required (Globus Transfer)",
                "session_required_identities": [],
                "session_required_mfa": false,
                "session_required_single_domain": [WANTED_DOMAIN],
            }),
        )
}

fn second_factor(collection: &Collection, wish: Wish) -> Problem {
    let details = "530-Login incorrect. : GlobusError: v=1 c=LOGIN_DENIED\\r\\n530-GridFTP-Message: Multi-factor authentication is \
                   required\\r\\n530 End.\\r\\n\n";
    bad_gateway(wish.external_error("LoginFailed"), endpoint_message(collection, "login", "Login Failed", details))
        .with(
            "authorization_parameters",
            json!({
                "session_message": "Multi-factor authentication is required (Globus Transfer)",
                "session_required_identities": [],
                "session_required_mfa": true,
            }),
        )
}

/// The endpoint itself denies a path.
pub(crate) fn endpoint_denied(collection: &Collection, path: &str) -> Problem {
    let details = format!("500 Command failed : Path not allowed.\\r\\n\nPath: {path}");
    let message = endpoint_message(collection, "list", "Fatal FTP Response", &details);
    Problem::new(
        StatusCode::FORBIDDEN,
        "EndpointPermissionDenied",
        message.replacen("Command Failed", "Denied by endpoint", 1),
    )
}

/// The path does not exist.
pub(crate) fn path_not_found(collection: &Collection, path: &str) -> Problem {
    let details = format!(
        "Error: '{path}' not found\\r\\n550-GlobusError: v=1 c=PATH_NOT_FOUND\\r\\n550-GridFTP-Errno: 2\\r\\n\
         550-GridFTP-Reason: System error in stat\\r\\n550-GridFTP-Error-String: No such file or directory\\r\\n\
         550 End.\\r\\n\n"
    );
    let message = endpoint_message(collection, "list", "No such file or directory", &details);
    Problem::new(StatusCode::NOT_FOUND, "NotFound", message.replacen("Command Failed", "Path not found", 1))
}

/// A failure at the endpoint; `kind` is the end of its code.
pub(crate) fn failed(collection: &Collection, wish: Wish, kind: &str, reason: &str) -> Problem {
    bad_gateway(wish.external_error(kind), endpoint_message(collection, "command", reason, reason))
}

/// The message in which Transfer reports an endpoint's error.
fn endpoint_message(collection: &Collection, step: &str, message: &str, details: &str) -> String {
    format!(
        "Command Failed, Error ({step})\nEndpoint: {} ({})\nServer: 198.51.100.7:443\nMessage: {message}\n---\n\
         Details: {details}",
        collection.shown_name(),
        collection.id
    )
}
