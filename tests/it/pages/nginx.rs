//! Behind a real nginx over TLS, with the configuration file from `deploy/`.

use std::{
    fs,
    net::{IpAddr, Ipv4Addr, TcpStream},
    path::Path,
    process::{Command, Stdio},
};

use rcgen::{CertifiedKey, generate_simple_self_signed};
use reqwest::StatusCode;
use serde_json::Value;
use tempfile::TempDir;

use crate::harness::{
    Answer, Browser, MIRA, Process, Running, decide, find_program, free_port, parameter, portal_at, skip_without,
    start_sandbox, until,
};

const CONFIGURATION: &str = include_str!("../../../deploy/nginx.conf");
pub const NGINX: &[(&str, &str)] = &[("nginx", "nginx-light (Debian)")];
/// The visitor's own address, which differs from the proxy's.
const VISITOR: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));

/// The name in the file that is the portal's.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Variant {
    OwnName,
    Path,
}

/// nginx with TLS, a portal behind it, and a sandbox behind that.
pub struct Site {
    /// `https://localhost:PORT`, and the portal's path where it has one.
    pub base: String,
    /// The same without TLS.
    plain: String,
    /// The portal's own address, which only nginx should know.
    behind: String,
    pub globus: String,
    certificate: String,
    portal: Process,
    _nginx: Running,
    folder: TempDir,
}

impl Site {
    pub async fn start(variant: Variant, trusted_proxies: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let (http, https) = (free_port(), free_port());
        let globus = start_sandbox().await;
        let root = if variant == Variant::Path { "/portal" } else { "" };

        let (mut command, behind) = portal_at(folder.path(), &globus);
        command
            .env("GLOBUS_PORTAL_SERVER_NAME", format!("localhost:{https}"))
            .env("GLOBUS_PORTAL_PREFERRED_URL_SCHEME", "https")
            .env("GLOBUS_PORTAL_APPLICATION_ROOT", format!("{root}/"))
            .env("GLOBUS_PORTAL_TRUSTED_PROXIES", trusted_proxies)
            .env("GLOBUS_PORTAL_LOG_FORMAT", "json");
        let mut portal = Process::start(&mut command, &folder.path().join("portal.log"));
        portal.says("Listening on").await;

        let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let certificate = cert.pem();
        fs::write(folder.path().join("certificate.pem"), &certificate).unwrap();
        fs::write(folder.path().join("key.pem"), signing_key.serialize_pem()).unwrap();
        let site = adapted(variant, folder.path(), &behind, http, https);
        let nginx = start_nginx(folder.path(), &site, https).await;
        Self {
            base: format!("https://localhost:{https}{root}"),
            plain: format!("http://localhost:{http}{root}"),
            behind: format!("{behind}{root}"),
            globus,
            certificate,
            portal,
            _nginx: nginx,
            folder,
        }
    }

    fn browser(&self) -> Browser {
        Browser::trusting(&self.certificate, VISITOR)
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    fn nginx_log(&self) -> String {
        fs::read_to_string(self.folder.path().join("globus-portal.log")).unwrap()
    }

    /// The address that the portal's log has for a request of this path.
    async fn peer_of(&self, path: &str) -> String {
        until("the request's line in the log", || {
            let printed = self.portal.printed();
            let lines = printed.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
            let mut requests = lines.filter(|line| line["message"] == "request");
            requests.find(|line| line["path"] == path).map(|line| line["peer"].as_str().unwrap().to_owned())
        })
        .await
    }
}

/// The file with the test's names, ports and paths: what an operator changes, and nothing else. IPv6 addresses become
/// another loopback address, for machines without IPv6.
fn adapted(variant: Variant, folder: &Path, behind: &str, http: u16, https: u16) -> String {
    let name = if variant == Variant::Path { "www.example.org" } else { "portal.example.org" };
    let folder = folder.to_str().unwrap();
    let mut text = CONFIGURATION
        .replace("127.0.0.1:5000", behind.replace("http://localhost", "127.0.0.1").as_str())
        .replace("/var/log/nginx", folder)
        .replace(&format!("https://{name}"), &format!("https://localhost:{https}"));
    for (original, port) in [(80, http), (443, https)] {
        text = text.replace(&format!("listen {original}"), &format!("listen 127.0.0.1:{port}"));
        text = text.replace(&format!("listen [::]:{original}"), &format!("listen 127.0.0.3:{port}"));
    }
    for host in ["portal.example.org", "www.example.org"] {
        text = text.replace(&format!("/etc/ssl/certs/{host}.pem"), &format!("{folder}/certificate.pem"));
        text = text.replace(&format!("/etc/ssl/private/{host}.key"), &format!("{folder}/key.pem"));
    }
    text.replace(&format!("server_name {name}"), "server_name localhost")
}

/// Starts nginx as one process, with all its files in the folder.
async fn start_nginx(folder: &Path, site: &str, port: u16) -> Running {
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("{kind}_temp_path {}/{kind};\n", folder.display()))
        .concat();
    fs::write(folder.join("site.conf"), site).unwrap();
    let main = format!(
        "daemon off; master_process off; pid nginx.pid; error_log error.log;\nevents {{}}\n\
         http {{\n{temporary}access_log off;\ninclude {}/site.conf;\n}}\n",
        folder.display()
    );
    fs::write(folder.join("nginx.conf"), main).unwrap();
    let nginx = || {
        let mut command = Command::new(find_program("nginx").unwrap());
        command.stdin(Stdio::null());
        command.arg("-p").arg(folder).arg("-e").arg(folder.join("error.log")).arg("-c").arg(folder.join("nginx.conf"));
        command
    };
    let tried = nginx().arg("-t").output().unwrap();
    let told = String::from_utf8_lossy(&tried.stderr).into_owned();
    assert!(tried.status.success() && !told.contains("[warn]"), "nginx -t: {told}");
    let mut running = Running::start(nginx().stderr(Stdio::null()));
    until("nginx to listen", || {
        assert_eq!(running.0.try_wait().unwrap(), None, "{:?}", fs::read_to_string(folder.join("error.log")));
        TcpStream::connect(("127.0.0.1", port)).ok()
    })
    .await;
    running
}

#[track_caller]
fn assert_sealed_cookie(answer: &Answer, name: &str) {
    let cookies = answer.set_cookies();
    let cookie = cookies.iter().find(|cookie| cookie.starts_with(&format!("{name}="))).copied();
    let cookie = cookie.unwrap_or_else(|| panic!("no {name} among {cookies:?}"));
    for attribute in ["Secure", "HttpOnly", "SameSite=Lax", "Path=/"] {
        assert!(cookie.split("; ").any(|part| part == attribute), "{attribute}: {cookie}");
    }
}

/// Logs in, looks around and logs out, all through nginx.
async fn walk(site: &Site) {
    let browser = site.browser();
    // Another portal may be under another path of the same host.
    let suffix = if site.base.ends_with("/portal") { "-portal" } else { "" };
    let session = format!("__Host-session{suffix}");
    let begun = browser.get(&site.url("/login")).await;
    assert_sealed_cookie(&begun, &format!("__Host-login{suffix}"));
    assert_eq!(begun.headers.get_all("strict-transport-security").iter().count(), 1);
    let authorize = begun.location();
    assert_eq!(parameter(&authorize, "redirect_uri"), Some(site.url("/login")));

    let back = decide(&site.globus, &browser, &authorize, MIRA, "allow").await;
    assert!(back.as_str().starts_with(&site.url("/login?")), "{back}");
    let callback = browser.get(back.as_str()).await;
    assert_eq!(callback.status, 303, "{}", callback.body);
    assert_sealed_cookie(&callback, &session);

    let front = browser.get(callback.location().as_str()).await;
    assert_eq!(front.url.as_str(), site.url("/"));
    assert!(front.body.contains("You are successfully logged in!"), "{}", front.body);
    for path in ["/endpoints", "/profile"] {
        assert_eq!(browser.get(&site.url(path)).await.status, 200, "{path}");
    }
    let stylesheet = front.body.split('"').find(|text| text.ends_with(".css")).unwrap();
    let stylesheet = browser.get(front.url.join(stylesheet).unwrap().as_str()).await;
    assert_eq!((stylesheet.status.as_u16(), stylesheet.header("content-type")), (200, Some("text/css; charset=utf-8")));

    let origin = site.base.trim_end_matches("/portal");
    let headers = [("origin", origin), ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")];
    let out = browser.send(reqwest::Method::POST, &site.url("/logout"), &headers, Some(&[])).await;
    assert_eq!(out.status, 303, "{}", out.body);
    assert_eq!(parameter(&out.location(), "redirect_uri"), Some(site.url("/signed-out")));
    assert_eq!(browser.cookie("localhost", &session), None);
    assert_eq!(browser.get(&site.url("/signed-out")).await.status, 200);

    for secret in ["code", "state"].map(|name| parameter(&back, name).unwrap()) {
        assert!(!site.nginx_log().contains(&secret), "{}", site.nginx_log());
    }
    assert!(site.nginx_log().contains("\"GET "), "{}", site.nginx_log());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_visitor_walks_through_nginx_over_tls() {
    if skip_without("the walk behind nginx", NGINX) {
        return;
    }
    let site = Site::start(Variant::OwnName, "").await;
    let plain = site.browser().get(&format!("{}/endpoints?page=2", site.plain)).await;
    assert_eq!(
        (plain.status, plain.location().as_str()),
        (StatusCode::MOVED_PERMANENTLY, &*site.url("/endpoints?page=2"))
    );
    walk(&site).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_visitor_walks_through_nginx_to_a_portal_under_a_path() {
    if skip_without("the walk behind nginx under a path", NGINX) {
        return;
    }
    let site = Site::start(Variant::Path, "").await;
    let short = site.browser().get(&site.base).await;
    assert_eq!((short.status, short.location().as_str()), (StatusCode::MOVED_PERMANENTLY, &*site.url("/")));
    walk(&site).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_visitor_is_named_by_a_trusted_proxy_and_by_nobody_else() {
    if skip_without("X-Forwarded-For behind nginx", NGINX) {
        return;
    }
    let forged = [("x-forwarded-for", "203.0.113.9"), ("forwarded", "for=203.0.113.9"), ("x-real-ip", "203.0.113.9")];

    let trusting = Site::start(Variant::OwnName, "127.0.0.1").await;
    trusting.browser().get_with(&trusting.url("/plain"), &[]).await;
    trusting.browser().get_with(&trusting.url("/forged"), &forged).await;
    assert_eq!(trusting.peer_of("/plain").await, "127.0.0.2");
    assert_eq!(trusting.peer_of("/forged").await, "127.0.0.2");
    // Bypassing nginx, from an address that is not a proxy's.
    trusting.browser().get_with(&format!("{}/past", trusting.behind), &forged).await;
    assert_eq!(trusting.peer_of("/past").await, "127.0.0.2");

    let wary = Site::start(Variant::OwnName, "").await;
    wary.browser().get_with(&wary.url("/forged"), &forged).await;
    assert_eq!(wary.peer_of("/forged").await, "127.0.0.1");
}

#[tokio::test(flavor = "multi_thread")]
async fn forged_headers_change_no_address_and_no_cookie() {
    if skip_without("forged headers behind nginx", NGINX) {
        return;
    }
    let site = Site::start(Variant::OwnName, "127.0.0.1").await;
    let forged = [
        ("x-forwarded-host", "evil.example"),
        ("x-forwarded-proto", "http"),
        ("x-forwarded-port", "80"),
        ("x-forwarded-prefix", "/evil"),
        ("forwarded", "host=evil.example;proto=http"),
        ("x-original-url", "/evil"),
        ("x-rewrite-url", "/evil"),
        ("x-http-method-override", "DELETE"),
    ];
    let other_name = [("host", "evil.example")];
    for headers in [&forged[..], &other_name] {
        for base in [&site.base, &site.behind] {
            let begun = site.browser().get_with(&format!("{base}/login"), headers).await;
            assert_sealed_cookie(&begun, "__Host-login");
            assert_eq!(parameter(&begun.location(), "redirect_uri"), Some(site.url("/login")));
            let page = site.browser().get_with(&format!("{base}/profile"), headers).await;
            assert_eq!(page.header("location"), Some("/login?next=%2Fprofile"));
            assert!(!format!("{begun:?}{page:?}").contains("evil"));
        }
    }
    let plain = site.browser().get_with(&format!("{}/", site.plain), &other_name).await;
    assert_eq!(plain.location().as_str(), site.url("/"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_longest_way_back_and_the_largest_form_get_through() {
    if skip_without("limits behind nginx", NGINX) {
        return;
    }
    let site = Site::start(Variant::OwnName, "").await;
    let browser = site.browser();
    let longest = format!("/{}", "a".repeat(1023));
    let begun = browser.get(&site.url(&format!("/login?next={longest}"))).await;
    let back = decide(&site.globus, &browser, &begun.location(), MIRA, "allow").await;
    let callback = browser.get(back.as_str()).await;
    assert_eq!(callback.location().path(), longest);

    let too_large = [("text", "a".repeat(70 << 10))];
    let too_large = too_large.each_ref().map(|(name, value)| (*name, value.as_str()));
    let refused = browser.submit(&site.url("/logout"), &too_large).await;
    assert_eq!(refused.status, StatusCode::PAYLOAD_TOO_LARGE);
}
