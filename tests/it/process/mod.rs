//! The program: commands, settings, environment, connections, log, and load.

mod audit;
mod commands;
mod connections;
mod environment;
mod leaks;
mod leaving;
mod load;
mod log_gone;
mod log_lines;
mod metrics;
mod packages;
mod request_ids;
mod service;
mod settings;
mod siege;
mod sockets;
mod stop;
mod traces;
