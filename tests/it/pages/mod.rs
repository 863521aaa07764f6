//! The pages: their content, in a browser, and custom ones.

mod axe;
mod behind_proxies;
mod causes;
mod chromium;
mod clicks;
mod collections;
mod content;
mod csrf;
mod front;
mod headers;
mod own_api;
mod own_page;
mod own_policies;
mod people;
mod presented;
mod reading;
mod walk;
mod well_known;
mod window;
