//! Tests of the `globus-sandbox` binary. They are here because Cargo gives a binary's path only to tests of its own package.

#![cfg(feature = "command")]
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may fail")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Output, Stdio};

use globus_sandbox::{CLIENT_ID, CLIENT_SECRET, NATIVE_CLIENT_ID};

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_globus-sandbox"));
    command.args(arguments).env_clear();
    command
}

fn run(arguments: &[&str]) -> (Output, String) {
    let output = command(arguments).output().unwrap();
    let text = [&output.stdout[..], &output.stderr[..]].concat();
    (output, String::from_utf8(text).unwrap())
}

/// A process that is killed when its test ends.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts a sandbox; returns the lines it prints.
fn start(arguments: &[&str]) -> (Running, Vec<String>) {
    let mut command = command(arguments);
    let mut sandbox = Running(command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap());
    let lines = BufReader::new(sandbox.0.stdout.take().unwrap()).lines().map(Result::unwrap);
    let mut printed = Vec::new();
    for line in lines {
        let last = line.contains("GLOBUS_SDK_SERVICE_URL_TIMER=");
        printed.push(line);
        if last {
            return (sandbox, printed);
        }
    }
    panic!("it ended after {printed:?}");
}

fn get(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn it_prints_its_settings_and_answers() {
    let registered = "0b1f3c5e-0000-4000-8000-00000000abcd";
    let (_sandbox, printed) = start(&["--listen", "127.0.0.1:0", "--client", registered]);
    let base = printed[0].split_whitespace().find_map(|word| word.strip_prefix("http://")).unwrap();
    let address = base.trim_end_matches('/');
    for text in [CLIENT_ID, CLIENT_SECRET, NATIVE_CLIENT_ID, &format!("{registered} (registered as a native app)")] {
        assert!(printed.iter().any(|line| line.contains(text)), "{text} in {printed:?}");
    }
    for service in ["AUTH", "TRANSFER", "GROUPS", "SEARCH", "FLOWS", "TIMER"] {
        let line = format!("  export GLOBUS_SDK_SERVICE_URL_{service}=http://{address}/");
        assert!(printed.contains(&line), "{line} in {printed:?}");
    }
    let discovery = get(address, "/.well-known/openid-configuration");
    assert!(discovery.starts_with("HTTP/1.1 200 ") && discovery.contains(&format!("http://{address}/v2/oauth2/token")));
    assert!(get(address, "/sandbox/clients").contains(registered));
}

#[test]
fn help_names_every_argument_and_the_variable() {
    let (output, text) = run(&["--help"]);
    assert!(output.status.success(), "{text}");
    for name in
        ["--listen", "--public-url", "--redirect-uri", "--client", "GLOBUS_SANDBOX_PUBLIC_URL", "127.0.0.1:5001"]
    {
        assert!(text.contains(name), "{name} in {text}");
    }
}

#[test]
fn an_address_it_cannot_use_is_a_clear_error() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = listener.local_addr().unwrap().to_string();
    for (address, words) in [
        ("somewhere", "invalid value 'somewhere' for '--listen <ADDRESS>'"),
        ("0.0.0.0:0", "the sandbox listens on loopback only"),
        (taken.as_str(), "cannot listen on 127.0.0.1:"),
    ] {
        let (output, text) = run(&["--listen", address]);
        assert!(!output.status.success() && text.contains(words), "{address}: {text}");
    }
}

#[test]
fn a_client_that_is_no_uuid_or_has_an_empty_secret_is_refused() {
    for (client, words) in [
        ("me", "a client id is a UUID"),
        ("0b1f3c5e-0000-4000-8000-00000000abcd:", "the secret after the colon is empty"),
    ] {
        let (output, text) = run(&["--client", client]);
        assert!(!output.status.success() && text.contains(words), "{client}: {text}");
    }
}
