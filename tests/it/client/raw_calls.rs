//! Calls that the client has no method for, the handle that makes clients, and how they introduce themselves.

use std::{
    io,
    sync::{Arc, Mutex},
};

use globus_portal::{
    globus::{
        Globus, ServiceClient,
        authorizer::{AccessTokenAuthorizer, TokenSource},
        environment::Environment,
        error::CallError,
        http::Limits,
    },
    sandbox,
    secret::{AccessToken, ClientSecret},
};
use serde_json::{Value, json};

use crate::{
    client::clients::{http, token},
    harness::{Browser, JONAS, NotedPause, Portal, Provider, Step, loopback_client, steps::key_of},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_bookmark_is_made_renamed_and_deleted_by_raw_calls() {
    let portal = Portal::start().await;
    let browser = Browser::new();
    portal.log_in(&browser, JONAS).await;
    let token = portal.app.tokens.fresh(key_of(&portal, &browser), "transfer.api.globus.org").await.unwrap();
    let globus = Globus::new(portal.app.settings.environment.clone(), http());
    let transfer = globus.transfer(AccessTokenAuthorizer::new(token));

    let known = transfer.bookmark_list().await.unwrap().bookmarks;
    let endpoint = known[0].endpoint_id.clone().unwrap();
    let new = json!({ "DATA_TYPE": "bookmark", "name": "raw", "endpoint_id": endpoint, "path": "/~/raw/" });
    let made = transfer.post("v0.10/bookmark", &[], &new).await.unwrap();
    assert_eq!(made.status(), 201);
    let made: Value = made.json().unwrap();
    let path = format!("/v0.10/bookmark/{}", made["id"].as_str().unwrap());

    let other = json!({ "DATA_TYPE": "bookmark", "name": "other" });
    transfer.put(&path, &[], &other).await.unwrap();
    let found: Value = transfer.get(&path, &[]).await.unwrap().json().unwrap();
    assert_eq!(found["name"], "other");

    transfer.delete(&path, &[]).await.unwrap();
    let gone = transfer.get(&path, &[]).await.unwrap_err();
    let CallError::Api(gone) = gone else { panic!("{gone:?}") };
    assert_eq!((gone.http_status(), gone.code()), (404, Some("BookmarkNotFound")));
    assert!(gone.request_id().is_some());
    assert_eq!(transfer.bookmark_list().await.unwrap().bookmarks.len(), known.len());
}

#[tokio::test]
async fn a_raw_call_sends_its_method_path_query_and_document() {
    let server = Provider::with(r#"{"ok": true}"#).await;
    let base = server.url.join("api").unwrap();
    let client = ServiceClient::new(base, http(), token());
    let query = [("q", "a b&c"), ("q", "d")];
    let document = json!({ "b": 1, "a": "ü" });
    client.get("/one", &query).await.unwrap();
    client.post("one/two", &query, &document).await.unwrap();
    client.put("one", &[], &document).await.unwrap();
    client.patch("one", &[], &document).await.unwrap();
    let answer = client.delete("one", &[]).await.unwrap();
    assert_eq!(answer.header("Content-Type"), Some("application/json"));
    assert_eq!(answer.json::<Value>().unwrap(), json!({ "ok": true }));
    let seen = server.take();
    let lines: Vec<String> = seen.iter().map(|request| format!("{} {}", request.method, request.uri)).collect();
    assert_eq!(
        lines,
        [
            "GET /api/one?q=a+b%26c&q=d",
            "POST /api/one/two?q=a+b%26c&q=d",
            "PUT /api/one",
            "PATCH /api/one",
            "DELETE /api/one"
        ]
    );
    for request in &seen[1..4] {
        assert_eq!((request.header("Content-Type"), request.json()), (Some("application/json"), document.clone()));
    }
    assert!(seen.iter().all(|request| request.header("Authorization") == Some("Bearer AT")));
}

#[tokio::test]
async fn a_post_without_a_document_sends_an_empty_body() {
    let server = Provider::with("{}").await;
    let client = ServiceClient::new(server.url.clone(), http(), token());
    client.post_empty("runs/1/cancel", &[("a", "b")]).await.unwrap();
    let sent = server.the_only();
    assert_eq!((sent.method.as_str(), sent.uri.to_string().as_str()), ("POST", "/runs/1/cancel?a=b"));
    assert_eq!((&*sent.body, sent.header("Content-Type"), sent.header("Content-Length")), ("", None, Some("0")));
}

#[tokio::test]
async fn a_raw_list_is_read_up_to_the_limit_of_usual_answers_which_can_be_raised() {
    let list = serde_json::to_string(&vec!["0123456789"; 400_000]).unwrap();
    let server = Provider::with(list).await;
    let client = |limits| ServiceClient::new(server.url.clone(), loopback_client(limits), token());
    let refused = client(Limits::default()).get("list", &[]).await.unwrap_err();
    assert!(matches!(refused, CallError::TooLarge { limit: 4_194_304 }), "{refused:?}");
    let raised = client(Limits::default().with_body(8 << 20)).get("list", &[]).await.unwrap();
    assert_eq!(serde_json::from_slice::<Vec<String>>(raised.body()).unwrap().len(), 400_000);
}

#[tokio::test]
async fn the_path_of_a_raw_call_cannot_leave_the_base_url() {
    let server = Provider::with("{}").await;
    let client = ServiceClient::new(server.url.join("api/v1").unwrap(), http(), token());
    for path in [
        "..",
        "../admin",
        "a/../../admin",
        "%2e%2e/admin",
        "%2E./admin",
        ".%2e",
        "./a",
        "..\\admin",
        ".\t./admin",
        ".\n./admin",
        "a?b=c",
        "a#b",
    ] {
        let error = client.get(path, &[]).await.unwrap_err();
        assert!(matches!(error, CallError::Usage(_)), "{path:?}: {error:?}");
    }
    assert!(server.take().is_empty());
    for path in ["//evil.example/a", "https://evil.example/", "a/...", "..a/b", ""] {
        client.get(path, &[]).await.unwrap();
        let path = server.the_only().uri.path().to_owned();
        assert!(path.starts_with("/api/v1/"), "{path}");
    }
}

/// Yields `OLD` until it is refused, then `NEW`.
#[derive(Debug, Default)]
struct Two(Mutex<bool>);

#[async_trait::async_trait]
impl TokenSource for Two {
    async fn access_token(&self) -> Result<AccessToken, CallError> {
        Ok(AccessToken::new(if *self.0.lock().unwrap() { "NEW" } else { "OLD" }))
    }

    async fn refused(&self, token: &AccessToken) -> Result<bool, CallError> {
        assert_eq!(token.expose_secret(), "OLD");
        *self.0.lock().unwrap() = true;
        Ok(true)
    }
}

#[tokio::test]
async fn a_raw_call_is_retried_and_renewed_as_any_other() {
    let steps = [
        Step::answer(503, json!({})).with("Retry-After", "1"),
        Step::answer(401, json!({})),
        Step::answer(200, json!({ "n": 1 })),
    ];
    let server = Provider::scripted(steps).await;
    let pause = Arc::<NotedPause>::default();
    let client = ServiceClient::new(
        server.url.clone(),
        loopback_client(Limits::default()).with_pause(pause.clone()),
        Two::default(),
    );
    let answer: Value = client.post("x", &[], &json!({ "a": 1 })).await.unwrap().json().unwrap();
    assert_eq!(answer, json!({ "n": 1 }));
    let sent: Vec<String> =
        server.requests().iter().map(|request| request.header("Authorization").unwrap().to_owned()).collect();
    assert_eq!(sent, ["Bearer OLD", "Bearer OLD", "Bearer NEW"]);
    assert_eq!(pause.seconds(), [1.0]);
}

#[tokio::test]
async fn clients_introduce_themselves_as_the_sdk_and_as_the_app_that_has_a_name() {
    let server = Provider::with("{}").await;
    let globus = Globus::new(Environment::at(&server.url), http());
    let version = env!("CARGO_PKG_VERSION");
    let introduced = |server: &Provider| {
        let request = server.the_only();
        ["User-Agent", "X-Globus-Client-Info"].map(|name| request.header(name).unwrap().to_owned())
    };
    globus.service(server.url.clone(), token()).get("", &[]).await.unwrap();
    let alone = [format!("globus-sdk-rust-{version}"), format!("product=rust-sdk,version={version}")];
    assert_eq!(introduced(&server), alone);
    for (name, info) in [("my-app/1.2", "product=my-app,version=1.2"), ("My.App", "product=My.App")] {
        let named = globus.clone().with_app_name(name).unwrap();
        drop(named.groups(token()).get_group("g", &[]).await);
        assert_eq!(introduced(&server), [format!("{}/{name}", alone[0]), format!("{};{info}", alone[1])]);
    }
    for odd in ["", "/1", "a/", "a/1/2", "a b", "a;b", "a,b", "a=b", "a\r\nX: y", "ü", &"a".repeat(101)] {
        assert!(globus.clone().with_app_name(odd).is_err(), "{odd:?}");
    }
}

#[tokio::test]
async fn the_portal_introduces_itself_in_each_of_its_calls() {
    let provider = Provider::start().await;
    let portal = Portal::with().provider(&provider).start().await;
    portal.app.provider.keys().await.unwrap();
    portal.app.auth.oauth2_revoke_token("t", None).await.unwrap();
    let globus = Globus::new(portal.app.settings.environment.clone(), portal.app.http.clone());
    drop(globus.transfer(token()).get_endpoint("e").await);
    drop(globus.groups(token()).get_group("g", &[]).await);
    let requests = provider.requests();
    assert!(requests.len() >= 5, "{requests:?}");
    let version = env!("CARGO_PKG_VERSION");
    for request in requests {
        let user_agent = format!("globus-sdk-rust-{version}/globus-portal/{version}");
        assert_eq!(request.header("User-Agent"), Some(&*user_agent), "{request:?}");
        let info = format!("product=rust-sdk,version={version};product=globus-portal,version={version}");
        assert_eq!(request.header("X-Globus-Client-Info"), Some(&*info), "{request:?}");
    }
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn each_try_is_an_event_at_debug_that_says_what_came_and_holds_no_secret() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::DEBUG)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    // While there is one subscriber, tracing lets the thread that makes the first call decide whether events are wanted;
    // while there are two, both are asked.
    let _second = tracing::Dispatch::new(tracing_subscriber::registry());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tracing::subscriber::with_default(subscriber, || {
        runtime.block_on(async {
            let server =
                Provider::answering(|_| Step::text(404, r#"{"code": "X", "message": "M1", "request_id": "r7"}"#)).await;
            let client = ServiceClient::new(server.url.clone(), http(), token());
            client.get("thing", &[("q", "hidden-query")]).await.unwrap_err();
            client.post("thing", &[], &json!({ "a": "hidden-body" })).await.unwrap_err();
        });
    });
    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let lines: Vec<&str> = text.lines().filter(|line| line.contains("call to Globus")).collect();
    assert_eq!(lines.len(), 2, "{text}");
    for part in
        ["DEBUG", "method=GET", "path=\"/thing\"", "attempt=1", "status=404", "request_id=\"r7\"", "milliseconds="]
    {
        assert!(lines[0].contains(part), "{part}: {}", lines[0]);
    }
    for secret in ["hidden-query", "hidden-body", "Bearer AT"] {
        assert!(!lines.iter().any(|line| line.contains(secret)), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_handle_makes_every_client() {
    let portal = Portal::start().await;
    let environment = portal.app.settings.environment.clone();
    let globus = Globus::new(environment.clone(), http());
    let app = globus.confidential_app(sandbox::CLIENT_ID, &ClientSecret::new(sandbox::CLIENT_SECRET));
    let tokens = app.oauth2_client_credentials_tokens("openid").await.unwrap();
    let auth = globus.auth(AccessTokenAuthorizer::new(tokens.access_token().clone()));
    assert_eq!(auth.userinfo().await.unwrap().sub, sandbox::CLIENT_ID);
    assert_eq!(globus.native_app("c").unwrap().base_url(), &environment.auth);
    assert!(globus.native_app("").is_err());
}

#[tokio::test]
async fn a_list_is_read_as_a_list() {
    let server = Provider::with(r#"[{"id": "g1"}, {"id": "g2"}]"#).await;
    let answer = ServiceClient::new(server.url.clone(), http(), token()).get("v2/groups/my_groups", &[]).await.unwrap();
    assert_eq!(answer.json::<Value>().unwrap(), json!([{ "id": "g1" }, { "id": "g2" }]));
    let error = answer.json::<Vec<String>>().unwrap_err();
    assert!(matches!(&error, CallError::Malformed { what } if what.contains("/v2/groups/my_groups")), "{error:?}");
}

#[tokio::test]
async fn an_answer_prints_its_status_and_length_only() {
    let body = r#"{"secret": "SENTINEL"}"#;
    let server = Provider::scripted([Step::text(201, body).with("X-Secret", "SENTINEL")]).await;
    let answer = ServiceClient::new(server.url.clone(), http(), token()).post("clients", &[], &()).await.unwrap();
    assert_eq!(answer.header("x-secret"), Some("SENTINEL"));
    let printed = format!("{answer:?}");
    assert!(printed.contains("201") && printed.contains(&body.len().to_string()), "{printed}");
    assert!(!printed.contains("SENTINEL") && !printed.contains(&format!("{:?}", body.as_bytes())), "{printed}");
}
