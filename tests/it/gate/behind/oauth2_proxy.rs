//! A configuration that was written for oauth2-proxy, with another upstream.

use super::{
    Gate,
    proxy::{NGINX_PROXY, run_nginx},
    ready,
};
use crate::{
    gate::app::Shown,
    harness::{Browser, MIRA},
};

/// As people have it who use oauth2-proxy: only the upstream's address is new.
fn configuration(port: u16, behind: u16, app: u16) -> String {
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

#[tokio::test(flavor = "multi_thread")]
async fn a_configuration_for_oauth2_proxy_works_with_another_upstream() {
    if !ready(&NGINX_PROXY, "a configuration for oauth2-proxy") {
        return;
    }
    let gate = Gate::start_by(
        |portal| portal,
        None,
        |folder, port, behind, app, _| run_nginx(folder, &configuration(port, behind, app)),
    )
    .await;
    let mira = Browser::new();
    // oauth2-proxy shows a page with a button here; the portal leads on.
    let page = mira.get(&gate.url("/deep/link?a=1&b=2")).await;
    assert_eq!(page.status, 403, "{}", page.body);
    let page = gate.log_in(&mira, "/oauth2/start?rd=/deep/link?a=1&b=2", MIRA).await;
    let shown = Shown::by("app", &page);
    assert_eq!((shown.request(), shown.header("x-email")), ("GET /deep/link?a=1&b=2 HTTP/1.0", Some(MIRA)));
    assert!(page.set_cookies().is_empty());
}
