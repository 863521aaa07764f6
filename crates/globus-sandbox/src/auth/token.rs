//! The token endpoint and its four grants (RFC 6749, sections 4.1.3, 4.4.2, 5 and 6; "Globus Auth documentation",
//! dependent token grant).

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;

use crate::answer::auth_error::{AuthError, Outcome};
use crate::answer::reply;
use crate::auth::caller::ClientForm;
use crate::auth::id_token;
use crate::ground::moment::now;
use crate::ground::params::Params;
use crate::ground::random;
use crate::memory::app::{App, AppState};
use crate::memory::store::{Code, DEPENDENT_LIFE, Grant, REFRESH_LIFE, Store, TOKEN_LIFE, Token};
use crate::world::apps::Client;
use crate::world::scopes;
use crate::world::scopes::{Scope, asks_openid};

/// One token in the answer.
#[derive(Serialize)]
struct TokenDocument {
    access_token: String,
    scope: String,
    expires_in: i64,
    token_type: &'static str,
    resource_server: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
}

/// The whole answer: one token at the top, the others in `other_tokens`.
#[derive(Serialize)]
struct TokenAnswer {
    #[serde(flatten)]
    first: TokenDocument,
    #[serde(skip_serializing_if = "Option::is_none")]
    other_tokens: Option<Vec<TokenDocument>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id_token: Option<String>,
}

/// `POST /v2/oauth2/token`
pub(crate) async fn token(State(app): State<AppState>, ClientForm { client, form }: ClientForm) -> Outcome<Response> {
    match form.get("grant_type") {
        Some("authorization_code") => authorization_code(&app, &client, &form).await,
        Some("refresh_token") => refresh_token(&app, &client, &form),
        Some("client_credentials") => client_credentials(&app, &client, &form).await,
        Some("urn:globus:auth:grant_type:dependent_token") => dependent_token(&app, &client, &form),
        Some(_) => Err(AuthError::oauth("unsupported_grant_type")),
        None => Err(AuthError::oauth("invalid_request")),
    }
}

async fn authorization_code(app: &App, client: &Client, form: &Params) -> Outcome<Response> {
    let code = form.get("code").ok_or(AuthError::oauth("invalid_request"))?;
    let (redeemed, tokens) = {
        let mut store = app.store();
        let redeemed = redeem(&mut store, client, code, form)?;
        // Under the same lock, so that a concurrent replay finds the tokens it must revoke.
        let tokens = issue(app, &mut store, &redeemed.grant, redeemed.state.as_deref());
        store.note_use_of_consent(&redeemed.grant.person, client);
        (redeemed, tokens)
    };
    answer(app, &redeemed.grant, tokens, redeemed.nonce).await
}

/// What a code was exchanged for.
struct Redeemed {
    grant: Arc<Grant>,
    state: Option<String>,
    nonce: Option<String>,
}

/// Redeems a code. It must be unused and come from the client it was issued to, with the redirect URI and the code
/// verifier of the authorization request (RFC 6749, section 4.1.3; RFC 7636, section 4.6).
fn redeem(store: &mut Store, client: &Client, text: &str, form: &Params) -> Outcome<Redeemed> {
    let code =
        store.codes.get_mut(text, now()).filter(|code| code.grant.client == *client).ok_or(AuthError::InvalidCode)?;
    if code.used {
        // RFC 6749, section 4.1.2: the code may be stolen, so its tokens are revoked.
        let grant_id = code.grant.id.clone();
        store.end_grant(&grant_id);
        tracing::warn!("sandbox: authorization code used twice; revoked its tokens");
        return Err(AuthError::InvalidCode);
    }
    let bound = form.get("redirect_uri") == Some(&code.redirect_uri);
    if !bound || !verifies(code, form.get("code_verifier")) {
        return Err(AuthError::InvalidCode);
    }
    code.used = true;
    Ok(Redeemed { grant: code.grant.clone(), state: code.state.clone(), nonce: code.nonce.clone() })
}

fn verifies(code: &Code, verifier: Option<&str>) -> bool {
    match (&code.code_challenge, verifier) {
        (None, None) => true,
        (Some(challenge), Some(verifier)) => random::same(&random::s256(verifier), challenge),
        // A verifier without a challenge is a sign of a downgrade attack (RFC 9700, section 2.1.1).
        _ => false,
    }
}

/// Issues one access token for each resource server of a grant, and refresh tokens for offline access.
fn issue(app: &App, store: &mut Store, grant: &Arc<Grant>, state: Option<&str>) -> Vec<TokenDocument> {
    let life = life(app);
    by_resource_server(app, &grant.scopes)
        .into_iter()
        .map(|(server, scopes)| {
            let mut document = access_token(store, grant, &server, &scopes, life);
            document.state = state.map(str::to_owned);
            if grant.offline {
                document.refresh_token = Some(new_refresh_token(store, grant, server, scopes));
            }
            document
        })
        .collect()
}

/// The lifetime of the access tokens in one answer, in seconds.
fn life(app: &App) -> i64 {
    app.faults().take_token_life().unwrap_or(TOKEN_LIFE)
}

/// Groups scopes by resource server. With `openid` Globus Auth comes first.
fn by_resource_server(app: &App, scopes: &[Scope]) -> Vec<(String, Vec<Scope>)> {
    let mut ranked: Vec<(String, Vec<(usize, Scope)>)> = Vec::new();
    for scope in scopes {
        let Some(known) = app.scope(&scope.name) else {
            continue;
        };
        let entry = (known.rank, scope.clone());
        match ranked.iter_mut().find(|(server, _)| *server == known.resource_server) {
            Some((_, held)) => held.push(entry),
            None => ranked.push((known.resource_server, vec![entry])),
        }
    }
    if asks_openid(scopes) {
        // The sort is stable: all others keep the order of the request.
        ranked.sort_by_key(|(server, _)| server != scopes::AUTH);
    }
    ranked
        .into_iter()
        .map(|(server, mut held)| {
            held.sort_by_key(|(rank, _)| *rank);
            (server, held.into_iter().map(|(_, scope)| scope).collect())
        })
        .collect()
}

fn access_token(
    store: &mut Store,
    grant: &Arc<Grant>,
    resource_server: &str,
    scopes: &[Scope],
    life: i64,
) -> TokenDocument {
    let now = now();
    let token = Token {
        grant: grant.clone(),
        resource_server: resource_server.to_owned(),
        scopes: scopes.to_vec(),
        issued: now,
        expires: now + life,
    };
    let document = TokenDocument {
        access_token: random::token(),
        scope: token.scope_text(),
        expires_in: life,
        token_type: "Bearer",
        resource_server: resource_server.to_owned(),
        state: None,
        refresh_token: None,
    };
    store.access_tokens.put(document.access_token.clone(), token, now + life);
    document
}

fn new_refresh_token(store: &mut Store, grant: &Arc<Grant>, resource_server: String, scopes: Vec<Scope>) -> String {
    let now = now();
    let text = random::token();
    let token = Token { grant: grant.clone(), resource_server, scopes, issued: now, expires: now + REFRESH_LIFE };
    store.refresh_tokens.put(text.clone(), token, now + REFRESH_LIFE);
    text
}

async fn answer(app: &App, grant: &Grant, tokens: Vec<TokenDocument>, nonce: Option<String>) -> Outcome<Response> {
    let mut tokens = tokens.into_iter();
    let first = tokens.next().ok_or(AuthError::oauth("invalid_scope"))?;
    let id_token = id_token::made(app, grant, &first.access_token, nonce).await?;
    let other_tokens = (!app.faults().take("other-tokens-missing")).then(|| tokens.collect());
    Ok(reply::json(StatusCode::OK, &TokenAnswer { first, other_tokens, id_token }))
}

fn refresh_token(app: &App, client: &Client, form: &Params) -> Outcome<Response> {
    let text = form.get("refresh_token").ok_or(AuthError::oauth("invalid_request"))?;
    let mut store = app.store();
    let found = store
        .refresh_tokens
        .get(text, now())
        .filter(|token| token.grant.client == *client)
        .map(|token| (token.grant.clone(), token.resource_server.clone(), token.scopes.clone()));
    let Some((grant, server, scopes)) = found else {
        store.punish_reuse(text, client);
        return Err(AuthError::oauth("invalid_grant"));
    };
    let refresh_token = rotated(app, &mut store, text, &grant, &server, &scopes);
    store.note_use_of_consent(&grant.person, client);
    let mut first = access_token(&mut store, &grant, &server, &scopes, life(app));
    first.refresh_token = Some(refresh_token);
    let other_tokens = (!app.faults().take("other-tokens-missing")).then(Vec::new);
    Ok(reply::json(StatusCode::OK, &TokenAnswer { first, other_tokens, id_token: None }))
}

/// The refresh token of the answer: the same one, unless a fault rotates it.
fn rotated(app: &App, store: &mut Store, text: &str, grant: &Arc<Grant>, server: &str, scopes: &[Scope]) -> String {
    let strictly = app.faults().take("refresh-rotates-strictly");
    if !strictly && !app.faults().take("refresh-rotates") {
        store.refresh_tokens.prolong(text, now() + REFRESH_LIFE);
        return text.to_owned();
    }
    store.refresh_tokens.take(text, now());
    if strictly {
        store.spent_refresh_tokens.put(text.to_owned(), grant.clone(), now() + REFRESH_LIFE);
    }
    new_refresh_token(store, grant, server.to_owned(), scopes.to_vec())
}

/// Tokens for the app itself, which has its own identity.
async fn client_credentials(app: &App, client: &Client, form: &Params) -> Outcome<Response> {
    if client.is_native() {
        return Err(AuthError::oauth("unauthorized_client"));
    }
    let scopes = known_scopes(app, form.get("scope").unwrap_or_default())?;
    let grant = Arc::new(Grant {
        id: random::uuid(),
        client: client.clone(),
        person: Arc::new(client.person()),
        scopes,
        offline: false,
        session: None,
    });
    let tokens = {
        let mut store = app.store();
        // An app that requests a scope for itself consents to it.
        store.add_consent(&grant.person, client, &grant.scopes, false);
        store.note_use_of_consent(&grant.person, client);
        issue(app, &mut store, &grant, None)
    };
    answer(app, &grant, tokens, None).await
}

fn known_scopes(app: &App, text: &str) -> Outcome<Vec<Scope>> {
    let invalid = AuthError::oauth("invalid_scope");
    let Ok(scopes) = scopes::parse(text) else {
        return Err(invalid);
    };
    let all_known = scopes::names(&scopes).into_iter().all(|name| app.scope(name).is_some());
    if all_known { Ok(scopes) } else { Err(invalid) }
}

/// A service exchanges a token that was issued for it for tokens of the services it depends on. The person must have
/// consented to their scopes as dependencies of the token's scope.
fn dependent_token(app: &App, client: &Client, form: &Params) -> Outcome<Response> {
    let text = form.get("token").ok_or(AuthError::oauth("invalid_request"))?;
    let asked = match form.get("scope") {
        Some(scopes) => Some(known_scopes(app, scopes)?),
        None => None,
    };
    let mut store = app.store();
    let (grant, allowed) = store
        .access_tokens
        .get(text, now())
        .filter(|token| token.resource_server == client.id())
        .map(|token| (token.grant.clone(), dependencies(&token.scopes)))
        .ok_or(AuthError::oauth("invalid_grant"))?;
    let scopes = match asked {
        Some(asked) => approved(asked, &allowed)?,
        None => allowed,
    };
    let dependent = Arc::new(Grant {
        id: grant.id.clone(),
        client: client.clone(),
        person: grant.person.clone(),
        offline: form.get("access_type") == Some("offline"),
        session: grant.session.clone(),
        scopes,
    });
    let documents = issue_dependent(app, &mut store, &dependent);
    Ok(reply::json(StatusCode::OK, &documents))
}

fn dependencies(scopes: &[Scope]) -> Vec<Scope> {
    let mut all = Vec::new();
    for scope in scopes {
        scopes::merge(&mut all, scope.dependencies.iter().cloned());
    }
    all
}

fn approved(asked: Vec<Scope>, allowed: &[Scope]) -> Outcome<Vec<Scope>> {
    let missing: Vec<String> = asked
        .iter()
        .filter(|scope| !scopes::cover(allowed, std::slice::from_ref(scope)))
        .map(Scope::to_string)
        .collect();
    if missing.is_empty() { Ok(asked) } else { Err(AuthError::DependentConsentRequired(missing)) }
}

fn issue_dependent(app: &App, store: &mut Store, grant: &Arc<Grant>) -> Vec<TokenDocument> {
    by_resource_server(app, &grant.scopes)
        .into_iter()
        .map(|(server, scopes)| {
            let mut document = access_token(store, grant, &server, &scopes, DEPENDENT_LIFE);
            document.token_type = "bearer";
            if grant.offline {
                document.refresh_token = Some(new_refresh_token(store, grant, server, scopes));
            }
            document
        })
        .collect()
}
