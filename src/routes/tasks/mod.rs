//! `/tasks` and `/tasks/{id}`: the person's transfers and deletions.

mod amounts;
mod list;
mod one;
mod progress;
mod row;
mod words;

pub(super) use self::{
    amounts::bytes as bytes_words,
    list::tasks,
    one::{cancel, task},
};
