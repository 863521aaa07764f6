//! The session stores: what each of them must do, and what a copy of one reveals.

mod contract;
mod dumps;
mod poolers;
mod postgres;
mod redis;
mod sqlite;
mod vault;
