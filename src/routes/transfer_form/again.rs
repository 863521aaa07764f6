//! "Do it again": the form of an earlier task.

use uuid::Uuid;

use super::selection::{MOST_ITEMS, Selection};
use crate::{
    error::AppError,
    globus::transfer::{SuccessfulTransferPage, TransferClient},
};

/// The most bytes of the names of all items: they must fit into a form.
const MOST_BYTES: usize = 32 << 10;

/// The collections of a task, and its files if Globus lists them all. If it does not, the person chooses them again.
pub(super) async fn selection(transfer: &TransferClient, id: &str) -> Result<Selection, AppError> {
    let id = Uuid::parse_str(id).map_err(|_| AppError::NotFound)?.to_string();
    let task = transfer.get_task(&id).await?;
    let (Some(source), Some(destination)) = (task.source_endpoint_id, task.destination_endpoint_id) else {
        return Err(AppError::NotFound);
    };
    let mut chosen =
        Selection { source, path: None, items: Vec::new(), all: false, destination: Some(destination), folder: None };
    // Only a task that succeeded lists all of its files.
    if task.status.as_deref() == Some("SUCCEEDED") {
        let listed = transfer.task_successful_transfers(&id, None).await?;
        if let Some((path, folder, items)) = same_items(&listed) {
            (chosen.path, chosen.folder, chosen.items) = (Some(path), Some(folder), items);
        }
    }
    Ok(chosen)
}

/// The source folder, the destination folder, and the names below both. `None` if the list is not whole, or its files were
/// given other names.
fn same_items(listed: &SuccessfulTransferPage) -> Option<(String, String, Vec<String>)> {
    let files = &listed.transfers;
    if listed.next_marker.is_some() || files.is_empty() || files.len() > MOST_ITEMS {
        return None;
    }
    let pairs = files.iter().map(|file| Some((file.source_path.as_deref()?, file.destination_path.as_deref()?)));
    let pairs = pairs.collect::<Option<Vec<_>>>()?;
    let (first, target) = pairs.first()?;
    let path = pairs.iter().try_fold(folder_of(first)?, |common, (from, _)| common_folder(common, from))?;
    let folder = target.strip_suffix(first.strip_prefix(path)?)?;
    let name = |(from, to): &(&str, &str)| {
        let name = from.strip_prefix(path)?;
        (to.strip_prefix(folder)? == name).then(|| name.to_owned())
    };
    let names = pairs.iter().map(name).collect::<Option<Vec<_>>>()?;
    let is_small = names.iter().map(String::len).sum::<usize>() <= MOST_BYTES;
    (is_small && folder.ends_with('/')).then(|| (path.to_owned(), folder.to_owned(), names))
}

fn folder_of(path: &str) -> Option<&str> {
    path.get(..=path.rfind('/')?)
}

/// The deepest folder that is above both.
fn common_folder<'a>(folder: &'a str, path: &str) -> Option<&'a str> {
    let mut folder = folder;
    while !path.starts_with(folder) {
        folder = folder_of(folder.strip_suffix('/')?)?;
    }
    Some(folder)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{SuccessfulTransferPage, same_items};

    #[test]
    fn the_same_files_are_chosen_if_they_keep_their_names() {
        let listed = |files: &[(&str, &str)], next: Option<u32>| {
            let file = |(from, to): &(&str, &str)| json!({"source_path": from, "destination_path": to});
            let document = json!({"DATA": files.iter().map(file).collect::<Vec<_>>(), "next_marker": next});
            serde_json::from_value::<SuccessfulTransferPage>(document).unwrap_or_default()
        };
        let files = [("/a/x.txt", "/b/c/x.txt"), ("/a/d/e/y.txt", "/b/c/d/e/y.txt")];
        let names = ["x.txt".to_owned(), "d/e/y.txt".to_owned()].to_vec();
        assert_eq!(same_items(&listed(&files, None)), Some(("/a/".to_owned(), "/b/c/".to_owned(), names)));
        assert_eq!(same_items(&listed(&files, Some(100))), None, "there are more");
        assert_eq!(same_items(&listed(&[("/a/x", "/b/y")], None)), None, "it got another name");
        assert_eq!(same_items(&listed(&[], None)), None);
    }
}
