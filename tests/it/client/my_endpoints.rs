//! The example that uses tokens outside a portal, as a process, on the sandbox.

use std::{path::PathBuf, process::Command};

use tokio::task::spawn_blocking;

use crate::harness::{Browser, JONAS, Portal, needs, steps::key_of};

const GROUPS: &str = "urn:globus:auth:scope:groups.api.globus.org:view_my_groups_and_memberships";
const TRANSFER: &str = "urn:globus:auth:scope:transfer.api.globus.org:all";

/// The example's binary: cargo builds it beside the tests.
fn binary(test: &str) -> Option<PathBuf> {
    let tests = std::env::current_exe().unwrap();
    let binary = tests.parent().unwrap().parent().unwrap().join("examples/my_endpoints");
    needs(test, binary.is_file(), "build it by `cargo build --example my_endpoints`").then_some(binary)
}

async fn run(mut command: Command) -> (bool, String, String) {
    let output = spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.success(), text(output.stdout), text(output.stderr))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_example_prints_endpoints_and_groups_with_access_tokens_and_says_what_it_misses() {
    let Some(binary) = binary("my_endpoints") else { return };
    let portal = Portal::with().set("SCOPES", &format!("openid {TRANSFER} {GROUPS}")).start().await;
    let browser = Browser::new();
    portal.log_in(&browser, JONAS).await;
    let key = key_of(&portal, &browser);
    let transfer = portal.app.tokens.fresh(key, "transfer.api.globus.org").await.unwrap();
    let groups = portal.app.tokens.fresh(key, "groups.api.globus.org").await.unwrap();

    let command = || {
        let mut command = Command::new(&binary);
        command.env_clear();
        for service in ["AUTH", "TRANSFER", "GROUPS"] {
            command.env(format!("GLOBUS_SDK_SERVICE_URL_{service}"), &portal.globus);
        }
        command
    };
    let mut full = command();
    full.env("GLOBUS_TRANSFER_TOKEN", transfer.expose_secret()).env("GLOBUS_GROUPS_TOKEN", groups.expose_secret());
    let (success, said, complained) = run(full).await;
    assert!(success, "{complained}");
    assert!(said.starts_with("Page 1: 57 endpoints\n"), "{said}");
    assert!(said.contains("\nGroups:\n  63f9f0a1-"), "{said}");
    assert!(!said.contains(transfer.expose_secret()) && !said.contains(groups.expose_secret()));

    let (success, _, complained) = run(command()).await;
    assert!(!success && complained.contains("set GLOBUS_TRANSFER_TOKEN"), "{complained}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_example_gets_access_tokens_by_a_refresh_token() {
    use globus_portal::{
        globus::flow::{AuthorizationCodeFlowManager, AuthorizeParameters, FlowManager as _},
        sandbox,
        secret::AuthorizationCode,
    };
    let Some(binary) = binary("my_endpoints") else { return };
    let portal = Portal::start().await;
    let redirect_uri = portal.app.settings.public_url("/login");
    let flow = AuthorizationCodeFlowManager::new(&portal.app.auth, redirect_uri, [TRANSFER]).unwrap();
    let flow = flow.with_refresh_tokens();
    let authorize = flow.get_authorize_url(&AuthorizeParameters::default());
    let back = portal.decide(&Browser::new(), &authorize, JONAS, "allow").await;
    let code = crate::harness::parameter(&back, "code").unwrap();
    let tokens = flow.exchange_code_for_tokens(AuthorizationCode::new(code)).await.unwrap();

    let mut command = Command::new(&binary);
    command.env_clear();
    for service in ["AUTH", "TRANSFER"] {
        command.env(format!("GLOBUS_SDK_SERVICE_URL_{service}"), &portal.globus);
    }
    let refresh_token = tokens.tokens()[0].refresh_token.as_ref().unwrap();
    command.env("GLOBUS_TRANSFER_REFRESH_TOKEN", refresh_token.expose_secret());
    command.env("GLOBUS_CLIENT_ID", sandbox::CLIENT_ID).env("GLOBUS_CLIENT_SECRET", sandbox::CLIENT_SECRET);
    let (success, said, complained) = run(command).await;
    assert!(success, "{complained}");
    assert!(said.starts_with("Page 1: 57 endpoints\n") && !said.contains("Groups"), "{said}");
}
