//! Where Globus is, and how it is called: the settings that the Python SDK has too.

use std::time::Duration;

use crate::{
    globus::environment::{Environment, Trust, service_url},
    settings::reader::Reader,
};

/// How long one response of Globus may take, in seconds: the default, and the bounds. Less than a browser waits for a page.
const DEFAULT_TIMEOUT: u64 = 10;
const TIMEOUTS: (f64, f64) = (1.0, 60.0);

pub(super) fn environment(reader: &mut Reader) -> Environment {
    let named = reader.parsed("GLOBUS_SDK_ENVIRONMENT", |text| {
        let known = "production, preview, sandbox, integration, test or staging";
        Environment::named(text).map_err(|error| format!("{error}: expected {known}"))
    });
    let auth = reader.parsed("GLOBUS_SDK_SERVICE_URL_AUTH", service_url);
    let transfer = reader.parsed("GLOBUS_SDK_SERVICE_URL_TRANSFER", service_url);
    let groups = reader.parsed("GLOBUS_SDK_SERVICE_URL_GROUPS", service_url);
    let mut environment = named.unwrap_or_else(Environment::production);
    environment.auth = auth.unwrap_or(environment.auth);
    environment.transfer = transfer.unwrap_or(environment.transfer);
    environment.groups = groups.unwrap_or(environment.groups);
    environment
}

pub(super) fn trust(reader: &mut Reader, environment: &Environment) -> Trust {
    let trust = reader.parsed_scalar("GLOBUS_SDK_VERIFY_SSL", |text| Trust::parse(text, environment));
    if matches!(trust, Some(Trust::AnyoneOnLoopback)) {
        let text = "GLOBUS_SDK_VERIFY_SSL is off: certificates of services on loopback are not verified";
        reader.warnings.push(text.to_owned());
    }
    trust.unwrap_or(Trust::System)
}

/// Values out of range, and `-1`, the Python SDK's value for no limit, become the nearest bound: a visitor is waiting for the
/// page.
pub(super) fn timeout(reader: &mut Reader) -> Duration {
    let parsed = reader.parsed_scalar("GLOBUS_SDK_HTTP_TIMEOUT", |text| {
        let seconds = text.parse::<f64>().ok().filter(|seconds| *seconds > 0.0 || *seconds == -1.0);
        seconds.ok_or_else(|| "expected seconds, as in 10 or 2.5".to_owned())
    });
    let Some(seconds) = parsed else { return Duration::from_secs(DEFAULT_TIMEOUT) };
    let (least, most) = TIMEOUTS;
    let used = if seconds < 0.0 { most } else { seconds.clamp(least, most) };
    if (used - seconds).abs() > f64::EPSILON {
        let text = format!("GLOBUS_SDK_HTTP_TIMEOUT is out of bounds for a portal: it waits for {used} seconds");
        reader.warnings.push(text);
    }
    Duration::from_secs_f64(used)
}
