//! What there is from the start: people, apps, collections, groups, scopes.

pub(crate) mod apps;
pub(crate) mod belongings;
pub(crate) mod catalogue;
pub(crate) mod collections;
pub(crate) mod groups;
pub(crate) mod people;
pub(crate) mod scopes;
pub(crate) mod troubles;
