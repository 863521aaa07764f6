//! Reads values one by one, and notes what is wrong with them.

use config::ValueKind;

use super::{
    Problem,
    sources::{Found, Values},
    unexpanded,
};

/// Values that have not been read yet, and what was found about the others.
pub(super) struct Reader {
    pub values: Values,
    pub problems: Vec<Problem>,
    pub warnings: Vec<String>,
}

impl Reader {
    pub(super) fn problem(&mut self, key: &str, origin: Option<String>, text: impl Into<String>) {
        self.problems.push(Problem { key: key.to_owned(), origin, text: text.into() });
    }

    /// A text and its origin.
    pub(super) fn text(&mut self, key: &str) -> Option<(String, String)> {
        let Found { value, origin, is_verbatim } = self.values.remove(key)?;
        if matches!(value.kind, ValueKind::Table(_) | ValueKind::Array(_)) {
            self.problem(key, Some(origin), "expected one text");
            return None;
        }
        let text = value.into_string().ok()?.trim().to_owned();
        match unexpanded::problem(&text).filter(|_| !is_verbatim) {
            Some(problem) => {
                self.problem(key, Some(origin), problem);
                None
            }
            None => Some((text, origin)),
        }
    }

    /// Whether the value of a key, or the file that should hold it, has been refused.
    pub(super) fn has_problem(&self, key: &str) -> bool {
        self.problems.iter().any(|problem| problem.key.strip_suffix("_FILE").unwrap_or(&problem.key) == key)
    }

    /// A value that `parse` makes of a text; what it says is wrong is noted.
    pub(super) fn parsed<T>(&mut self, key: &str, parse: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        let (text, origin) = self.text(key)?;
        match parse(&text) {
            Ok(value) => Some(value),
            Err(problem) => {
                self.problem(key, Some(origin), problem);
                None
            }
        }
    }

    /// A list, or a text with spaces or commas between its items.
    pub(super) fn list(&mut self, key: &str, separators: &[char]) -> Option<(Vec<String>, String)> {
        let Found { value, origin, is_verbatim } = self.values.remove(key)?;
        let items: Result<Vec<String>, String> = match value.kind {
            ValueKind::Array(items) => {
                let texts: Option<_> = items.into_iter().map(|item| item.into_string().ok()).collect();
                texts.ok_or_else(|| "expected a list of texts, as in ['one', 'two']".to_owned())
            }
            ValueKind::Table(_) => Err("expected a list of texts, as in ['one', 'two']".to_owned()),
            _ => value
                .into_string()
                .map_err(|_| "expected a text".to_owned())
                .and_then(|text| split(&text, separators, is_verbatim)),
        };
        let items = items.and_then(|items| {
            let problem = items.iter().find_map(|item| unexpanded::problem(item)).filter(|_| !is_verbatim);
            problem.map_or(Ok(items), Err)
        });
        match items {
            Ok(items) => Some((items.into_iter().filter(|item| !item.trim().is_empty()).collect(), origin)),
            Err(problem) => {
                self.problem(key, Some(origin), problem);
                None
            }
        }
    }

    /// How many of something.
    pub(super) fn count(&mut self, key: &str, default: usize, (least, most): (usize, usize)) -> usize {
        let parsed = self.parsed(key, |text| match text.parse::<usize>() {
            Ok(count) if (least..=most).contains(&count) => Ok(count),
            _ => Err(format!("expected a whole number from {least} to {most}")),
        });
        parsed.unwrap_or(default)
    }

    /// A time in whole seconds.
    pub(super) fn seconds(&mut self, key: &str, default: u32, (least, most, most_in_words): (u32, u32, &str)) -> u32 {
        let parsed = self.parsed(key, |text| match text.parse::<u32>() {
            Ok(seconds) if (least..=most).contains(&seconds) => Ok(seconds),
            _ => Err(format!("expected a whole number of seconds, from {least} to {most_in_words}")),
        });
        parsed.unwrap_or(default)
    }
}

/// The items of a list that is one text, as in the environment.
fn split(text: &str, separators: &[char], is_verbatim: bool) -> Result<Vec<String>, String> {
    let text = text.trim();
    if is_verbatim {
        return Ok(text.split(separators).map(ToOwned::to_owned).collect());
    }
    if text.starts_with('[') && text.ends_with(']') && text.contains(['"', '\'']) {
        return Err("expected the items alone, with spaces between them: no brackets and no quotes".to_owned());
    }
    match unexpanded::problem(text) {
        Some(problem) => Err(problem),
        None => Ok(text.split(separators).map(ToOwned::to_owned).collect()),
    }
}
