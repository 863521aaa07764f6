//! Policies that need more of a login: what Globus says of it decides, and one step-up gives what is missing. Rows I7 and J2.

use std::sync::{Arc, Mutex};

use globus_portal::{
    clock::Clock,
    globus::scopes::auth::RESOURCE_SERVER,
    session::store::{MemoryStore, Store},
};
use reqwest::Method;
use serde_json::{Value, json};
use time::Duration;
use url::Url;

use super::{BEAMLINE, MIRA, ask, edited, forwarded, signed_in, with};
use crate::harness::{
    Answer, Browser, Portal, PortalBuilder, Provider, Step, parameter,
    steps::{key_of, let_in, log_in_at},
};

const LINKED: &str = "msolano@globusid.org";
const SENSITIVE: &str = "c1a5be11-7d3a-4f0e-8a52-9b6f4e2d0001";
const INTROSPECT: &str = "/v2/oauth2/token/introspect";
const FETCH: [(&str, &str); 1] = [("sec-fetch-mode", "cors")];

fn policies() -> String {
    format!(
        "[policies.mfa]\nmfa = true\ntitle = 'the vault'\n\
         [policies.recent]\nauthentication_max_age_seconds = 600\n\
         [policies.domain]\nsingle_domain = ['globusid.org', 'other.example']\n\
         [policies.sensitive]\nsession_policies = ['{SENSITIVE}']\n\
         [policies.both]\nmfa = true\nsingle_domain = ['globusid.org']\n\
         [policies.beamline]\nmfa = true\ngroups = ['{BEAMLINE}']\n\
         [policies.linked]\ndomains = ['other.example']\n\
         [policies.one]\nidentities = ['2c09ce28-938c-4ecd-b523-34b4acfdccfb']\n"
    )
}

async fn status(portal: &Portal, browser: &Browser, policy: &str) -> u16 {
    ask(portal, browser, &format!("/oauth2/auth/{policy}"), &[]).await.status.as_u16()
}

/// A navigation to a page of an app, as Caddy and Traefik ask about it.
async fn page(portal: &Portal, browser: &Browser, policy: &str) -> Answer {
    ask(portal, browser, &format!("/oauth2/forward/{policy}"), &forwarded(portal, "GET", "/lab/?a=1&b=%26")).await
}

/// The authorize URL to which a denied navigation is led.
async fn led(portal: &Portal, browser: &Browser, policy: &str) -> Url {
    let answer = page(portal, browser, policy).await;
    assert_eq!(answer.status, 302, "{policy}: {}", answer.body);
    let login = answer.header("location").unwrap();
    assert!(login.starts_with(&format!("{}/login?ask=", portal.base)), "Traefik takes a path for its own: {login}");
    browser.get(login).await.location()
}

fn link(page: &Answer, label: &str) -> String {
    let before =
        page.body.split_once(&format!("\">{label}</a>")).unwrap_or_else(|| panic!("no {label}: {}", page.body)).0;
    before.rsplit_once("href=\"").unwrap().1.to_owned()
}

#[tokio::test]
async fn each_condition_is_given_by_one_step_up_that_leads_back_to_the_page() {
    let portal = with(&policies()).start().await;
    for (policy, asked, account) in [
        ("mfa", &[("session_required_mfa", "True")][..], MIRA),
        ("domain", &[("session_required_single_domain", "globusid.org,other.example")], LINKED),
        ("sensitive", &[("session_required_policies", SENSITIVE)], MIRA),
        ("both", &[("session_required_mfa", "True"), ("session_required_single_domain", "globusid.org")], LINKED),
    ] {
        let mira = signed_in(&portal, MIRA).await;
        assert_eq!(status(&portal, &mira, policy).await, 403, "{policy}");
        let path = format!("/oauth2/forward/{policy}");
        let fetch = [&forwarded(&portal, "GET", "/lab/")[..], &FETCH].concat();
        for (method, request) in [("fetch", fetch), ("form", forwarded(&portal, "POST", "/lab/"))] {
            let answer = ask(&portal, &mira, &path, &request).await;
            assert_eq!((answer.status.as_u16(), answer.header("location")), (403, None), "{policy}: {method}");
        }
        let authorize = led(&portal, &mira, policy).await;
        let all: Vec<_> = authorize.query_pairs().filter(|(name, _)| name.starts_with("session_")).collect();
        assert_eq!(all.len(), asked.len(), "{policy}: {all:?}");
        for (name, value) in asked {
            assert_eq!(parameter(&authorize, name).as_deref(), Some(*value), "{policy}");
        }
        let back = portal.decide(&mira, &authorize, account, "allow").await;
        let home = mira.get(back.as_str()).await;
        assert_eq!(home.header("location"), Some("/lab/?a=1&b=%26"), "{policy}: {}", home.body);
        assert_eq!(page(&portal, &mira, policy).await.status, 200, "{policy}");
        assert_eq!(status(&portal, &mira, policy).await, 202, "{policy}");
        let other = if policy == "sensitive" { "mfa" } else { "sensitive" };
        assert_eq!(status(&portal, &mira, other).await, 403, "{policy} says nothing of {other}");
    }
}

#[tokio::test]
async fn conditions_that_hold_only_together_are_asked_for_one_by_one_as_they_are_missing() {
    let portal = with(&policies()).start().await;
    let mira = signed_in(&portal, MIRA).await;
    for (policy, asked, account) in
        [("mfa", "session_required_mfa", MIRA), ("both", "session_required_single_domain", LINKED)]
    {
        let authorize = led(&portal, &mira, policy).await;
        let all: Vec<_> = authorize.query_pairs().filter(|(name, _)| name.starts_with("session_")).collect();
        assert!(all.len() == 1 && all[0].0 == asked, "{all:?}");
        assert_eq!(status(&portal, &mira, "both").await, 403);
        let back = portal.decide(&mira, &authorize, account, "allow").await;
        assert_eq!(mira.get(back.as_str()).await.status, 303);
    }
    assert_eq!(status(&portal, &mira, "both").await, 202);
}

/// Rows I7 and J2: what was asked for counts for nothing.
#[tokio::test]
async fn who_edits_the_address_bar_is_still_denied_and_is_told_why_without_another_redirect() {
    let portal = with(&policies()).start().await;
    for (policy, told, label) in [
        ("mfa", "multi-factor authentication", "Sign in with multi-factor authentication"),
        ("domain", "an account of globusid.org, other.example", "Sign in with another account"),
        ("sensitive", "a policy of Globus", "Sign in again for this"),
        ("both", "an account of globusid.org", "Sign in again for this"),
        ("linked", "accounts of other.example", "Sign in with an account of other.example"),
        ("one", "named one by one", "Sign in with another account"),
    ] {
        let mira = signed_in(&portal, MIRA).await;
        let authorize = led(&portal, &mira, policy).await;
        let back = portal.decide(&Browser::new(), &edited(&authorize), MIRA, "allow").await;
        assert_eq!(mira.get(back.as_str()).await.header("location"), Some("/lab/?a=1&b=%26"), "{policy}");
        assert_eq!(status(&portal, &mira, policy).await, 403, "{policy}");
        let denied = page(&portal, &mira, policy).await;
        assert_eq!((denied.status.as_u16(), denied.header("location")), (403, None), "{policy}");
        assert!(denied.body.contains(told) && denied.body.contains(MIRA), "{policy}: {}", denied.body);
        // The same page in place of nginx's 403.
        let by_nginx = mira.get(&portal.url(&format!("/oauth2/denied/{policy}"))).await;
        assert_eq!((by_nginx.status.as_u16(), by_nginx.header("location")), (403, None), "{policy}");
        // The person may ask Globus once more.
        let again = mira.get(&portal.url(&link(&denied, label))).await.location();
        assert!(again.query_pairs().any(|(name, _)| name.starts_with("session_required_")), "{policy}: {again}");
        if policy == "mfa" {
            let back = portal.decide(&mira, &again, MIRA, "allow").await;
            assert_eq!(mira.get(back.as_str()).await.header("location"), Some("/lab/?a=1&b=%26"));
            assert_eq!(status(&portal, &mira, policy).await, 202);
        }
    }
}

#[tokio::test]
async fn nobody_is_sent_to_globus_for_what_it_cannot_give() {
    let portal = with(&format!(
        "{}[policies.two]\nidentities = ['2c09ce28-938c-4ecd-b523-34b4acfdccfb', '0ec34ecc-ad7d-4d51-94e5-dc387441a4d6']\n\
         [policies.provider]\nmfa = true\nidentity_providers = ['2c09ce28-938c-4ecd-b523-34b4acfdccfb']\n",
        policies()
    ))
    .start()
    .await;
    let mira = signed_in(&portal, MIRA).await;
    for (policy, told) in [
        ("beamline", &["members of a Globus group", "multi-factor"][..]),
        ("two", &["named one by one"]),
        ("provider", &["some institutions", "multi-factor"]),
        ("closed", &["lets nobody in"]),
    ] {
        let denied = page(&portal, &mira, policy).await;
        assert_eq!((denied.status.as_u16(), denied.header("location")), (403, None), "{policy}");
        assert!(told.iter().all(|text| denied.body.contains(text)), "{policy}: {}", denied.body);
        assert!(!denied.body.contains("/login?ask="), "{policy}: {}", denied.body);
    }
}

/// nginx shows a page in place of a 403, and says in headers what was asked for.
#[tokio::test]
async fn the_page_in_place_of_nginxs_403_leads_to_globus_and_back_to_what_was_asked_for() {
    let portal = with(&policies()).start().await;
    let own = format!("{}/lab/?a=1&b=%26", portal.base);
    for (url, next) in [
        (&*own, "/lab/?a=1&b=%26"),
        ("", "/"),
        ("http://evil.example/", "/"),
        (&format!("{}.evil.example/", portal.base), "/"),
        (&format!("{}//evil.example/", portal.base), "/"),
        ("/oauth2/denied/mfa", "/"),
    ] {
        let mira = signed_in(&portal, MIRA).await;
        let headers: Vec<_> = (!url.is_empty()).then_some(("x-original-url", url)).into_iter().collect();
        let answer = mira.get_with(&portal.url("/oauth2/denied/mfa"), &headers).await;
        let login = answer.header("location").unwrap_or_else(|| panic!("{url}: {} {}", answer.status, answer.body));
        let authorize = mira.get(login).await.location();
        let back = portal.decide(&mira, &authorize, MIRA, "allow").await;
        assert_eq!(mira.get(back.as_str()).await.header("location"), Some(next), "{url}");
    }
    let mira = signed_in(&portal, MIRA).await;
    for more in [("x-original-method", "POST"), ("x-original-method", "HEAD"), FETCH[0]] {
        let answer = mira.get_with(&portal.url("/oauth2/denied/mfa"), &[("x-original-url", &own), more]).await;
        assert_eq!((answer.status.as_u16(), answer.header("location")), (403, None), "{more:?}");
    }
    // nginx's own endpoint says 403 whatever it is told.
    let told = [("x-original-url", &*own), ("x-original-method", "GET"), ("accept", "text/html")];
    assert_eq!(ask(&portal, &mira, "/oauth2/auth/mfa", &told).await.status, 403);
    assert_eq!(ask(&portal, &mira, "/oauth2/authz/mfa/lab/", &told).await.status, 403);
}

/// A portal whose Globus is under the test's control, and what that says of the person's session.
struct Stage {
    portal: Portal,
    provider: Provider,
    clock: Clock,
    said: Arc<Mutex<Step>>,
    person: Browser,
}

impl Stage {
    async fn start() -> Self {
        Self::with(|builder| builder).await
    }

    async fn with(change: impl FnOnce(PortalBuilder) -> PortalBuilder) -> Self {
        let (provider, clock) = (Provider::start().await, Clock::manual(Clock::system().now()));
        let portal = change(with(&policies())).provider(&provider).clock(&clock).start().await;
        let said = Arc::new(Mutex::new(Step::text(500, "nothing yet")));
        let saying = said.clone();
        provider.on_other(move |_| saying.lock().unwrap().clone());
        let person = Browser::new();
        log_in_at(&portal, &provider, &person, "person-1").await;
        Self { portal, provider, clock, said, person }
    }

    /// What an introspection says with these authentications.
    fn document(authentications: &Value) -> Value {
        json!({
            "active": true, "sub": "person-1", "session_info": {"session_id": "s", "authentications": authentications},
            "identity_set_detail": [{"sub": "person-1", "username": "one@example.org", "identity_provider": "p"}],
            "policy_evaluations": {SENSITIVE: {"evaluation": false}},
        })
    }

    fn says(&self, step: Step) {
        *self.said.lock().unwrap() = step;
    }

    fn says_document(&self, document: &Value) {
        self.says(Step::text(200, document.to_string()));
    }

    /// Globus has seen the person a number of seconds ago.
    fn seen(&self, ago: i64) {
        let at = self.clock.now().unix_timestamp() - ago;
        self.says_document(&Self::document(&json!({"person-1": {"idp": "p", "auth_time": at, "amr": ["mfa"]}})));
    }

    async fn status(&self, policy: &str) -> u16 {
        status(&self.portal, &self.person, policy).await
    }

    /// Goes through the step-up of a policy; what Globus says after it has been set.
    async fn step_up(&self, policy: &str, seen: impl FnOnce()) -> Url {
        let authorize = led(&self.portal, &self.person, policy).await;
        seen();
        let response = let_in(&self.portal, &self.provider, &authorize, "person-1");
        self.provider.on_token(move |_| Step::text(200, response.to_string()));
        let home = self.person.get(&self.portal.callback(&authorize, "another-code")).await;
        assert_eq!(home.header("location"), Some("/lab/?a=1&b=%26"), "{}", home.body);
        authorize
    }

    fn introspections(&self) -> usize {
        self.provider.other_calls().len()
    }
}

#[tokio::test]
async fn a_login_is_too_old_at_the_second_and_a_new_one_counts_at_once() {
    let stage = Stage::start().await;
    stage.seen(0);
    assert_eq!(stage.status("recent").await, 202);
    stage.clock.advance(Duration::seconds(600));
    assert_eq!(stage.status("recent").await, 202);
    // What Globus said a second ago is remembered, but not what followed from it.
    stage.clock.advance(Duration::seconds(1));
    assert_eq!(stage.status("recent").await, 403);
    let authorize = stage.step_up("recent", || stage.seen(0)).await;
    assert_eq!(parameter(&authorize, "prompt").as_deref(), Some("login"));
    assert_eq!(stage.status("recent").await, 202);
    // The app learns of this login, not of the one that began the session.
    let yes = ask(&stage.portal, &stage.person, "/oauth2/auth/recent", &[]).await;
    let now = stage.clock.now().unix_timestamp().to_string();
    assert_eq!(yes.header("x-auth-request-auth-time"), Some(&*now));
    assert_eq!(page(&stage.portal, &stage.person, "recent").await.status, 200);

    // Without `prompt` nobody has authenticated anew: no loop.
    stage.clock.advance(Duration::seconds(601));
    stage.seen(601);
    stage.step_up("recent", || ()).await;
    let denied = page(&stage.portal, &stage.person, "recent").await;
    assert!(denied.status == 403 && denied.body.contains("a sign-in of the last 10 minutes"), "{}", denied.body);
    for odd in [json!({}), json!({"person-1": {}}), json!({"person-1": {"auth_time": null}})] {
        stage.clock.advance(Duration::seconds(2));
        stage.says_document(&Stage::document(&odd));
        assert_eq!(stage.status("recent").await, 403, "{odd}");
    }
    // A clock that is a little ahead does not make a login too old; one from tomorrow is none.
    stage.clock.advance(Duration::seconds(2));
    stage.seen(-300);
    assert_eq!(stage.status("recent").await, 202);
    stage.clock.advance(Duration::seconds(301));
    stage.seen(-86_400);
    assert_eq!(stage.status("recent").await, 403);
}

#[tokio::test]
async fn a_yes_counts_for_its_time_and_a_no_for_a_second_and_other_policies_ask_nothing() {
    let stage = Stage::start().await;
    for (policy, expected) in [("default", 202), ("closed", 403)] {
        assert_eq!(stage.status(policy).await, expected);
    }
    assert_eq!(stage.introspections(), 0);
    stage.seen(0);
    assert_eq!(stage.status("mfa").await, 202);
    let call = stage.provider.other_calls().remove(0);
    assert!(call.is(&Method::POST, INTROSPECT) && call.field("include") == Some("session_info,identity_set_detail"));
    assert_eq!(
        (call.field("token"), call.field("authentication_policies")),
        (Some("SENTINEL-auth-access-token"), None)
    );
    stage.says_document(&Stage::document(&json!({})));
    stage.clock.advance(Duration::seconds(299));
    assert_eq!((stage.status("mfa").await, stage.introspections()), (202, 1));
    stage.clock.advance(Duration::seconds(1));
    assert_eq!((stage.status("mfa").await, stage.introspections()), (403, 2));
    stage.seen(0);
    assert_eq!((stage.status("mfa").await, stage.introspections()), (403, 2), "a no is shared by what comes at once");
    stage.clock.advance(Duration::seconds(1));
    assert_eq!((stage.status("mfa").await, stage.introspections()), (202, 3));
    assert_eq!(stage.status("sensitive").await, 403);
    let call = stage.provider.other_calls().remove(3);
    assert_eq!(call.field("authentication_policies"), Some(SENSITIVE));
    // Fifty requests at once make one call, whatever it says.
    for expected in [202, 403] {
        stage.clock.advance(Duration::seconds(301));
        let (seen, policy) = (stage.introspections(), if expected == 202 { "mfa" } else { "domain" });
        let all = futures_util::future::join_all((0..50).map(|_| stage.status(policy))).await;
        assert!(all.iter().all(|status| *status == expected), "{all:?}");
        assert_eq!(stage.introspections() - seen, 1);
    }
}

/// Row I1: neither yes nor no, and not remembered as either.
#[tokio::test]
async fn an_introspection_that_fails_is_503_and_not_remembered() {
    let stage = Stage::start().await;
    let with = |change: &dyn Fn(&mut Value)| {
        let mut document = Stage::document(&json!({"person-1": {"amr": ["mfa"]}}));
        change(&mut document);
        Step::text(200, document.to_string())
    };
    for (nth, step) in [
        Step::text(500, "{}"),
        Step::text(429, "{}"),
        Step::text(401, r#"{"error": "invalid_client"}"#),
        Step::text(200, "<html>"),
        Step::text(200, r#"{"active": "#),
        Step::text(200, "[]"),
        Step::text(200, r#"{"active": true}"#),
        with(&|document| document["active"] = "true".into()),
        with(&|document| document["sub"] = "person-2".into()),
        with(&|document| document["session_info"] = json!([])),
        with(&|document| drop(document.as_object_mut().unwrap().remove("identity_set_detail"))),
        // A session that has just begun would get nothing else from another login.
        Step::text(200, r#"{"active": false}"#),
    ]
    .into_iter()
    .enumerate()
    {
        stage.says(step);
        assert_eq!(stage.status("mfa").await, 503, "{nth}");
        let answer = page(&stage.portal, &stage.person, "mfa").await;
        assert_eq!((answer.status.as_u16(), answer.header("location")), (503, None), "{nth}");
        let shown = stage.person.get(&stage.portal.url("/oauth2/denied/mfa")).await;
        assert_eq!(shown.status, 503, "{nth}: {}", shown.body);
    }
    stage.clock.advance(Duration::seconds(1));
    stage.seen(0);
    assert_eq!(stage.status("mfa").await, 202);
    // A yes that is remembered does not need Globus.
    stage.says(Step::text(500, "{}"));
    assert_eq!(stage.status("mfa").await, 202);
    stage.clock.advance(Duration::seconds(300));
    assert_eq!(stage.status("mfa").await, 503);
}

#[tokio::test]
async fn an_introspection_that_takes_too_long_is_503() {
    let portal = Portal::with()
        .set("TRUSTED_PROXIES", "127.0.0.1")
        .file("GLOBUS_SDK_HTTP_TIMEOUT = 1\n[policies.mfa]\nmfa = true\n")
        .start()
        .await;
    let mira = signed_in(&portal, MIRA).await;
    fault(&portal, json!({"fault": "slow", "ms": 60_000, "path": INTROSPECT})).await;
    assert_eq!(status(&portal, &mira, "mfa").await, 503);
}

async fn fault(portal: &Portal, fault: Value) {
    let url = format!("{}/sandbox/faults", portal.globus);
    let client = reqwest::Client::builder().tls_certs_only([]).no_proxy().build().unwrap();
    assert!(client.post(url).json(&fault).send().await.unwrap().status().is_success());
}

#[tokio::test]
async fn a_token_that_globus_has_revoked_is_renewed_or_its_person_signs_in_again() {
    let clock = Clock::manual(Clock::system().now());
    for renewable in ["true", "false"] {
        let portal = with(&policies()).clock(&clock).set("REFRESH_TOKENS", renewable).start().await;
        let mira = signed_in(&portal, MIRA).await;
        let authorize = led(&portal, &mira, "mfa").await;
        let back = portal.decide(&mira, &authorize, MIRA, "allow").await;
        assert_eq!(mira.get(back.as_str()).await.status, 303);
        assert_eq!(status(&portal, &mira, "mfa").await, 202);
        let token = portal.app.tokens.fresh(key_of(&portal, &mira), RESOURCE_SERVER).await.unwrap();
        portal.app.auth.oauth2_revoke_token(&token, None).await.unwrap();
        clock.advance(Duration::seconds(301));
        let expected = if renewable == "true" { 202 } else { 401 };
        let all = futures_util::future::join_all((0..10).map(|_| status(&portal, &mira, "mfa"))).await;
        assert!(all.iter().all(|status| *status == expected), "{renewable}: {all:?}");
        let answer = page(&portal, &mira, "mfa").await;
        let login = answer.header("location").map(|login| login.starts_with(&portal.url("/login?next=")));
        assert_eq!((answer.status.as_u16(), login), if expected == 202 { (200, None) } else { (302, Some(true)) });
    }
}

#[tokio::test]
async fn an_identity_that_was_linked_since_the_login_counts_without_another_one() {
    let stage = Stage::start().await;
    stage.seen(0);
    let mut linked = Stage::document(&json!({}));
    let other = json!({"sub": "person-9", "username": "one@other.example"});
    linked["identity_set_detail"].as_array_mut().unwrap().push(other);
    let authorize = stage.step_up("linked", || stage.says_document(&linked)).await;
    assert_eq!(parameter(&authorize, "session_required_single_domain").as_deref(), Some("other.example"));
    assert_eq!(stage.status("linked").await, 202);
    assert_eq!(stage.status("domain").await, 403, "it is linked, but nobody has logged in with it");
}

#[tokio::test]
async fn a_step_up_at_one_portal_counts_at_the_others_at_once() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
    let clock = Clock::manual(Clock::system().now());
    let first = with(&policies()).clock(&clock).store(store.clone()).start().await;
    let second = with(&policies()).clock(&clock).store(store).globus_at(&first.globus).start().await;
    let mira = signed_in(&first, MIRA).await;
    for portal in [&first, &second] {
        assert_eq!(status(portal, &mira, "mfa").await, 403);
    }
    let authorize = led(&second, &mira, "mfa").await;
    let back = second.decide(&mira, &authorize, MIRA, "allow").await;
    assert_eq!(mira.get(back.as_str()).await.status, 303);
    for portal in [&first, &second] {
        assert_eq!(status(portal, &mira, "mfa").await, 202);
    }
}
