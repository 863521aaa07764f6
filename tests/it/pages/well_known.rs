//! What programs ask for at the root of the host: robots.txt, security.txt and the icon; and what search engines show.

use globus_portal::clock::Clock;
use time::{Duration, OffsetDateTime, macros::datetime};

use crate::harness::{Browser, Portal};

const EXPIRES: OffsetDateTime = datetime!(2030-06-30 00:00 UTC);

#[tokio::test]
async fn crawlers_are_kept_to_the_pages_without_a_login() {
    for (root, lines) in [
        ("/", "User-agent: *\nAllow: /$\nAllow: /static/\nDisallow: /\n"),
        ("/portal", "User-agent: *\nAllow: /portal/$\nAllow: /portal/static/\nDisallow: /portal/\n"),
    ] {
        let portal = Portal::with().set("APPLICATION_ROOT", root).start().await;
        let host = portal.base.strip_suffix("/portal").unwrap_or(&portal.base);
        let robots = Browser::new().get(&format!("{host}/robots.txt")).await;
        assert_eq!((robots.status.as_u16(), robots.body.as_str()), (200, lines));
        assert_eq!(robots.header("content-type"), Some("text/plain; charset=utf-8"));
        assert_eq!(robots.header("cache-control"), Some("public, max-age=86400"));
        // The page below which the icon is.
        let icon = Browser::new().get(&format!("{host}/favicon.ico")).await;
        assert_eq!(icon.status, 307);
        let icon = Browser::new().get(icon.location().as_str()).await;
        assert_eq!((icon.status.as_u16(), icon.header("content-type")), (200, Some("image/svg+xml")));
    }
}

#[tokio::test]
async fn security_txt_says_whom_to_tell_until_it_expires() {
    let none = Portal::start().await;
    assert_eq!(Browser::new().get(&none.url("/.well-known/security.txt")).await.status, 404);

    let clock = Clock::manual(EXPIRES - Duration::seconds(1));
    let portal =
        Portal::with().clock(&clock).set("APPLICATION_ROOT", "/portal").set("SECURITY_EXPIRES", "2030-06-30T00:00:00Z");
    let portal =
        portal.set("SECURITY_CONTACT", "mailto:security@example.org https://example.org/security").start().await;
    let host = portal.base.strip_suffix("/portal").unwrap();
    let address = format!("{host}/.well-known/security.txt");
    let said = Browser::new().get(&address).await;
    assert_eq!(said.header("content-type"), Some("text/plain; charset=utf-8"));
    let expected = format!(
        "Contact: mailto:security@example.org\nContact: https://example.org/security\nExpires: 2030-06-30T00:00:00Z\n\
         Canonical: {address}\n"
    );
    assert_eq!(said.body, expected);
    clock.advance(Duration::seconds(1));
    assert_eq!(Browser::new().get(&address).await.status, 404);
}

#[tokio::test]
async fn pages_describe_themselves() {
    let portal = Portal::with().set("APP_NAME", "Lab \"A\"").start().await;
    let page = Browser::new().get(&portal.url("/signed-out")).await;
    let described = "<meta name=\"description\" content=\"Sign in to Lab &#34;A&#34; with Globus.\">";
    assert!(page.body.contains(described), "{}", page.body);
}
