//! What is wrong with the settings.

use std::fmt;

/// One problem: where it is and how to fix it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The key, as it was written.
    pub key: String,
    /// The value, as it was written; `None` if it may be a secret, or is too long to be shown.
    pub value: Option<String>,
    /// The line of the settings file, counted from 1.
    pub line: Option<usize>,
    /// Where the value came from; `None` for a missing key.
    pub origin: Option<String>,
    /// What was expected, and how to fix it.
    pub text: String,
}

impl Problem {
    pub(super) fn new(key: &str, origin: Option<String>, text: impl Into<String>) -> Self {
        Self { key: key.to_owned(), value: None, line: None, origin, text: text.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, value, line, origin, text } = self;
        f.write_str(key)?;
        if let Some(value) = value {
            write!(f, " = {value}")?;
        }
        match (origin, line) {
            (Some(origin), Some(line)) => write!(f, " (from {origin}, line {line})")?,
            (Some(origin), None) => write!(f, " (from {origin})")?,
            (None, _) => {}
        }
        write!(f, ": {text}")
    }
}

/// Everything that is wrong with the settings.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.0.len() == 1 { "" } else { "s" };
        write!(f, "{} problem{plural} in the settings:", self.0.len())?;
        for problem in &self.0 {
            write!(
                f,
                "
  {problem}"
            )?;
        }
        Ok(())
    }
}
