//! Where the services of Globus are, by the name of an environment.

use url::Url;

use crate::service::url::{is_loopback, with_slash};

/// The base URLs of the services this crate calls: https, or http on loopback, where [`service_url`] reads them from text.
///
/// [`service_url`]: super::service_url
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Environment {
    /// Globus Auth.
    pub auth: Url,
    /// Globus Transfer.
    pub transfer: Url,
    /// Globus Groups.
    pub groups: Url,
}

/// A name that is not an environment of Globus.
#[derive(Debug, thiserror::Error)]
#[error("Unrecognized environment \"{0}\"")]
pub struct UnknownEnvironment(String);

impl Environment {
    /// The production environment.
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

    /// The same with Globus Auth at another base URL: https, or http on loopback.
    #[must_use]
    pub fn with_auth(self, base: Url) -> Self {
        Self { auth: with_slash(base), ..self }
    }

    /// The same with Globus Transfer at another base URL.
    #[must_use]
    pub fn with_transfer(self, base: Url) -> Self {
        Self { transfer: with_slash(base), ..self }
    }

    /// The same with Globus Groups at another base URL.
    #[must_use]
    pub fn with_groups(self, base: Url) -> Self {
        Self { groups: with_slash(base), ..self }
    }

    /// Whether all services are on this machine.
    #[must_use]
    pub fn is_on_loopback(&self) -> bool {
        [&self.auth, &self.transfer, &self.groups].into_iter().all(is_loopback)
    }

    /// All services behind one base URL, as a stand-in for Globus serves them.
    ///
    /// ```
    /// use globus_sdk::{environment::Environment, url::Url};
    ///
    /// let environment = Environment::at(&Url::parse("http://127.0.0.1:8080/globus")?);
    /// assert_eq!(environment.auth.as_str(), "http://127.0.0.1:8080/globus/");
    /// # Ok::<(), globus_sdk::url::ParseError>(())
    /// ```
    #[must_use]
    pub fn at(base: &Url) -> Self {
        let base = with_slash(base.clone());
        Self { auth: base.clone(), transfer: base.clone(), groups: base }
    }
}
