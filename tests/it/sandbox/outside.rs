//! A sandbox with a public URL, as for access from outside a container. Another loopback address stands for "outside".

use std::net::TcpListener;

use globus_portal::sandbox::{Options, Sandbox};
use reqwest::header::HOST;
use serde_json::Value;
use tempfile::TempDir;
use url::Url;

use crate::harness::{Browser, MIRA, Process, decide, free_port, globus_portal, sandboxed_portal};

/// A port that is free on every address of this machine.
fn port_for_everybody() -> u16 {
    loop {
        let port = free_port();
        if TcpListener::bind(("0.0.0.0", port)).is_ok() {
            return port;
        }
    }
}

#[tokio::test]
async fn a_portal_in_a_container_logs_people_in_who_come_from_outside_with_its_sandbox() {
    // One name for both sides, and one by which only browsers outside would find the sandbox.
    for sandbox_host in ["127.0.0.2", "sandbox.localhost"] {
        let folder = TempDir::new().unwrap();
        let (port, sandbox_port) = (port_for_everybody(), port_for_everybody());
        let (base, sandbox) = (format!("http://127.0.0.2:{port}"), format!("http://{sandbox_host}:{sandbox_port}"));
        let mut command = sandboxed_portal(folder.path());
        command
            .env("GLOBUS_PORTAL_LISTEN", format!("0.0.0.0:{port}"))
            .env("GLOBUS_PORTAL_SERVER_NAME", format!("127.0.0.2:{port}"))
            .env("GLOBUS_PORTAL_SANDBOX_PUBLIC_URL", &sandbox);
        let mut process = Process::start(&mut command, &folder.path().join("printed"));
        process.says("Sandbox, not Globus").await;
        process.says("THIS IS A SANDBOX, NOT GLOBUS").await;

        let browser = Browser::new();
        let authorize = browser.get(&format!("{base}/login")).await.location();
        assert!(authorize.as_str().starts_with(&format!("{sandbox}/v2/oauth2/authorize")), "{authorize}");
        // Without DNS: the browser is told the container's address.
        let reach = |url: &Url| {
            let mut url = url.clone();
            url.set_host(Some("127.0.0.2")).unwrap();
            url
        };
        let back =
            decide(&format!("http://127.0.0.2:{sandbox_port}"), &browser, &reach(&authorize), MIRA, "allow").await;
        let page = browser.follow(back.as_str()).await;
        assert!(page.body.contains("You are successfully logged in!") && page.body.contains(&sandbox), "{}", page.body);
        let out = browser.submit(&format!("{base}/logout"), &[]).await.location();
        assert!(out.as_str().starts_with(&format!("{sandbox}/v2/web/logout?")), "{out}");
        assert!(browser.get(reach(&out).as_str()).await.body.contains("Continue to"), "{out}");
    }
}

#[tokio::test]
async fn a_portal_under_a_public_name_needs_the_public_url_of_its_sandbox() {
    let folder = TempDir::new().unwrap();
    let port = free_port();
    let start = |public_url: &str| {
        let mut command = sandboxed_portal(folder.path());
        command
            .env("GLOBUS_PORTAL_LISTEN", format!("127.0.0.1:{port}"))
            .env("GLOBUS_PORTAL_SERVER_NAME", format!("portal.example:{port}"))
            .env("GLOBUS_PORTAL_SANDBOX_PUBLIC_URL", public_url);
        command
    };
    for wrong in
        ["", "sandbox.example", "http://sandbox.example/path", "ftp://sandbox.example", "http://u:p@sandbox.example"]
    {
        let output = start(wrong).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{wrong}");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains("SANDBOX_PUBLIC_URL"), "{wrong}: {said}");
    }
    let mut command = start(&format!("http://sandbox.example:{}", free_port()));
    let mut process = Process::start(&mut command, &folder.path().join("printed"));
    process.says("Sandbox, not Globus").await;
    let url = format!("http://127.0.0.1:{port}/login");
    let answer = Browser::new().get_with(&url, &[("host", &format!("portal.example:{port}"))]).await;
    let redirect_uri = crate::harness::parameter(&answer.location(), "redirect_uri").unwrap();
    assert_eq!(redirect_uri, format!("http://portal.example:{port}/login"));
}

#[tokio::test]
async fn a_public_url_is_in_everything_that_browsers_use_and_opens_its_own_host_alone() {
    let public_url = Url::parse("https://sandbox.example").ok();
    let options = Options { public_url, ..Options::default() };
    let sandbox = Sandbox::bind(options).await.unwrap();
    let (base, local) = (sandbox.base_url(), sandbox.local_url());
    assert_eq!(base, "https://sandbox.example");
    tokio::spawn(sandbox.serve(std::future::pending()));
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let discovery = async |host: &str| -> Value {
        let call = http.get(format!("{local}/.well-known/openid-configuration")).header(HOST, host);
        call.send().await.unwrap().json().await.unwrap()
    };
    let port = Url::parse(&local).unwrap().port().unwrap();
    // Browsers get the public URL; a program on the same machine gets the address that it used.
    for (host, calls) in [("sandbox.example", base.as_str()), (&format!("127.0.0.1:{port}"), &local)] {
        let document = discovery(host).await;
        assert_eq!(document["issuer"], base);
        assert_eq!(document["authorization_endpoint"], format!("{base}/v2/oauth2/authorize"));
        assert_eq!(document["token_endpoint"], format!("{calls}/v2/oauth2/token"));
        assert_eq!(document["jwks_uri"], format!("{calls}/jwk.json"));
    }
    let foreign = http.get(&local).header(HOST, "other.example").send().await.unwrap();
    assert_eq!(foreign.status(), 421);
}

#[tokio::test]
async fn the_sandbox_alone_is_opened_on_purpose_and_says_so_and_registers_apps() {
    let folder = TempDir::new().unwrap();
    let port = port_for_everybody();
    let native = "6a1d5cf0-7a0e-4f4e-9c63-7be3f1b7a111";
    let confidential = "0d6b2f7e-3c1a-4c7f-8a65-0a9f3b1c2d4e";
    let (listen, public) = (format!("0.0.0.0:{port}"), format!("http://127.0.0.2:{port}"));
    let with_secret = format!("{confidential}:a secret");
    let arguments =
        ["sandbox", "--listen", &listen, "--public-url", &public, "--client", native, "--client", &with_secret];
    let mut process = Process::start(&mut globus_portal(folder.path(), arguments), &folder.path().join("printed"));
    let address = format!("GLOBUS_SDK_SERVICE_URL_AUTH={public}/");
    let warning = "THIS IS A SANDBOX, NOT GLOBUS";
    for text in [&address, warning, globus_portal::sandbox::NATIVE_CLIENT_ID, native, confidential] {
        process.says(text).await;
    }
    let printed = process.printed();
    assert!(!printed.contains("a secret"), "{printed}");
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let form = [("grant_type", "client_credentials"), ("scope", "openid")];
    let call = http.post(format!("{public}/v2/oauth2/token")).basic_auth(confidential, Some("a secret")).form(&form);
    assert_eq!(call.send().await.unwrap().status(), 200);
    for wrong in ["mine", "0d6b2f7e-3c1a-4c7f-8a65-0a9f3b1c2d4e:"] {
        let output = globus_portal(folder.path(), ["sandbox", "--client", wrong]).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{wrong}");
    }
}
