//! Variables that Kubernetes and Docker put into a container for other services. For a service named `globus-portal`, or
//! `globus-portal-postgresql`, their names begin like those of our settings.

use std::{collections::BTreeMap, net::IpAddr};

/// The keys, without the prefix of settings, that are variables of a service. Both name and value must match, so that a
/// mistyped setting is still reported.
pub(super) fn of_services<'a>(variables: &BTreeMap<&'a str, &'a str>) -> Vec<&'a str> {
    let links = variables.iter().filter(|(_, value)| is_link(value));
    let linked: Vec<String> =
        links.filter_map(|(key, _)| Some(rest_of(key).strip_suffix("_PORT")?.to_owned())).collect();
    let injected = |(key, value): &(&&str, &&str)| {
        let rest = rest_of(key);
        is_of_service(&rest, value) || is_of_link(&rest, value, &linked)
    };
    variables.iter().filter(injected).map(|(key, _)| *key).collect()
}

/// A variable's name after `GLOBUS_PORTAL`, which is the beginning of the service's name.
fn rest_of(key: &str) -> String {
    format!("_{key}")
}

/// Variables that Kubernetes sets for each service, and Docker for each link.
fn is_of_service(rest: &str, value: &str) -> bool {
    if rest.ends_with("_SERVICE_HOST") {
        return value.parse::<IpAddr>().is_ok();
    }
    if rest.ends_with("_SERVICE_PORT") || rest.contains("_SERVICE_PORT_") {
        return value.parse::<u16>().is_ok();
    }
    let of_port = |(at, port): (usize, &str)| is_port_and_protocol(&rest[at + port.len()..]);
    (rest.ends_with("_PORT") && is_link(value)) || rest.match_indices("_PORT_").any(of_port)
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

/// What Docker adds for a link with a port: `…_NAME=/portal/db`, and the other container's variables.
fn is_of_link(rest: &str, value: &str, linked: &[String]) -> bool {
    let own = linked.iter().filter_map(|service| rest.strip_prefix(service.as_str()));
    own.into_iter().any(|own| own.starts_with("_ENV_") || (own == "_NAME" && value.starts_with('/')))
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
            ("NAME", "/portal/globus-portal"),
            ("ENV_PATH", "/usr/bin"),
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
