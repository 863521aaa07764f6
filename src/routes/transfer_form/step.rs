//! What every page of the form is made from.

use super::selection::Selection;
use crate::{
    error::AppError,
    globus::transfer::TransferClient,
    pages::UserView,
    routes::reach::{self, Seen},
    state::AppState,
};

/// One step of the form: who takes it, and what was chosen so far.
pub(super) struct Step<'a> {
    pub(super) app: &'a AppState,
    pub(super) user: &'a UserView,
    pub(super) transfer: &'a TransferClient,
    pub(super) chosen: &'a Selection,
    /// What people may see of the source.
    pub(super) source: Seen<'a>,
}

/// What people may see of the source, if all that was chosen is part of that, on both sides.
///
/// # Errors
/// [`AppError::Refused`].
pub(super) fn seen<'a>(app: &'a AppState, chosen: &Selection) -> Result<Seen<'a>, AppError> {
    let source = reach::seen(app, &chosen.source, chosen.path.as_deref())?;
    if let Some(path) = &chosen.path {
        for item in &chosen.items {
            reach::seen(app, &chosen.source, Some(&format!("{path}{item}")))?;
        }
    }
    if let Some(destination) = &chosen.destination {
        reach::seen(app, destination, chosen.folder.as_deref())?;
    }
    Ok(source)
}
