//! Environment variables of the Python SDK, read into an environment, into limits and into an HTTP client.

use std::{path::Path, time::Duration};

use url::Url;

use super::names::{Environment, UnknownEnvironment};
use crate::service::{
    http::{Certificate, ClientError, HttpClient, Limits, Proxies},
    trust::Trust,
    url::service_url,
};

const ENVIRONMENT: &str = "GLOBUS_SDK_ENVIRONMENT";
const SERVICE_URL: &str = "GLOBUS_SDK_SERVICE_URL_";
const HTTP_TIMEOUT: &str = "GLOBUS_SDK_HTTP_TIMEOUT";
const VERIFY_SSL: &str = "GLOBUS_SDK_VERIFY_SSL";

/// What is wrong with an environment variable.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VariableError {
    /// `GLOBUS_SDK_ENVIRONMENT` names no environment of Globus.
    #[error(transparent)]
    Environment(#[from] UnknownEnvironment),
    /// Its value is not what it has to be.
    #[error("{variable}: {problem}")]
    Value {
        /// The variable's name.
        variable: String,
        /// What was expected.
        problem: String,
    },
    /// No HTTP client can be created with them.
    #[error(transparent)]
    Http(#[from] ClientError),
}

fn refused(variable: &str, problem: impl Into<String>) -> VariableError {
    VariableError::Value { variable: variable.to_owned(), problem: problem.into() }
}

/// A variable of this process, if it is text.
#[must_use]
pub fn process_variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// A variable that is set and not empty.
fn set(lookup: &impl Fn(&str) -> Option<String>, name: &str) -> Option<String> {
    lookup(name).filter(|value| !value.is_empty())
}

impl Environment {
    /// What the variables of this process say.
    ///
    /// # Errors
    /// As [`from_variables`](Self::from_variables).
    pub fn from_env() -> Result<Self, VariableError> {
        Self::from_variables(process_variable)
    }

    /// What variables say: `GLOBUS_SDK_ENVIRONMENT`, and `GLOBUS_SDK_SERVICE_URL_<SERVICE>` in place of one service.
    ///
    /// ```
    /// # use globus_sdk::environment::Environment;
    /// let variables = |name: &str| (name == "GLOBUS_SDK_ENVIRONMENT").then(|| "preview".to_owned());
    /// let environment = Environment::from_variables(variables)?;
    /// assert_eq!(environment.auth.as_str(), "https://auth.preview.globus.org/");
    /// # Ok::<(), globus_sdk::environment::VariableError>(())
    /// ```
    ///
    /// # Errors
    /// [`VariableError`] for an unknown environment, and for a URL that is neither https nor on loopback.
    pub fn from_variables(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, VariableError> {
        let named = match set(&lookup, ENVIRONMENT) {
            Some(name) => Self::named(&name)?,
            None => Self::production(),
        };
        let service = |name: &str, of_the_environment: Url| {
            let variable = format!("{SERVICE_URL}{name}");
            match set(&lookup, &variable) {
                Some(text) => service_url(&text).map_err(|problem| refused(&variable, problem)),
                None => Ok(of_the_environment),
            }
        };
        Ok(Self {
            auth: service("AUTH", named.auth)?,
            transfer: service("TRANSFER", named.transfer)?,
            groups: service("GROUPS", named.groups)?,
        })
    }
}

impl Limits {
    /// The limits of the Python SDK with the time of `GLOBUS_SDK_HTTP_TIMEOUT` for one try. A time that is longer than the
    /// [`deadline`](Self::deadline) moves the deadline too; without a limit (`-1`) there is no deadline either.
    ///
    /// # Errors
    /// [`VariableError`] for an invalid time.
    pub fn from_variables(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, VariableError> {
        let limits = Self::default();
        let Some(text) = set(&lookup, HTTP_TIMEOUT) else { return Ok(limits) };
        let timeout = seconds(&text)
            .ok_or_else(|| refused(HTTP_TIMEOUT, "expected seconds, as in 60 or 2.5, or -1 for no limit"))?;
        Ok(Self { timeout, deadline: limits.deadline.max(timeout), ..limits })
    }
}

fn seconds(text: &str) -> Option<Duration> {
    let seconds: f64 = text.trim().parse().ok()?;
    match seconds {
        -1.0 => Some(Duration::MAX),
        _ => Duration::try_from_secs_f64(seconds).ok().filter(|timeout| !timeout.is_zero()),
    }
}

impl Trust {
    /// What `GLOBUS_SDK_VERIFY_SSL` says: `true`, the path of a PEM file with CA certificates, or `false`.
    ///
    /// The Python SDK switches verification off for `false`. Here that works only where all services of the environment are on loopback:
    /// anywhere else, whoever is on the way could take every token and every secret.
    ///
    /// # Errors
    /// What was expected.
    pub fn parse(text: &str, environment: &Environment) -> Result<Self, String> {
        match text.trim().to_ascii_lowercase().as_str() {
            "y" | "yes" | "t" | "true" | "on" | "1" => Ok(Self::System),
            "n" | "no" | "f" | "false" | "off" | "0" if environment.is_on_loopback() => Ok(Self::AnyoneOnLoopback),
            "n" | "no" | "f" | "false" | "off" | "0" => Err(
                "certificates are always verified, except on loopback; to trust your own CA, set this to the path of a PEM file with its certificate"
                    .to_owned(),
            ),
            _ => certificates(Path::new(text.trim())).map(Self::Only),
        }
    }
}

fn certificates(path: &Path) -> Result<Vec<Certificate>, String> {
    let expected = || format!("expected true, or the path of a PEM file with certificates, not {:?}", path.display());
    let pem = std::fs::read(path).map_err(|error| format!("{}: {error}", expected()))?;
    let certificates = Certificate::from_pem_bundle(&pem).map_err(|_| expected())?;
    if certificates.is_empty() { Err(expected()) } else { Ok(certificates) }
}

impl HttpClient {
    /// What the variables of this process say.
    ///
    /// # Errors
    /// As [`from_variables`](Self::from_variables).
    pub fn from_env() -> Result<Self, VariableError> {
        Self::from_variables(process_variable)
    }

    /// A client with the limits of `GLOBUS_SDK_HTTP_TIMEOUT` and the [`Trust`] of `GLOBUS_SDK_VERIFY_SSL`.
    ///
    /// # Errors
    /// [`VariableError`].
    pub fn from_variables(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, VariableError> {
        let environment = Environment::from_variables(&lookup)?;
        let trust = match set(&lookup, VERIFY_SSL) {
            Some(text) => Trust::parse(&text, &environment).map_err(|problem| refused(VERIFY_SSL, problem))?,
            None => Trust::System,
        };
        Ok(Self::trusting(Limits::from_variables(&lookup)?, trust, Proxies::FromEnvironment)?)
    }
}
