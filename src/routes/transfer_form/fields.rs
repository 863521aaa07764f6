//! The fields of the form.
//!
//! Browsers rewrite line ends in what they send, and file names may hold any character. So each field may come under its name
//! with `_json` behind it: its value is a JSON string then. The form itself does this where a value has control characters.

use std::borrow::Cow;

use url::form_urlencoded;

use crate::{error::AppError, pages::ChosenField};

/// What stands behind the name of a field whose value is a JSON string.
const JSON: &str = "_json";

/// A form that was sent.
pub(super) struct Fields(Vec<(String, String)>);

impl Fields {
    pub(super) fn parse(body: &[u8]) -> Result<Self, AppError> {
        let read = |(name, value): (Cow<'_, str>, Cow<'_, str>)| match name.strip_suffix(JSON) {
            Some(plain) => Ok((plain.to_owned(), serde_json::from_str(&value).map_err(|_| unreadable())?)),
            None => Ok((name.into_owned(), value.into_owned())),
        };
        form_urlencoded::parse(body).map(read).collect::<Result<_, _>>().map(Self)
    }

    /// A field's value, unless it is missing or empty. A button counts more than a hidden field before it.
    pub(super) fn get<'a>(&'a self, name: &str) -> Option<&'a str> {
        self.all(name).last().filter(|value| !value.is_empty())
    }

    pub(super) fn all<'a, 'n>(&'a self, name: &'n str) -> impl Iterator<Item = &'a str> + use<'a, 'n> {
        self.0.iter().filter(move |(known, _)| known == name).map(|(_, value)| &**value)
    }

    /// Whether a box is checked.
    pub(super) fn is_on(&self, name: &str) -> bool {
        self.get(name) == Some("1")
    }
}

/// A field that says the same when it comes back.
pub(super) fn field(name: &str, value: &str) -> ChosenField {
    if value.contains(char::is_control) {
        let value = serde_json::Value::from(value).to_string();
        return ChosenField { name: format!("{name}{JSON}"), value };
    }
    ChosenField { name: name.to_owned(), value: value.to_owned() }
}

fn unreadable() -> AppError {
    refused("The form is not readable", "One of its fields is not as this site writes it. Choose the files again.")
}

/// What is wrong with a form, in words.
pub(super) fn refused(title: &'static str, message: &'static str) -> AppError {
    AppError::Refused { title: title.into(), message: message.into(), cause: title.into(), sign_in: None }
}

#[cfg(test)]
mod tests {
    use super::{Fields, field};

    #[test]
    fn any_name_comes_back_as_it_was() {
        for name in ["a b&c=d%.txt", "line\nend\r\n.txt", "\u{0}", "\"quoted\"", "ü\u{202e}"] {
            let sent = field("item", name);
            let body =
                url::form_urlencoded::Serializer::new(String::new()).append_pair(&sent.name, &sent.value).finish();
            assert!(!sent.value.contains(char::is_control), "{sent:?}");
            let fields = Fields::parse(body.as_bytes());
            assert_eq!(fields.ok().as_ref().and_then(|fields| fields.get("item")), Some(name));
        }
        assert!(Fields::parse(b"item_json=nonsense").is_err());
    }
}
