//! What to transfer, and where to.

use std::collections::HashSet;

use url::form_urlencoded;
use uuid::Uuid;

use super::fields::{Fields, field, refused};
use crate::{error::AppError, pages::ChosenField, session::choice::Choice};

/// The most files and folders of one form.
pub(super) const MOST_ITEMS: usize = 1_000;
/// The most bytes of a path.
const MOST_PATH: usize = 4_096;

/// What was chosen so far.
#[derive(Clone, Debug)]
pub(super) struct Selection {
    /// The collection that files come from.
    pub(super) source: String,
    /// The folder there; `None` for the collection's own default.
    pub(super) path: Option<String>,
    /// Names below that folder; those of folders end with a slash.
    pub(super) items: Vec<String>,
    /// Whether everything in the folder is meant.
    pub(super) all: bool,
    /// The collection that files go to.
    pub(super) destination: Option<String>,
    /// The folder there.
    pub(super) folder: Option<String>,
}

impl Selection {
    pub(super) fn read(fields: &Fields) -> Result<Self, AppError> {
        let source = fields.get("source").ok_or_else(|| {
            refused("Nothing was chosen", "Open a collection and choose the files and folders to transfer.")
        })?;
        let (destination, folder) = match fields.get("bookmark").and_then(|place| place.split_once(':')) {
            Some((destination, folder)) => (Some(destination), Some(folder)),
            None => (fields.get("destination"), fields.get("into").or_else(|| fields.get("folder"))),
        };
        Ok(Self {
            source: collection(source)?,
            path: fields.get("open").or_else(|| fields.get("path")).map(folder_path).transpose()?,
            items: items(fields)?,
            all: fields.is_on("all"),
            destination: destination.map(collection).transpose()?,
            folder: folder.map(folder_path).transpose()?,
        })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.path.is_none() || (self.items.is_empty() && !self.all)
    }

    /// Whether folders are among it.
    pub(super) fn has_folders(&self) -> bool {
        self.all || self.items.iter().any(|item| item.ends_with('/'))
    }

    /// The fields of what is to be transferred.
    pub(super) fn source_fields(&self) -> Vec<ChosenField> {
        let mut fields = vec![field("source", &self.source)];
        fields.extend(self.path.as_deref().map(|path| field("path", path)));
        if self.all {
            fields.push(field("all", "1"));
        } else {
            fields.extend(self.items.iter().map(|item| field("item", item)));
        }
        fields
    }

    /// A choice in Globus's web app of where this goes; `None` if it is too long for a URL.
    pub(super) fn as_choice(&self) -> Option<Choice> {
        let fields = self.source_fields();
        let fields = fields.iter().map(|ChosenField { name, value }| (name, value));
        Choice::begin(form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish())
    }

    /// The fields of where it goes.
    pub(super) fn destination_fields(&self) -> Vec<ChosenField> {
        let destination = self.destination.as_deref().map(|destination| field("destination", destination));
        destination.into_iter().chain(self.folder.as_deref().map(|folder| field("folder", folder))).collect()
    }

    /// What is to be transferred, in words.
    pub(super) fn what(&self) -> String {
        if self.all {
            return "everything in the folder".to_owned();
        }
        let folders = self.items.iter().filter(|item| item.ends_with('/')).count();
        let count = |number: usize, unit: &str| format!("{number} {unit}{}", if number == 1 { "" } else { "s" });
        match (self.items.len() - folders, folders) {
            (files, 0) => count(files, "file"),
            (0, folders) => count(folders, "folder"),
            (files, folders) => format!("{} and {}", count(files, "file"), count(folders, "folder")),
        }
    }
}

fn items(fields: &Fields) -> Result<Vec<String>, AppError> {
    if fields.is_on("all") || fields.get("open").is_some() {
        return Ok(Vec::new());
    }
    let mut seen = HashSet::new();
    let items: Vec<String> = fields.all("item").filter(|item| seen.insert(*item)).map(ToOwned::to_owned).collect();
    if items.len() > MOST_ITEMS {
        return Err(refused(
            "Too many files at once",
            "One transfer takes at most 1,000 files and folders that are chosen one by one. Transfer the whole folder, or choose fewer.",
        ));
    }
    match items.iter().all(|item| is_below(item)) {
        true => Ok(items),
        false => Err(refused("This is not a file of the folder", "A name must lead to something below the folder.")),
    }
}

/// Whether a name leads to something below its folder.
fn is_below(item: &str) -> bool {
    let name = item.strip_suffix('/').unwrap_or(item);
    item.len() <= MOST_PATH && name.split('/').all(|part| !matches!(part, "" | "." | ".."))
}

/// The id of a collection.
pub(super) fn collection(text: &str) -> Result<String, AppError> {
    let id = Uuid::parse_str(text).map_err(|_| {
        refused("There is no such collection", "What was chosen is not the id of a collection. Choose again.")
    })?;
    Ok(id.to_string())
}

/// A folder's path, with a slash at its end.
pub(super) fn folder_path(text: &str) -> Result<String, AppError> {
    if text.len() > MOST_PATH || !text.starts_with(['/', '~']) {
        return Err(refused("There is no such folder", "A folder's path begins with a slash. Choose again."));
    }
    Ok(if text.ends_with('/') { text.to_owned() } else { format!("{text}/") })
}

#[cfg(test)]
mod tests {
    use super::is_below;

    #[test]
    fn names_stay_below_their_folder() {
        for good in ["a", "a/", "a/b", "..a", ".hidden", "a b/ü/"] {
            assert!(is_below(good), "{good}");
        }
        for bad in ["", "/", "/etc", "..", "../", "a/../../b", ".", "a//b", "a/."] {
            assert!(!is_below(bad), "{bad}");
        }
    }
}
