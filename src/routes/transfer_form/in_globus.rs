//! The file chooser of Globus's web app as another way to choose where to ("Globus helper pages", Browse Endpoint).
//!
//! The web app sends the choice by a form of its own, which no cookie of ours accompanies: `SameSite=Lax`. So the way back has two
//! steps: [`arrive`] knows nobody, changes nothing and passes the choice on to [`come_back`], a page like any other. That one
//! takes only a ticket of its own session, and each ticket once; what follows is the form as it always is.

use axum::{
    body::Bytes,
    extract::{Query, State},
    http::{HeaderMap, header},
    response::{Html, IntoResponse as _, Redirect, Response},
};
use serde::Deserialize;
use url::form_urlencoded;

use super::{
    destination,
    fields::{Fields, refused},
    folder,
    selection::{Selection, collection, folder_path},
    step::{self, Step},
};
use crate::{
    error::AppError,
    routes::{cookies, globus_pages, logged_in::LoggedIn},
    session::choice::{Choice, UnderWay},
    state::AppState,
};

/// The longest ticket, in characters.
const MAX_TICKET: usize = 4 << 10;

/// `POST /transfer/in-globus`: sends the person to the web app.
pub(crate) async fn choose(
    State(app): State<AppState>,
    user: LoggedIn,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, AppError> {
    let chosen = Selection::read(&Fields::parse(&body)?)?;
    step::seen(&app, &chosen)?;
    let choice = chosen.as_choice().ok_or_else(|| {
        refused("Too much was chosen for this way", "Choose where to on this site, or transfer the whole folder.")
    })?;
    let ticket = choice.ticket(&app.vault.keys, user.key(), app.clock.now())?;
    let back = format!("{}?ticket={ticket}", app.settings.public_url("/transfer/chosen"));
    let mut chooser = globus_pages::web_app(&app, "file-manager");
    chooser
        .query_pairs_mut()
        .append_pair("method", "POST")
        .append_pair("action", &back)
        .append_pair("cancelurl", &back)
        .append_pair("folderlimit", "1")
        .append_pair("filelimit", "0")
        .append_pair("label", &format!("Transfer {} here", chosen.what()));
    let under_way = UnderWay::read(cookies::choices(&headers, &app.settings).unwrap_or_default()).with(&choice);
    with_cookie(&app, Redirect::to(chooser.as_str()).into_response(), &under_way)
}

#[derive(Deserialize)]
pub(crate) struct Back {
    #[serde(default)]
    ticket: String,
    /// The collection and the folder; neither, if the person has chosen none.
    endpoint_id: Option<String>,
    path: Option<String>,
}

/// `POST /transfer/chosen?ticket=`: the choice, as the web app sends it.
pub(crate) async fn arrive(
    State(app): State<AppState>,
    Query(Back { ticket, .. }): Query<Back>,
    body: Bytes,
) -> Result<Redirect, AppError> {
    let is_ticket = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if ticket.is_empty() || ticket.len() > MAX_TICKET || !ticket.chars().all(is_ticket) {
        return Err(not_ours());
    }
    let sent: Vec<(String, String)> = form_urlencoded::parse(&body).into_owned().collect();
    let field = |name: &str| sent.iter().find(|(known, _)| known == name).map(|(_, value)| &**value);
    let endpoint = collection(field("endpoint_id").unwrap_or_default())?;
    let path = folder_path(field("path").unwrap_or("/~/"))?;
    // A folder that was marked in the one that was open.
    let path = match field("folder[0]").map(|name| name.trim_matches('/')).filter(|name| !name.is_empty()) {
        Some(name) => format!("{path}{name}/"),
        None => path,
    };
    let query = [("ticket", &*ticket), ("endpoint_id", &endpoint), ("path", &path)];
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
    Ok(Redirect::to(&format!("{}/transfer/chosen?{query}", app.settings.root)))
}

/// `GET /transfer/chosen?ticket=`: goes on with the form.
pub(crate) async fn come_back(
    State(app): State<AppState>,
    user: LoggedIn,
    headers: HeaderMap,
    Query(back): Query<Back>,
) -> Result<Response, AppError> {
    let choice = Choice::open(&app.vault.keys, user.key(), &back.ticket, app.clock.now()).ok_or_else(not_ours)?;
    let under_way = UnderWay::read(cookies::choices(&headers, &app.settings).unwrap_or_default());
    let under_way = under_way.spend(&choice).ok_or_else(not_ours)?;
    let mut chosen = Selection::read(&Fields::parse(choice.fields.as_bytes())?)?;
    chosen.destination = back.endpoint_id.as_deref().map(collection).transpose()?;
    chosen.folder = back.path.as_deref().map(folder_path).transpose()?;
    let source = step::seen(&app, &chosen)?;
    let (view, transfer) = (user.view(), user.transfer().await?);
    let step = Step { app: &app, user: &view, transfer: &transfer, chosen: &chosen, source };
    let page: Html<String> = match &chosen.destination {
        Some(destination) => folder::page(step, destination).await?,
        None => destination::page(step, "").await?,
    };
    with_cookie(&app, page.into_response(), &under_way)
}

fn with_cookie(app: &AppState, mut response: Response, under_way: &UnderWay) -> Result<Response, AppError> {
    let cookie = cookies::set_choices(&under_way.cookie(), &app.settings);
    let cookie = cookie.ok_or_else(|| AppError::Internal("a cookie is not a valid header value".to_owned()))?;
    response.headers_mut().append(header::SET_COOKIE, cookie);
    Ok(response)
}

fn not_ours() -> AppError {
    AppError::Refused {
        title: "Nothing was transferred".into(),
        message: "This choice was made in another session, too long ago, or it has been used already. Choose the files once more."
            .into(),
        cause: "a choice came back from the web app without a ticket of this session that was not spent".into(),
        sign_in: None,
    }
}
