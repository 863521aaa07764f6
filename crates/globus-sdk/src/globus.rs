//! One handle that makes all clients.

use url::Url;

use crate::{
    auth::{AuthClient, ConfidentialAppAuthClient, NativeAppAuthClient},
    clock::Clock,
    environment::{Environment, VariableError},
    error::UsageError,
    groups::GroupsClient,
    secret::ClientSecret,
    service::{
        authorizer::Authorizer,
        client::ServiceClient,
        http::{ClientError, HttpClient, Limits},
    },
    transfer::TransferClient,
};

/// Where Globus is, how it is called, and by which clock: everything that the clients of one program share. Cheap to
/// clone; its clients share their connections.
#[derive(Clone, Debug)]
pub struct Globus {
    environment: Environment,
    http: HttpClient,
    clock: Clock,
}

impl Globus {
    /// The services of `environment`, called through `http`, by the machine's clock.
    #[must_use]
    pub fn new(environment: Environment, http: HttpClient) -> Self {
        Self { environment, http, clock: Clock::system() }
    }

    /// The production services, with the Python SDK's limits.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn production() -> Result<Self, ClientError> {
        Ok(Self::new(Environment::production(), HttpClient::new(Limits::default())?))
    }

    /// What the Python SDK's [environment variables](crate::environment) say; without any, the production services.
    ///
    /// # Errors
    /// [`VariableError`].
    pub fn from_env() -> Result<Self, VariableError> {
        Ok(Self::new(Environment::from_env()?, HttpClient::from_env()?))
    }

    /// The same, introduced to Globus as this app: [`HttpClient::with_app_name`].
    ///
    /// # Errors
    /// [`UsageError`] for a name that cannot be sent.
    pub fn with_app_name(self, app: &str) -> Result<Self, UsageError> {
        Ok(Self { http: self.http.with_app_name(app)?, ..self })
    }

    /// The same by another clock, for tests.
    #[must_use]
    pub fn with_clock(self, clock: Clock) -> Self {
        Self { clock, ..self }
    }

    /// Where the services are.
    #[must_use]
    pub fn environment(&self) -> &Environment {
        &self.environment
    }

    /// The HTTP client that all clients share.
    #[must_use]
    pub fn http(&self) -> &HttpClient {
        &self.http
    }

    /// The clock that all clients share.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Globus Auth for an app with a secret.
    #[must_use]
    pub fn confidential_app(&self, client_id: impl Into<String>, secret: &ClientSecret) -> ConfidentialAppAuthClient {
        let (base, http, clock) = (self.environment.auth.clone(), self.http.clone(), self.clock.clone());
        ConfidentialAppAuthClient::new(base, http, clock, client_id.into(), secret)
    }

    /// Globus Auth for an app without a secret.
    ///
    /// # Errors
    /// [`UsageError`] for an empty client id.
    pub fn native_app(&self, client_id: impl Into<String>) -> Result<NativeAppAuthClient, UsageError> {
        let (base, http, clock) = (self.environment.auth.clone(), self.http.clone(), self.clock.clone());
        NativeAppAuthClient::new(base, http, clock, client_id.into())
    }

    /// Globus Auth with a person's token.
    #[must_use]
    pub fn auth(&self, authorizer: impl Into<Authorizer>) -> AuthClient {
        AuthClient::new(self.environment.auth.clone(), self.http.clone(), authorizer)
    }

    /// Globus Transfer.
    #[must_use]
    pub fn transfer(&self, authorizer: impl Into<Authorizer>) -> TransferClient {
        TransferClient::new(self.environment.transfer.clone(), self.http.clone(), authorizer)
    }

    /// Globus Groups.
    #[must_use]
    pub fn groups(&self, authorizer: impl Into<Authorizer>) -> GroupsClient {
        GroupsClient::new(self.environment.groups.clone(), self.http.clone(), authorizer)
    }

    /// Any other service, at its base URL: Search at `https://search.api.globus.org/`, say. With an authorizer, calls of a
    /// base URL with http fail with [`CallError::Usage`](crate::error::CallError::Usage), except on loopback.
    #[must_use]
    pub fn service(&self, base: Url, authorizer: impl Into<Authorizer>) -> ServiceClient {
        ServiceClient::new(base, self.http.clone(), authorizer)
    }
}
