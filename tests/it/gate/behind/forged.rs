//! What a visitor writes themselves. Rows H2, H7, H8, H10, H11, H13, H14 and H15.

use super::{Gate, Proxy};
use crate::{
    gate::app::Shown,
    harness::{Browser, JONAS, MIRA, QUIRK},
};

/// Each name of an identity header with each of `-`, `_` and `.` for each hyphen, as many apps take one for the other.
fn aliases() -> Vec<String> {
    let names = [
        "user",
        "email",
        "groups",
        "subject",
        "organization",
        "assertion",
        "preferred-username",
        "identity-provider",
        "auth-time",
        "access-token",
    ];
    let mut all: Vec<String> = Vec::new();
    for name in names {
        let parts: Vec<&str> = ["x", "auth", "request"].into_iter().chain(name.split('-')).collect();
        let mut spelled = vec![parts[0].to_owned()];
        for part in &parts[1..] {
            spelled =
                spelled.iter().flat_map(|begun| ["-", "_", "."].map(|mark| format!("{begun}{mark}{part}"))).collect();
        }
        all.extend(spelled);
    }
    all
}

pub async fn identity(proxy: &Proxy) {
    let gate = Gate::start(proxy).await;
    let (mira, jonas) = (gate.somebody(MIRA).await, gate.somebody(JONAS).await);
    mira.set_cookie("localhost", "of-the-app", "1");
    let aliases = aliases();
    assert_eq!(aliases.len(), 6 * 27 + 4 * 81);
    // Some at a time: servers limit how many headers there may be.
    for names in aliases.chunks(40) {
        let forged: Vec<(&str, &str)> = names.iter().map(|name| (&**name, "root")).collect();
        for (path, browser) in [("/app/", &mira), ("/lab/", &mira), ("/lab/", &jonas)] {
            let person = if std::ptr::eq(browser, &mira) { MIRA } else { JONAS };
            let shown = Shown::by(&path[1..4], &browser.get_with(&gate.url(path), &forged).await);
            assert!(!shown.text().contains("root"), "{path} {names:?}: {}", shown.text());
            assert_eq!((shown.account("username"), shown.account("email")), (Some(person), Some(person)));
        }
        // Row H14: an open path names nobody, and nobody can name themselves.
        for browser in [&mira, &Browser::new()] {
            let shown = Shown::by("app", &browser.get_with(&gate.url("/app/public/x.css"), &forged).await);
            assert!(!shown.text().contains("root") && shown.account("id").is_none(), "{names:?}: {}", shown.text());
        }
    }
    assert!(!gate.app.people().iter().chain(&gate.lab.people()).any(|id| id.contains("root")));

    // Row H8: headers that the proxy sets cannot be dropped on the way.
    let dropped =
        "X-Auth-Request-User, X-Auth-Request-Email, X-Forwarded-Host, X-Forwarded-Uri, X-Forwarded-Method, Cookie";
    let more = format!("Connection: {dropped}\r\nX-Auth-Request-User: root\r\nX-Auth-Request-Email: root\r\n");
    let answer = gate.raw("GET", "/app/", Some(&mira), &more);
    assert!(!answer.contains("root"), "{answer}");
    assert!(answer.contains(MIRA) || !answer.contains("X-App: app"), "{answer}");

    let shown = Shown::by("app", &mira.get(&gate.url("/app/")).await);
    let cookie = shown.header("cookie").unwrap();
    assert!(cookie.contains("of-the-app=1"), "{cookie}");
    assert_eq!(cookie.contains(&gate.session(&mira)), !proxy.hides_session, "{cookie}");
}

pub async fn nothing_opens(proxy: &Proxy) {
    let gate = Gate::start(proxy).await;
    let jonas = gate.somebody(JONAS).await;
    let forged = [
        ("x-forwarded-uri", "/healthz"),
        ("x-forwarded-host", "evil.example"),
        ("x-forwarded-method", "OPTIONS"),
        ("x-forwarded-proto", "ftp"),
        ("x-forwarded-prefix", "/app/public"),
        ("x_forwarded_uri", "/app/public/"),
        ("x.forwarded.uri", "/app/public/"),
        ("x-original-url", "http://localhost/app/public/"),
        ("x-original-uri", "/app/public/"),
        ("x-original-method", "HEAD"),
        ("x-rewrite-url", "/app/public/"),
        ("x-http-method-override", "HEAD"),
        ("forwarded", "for=127.0.0.1;host=evil.example;proto=https"),
        ("x-auth-request-redirect", "https://evil.example/"),
        ("user-agent", "kube-probe/1.30"),
        ("authorization", "Basic bm9uc2Vuc2U="),
    ];
    for headers in forged.iter().map(std::slice::from_ref).chain([&forged[..]]) {
        let answer = Browser::new().get_with(&gate.url("/app/"), headers).await;
        assert_eq!((answer.status.as_u16(), answer.header("x-app")), (302, None), "{headers:?}: {}", answer.body);
        assert!(answer.location().as_str().starts_with(&gate.base), "{headers:?}: {:?}", answer.headers);
        let answer = jonas.get_with(&gate.url("/app/"), headers).await;
        assert_eq!((answer.status.as_u16(), answer.header("x-app")), (403, None), "{headers:?}: {}", answer.body);
    }
    // Row H11: the policy is the proxy's. Caddy appends a visitor's query to the address that it asks.
    for query in ["policy=default", "policy=members", "allowed_groups=", "rd=/app/public/", "/app/public/x.css"] {
        assert_eq!(jonas.get(&gate.url(&format!("/app/?{query}"))).await.status, 403, "{query}");
        assert_eq!(Browser::new().get(&gate.url(&format!("/app/?{query}"))).await.status, 302, "{query}");
    }
    // Rows H13 and H16.
    for path in ["/app/healthz", "/app/readyz", "/app/oauth2/auth", "/app/?/healthz"] {
        assert_eq!(Browser::new().get(&gate.url(path)).await.status, 302, "{path}");
    }
    for path in ["/metrics", "/oauth2/metrics", "/gate/default", "/gate/staff"] {
        assert_eq!(jonas.get(&gate.url(path)).await.status, 404, "{path}");
    }
    assert!(gate.app.people().is_empty());
}

pub async fn hostile_names(proxy: &Proxy) {
    let gate = Gate::start_with(proxy, |portal| {
        portal
            .file("[policies.staff]\nsigned_in = true\n[policies.members]\nsigned_in = true\n")
            .set("TRUSTED_PROXIES", "127.0.0.1")
    })
    .await;
    let quirk = gate.somebody(QUIRK).await;
    let shown = Shown::by("app", &quirk.get(&gate.url("/app/")).await);
    assert_eq!(shown.account("username"), Some(QUIRK));
    let whole = shown.text();
    assert!(whole.is_ascii() && !whole.contains("<script"), "{whole}");
}
