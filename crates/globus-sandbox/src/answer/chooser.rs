//! The pages of the file chooser: one struct for each template.

use askama::Template;

/// Which collection?
#[derive(Template)]
#[template(path = "chooser_collection.html")]
pub(crate) struct CollectionPage {
    pub(crate) person: String,
    pub(crate) collections: Vec<CollectionChoice>,
    pub(crate) cancel: Option<String>,
}

pub(crate) struct CollectionChoice {
    pub(crate) name: String,
    pub(crate) owner: String,
    pub(crate) link: String,
}

/// Which folder, and what in it?
#[derive(Template)]
#[template(path = "chooser_folder.html")]
pub(crate) struct FolderPage {
    pub(crate) collection: String,
    pub(crate) id: String,
    pub(crate) path: String,
    /// What the app sent, for the next step.
    pub(crate) echo: Vec<(String, String)>,
    pub(crate) problem: Option<String>,
    pub(crate) above: Option<String>,
    pub(crate) entries: Vec<EntryChoice>,
    /// How many more there are.
    pub(crate) more: usize,
    pub(crate) others: String,
    pub(crate) cancel: Option<String>,
}

pub(crate) struct EntryChoice {
    pub(crate) name: String,
    pub(crate) value: String,
    pub(crate) can_be_chosen: bool,
    /// The page of a folder.
    pub(crate) link: Option<String>,
}

/// What goes to the app.
#[derive(Template)]
#[template(path = "chooser_done.html")]
pub(crate) struct DonePage {
    pub(crate) method: &'static str,
    pub(crate) action: String,
    pub(crate) destination: String,
    pub(crate) collection: String,
    pub(crate) path: String,
    pub(crate) names: Vec<String>,
    pub(crate) label: String,
    pub(crate) fields: Vec<(String, String)>,
    pub(crate) back: String,
    pub(crate) cancel: Option<String>,
}
