//! Where the services of Globus are, and the environment variables of the Python SDK that say so.
//!
//! | variable | what it holds |
//! |---|---|
//! | `GLOBUS_SDK_ENVIRONMENT` | the name of an environment; `production` where it is not set |
//! | `GLOBUS_SDK_SERVICE_URL_AUTH`, `…_TRANSFER`, `…_GROUPS` | the base URL of one service, whatever the environment |
//! | `GLOBUS_SDK_HTTP_TIMEOUT` | seconds for one try; `-1` for no limit at all |
//! | `GLOBUS_SDK_VERIFY_SSL` | `true`, or the path of a PEM file with CA certificates; `false` where all services are on loopback |
//!
//! A variable with an empty value counts as not set.

mod trust;
mod variables;

use url::{Host, Url};

pub use self::trust::Trust;
pub use self::variables::{VariableError, process_variable};

/// The base URLs of the services this crate calls. Each ends with a slash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Environment {
    /// Globus Auth.
    pub auth: Url,
    /// Globus Transfer.
    pub transfer: Url,
    /// Globus Groups.
    pub groups: Url,
}

/// A name that is no environment of Globus.
#[derive(Debug, thiserror::Error)]
#[error("Unrecognized environment \"{0}\"")]
pub struct UnknownEnvironment(String);

impl Environment {
    /// The Globus that everybody uses.
    #[must_use]
    #[expect(clippy::expect_used, reason = "a name from the list below")]
    pub fn production() -> Self {
        Self::named("production").expect("the production environment has URLs")
    }

    /// The environment of a name that the Python SDK knows: `production`, `preview`, `sandbox`, `integration`,
    /// `test` or `staging`.
    ///
    /// # Errors
    /// [`UnknownEnvironment`] for any other name.
    pub fn named(name: &str) -> Result<Self, UnknownEnvironment> {
        let domain = match name {
            "production" => "globus.org".to_owned(),
            "preview" => "preview.globus.org".to_owned(),
            "sandbox" | "integration" | "test" | "staging" => format!("{name}.globuscs.info"),
            _ => return Err(UnknownEnvironment(name.to_owned())),
        };
        let service =
            |host: String| Url::parse(&format!("https://{host}/")).map_err(|_| UnknownEnvironment(name.to_owned()));
        Ok(Self {
            auth: service(format!("auth.{domain}"))?,
            transfer: service(format!("transfer.api.{domain}"))?,
            groups: service(format!("groups.api.{domain}"))?,
        })
    }

    /// Whether all services are on this machine.
    #[must_use]
    pub fn is_on_loopback(&self) -> bool {
        [&self.auth, &self.transfer, &self.groups].into_iter().all(is_loopback)
    }

    /// All services behind one base URL, as a stand-in for Globus serves them.
    #[must_use]
    pub fn at(base: &Url) -> Self {
        let base = with_slash(base.clone());
        Self { auth: base.clone(), transfer: base.clone(), groups: base }
    }
}

/// Reads the base URL of a service. Tokens go there, so it must be https; http is for this machine alone.
/// # Errors
/// What is wrong with it.
pub fn service_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|_| "expected a URL, as in https://auth.globus.org/".to_owned())?;
    match url.scheme() {
        "https" => Ok(with_slash(url)),
        "http" if is_loopback(&url) => Ok(with_slash(url)),
        _ => Err("expected https; http is for loopback addresses only".to_owned()),
    }
}

/// Whether a URL is of this machine and of nothing else.
#[must_use]
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.to_canonical().is_loopback(),
        None => false,
    }
}

/// The same URL with a path that ends with a slash, so that joining a path to it keeps its own.
#[must_use]
pub fn with_slash(mut url: Url) -> Url {
    if !url.path().ends_with('/') {
        let path = format!("{}/", url.path());
        url.set_path(&path);
    }
    url
}

/// Joins a base URL that ends with a slash and a path that has none in front.
pub(crate) fn join(base: &Url, path: &str) -> Url {
    let mut url = base.clone();
    let path = format!("{}{path}", base.path());
    url.set_path(&path);
    url
}
