//! The Globus CLI from PyPI, with its own sandbox and its own home folder.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    path::Path,
    process::{Command, Output, Stdio},
};

use globus_portal::sandbox::{Options, Sandbox};
use serde_json::Value;
use tempfile::TempDir;
use tokio::task::{JoinHandle, spawn_blocking};
use url::Url;

use crate::{
    harness::{Browser, needs, parameter},
    sandbox::sdk::python,
};

/// A sandbox, and a computer with the CLI.
pub struct Cli {
    pub base: String,
    pub browser: Browser,
    home: TempDir,
    extra: Vec<(String, String)>,
    server: JoinHandle<()>,
}

impl Drop for Cli {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// The output of a command.
#[derive(Debug)]
pub struct Said {
    pub stdout: String,
    pub stderr: String,
    pub code: Option<i32>,
}

impl Said {
    fn new(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Self { stdout: text(output.stdout), stderr: text(output.stderr), code: output.status.code() }
    }

    /// The last line.
    pub fn last(&self) -> &str {
        self.stdout.trim_end().lines().last().unwrap_or_default()
    }

    /// The value after `name` on its own line.
    pub fn field(&self, name: &str) -> &str {
        let line = self.stdout.lines().find_map(|line| line.strip_prefix(name)?.trim_start().strip_prefix(':'));
        line.unwrap_or_else(|| panic!("no {name} in {self:?}")).trim()
    }
}

impl Cli {
    /// The CLI; none, with a message, where it is not installed.
    pub async fn start(test: &str) -> Option<Self> {
        Self::start_on(test, Options::default()).await
    }

    pub async fn start_on(test: &str, options: Options) -> Option<Self> {
        let tried = python().args(["-c", "import globus_cli"]).stderr(Stdio::null()).status();
        let there = tried.is_ok_and(|status| status.success());
        let what = "no Python with globus-cli; PYTHON_WITH_GLOBUS_SDK names one (pip install globus-cli)";
        if !needs(test, there, what) {
            return None;
        }
        let sandbox = Sandbox::bind(options).await.unwrap();
        Some(Self {
            base: sandbox.base_url(),
            browser: Browser::new(),
            home: TempDir::new().unwrap(),
            extra: vec![],
            server: tokio::spawn(async move { sandbox.serve(std::future::pending()).await.unwrap() }),
        })
    }

    /// Sets a variable for all later commands.
    pub fn set(&mut self, name: &str, value: &str) {
        self.extra.push((name.to_owned(), value.to_owned()));
    }

    pub fn home(&self) -> &Path {
        self.home.path()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = python();
        command.arg("-m").arg("globus_cli").args(arguments).current_dir(self.home.path());
        command.env("HOME", self.home.path()).env("COLUMNS", "200").env("PYTHONWARNINGS", "ignore");
        for service in ["AUTH", "TRANSFER", "GROUPS", "SEARCH", "FLOWS", "TIMER"] {
            command.env(format!("GLOBUS_SDK_SERVICE_URL_{service}"), format!("{}/", self.base));
        }
        command.envs(self.extra.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs a command and waits for its end.
    pub async fn run(&self, arguments: &[&str]) -> Said {
        let mut command = self.command(arguments);
        Said::new(spawn_blocking(move || command.output().unwrap()).await.unwrap())
    }

    /// Runs a command that must succeed.
    pub async fn good(&self, arguments: &[&str]) -> Said {
        let said = self.run(arguments).await;
        assert_eq!(said.code, Some(0), "globus {arguments:?}: {said:#?}");
        said
    }

    /// Runs a command that must succeed; returns its JSON.
    pub async fn json(&self, arguments: &[&str]) -> Value {
        let said = self.good(&[arguments, &["--format", "json"]].concat()).await;
        serde_json::from_str(&said.stdout).unwrap_or_else(|error| panic!("globus {arguments:?}: {error}: {said:#?}"))
    }

    /// Runs a command that must fail with the service's message, and without a Python traceback.
    pub async fn refused(&self, arguments: &[&str], words: &str) -> Said {
        let said = self.run(arguments).await;
        assert!(said.code.is_some_and(|code| code != 0), "globus {arguments:?}: {said:#?}");
        let all = format!("{}{}", said.stdout, said.stderr);
        assert!(all.contains(words) && !all.contains("Traceback"), "globus {arguments:?}: no {words:?} in {said:#?}");
        said
    }

    /// Runs a command that starts a login, as these people in turn, and pastes the code that the sandbox shows.
    pub async fn log_in(&self, arguments: &[&str], people: &[&str]) -> Said {
        let mut command = self.command(&[arguments, &["--no-local-server"]].concat());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let (mut said, output) = spawn_blocking(move || {
            let mut said = String::new();
            while !said.lines().any(|line| line.starts_with("http")) && output.read_line(&mut said).unwrap() > 0 {}
            (said, output)
        })
        .await
        .unwrap();
        let authorize = said.lines().find(|line| line.starts_with("http")).map(|line| Url::parse(line).unwrap());
        let mut input = child.stdin.take().unwrap();
        if let Some(authorize) = authorize {
            let code = self.code(&authorize, people).await;
            writeln!(input, "{code}").unwrap();
        }
        drop(input);
        let (rest, stderr, status) = spawn_blocking(move || {
            let (mut output, mut rest, mut stderr) = (output, String::new(), String::new());
            output.read_to_string(&mut rest).unwrap();
            child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
            (rest, stderr, child.wait().unwrap())
        })
        .await
        .unwrap();
        said.push_str(&rest);
        Said { stdout: said, stderr, code: status.code() }
    }

    /// Signs in as each of the people, allows the app what it asks for, and reads the code on the page.
    async fn code(&self, authorize: &Url, people: &[&str]) -> String {
        let page = self.browser.get(authorize.as_str()).await;
        assert_eq!(page.status, 200, "{}", page.body);
        let request = page.hidden("request");
        for person in people {
            let form = [("request", request.as_str()), ("identity", *person)];
            self.browser.submit(&format!("{}/v2/web/choose", self.base), &form).await;
        }
        // A person who has already allowed all scopes is sent back at once.
        let after = self.browser.get(&format!("{}/v2/web/consent?request={request}", self.base)).await;
        let back = if after.status.is_redirection() {
            after.location()
        } else {
            let form = [("request", request.as_str()), ("decision", "allow")];
            self.browser.submit(&format!("{}/v2/web/consent", self.base), &form).await.location()
        };
        let code = parameter(&back, "code").unwrap_or_else(|| panic!("{back}"));
        assert!(self.browser.get(back.as_str()).await.body.contains(&code));
        code
    }

    /// Ends all running tasks at once.
    pub async fn finish_tasks(&self) {
        let url = format!("{}/sandbox/tasks/finish", self.base);
        let answer = self.browser.send(reqwest::Method::POST, &url, &[], None).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
}
