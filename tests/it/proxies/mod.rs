//! The portal behind nginx, Caddy and Traefik, each with the files from `deploy/`.

mod caddy;
mod nginx;
mod site;
mod traefik;
mod walk;

pub use self::site::{Proxy, Site, Variant};
