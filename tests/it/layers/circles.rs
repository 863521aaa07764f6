//! No circles: the files of a crate can be read in an order in which each one names only files that came before it.
//!
//! A file names another when a path in it leads there: the longest beginning of the path that is a file of the crate. A
//! parent that re-exports from its children names them, so its children name each other, and not the parent. `mod child;`
//! names nothing, and neither do unit tests.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use super::{
    code::{code, files},
    imports::paths_from,
};

/// The place of a file in its crate: `["auth", "tokens"]`; empty for `lib.rs`.
type Module = Vec<String>;

/// The crates of the workspace, each by the folder of its source and the number of files that it has at least.
const CRATES: [(&str, usize); 4] =
    [("src", 90), ("crates/globus-sandbox/src", 60), ("crates/globus-sdk/src", 40), ("benches/load", 6)];

/// The code of each file below `src` but `main.rs`, which names the others and is named by none.
fn modules(src: &Path) -> BTreeMap<Module, String> {
    let mut found = Vec::new();
    files(src, &mut found);
    let module = |path: &Path| -> Module {
        let name = path.strip_prefix(src).unwrap().with_extension("");
        let mut parts: Module = name.iter().map(|part| part.to_str().unwrap().to_owned()).collect();
        if matches!(parts.last().map(String::as_str), Some("mod" | "lib")) {
            parts.pop();
        }
        parts
    };
    let of_the_library = found.iter().filter(|path| path.strip_prefix(src).unwrap() != Path::new("main.rs"));
    of_the_library.map(|path| (module(path), without_tests(&code(&std::fs::read_to_string(path).unwrap())))).collect()
}

/// The code without its unit tests, which stand at the end of a file.
fn without_tests(code: &str) -> String {
    code.split("#[cfg(test)]\nmod ").next().unwrap_or_default().to_owned()
}

/// Where `path` leads, seen from `start`: to the longest part of it that is a file.
fn target(start: &Module, path: &str, all: &BTreeMap<Module, String>) -> Module {
    let mut place = start.clone();
    for part in path.split("::") {
        match part {
            "self" => continue,
            "super" => drop(place.pop()),
            part => {
                let further = [&place[..], &[part.to_owned()]].concat();
                if !all.contains_key(&further) {
                    break;
                }
                place = further;
            }
        }
    }
    place
}

/// The files that `module` names. The root of a program, which holds what comes from elsewhere by `#[path]`, is none of them.
fn named(module: &Module, all: &BTreeMap<Module, String>) -> BTreeSet<Module> {
    let text = &all[module];
    let parent = module[..module.len().saturating_sub(1)].to_vec();
    let children = all.keys().filter(|other| other.len() == module.len() + 1 && other.starts_with(module));
    let mut starts =
        vec![("crate".to_owned(), Module::new()), ("self".to_owned(), module.clone()), ("super".to_owned(), parent)];
    starts.extend(children.map(|child| (child[module.len()].clone(), child.clone())));
    let paths =
        starts.iter().flat_map(|(first, start)| paths_from(first, text).into_iter().map(move |path| (start, path)));
    let targets = paths.map(|(start, path)| target(start, &path, all));
    targets.filter(|other| other != module && all.contains_key(other)).collect()
}

/// The files that lead back to themselves, and which of these each of them names.
fn in_circles(all: &BTreeMap<Module, String>) -> BTreeMap<Module, BTreeSet<Module>> {
    let mut circles: BTreeMap<_, _> = all.keys().map(|module| (module.clone(), named(module, all))).collect();
    let round: BTreeSet<Module> =
        circles.keys().filter(|module| reachable(module, &circles).contains(*module)).cloned().collect();
    circles.retain(|module, _| round.contains(module));
    circles.values_mut().for_each(|named| named.retain(|other| round.contains(other)));
    circles
}

/// Every file that `module` leads to, by any number of steps.
fn reachable<'a>(module: &'a Module, names: &'a BTreeMap<Module, BTreeSet<Module>>) -> BTreeSet<&'a Module> {
    let mut found = BTreeSet::new();
    let mut next = vec![module];
    while let Some(module) = next.pop() {
        next.extend(names[module].iter().filter(|other| found.insert(*other)));
    }
    found
}

fn shown(circles: &BTreeMap<Module, BTreeSet<Module>>) -> String {
    let name = |module: &Module| if module.is_empty() { "lib".to_owned() } else { module.join("/") };
    let line = |(module, named): (&Module, &BTreeSet<Module>)| {
        format!("{} names {}", name(module), named.iter().map(name).collect::<Vec<_>>().join(", "))
    };
    circles.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn no_files_of_a_crate_import_each_other_in_a_circle() {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (name, least) in CRATES {
        let all = modules(&top.join(name));
        assert!(all.len() >= least, "{name} has {} files", all.len());
        let circles = in_circles(&all);
        assert!(circles.is_empty(), "{name}: files that import each other in a circle:\n{}", shown(&circles));
    }
}

#[test]
fn a_circle_is_found_however_its_files_name_each_other() {
    let tree = |files: &[(&str, &str)]| -> BTreeMap<Module, String> {
        let module = |name: &str| name.split('/').filter(|part| !part.is_empty()).map(ToOwned::to_owned).collect();
        files.iter().map(|(name, text)| (module(name), without_tests(&code(text)))).collect()
    };
    let circles = |files: &[(&str, &str)]| in_circles(&tree(files)).len();
    let ordered = [
        ("", "mod a; mod b; pub use a::A; pub use b::*;"),
        ("a", "pub struct A; // crate::b::B\n#[cfg(test)]\nmod tests { use crate::b::B; }"),
        ("b", "mod c; mod d; use crate::a::A; pub use self::d::D;"),
        ("b/c", "pub struct C;"),
        ("b/d", "use super::{c::{C}}; use super::super::a::A;"),
    ];
    assert_eq!(circles(&ordered), 0);
    for (name, text, wanted) in [
        ("a", "use crate::b::B;", 3),
        ("a", "fn a() { super::b::b() }", 3),
        ("a", "use crate::{A, x};", 4),
        ("b/c", "use super::{d::D};", 2),
        ("b/c", "pub(in super::d) struct C;", 2),
        ("b/c", "use super::B;", 3),
        ("b/d", "use super::super::{b::B};", 2),
    ] {
        let mut files = ordered;
        files.iter_mut().find(|(file, _)| *file == name).unwrap().1 = text;
        assert_eq!(circles(&files), wanted, "{name}: {text}");
    }
}
