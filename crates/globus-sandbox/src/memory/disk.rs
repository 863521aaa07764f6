//! The files of collections: a small, realistic tree for each, in memory, created on first access.

use std::collections::HashMap;

use crate::memory::paths::{home, inside};
use crate::memory::tree::Tree;
use crate::world::collections::{Collection, Kind};

/// What is in the home folder of every collection.
const FILES: [(&str, u64); 11] = [
    ("README.txt", 1_204),
    (".hidden-settings", 310),
    ("file with spaces & umlauts äöü.txt", 77),
    ("<img src=x onerror=alert(1)>.txt", 12),
    ("data/frames.h5", 2_147_483_648),
    ("data/notes.txt", 2_048),
    ("data/raw/run-1.dat", 734_003_200),
    ("data/raw/run-2.dat", 734_003_201),
    ("results/summary.csv", 48_230),
    ("results/figures/overview.png", 912_044),
    ("restricted/secret.txt", 9),
];

/// Names that are allowed and that break careless programs.
const ODD_NAMES: [&str; 22] = [
    "  two spaces before, one after ",
    "hash#1.txt",
    "percent%20sign.txt",
    "question?.txt",
    "ampersand&equals=plus+.txt",
    "quotes \" and ' and `.txt",
    "semicolon;comma,colon:.txt",
    "a new\nline.txt",
    "a\ttab.txt",
    "a bell\u{7}.txt",
    "invoice\u{202e}fdp.exe",
    "zero\u{200b}width.txt",
    "microscope 🔬.txt",
    "-rf",
    ".dot first.txt",
    "dots...",
    "back\\slash.txt",
    "<b>bold<b>.html",
    "{{ 7*7 }}.txt",
    "star*.txt",
    "é composed, e\u{301} decomposed.txt",
    // Names that are not UTF-8 reach clients like this.
    "not UTF-8 \u{fffd}\u{fffd}.dat",
];

/// The trees that have been accessed: at most one for each collection.
#[derive(Default)]
pub(crate) struct Disks(HashMap<String, Tree>);

impl Disks {
    pub(crate) fn of(&mut self, collection: &Collection) -> &mut Tree {
        self.0.entry(collection.id.clone()).or_insert_with(|| usual(collection))
    }
}

/// The tree that a collection starts with.
fn usual(collection: &Collection) -> Tree {
    let mut tree = Tree::empty();
    let start = inside(home(collection));
    for (name, size) in FILES {
        tree.build(&format!("{start}{name}"), size);
    }
    for number in 1..=250 {
        tree.build(&format!("{start}many/frame-{number:04}.tif"), 8_388_608 + number);
    }
    tree.build_link(&format!("{start}latest"), "README.txt");
    tree.adjust(&format!("{start}restricted"), |folder| folder.permissions = "0700");
    if collection.kind != Kind::Personal && !collection.kind.is_guest() {
        tree.build("/scratch/tmp.dat", 1_048_576);
    }
    if !collection.crowds.is_empty() {
        add_extremes(&mut tree, &start, collection.crowds);
    }
    tree.finished()
}

/// Folders that are empty, that have very many files, and whose files have odd names.
fn add_extremes(tree: &mut Tree, start: &str, crowds: &[u32]) {
    tree.build_folder(&format!("{start}empty folder"));
    for count in crowds {
        tree.build_crowd(&format!("{start}large/{count} files"), *count);
    }
    for (size, name) in (100..).zip(ODD_NAMES) {
        tree.build(&format!("{start}odd names/{name}"), size);
    }
    tree.build(&format!("{start}odd names/{}", "long".repeat(64).split_at(255).0), 255);
}
