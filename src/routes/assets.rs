//! The stylesheet and the icon. Their names contain a hash of their content, so browsers may cache them forever.

use axum::{
    extract::Path,
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};

use crate::{error::AppError, pages};

const FOR_GOOD: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

pub(super) async fn asset(Path(file): Path<String>) -> Result<Response, AppError> {
    let (content_type, body) = match file.as_str() {
        name if name == pages::stylesheet_name() => ("text/css; charset=utf-8", pages::STYLESHEET),
        name if name == pages::favicon_name() => ("image/svg+xml", pages::FAVICON),
        _ => return Err(AppError::NotFound),
    };
    let content_type = HeaderValue::from_static(content_type);
    Ok(([(header::CONTENT_TYPE, content_type), (header::CACHE_CONTROL, FOR_GOOD)], body).into_response())
}
