//! What a request costs, over real HTTP, beside a bare axum server in the same run. See `benches/README.md`.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a measurement that cannot go on says where it stopped")]
#![expect(clippy::print_stdout, reason = "its figures are what it is for")]
#![expect(unreachable_pub, reason = "a program: nothing here is public")]

mod client;
mod figures;
mod gate;
mod kept;
mod listings;
mod provider;
mod servers;
mod stage;
mod stores;

#[path = "../common/servers.rs"]
mod private_servers;

use std::process::ExitCode;

use self::stores::Stores;

/// Measures something for a kind of store.
type Measure = fn(&Stores, &str);

const PARTS: [(&str, Measure); 11] = [
    ("requests", figures::requests),
    ("logins", figures::logins),
    ("refreshes", figures::refreshes),
    ("memory", figures::memory),
    ("start", figures::start),
    ("bystanders", figures::bystanders),
    ("redirects", figures::redirects),
    ("listings", listings::listings),
    ("waiting", listings::waiting),
    ("gate", gate::gate),
    ("kept", kept::kept),
];
const STORES: &str = "memory,sqlite,postgres,redis,postgres-cached,redis-cached";

fn main() -> ExitCode {
    if let Ok(role) = std::env::var("LOAD_ROLE") {
        return servers::be(&role);
    }
    let named = |name: &str, default: &str| std::env::var(name).unwrap_or_else(|_| default.to_owned());
    let every: Vec<&str> = PARTS.iter().map(|(name, _)| *name).collect();
    let (kinds, parts) = (named("STORES", STORES), named("PARTS", &every.join(",")));
    let stores = Stores::default();
    for kind in kinds.split(',').filter(|kind| stores.has(kind)) {
        println!("--- {kind}");
        for (name, measure) in PARTS {
            if parts.split(',').any(|part| part == name) && concerns(name, kind) {
                measure(&stores, kind);
            }
        }
    }
    ExitCode::SUCCESS
}

/// A cache changes what a request costs; memory without bounds would show with any store.
fn concerns(part: &str, kind: &str) -> bool {
    match part {
        "requests" | "gate" => true,
        // The store has nothing to do with them.
        "redirects" | "listings" | "waiting" | "kept" => kind == "memory",
        _ => !kind.ends_with("-cached"),
    }
}

fn number(name: &str, default: usize) -> usize {
    std::env::var(name).ok().map_or(default, |text| text.parse().unwrap())
}
