//! `/kept-form`: a form whose person was sent to Globus while sending it. It is shown again, and sent only if they say so.

use askama::Template as _;
use axum::{
    extract::{Query, State},
    response::{Html, IntoResponse as _, Redirect, Response},
};
use serde::Deserialize;
use url::form_urlencoded;

use super::logged_in::LoggedIn;
use crate::{
    error::AppError,
    pages::{FieldView, KeptFormPage},
    session::{return_path::ReturnPath, step_up::KeptForm},
    state::AppState,
};

#[derive(Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    form: String,
}

pub(super) async fn kept_form(
    State(app): State<AppState>,
    user: LoggedIn,
    Query(asked): Query<Asked>,
) -> Result<Response, AppError> {
    let root = &app.settings.root;
    let kept = KeptForm::open(&app.vault.keys, user.key(), &asked.form, app.clock.now());
    let kept = kept.filter(|kept| ReturnPath::parse(&kept.path, root).is_some());
    // Kept for too long, or for another session.
    let Some(kept) = kept else { return Ok(Redirect::to(&format!("{root}/")).into_response()) };
    let fields = form_urlencoded::parse(kept.fields.as_bytes()).into_owned();
    let page = KeptFormPage {
        site: &app.site,
        user: &user.view(),
        action: &kept.path,
        fields: fields.map(|(name, value)| FieldView { name, value }).collect(),
    };
    Ok(Html(page.render()?).into_response())
}
