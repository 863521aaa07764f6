//! The pages: their content, in a browser, and custom ones.

mod axe;
mod causes;
mod chromium;
mod clicks;
mod collections;
mod content;
mod csrf;
mod headers;
mod own_api;
mod own_page;
mod people;
mod presented;
mod reading;
mod walk;
mod window;
