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

mod names;
mod variables;

pub use self::names::{Environment, UnknownEnvironment};
pub use self::variables::{VariableError, process_variable};
pub use crate::service::{
    trust::Trust,
    url::{is_loopback, service_url, with_slash},
};
