//! Variables that Kubernetes and Docker put into a container for the services beside it. Those of a service named
//! `globus-portal`, or `globus-portal-postgresql`, begin like our settings and are none.

use std::{collections::BTreeMap, net::IpAddr};

/// The keys, without the prefix of settings, that are variables of a service. Each is judged by its name and its value, so
/// that a mistyped setting is still found.
pub(super) fn of_services<'a>(variables: &BTreeMap<&'a str, &'a str>) -> Vec<&'a str> {
    let links = variables.iter().filter(|(_, value)| is_link(value));
    let linked: Vec<&str> = links.filter_map(|(key, _)| key.strip_suffix("_PORT")).collect();
    let injected = |(key, value): &(&&str, &&str)| is_of_service(key, value) || is_of_link(key, value, &linked);
    variables.iter().filter(injected).map(|(key, _)| *key).collect()
}

/// Variables that Kubernetes sets for each service, and Docker for each link: the whole name without its first part, which
/// is the name of the service.
fn is_of_service(key: &str, value: &str) -> bool {
    let key = format!("_{key}");
    let is_port = value.parse::<u16>().is_ok();
    if key.ends_with("_SERVICE_HOST") {
        return value.parse::<IpAddr>().is_ok();
    }
    if key.ends_with("_SERVICE_PORT") || key.contains("_SERVICE_PORT_") {
        return is_port;
    }
    (key.ends_with("_PORT") && is_link(value))
        || key.match_indices("_PORT_").any(|(at, port)| is_port_and_protocol(&key[at + port.len()..]))
}

/// What follows `_PORT_`: `5432_TCP`, `5432_TCP_ADDR`, …
fn is_port_and_protocol(text: &str) -> bool {
    let Some((port, rest)) = text.split_once('_') else { return false };
    let protocol = rest.split('_').next().unwrap_or_default();
    port.parse::<u16>().is_ok() && matches!(protocol, "TCP" | "UDP" | "SCTP")
}

/// `tcp://10.0.0.1:80`.
fn is_link(value: &str) -> bool {
    ["tcp://", "udp://", "sctp://"].iter().any(|scheme| value.starts_with(scheme))
}

/// What Docker adds for a link that has a port: `…_NAME=/portal/db`, and the variables of the other container.
fn is_of_link(key: &str, value: &str, linked: &[&str]) -> bool {
    linked
        .iter()
        .filter_map(|service| key.strip_prefix(service))
        .any(|rest| rest.starts_with("_ENV_") || (rest == "_NAME" && value.starts_with('/')))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::of_services;

    #[test]
    fn variables_of_services_are_known_by_name_and_value() {
        let injected = [
            ("SERVICE_HOST", "10.0.0.2"),
            ("SERVICE_PORT", "80"),
            ("SERVICE_PORT_HTTP", "80"),
            ("PORT", "tcp://10.0.0.1:80"),
            ("PORT_80_TCP", "tcp://10.0.0.1:80"),
            ("PORT_80_TCP_PROTO", "tcp"),
            ("PORT_80_TCP_PORT", "80"),
            ("PORT_80_TCP_ADDR", "10.0.0.1"),
            ("POSTGRESQL_SERVICE_HOST", "fd00::2"),
            ("POSTGRESQL_SERVICE_PORT_TCP_POSTGRESQL", "5432"),
            ("REDIS_MASTER_PORT", "tcp://10.0.0.3:6379"),
            ("REDIS_MASTER_PORT_6379_TCP", "tcp://10.0.0.3:6379"),
            ("REDIS_MASTER_PORT_6379_TCP_ADDR", "10.0.0.3"),
            ("DNS_PORT_53_UDP", "udp://10.0.0.4:53"),
            ("APP_PORT", "tcp://172.17.0.2:80"),
            ("APP_NAME", "/portal/app"),
            ("APP_ENV_PATH", "/usr/bin"),
        ];
        let variables: BTreeMap<&str, &str> = injected.into_iter().collect();
        assert_eq!(of_services(&variables), variables.keys().copied().collect::<Vec<_>>());
    }

    #[test]
    fn settings_and_mistyped_ones_are_not_of_a_service() {
        let own = [
            ("SERVER_NAM", "localhost"),
            ("SERVICE_HOST", "portal.example.org"),
            ("SERVICE_PORT", "http"),
            ("SERVICE_NAME", "portal"),
            ("PORT", "8080"),
            ("LISTEN_PORT", "8080"),
            ("PORT_80", "x"),
            ("PORT_HTTP_TCP", "x"),
            ("APP_NAME", "/portal/app"),
            ("DB_ENV_USER", "x"),
            ("HOST", "10.0.0.1"),
        ];
        assert_eq!(of_services(&own.into_iter().collect()), [""; 0]);
    }
}
