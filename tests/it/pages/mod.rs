//! The pages: what they show, in a browser, behind nginx, and those of developers.

mod chromium;
mod content;
mod headers;
mod nginx;
mod own_page;
