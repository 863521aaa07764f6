//! Where each value stands in the settings file, and how it is written there: for messages.

use std::{collections::HashMap, ops::Range};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

/// The longest value that a message shows, in bytes.
pub(super) const MAX_SHOWN: usize = 60;

/// A place in the file.
#[derive(Debug)]
pub(super) struct Place {
    /// Counted from 1.
    pub line: usize,
    /// The value as written; `None` for a table, and for what is too long for a message.
    pub value: Option<String>,
}

/// The places of all keys, as messages name them: `KEY`, `policies.staff.groups`, `collections[1].id`.
#[derive(Debug, Default)]
pub(super) struct Places(HashMap<String, Place>);

impl Places {
    /// Finds them in the text of a file.
    ///
    /// # Errors
    /// What is not TOML, as a text with its line and column. It does not quote the file: secrets stand there.
    pub(super) fn of(text: &str) -> Result<Self, String> {
        let table = DeTable::parse(text).map_err(|error| {
            let start = error.span().map_or(0, |span| span.start);
            let column = 1 + text[..start].chars().rev().take_while(|c| *c != '\n').count();
            format!("TOML parse error at line {}, column {column}: {}", line(text, start), error.message())
        })?;
        let mut places = Self::default();
        places.add_table(text, "", table.get_ref());
        Ok(places)
    }

    /// The place of a key, or else of the table that it is missing from.
    pub(super) fn of_key(&self, key: &str) -> Option<&Place> {
        let table = || self.0.get(key.rsplit_once('.')?.0);
        self.0.get(key).or_else(table)
    }

    fn add_table(&mut self, text: &str, path: &str, table: &DeTable<'_>) {
        for (name, value) in table {
            let name = name.get_ref();
            let path = if path.is_empty() { name.to_string() } else { format!("{path}.{name}") };
            self.add(text, path, value);
        }
    }

    fn add(&mut self, text: &str, path: String, value: &Spanned<DeValue<'_>>) {
        let span = value.span();
        let line = line(text, span.start);
        let mut shown = None;
        match value.get_ref() {
            DeValue::Table(table) => self.add_table(text, &path, table),
            DeValue::Array(items) if items.iter().any(|item| item.get_ref().is_table()) => {
                for (at, item) in items.iter().enumerate() {
                    self.add(text, format!("{path}[{}]", at + 1), item);
                }
            }
            _ => shown = as_written(text, span),
        }
        self.0.insert(path, Place { line, value: shown });
    }
}

fn as_written(text: &str, span: Range<usize>) -> Option<String> {
    text.get(span).filter(|value| value.len() <= MAX_SHOWN && !value.contains('\n')).map(ToOwned::to_owned)
}

fn line(text: &str, at: usize) -> usize {
    1 + text[..at].matches('\n').count()
}
