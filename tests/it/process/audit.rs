//! Row K2: one event in the log for each login, failure, refresh, step-up, denial, logout and end of a session, with the request,
//! the person and where they came from.

use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;
use url::Url;

use crate::harness::{
    Answer, Browser, JONAS, MIRA, OtherApp, PORTAL_SCOPE, Process, decide, portal_at, start_sandbox, until,
};

const MIRA_ID: &str = "f8907a41-b87f-4770-b2b4-cabdd1f151d5";
/// A collection of the sandbox that asks for a consent.
const CONSENT: &str = "7e57ab1e-0000-4000-8000-000000000002";
const PEER: &str = "203.0.113.7";

/// A portal as a process behind a proxy that names the visitor, and what it logs.
struct Audited {
    folder: TempDir,
    process: Process,
    base: String,
    globus: String,
    /// How many lines of the log have been looked at.
    seen: usize,
    requests: usize,
}

impl Audited {
    async fn start() -> Self {
        let folder = TempDir::new().unwrap();
        let globus = start_sandbox().await;
        let policies = format!(
            "[policies.default]\ndomains = ['northfield.example']\nprogram_scope = '{PORTAL_SCOPE}'\n\
             [policies.vault]\nmfa = true\n\
             [policies.other-scope]\nsigned_in = true\nprogram_scope = '{PORTAL_SCOPE}-admin'\n"
        );
        std::fs::write(folder.path().join("example_app.conf"), policies).unwrap();
        let (mut command, base) = portal_at(folder.path(), &globus);
        command
            .env("GLOBUS_PORTAL_LOG_FORMAT", "json")
            .env("GLOBUS_PORTAL_TRUSTED_PROXIES", "127.0.0.1")
            .env("GLOBUS_PORTAL_REFRESH_TOKENS", "true")
            .env("GLOBUS_PORTAL_SESSIONS_PER_PERSON", "2");
        let mut process = Process::start(&mut command, &folder.path().join("printed"));
        process.says("Listening on").await;
        Self { folder, process, base, globus, seen: 0, requests: 0 }
    }

    /// A page, as the proxy asks for it. A whole address of the portal is taken too.
    async fn get(&mut self, browser: &Browser, path: &str) -> Answer {
        self.get_with(browser, path, ("sec-fetch-site", "same-origin")).await
    }

    async fn get_with(&mut self, browser: &Browser, path: &str, header: (&str, &str)) -> Answer {
        self.requests += 1;
        let id = format!("request-{}", self.requests);
        let url = if path.starts_with('/') { format!("{}{path}", self.base) } else { path.to_owned() };
        browser.get_with(&url, &[("x-forwarded-for", PEER), ("x-request-id", &id), header]).await
    }

    /// Ends the other sessions of a person.
    async fn end_others(&mut self, browser: &Browser) {
        let page = self.get(browser, "/sessions").await;
        let csrf = page.hidden("csrf_token");
        let (id, url) = (format!("request-{}", self.requests), format!("{}/sessions", self.base));
        let headers = [("x-forwarded-for", PEER), ("x-request-id", &*id), ("sec-fetch-site", "same-origin")];
        let form = [("csrf_token", &*csrf), ("end", "others")];
        let ended = browser.send(Method::POST, &url, &headers, Some(&form)).await;
        assert_eq!(ended.status, 303, "{}", ended.body);
    }

    async fn come_back(&mut self, browser: &Browser, authorize: &Url, person: &str, decision: &str) {
        let back = decide(&self.globus, browser, authorize, person, decision).await;
        self.get(browser, back.as_str()).await;
    }

    async fn log_in(&mut self, browser: &Browser, person: &str) {
        let authorize = self.get(browser, "/login").await.location();
        self.come_back(browser, &authorize, person, "allow").await;
    }

    /// Asserts that the log has exactly these events since the last call, each with its request, person and peer.
    async fn assert_events(&mut self, wanted: &[(&str, &str)]) {
        self.requests += 1;
        let last = format!("/until-here-{}", self.requests);
        Browser::new().get(&format!("{}{last}", self.base)).await;
        self.process.says(&last).await;
        let printed = self.process.printed();
        let lines: Vec<Value> = printed.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        let news = &lines[self.seen..];
        self.seen = lines.len();
        let is_event = |line: &&Value| {
            let message = line["message"].as_str().unwrap_or_default();
            !matches!(message, "request" | "tokens revoked" | "step-up began" | "starting")
        };
        let events: Vec<&Value> = news.iter().filter(is_event).collect();
        let mut found: Vec<_> = events
            .iter()
            .map(|event| (event["message"].as_str().unwrap(), event["sub"].as_str().unwrap_or("no sub")))
            .collect();
        let mut wanted = wanted.to_vec();
        found.sort_unstable();
        wanted.sort_unstable();
        assert_eq!(found, wanted, "{events:#?}");
        for event in events {
            assert_eq!(event["span"]["peer"], PEER, "{event}");
            assert!(event["span"]["request_id"].as_str().unwrap().starts_with("request-"), "{event}");
            assert!(event["timestamp"].as_str().unwrap().ends_with('Z'), "in UTC: {event}");
        }
    }

    async fn fault(&self, fault: Value) {
        let client = reqwest::Client::builder().tls_certs_only([]).no_proxy().build().unwrap();
        let answer = client.post(format!("{}/sandbox/faults", self.globus)).json(&fault).send().await.unwrap();
        assert!(answer.status().is_success(), "{answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_thing_that_happens_to_a_session_is_one_event_that_says_who_and_where() {
    let mut audited = Audited::start().await;
    let (mira, second, third) = (Browser::new(), Browser::new(), Browser::new());
    audited.assert_events(&[]).await;

    audited.log_in(&mira, MIRA).await;
    audited.assert_events(&[("logged in", MIRA_ID)]).await;

    let authorize = audited.get(&second, "/login").await.location();
    audited.come_back(&second, &authorize, MIRA, "deny").await;
    audited.assert_events(&[("login denied", "-")]).await;
    for query in ["code=x&state=y", "error=server_error&state=y", "code=x"] {
        audited.get(&second, &format!("/login?{query}")).await;
        audited.assert_events(&[("login failed", "-")]).await;
    }

    // A consent that a collection asks for: refused, and then given.
    for (decision, event) in [("deny", "step-up denied"), ("allow", "stepped up")] {
        let asked = audited.get(&mira, &format!("/collections/{CONSENT}")).await;
        let login = asked.location();
        let authorize = audited.get(&mira, login.as_str()).await.location();
        audited.come_back(&mira, &authorize, MIRA, decision).await;
        audited.assert_events(&[(event, MIRA_ID)]).await;
    }

    // The token that Transfer no longer accepts is renewed; then Globus refuses to.
    let refused = json!({"fault": "status", "status": 401, "path": "/v0.10", "times": 1});
    audited.fault(refused.clone()).await;
    audited.get(&mira, "/endpoints").await;
    audited.assert_events(&[("token renewed", MIRA_ID)]).await;
    let grant = json!({"error": "invalid_grant"});
    audited.fault(refused).await;
    audited
        .fault(json!({"fault": "status", "status": 400, "path": "/v2/oauth2/token", "times": 1, "body": grant}))
        .await;
    audited.get(&mira, "/endpoints").await;
    audited.assert_events(&[("Globus no longer accepts the refresh token", MIRA_ID)]).await;

    // The gate: one denial, and none for the page that explains it.
    let jonas = Browser::new();
    audited.log_in(&jonas, JONAS).await;
    let sub = audited.sub_of_somebody_else().await;
    audited.assert_events(&[("logged in", &sub)]).await;
    assert_eq!(audited.get(&jonas, "/oauth2/auth").await.status, 403);
    audited.get(&jonas, "/oauth2/denied").await;
    audited.assert_events(&[("denied by a policy", &sub)]).await;

    // Ends: by another login of the same browser, by the limit, by the person from elsewhere, and by a logout.
    audited.log_in(&jonas, JONAS).await;
    audited.assert_events(&[("session ended", &sub), ("logged in", &sub)]).await;
    audited.log_in(&second, MIRA).await;
    audited.assert_events(&[("logged in", MIRA_ID)]).await;
    audited.log_in(&third, MIRA).await;
    let limited = [
        ("ended a person's least recently used sessions (SESSIONS_PER_PERSON)", "no sub"),
        ("session ended", MIRA_ID),
        ("logged in", MIRA_ID),
    ];
    audited.assert_events(&limited).await;
    audited.end_others(&third).await;
    audited.assert_events(&[("session ended", MIRA_ID), ("ended sessions from elsewhere", MIRA_ID)]).await;
    audited.get(&third, "/logout").await;
    audited.assert_events(&[("session ended", MIRA_ID), ("logged out", MIRA_ID)]).await;
    audited.get(&third, "/logout").await;
    audited.assert_events(&[]).await;
    drop(audited.folder);
}

impl Audited {
    /// Who has logged in besides Mira. The line comes a little after the answer.
    async fn sub_of_somebody_else(&self) -> String {
        until("another login in the log", || {
            let printed = self.process.printed();
            let lines = printed.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
            let mut logins = lines.filter(|line| line["message"] == "logged in");
            logins.find_map(|line| line["sub"].as_str().filter(|sub| *sub != MIRA_ID).map(ToOwned::to_owned))
        })
        .await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_end_of_a_step_up_for_an_app_is_one_event() {
    let mut audited = Audited::start().await;
    let mira = Browser::new();
    audited.log_in(&mira, MIRA).await;
    audited.assert_events(&[("logged in", MIRA_ID)]).await;
    let failure = json!({"fault": "status", "status": 500, "path": "/v2/oauth2/token", "times": 1});
    for (decision, fault, event) in
        [("deny", None, "step-up denied"), ("allow", Some(failure), "step-up failed"), ("allow", None, "stepped up")]
    {
        assert_eq!(audited.get(&mira, "/oauth2/auth/vault").await.status, 403);
        let login = audited.get(&mira, "/oauth2/denied/vault").await.location();
        audited.assert_events(&[("denied by a policy", MIRA_ID)]).await;
        let authorize = audited.get(&mira, login.as_str()).await.location();
        if let Some(fault) = fault {
            audited.fault(fault).await;
        }
        audited.come_back(&mira, &authorize, MIRA, decision).await;
        audited.assert_events(&[(event, MIRA_ID)]).await;
    }
    assert_eq!(audited.get(&mira, "/oauth2/auth/vault").await.status, 202);
    audited.assert_events(&[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_program_that_the_gate_refuses_is_one_event() {
    let mut audited = Audited::start().await;
    let app = OtherApp::register(&audited.globus).await;
    let (mira, own) = (app.token_of(MIRA, PORTAL_SCOPE).await, app.own_token(PORTAL_SCOPE).await);
    let program = Browser::new();
    audited.assert_events(&[]).await;
    for (policy, token, status, sub) in [
        ("default", &*mira, 202, None),
        ("default", &own, 403, Some(&*app.id)),
        ("other-scope", &mira, 403, Some(MIRA_ID)),
        ("default", "invented", 401, Some("-")),
        // What Globus said still counts.
        ("default", "invented", 401, Some("-")),
        ("default", "not one token", 401, Some("-")),
    ] {
        let authorization = format!("Bearer {token}");
        for path in ["auth", "denied"] {
            let path = format!("/oauth2/{path}/{policy}");
            let answer = audited.get_with(&program, &path, ("authorization", &authorization)).await;
            assert!(answer.status == status || path.contains("denied"), "{path}: {}", answer.status);
        }
        let wanted: Vec<_> = sub.iter().map(|sub| ("the gate denies a program", *sub)).collect();
        audited.assert_events(&wanted).await;
    }
}
