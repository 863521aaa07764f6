//! `/tasks`: the person's transfers and deletions; `/tasks/{id}`: one of them, followed to its end.

mod list;
mod one;
mod words;

pub(super) use self::{
    list::tasks,
    one::{cancel, task},
};
