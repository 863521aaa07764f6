//! The example of a login on the command line, as a process, on the sandbox.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    path::PathBuf,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use globus_portal::{
    clock::Clock,
    sandbox::{self, Sandbox},
};
use tokio::task::spawn_blocking;
use url::Url;

use crate::harness::{
    Browser, MIRA, Provider, Running, needs, parameter,
    provider::{CLIENT_ID, id_token},
};

/// The example's binary: cargo builds it beside the tests.
fn binary(test: &str) -> Option<PathBuf> {
    let tests = std::env::current_exe().unwrap();
    let binary = tests.parent().unwrap().parent().unwrap().join("examples/native_app");
    needs(test, binary.is_file(), "build it by `cargo build --example native_app`").then_some(binary)
}

struct Login {
    program: Running,
    input: Option<ChildStdin>,
    output: Option<BufReader<ChildStdout>>,
    globus: String,
    browser: Browser,
}

impl Login {
    /// Starts it on its own sandbox.
    async fn start(test: &str, arguments: &[&str]) -> Option<Self> {
        let sandbox = Sandbox::bind(sandbox::Options::default()).await.unwrap();
        let globus = sandbox.base_url();
        tokio::spawn(async move { sandbox.serve(std::future::pending()).await.unwrap() });
        Self::on(test, arguments, globus, sandbox::NATIVE_CLIENT_ID)
    }

    fn on(test: &str, arguments: &[&str], globus: String, client_id: &str) -> Option<Self> {
        let mut command = Command::new(binary(test)?);
        command.args(arguments).env_clear().env("GLOBUS_CLIENT_ID", client_id);
        command.env("GLOBUS_SDK_SERVICE_URL_AUTH", &globus);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut program = Running::start(&mut command);
        let child: &mut Child = &mut program.0;
        let (input, output) = (child.stdin.take(), child.stdout.take().map(BufReader::new));
        Some(Self { program, input, output, globus, browser: Browser::new() })
    }

    /// The authorize URL that the program prints.
    async fn authorize_url(&mut self) -> Url {
        let mut output = self.output.take().unwrap();
        let (line, output) = spawn_blocking(move || {
            let mut lines = String::new();
            output.read_line(&mut lines).unwrap();
            lines.clear();
            output.read_line(&mut lines).unwrap();
            (lines, output)
        })
        .await
        .unwrap();
        self.output = Some(output);
        Url::parse(line.trim()).unwrap()
    }

    /// Chooses a person and decides; returns the URL that the browser is sent to.
    async fn decide(&self, authorize: &Url, decision: &str) -> Url {
        let page = self.browser.get(authorize.as_str()).await;
        let request = page.hidden("request");
        let form = [("request", request.as_str()), ("identity", MIRA)];
        self.browser.submit(&format!("{}/v2/web/choose", self.globus), &form).await;
        let form = [("request", request.as_str()), ("decision", decision)];
        self.browser.submit(&format!("{}/v2/web/consent", self.globus), &form).await.location()
    }

    /// What the program prints to both of its outputs until it ends, and whether it succeeded.
    async fn end(mut self) -> (String, String, bool) {
        drop(self.input.take());
        let mut output = self.output.take().unwrap();
        let mut errors = self.program.0.stderr.take().unwrap();
        let (said, complained) = spawn_blocking(move || {
            let (mut said, mut complained) = (String::new(), String::new());
            output.read_to_string(&mut said).unwrap();
            errors.read_to_string(&mut complained).unwrap();
            (said, complained)
        })
        .await
        .unwrap();
        let success = self.program.0.wait().unwrap().success();
        (said, complained, success)
    }

    async fn ends_well(self) {
        let (said, complained, success) = self.end().await;
        assert!(success && complained.is_empty(), "{said}{complained}");
        assert!(said.contains(&format!("You are {MIRA} (")), "{said}");
        for server in ["auth.globus.org", "transfer.api.globus.org"] {
            assert!(said.contains(&format!("There is a token for {server}:")), "{said}");
        }
        assert!(said.ends_with("All tokens are revoked.\n"), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_code_is_pasted() {
    let Some(mut login) = Login::start("native_app", &[]).await else { return };
    let authorize = login.authorize_url().await;
    let shown_at = format!("{}/v2/web/auth-code", login.globus);
    assert_eq!(parameter(&authorize, "redirect_uri"), Some(shown_at));
    let back = login.decide(&authorize, "allow").await;
    let code = parameter(&back, "code").unwrap();
    assert!(login.browser.get(back.as_str()).await.body.contains(&code));
    let input = login.input.as_mut().unwrap();
    writeln!(input, "  {code} ").unwrap();
    login.ends_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_code_is_brought_by_the_browser_and_another_logins_is_not_taken() {
    let Some(mut login) = Login::start("native_app --listen", &["--listen"]).await else { return };
    let authorize = login.authorize_url().await;
    let back = login.decide(&authorize, "allow").await;
    assert_eq!(back.host_str(), Some("localhost"));
    for forged in ["code=forged&state=of-somebody-else", "code=forged", "error=access_denied", ""] {
        let mut url = back.clone();
        url.set_query(Some(forged));
        assert_eq!(login.browser.get(url.as_str()).await.status, 400, "{forged}");
    }
    let page = login.browser.get(back.as_str()).await;
    assert!(page.status == 200 && page.body.contains("close this page"), "{}", page.body);
    login.ends_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_who_denies_ends_the_program() {
    let Some(mut login) = Login::start("native_app --listen", &["--listen"]).await else { return };
    let authorize = login.authorize_url().await;
    let back = login.decide(&authorize, "deny").await;
    login.browser.get(back.as_str()).await;
    let (_, complained, success) = login.end().await;
    assert!(!success);
    assert_eq!(complained, "error: Globus gave no code: \"access_denied\"\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_that_is_none_is_refused() {
    let Some(mut login) = Login::start("native_app", &[]).await else { return };
    login.authorize_url().await;
    writeln!(login.input.as_mut().unwrap(), "nonsense").unwrap();
    let (said, complained, success) = login.end().await;
    assert!(!success && !said.contains("You are"), "{said}");
    assert!(complained.starts_with("error: Globus refuses the grant"), "{complained}");
}

/// Globus Auth answers correctly for `nonce`; returns what the program prints, and the tokens that it revokes.
async fn logged_in_at_a_provider(nonce: impl Fn(&Url) -> String) -> Option<(String, String, Vec<String>)> {
    let provider = Provider::start().await;
    let mut login = Login::on("native_app", &[], provider.base.clone(), CLIENT_ID)?;
    let nonce = nonce(&login.authorize_url().await);
    provider.answer_with(id_token(&provider.good_claims(&nonce, Clock::system().now().unix_timestamp())));
    writeln!(login.input.as_mut().unwrap(), "code").unwrap();
    let (said, complained, _) = login.end().await;
    let revoked = provider.revoke_calls().iter().map(|call| call.field("token").unwrap().to_owned()).collect();
    Some((said, complained, revoked))
}

#[tokio::test(flavor = "multi_thread")]
async fn no_token_is_printed_and_none_is_left_behind() {
    let nonce = |authorize: &Url| parameter(authorize, "nonce").unwrap();
    let Some((said, complained, revoked)) = logged_in_at_a_provider(nonce).await else { return };
    assert!(said.contains("You are one@example.org (person-1)."), "{said}");
    assert!(!said.contains("SENTINEL") && complained.is_empty(), "{said}{complained}");
    assert_eq!(revoked, ["SENTINEL-auth-access-token"]);

    let Some((said, complained, revoked)) = logged_in_at_a_provider(|_| "of another".to_owned()).await else { return };
    assert!(!said.contains("You are"), "{said}");
    assert_eq!(complained, "error: the id_token is refused: claim nonce is not the one that this login has sent\n");
    assert_eq!(revoked, ["SENTINEL-auth-access-token"]);
}
