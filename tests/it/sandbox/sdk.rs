//! The official Python SDK works with the sandbox, so what works here works at Globus.

use std::process::{Command, Stdio};

use globus_portal::sandbox;
use tempfile::TempDir;

use crate::harness::{Process, globus_portal, needs};

const WALK: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/sandbox/sdk_walk.py");

/// The Python with the SDK: the one that the environment names, or the one on the path.
pub fn python() -> Command {
    let named = std::env::var_os("PYTHON_WITH_GLOBUS_SDK").filter(|name| !name.is_empty());
    let mut command = Command::new(named.unwrap_or_else(|| "python3".into()));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("GLOBUS_")) {
        command.env_remove(name);
    }
    command.stdin(Stdio::null());
    command
}

#[tokio::test(flavor = "multi_thread")]
async fn the_python_sdk_walks_through_the_sandbox() {
    let tried = python().args(["-c", "import globus_sdk"]).stderr(Stdio::null()).status();
    let there = tried.is_ok_and(|status| status.success());
    let what = "no Python with globus-sdk; PYTHON_WITH_GLOBUS_SDK names one (pip install globus-sdk)";
    if !needs("the walk of the Python SDK", there, what) {
        return;
    }
    let folder = TempDir::new().unwrap();
    let mut command = globus_portal(folder.path(), ["sandbox", "--listen", "127.0.0.1:0"]);
    let mut process = Process::start(&mut command, &folder.path().join("printed"));
    let line = process.says("GLOBUS_SDK_SERVICE_URL_AUTH=").await;
    let base = line.split_once('=').unwrap().1;
    let walked = python()
        .arg(WALK)
        .env("GLOBUS_SDK_SERVICE_URL_AUTH", base)
        .env("SANDBOX_CLIENT_ID", sandbox::CLIENT_ID)
        .env("SANDBOX_CLIENT_SECRET", sandbox::CLIENT_SECRET)
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&walked.stdout).into_owned();
    assert!(
        walked.status.success() && printed.ends_with("sdk walk: ok\n"),
        "{printed}{}\nthe sandbox said:\n{}",
        String::from_utf8_lossy(&walked.stderr),
        process.printed()
    );
}
