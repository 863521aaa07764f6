//! The pages: their content, in a browser, behind nginx, and custom ones.

mod chromium;
mod content;
mod headers;
mod nginx;
mod own_page;
