//! The stylesheet, the icon and the operator's pictures. Their names contain a hash of their content, so browsers may cache
//! them forever.

use axum::{
    extract::{Path, State},
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};

use crate::{error::AppError, pages, state::AppState};

const FOR_GOOD: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

pub(super) async fn asset(State(app): State<AppState>, Path(file): Path<String>) -> Result<Response, AppError> {
    let (content_type, body) = match file.as_str() {
        name if name == pages::stylesheet_name() => ("text/css; charset=utf-8", pages::STYLESHEET.as_bytes()),
        name if name == pages::favicon_name() => ("image/svg+xml", pages::FAVICON.as_bytes()),
        name => {
            let picture = app.pictures.get(name).ok_or(AppError::NotFound)?;
            (picture.content_type, &*picture.bytes)
        }
    };
    let content_type = HeaderValue::from_static(content_type);
    Ok(([(header::CONTENT_TYPE, content_type), (header::CACHE_CONTROL, FOR_GOOD)], body.to_vec()).into_response())
}
