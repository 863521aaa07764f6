//! The program: commands, settings, environment, connections, log, and what a crowd does to it.

mod commands;
mod connections;
mod environment;
mod leaks;
mod leaving;
mod load;
mod log_gone;
mod log_lines;
mod settings;
mod siege;
mod stop;
