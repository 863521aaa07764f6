//! What people may see of a collection: all that Globus shows them, or only what the operator presents of it.

use super::paths;
use crate::{error::AppError, settings::Reach, state::AppState};

/// What of a collection people may see, as far as one of its paths is concerned.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen<'a> {
    /// The operator's name for it.
    pub(super) title: Option<&'a str>,
    /// The topmost folder that people see, if that is not all of the collection.
    top: Option<&'a str>,
}

/// What people may see of this collection at this path, or where it opens.
///
/// # Errors
/// [`AppError::Refused`] if the path is outside of what the operator presents.
pub(super) fn seen<'a>(app: &'a AppState, collection: &str, path: Option<&str>) -> Result<Seen<'a>, AppError> {
    let presented = &app.settings.collections;
    let title = presented.at(collection, path).map(|one| &*one.title);
    match presented.reach(collection, path) {
        Some(Reach::Everything) => Ok(Seen { title, top: None }),
        Some(Reach::Below(top)) => Ok(Seen { title, top: Some(top) }),
        None => Err(AppError::Refused {
            title: "This folder is not part of this site".into(),
            message: "This site shows only a part of the collection, and the folder is outside of it.".into(),
            cause: "a path outside of what [[collections]] presents".into(),
            sign_in: None,
        }),
    }
}

impl<'a> Seen<'a> {
    /// The folder to open: the one that was asked for, or the topmost one. `None` leaves it to the collection.
    pub(super) fn open<'p>(&self, asked: Option<&'p str>) -> Option<&'p str>
    where
        'a: 'p,
    {
        asked.filter(|path| !path.is_empty()).or(self.top)
    }

    /// The path of the folder that is shown. Globus may name it by another path, which counts where all may be seen.
    pub(super) fn shown<'p>(&self, asked: Option<&'p str>, named: Option<&'p str>) -> &'p str
    where
        'a: 'p,
    {
        let asked = self.open(asked);
        let path = if self.top.is_some() { asked } else { named.or(asked) };
        path.unwrap_or("/~/")
    }

    /// The folder above, if people may see it.
    pub(super) fn parent<'p>(&self, path: &'p str) -> Option<&'p str> {
        if self.top == Some(path) { None } else { paths::parent(path) }
    }

    /// What is the topmost: its path and its name.
    pub(super) fn top(&self) -> (&'a str, &'a str) {
        self.top.map_or(("/", "/"), |top| (top, self.title.unwrap_or(top)))
    }
}
