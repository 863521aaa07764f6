//! The sandbox as a browser, the official tools and our own client see it.

mod auth;
mod chooser;
mod clients;
mod faults;
mod gcs;
mod globus_cli;
mod groups;
mod hosts;
mod https;
mod outside;
mod pace;
pub mod sdk;
mod sign_in;
mod transfer;
mod trees;
mod user;
pub mod visit;
