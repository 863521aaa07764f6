//! Folders and files on an endpoint.

use serde::Serialize;

use super::{
    client::TransferClient,
    documents::{FileEntry, FileList, OperationResult},
    filter::Filter,
};
use crate::{
    error::CallError,
    service::query::{Parameters, flag, segment},
};

/// How many entries a page of a folder holds.
pub(super) const LS_PAGE: u32 = 1000;

/// What of a folder to list.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct LsQuery<'a> {
    /// The folder: `/~/data`; without it, the endpoint's default one.
    pub path: Option<&'a str>,
    /// How many entries at most (Globus's most is 100,000).
    pub limit: Option<u32>,
    /// How many entries to pass over.
    pub offset: Option<u32>,
    /// Whether to list names that start with a dot. Globus does by default.
    pub show_hidden: Option<bool>,
    /// The order: names of fields, each with ` DESC` after it for downwards.
    pub orderby: &'a [&'a str],
    /// What to list; several filters must all hold.
    pub filter: Vec<Filter>,
    /// The local account to use, where the person has more than one.
    pub local_user: Option<&'a str>,
    /// Any other parameters. A name that is there already gets this value, in its old place.
    pub query_params: &'a [(&'a str, &'a str)],
}

impl<'a> LsQuery<'a> {
    /// Nothing but Globus's defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    setters! {
        with_path: path = &'a str;
        with_limit: limit = u32;
        with_offset: offset = u32;
        with_show_hidden: show_hidden = bool;
        with_orderby: orderby = &'a [&'a str];
        with_filter: filter = Vec<Filter>;
        with_local_user: local_user = &'a str;
        with_query_params: query_params = &'a [(&'a str, &'a str)];
    }

    pub(super) fn parameters(&self) -> Parameters {
        let mut parameters = Parameters::default();
        parameters.set_some("path", self.path);
        parameters.set_some("limit", self.limit.map(|limit| limit.to_string()));
        parameters.set_some("offset", self.offset.map(|offset| offset.to_string()));
        parameters.set_some("show_hidden", self.show_hidden.map(flag));
        parameters.set_some("orderby", (!self.orderby.is_empty()).then(|| self.orderby.join(",")));
        for filter in &self.filter {
            parameters.add("filter", filter.to_string());
        }
        parameters.set_some("local_user", self.local_user);
        parameters.set_all(self.query_params);
        parameters
    }
}

/// The path of an operation on an endpoint.
pub(super) fn path(endpoint_id: &str, operation: &str) -> Result<String, CallError> {
    Ok(format!("v0.10/operation/endpoint/{}/{operation}", segment(endpoint_id)?))
}

#[derive(Serialize)]
struct Mkdir<'a> {
    #[serde(rename = "DATA_TYPE")]
    data_type: &'static str,
    path: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    local_user: Option<&'a str>,
}

#[derive(Serialize)]
struct Rename<'a> {
    #[serde(rename = "DATA_TYPE")]
    data_type: &'static str,
    old_path: &'a str,
    new_path: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    local_user: Option<&'a str>,
}

impl TransferClient {
    /// Lists a folder (Transfer API, "List Directory Contents").
    ///
    /// # Errors
    /// [`CallError`]; status 404 when there is no such folder, 403 when the person may not see it, 502 when the
    /// endpoint does not answer.
    pub async fn operation_ls(&self, endpoint_id: &str, query: &LsQuery<'_>) -> Result<FileList, CallError> {
        self.ask_list(&path(endpoint_id, "ls")?, &query.parameters()).await
    }

    /// Looks at one file or folder (Transfer API, "Get File or Directory Status"). `local_user` is the local account to
    /// use, where the person has more than one.
    ///
    /// # Errors
    /// As [`operation_ls`](Self::operation_ls).
    pub async fn operation_stat(
        &self,
        endpoint_id: &str,
        path_there: &str,
        local_user: Option<&str>,
    ) -> Result<FileEntry, CallError> {
        let mut parameters = Parameters::default();
        parameters.set("path", path_there);
        parameters.set_some("local_user", local_user);
        self.ask(&path(endpoint_id, "stat")?, &parameters).await
    }

    /// Makes a folder (Transfer API, "Make Directory"). `local_user` as in [`operation_stat`](Self::operation_stat).
    ///
    /// # Errors
    /// As [`operation_ls`](Self::operation_ls); an error as well when there is something of that name.
    pub async fn operation_mkdir(
        &self,
        endpoint_id: &str,
        path_there: &str,
        local_user: Option<&str>,
    ) -> Result<OperationResult, CallError> {
        let document = Mkdir { data_type: "mkdir", path: path_there, local_user };
        self.service.post_json(&path(endpoint_id, "mkdir")?, &document).await?.document()
    }

    /// Renames or moves a file or folder within its endpoint (Transfer API, "Rename"). `local_user` as in
    /// [`operation_stat`](Self::operation_stat).
    ///
    /// # Errors
    /// As [`operation_ls`](Self::operation_ls); an error as well when there is something of the new name.
    pub async fn operation_rename(
        &self,
        endpoint_id: &str,
        old_path: &str,
        new_path: &str,
        local_user: Option<&str>,
    ) -> Result<OperationResult, CallError> {
        let document = Rename { data_type: "rename", old_path, new_path, local_user };
        self.service.post_json(&path(endpoint_id, "rename")?, &document).await?.document()
    }
}
