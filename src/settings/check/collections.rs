//! `[[collections]]`: tables of the settings file, each one collection that the operator presents.

use std::{collections::HashMap, fs::File, io::Read as _, path::Path};

use config::{Map, Value, ValueKind};
use uuid::Uuid;

use crate::settings::{
    keys::KEYS,
    presented::{Destination, Image, Presented, PresentedCollection},
    reader::Reader,
    unexpanded,
};

const KEY: &str = "collections";
const MEMBERS: [&str; 6] = ["id", "title", "description", "path", "image", "default_destination"];
/// More would hide each other.
const MOST: usize = 50;
/// The most characters of a title, and of a description.
const MOST_TITLE: usize = 100;
const MOST_DESCRIPTION: usize = 1_000;
/// The most bytes of a path.
const MOST_PATH: usize = 4_096;
/// The largest picture, in bytes.
const MOST_IMAGE: u64 = 2 << 20;

/// Reads all of them. Paths of pictures are relative to `folder`, that of the settings file.
pub(super) fn read(reader: &mut Reader, folder: &Path) -> Presented {
    let Some((tables, origin)) = reader.tables(KEY) else { return Presented::default() };
    if tables.len() > MOST {
        let text = format!("expected at most {MOST} tables [[collections]]");
        reader.problem(KEY, Some(origin), text);
        return Presented::default();
    }
    let mut presented = Vec::new();
    for (at, table) in tables.into_iter().enumerate() {
        match Table::new(table).and_then(|table| collection(table, folder)) {
            Ok(one) => presented.push(one),
            Err(problems) => {
                for (member, text) in problems {
                    reader.problem(&format!("{KEY}[{}].{member}", at + 1), Some(origin.clone()), text);
                }
            }
        }
    }
    Presented(presented)
}

/// What is wrong, by the member it is about.
type Wrong = Vec<(String, String)>;

/// The members of one table that have not been read yet, and what is wrong with those that have.
struct Table {
    members: HashMap<String, String>,
    wrong: Wrong,
}

impl Table {
    fn new(table: Map<String, Value>) -> Result<Self, Wrong> {
        let (mut members, mut wrong) = (HashMap::new(), Wrong::new());
        for (name, value) in table {
            if !MEMBERS.contains(&&*name) {
                wrong.push((name.clone(), unknown(&name)));
                continue;
            }
            match value.kind {
                ValueKind::String(text) => drop(members.insert(name, text.trim().to_owned())),
                _ => wrong.push((name, "expected one text in quotes".to_owned())),
            }
        }
        if wrong.is_empty() { Ok(Self { members, wrong }) } else { Err(wrong) }
    }

    /// A text of at most so many characters, unless it is missing or empty.
    fn text(&mut self, name: &str, most: usize) -> Option<String> {
        let text = self.members.remove(name).filter(|text| !text.is_empty())?;
        let problem = match unexpanded::problem(&text) {
            None if text.chars().count() > most => Some(format!("expected at most {most} characters")),
            other => other,
        };
        problem.map_or(Some(text), |problem| {
            self.wrong.push((name.to_owned(), problem));
            None
        })
    }

    fn parsed<T>(&mut self, name: &str, parse: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        let text = self.text(name, MOST_PATH)?;
        parse(&text).map_err(|problem| self.wrong.push((name.to_owned(), problem))).ok()
    }

    fn required<T: Default>(&mut self, name: &str, found: Option<T>) -> T {
        if found.is_none() && !self.wrong.iter().any(|(known, _)| known == name) {
            self.wrong.push((name.to_owned(), "missing".to_owned()));
        }
        found.unwrap_or_default()
    }
}

fn unknown(name: &str) -> String {
    if KEYS.iter().any(|(key, _)| *key == name) {
        return format!("{name} is a setting of its own: write it above the first [[collections]]");
    }
    let likeness = |known: &str| strsim::jaro(known, name);
    let near = MEMBERS.iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b))).filter(|near| likeness(near) > 0.7);
    let hint = near.map(|near| format!(": did you mean {near}?")).unwrap_or_default();
    format!("there is no such setting{hint}")
}

fn collection(mut table: Table, folder: &Path) -> Result<PresentedCollection, Wrong> {
    let id = table.parsed("id", collection_id);
    let title = table.text("title", MOST_TITLE);
    let presented = PresentedCollection {
        id: table.required("id", id),
        title: table.required("title", title),
        description: table.text("description", MOST_DESCRIPTION),
        path: table.parsed("path", folder_path),
        image: table.parsed("image", |path| image(&folder.join(path))),
        default_destination: table.parsed("default_destination", destination),
    };
    if table.wrong.is_empty() { Ok(presented) } else { Err(table.wrong) }
}

fn collection_id(text: &str) -> Result<String, String> {
    Uuid::parse_str(text).map(|id| id.to_string()).map_err(|_| {
        "expected the id of a collection, a UUID: Globus's web app shows it in the collection's overview".to_owned()
    })
}

/// A folder's path, with a slash at its end.
fn folder_path(text: &str) -> Result<String, String> {
    let parts = text.trim_matches('/').split(['/', '\\']);
    let is_good = text.starts_with('/')
        && !text.contains(char::is_control)
        && (text == "/" || parts.into_iter().all(|part| !matches!(part, "" | "." | "..")));
    if !is_good {
        return Err("expected the path of a folder, such as /data/open/, without . and ..".to_owned());
    }
    Ok(if text.ends_with('/') { text.to_owned() } else { format!("{text}/") })
}

fn destination(text: &str) -> Result<Destination, String> {
    let (id, path) = text.split_once(':').map_or((text, None), |(id, path)| (id, Some(path)));
    let wanted = |_| "expected a collection's id, or the id, a colon and a folder, such as ID:/incoming/".to_owned();
    Ok(Destination { id: collection_id(id).map_err(wanted)?, path: path.map(folder_path).transpose().map_err(wanted)? })
}

fn image(path: &Path) -> Result<Image, String> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(MOST_IMAGE + 1).read_to_end(&mut bytes));
    read.map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    if bytes.len() as u64 > MOST_IMAGE {
        return Err(format!("{} is larger than {} MiB", path.display(), MOST_IMAGE >> 20));
    }
    let (content_type, extension) =
        kind(&bytes).ok_or_else(|| format!("{} is no PNG, JPEG, WebP, GIF or SVG picture", path.display()))?;
    Ok(Image { content_type, extension, bytes })
}

/// What a picture is, by its first bytes.
fn kind(bytes: &[u8]) -> Option<(&'static str, &'static str)> {
    let begins = |with: &[u8]| bytes.starts_with(with);
    if begins(b"\x89PNG\r\n\x1a\n") {
        return Some(("image/png", "png"));
    }
    if begins(b"\xff\xd8\xff") {
        return Some(("image/jpeg", "jpg"));
    }
    if begins(b"GIF8") {
        return Some(("image/gif", "gif"));
    }
    if begins(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") {
        return Some(("image/webp", "webp"));
    }
    let text = std::str::from_utf8(bytes).ok()?.trim_start_matches('\u{feff}').trim_start();
    (text.starts_with('<') && text.contains("<svg")).then_some(("image/svg+xml", "svg"))
}
