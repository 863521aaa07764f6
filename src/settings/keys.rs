//! The list of settings.

/// What a key is for; decides how its value is treated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Plain,
    /// Its value is never shown, and `<KEY>_FILE` may name a file that holds it.
    Secret,
    /// A setting of the Python SDK: also read from the environment under exactly this name.
    Sdk,
    /// Tables, which only the settings file can hold.
    Tables,
}

/// Every key.
pub(super) const KEYS: &[(&str, Kind)] = &[
    ("SERVER_NAME", Kind::Plain),
    ("PREFERRED_URL_SCHEME", Kind::Plain),
    ("APPLICATION_ROOT", Kind::Plain),
    ("LISTEN", Kind::Plain),
    ("METRICS_LISTEN", Kind::Plain),
    ("OTLP_ENDPOINT", Kind::Plain),
    ("OTLP_HEADERS", Kind::Secret),
    ("SECRET_KEY", Kind::Secret),
    ("SECRET_KEY_FALLBACKS", Kind::Secret),
    ("APP_CLIENT_ID", Kind::Plain),
    ("APP_CLIENT_SECRET", Kind::Secret),
    ("PORTAL_CLIENT_ID", Kind::Plain),
    ("PORTAL_CLIENT_SECRET", Kind::Secret),
    ("APP_NAME", Kind::Plain),
    ("LANDING_PAGE", Kind::Plain),
    ("TIME_ZONE", Kind::Plain),
    ("SCOPES", Kind::Plain),
    ("ALLOW_CONSENT_FOR", Kind::Plain),
    ("REFRESH_TOKENS", Kind::Plain),
    ("REFRESH_TIMEOUT_SECONDS", Kind::Plain),
    ("SESSION_STORE", Kind::Secret),
    ("SESSION_COOKIE_NAME", Kind::Plain),
    ("COOKIE_DOMAIN", Kind::Plain),
    ("ALLOWED_RETURN_HOSTS", Kind::Plain),
    ("SESSION_IDLE_SECONDS", Kind::Plain),
    ("SESSION_CACHE_SECONDS", Kind::Plain),
    ("SESSIONS_PER_PERSON", Kind::Plain),
    ("PERMANENT_SESSION_LIFETIME", Kind::Plain),
    ("GLOBUS_SDK_ENVIRONMENT", Kind::Sdk),
    ("GLOBUS_SDK_SERVICE_URL_AUTH", Kind::Sdk),
    ("GLOBUS_SDK_SERVICE_URL_TRANSFER", Kind::Sdk),
    ("GLOBUS_SDK_SERVICE_URL_GROUPS", Kind::Sdk),
    ("GLOBUS_SDK_VERIFY_SSL", Kind::Sdk),
    ("GLOBUS_SDK_HTTP_TIMEOUT", Kind::Sdk),
    ("TRUSTED_PROXIES", Kind::Plain),
    ("MAX_CONNECTIONS", Kind::Plain),
    ("REQUEST_HEAD_SECONDS", Kind::Plain),
    ("KEEP_ALIVE_SECONDS", Kind::Plain),
    ("MAX_EXCHANGES", Kind::Plain),
    ("LOG_FORMAT", Kind::Plain),
    ("SHUTDOWN_DELAY_SECONDS", Kind::Plain),
    ("SECURITY_CONTACT", Kind::Plain),
    ("SECURITY_EXPIRES", Kind::Plain),
    ("SANDBOX_PUBLIC_URL", Kind::Plain),
    ("GROUPS_MAX_AGE_SECONDS", Kind::Plain),
    ("collections", Kind::Tables),
    ("policies", Kind::Tables),
];
