//! Step-ups: what Globus asks for becomes one login that asks for exactly that, for the session that there is, and leads back
//! to the page. The same demand again right after gets a page that explains it.

mod ask;
mod back;
mod pages;
mod permitted;
mod start;

pub(super) use self::{
    ask::{Wanted, identity_link, link_below_root, meet},
    back::{Returned, complete},
    pages::refused,
    start::start,
};
