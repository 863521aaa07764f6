//! The gate with a real nginx, by the configuration of `deploy/`, and with one that was written for oauth2-proxy.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use reqwest::Method;

use super::{
    JONAS, MIRA,
    app::{raw, sent, web_socket},
    site::Gate,
};
use crate::harness::{Browser, Running, find_program, skip_without};

const CONFIGURATION: &str = include_str!("../../../deploy/nginx-gate.conf");
const NGINX: &[(&str, &str)] = &[("nginx", "nginx-light (Debian)")];

/// The file with the test's ports and paths and without TLS: what an operator changes, and nothing else.
fn of_deploy(folder: &Path, port: u16, behind: u16, app: u16) -> String {
    let (head, rest) = CONFIGURATION.split_once("\nserver {").unwrap();
    let (_, server) = rest.split_once("\nserver {").unwrap();
    let kept = server.lines().filter(|line| !line.trim().starts_with("ssl_") && !line.contains("listen [::]"));
    format!("{head}\nserver {{{}", kept.collect::<Vec<_>>().join("\n"))
        .replace("listen 443 ssl", &format!("listen 127.0.0.1:{port}"))
        .replace("server_name portal.example.org", "server_name localhost")
        .replace("127.0.0.1:5000", &format!("127.0.0.1:{behind}"))
        .replace("127.0.0.1:8000", &format!("127.0.0.1:{app}"))
        .replace("Host $host", "Host $http_host")
        .replace("__Host-session", "session")
        .replace("/srv/www", folder.to_str().unwrap())
        .replace("/var/log/nginx", folder.to_str().unwrap())
}

/// As people have it who use oauth2-proxy: only the upstream's address is new.
fn of_oauth2_proxy(_: &Path, port: u16, behind: u16, app: u16) -> String {
    format!(
        "server {{
            listen 127.0.0.1:{port};
            server_name localhost;
            location /oauth2/ {{
                proxy_pass http://127.0.0.1:{behind};
                proxy_set_header Host $http_host;
                proxy_set_header X-Real-IP $remote_addr;
                proxy_set_header X-Auth-Request-Redirect $request_uri;
            }}
            location = /oauth2/auth {{
                proxy_pass http://127.0.0.1:{behind};
                proxy_set_header Host $http_host;
                proxy_set_header X-Real-IP $remote_addr;
                proxy_set_header X-Forwarded-Uri $request_uri;
                proxy_set_header Content-Length \"\";
                proxy_pass_request_body off;
            }}
            location /login {{ proxy_pass http://127.0.0.1:{behind}; proxy_set_header Host $http_host; }}
            location / {{
                auth_request /oauth2/auth;
                error_page 401 =403 /oauth2/sign_in;
                auth_request_set $user $upstream_http_x_auth_request_user;
                auth_request_set $email $upstream_http_x_auth_request_email;
                proxy_set_header X-User $user;
                proxy_set_header X-Email $email;
                auth_request_set $auth_cookie $upstream_http_set_cookie;
                add_header Set-Cookie $auth_cookie;
                proxy_pass http://127.0.0.1:{app};
            }}
        }}"
    )
}

/// Starts nginx as one process, with all its files in the folder.
fn start_nginx(folder: &Path, site: &str) -> Running {
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
    let mut command = Command::new(find_program("nginx").unwrap());
    command.arg("-p").arg(folder).arg("-e").arg(folder.join("error.log")).arg("-c").arg(folder.join("nginx.conf"));
    Running::start(command.stdin(Stdio::null()).stderr(Stdio::null()))
}

// The portal runs beside what waits for sockets here.
#[tokio::test(flavor = "multi_thread")]
async fn an_app_behind_nginx_gets_the_right_person_and_nobody_else() {
    if skip_without("the gate with nginx", NGINX) {
        return;
    }
    let gate =
        Gate::start(|folder, port, behind, app| start_nginx(folder, &of_deploy(folder, port, behind, app))).await;
    // A deep link, and back to it.
    let mira = Browser::new();
    let deep = "/app/a%20b/?q=1&r=%26%23&s=%C3%BC&rd=/x";
    let page = gate.log_in(&mira, deep, MIRA).await;
    assert_eq!(page.status, 200, "{}", page.body);
    assert!(page.body.starts_with(&format!("GET {deep} HTTP/1.1\r\n")), "{}", page.body);
    assert_eq!(sent(&page, "X-Auth-Request-Preferred-Username"), Some(MIRA));
    assert_eq!(sent(&page, "X-Auth-Request-User"), Some("f8907a41-b87f-4770-b2b4-cabdd1f151d5"));

    // Row H10: what a visitor writes reaches no app, nor does the portal's cookie.
    let forged = [
        ("x-auth-request-user", "root"),
        ("x-auth-request-groups", "admins"),
        ("x-auth-request-organization", "Evil"),
        ("x_auth_request_user", "root"),
        ("x.auth.request.user", "root"),
        ("X-AUTH-REQUEST-EMAIL", "root@evil.example"),
    ];
    mira.set_cookie("localhost", "of-the-app", "1");
    let page = mira.get_with(&gate.url("/app/"), &forged).await;
    assert!(
        !page.body.contains("root") && !page.body.contains("admins") && !page.body.contains("Evil"),
        "{}",
        page.body
    );
    assert_eq!(sent(&page, "X-Auth-Request-Email"), Some(MIRA));
    let cookie = sent(&page, "Cookie").unwrap();
    let session = gate.portal.session_cookie(&mira).unwrap();
    assert!(cookie.contains("of-the-app=1") && !cookie.contains(&session), "{cookie}");

    // A form, a fetch, a WebSocket.
    let sent_form = mira.submit(&gate.url("/app/save"), &[("text", "half written")]).await;
    assert!(
        sent_form.body.starts_with("POST /app/save ") && sent_form.body.ends_with("text=half+written"),
        "{}",
        sent_form.body
    );
    let fetch = [("sec-fetch-mode", "cors"), ("sec-fetch-dest", "empty"), ("sec-fetch-site", "same-origin")];
    let nobody = Browser::new();
    assert_eq!(mira.get_with(&gate.url("/app/api"), &fetch).await.status, 200);
    assert_eq!(nobody.get_with(&gate.url("/app/api"), &fetch).await.status, 401);
    let unsent = nobody.submit(&gate.url("/app/save"), &[("text", "half written")]).await;
    assert!(
        unsent.status == 401 && unsent.body.contains("Your form was not sent"),
        "{} {}",
        unsent.status,
        unsent.body
    );
    assert_eq!(web_socket(gate.port, Some(&session)), "101 hello");
    assert_eq!(web_socket(gate.port, None), "401");

    // Paths that lead into the app are guarded however they are written.
    for path in ["/app/", "/x/../app/", "/app/%2e%2e/app/", "//app/", "/%61pp/"] {
        let head = format!("GET {path} HTTP/1.1\r\nHost: localhost:{}\r\nConnection: close\r\n\r\n", gate.port);
        let answer = raw(gate.port, &head);
        assert!(!answer.starts_with("HTTP/1.1 200"), "{path}: {answer}");
    }
    let file = mira.get(&gate.url("/files/data.txt")).await;
    assert_eq!((file.status.as_u16(), &*file.body, file.header("cache-control")), (200, "a file\n", Some("no-store")));
    assert!(
        nobody.get(&gate.url("/files/data.txt")).await.header("location").unwrap().starts_with("/oauth2/start?rd=")
    );
    for inside in ["/gate/default", "/gate/staff"] {
        assert_eq!(mira.get(&gate.url(inside)).await.status, 404, "only nginx itself reaches {inside}");
    }

    // Somebody else, who may not pass; and nobody, after the logout.
    let jonas = Browser::new();
    let page = gate.log_in(&jonas, "/app/", JONAS).await;
    assert!(
        page.status == 403 && page.body.contains("You may not open <bdi>the app</bdi>"),
        "{} {}",
        page.status,
        page.body
    );
    assert!(page.body.contains(JONAS) && !page.body.contains("X-Auth-Request"), "{}", page.body);
    let csrf = gate.portal.csrf(&mira);
    assert_eq!(mira.submit(&gate.url("/logout"), &[("csrf_token", &csrf)]).await.status, 303);
    assert_eq!(mira.get(&gate.url("/app/")).await.status, 302);
    mira.set_cookie("localhost", "session", &session);
    assert_eq!(mira.get(&gate.url("/app/")).await.status, 302, "the session is over");
}

#[tokio::test]
async fn a_configuration_for_oauth2_proxy_works_with_another_upstream() {
    if skip_without("a configuration for oauth2-proxy", NGINX) {
        return;
    }
    let gate =
        Gate::start(|folder, port, behind, app| start_nginx(folder, &of_oauth2_proxy(folder, port, behind, app))).await;
    let mira = Browser::new();
    let page = mira.get(&gate.url("/deep/link?a=1&b=2")).await;
    // oauth2-proxy shows a page with a button here; the portal leads on.
    assert_eq!(page.status, 403, "{}", page.body);
    let page = gate.log_in_from(&mira, "/oauth2/start?rd=/deep/link?a=1&b=2", MIRA).await;
    assert!(page.body.starts_with("GET /deep/link?a=1&b=2 "), "{}", page.body);
    assert_eq!(sent(&page, "X-Email"), Some(MIRA));
    assert!(page.set_cookies().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_behind_nginx_passes_by_its_token_or_is_told_why_not() {
    if skip_without("programs through nginx", NGINX) {
        return;
    }
    let gate =
        Gate::start(|folder, port, behind, app| start_nginx(folder, &of_deploy(folder, port, behind, app))).await;
    gate.lets_programs_in().await;
}

/// A method that is not GET is the visitor's own; nginx asks by GET.
#[tokio::test]
async fn other_methods_reach_the_app_only_after_a_yes() {
    if skip_without("methods through nginx", NGINX) {
        return;
    }
    let gate =
        Gate::start(|folder, port, behind, app| start_nginx(folder, &of_deploy(folder, port, behind, app))).await;
    for method in ["OPTIONS", "DELETE", "PUT", "PROPFIND"] {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let answer = Browser::new().send(method.clone(), &gate.url("/app/x"), &[], None).await;
        assert!(
            !answer.status.is_success() && !answer.body.contains("/app/x"),
            "{method}: {} {}",
            answer.status,
            answer.body
        );
    }
}
