//! What may grow: enums, options and documents of the SDK get new variants and members without breaking programs.

use std::path::Path;

use super::code::files;

/// Enums that programs match as a whole: a program does something else for each variant.
const COMPLETE: [&str; 1] = ["Fault"];

/// The name of a public enum, or of a public struct whose members are public.
fn may_grow(item: &str) -> Option<&str> {
    let (head, body) = item.split_once('{')?;
    if head.contains(';') {
        return None;
    }
    let (kind, name) = [" enum ", " struct "].into_iter().find_map(|kind| Some((kind, head.split_once(kind)?.1)))?;
    let grows = kind == " enum " || body.lines().any(|line| line.starts_with("    pub ") || line.starts_with("pub "));
    grows.then(|| name.split(['<', ' ']).next().unwrap())
}

/// Public types of a source file that may grow and do not say so.
fn closed(source: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (at, _) in source.match_indices("\npub ") {
        let item = &source[at..];
        let item = &item[..item.find("\n}").unwrap_or(item.len())];
        if !["\npub enum ", "\npub struct "].iter().any(|start| item.starts_with(start)) {
            continue;
        }
        let before = &source[source[..at].rfind("\n\n").unwrap_or(0)..at];
        let Some(name) = may_grow(item) else { continue };
        if !before.contains("#[non_exhaustive]") && !COMPLETE.contains(&name) {
            found.push(name.to_owned());
        }
    }
    found
}

#[test]
fn public_types_of_the_sdk_may_grow() {
    let mut sources = Vec::new();
    files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("crates/globus-sdk/src"), &mut sources);
    assert!(sources.len() > 40, "{sources:?}");
    let closed: Vec<String> = sources.iter().flat_map(|file| closed(&std::fs::read_to_string(file).unwrap())).collect();
    assert!(closed.is_empty(), "add #[non_exhaustive] to {closed:?}");
}

#[test]
fn a_type_that_may_not_grow_is_found() {
    let open = "\n/// It.\n#[non_exhaustive]\npub struct A {\n    pub a: u8,\n}\n";
    let private = "\n\npub struct B {\n    b: u8,\n}\n\npub struct C(u8);\n\nimpl C {\n    pub fn d() {}\n}\n";
    let wrong = "\n\n/// It.\npub enum E {\n    F,\n}\n\npub struct G<'a> {\n    pub g: &'a str,\n}\n";
    assert_eq!(closed(&[open, private, wrong].concat()), ["E", "G"]);
}
