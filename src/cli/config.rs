//! Which settings a command reads.

use std::path::PathBuf;

use clap::Args;

use crate::settings::{SandboxClient, Sources};

pub(super) const DEFAULT_CONFIG: &str = "example_app.conf";

#[derive(Args, Debug)]
pub(super) struct Config {
    /// The settings file [default: example_app.conf]
    #[arg(long, value_name = "FILE", env = "GLOBUS_PORTAL_CONFIG")]
    config: Option<PathBuf>,
}

impl Config {
    pub(super) fn sources(self, sandbox: Option<SandboxClient>) -> Sources {
        let required = self.config.is_some();
        Sources::of_process(self.config.unwrap_or_else(|| PathBuf::from(DEFAULT_CONFIG)), required, sandbox)
    }
}
