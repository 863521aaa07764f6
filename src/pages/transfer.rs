//! The pages of the form that starts a transfer. What was chosen travels from page to page in hidden fields.

use askama::Template;

use super::site::{Site, UserView};

/// A field of a form, or the name and value of one of its buttons.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChosenField {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
}

/// Something that can be chosen.
#[derive(Clone, Debug)]
pub struct ChoiceView {
    /// What choosing it sends.
    pub field: ChosenField,
    /// Its name for people.
    pub name: String,
    /// More about it: a size, an owner, a path.
    pub note: String,
    /// For a folder, what opening it sends.
    pub open: Option<ChosenField>,
}

/// Chooses files and folders of the source.
#[derive(Template)]
#[template(path = "transfer_items.html")]
pub struct TransferItemsPage<'a> {
    /// The site.
    pub site: &'a Site,
    /// The reader.
    pub user: &'a UserView,
    /// What was chosen so far.
    pub hidden: Vec<ChosenField>,
    /// The folder shown.
    pub path: &'a str,
    /// What opening the folder above sends.
    pub parent: Option<ChosenField>,
    /// What is in the folder.
    pub entries: Vec<ChoiceView>,
    /// Whether the folder has more than is shown.
    pub has_more: bool,
}

/// Chooses the collection that files go to.
#[derive(Template)]
#[template(path = "transfer_destination.html")]
pub struct TransferDestinationPage<'a> {
    /// The site.
    pub site: &'a Site,
    /// The reader.
    pub user: &'a UserView,
    /// What was chosen so far.
    pub hidden: Vec<ChosenField>,
    /// What goes there, in words.
    pub what: String,
    /// The words that are searched for.
    pub words: &'a str,
    /// Lists of collections, each with its heading.
    pub lists: Vec<(&'static str, Vec<ChoiceView>)>,
    /// Whether the choice can be made in Globus's web app too: what was chosen must fit into a link.
    pub in_globus: bool,
}

/// Chooses the folder that files go to.
#[derive(Template)]
#[template(path = "transfer_folder.html")]
pub struct TransferFolderPage<'a> {
    /// The site.
    pub site: &'a Site,
    /// The reader.
    pub user: &'a UserView,
    /// What was chosen so far, the folder shown included.
    pub hidden: Vec<ChosenField>,
    /// What goes there, in words.
    pub what: String,
    /// The folder shown.
    pub path: &'a str,
    /// What opening the folder above sends.
    pub parent: Option<ChosenField>,
    /// The folders in it.
    pub folders: Vec<ChoiceView>,
    /// Whether there are more folders than are shown.
    pub has_more: bool,
}

/// What will happen, and how.
#[derive(Template)]
#[template(path = "transfer_review.html")]
pub struct TransferReviewPage<'a> {
    /// The site.
    pub site: &'a Site,
    /// The reader.
    pub user: &'a UserView,
    /// What was chosen.
    pub hidden: Vec<ChosenField>,
    /// The submission id: a form that is sent twice makes one task.
    pub submission_id: &'a str,
    /// What goes there, in words.
    pub what: String,
    /// The first names of what goes there.
    pub names: Vec<&'a str>,
    /// How many names are not shown.
    pub more_names: usize,
    /// The source collection.
    pub from: String,
    /// The source folder.
    pub path: &'a str,
    /// The destination collection.
    pub to: String,
    /// The destination folder.
    pub folder: &'a str,
    /// Whether folders go there, so that files at the destination could be deleted.
    pub has_folders: bool,
}
