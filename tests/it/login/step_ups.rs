//! What a service asks for becomes one login that asks for exactly that, and leads back to the page (rows J1 to J5).

use axum::{
    Form, Router,
    extract::{Path, State},
    routing::get,
};
use globus_portal::{
    error::AppError,
    globus::{scopes, transfer::LsQuery},
    routes::logged_in::LoggedIn,
    state::AppState,
};
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use crate::harness::{Answer, Browser, JONAS, MIRA, Portal, parameter};

/// The sandbox's collections that ask for something, by the end of their ids.
const CONSENT: &str = "7e57ab1e-0000-4000-8000-000000000002";
const OLD_CONSENT: &str = "7e57ab1e-0000-4000-8000-000000000003";
const DOMAIN: &str = "7e57ab1e-0000-4000-8000-000000000006";
const POLICY: &str = "7e57ab1e-0000-4000-8000-000000000007";
const OPEN: &str = "7e57ab1e-0000-4000-8000-000000000001";
/// Mira's linked identity.
const LINKED: &str = "msolano@globusid.org";

/// Pages as a developer writes them: `?` is all they do about what Globus asks for.
fn pages() -> Router<AppState> {
    Router::new()
        .route("/ls/{collection}", get(ls).post(mkdir))
        .route("/scope/{scope}", get(with_scope))
        .route("/token", get(|user: LoggedIn| async move { user.csrf_token() }))
}

async fn ls(user: LoggedIn, Path(collection): Path<String>) -> Result<String, AppError> {
    let listed = user.transfer().await?.operation_ls(&collection, &LsQuery::new()).await?;
    Ok(format!("{} entries", listed.files.len()))
}

#[derive(Deserialize)]
struct NewFolder {
    path: String,
    note: String,
}

async fn mkdir(
    user: LoggedIn,
    Path(collection): Path<String>,
    Form(folder): Form<NewFolder>,
) -> Result<String, AppError> {
    user.transfer().await?.operation_mkdir(&collection, &folder.path, None).await?;
    Ok(format!("made {} ({})", folder.path, folder.note))
}

async fn with_scope(State(app): State<AppState>, user: LoggedIn, Path(name): Path<String>) -> Result<String, AppError> {
    let scope = format!("urn:globus:auth:scope:groups.api.globus.org:{name}");
    user.access_token_with_scope(&scope).await?;
    let facts = app.tokens.facts(user.key()).await?;
    Ok(facts.into_iter().map(|facts| facts.resource_server).collect::<Vec<_>>().join(" "))
}

async fn portal() -> Portal {
    Portal::with().pages(pages()).start().await
}

/// Where a page sends the browser, past our own `/login`: the authorize URL.
async fn sent_to_globus(portal: &Portal, browser: &Browser, path: &str) -> Url {
    let page = browser.get(&portal.url(path)).await;
    let login = page.location();
    assert_eq!(login.path(), "/login", "{login}");
    assert!(parameter(&login, "ask").is_some(), "{login}");
    let location = browser.get(login.as_str()).await.location();
    assert!(location.as_str().starts_with(&format!("{}/v2/oauth2/authorize?", portal.globus)), "{location}");
    location
}

async fn fault(portal: &Portal, fault: Value) {
    let url = format!("{}/sandbox/faults", portal.globus);
    let client = reqwest::Client::builder().tls_certs_only([]).no_proxy().build().unwrap();
    assert!(client.post(url).json(&fault).send().await.unwrap().status().is_success());
}

/// Makes every listing ask for this.
async fn always_asks(portal: &Portal, status: u16, body: Value) {
    fault(portal, json!({"fault": "status", "status": status, "path": "/v0.10/operation", "body": body})).await;
}

async fn csrf_token(portal: &Portal, browser: &Browser) -> String {
    browser.get(&portal.url("/token")).await.body
}

/// Rows J1, J5: the form of today, that of before, a domain (with a 502) and a policy (as a text with commas).
#[tokio::test]
async fn a_page_that_only_writes_a_question_mark_goes_through_each_demand_and_back() {
    let portal = portal().await;
    for (collection, name, value, person) in [
        (CONSENT, "scope", format!("[*https://auth.globus.org/scopes/{CONSENT}/data_access]"), MIRA),
        (OLD_CONSENT, "scope", format!("[*https://auth.globus.org/scopes/{OLD_CONSENT}/data_access]"), MIRA),
        (DOMAIN, "session_required_single_domain", "globusid.org".to_owned(), LINKED),
        (POLICY, "session_required_policies", String::new(), MIRA),
    ] {
        let browser = Browser::new();
        portal.log_in(&browser, MIRA).await;
        let before = portal.session_cookie(&browser);
        let path = format!("/ls/{collection}");
        let authorize = sent_to_globus(&portal, &browser, &path).await;
        let asked = parameter(&authorize, name).unwrap_or_else(|| panic!("no {name} in {authorize}"));
        assert!(asked.contains(&value), "{asked}");
        let scope = parameter(&authorize, "scope").unwrap();
        for usual in ["openid", "profile", "email", scopes::transfer::ALL] {
            assert!(scope.split([' ', '[', ']']).any(|scope| scope == usual), "{usual} is not in {scope}");
        }
        assert_eq!(authorize.query_pairs().filter(|(key, _)| key == "scope").count(), 1);
        let back = portal.decide(&browser, &authorize, person, "allow").await;
        let page = browser.follow(back.as_str()).await;
        assert_eq!((page.url.path(), page.status.as_u16()), (&*path, 200), "{}", page.body);
        assert!(page.body.ends_with("entries"), "{}", page.body);
        assert_eq!(portal.session_cookie(&browser), before, "the session goes on");
    }
}

/// Row J2.
#[tokio::test]
async fn the_same_demand_right_after_gets_a_page_that_explains_it_and_no_other_redirect() {
    let portal = portal().await;
    let browser = Browser::new();
    portal.log_in(&browser, MIRA).await;
    let message = "Only for <b>members</b>";
    always_asks(
        &portal,
        403,
        json!({"code": "AuthorizationRequired", "message": "no", "authorization_parameters": {
            "session_message": message,
            "session_required_identities": ["2c09ce28-938c-4ecd-b523-34b4acfdccfb"],
            "session_required_single_domain": ["northfield.example"],
            "session_required_mfa": true,
        }}),
    )
    .await;
    let authorize = sent_to_globus(&portal, &browser, &format!("/ls/{OPEN}")).await;
    assert_eq!(parameter(&authorize, "session_message").as_deref(), Some(message));
    assert_eq!(parameter(&authorize, "session_required_mfa").as_deref(), Some("True"));
    // Whichever identity is chosen there, the service asks again.
    let back = come_back(&portal, &authorize).await;
    let page = browser.follow(back.as_str()).await;
    assert_eq!(page.status, 403, "{}", page.body);
    for text in [
        "Globus still asks for more",
        "northfield.example",
        "multi-factor",
        "Only for &#60;b&#62;members",
        "/v2/web/consents",
    ] {
        assert!(page.body.contains(text), "{text} is not in {}", page.body);
    }
    // The person may ask once more, with another identity.
    let again = link(&page, "Use another identity");
    let authorize = browser.get(&portal.url(&again)).await.location();
    assert_eq!(parameter(&authorize, "prompt").as_deref(), Some("login"));
}

/// Comes back as Mira, whatever the session was to have: the person has edited that out of the address.
async fn come_back(portal: &Portal, authorize: &Url) -> Url {
    let mut edited = authorize.clone();
    let kept: Vec<(String, String)> =
        authorize.query_pairs().into_owned().filter(|(name, _)| !name.starts_with("session_")).collect();
    edited.query_pairs_mut().clear().extend_pairs(kept);
    portal.decide(&Browser::new(), &edited, MIRA, "allow").await
}

fn link(page: &Answer, label: &str) -> String {
    let before =
        page.body.split_once(&format!("\">{label}</a>")).unwrap_or_else(|| panic!("no {label}: {}", page.body)).0;
    before.rsplit_once("href=\"").unwrap().1.replace("&#38;", "&").replace("&amp;", "&")
}

/// Row J3.
#[tokio::test]
async fn another_person_who_comes_back_changes_nothing_and_their_tokens_are_revoked() {
    let portal = portal().await;
    let browser = Browser::new();
    portal.log_in(&browser, MIRA).await;
    let before = tokens(&portal).await;
    let authorize = sent_to_globus(&portal, &browser, &format!("/ls/{CONSENT}")).await;
    let back = portal.decide(&Browser::new(), &authorize, JONAS, "allow").await;
    let page = browser.follow(back.as_str()).await;
    assert_eq!(page.status, 403, "{}", page.body);
    assert!(page.body.contains("That was another account"), "{}", page.body);
    assert!(page.body.contains(MIRA) && page.body.contains(JONAS), "{}", page.body);
    let profile = browser.get(&portal.url("/profile")).await;
    assert!(profile.body.contains(MIRA) && !profile.body.contains(JONAS));
    assert_eq!(tokens(&portal).await, before, "all tokens of the other person are revoked, and none of Mira's");
}

/// The access tokens that are alive at the sandbox.
async fn tokens(portal: &Portal) -> Vec<String> {
    let seen = reqwest::Client::builder().tls_certs_only([]).no_proxy().build().unwrap();
    let seen: Value = seen.get(format!("{}/sandbox/tokens", portal.globus)).send().await.unwrap().json().await.unwrap();
    let mut tokens: Vec<String> = seen["access_tokens"]
        .as_array()
        .unwrap()
        .iter()
        .map(|token| token["id"].as_str().unwrap().to_owned())
        .collect();
    tokens.sort();
    tokens
}

/// Rows J4, F3.
#[tokio::test]
async fn new_tokens_replace_those_of_their_own_resource_server_which_are_revoked() {
    let portal = portal().await;
    let browser = Browser::new();
    portal.log_in(&browser, MIRA).await;
    let before = tokens(&portal).await;
    let authorize = sent_to_globus(&portal, &browser, "/scope/view_my_groups_and_memberships").await;
    let back = portal.decide(&browser, &authorize, MIRA, "allow").await;
    let page = browser.follow(back.as_str()).await;
    assert_eq!(page.body, "auth.globus.org groups.api.globus.org transfer.api.globus.org");
    // Revocation goes on in the background.
    loop {
        let now = tokens(&portal).await;
        if now.len() == 3 && before.iter().all(|old| !now.contains(old)) {
            break;
        }
        tokio::task::yield_now().await;
    }
    // The page has the scope now.
    let page = browser.get(&portal.url("/scope/view_my_groups_and_memberships")).await;
    assert_eq!(page.status, 200);
    let out = browser.submit(&portal.url("/logout"), &[]).await;
    assert_eq!(out.status, 303);
    assert!(tokens(&portal).await.is_empty());
}

/// Row J5.
#[tokio::test]
async fn a_scope_that_the_operator_does_not_permit_is_not_asked_for() {
    let demand = |scope: &str| json!({"code": "ConsentRequired", "message": "m", "required_scopes": [scope]});
    let flows = "https://auth.globus.org/scopes/eec9b274-0c81-4334-bdc2-54e90e689b9a/run";
    let other = format!("{}[*https://auth.globus.org/scopes/{CONSENT}/data_access]", scopes::transfer::ALL);
    let https = format!("{}[*https://auth.globus.org/scopes/{OPEN}/https]", scopes::transfer::ALL);
    for (allowed, scope, permitted) in [
        ("", flows, false),
        ("eec9b274-0c81-4334-bdc2-54e90e689b9a", flows, true),
        (flows, flows, true),
        ("groups.api.globus.org", flows, false),
        // The data of a collection that the person has not opened; and more than the data of the one they have.
        ("", &*other, false),
        ("", &*https, false),
        ("", "no[scope", false),
        ("", "https://auth.globus.org.evil.example/scopes/x/data_access", false),
    ] {
        let portal = Portal::with().set("ALLOW_CONSENT_FOR", allowed).pages(pages()).start().await;
        let browser = Browser::new();
        portal.log_in(&browser, MIRA).await;
        always_asks(&portal, 403, demand(scope)).await;
        let page = browser.get(&portal.url(&format!("/ls/{OPEN}"))).await;
        assert_eq!(page.status.as_u16(), if permitted { 303 } else { 403 }, "{allowed} {scope}: {}", page.body);
    }
}

#[tokio::test]
async fn a_form_that_was_being_sent_is_shown_again_and_sent_only_by_its_person() {
    let portal = portal().await;
    let browser = Browser::new();
    portal.log_in(&browser, MIRA).await;
    let token = csrf_token(&portal, &browser).await;
    let path = format!("/ls/{CONSENT}?from=a%20page");
    let form = [("csrf_token", &*token), ("path", "/~/new & <old>"), ("note", "ümläut\"")];
    let sent = browser.submit(&portal.url(&path), &form).await;
    let authorize = browser.get(sent.location().as_str()).await.location();
    let back = portal.decide(&browser, &authorize, MIRA, "allow").await;
    let page = browser.follow(back.as_str()).await;
    assert_eq!((page.status.as_u16(), page.url.path()), (200, "/kept-form"), "{}", page.body);
    assert!(page.body.contains(&format!("action=\"{path}\"")), "{}", page.body);
    assert!(page.body.contains("/~/new &#38; &#60;old&#62;") && page.body.contains("ümläut&#34;"), "{}", page.body);
    assert!(!page.body.contains(&token), "the old token is not among the fields");
    let token = page.hidden("csrf_token");
    let form = [("csrf_token", &*token), ("path", "/~/new & <old>"), ("note", "ümläut\"")];
    let sent = browser.submit(&portal.url(&path), &form).await;
    assert_eq!((sent.status.as_u16(), &*sent.body), (200, "made /~/new & <old> (ümläut\")"));
    // It opens in no other session.
    let other = Browser::new();
    portal.log_in(&other, MIRA).await;
    assert_eq!(other.get(page.url.as_str()).await.location().path(), "/");
}

#[tokio::test]
async fn a_form_that_is_too_long_to_keep_is_not_lost_without_a_word() {
    let portal = portal().await;
    let browser = Browser::new();
    portal.log_in(&browser, MIRA).await;
    let token = csrf_token(&portal, &browser).await;
    let note: String = (0..4000).map(|number| format!("{number} ")).collect();
    let form = [("csrf_token", &*token), ("path", "/~/new"), ("note", &*note)];
    let sent = browser.submit(&portal.url(&format!("/ls/{CONSENT}")), &form).await;
    let page = browser.get(sent.location().as_str()).await;
    assert!(page.status == 403 && page.body.contains("too long to be kept"), "{}", page.body);
    let authorize = browser.get(&portal.url(&link(&page, "Ask Globus again"))).await.location();
    let back = portal.decide(&browser, &authorize, MIRA, "allow").await;
    assert_eq!(browser.follow(back.as_str()).await.status, 200);
    let sent = browser.submit(&portal.url(&format!("/ls/{CONSENT}")), &form).await;
    assert_eq!(sent.status, 200, "{}", sent.body);
}

#[tokio::test]
async fn who_says_no_at_globus_stays_signed_in() {
    let portal = portal().await;
    let browser = Browser::new();
    portal.log_in(&browser, MIRA).await;
    let authorize = sent_to_globus(&portal, &browser, &format!("/ls/{CONSENT}")).await;
    let back = portal.decide(&browser, &authorize, MIRA, "deny").await;
    let page = browser.get(back.as_str()).await;
    assert_eq!(page.status, 403);
    assert!(page.body.contains("You are still signed in"), "{}", page.body);
    assert_eq!(browser.get(&portal.url("/profile")).await.status, 200);
}

#[tokio::test]
async fn a_logout_in_another_tab_leaves_no_token_behind() {
    let portal = portal().await;
    let browser = Browser::new();
    portal.log_in(&browser, MIRA).await;
    let authorize = sent_to_globus(&portal, &browser, &format!("/ls/{CONSENT}")).await;
    let cookie = portal.session_cookie(&browser).unwrap();
    assert_eq!(browser.submit(&portal.url("/logout"), &[]).await.status, 303);
    let back = portal.decide(&browser, &authorize, MIRA, "allow").await;
    let page = browser.get(back.as_str()).await;
    assert_eq!(page.status, 400, "{}", page.body);
    // Even where the browser still sends the cookie of the session that is over.
    browser.set_cookie("localhost", &portal.app.settings.session_cookie_name, &cookie);
    assert_eq!(browser.get(back.as_str()).await.status, 303, "the state is spent");
    assert!(tokens(&portal).await.is_empty());
}

/// A link of one session does nothing in another.
#[tokio::test]
async fn a_demand_is_bound_to_its_session() {
    let portal = portal().await;
    let (mira, jonas) = (Browser::new(), Browser::new());
    portal.log_in(&mira, MIRA).await;
    portal.log_in(&jonas, JONAS).await;
    let login = mira.get(&portal.url(&format!("/ls/{CONSENT}"))).await.location();
    assert_eq!(jonas.get(login.as_str()).await.location().path(), "/");
    assert_eq!(Browser::new().get(login.as_str()).await.location().path(), "/login");
    // A script cannot be sent to Globus: it gets the error itself.
    let script = [("sec-fetch-mode", "cors"), ("sec-fetch-dest", "empty"), ("sec-fetch-site", "same-origin")];
    let answer = mira.get_with(&portal.url(&format!("/ls/{CONSENT}")), &script).await;
    assert_eq!(answer.status, 403);
    assert!(answer.header("location").is_none());
}
