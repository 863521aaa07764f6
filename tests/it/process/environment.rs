//! Environments of Globus, and the Python SDK's environment variables.

use std::{fs, process::Command, time::Duration};

use globus_portal::{
    clock::Clock,
    globus::{
        auth::AuthClient,
        authorizer::Authorizer,
        clock_difference::ClockDifference,
        environment::{Environment, Trust, VariableError},
        error::CallError,
        http::{Certificate, HttpClient, Limits, Proxies},
    },
};
use url::Url;

use crate::harness::{Provider, Running, Step, free_port, globus_portal, portal_at, skip_without, start_sandbox};

/// Variables by name, without the prefix.
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
        let expected = Limits::default().with_timeout(Duration::from_secs_f64(seconds)).with_deadline(limits.deadline);
        assert_eq!(limits, expected, "{value}");
        assert_eq!(limits.deadline, Limits::default().deadline, "{value}");
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

const OFF: [&str; 8] = ["n", "no", "f", "false", "off", "0", "FALSE", "Off"];

/// Difference from the Python SDK, which accepts these values and then trusts any server.
#[test]
fn verification_of_certificates_cannot_be_switched_off_but_on_loopback() {
    for word in OFF {
        let error = client(word).unwrap_err();
        assert!(error.to_string().starts_with("GLOBUS_SDK_VERIFY_SSL: certificates are always verified"), "{error}");
        // One service elsewhere is enough to refuse it.
        let services = [("VERIFY_SSL", word), ("SERVICE_URL_AUTH", "https://localhost:1")];
        HttpClient::from_variables(variables(&services)).unwrap_err();
        let here = "https://localhost:1";
        let all = [("SERVICE_URL_AUTH", here), ("SERVICE_URL_TRANSFER", here), ("SERVICE_URL_GROUPS", here)];
        HttpClient::from_variables(variables(&[&all[..], &[("VERIFY_SSL", word)]].concat())).unwrap();
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

/// A self-signed certificate for `localhost`, and its key, as PEM.
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

/// Waits until the server answers.
async fn connected(port: u16) {
    let there = async {
        while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), there).await.unwrap();
}

#[tokio::test]
async fn a_server_is_trusted_for_the_given_authority_alone() {
    if skip_without("authorities", &[("openssl", "openssl")]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (_server, base) = serve_https(folder.path());
    connected(base.port().unwrap()).await;
    let limits = Limits::default().with_max_retries(0);
    let stranger = HttpClient::direct(limits).unwrap();
    assert!(matches!(asked(&base, stranger).await, CallError::Connection(_)));
    let own = Certificate::from_pem(&fs::read(folder.path().join("certificate.pem")).unwrap()).unwrap();
    let friend = HttpClient::trusting(limits, Trust::Only(vec![own]), Proxies::Ignored).unwrap();
    // The page that it serves is not a document of Globus, but it was read.
    assert!(matches!(asked(&base, friend).await, CallError::Malformed { .. }));
    // On loopback verification can be switched off. 0.0.0.0 reaches the same server and is no loopback address.
    let mut elsewhere = base.clone();
    elsewhere.set_host(Some("0.0.0.0")).unwrap();
    for proxies in [Proxies::FromEnvironment, Proxies::Ignored] {
        let trusting = HttpClient::trusting(limits, Trust::AnyoneOnLoopback, proxies).unwrap();
        assert!(matches!(asked(&base, trusting.clone()).await, CallError::Malformed { .. }), "{proxies:?}");
        let error = asked(&elsewhere, trusting).await;
        assert!(matches!(error, CallError::Connection(_)), "{proxies:?}: {error:?}");
        assert!(error.to_string().contains("certificate"), "{proxies:?}: {error}");
    }
}

/// `check` with Globus Auth here and the other services elsewhere, where a proxy would be used.
fn check(folder: &std::path::Path, auth: &str, more: &[(&str, &str)]) -> (Option<i32>, String) {
    let (serve, _) = portal_at(folder, "https://globus.invalid");
    let mut command = globus_portal(folder, ["check"]);
    command.envs(serve.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.env("GLOBUS_SDK_SERVICE_URL_AUTH", auth).envs(more.iter().copied());
    let output = command.output().unwrap();
    (output.status.code(), String::from_utf8(output.stdout).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_of_the_environment_is_never_between_this_machine_and_itself() {
    let folder = tempfile::tempdir().unwrap();
    let nobody = format!("http://127.0.0.1:{}", free_port());
    let sandbox = start_sandbox().await;
    for name in ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"] {
        for auth in [sandbox.clone(), sandbox.replace("127.0.0.1", "localhost")] {
            let (status, said) = check(folder.path(), &auth, &[(name, &nobody)]);
            assert!(!said.contains("discovery document: cannot get"), "{name}: {said}");
            // The sandbox names its own address as the issuer.
            assert!(status == Some(0) || auth.contains("localhost"), "{name}: {said}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_of_the_environment_is_used_for_every_other_machine() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"] {
        let proxy = Provider::answering(|_| Step::Cut).await;
        check(folder.path(), "https://auth.globus.invalid", &[(name, proxy.url.as_str())]);
        let requests = proxy.requests();
        let asked =
            requests.iter().any(|request| request.method == "CONNECT" && request.uri == "auth.globus.invalid:443");
        assert!(asked, "{name}: {requests:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_portal_trusts_whom_the_python_sdk_is_told_to_trust() {
    if skip_without("the portal's authorities", &[("openssl", "openssl")]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (_server, base) = serve_https(folder.path());
    connected(base.port().unwrap()).await;
    let (_, said) = check(folder.path(), base.as_str(), &[]);
    assert!(said.contains("FAIL  discovery document") && said.contains("certificate"), "{said}");
    for trusted in ["certificate.pem", folder.path().join("certificate.pem").to_str().unwrap()] {
        let (_, said) = check(folder.path(), base.as_str(), &[("GLOBUS_SDK_VERIFY_SSL", trusted)]);
        assert!(said.contains("it is not JSON"), "the page it serves was read: {said}");
    }
    for (word, text) in [
        (
            "false",
            "GLOBUS_SDK_VERIFY_SSL = false (from the environment variable GLOBUS_SDK_VERIFY_SSL): certificates are always",
        ),
        ("none.pem", "expected true, or the path of a PEM file with certificates, not \"none.pem\""),
        ("key.pem", "expected true, or the path of a PEM file with certificates, not \"key.pem\""),
    ] {
        let (status, said) = check(folder.path(), base.as_str(), &[("GLOBUS_SDK_VERIFY_SSL", word)]);
        assert!(status == Some(1) && said.contains(text), "{word}: {said}");
    }
    let here = base.as_str();
    let all = [("GLOBUS_SDK_SERVICE_URL_TRANSFER", here), ("GLOBUS_SDK_SERVICE_URL_GROUPS", here)];
    let (_, said) = check(folder.path(), here, &[&all[..], &[("GLOBUS_SDK_VERIFY_SSL", "0")]].concat());
    assert!(said.contains("warn  settings: GLOBUS_SDK_VERIFY_SSL is off") && said.contains("it is not JSON"), "{said}");
}

#[test]
fn the_timeout_of_the_portal_is_bounded_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let nobody = format!("http://127.0.0.1:{}", free_port());
    for (value, warning) in [("10", None), ("2.5", None), ("-1", Some(60)), ("0.1", Some(1)), ("600", Some(60))] {
        let (_, said) = check(folder.path(), &nobody, &[("GLOBUS_SDK_HTTP_TIMEOUT", value)]);
        let text = warning
            .map(|used| format!("GLOBUS_SDK_HTTP_TIMEOUT is out of bounds for a portal: it waits for {used} seconds"));
        assert_eq!(said.contains("GLOBUS_SDK_HTTP_TIMEOUT"), text.is_some(), "{value}: {said}");
        assert!(text.is_none_or(|text| said.contains(&text)), "{value}: {said}");
    }
    for bad in ["soon", "0", "-2", "nan", "60s"] {
        let (status, said) = check(folder.path(), &nobody, &[("GLOBUS_SDK_HTTP_TIMEOUT", bad)]);
        assert!(status == Some(1) && said.contains("expected seconds, as in 10 or 2.5"), "{bad}: {said}");
    }
}

/// The result of `check` with a clock that is off by this many seconds.
async fn checked_by_a_clock(ahead: i64) -> (Option<i32>, String) {
    let provider = Provider::start().await;
    provider
        .on_other(|_| axum::response::IntoResponse::into_response(axum::Json(serde_json::json!({"active": false}))));
    let date = std::time::SystemTime::from(Clock::system().now() - time::Duration::seconds(ahead));
    *provider.inner.date.lock().unwrap() = Some(httpdate::fmt_http_date(date));
    let folder = tempfile::tempdir().unwrap();
    let base = provider.base.clone();
    tokio::task::spawn_blocking(move || check(folder.path(), &base, &[])).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn check_says_how_far_the_clock_is_off() {
    let cases = [
        (-120, 0, "warn  clock: the clock of this machine is about 2 minutes behind"),
        (150, 0, "warn  clock: the clock of this machine is about 3 minutes ahead"),
        (-600, 1, "FAIL  clock: the clock of this machine is about 10 minutes behind"),
        (7 * 3600, 1, "FAIL  clock: the clock of this machine is about 7 hours ahead"),
        (-3 * 86_400, 1, "FAIL  clock: the clock of this machine is about 3 days behind"),
    ];
    for (ahead, expected, text) in cases {
        let (status, said) = checked_by_a_clock(ahead).await;
        assert!(status == Some(expected) && said.contains(text), "{ahead}: {status:?} {said}");
    }
    let (status, said) = checked_by_a_clock(0).await;
    assert!(status == Some(0) && said.contains("ok    clock: the clock of this machine is about"), "{said}");
}

#[test]
fn a_difference_of_clocks_is_said_in_the_unit_that_fits() {
    let said = |seconds| ClockDifference::new(time::Duration::seconds(seconds)).to_string();
    let cases = [
        (0, "0 seconds ahead"),
        (1, "1 second ahead"),
        (-89, "89 seconds behind"),
        (-90, "2 minutes behind"),
        (330, "6 minutes ahead"),
        (5_400, "2 hours ahead"),
        (-86_400, "24 hours behind"),
        (129_600, "2 days ahead"),
    ];
    for (seconds, text) in cases {
        assert_eq!(said(seconds), format!("the clock of this machine is about {text}"));
    }
}
