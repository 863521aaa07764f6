//! `/collections`: the lists of collections; `/collections/{id}`: a folder of one, and what is known about it.

mod changes;
mod entry;
mod folder;
mod lists;
mod names;

pub(super) use self::{
    changes::{add_bookmark, make_folder, remove_bookmark},
    entry::{delete, entry, rename},
    folder::folder,
    lists::collections,
};
