//! Assertions through a real nginx, by the configuration of `deploy/`, also for somebody with many groups.

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

const CONFIGURATION: &str = include_str!("../../../deploy/nginx-gate.conf");

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
    let (head, rest) = CONFIGURATION.split_once("\nserver {").unwrap();
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
    if skip_without("assertions behind nginx", &[("nginx", "nginx-light (Debian)")]) {
        return;
    }
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
        .set("SCOPES", &scopes)
        .start()
        .await;
    assert!(portal.app.settings.warnings.iter().any(|text| text.contains("at most 50 groups")));
    let behind = portal.app.settings.listen.tcp().unwrap();
    let _nginx = start_nginx(folder.path(), port, behind, start_app().await);
    let url = format!("http://localhost:{port}/app/");
    let forged =
        [(ASSERTION, "forged"), ("x_auth_request_assertion", "forged"), ("x-auth-request-access-token", "forged")];
    let begun = Instant::now();
    while Browser::new().try_get(&url).await.is_err() {
        assert!(begun.elapsed() < PATIENCE, "nginx does not listen");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let page = mira.get_with(&url, &forged).await;
    assert_eq!(page.status, 200, "{} {}", page.body, fs::read_to_string(folder.path().join("error.log")).unwrap());
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
