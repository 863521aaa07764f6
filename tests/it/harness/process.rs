//! The real binary, as a separate process.

use std::{
    ffi::OsStr,
    fs::{self, File},
    os::unix::process::ExitStatusExt as _,
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
};

use globus_portal::sandbox::{self, Sandbox};

use super::{
    Browser, Running, free_port,
    signals::{send, stand_still},
    until,
};

/// A command line of the portal, in a folder, with nothing from this process's environment.
pub fn globus_portal<S: AsRef<OsStr>>(folder: &Path, arguments: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_globus-portal"));
    command.args(arguments).env_clear().current_dir(folder).stdin(Stdio::null());
    command
}

/// The same for a portal with the sandbox inside, which waits for it as long as a portal may: on a busy machine the sandbox
/// takes its time to make a signing key.
pub fn sandboxed_portal(folder: &Path) -> Command {
    let mut command = globus_portal(folder, ["--sandbox"]);
    command.env("GLOBUS_SDK_HTTP_TIMEOUT", "60");
    command
}

/// The same for a portal that serves: on its own port, with the sandbox's app, and Globus wherever a test says.
pub fn portal_at(folder: &Path, globus: &str) -> (Command, String) {
    let port = free_port();
    let mut command = globus_portal(folder, ["serve"]);
    command
        .env("GLOBUS_PORTAL_LISTEN", format!("127.0.0.1:{port}"))
        .env("GLOBUS_PORTAL_SERVER_NAME", format!("localhost:{port}"))
        .env("GLOBUS_PORTAL_SECRET_KEY", "a secret key of the tests, long enough to be one")
        .env("GLOBUS_PORTAL_SESSION_STORE", "memory")
        .env("GLOBUS_PORTAL_APP_CLIENT_ID", sandbox::CLIENT_ID)
        .env("GLOBUS_PORTAL_APP_CLIENT_SECRET", sandbox::CLIENT_SECRET);
    for service in ["AUTH", "TRANSFER", "GROUPS"] {
        command.env(format!("GLOBUS_SDK_SERVICE_URL_{service}"), format!("{globus}/"));
    }
    (command, format!("http://localhost:{port}"))
}

/// A sandbox in this process, until the test's runtime ends. Gives its address, with no slash at its end. It has its signing
/// key: on a busy machine making one may take longer than a portal waits for Globus.
pub async fn start_sandbox() -> String {
    let sandbox = Sandbox::bind(sandbox::Options::default()).await.unwrap();
    let base = sandbox.base_url();
    tokio::spawn(async move { sandbox.serve(std::future::pending()).await.unwrap() });
    let keys = Browser::new().get(&format!("{base}/jwk.json")).await;
    assert_eq!(keys.status, 200, "{}", keys.body);
    base
}

/// A process that serves. All its output goes into one file.
#[derive(Debug)]
pub struct Process {
    running: Running,
    printed: PathBuf,
}

/// How many of its last lines a process shows when a test fails.
const LAST_LINES: usize = 60;

impl Drop for Process {
    #[expect(clippy::print_stderr, reason = "the runner keeps it back unless the test fails")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            let printed = fs::read_to_string(&self.printed).unwrap_or_default();
            let skipped = printed.lines().count().saturating_sub(LAST_LINES);
            eprintln!("--- {} said at last:", self.printed.display());
            printed.lines().skip(skipped).for_each(|line| eprintln!("{line}"));
        }
    }
}

impl Process {
    /// Starts it; its output goes to a file with this name in its folder.
    pub fn start(command: &mut Command, printed: &Path) -> Self {
        let file = File::create(printed).unwrap();
        command.stdout(file.try_clone().unwrap()).stderr(file);
        Self { running: Running::start(command), printed: printed.to_owned() }
    }

    /// Starts it without capturing its output.
    pub fn start_unheard(command: &mut Command, stdout: impl Into<Stdio>, stderr: impl Into<Stdio>) -> Self {
        command.stdout(stdout).stderr(stderr);
        Self { running: Running::start(command), printed: PathBuf::from("/dev/null") }
    }

    pub fn id(&self) -> u32 {
        self.running.0.id()
    }

    /// Everything it has printed.
    pub fn printed(&self) -> String {
        fs::read_to_string(&self.printed).unwrap()
    }

    /// Waits until it has printed a line with this text; returns the line.
    pub async fn says(&mut self, text: &str) -> String {
        let printed = self.printed.clone();
        let child = &mut self.running.0;
        until(text, || {
            // In this order, so that its last output is not missed.
            let ended = child.try_wait().unwrap();
            let all = fs::read_to_string(&printed).unwrap();
            let line = all.lines().find(|line| line.contains(text)).map(ToOwned::to_owned);
            assert!(line.is_some() || ended.is_none(), "it ended with {ended:?} before it said {text:?}:\n{all}");
            line
        })
        .await
    }

    /// Sends a signal by its name.
    pub fn signal(&self, name: &str) {
        assert!(send(name, self.id()));
    }

    /// Pauses it.
    pub fn stand_still(&self) {
        stand_still(self.id());
    }

    /// Waits until it has ended.
    pub async fn ended(&mut self) -> ExitStatus {
        let child = &mut self.running.0;
        let status = until("the end of the process", || child.try_wait().unwrap()).await;
        assert_eq!(status.signal(), None, "it was killed:\n{}", self.printed());
        status
    }
}
