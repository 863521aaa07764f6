//! Steps that many tests take.

use std::time::Duration;

use globus_portal::{
    globus::{
        authorizer::AccessTokenAuthorizer,
        transfer::{EndpointSearch, TransferClient},
    },
    secret::AccessToken,
    session::{session_key, store::SessionKey},
};
use time::OffsetDateTime;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tower_sessions::session::Id;
use url::Url;

use super::{
    Answer, Browser, Portal, Provider,
    browser::parameter,
    provider::{id_token, token_response},
    wait::PATIENCE,
};

/// Lets the provider answer a started login with a valid id_token for `person`; returns the token response.
pub fn let_in(portal: &Portal, provider: &Provider, authorize: &Url, person: &str) -> serde_json::Value {
    let nonce = parameter(authorize, "nonce").unwrap();
    let mut claims = provider.good_claims(&nonce, portal.app.clock.now().unix_timestamp());
    claims["sub"] = person.into();
    claims["preferred_username"] = format!("{person}@example.org").into();
    token_response(&id_token(&claims))
}

/// A complete login of `person` at the test provider; returns the answer of the callback.
pub async fn log_in_at(portal: &Portal, provider: &Provider, browser: &Browser, person: &str) -> Answer {
    let authorize = portal.begin_login(browser, "").await;
    let response = let_in(portal, provider, &authorize, person);
    provider.on_token(move |_| axum::response::IntoResponse::into_response(axum::Json(response.clone())));
    let answer = browser.get(&portal.callback(&authorize, "a-good-code")).await;
    assert_eq!(answer.status, 303, "{}", answer.body);
    answer
}

/// How many sessions the portal's store holds.
pub async fn sessions_in(portal: &Portal) -> usize {
    let far = OffsetDateTime::from_unix_timestamp(4_102_444_800).unwrap();
    portal.store.aged_sessions(far, far, 1000).await.unwrap().len()
}

/// The name in the store of the session that a browser has.
pub fn key_of(portal: &Portal, browser: &Browser) -> SessionKey {
    session_key(portal.session_cookie(browser).unwrap().parse::<Id>().unwrap())
}

/// Whether Globus still accepts a token: Globus Auth introspects its own, and Transfer's are tried.
pub async fn is_active(portal: &Portal, token: &AccessToken) -> bool {
    let base = portal.app.settings.environment.transfer.clone();
    let authorizer = AccessTokenAuthorizer::new(token.clone());
    let transfer = TransferClient::new(base, portal.app.http.clone(), authorizer);
    let search = EndpointSearch::new().with_filter_scope("my-endpoints").with_limit(1);
    portal.app.auth.oauth2_token_introspect(token, &[]).await.unwrap().active
        || transfer.endpoint_search(&search).await.is_ok()
}

/// Waits until Globus no longer accepts a token: revocation may continue after the answer.
pub async fn until_revoked(portal: &Portal, token: &AccessToken) {
    let revoked = async {
        while is_active(portal, token).await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, revoked).await.unwrap();
}

/// Asserts that a browser is logged in, by the front page.
pub async fn assert_logged_in(portal: &Portal, browser: &Browser) {
    let page = browser.get(&portal.url("/")).await;
    assert_eq!(page.status, 200, "{}", page.body);
    assert!(page.body.contains("You are successfully logged in!"), "{}", page.body);
}

/// Asserts that no one is logged in, by the front page.
pub async fn assert_anonymous(portal: &Portal, browser: &Browser) {
    let page = browser.get(&portal.url("/")).await;
    assert_eq!(page.status, 303, "{}", page.body);
    assert_eq!(page.location().path(), format!("{}/login", portal.app.settings.root));
}

/// Asserts that a browser's session was ended elsewhere, and that the page says so.
pub async fn assert_ended_elsewhere(portal: &Portal, browser: &Browser) {
    let page = browser.get(&portal.url("/")).await;
    assert_eq!((page.status.as_u16(), page.header("location")), (401, None), "{}", page.body);
    assert!(page.body.contains("Your session was ended"), "{}", page.body);
}

/// Asserts that an answer is the requested page, or one that asks for a little patience: it changes no cookie, and does
/// not redirect to the login.
pub fn assert_calm(path: &str, answer: &Answer) {
    assert!(
        matches!(answer.status.as_u16(), 200 | 503),
        "{path}: {} {:?} {}",
        answer.status,
        answer.headers,
        answer.body
    );
    assert_eq!(answer.set_cookies(), [""; 0], "{path}");
    if answer.status == 503 && path != "/readyz" {
        assert!(answer.headers.contains_key("retry-after"), "{path}: {:?}", answer.headers);
        assert!(answer.header("content-type").unwrap().starts_with("text/html"), "{path}: {:?}", answer.headers);
        assert!(answer.body.contains("<h1") && answer.body.contains("still signed in"), "{path}: {}", answer.body);
    }
}

/// Sends these bytes and returns the whole answer; the request must ask for `Connection: close`.
pub async fn raw(portal: &Portal, request: &str) -> String {
    let mut stream = TcpStream::connect(portal.app.settings.listen.tcp().unwrap()).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8(answer).unwrap()
}

/// The values of a header in a raw answer.
pub fn raw_header<'a>(answer: &'a str, name: &str) -> Option<&'a str> {
    let head = answer.split("\r\n\r\n").next().unwrap();
    let mut pairs = head.lines().skip(1).filter_map(|line| line.split_once(':'));
    pairs.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
}
