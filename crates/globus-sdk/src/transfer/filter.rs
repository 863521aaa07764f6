//! Filters of listings and task lists, and their order.

use std::fmt;

/// What a listing or task list is narrowed to (Transfer API, "Filtering"): `name:~*.txt,!x/type:file`. Made from such a
/// text, or field by field:
///
/// ```
/// use globus_sdk::transfer::Filter;
/// let filter = Filter::new().with("name", &["~*.txt", "!x"]).with("type", &["file"]);
/// assert_eq!(filter.to_string(), "name:~*.txt,!x/type:file");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter(String);

impl Filter {
    /// A filter that has no conditions yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a condition: the field has one of the values. Values cannot contain commas or slashes, which separate values
    /// and conditions.
    #[must_use]
    pub fn with(mut self, field: &str, values: &[&str]) -> Self {
        if !self.0.is_empty() {
            self.0.push('/');
        }
        self.0.push_str(&format!("{field}:{}", values.join(",")));
        self
    }
}

impl From<&str> for Filter {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
