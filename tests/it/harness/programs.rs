//! Other programs that tests need, and the folder of fixture responses: found, or skipped with a message.

use std::{
    net::{TcpListener, UdpSocket},
    ops::Range,
    path::PathBuf,
    process::{Child, Command},
    sync::Mutex,
};

fn in_ci() -> bool {
    std::env::var("CI").is_ok_and(|value| value == "true")
}

/// The path of a program; Debian has servers in folders that are not on most users' path, and some proxies come from PyPI.
pub fn find_program(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let installed = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/proxies/bin");
    let more = [PathBuf::from("/usr/sbin"), PathBuf::from("/sbin"), installed];
    std::env::split_paths(&path).chain(more).map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// Whether a test must be skipped because a program is missing; says so, and what to install. Under `CI=true` a missing
/// program is a failure.
pub fn skip_without(test: &str, programs: &[(&str, &str)]) -> bool {
    let missing = programs.iter().find(|(program, _)| find_program(program).is_none());
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

/// Whether the machine allows something that no package provides, such as mounting a disk. Prints a message if not.
pub fn machine_allows(test: &str, allowed: bool, what: &str) -> bool {
    if !allowed {
        announce(&format!("skipped: {test}: {what}"));
    }
    allowed
}

/// Prints past the test runner, which hides the output of tests that pass.
fn announce(text: &str) {
    use std::io::Write as _;
    let mut stderr = std::io::stderr().lock();
    let _ = writeln!(stderr, "{text}");
}

/// A fixture document, from the folder that `GLOBUS_FIXTURES` names (default `../shared/globus-fixtures`); `None`,
/// with a message, if the folder is missing.
pub fn fixture(test: &str, name: &str) -> Option<String> {
    let folder = std::env::var_os("GLOBUS_FIXTURES")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/globus-fixtures"), PathBuf::from);
    let there = folder.is_dir();
    needs(test, there, "no fixture folder; GLOBUS_FIXTURES names one")
        .then(|| std::fs::read_to_string(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}")))
}

/// A port of loopback that nobody listens on, and that is not given out a second time by this test process or by another one.
/// It is below those that the system hands out by itself: one of those could be the near end of somebody's connection by
/// the time it is wanted.
pub fn free_port() -> u16 {
    static OWN: Mutex<Blocks> = Mutex::new(Blocks { claims: Vec::new(), ports: 0..0 });
    let mut own = OWN.lock().unwrap();
    loop {
        if let Some(port) = own.ports.find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()) {
            return port;
        }
        own.claim_another();
    }
}

/// Blocks of ports that belong to this process for as long as it runs.
struct Blocks {
    /// Each is bound to the first port of its block, for UDP, which nothing here speaks: no other process gets it.
    claims: Vec<UdpSocket>,
    /// What is left of the last block.
    ports: Range<u16>,
}

impl Blocks {
    fn claim_another(&mut self) {
        const BLOCK: u16 = 500;
        let claim = |first| Some((UdpSocket::bind(("127.0.0.1", first)).ok()?, first..first + BLOCK));
        let claimed = (20_000..32_000).step_by(usize::from(BLOCK)).find_map(claim);
        let (socket, ports) = claimed.unwrap_or_else(|| panic!("no port is free"));
        self.claims.push(socket);
        self.ports = ports;
    }
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
