//! Environments of Globus, and the Python SDK's environment variables.

use std::{fs, process::Command, time::Duration};

use globus_portal::globus::{
    auth::AuthClient,
    authorizer::Authorizer,
    environment::{Environment, VariableError},
    error::CallError,
    http::{Certificate, HttpClient, Limits},
};
use url::Url;

use crate::harness::{Running, free_port, skip_without};

/// Variables by their names, without what they begin with.
fn variables<'a>(given: &'a [(&'a str, &'a str)]) -> impl Fn(&str) -> Option<String> + 'a {
    move |name| {
        let name = name.strip_prefix("GLOBUS_SDK_").unwrap();
        given.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
    }
}

fn urls(environment: &Environment) -> [&str; 3] {
    [environment.auth.as_str(), environment.transfer.as_str(), environment.groups.as_str()]
}

#[test]
fn every_environment_of_globus_has_its_addresses() {
    let production = ["https://auth.globus.org/", "https://transfer.api.globus.org/", "https://groups.api.globus.org/"];
    assert_eq!(urls(&Environment::production()), production);
    assert_eq!(urls(&Environment::from_variables(|_| None).unwrap()), production);
    for name in ["preview", "sandbox", "integration", "test", "staging"] {
        let environment = Environment::from_variables(variables(&[("ENVIRONMENT", name)])).unwrap();
        let domain = if name == "preview" { "preview.globus.org".to_owned() } else { format!("{name}.globuscs.info") };
        let hosts = [format!("auth.{domain}"), format!("transfer.api.{domain}"), format!("groups.api.{domain}")];
        let expected = hosts.map(|host| format!("https://{host}/"));
        assert_eq!(urls(&environment).map(ToOwned::to_owned), expected);
    }
}

#[test]
fn an_unknown_environment_is_refused_in_the_words_of_the_python_sdk() {
    for name in ["PRODUCTION", "prod", " production", "nope"] {
        let error = Environment::from_variables(variables(&[("ENVIRONMENT", name)])).unwrap_err();
        assert!(matches!(error, VariableError::Environment(_)));
        assert_eq!(error.to_string(), format!("Unrecognized environment \"{name}\""));
    }
}

#[test]
fn the_address_of_a_service_wins_over_the_environment_and_an_empty_one_does_not() {
    let given = [
        ("ENVIRONMENT", "preview"),
        ("SERVICE_URL_AUTH", "http://127.0.0.1:1234"),
        ("SERVICE_URL_TRANSFER", "https://transfer.example.org/behind/a/path"),
        ("SERVICE_URL_GROUPS", ""),
    ];
    let environment = Environment::from_variables(variables(&given)).unwrap();
    let expected = [
        "http://127.0.0.1:1234/",
        "https://transfer.example.org/behind/a/path/",
        "https://groups.api.preview.globus.org/",
    ];
    assert_eq!(urls(&environment), expected);
    let empty = Environment::from_variables(variables(&[("ENVIRONMENT", "")])).unwrap();
    assert_eq!(empty, Environment::production());
}

/// Difference from the Python SDK, which sends tokens to any URL.
#[test]
fn the_address_of_a_service_is_https_unless_it_is_on_loopback() {
    for good in ["https://x.example", "http://localhost:1", "http://[::1]:1", "http://127.8.9.1", "http://a.localhost"]
    {
        Environment::from_variables(variables(&[("SERVICE_URL_GROUPS", good)])).unwrap();
    }
    for bad in ["http://x.example", "http://10.0.0.1/", "ftp://localhost/", "localhost:5000", "auth.globus.org", "x"] {
        let error = Environment::from_variables(variables(&[("SERVICE_URL_GROUPS", bad)])).unwrap_err();
        assert!(error.to_string().starts_with("GLOBUS_SDK_SERVICE_URL_GROUPS: expected"), "{error}");
    }
}

#[test]
fn the_timeout_is_seconds_or_minus_one_for_none() {
    let limits = |value: &str| Limits::from_variables(variables(&[("HTTP_TIMEOUT", value)]));
    for (value, seconds) in [("", 60.0), ("5", 5.0), ("2.5", 2.5), ("1e1", 10.0), (" 7 ", 7.0)] {
        let limits = limits(value).unwrap();
        assert_eq!(limits, Limits { timeout: Duration::from_secs_f64(seconds), ..Limits::default() }, "{value}");
    }
    assert_eq!(Limits::from_variables(|_| None).unwrap(), Limits::default());
    let long = limits("600").unwrap();
    assert_eq!((long.timeout, long.deadline), (Duration::from_secs(600), Duration::from_secs(600)));
    for none in ["-1", "-1.0"] {
        let none = limits(none).unwrap();
        assert_eq!((none.timeout, none.deadline), (Duration::MAX, Duration::MAX));
    }
    for bad in ["soon", "0", "-2", "nan", "inf", "1e300", "60s", " "] {
        let error = limits(bad).unwrap_err();
        let text = "GLOBUS_SDK_HTTP_TIMEOUT: expected seconds, as in 60 or 2.5, or -1 for no limit";
        assert_eq!(error.to_string(), text, "{bad}");
        HttpClient::from_variables(variables(&[("HTTP_TIMEOUT", bad)])).unwrap_err();
    }
}

fn client(verify_ssl: &str) -> Result<HttpClient, VariableError> {
    HttpClient::from_variables(variables(&[("VERIFY_SSL", verify_ssl)]))
}

/// Difference from the Python SDK, which takes these words and then believes everybody to be Globus.
#[test]
fn verification_of_certificates_cannot_be_switched_off() {
    for word in ["n", "no", "f", "false", "off", "0", "FALSE", "Off"] {
        let error = client(word).unwrap_err();
        assert!(error.to_string().starts_with("GLOBUS_SDK_VERIFY_SSL: certificates are always verified"), "{error}");
    }
    for word in ["y", "yes", "t", "true", "on", "1", "TRUE", "Yes", ""] {
        client(word).unwrap();
    }
}

#[test]
fn authorities_come_from_a_file_that_has_some() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("authority.pem");
    let path = file.to_str().unwrap();
    assert!(client(path).unwrap_err().to_string().contains("authority.pem"), "there is no such file");
    for nonsense in ["", "no certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        fs::write(&file, nonsense).unwrap();
        assert!(client(path).is_err(), "{nonsense:?}");
    }
    fs::write(&file, certificate().0).unwrap();
    client(path).unwrap();
}

/// A certificate for `localhost` that stands for itself, and its key, as PEM.
fn certificate() -> (String, String) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    (made.cert.pem(), made.signing_key.serialize_pem())
}

/// Serves https on loopback until the test ends.
fn serve_https(folder: &std::path::Path) -> (Running, Url) {
    let (certificate, key) = certificate();
    fs::write(folder.join("certificate.pem"), certificate).unwrap();
    fs::write(folder.join("key.pem"), key).unwrap();
    let port = free_port();
    let mut command = Command::new("openssl");
    command.args(["s_server", "-quiet", "-www", "-cert", "certificate.pem", "-key", "key.pem"]);
    command.args(["-accept", &format!("127.0.0.1:{port}")]).current_dir(folder);
    command.stdin(std::process::Stdio::null()).stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
    (Running::start(&mut command), Url::parse(&format!("https://localhost:{port}/")).unwrap())
}

async fn asked(base: &Url, http: HttpClient) -> CallError {
    AuthClient::new(base.clone(), http, Authorizer::Null).userinfo().await.unwrap_err()
}

/// Waits until the server is there.
async fn connected(port: u16) {
    let there = async {
        while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), there).await.unwrap();
}

#[tokio::test]
async fn a_server_is_believed_by_the_word_of_the_given_authority_alone() {
    if skip_without("authorities", &[("openssl", "openssl")]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (_server, base) = serve_https(folder.path());
    connected(base.port().unwrap()).await;
    let limits = Limits { max_retries: 0, ..Limits::default() };
    let stranger = HttpClient::new(limits, true).unwrap();
    assert!(matches!(asked(&base, stranger).await, CallError::Connection(_)));
    let own = Certificate::from_pem(&fs::read(folder.path().join("certificate.pem")).unwrap()).unwrap();
    let friend = HttpClient::with_authorities(limits, true, Some(vec![own])).unwrap();
    // The page that it serves is no document of Globus: but it was read.
    assert!(matches!(asked(&base, friend).await, CallError::Malformed { .. }));
}
