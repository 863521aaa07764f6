//! The layers of the house: who imports whom in `src/`, and how long what stands there may be.

mod circles;
mod code;
mod growing;
mod imports;
mod lengths;

use std::path::Path;

use self::{
    code::{code, files},
    imports::crate_paths,
};

/// Each module at the top of `src/`, and the modules that it may name. A module may always name itself. Cargo holds what
/// the crates may name: `globus`, `clock` and `keep_running` are of the SDK's, `sandbox` is the sandbox's.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("secret", &["globus"]),
    ("zone", &[]),
    ("settings", &["secret", "clock", "zone", "globus"]),
    ("metrics", &["globus"]),
    ("traces", &["secret", "keep_running", "globus", "settings", "metrics"]),
    ("session", &["secret", "clock", "keep_running", "globus", "settings", "metrics", "traces"]),
    ("pages", &["zone", "globus", "session"]),
    ("error", CORE),
    ("state", CORE),
    ("telemetry", CORE),
    ("routes", WEB),
    ("server", PROCESS),
    ("cli", PROCESS),
    ("main", PROCESS),
    ("lib", &[]),
];
const CORE: &[&str] = &[
    "secret",
    "clock",
    "zone",
    "keep_running",
    "globus",
    "settings",
    "metrics",
    "traces",
    "session",
    "pages",
    "error",
    "state",
    "telemetry",
];
const WEB: &[&str] = CORE;
const PROCESS: &[&str] = &[
    "secret",
    "clock",
    "zone",
    "keep_running",
    "globus",
    "settings",
    "metrics",
    "traces",
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
