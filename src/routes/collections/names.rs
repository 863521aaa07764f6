//! Names that people give to files and folders.

use crate::error::AppError;

/// What most file systems allow for one name, in bytes.
const MAX_NAME: usize = 255;

/// A name that stays in its folder.
///
/// # Errors
/// [`AppError::Refused`].
pub(super) fn checked_name(name: &str) -> Result<&str, AppError> {
    let is_name = !name.trim().is_empty() && name.len() <= MAX_NAME && !name.contains(['/', '\0']);
    // Windows takes `\` for a separator.
    let leads_up = name == "." || name.split('\\').any(|part| part == "..");
    if is_name && !leads_up { Ok(name) } else { Err(invalid("an invalid name of a file or folder")) }
}

pub(super) fn invalid(cause: &'static str) -> AppError {
    AppError::Refused {
        title: "This cannot be the name of a file or folder".into(),
        message: format!(
            "A name has 1 to {MAX_NAME} bytes and no slash, and is neither . nor .. by itself. Nothing was changed."
        )
        .into(),
        cause: cause.into(),
        sign_in: None,
    }
}
