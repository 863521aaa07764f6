//! Bookmarks: folders that a person has named, here and in Globus's web app.

use serde::Serialize;

use super::{
    client::{TransferClient, require_id},
    documents::OperationResult,
};
use crate::{
    error::CallError,
    service::query::{Parameters, segment},
};

documents! {
    /// A bookmark of the person's (Transfer API, "Bookmark Document").
    Bookmark {
        /// Its id, a UUID.
        id: String,
        /// The person's name for it.
        name: Option<String>,
        /// The endpoint.
        endpoint_id: Option<String>,
        /// The path there.
        path: Option<String>,
        /// Whether it is pinned to the top.
        pinned: Option<bool>,
    }

    /// The person's bookmarks (Transfer API, "Get list of bookmarks").
    BookmarkList [bookmarks: Vec<Bookmark>] {}
}

#[derive(Serialize)]
struct NewBookmark<'a> {
    #[serde(rename = "DATA_TYPE")]
    data_type: &'static str,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    endpoint_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<&'a str>,
}

fn path(bookmark_id: &str) -> Result<String, CallError> {
    Ok(format!("v0.10/bookmark/{}", segment(bookmark_id)?))
}

impl TransferClient {
    /// The person's bookmarks (Transfer API, "Get list of bookmarks").
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn bookmark_list(&self) -> Result<BookmarkList, CallError> {
        self.ask_list("v0.10/bookmark_list", &Parameters::default()).await
    }

    /// Makes a bookmark of a folder, whose path ends with a slash (Transfer API, "Create bookmark"). The name has at most 128
    /// characters.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn create_bookmark(
        &self,
        name: &str,
        endpoint_id: &str,
        path_there: &str,
    ) -> Result<Bookmark, CallError> {
        let (endpoint_id, path) = (Some(endpoint_id), Some(path_there));
        let document = NewBookmark { data_type: "bookmark", name, endpoint_id, path };
        named(self.service.post_json("v0.10/bookmark", &document).await?.document()?)
    }

    /// One bookmark (Transfer API, "Get bookmark by id").
    ///
    /// # Errors
    /// [`CallError`]; status 404 when there is none.
    pub async fn get_bookmark(&self, bookmark_id: &str) -> Result<Bookmark, CallError> {
        named(self.ask(&path(bookmark_id)?, &Parameters::default()).await?)
    }

    /// Gives a bookmark another name (Transfer API, "Update bookmark").
    ///
    /// # Errors
    /// As [`get_bookmark`](Self::get_bookmark).
    pub async fn update_bookmark(&self, bookmark_id: &str, name: &str) -> Result<Bookmark, CallError> {
        let document = NewBookmark { data_type: "bookmark", name, endpoint_id: None, path: None };
        named(self.service.put(&path(bookmark_id)?, &[], &document).await?.json()?)
    }

    /// Deletes a bookmark (Transfer API, "Delete bookmark by id").
    ///
    /// # Errors
    /// As [`get_bookmark`](Self::get_bookmark).
    pub async fn delete_bookmark(&self, bookmark_id: &str) -> Result<OperationResult, CallError> {
        self.service.delete(&path(bookmark_id)?, &[]).await?.json()
    }
}

fn named(bookmark: Bookmark) -> Result<Bookmark, CallError> {
    require_id(&bookmark.id)?;
    Ok(bookmark)
}
