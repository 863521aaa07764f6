//! Values as they were found, each with its origin.

use std::collections::BTreeMap;

use config::{Value, ValueKind};

use super::unexpanded;

pub(super) const FROM_ENVIRONMENT: &str = "the environment variable ";

/// A value and where it came from.
#[derive(Debug)]
pub(super) struct Found {
    pub value: Value,
    pub origin: String,
    /// Whether every character counts, as in a secret from a file of its own.
    pub is_verbatim: bool,
}

impl Found {
    pub(super) fn new(value: impl Into<ValueKind>, origin: &str) -> Self {
        Self { value: Value::new(None, value), origin: origin.to_owned(), is_verbatim: false }
    }

    /// A secret from a file of its own.
    pub(super) fn of_own_file(secret: &str, path: &str) -> Self {
        Self { is_verbatim: true, ..Self::new(secret, &format!("the file {path}")) }
    }

    pub(super) fn is_from_environment(&self) -> bool {
        self.origin.starts_with(FROM_ENVIRONMENT)
    }

    /// What is wrong with a text of this value: a leftover of an env file or a template.
    pub(super) fn left_over(&self, text: &str) -> Option<String> {
        if self.is_verbatim {
            return None;
        }
        unexpanded::problem(text).or_else(|| unexpanded::comment(text).filter(|_| self.is_from_environment()))
    }
}

/// All values by their key.
pub(super) type Values = BTreeMap<String, Found>;

/// Whether a value is empty.
pub(super) fn is_empty(value: &Value) -> bool {
    matches!(&value.kind, ValueKind::String(text) if text.trim().is_empty()) || matches!(value.kind, ValueKind::Nil)
}
