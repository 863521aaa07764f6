//! Query strings and forms, encoded as HTML forms encode them: a space is `+`, `A-Z a-z 0-9 _ . - ~` stay, and every
//! other byte of the UTF-8 text is `%XX`.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::error::UsageError;

const KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'_').remove(b'.').remove(b'-').remove(b'~').remove(b' ');
const KEPT_IN_PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'_').remove(b'.').remove(b'-').remove(b'~');

/// Text as it stands in a form or query.
pub(crate) fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len() + 16);
    encode_to(&mut encoded, text);
    encoded
}

/// Adds text to a form or query.
pub(crate) fn encode_to(encoded: &mut String, text: &str) {
    for (number, word) in text.split(' ').enumerate() {
        encoded.push_str(if number > 0 { "+" } else { "" });
        encoded.extend(utf8_percent_encode(word, KEPT));
    }
}

/// An id as one segment of a path. No encoding makes a segment of `.` or `..`: a URL parser takes both for directions
/// (URL Standard, "path state"), and the call would reach another resource.
pub(crate) fn segment(id: &str) -> Result<String, UsageError> {
    if matches!(id, "" | "." | "..") {
        return Err(UsageError(format!("'{id}' is no id")));
    }
    Ok(utf8_percent_encode(id, KEPT_IN_PATH).to_string())
}

/// A yes or no as Transfer reads it.
pub(crate) fn flag(value: bool) -> &'static str {
    if value { "1" } else { "0" }
}

/// Parameters in their order.
#[derive(Clone, Default)]
pub(crate) struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// Sets a parameter: a name that is already there gets the new value in its old place.
    pub(crate) fn set(&mut self, name: &str, value: impl Into<String>) {
        let value = value.into();
        match self.0.iter_mut().find(|(known, _)| known == name) {
            Some((_, old)) => *old = value,
            None => self.0.push((name.to_owned(), value)),
        }
    }

    /// Sets a parameter that has a value.
    pub(crate) fn set_some(&mut self, name: &str, value: Option<impl Into<String>>) {
        if let Some(value) = value {
            self.set(name, value);
        }
    }

    /// Adds a parameter at the end, also where the name is there already.
    pub(crate) fn add(&mut self, name: &str, value: impl Into<String>) {
        self.0.push((name.to_owned(), value.into()));
    }

    /// Takes a parameter away.
    pub(crate) fn remove(&mut self, name: &str) {
        self.0.retain(|(known, _)| known != name);
    }

    /// Sets parameters that the caller names: a name that is already there gets the new value in its old place.
    pub(crate) fn set_all(&mut self, parameters: &[(&str, &str)]) {
        for (name, value) in parameters {
            self.set(name, *value);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// `a=1&b=2`.
    pub(crate) fn encoded(&self) -> String {
        let mut encoded = String::with_capacity(self.0.iter().map(|(name, value)| name.len() + value.len() + 8).sum());
        for (number, (name, value)) in self.0.iter().enumerate() {
            encoded.push_str(if number > 0 { "&" } else { "" });
            encode_to(&mut encoded, name);
            encoded.push('=');
            encode_to(&mut encoded, value);
        }
        encoded
    }
}

impl From<&[(&str, &str)]> for Parameters {
    fn from(pairs: &[(&str, &str)]) -> Self {
        Self(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }
}
