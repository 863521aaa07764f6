//! `/collections`: the lists of collections; `/collections/{id}`: a folder of one, and what is known about it.

mod changes;
mod folder;
mod lists;
mod paths;

pub(super) use self::{
    changes::{add_bookmark, make_folder, remove_bookmark},
    folder::folder,
    lists::collections,
};
