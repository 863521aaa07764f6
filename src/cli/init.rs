//! `globus-portal init`: writes a settings file, from the example and from what it is told or asks for.

use std::{
    collections::BTreeMap,
    fs::{self, OpenOptions},
    io::{self, IsTerminal as _, Read as _, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use clap::Args;

use super::{config::DEFAULT_CONFIG, failure::Failure, output::say};
use crate::{
    secret::random_text,
    settings::{Settings, Sources},
};

const EXAMPLE: &str = include_str!("../../example_app.conf");
/// The longest secret that is read, in bytes.
const MAX_SECRET: u64 = 4096;

#[derive(Args, Debug)]
pub(super) struct Init {
    /// The file to write; it must not exist
    #[arg(long, value_name = "FILE", default_value = DEFAULT_CONFIG)]
    config: PathBuf,
    /// Where browsers find the portal, such as portal.example.org
    #[arg(long, value_name = "HOST[:PORT]")]
    server_name: Option<String>,
    /// What the pages call the portal
    #[arg(long, value_name = "NAME")]
    app_name: Option<String>,
    /// The client id of the app that is registered at Globus
    #[arg(long, value_name = "ID")]
    client_id: Option<String>,
    /// A file that holds its client secret; - for standard input
    #[arg(long, value_name = "FILE")]
    client_secret_file: Option<PathBuf>,
}

pub(super) fn run(init: Init) -> Result<(), Failure> {
    let file = init.config.clone();
    if file.exists() {
        return Err(Failure::Init(format!("{} exists: it is left as it is", file.display())));
    }
    let values = values(init)?;
    write(&file, &filled(&values))?;
    let settings = load(&file).inspect_err(|_| drop(fs::remove_file(&file)))?;
    say(&format!("wrote {}, which only you can read", file.display()));
    say(&format!("the app at Globus needs the redirect URI {}", settings.public_url("/login")));
    say(&format!("next: globus-portal check --config {}", file.display()));
    Ok(())
}

/// The settings to write, as told; what is missing is asked for.
fn values(init: Init) -> Result<Vec<(&'static str, String)>, Failure> {
    let asks = io::stdin().is_terminal();
    let or_ask = |told: Option<String>, option: &str, question: &str, default: &str| match told {
        Some(told) => Ok(told),
        None if asks => ask(question, default),
        None if default.is_empty() => Err(Failure::Init(format!("{option} is missing, and nobody can be asked"))),
        None => Ok(default.to_owned()),
    };
    let server_name = or_ask(init.server_name, "--server-name", "Public host of the portal", "localhost:5000")?;
    let app_name = or_ask(init.app_name, "--app-name", "Name of the portal", "Globus Example App")?;
    let client_id = or_ask(init.client_id, "--client-id", "Client id of the app registered at Globus", "")?;
    let client_secret = match init.client_secret_file {
        Some(file) => secret_of(&file)?,
        None if asks => rpassword::prompt_password("Its client secret (not shown): ")?,
        None => return Err(Failure::Init("--client-secret-file is missing, and nobody can be asked".to_owned())),
    };
    Ok(vec![
        ("SERVER_NAME", server_name),
        ("APP_NAME", app_name),
        ("APP_CLIENT_ID", client_id),
        ("APP_CLIENT_SECRET", client_secret),
        ("SECRET_KEY", random_text::<48>()),
    ])
}

fn ask(question: &str, default: &str) -> Result<String, Failure> {
    let hint = if default.is_empty() { String::new() } else { format!(" [{default}]") };
    print_now(&format!("{question}{hint}: "))?;
    let mut line = String::new();
    io::stdin().read_line(&mut line)?;
    let line = line.trim();
    Ok(if line.is_empty() { default.to_owned() } else { line.to_owned() })
}

fn print_now(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}

fn secret_of(file: &Path) -> Result<String, Failure> {
    let mut secret = String::new();
    let read = match file.to_str() {
        Some("-") => io::stdin().take(MAX_SECRET + 1).read_to_string(&mut secret),
        _ => fs::File::open(file).and_then(|file| file.take(MAX_SECRET + 1).read_to_string(&mut secret)),
    };
    let failed = |why: String| Failure::Init(format!("cannot read the client secret from {}: {why}", file.display()));
    read.map_err(|error| failed(error.to_string()))?;
    if secret.len() as u64 > MAX_SECRET {
        return Err(failed(format!("it is longer than {MAX_SECRET} bytes")));
    }
    Ok(secret.trim().to_owned())
}

/// The example with these values. Each of its lines `KEY = …` or `# KEY = …` is replaced.
fn filled(values: &[(&'static str, String)]) -> String {
    let line_of = |line: &str| {
        let (key, _) = line.strip_prefix("# ").unwrap_or(line).split_once(" = ")?;
        let (key, value) = values.iter().find(|(name, _)| *name == key)?;
        Some(format!("{key} = {}", toml::Value::String(value.clone())))
    };
    let lines = EXAMPLE.lines().map(|line| line_of(line).unwrap_or_else(|| line.to_owned()) + "\n");
    lines.collect()
}

/// Writes a new file that only its owner can read. Half a file would be in the way of the next try, so none is left.
fn write(file: &Path, text: &str) -> Result<(), Failure> {
    let failed = |error: io::Error| Failure::Init(format!("cannot write {}: {error}", file.display()));
    let mut opened = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file).map_err(failed)?;
    opened.write_all(text.as_bytes()).map_err(|error| {
        let _ = fs::remove_file(file);
        failed(error)
    })
}

/// Checks what was written, without this process's environment.
fn load(file: &Path) -> Result<Settings, Failure> {
    let sources = Sources { file: file.to_owned(), file_required: true, environment: BTreeMap::new(), sandbox: None };
    Settings::load(&sources).map_err(Failure::Settings)
}
