//! Reads values one by one, and collects what is wrong with them.

use config::{Map, Value, ValueKind};

use super::{
    found::{Found, Values},
    problems::Problem,
};

/// The values that have not been read yet, and the problems of those that have.
pub(super) struct Reader {
    pub values: Values,
    pub problems: Vec<Problem>,
    pub warnings: Vec<String>,
}

impl Reader {
    pub(super) fn of(values: Values, problems: Vec<Problem>) -> Self {
        Self { values, problems, warnings: Vec::new() }
    }

    pub(super) fn problem(&mut self, key: &str, origin: Option<String>, text: impl Into<String>) {
        self.problems.push(Problem::new(key, origin, text));
    }

    /// A text and its origin.
    pub(super) fn text(&mut self, key: &str) -> Option<(String, String)> {
        self.one(key, one_text)
    }

    fn one(&mut self, key: &str, read: fn(&Found) -> Result<String, String>) -> Option<(String, String)> {
        let found = self.values.remove(key)?;
        let text = read(&found).and_then(|text| found.left_over(&text).map_or(Ok(text), Err));
        match text {
            Ok(text) => Some((text, found.origin)),
            Err(problem) => {
                self.problem(key, Some(found.origin), problem);
                None
            }
        }
    }

    /// Whether the value of a key, or of its `_FILE`, was rejected.
    pub(super) fn has_problem(&self, key: &str) -> bool {
        self.problems.iter().any(|problem| problem.key.strip_suffix("_FILE").unwrap_or(&problem.key) == key)
    }

    /// A text that `parse` turns into a value. Its error becomes a problem.
    pub(super) fn parsed<T>(&mut self, key: &str, parse: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        let found = self.text(key)?;
        self.parse(key, found, parse)
    }

    /// The same for a number or a truth value, which may also be written as text.
    pub(super) fn parsed_scalar<T>(&mut self, key: &str, parse: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        let found = self.one(key, scalar)?;
        self.parse(key, found, parse)
    }

    fn parse<T>(
        &mut self,
        key: &str,
        (text, origin): (String, String),
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        match parse(&text) {
            Ok(value) => Some(value),
            Err(problem) => {
                self.problem(key, Some(origin), problem);
                None
            }
        }
    }

    /// A list, or a text whose items these separators separate.
    pub(super) fn list(&mut self, key: &str, separators: &[char]) -> Option<(Vec<String>, String)> {
        let found = self.values.remove(key)?;
        match items(&found, separators) {
            Ok(items) => Some((items.into_iter().filter(|item| !item.trim().is_empty()).collect(), found.origin)),
            Err(problem) => {
                self.problem(key, Some(found.origin), problem);
                None
            }
        }
    }

    /// Tables under one name, in their order.
    pub(super) fn tables(&mut self, key: &str) -> Option<(Vec<Map<String, Value>>, String)> {
        let found = self.values.remove(key)?;
        let table = |value: Value| value.into_table().ok();
        let tables = match found.value.kind {
            ValueKind::Array(values) => values.into_iter().map(table).collect::<Option<Vec<_>>>(),
            _ => None,
        };
        if tables.is_none() {
            let text = format!("expected tables [[{key}]] at the end of the settings file");
            self.problem(key, Some(found.origin), text);
            return None;
        }
        Some((tables?, found.origin))
    }

    /// Tables by their names.
    pub(super) fn named_tables(&mut self, key: &str) -> Option<(Vec<NamedTable>, String)> {
        let found = self.values.remove(key)?;
        let table = |(name, value): (String, Value)| Some((name, value.into_table().ok()?));
        let mut tables = match found.value.kind {
            ValueKind::Table(tables) => tables.into_iter().map(table).collect::<Option<Vec<_>>>(),
            _ => None,
        };
        if let Some(tables) = &mut tables {
            tables.sort_by(|(a, _), (b, _)| a.cmp(b));
        } else {
            let text = format!("expected tables [{key}.NAME] at the end of the settings file");
            self.problem(key, Some(found.origin.clone()), text);
        }
        Some((tables?, found.origin))
    }

    /// A whole number.
    pub(super) fn count(&mut self, key: &str, default: usize, (least, most): (usize, usize)) -> usize {
        let parsed = self.parsed_scalar(key, |text| match text.parse::<usize>() {
            Ok(count) if (least..=most).contains(&count) => Ok(count),
            _ => Err(format!("expected a whole number from {least} to {most}")),
        });
        parsed.unwrap_or(default)
    }

    /// A time in whole seconds.
    pub(super) fn seconds(&mut self, key: &str, default: u32, (least, most, most_in_words): (u32, u32, &str)) -> u32 {
        let parsed = self.parsed_scalar(key, |text| match text.parse::<u32>() {
            Ok(seconds) if (least..=most).contains(&seconds) => Ok(seconds),
            _ => Err(format!("expected a whole number of seconds, from {least} to {most_in_words}")),
        });
        parsed.unwrap_or(default)
    }
}

/// A table, and its name.
pub(super) type NamedTable = (String, Map<String, Value>);

fn one_text(found: &Found) -> Result<String, String> {
    text_of(&found.value).map(|text| text.trim().to_owned()).ok_or_else(|| "expected one text in quotes".to_owned())
}

fn scalar(found: &Found) -> Result<String, String> {
    match found.value.kind {
        ValueKind::Table(_) | ValueKind::Array(_) => Err("expected one value".to_owned()),
        _ => {
            let text = found.value.clone().into_string().map_err(|_| "expected one value".to_owned())?;
            Ok(text.trim().to_owned())
        }
    }
}

/// A number is no text: what would be read as one is seldom what was meant.
fn text_of(value: &Value) -> Option<&str> {
    match &value.kind {
        ValueKind::String(text) => Some(text),
        _ => None,
    }
}

fn items(found: &Found, separators: &[char]) -> Result<Vec<String>, String> {
    let no_list = || "expected a list of strings, as in ['one', 'two']".to_owned();
    let items: Vec<String> = match &found.value.kind {
        ValueKind::Table(_) => return Err(no_list()),
        ValueKind::Array(items) => {
            let texts: Option<_> = items.iter().map(|item| text_of(item).map(ToOwned::to_owned)).collect();
            texts.ok_or_else(no_list)?
        }
        _ => split(found, &one_text(found).map_err(|_| no_list())?, separators)?,
    };
    items.iter().find_map(|item| found.left_over(item)).map_or(Ok(items), Err)
}

/// The items of a list that is given as one text, as in the environment.
fn split(found: &Found, text: &str, separators: &[char]) -> Result<Vec<String>, String> {
    if !found.is_verbatim && text.starts_with('[') && text.ends_with(']') && text.contains(['"', '\'']) {
        return Err("expected only the items, separated by spaces: no brackets and no quotes".to_owned());
    }
    match found.left_over(text) {
        Some(problem) => Err(problem),
        None => Ok(text.split(separators).map(ToOwned::to_owned).collect()),
    }
}
