//! Paths in every spelling: what an app gets to see, and of whom. Rows H9 and H12.

use super::{Gate, Proxy};
use crate::harness::{Browser, JONAS, MIRA};

/// Ways to a path of the app, as a visitor may write them.
const SPELLINGS: [&str; 22] = [
    "/app/",
    "/app/x",
    "/app//x",
    "//app/x",
    "/x/../app/x",
    "/app/../app/x",
    "/app/%2e%2e/app/x",
    "/%61pp/x",
    "/app%2fx",
    "/app%2Fx",
    "/app%5cx",
    "/app;/x",
    "/app/;/x",
    "/app/..;/app/x",
    "/./app/x",
    "/app/.",
    "/APP/x",
    "/lab/../app/x",
    "/lab/%2e%2e/app/x",
    "/lab/..%2fapp/x",
    "/lab/%2e%2e%2fapp/x",
    "/lab/..%5capp/x",
];

pub async fn spellings(proxy: &Proxy) {
    let gate = Gate::start(proxy).await;
    // He may see the lab, and she both.
    let (mira, jonas) = (gate.somebody(MIRA).await, gate.somebody(JONAS).await);
    let absolute = format!("http://localhost:{}/app/x", gate.port);
    for target in SPELLINGS.into_iter().chain([&*absolute]) {
        for method in ["GET", "POST", "OPTIONS", "PROPFIND"] {
            let answer = gate.raw(method, target, None, "Content-Length: 0\r\n");
            assert!(!answer.contains("X-App"), "{method} {target}: {answer}");
            let answer = gate.raw(method, target, Some(&jonas), "Content-Length: 0\r\n");
            assert!(!answer.contains("X-App: app"), "{method} {target}: {answer}");
            let answer = gate.raw(method, target, Some(&mira), "Content-Length: 0\r\n");
            assert!(!answer.contains("X-App") || answer.contains(MIRA), "{method} {target}: {answer}");
        }
    }
    assert_eq!(gate.app.people().len(), 1, "only hers: {:?}", gate.app.people());
}

/// Whether no two servers can read an open path differently.
fn is_plainly_open(target: &str) -> bool {
    let segments = target.strip_prefix("/app/public/").map(|rest| rest.trim_end_matches('/').split('/'));
    let is_plain = |segment: &str| {
        !segment.starts_with('.') && segment.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~".contains(&b))
    };
    segments.is_some_and(|mut segments| segments.all(|segment| !segment.is_empty() && is_plain(segment)))
}

/// Row H12.
pub async fn open(proxy: &Proxy) {
    let gate = Gate::start(proxy).await;
    let mira = gate.somebody(MIRA).await;
    let opens = |answer: &str| answer.contains("X-App: app");
    for target in ["/app/public/", "/app/public/a/b-c_d~e.min.css", "/app/public/x?q=..%2f&r=;#", "/app/public/a/?"] {
        let target = target.trim_end_matches('#');
        for method in ["GET", "HEAD"] {
            for browser in [None, Some(&mira)] {
                let answer = gate.raw(method, target, browser, "");
                assert!(opens(&answer) && !answer.contains(MIRA), "{method} {target}: {answer}");
            }
        }
        for method in ["POST", "OPTIONS", "PUT", "DELETE", "get", "PROPFIND"] {
            let answer = gate.raw(method, target, None, "Content-Length: 0\r\n");
            assert!(!opens(&answer), "{method} {target}: {answer}");
        }
    }
    for target in [
        "/app/public",
        "/app/public.html",
        "/app/publicx/y",
        "/app/public/../secret",
        "/app/public/x/../../secret",
        "/app/public/%2e%2e/secret",
        "/app/public/%2E%2e%2fsecret",
        "/app/public/.%2e/secret",
        "/app/public/..%2fsecret",
        "/app/public%2f..%2fsecret",
        "/app/public/..%5csecret",
        "/app/public/..\\secret",
        "/app/public\\..\\secret",
        "/app/public/..;/secret",
        "/app/public/.;/x",
        "/app/public/x;y",
        "/app/public/x%3b/../secret",
        "/app/public/%252e%252e/secret",
        "/app/public/%252e%252e%252fsecret",
        "/app/public/%25252e%25252e/secret",
        "/app/public/%c0%ae%c0%ae/secret",
        "/app/public/x%00",
        "/app/public/x%23/../secret",
        "/app/public/%23",
        "/app/public/..%23/secret",
        "/app/public/x%3f/../secret",
        "/app/public/x%0d%0a",
        "/app/public/...",
        "/app/public/.hidden",
        "/app/secret?/app/public/x",
        "/app/secret?x=/app/public/../public/",
        "/app/x/app/public/x",
        "/app/secret#/app/public/",
        "/APP/PUBLIC/x",
        "/app/public//x",
        "/app//public/x",
        "/app/public/./x",
        "/app/y/../public/x",
        "/app/public/;/../secret",
    ] {
        for method in ["GET", "HEAD"] {
            let answer = gate.raw(method, target, None, "");
            // Traefik puts some of these right itself before anything looks at them, and sends on what it has made of them.
            let asked = answer.lines().find_map(|line| line.strip_prefix("X-Target: ")).filter(|_| proxy.cleans_paths);
            assert!(!opens(&answer) || asked.is_some_and(is_plainly_open), "{method} {target}: {answer}");
        }
    }
    let fetch = [("sec-fetch-mode", "no-cors"), ("sec-fetch-dest", "style")];
    assert_eq!(Browser::new().get_with(&gate.url("/app/public/x.css"), &fetch).await.status, 200);
}

/// Row H9.
pub async fn nonsense(proxy: &Proxy) {
    let gate = Gate::start(proxy).await;
    let session = gate.session(&gate.somebody(JONAS).await);
    let targets: [&[u8]; 9] = [
        b"/app/\xff\xfe",
        b"/app/?q=\xff",
        b"/app/%zz",
        b"/app/%",
        b"/app/ x",
        b"/app/\x01",
        b"/app/\x00",
        b"app/",
        b"*",
    ];
    for method in [&b"GET"[..], b"G(T", b"GET\x00", b"\xffGET"] {
        for target in targets {
            for cookie in ["", &session] {
                let mut request = [method, b" ", target, b" HTTP/1.1\r\n"].concat();
                request.extend(format!("Host: localhost:{}\r\nConnection: close\r\n", gate.port).bytes());
                request.extend(format!("Cookie: session={cookie}\r\n\r\n").bytes());
                let answer = crate::gate::app::raw(gate.port, &request);
                let status = answer.split(' ').nth(1).unwrap_or_default();
                assert!(!answer.contains("X-App"), "{}: {answer}", request.escape_ascii());
                assert!(!status.starts_with('2'), "{}: {answer}", request.escape_ascii());
            }
        }
    }
}
