//! The sandbox's pages: signing in, consenting, logging out.

use globus_portal::sandbox::{CLIENT_ID, NATIVE_CLIENT_ID, Options};
use reqwest::StatusCode;
use reqwest::header::{CONTENT_SECURITY_POLICY, LOCATION, SET_COOKIE};

use crate::sandbox::visit::*;

#[tokio::test]
async fn what_is_wrong_with_the_app_is_told_on_a_page_and_never_redirected() {
    let visit = Visit::start().await;
    let guest_data_access =
        format!("{TRANSFER}[*https://auth.globus.org/scopes/542f1a4c-1145-4604-b926-dd8c9916ae03/data_access]");
    let cases: [(Change<'_>, &str, &str); 10] = [
        (&[("client_id", "")], "Missing client_id parameter.", "OAUTH_AUTH_REQUEST_FAILURE"),
        (&[("client_id", "x")], "Invalid client_id parameter value.", "OAUTH_AUTH_REQUEST_FAILURE"),
        (&[("redirect_uri", "")], "Missing redirect URI.", "OAUTH_AUTH_REQUEST_FAILURE"),
        (&[("redirect_uri", "/login")], "Invalid redirect URI.", "OAUTH_AUTH_REQUEST_FAILURE"),
        (&[("redirect_uri", "http://localhost/#x")], "Invalid redirect URI.", "OAUTH_AUTH_REQUEST_FAILURE"),
        (&[("redirect_uri", "https://evil.example/")], "Mismatching redirect URI.", "OAUTH_AUTH_REQUEST_FAILURE"),
        (
            &[("redirect_uri", "http://localhost.evil.example/")],
            "Mismatching redirect URI.",
            "OAUTH_AUTH_REQUEST_FAILURE",
        ),
        (
            &[("redirect_uri", "http://localhost@evil.example/")],
            "Mismatching redirect URI.",
            "OAUTH_AUTH_REQUEST_FAILURE",
        ),
        (&[("scope", "openid <b>nonsense</b>")], "&#60;b&#62;nonsense&#60;/b&#62;", "UNKNOWN_SCOPE_ERROR"),
        (&[("scope", &guest_data_access)], "data_access", "UNKNOWN_SCOPE_ERROR"),
    ];
    for (change, detail, code) in cases {
        let answer = visit.authorize(&request("openid", change)).await;
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
        assert!(answer.headers().get(LOCATION).is_none());
        let page = answer.text().await.unwrap();
        for text in [detail, code, "Occurred at time:", "Error ID:", "Error code:"] {
            assert!(page.contains(text), "{text} is missing in:\n{page}");
        }
    }
    let twice = [request("openid", &[]), vec![("state", "again")]].concat();
    let answer = visit.authorize(&twice).await;
    assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
    assert!(answer.text().await.unwrap().contains("Duplicate state parameter."));
}

#[tokio::test]
async fn what_is_wrong_with_a_request_is_told_to_the_app() {
    let visit = Visit::start().await;
    let challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
    let cases: [(Change<'_>, &str); 8] = [
        (&[("response_type", "token")], "unsupported_response_type"),
        (&[("response_type", "")], "invalid_request"),
        (&[("scope", "")], "invalid_scope"),
        (&[("access_type", "sometimes")], "invalid_request"),
        (&[("code_challenge", challenge)], "invalid_request"),
        (&[("code_challenge", challenge), ("code_challenge_method", "plain")], "invalid_request"),
        (&[("client_id", NATIVE_CLIENT_ID)], "invalid_request"),
        (&[("prompt", "none")], "login_required"),
    ];
    for (change, error) in cases {
        let answer = visit.authorize(&request("openid", change)).await;
        assert_eq!(answer.status(), StatusCode::FOUND);
        let back = location(&answer);
        assert!(back.as_str().starts_with(REDIRECT_URI));
        assert_eq!(parameter(&back, "error").as_deref(), Some(error), "{change:?}");
        assert_eq!(parameter(&back, "state").as_deref(), Some("the state"));
        assert_eq!(parameter(&back, "code"), None);
    }
}

#[tokio::test]
async fn registered_redirect_uris_have_to_match_exactly() {
    let uri = "https://portal.example/login";
    let visit = Visit::start_with(Options { redirect_uris: vec![uri.into()], ..Options::default() }).await;
    let page = visit.authorize(&request("openid", &[("redirect_uri", uri)])).await;
    assert_eq!(page.status(), StatusCode::OK);
    let policy = page.headers()[CONTENT_SECURITY_POLICY].to_str().unwrap();
    assert!(policy.contains("form-action 'self' https://portal.example;"), "{policy}");
    let longer = format!("{uri}/");
    let answer = visit.authorize(&request("openid", &[("redirect_uri", &longer)])).await;
    assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_refusal_comes_back_as_access_denied() {
    let visit = Visit::start().await;
    let back = visit.decide(MIRA, "deny", &request("openid", &[])).await;
    assert_eq!(parameter(&back, "error").as_deref(), Some("access_denied"));
    assert_eq!(parameter(&back, "state").as_deref(), Some("the state"));
    assert!(parameter(&back, "error_description").is_some());
    assert_eq!(parameter(&back, "code"), None);
}

#[tokio::test]
async fn a_sign_in_is_answered_once() {
    let visit = Visit::start().await;
    let page = visit.authorize(&request("openid", &[])).await.text().await.unwrap();
    let name = hidden(&page, "request");
    let deny = [("request", name.as_str()), ("decision", "deny")];
    let first = visit.submit("/v2/web/consent", &deny).await;
    assert_eq!(first.status(), StatusCode::SEE_OTHER);
    let second = visit.submit("/v2/web/consent", &deny).await;
    assert_eq!(second.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn nobody_can_allow_who_is_not_signed_in() {
    let visit = Visit::start().await;
    let page = visit.authorize(&request("openid", &[])).await.text().await.unwrap();
    let name = hidden(&page, "request");
    let allow = [("request", name.as_str()), ("decision", "allow")];
    let answer = visit.submit("/v2/web/consent", &allow).await;
    assert_eq!(answer.status(), StatusCode::OK);
    assert!(answer.text().await.unwrap().contains("Who are you?"));
}

#[tokio::test]
async fn a_consent_is_remembered_until_more_is_asked() {
    let visit = Visit::start().await;
    visit.code(MIRA, &request("openid profile", &[])).await;
    let silent = visit.authorize(&request("profile", &[])).await;
    assert_eq!(silent.status(), StatusCode::FOUND);
    assert!(parameter(&location(&silent), "code").is_some());
    let more = visit.authorize(&request("openid email", &[])).await;
    assert!(more.text().await.unwrap().contains("would like to:"));
    let again = visit.authorize(&request("openid", &[("prompt", "login")])).await;
    assert!(again.text().await.unwrap().contains("Who are you?"));
}

#[tokio::test]
async fn after_prompt_login_the_choice_leads_straight_back() {
    let visit = Visit::start().await;
    visit.code(MIRA, &request("openid", &[])).await;
    let page = visit.authorize(&request("openid", &[("prompt", "login")])).await;
    let name = hidden(&page.text().await.unwrap(), "request");
    let chosen = visit.submit("/v2/web/choose", &[("request", &name), ("identity", MIRA)]).await;
    let next = chosen.headers()[LOCATION].to_str().unwrap().to_owned();
    let back = visit.get(&next).await;
    assert!(parameter(&location(&back), "code").is_some());
}

#[tokio::test]
async fn a_rescinded_consent_ends_all_tokens_at_once() {
    let visit = Visit::start().await;
    let scope = format!("openid {TRANSFER}");
    let answer = visit.log_in(MIRA, &request(&scope, &[("access_type", "offline")])).await;
    let unspent = visit.authorize(&request(&scope, &[])).await;
    let unspent = parameter(&location(&unspent), "code").unwrap();

    let page = visit.get("/v2/web/consents").await.text().await.unwrap();
    let consent = hidden(&page, "consent");
    let rescinded = visit.submit("/v2/web/consents", &[("consent", &consent)]).await;
    assert_eq!(rescinded.status(), StatusCode::SEE_OTHER);

    assert!(!visit.is_active(token_of(&answer, "auth.globus.org")).await);
    let transfer = token_of(&answer, "transfer.api.globus.org");
    let search = visit.bearer("/v0.10/endpoint_search?filter_scope=my-endpoints", transfer).await;
    assert_eq!(search.status(), StatusCode::UNAUTHORIZED);
    let refresh = answer["refresh_token"].as_str().unwrap();
    let form = [("grant_type", "refresh_token"), ("refresh_token", refresh)];
    assert_error(visit.token(&form).await, 400, INVALID_GRANT).await;
    assert_error(visit.exchange(&unspent).await, 401, INVALID_GRANT).await;
    let again = visit.authorize(&request(&scope, &[])).await;
    assert_eq!(again.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_required_domain_asks_until_an_identity_of_it_signs_in() {
    let visit = Visit::start().await;
    visit.code(PRIYA, &request("openid", &[])).await;
    let needs = [("session_required_single_domain", "northfield.example")];
    let page = visit.authorize(&request("openid", &needs)).await.text().await.unwrap();
    assert!(page.contains("Who are you?") && page.contains("northfield.example"));
    let name = hidden(&page, "request");
    for (identity, satisfied) in [(PRIYA, false), ("praman@northfield.example", true)] {
        let fields = [("request", name.as_str()), ("identity", identity)];
        visit.submit("/v2/web/choose", &fields).await;
        let next = visit.get(&format!("/v2/web/consent?request={name}")).await;
        assert_eq!(next.status() == StatusCode::FOUND, satisfied, "{identity}");
    }
}

#[tokio::test]
async fn logging_out_forgets_the_sign_in_but_revokes_nothing() {
    let visit = Visit::start().await;
    let answer = visit.log_in(MIRA, &request("openid", &[])).await;
    let query =
        format!("client_id={CLIENT_ID}&redirect_uri=http://localhost:5000/?a%3D1%26b&redirect_name=A+%3Cportal%3E");
    let page = visit.get(&format!("/v2/web/logout?{query}")).await;
    assert_eq!(page.status(), StatusCode::OK);
    let cookie = page.headers()[SET_COOKIE].to_str().unwrap();
    assert!(cookie.starts_with("sandbox_globus_auth=;") && cookie.contains("Max-Age=0"));
    let html = page.text().await.unwrap();
    assert!(html.contains("Logged out of Sandbox App"));
    assert!(html.contains("href=\"http://localhost:5000/?a=1&#38;b\""), "{html}");
    assert!(html.contains("Continue to <bdi>A &#60;portal&#62;</bdi>"));
    let again = visit.authorize(&request("openid", &[])).await;
    assert!(again.text().await.unwrap().contains("Who are you?"));
    assert!(visit.is_active(answer["access_token"].as_str().unwrap()).await);
}

#[tokio::test]
async fn the_logout_page_links_to_nothing_but_http() {
    let visit = Visit::start().await;
    for query in [
        "redirect_uri=javascript:alert(1)&redirect_name=x",
        "redirect_uri=data:text/html,x&redirect_name=x",
        "redirect_uri=//evil.example&redirect_name=x",
        "redirect_uri=https://a.example",
        "redirect_name=x",
    ] {
        let html = visit.get(&format!("/v2/web/logout?{query}")).await.text().await.unwrap();
        assert!(!html.contains("Continue to"), "{query}");
    }
}

#[tokio::test]
async fn hostile_text_stays_text() {
    let visit = Visit::start().await;
    let message = "<script>alert('message')</script>";
    let request = request("openid", &[("session_message", message)]);
    let page = visit.authorize(&request).await;
    let policy = page.headers()[CONTENT_SECURITY_POLICY].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none';"));
    assert!(policy.contains("form-action 'self' http://localhost:5000;"), "{policy}");
    let html = page.text().await.unwrap();
    let name = hidden(&html, "request");
    visit.submit("/v2/web/choose", &[("request", &name), ("identity", QUIRK)]).await;
    let consent = visit.get(&format!("/v2/web/consent?request={name}")).await.text().await.unwrap();
    assert!(consent.contains("O&#39;Tables"));
    let front = visit.get("/").await.text().await.unwrap();
    for html in [html, consent, front] {
        assert!(!html.contains("<script"), "{html}");
        assert!(!html.contains("style="), "{html}");
    }
}
