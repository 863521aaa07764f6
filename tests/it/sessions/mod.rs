//! Sessions: tokens renewed, sessions listed, limited and ended, by one portal and by several.

mod ended_elsewhere;
mod ends_that_fail;
mod limit;
mod one_session;
mod pages;
mod replicas;
mod store_down;
mod tokens;
