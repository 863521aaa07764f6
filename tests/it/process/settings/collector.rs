//! Where traces are sent.

use super::{Given, SENTINEL};

fn endpoint(value: &str) -> String {
    Given::app(&format!("OTLP_ENDPOINT = '{value}'\n")).good().collector.as_ref().unwrap().endpoint.to_string()
}

#[test]
fn an_address_gets_the_path_of_traces() {
    for (given, used) in [
        ("http://127.0.0.1:4318", "http://127.0.0.1:4318/v1/traces"),
        ("http://collector.observe.svc:4318/", "http://collector.observe.svc:4318/v1/traces"),
        ("https://otlp.example.org/tenant", "https://otlp.example.org/tenant/v1/traces"),
        ("https://otlp.example.org/v1/traces", "https://otlp.example.org/v1/traces"),
    ] {
        assert_eq!(endpoint(given), used);
    }
    assert!(Given::app("").good().collector.is_none());
}

#[test]
fn headers_do_not_print_and_do_not_cross_a_network_in_the_clear() {
    let headers = format!("OTLP_HEADERS = 'api-key={SENTINEL}, Authorization=Basic%20YWJj%3D'\n");
    for address in ["https://otlp.example.org", "http://127.0.0.1:4318", "http://localhost:4318"] {
        let settings = Given::app(&format!("OTLP_ENDPOINT = '{address}'\n{headers}")).good();
        let collector = settings.collector.as_ref().unwrap();
        let values: Vec<_> =
            collector.headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
        assert_eq!(values, [("api-key", SENTINEL), ("authorization", "Basic YWJj=")]);
        assert!(!format!("{settings:?}").contains(SENTINEL));
    }
    let open = Given::app(&format!("OTLP_ENDPOINT = 'http://collector:4318'\n{headers}"));
    assert!(open.one_problem("OTLP_HEADERS").contains("use https"));
}

#[test]
fn headers_may_come_from_a_file_and_do_nothing_without_a_collector() {
    let given = Given::app("OTLP_ENDPOINT = 'https://otlp.example.org'\n");
    let file = given.beside("headers", &format!("api-key={SENTINEL}\n"));
    let settings = given.env("GLOBUS_PORTAL_OTLP_HEADERS_FILE", &file).good();
    assert_eq!(settings.collector.as_ref().unwrap().headers[0].1, SENTINEL);
    let settings = Given::app("OTLP_HEADERS = 'api-key=x'\n").good();
    assert!(settings.warnings.iter().any(|warning| warning.contains("OTLP_HEADERS has no effect")));
}
