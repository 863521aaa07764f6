//! The layers of the house: who imports whom in `src/`.

use std::path::{Path, PathBuf};

/// Each module at the top of `src/`, and the modules that it may name. A module may always name itself. Cargo holds what
/// the crates may name: `globus`, `clock` and `keep_running` are of the SDK's, `sandbox` is the sandbox's.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("secret", &["globus"]),
    ("settings", &["secret", "clock", "globus"]),
    ("session", &["secret", "clock", "keep_running", "globus", "settings"]),
    ("pages", &["globus", "session"]),
    ("error", CORE),
    ("state", CORE),
    ("telemetry", CORE),
    ("routes", WEB),
    ("server", PROCESS),
    ("cli", PROCESS),
    ("main", PROCESS),
    ("lib", &[]),
];
const CORE: &[&str] =
    &["secret", "clock", "keep_running", "globus", "settings", "session", "pages", "error", "state", "telemetry"];
const WEB: &[&str] = CORE;
const PROCESS: &[&str] = &[
    "secret",
    "clock",
    "keep_running",
    "globus",
    "settings",
    "session",
    "pages",
    "error",
    "state",
    "telemetry",
    "routes",
    "server",
    "cli",
    "sandbox",
];

/// The modules of `globus` whose types `settings` may take: plain ones.
const PLAIN_OF_GLOBUS: &[&str] = &["environment", "scopes"];

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The code of a file: no comment, and no text between quotes.
fn code(text: &str) -> String {
    let lines = text.lines().map(|line| {
        let mut kept = String::new();
        let mut quoted = false;
        let mut rest = line.chars().peekable();
        while let Some(c) = rest.next() {
            match c {
                '\\' if quoted => drop(rest.next()),
                '\'' if !quoted && rest.peek() == Some(&'"') => drop(rest.next()),
                '"' => quoted = !quoted,
                '/' if !quoted && rest.peek() == Some(&'/') => break,
                _ if !quoted => kept.push(c),
                _ => {}
            }
        }
        kept
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The paths that stand behind `crate::` in some code, groups in braces taken apart: `globus::auth::AuthClient`, …
fn crate_paths(code: &str) -> Vec<String> {
    let names_crate =
        |(at, _): &(usize, &str)| !code[..*at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '$');
    code.match_indices("crate::")
        .filter(names_crate)
        .flat_map(|(at, _)| expand(&mut code[at + "crate::".len()..].chars().peekable()))
        .collect()
}

/// One path, or all that a group in braces stands for.
fn expand(rest: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Vec<String> {
    let mut path = String::new();
    loop {
        match rest.peek() {
            Some('{') => {
                rest.next();
                return group(rest).into_iter().map(|tail| format!("{path}{tail}")).collect();
            }
            Some(c) if c.is_alphanumeric() || matches!(c, '_' | ':' | '*') => path.extend(rest.next()),
            _ => return vec![path],
        }
    }
}

fn group(rest: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Vec<String> {
    let mut all = Vec::new();
    loop {
        match rest.peek() {
            None => return all,
            Some('}') => {
                rest.next();
                return all;
            }
            Some(c) if c.is_whitespace() || *c == ',' => drop(rest.next()),
            Some(_) => {
                all.extend(expand(rest).into_iter().filter(|path| !path.is_empty()));
                // `as another_name`, or a character that no path has.
                while rest.next_if(|c| !",}".contains(*c)).is_some() {}
            }
        }
    }
}

fn may(importer: &str, path: &str) -> bool {
    let mut parts = path.split("::");
    let target = parts.next().unwrap_or_default();
    if target == importer {
        return true;
    }
    let allowed = MAY_IMPORT.iter().find(|(name, _)| *name == importer).map_or(&[][..], |(_, allowed)| allowed);
    let plain = importer != "settings"
        || target != "globus"
        || parts.next().is_some_and(|part| PLAIN_OF_GLOBUS.contains(&part));
    allowed.contains(&target) && plain
}

#[test]
fn a_module_imports_from_the_layers_above_its_own_and_from_none_below() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    files(&src, &mut found);
    found.sort();
    let mut seen = Vec::new();
    let mut wrong = Vec::new();
    for file in found {
        let name = file.strip_prefix(&src).unwrap();
        let first = name.components().next().unwrap().as_os_str().to_str().unwrap();
        let importer = first.trim_end_matches(".rs").to_owned();
        assert!(
            MAY_IMPORT.iter().any(|(known, _)| *known == importer),
            "{importer} is in no layer: add it to the table"
        );
        let text = code(&std::fs::read_to_string(&file).unwrap()).replace("globus_portal::", "crate::");
        let refused = crate_paths(&text).into_iter().filter(|path| !path.is_empty() && !may(&importer, path));
        wrong.extend(refused.map(|path| format!("src/{} imports crate::{path}", name.display())));
        seen.push(importer);
    }
    assert!(wrong.is_empty(), "against the layers:\n{}", wrong.join("\n"));
    for (module, _) in MAY_IMPORT {
        assert!(seen.iter().any(|name| name == module), "{module} is in the table and not in src/");
    }
}

#[test]
fn the_reader_of_imports_finds_each_of_them() {
    let text = r#"
        //! crate::comment::of_a_module
        use crate::{
            clock::Clock, // crate::comment::at_an_end
            globus::{auth::{AuthClient, TokenError as Error}, error::*},
            secret::{self, equal},
            state,
        };
        pub(in crate::routes) fn f() -> crate::error::AppError { g("crate::text", '"', crate::server::run()) }
        const OTHER: &str = not_a_crate::path();
    "#;
    let expected = [
        "clock::Clock",
        "globus::auth::AuthClient",
        "globus::auth::TokenError",
        "globus::error::*",
        "secret::self",
        "secret::equal",
        "state",
        "routes",
        "error::AppError",
        "server::run",
    ];
    assert_eq!(crate_paths(&code(text)), expected);
    assert!(
        may("routes", "state") && may("settings", "globus::environment::Environment") && may("cli", "sandbox::Sandbox")
    );
    assert!(!may("settings", "globus::auth::AuthClient"));
    assert!(!may("session", "routes::router") && !may("secret", "clock"));
    assert!(!may("routes", "sandbox::Sandbox") && !may("error", "routes::router"));
}
