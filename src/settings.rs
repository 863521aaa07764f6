//! Settings: read from a file in the style of Flask, from the environment, and checked as a whole.
//!
//! Order of precedence: command line (`--config` and `--sandbox` only), environment (`GLOBUS_PORTAL_<KEY>`), file, default.
//! `<KEY>_FILE` names a file that holds a secret. All problems are reported at once, and none shows the value of a secret.

mod address;
mod app_hosts;
mod check;
mod checked;
mod collector;
mod found;
mod keys;
mod links;
mod listen;
mod policies;
mod presented;
mod problems;
mod reader;
mod secret_files;
mod secret_keys;
mod security_txt;
mod sources;
pub mod store_url;
mod text_file;
mod unexpanded;
mod written;

pub use self::{
    app_hosts::{AppHost, AppHosts},
    checked::{ConnectionLimits, CookieNames, LogFormat, MOST_PER_PERSON, Settings, StoreKind},
    collector::Collector,
    listen::Listen,
    policies::{Policies, Policy},
    presented::{Destination, Image, Presented, PresentedCollection, Reach},
    problems::{Problem, Problems},
    security_txt::SecurityTxt,
    sources::{SandboxClient, Sources},
};

impl Settings {
    /// Reads and checks the settings.
    ///
    /// # Errors
    /// [`Problems`]: all problems at once.
    pub fn load(sources: &Sources) -> Result<Self, Problems> {
        let (values, problems, places) = sources.read()?;
        check::check(reader::Reader::of(values, problems), sources).map_err(|mut problems| {
            sources.place(&mut problems.0, &places);
            problems
        })
    }

    /// Reads where the portal listens, and no other setting.
    ///
    /// # Errors
    /// [`Problems`]: the settings file cannot be read, or `LISTEN` is wrong.
    pub fn listen_of(sources: &Sources) -> Result<Listen, Problems> {
        let (values, _, places) = sources.read()?;
        let mut reader = reader::Reader::of(values, Vec::new());
        let listen = listen::listen(&mut reader);
        sources.place(&mut reader.problems, &places);
        if reader.problems.is_empty() { Ok(listen) } else { Err(Problems(reader.problems)) }
    }
}
