//! Other programs that tests need, and the folder of fixture responses: found, or skipped with a word.

use std::{
    net::TcpListener,
    path::PathBuf,
    process::{Child, Command},
};

fn in_ci() -> bool {
    std::env::var("CI").is_ok_and(|value| value == "true")
}

fn on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let sbin = [PathBuf::from("/usr/sbin"), PathBuf::from("/sbin")];
    std::env::split_paths(&path).chain(sbin).any(|folder| folder.join(program).is_file())
}

/// Whether a test must be skipped because a program is missing; says so, and what to install. Under `CI=true` a missing
/// program is a failure.
pub fn skip_without(test: &str, programs: &[(&str, &str)]) -> bool {
    let missing = programs.iter().find(|(program, _)| !on_path(program));
    if let Some((program, package)) = missing {
        let text = format!("skipped: {test}: {program} is not here; install {package}");
        assert!(!in_ci(), "{text}");
        announce(&text);
    }
    missing.is_some()
}

/// Whether something else that a test needs is there; as [`skip_without`].
pub fn needs(test: &str, there: bool, what: &str) -> bool {
    if !there {
        let text = format!("skipped: {test}: {what}");
        assert!(!in_ci(), "{text}");
        announce(&text);
    }
    there
}

/// Says it past the test runner, which keeps the output of tests that pass to itself.
fn announce(text: &str) {
    use std::io::Write as _;
    let mut stderr = std::io::stderr().lock();
    let _ = writeln!(stderr, "{text}");
}

/// A fixture document, from the folder that `GLOBUS_FIXTURES` names (default `../shared/globus-fixtures`); nothing,
/// with a word, where the folder is absent.
pub fn fixture(test: &str, name: &str) -> Option<String> {
    let folder = std::env::var_os("GLOBUS_FIXTURES")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/globus-fixtures"), PathBuf::from);
    let there = folder.is_dir();
    needs(test, there, "no fixture folder; GLOBUS_FIXTURES names one")
        .then(|| std::fs::read_to_string(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}")))
}

/// A port of loopback that nobody listens on.
pub fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

/// A program that runs until the test ends.
#[derive(Debug)]
pub struct Running(pub Child);

impl Running {
    pub fn start(command: &mut Command) -> Self {
        Self(command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}")))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
