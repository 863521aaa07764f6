//! The commands, as an operator meets them: the real binary, its exit status and what it prints.

use std::{
    fs,
    net::TcpListener,
    os::unix::{
        fs::{MetadataExt as _, PermissionsExt as _},
        process::CommandExt as _,
    },
    path::Path,
    process::Command,
};

use globus_portal::{
    sandbox,
    settings::{Settings, Sources},
};
use tempfile::TempDir;

use crate::harness::{
    Browser, MIRA, Process, decide, free_port, globus_portal, machine_allows, portal_at, sandboxed_portal,
    start_sandbox,
};

/// The user `nobody` and its group, on every Linux.
const NOBODY: u32 = 65_534;

/// The result of a command that ends by itself.
struct Ended {
    status: Option<i32>,
    stdout: String,
    stderr: String,
}

fn ended(command: &mut Command) -> Ended {
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ended { status: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

fn run(folder: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Ended {
    ended(globus_portal(folder, arguments).envs(environment.iter().copied()))
}

#[track_caller]
fn assert_says(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in:\n{text}");
    }
}

#[test]
fn generate_key_prints_a_key_that_is_long_enough_and_never_the_same() {
    let folder = TempDir::new().unwrap();
    let keys = [(); 2].map(|()| run(folder.path(), &["generate-key"], &[]));
    for Ended { status, stdout, .. } in &keys {
        assert_eq!(*status, Some(0));
        assert!(stdout.trim().len() >= 32 && stdout.lines().count() == 1, "{stdout}");
    }
    assert_ne!(keys[0].stdout, keys[1].stdout);
}

#[test]
fn init_writes_a_file_that_serves_and_never_overwrites_one() {
    let folder = TempDir::new().unwrap();
    let id = "2b9c6f6e-94d5-4a39-b5b4-3ad9f2e1d0c7";
    fs::write(folder.path().join("secret"), "the \"secret\" = '1'\n").unwrap();
    let told = ["--server-name", "portal.example.org", "--app-name", "Lab \"A\"", "--client-id", id];
    let arguments = [&["init", "--client-secret-file", "secret"], &told[..]].concat();
    let Ended { status, stdout, stderr } = run(folder.path(), &arguments, &[]);
    assert_eq!(status, Some(0), "{stderr}");
    assert_says(&stdout, &["example_app.conf", "https://portal.example.org/login", "globus-portal check"]);
    let file = folder.path().join("example_app.conf");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let sources = Sources { file: file.clone(), file_required: true, ..Sources::default() };
    let settings = Settings::load(&sources).unwrap();
    let secret = settings.client_secret.expose_secret();
    assert_eq!((&*settings.client_id, &*settings.app_name, secret), (id, "Lab \"A\"", "the \"secret\" = '1'"));
    // What the example says about each setting is there, too.
    assert_says(&fs::read_to_string(&file).unwrap(), &["# SESSION_IDLE_SECONDS = ", "# Encrypts sessions"]);

    let before = fs::read(&file).unwrap();
    let again = run(folder.path(), &arguments, &[]);
    assert_eq!(again.status, Some(1));
    assert_says(&again.stderr, &["exists"]);
    assert_eq!(fs::read(&file).unwrap(), before);
}

#[test]
fn init_says_what_is_missing_or_wrong_and_leaves_no_file() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("secret"), "secret").unwrap();
    fs::write(folder.path().join("long"), "a".repeat(4097)).unwrap();
    for (arguments, status, said) in [
        (&["init"][..], 1, "--client-id is missing"),
        (&["init", "--client-id", "x"], 1, "--client-secret-file is missing"),
        (&["init", "--client-id", "x", "--client-secret-file", "other"], 1, "cannot read the client secret from other"),
        (
            &["init", "--client-id", "x", "--client-secret-file", "secret", "--server-name", "https://a/"],
            2,
            "SERVER_NAME = \"https://a/\" (from example_app.conf, line ",
        ),
        (&["init", "--client-id", "x", "--client-secret-file", "long"], 1, "from long: it is longer than 4096 bytes"),
        (&["init", "--config", "none/a.conf", "--client-id", "x", "--client-secret-file", "secret"], 1, "none/a.conf"),
    ] {
        let mut command = globus_portal(folder.path(), arguments);
        let ended = ended(command.stdin(std::process::Stdio::null()));
        assert_eq!(ended.status, Some(status), "{arguments:?}: {}", ended.stderr);
        assert_says(&ended.stderr, &[said]);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "{arguments:?}");
    }
}

#[test]
fn the_command_line_describes_itself_to_shells_and_as_manual_pages() {
    let folder = TempDir::new().unwrap();
    for shell in ["bash", "zsh", "fish"] {
        let completions = run(folder.path(), &["completions", shell], &[]);
        assert_eq!(completions.status, Some(0));
        assert_says(
            &completions.stdout,
            &["generate-key", "sessions", "--sandbox", "--json"].map(|w| w.trim_start_matches('-')),
        );
    }
    let page = run(folder.path(), &["man"], &[]);
    assert_says(&page.stdout, &[".TH globus-portal 1", "sandbox"]);
    assert_eq!(run(folder.path(), &["man", "."], &[]).status, Some(0));
    let pages: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert!(pages.iter().any(|page| page == "globus-portal-sessions-end.1"), "{pages:?}");
}

#[test]
fn a_sandbox_on_a_used_port_says_so_about_its_own_option() {
    let folder = TempDir::new().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let Ended { status, stderr, .. } = run(folder.path(), &["sandbox", "--listen", &address], &[]);
    assert_eq!(status, Some(1));
    assert_says(&stderr, &[&address, "another program uses this port (see --listen)"]);
    assert!(!stderr.contains("LISTEN"), "{stderr}");
}

#[test]
fn wrong_usage_ends_with_status_2_and_says_what_is_known() {
    let folder = TempDir::new().unwrap();
    for arguments in
        [&["sevre"][..], &["--sandbocks"], &["sandbox", "--listen", "somewhere"], &["check", "twice", "over"]]
    {
        let Ended { status, stderr, .. } = run(folder.path(), arguments, &[]);
        assert_eq!(status, Some(2), "{arguments:?}");
        assert_says(&stderr, &["--help"]);
    }
    let help = run(folder.path(), &["--help"], &[]);
    assert_eq!(help.status, Some(0));
    assert_says(&help.stdout, &["serve", "sandbox", "check", "generate-key", "--config", "--sandbox"]);
}

#[test]
fn without_credentials_it_names_the_missing_keys_and_the_ways_on() {
    let folder = TempDir::new().unwrap();
    for arguments in [&[][..], &["serve"]] {
        let Ended { status, stderr, .. } = run(folder.path(), arguments, &[]);
        assert_eq!(status, Some(2));
        assert_says(
            &stderr,
            &[
                "APP_CLIENT_ID",
                "APP_CLIENT_SECRET",
                "https://app.globus.org/settings/developers",
                "http://localhost:5000/login",
                "--sandbox",
            ],
        );
    }
    let elsewhere =
        [("GLOBUS_PORTAL_SERVER_NAME", "portal.example.org"), ("GLOBUS_PORTAL_APPLICATION_ROOT", "/portal")];
    assert_says(&run(folder.path(), &[], &elsewhere).stderr, &["https://portal.example.org/portal/login"]);
}

#[test]
fn the_example_file_as_it_is_lacks_nothing_but_credentials() {
    let folder = TempDir::new().unwrap();
    fs::copy(concat!(env!("CARGO_MANIFEST_DIR"), "/example_app.conf"), folder.path().join("example_app.conf")).unwrap();
    let Ended { status, stderr, .. } = run(folder.path(), &[], &[]);
    assert_eq!(status, Some(2));
    assert_says(&stderr, &["2 problems", "APP_CLIENT_ID", "APP_CLIENT_SECRET"]);
}

#[test]
fn the_sandbox_is_refused_under_a_public_name_and_beside_a_real_app() {
    let folder = TempDir::new().unwrap();
    let public = [("GLOBUS_PORTAL_SERVER_NAME", "portal.example.org")];
    let real = [("GLOBUS_PORTAL_APP_CLIENT_ID", "2b9c6f6e-94d5-4a39-b5b4-3ad9f2e1d0c7")];
    for (environment, key) in [(public, "SERVER_NAME"), (real, "APP_CLIENT_ID")] {
        let Ended { status, stderr, .. } = run(folder.path(), &["--sandbox"], &environment);
        assert_eq!(status, Some(2));
        assert_says(&stderr, &[key, "--sandbox"]);
    }
}

#[test]
fn every_problem_of_the_settings_is_told_at_once_and_no_secret_with_it() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("portal.conf");
    let text = "SERVER_NAME = 'http://portal.example.org/'\nSESION_STORE = 'memory'\nREFRESH_TOKENS = 'perhaps'\n\
                SECRET_KEY = 'SENTINEL-short'\nAPP_CLIENT_ID = '2b9c6f6e-94d5-4a39-b5b4-3ad9f2e1d0c7'\n\
                APP_CLIENT_SECRET = 'SENTINEL-one'\nPORTAL_CLIENT_SECRET = 'SENTINEL-other'\n\
                SESSION_STORE = 'postgres:user:SENTINEL-password@db/portal'\n";
    fs::write(&file, text).unwrap();
    let file = file.to_str().unwrap();
    let environment =
        [("GLOBUS_PORTAL_LISTEN", "everywhere"), ("GLOBUS_SDK_SERVICE_URL_AUTH", "http://auth.example.org/")];
    let serve = run(folder.path(), &["--config", file], &environment);
    let check = run(folder.path(), &["check", "--config", file], &environment);
    assert_eq!((serve.status, check.status), (Some(2), Some(1)));
    for told in [&serve.stderr, &check.stdout] {
        assert_says(
            told,
            &[
                "SERVER_NAME",
                "SESION_STORE",
                "did you mean SESSION_STORE?",
                "PORTAL_CLIENT_SECRET",
                "SESSION_STORE (from",
                "LISTEN = everywhere (from the environment variable GLOBUS_PORTAL_LISTEN)",
                "REFRESH_TOKENS = 'perhaps' (from ",
                "line 3",
                "GLOBUS_SDK_SERVICE_URL_AUTH",
                "portal.conf",
            ],
        );
        assert!(!told.contains("SENTINEL"), "{told}");
    }
}

#[test]
fn a_settings_file_that_was_named_has_to_be_there() {
    let folder = TempDir::new().unwrap();
    let by_argument = run(folder.path(), &["--sandbox", "--config", "missing.conf"], &[]);
    let by_variable = run(folder.path(), &["--sandbox"], &[("GLOBUS_PORTAL_CONFIG", "missing.conf")]);
    for Ended { status, stderr, .. } in [by_argument, by_variable] {
        assert_eq!(status, Some(2));
        assert_says(&stderr, &["missing.conf"]);
    }
}

#[test]
fn a_settings_file_that_cannot_be_read_is_the_one_problem_told() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("portal.conf");
    fs::write(&file, "APP_CLIENT_ID = 'one'\nAPP_CLIENT_SECRET = 'SENTINEL\n").unwrap();
    for path in [file.as_path(), folder.path()] {
        let path = path.to_str().unwrap();
        let Ended { status, stderr, .. } = run(folder.path(), &["--config", path], &[]);
        assert_eq!(status, Some(2));
        assert_says(&stderr, &["1 problem in the settings", path]);
        assert!(!stderr.contains("missing") && !stderr.contains("SENTINEL"), "{stderr}");
    }
}

/// A portal on its own sandbox.
async fn portal_on_sandbox(folder: &Path, printed: &Path) -> (Process, String) {
    let port = free_port();
    let base = format!("http://localhost:{port}");
    let mut command = sandboxed_portal(folder);
    command.env("GLOBUS_PORTAL_LISTEN", format!("127.0.0.1:{port}"));
    command.env("GLOBUS_PORTAL_SERVER_NAME", format!("localhost:{port}"));
    let mut process = Process::start(&mut command, printed);
    assert_says(&process.says("Visit").await, &[&format!("127.0.0.1:{port}"), &format!("{base}/")]);
    (process, base)
}

#[tokio::test]
async fn with_sandbox_an_empty_folder_is_enough_to_log_in_and_stays_empty() {
    let (folder, other) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let (mut process, base) = portal_on_sandbox(folder.path(), &other.path().join("printed")).await;
    let told = process.says("Sandbox, not Globus").await;
    let start = told.find("http://").unwrap();
    let sandbox = told[start..].split_whitespace().next().unwrap().trim_end_matches('/').to_owned();

    let browser = Browser::new();
    let authorize = browser.get(&format!("{base}/login")).await.location();
    assert!(authorize.as_str().starts_with(&format!("{sandbox}/")), "{authorize} {sandbox}");
    let back = decide(&sandbox, &browser, &authorize, MIRA, "allow").await;
    let page = browser.follow(back.as_str()).await;
    assert_says(&page.body, &["You are successfully logged in!", MIRA, "Sandbox: a stand-in for Globus"]);
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
}

#[tokio::test]
async fn asked_to_stop_it_stops_cleanly() {
    for signal in ["TERM", "INT"] {
        let folder = TempDir::new().unwrap();
        let (mut process, base) = portal_on_sandbox(folder.path(), &folder.path().join("printed")).await;
        assert_eq!(Browser::new().get(&format!("{base}/healthz")).await.status, 200);
        process.signal(signal);
        assert_eq!(process.ended().await.code(), Some(0), "{}", process.printed());
        assert_says(&process.printed(), &["stopped"]);
    }
}

#[tokio::test]
async fn a_hangup_stops_neither_the_portal_nor_the_sandbox() {
    let folder = TempDir::new().unwrap();
    let (portal, base) = portal_on_sandbox(folder.path(), &folder.path().join("portal")).await;
    let mut command = globus_portal(folder.path(), ["sandbox", "--listen", "127.0.0.1:0"]);
    let mut sandbox = Process::start(&mut command, &folder.path().join("sandbox"));
    let line = sandbox.says("GLOBUS_SDK_SERVICE_URL_GROUPS=").await;
    let sandbox_base = line.split_once('=').unwrap().1.trim_end_matches('/').to_owned();
    for (mut process, address) in [(portal, format!("{base}/healthz")), (sandbox, format!("{sandbox_base}/"))] {
        for _ in 0..3 {
            process.signal("HUP");
        }
        process.says("SIGHUP is ignored").await;
        assert_eq!(Browser::new().get(&address).await.status, 200);
        process.signal("TERM");
        assert_eq!(process.ended().await.code(), Some(0), "{}", process.printed());
    }
}

#[tokio::test]
async fn a_port_in_use_is_named_and_ends_with_status_1() {
    let folder = TempDir::new().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let portal = run(folder.path(), &["--sandbox"], &[("GLOBUS_PORTAL_LISTEN", &address)]);
    assert_eq!(portal.status, Some(1));
    assert_says(&portal.stderr, &[&address, "another program uses this port", "LISTEN and SERVER_NAME"]);
}

#[test]
fn an_address_of_another_machine_is_named_and_ends_with_status_1() {
    let folder = TempDir::new().unwrap();
    // An address for documentation, which no machine has (RFC 5737).
    let Ended { status, stderr, .. } =
        run(folder.path(), &["--sandbox"], &[("GLOBUS_PORTAL_LISTEN", "192.0.2.1:5000")]);
    assert_eq!(status, Some(1));
    assert_says(&stderr, &["192.0.2.1:5000", "this machine has no such address", "LISTEN"]);
}

#[tokio::test]
async fn the_sandbox_alone_tells_an_app_all_it_needs_and_keeps_to_loopback() {
    let folder = TempDir::new().unwrap();
    for address in ["0.0.0.0:0", "[::]:0"] {
        let Ended { status, stderr, .. } = run(folder.path(), &["sandbox", "--listen", address], &[]);
        assert_eq!(status, Some(1));
        assert_says(&stderr, &[address, "loopback"]);
    }
    let mut command = globus_portal(folder.path(), ["sandbox", "--listen", "127.0.0.1:0"]);
    let mut process = Process::start(&mut command, &folder.path().join("printed"));
    let line = process.says("GLOBUS_SDK_SERVICE_URL_GROUPS=").await;
    let base = line.split_once('=').unwrap().1.trim_end_matches('/').to_owned();
    assert_says(
        &process.printed(),
        &[
            sandbox::CLIENT_ID,
            sandbox::CLIENT_SECRET,
            &format!("export GLOBUS_SDK_SERVICE_URL_AUTH={base}/"),
            &format!("export GLOBUS_SDK_SERVICE_URL_TRANSFER={base}/"),
        ],
    );
    assert_eq!(Browser::new().get(&format!("{base}/")).await.status, 200);
    process.signal("TERM");
    assert_eq!(process.ended().await.code(), Some(0));
}

#[tokio::test]
async fn a_log_that_goes_to_a_file_has_no_colours_in_it() {
    for format in ["pretty", "json"] {
        let folder = TempDir::new().unwrap();
        let (mut command, base) = portal_at(folder.path(), &format!("http://127.0.0.1:{}", free_port()));
        command.env("GLOBUS_PORTAL_LOG_FORMAT", format);
        let mut process = Process::start(&mut command, &folder.path().join("printed"));
        process.says("Listening on").await;
        Browser::new().get(&format!("{base}/a-page")).await;
        let line = process.says("/a-page").await;
        assert!(!line.contains('\u{1b}'), "{line:?}");
    }
}

#[tokio::test]
async fn it_starts_while_globus_is_down_and_says_what_is_missing() {
    let folder = TempDir::new().unwrap();
    let globus = format!("http://127.0.0.1:{}", free_port());
    let (mut command, base) = portal_at(folder.path(), &globus);
    let mut process = Process::start(&mut command, &folder.path().join("printed"));
    process.says("Listening on").await;
    let browser = Browser::new();
    assert_eq!(browser.get(&format!("{base}/healthz")).await.status, 200);
    let ready = browser.get(&format!("{base}/readyz")).await;
    assert_eq!(ready.status, 503);
    assert_eq!(ready.body, "Globus Auth does not answer\n");
}

/// Settings for `check`, with Globus at an address.
fn check_command(folder: &Path, globus: &str) -> Command {
    let (serve, _) = portal_at(folder, globus);
    let mut command = globus_portal(folder, ["check"]);
    command.envs(serve.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.env("GLOBUS_PORTAL_SESSION_STORE", "sqlite:sessions.db");
    command
}

#[tokio::test(flavor = "multi_thread")]
async fn check_finds_all_well_against_a_sandbox_that_runs() {
    let folder = TempDir::new().unwrap();
    let mut command = globus_portal(folder.path(), ["sandbox", "--listen", "127.0.0.1:0"]);
    let mut process = Process::start(&mut command, &folder.path().join("printed"));
    let line = process.says("GLOBUS_SDK_SERVICE_URL_AUTH=").await;
    let globus = line.split_once('=').unwrap().1.trim_end_matches('/');
    let Ended { status, stdout, stderr } = ended(&mut check_command(folder.path(), globus));
    assert_eq!(status, Some(0), "{stdout}{stderr}");
    assert!(stdout.lines().all(|line| line.starts_with("ok ")), "{stdout}");
    for subject in ["settings", "/login", "discovery document", "keys", "client id and secret", "sessions.db"] {
        assert!(stdout.contains(subject), "{subject}: {stdout}");
    }
    for (command, ok) in [
        (check_command(folder.path(), globus).arg("--json"), true),
        (globus_portal(folder.path(), ["check", "--json"]).env("GLOBUS_PORTAL_LISTEN", "x"), false),
    ] {
        let Ended { status, stdout, .. } = ended(command);
        let document: serde_json::Value = serde_json::from_str(&stdout).unwrap();
        let checks = document["checks"].as_array().unwrap();
        assert_eq!((status, &document["ok"]), (Some(i32::from(!ok)), &ok.into()), "{stdout}");
        assert!(checks.iter().all(|check| (check["result"] == "ok") == ok && check["subject"].is_string()), "{stdout}");
        assert!(checks.iter().any(|check| check["text"].as_str().unwrap().contains(if ok {
            "/login"
        } else {
            "LISTEN"
        })));
    }
}

/// A port that is free on both loopback addresses, and a listener on the IPv6 one; `None` without IPv6.
fn with_a_neighbour() -> Option<(u16, TcpListener)> {
    TcpListener::bind("[::1]:0").ok()?;
    (0..100).find_map(|_| {
        let port = free_port();
        Some((port, TcpListener::bind(("::1", port)).ok()?))
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn the_start_and_check_warn_of_the_same_things() {
    let neighbour = with_a_neighbour();
    if !machine_allows("warnings", neighbour.is_some(), "no IPv6 on loopback") {
        return;
    }
    let (port, neighbour) = neighbour.unwrap();
    let folder = TempDir::new().unwrap();
    let globus = start_sandbox().await;
    for (listen, server, expected) in [
        (format!("127.0.0.1:{port}"), format!("localhost:{port}"), &[][..]),
        (
            format!("0.0.0.0:{port}"),
            format!("localhost:{}", free_port()),
            &["lets other machines in", "browsers are sent to"],
        ),
    ] {
        let set = |command: &mut Command| {
            command.env("GLOBUS_PORTAL_LISTEN", &listen).env("GLOBUS_PORTAL_SERVER_NAME", &server);
            command.env("GLOBUS_PORTAL_SECRET_KEY", "too short").env("GLOBUS_PORTAL_LOG_FORMAT", "json");
        };
        let mut command = check_command(folder.path(), &globus);
        set(&mut command);
        let checked = ended(&mut command);
        assert_eq!(checked.status, Some(0), "{}", checked.stdout);
        let checked: Vec<String> = checked
            .stdout
            .lines()
            .filter_map(|line| line.strip_prefix("warn  settings: ").map(ToOwned::to_owned))
            .collect();
        let (mut command, _) = portal_at(folder.path(), &globus);
        set(&mut command);
        let mut process = Process::start(&mut command, &folder.path().join("printed"));
        process.says("Listening on").await;
        let printed = process.printed();
        let logged = printed.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
        let logged: Vec<String> = logged
            .filter(|line| line["level"] == "WARN")
            .map(|line| line["message"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(logged, checked);
        assert_says(
            &checked.join("\n"),
            &[&format!("another program listens on [::1]:{port}"), "SECRET_KEY has 9 bytes"],
        );
        assert_says(&checked.join("\n"), expected);
        assert_eq!(checked.len(), 2 + expected.len(), "{checked:?}");
    }
    // Once the other program is gone, there is nothing to warn about.
    drop(neighbour);
    let mut command = check_command(folder.path(), &globus);
    command.env("GLOBUS_PORTAL_LISTEN", format!("127.0.0.1:{port}"));
    command.env("GLOBUS_PORTAL_SERVER_NAME", format!("localhost:{port}"));
    let checked = ended(&mut command);
    assert!(!checked.stdout.contains("another program"), "{}", checked.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn variables_of_services_are_named_for_those_who_debug() {
    let folder = TempDir::new().unwrap();
    for (level, is_named) in [("info", false), ("debug", true)] {
        let (mut command, _) = portal_at(folder.path(), &start_sandbox().await);
        command.env("GLOBUS_PORTAL_POSTGRESQL_SERVICE_HOST", "10.0.0.2").env("RUST_LOG", level);
        let mut process = Process::start(&mut command, &folder.path().join("printed"));
        process.says("Listening on").await;
        assert_eq!(
            process.printed().contains("GLOBUS_PORTAL_POSTGRESQL_SERVICE_HOST"),
            is_named,
            "{}",
            process.printed()
        );
    }
}

/// The lines that report problems.
fn failures(command: &mut Command) -> Vec<String> {
    let Ended { status, stdout, stderr } = ended(command);
    assert_eq!(status, Some(1), "{stdout}{stderr}");
    assert_says(&stderr, &["some checks failed"]);
    stdout.lines().filter(|line| line.starts_with("FAIL")).map(ToOwned::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn check_says_that_globus_does_not_answer() {
    let folder = TempDir::new().unwrap();
    let found = failures(&mut check_command(folder.path(), &format!("http://127.0.0.1:{}", free_port())));
    assert_eq!(found.len(), 1, "{found:?}");
    assert_says(&found[0], &["discovery document", "refused"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn check_says_that_the_secret_is_wrong_and_does_not_print_it() {
    let folder = TempDir::new().unwrap();
    let mut command = check_command(folder.path(), &start_sandbox().await);
    let found = failures(command.env("GLOBUS_PORTAL_APP_CLIENT_SECRET", "SENTINEL-wrong"));
    assert_eq!(found.len(), 1, "{found:?}");
    assert_says(&found[0], &["client id and secret", "APP_CLIENT_SECRET"]);
    assert!(!found[0].contains("SENTINEL"));
}

#[tokio::test(flavor = "multi_thread")]
async fn check_and_serve_say_that_the_store_cannot_be_written() {
    let folder = TempDir::new().unwrap();
    // For root every folder is writable, so root becomes nobody; nobody has to be able to reach the binary.
    let binary = folder.path().join("globus-portal");
    fs::copy(env!("CARGO_BIN_EXE_globus-portal"), &binary).unwrap();
    let read_only = folder.path().join("read-only");
    fs::create_dir(&read_only).unwrap();
    for (path, mode) in [(folder.path(), 0o755), (&binary, 0o755), (&read_only, 0o555)] {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }
    let globus = start_sandbox().await;
    let as_nobody = |argument: &str| {
        let mut command = Command::new(&binary);
        let environment = check_command(folder.path(), &globus);
        command.arg(argument).env_clear().current_dir(&read_only);
        command.envs(environment.get_envs().filter_map(|(name, value)| Some((name, value?))));
        if fs::metadata(&read_only).unwrap().uid() == 0 {
            command.uid(NOBODY).gid(NOBODY);
        }
        command
    };
    let found = failures(&mut as_nobody("check"));
    assert_eq!(found.len(), 1, "{found:?}");
    assert_says(&found[0], &["session store", "sessions.db", "denied"]);

    let Ended { status, stderr, .. } = ended(&mut as_nobody("serve"));
    assert_eq!(status, Some(1));
    assert_says(&stderr, &["cannot start", "sessions.db", "denied"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_cannot_be_used_is_named_without_its_password() {
    let folder = TempDir::new().unwrap();
    let globus = start_sandbox().await;
    let port = free_port();
    fs::write(folder.path().join("garbage.db"), "no database, whatever its name says, and long enough to be read")
        .unwrap();
    let place = format!("127.0.0.1:{port}");
    for (store, named) in [
        (format!("postgres://portal:swordfish@{place}/portal"), &*place),
        (format!("redis://:swordfish@{place}/0"), &*place),
        ("sqlite:no/such/folder.db".to_owned(), "no/such/folder.db"),
        ("sqlite:garbage.db".to_owned(), "garbage.db"),
    ] {
        let (mut command, _) = portal_at(folder.path(), &globus);
        command.env("GLOBUS_PORTAL_SESSION_STORE", &store);
        let Ended { status, stderr, .. } = ended(&mut command);
        assert_eq!(status, Some(1), "{store}: {stderr}");
        assert_says(&stderr, &["cannot start", "session store", named]);
        assert!(!stderr.contains("swordfish"), "{stderr}");
    }
}
