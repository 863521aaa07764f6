//! Parts of an error answer's body.

use std::fmt;

use serde_json::{Map, Value};

use crate::text::plain;

/// One error of those that an answer lists.
#[derive(Clone, Copy)]
pub struct ErrorSubdocument<'a> {
    pub(super) raw: &'a Map<String, Value>,
    pub(super) message_fields: &'static [&'static str],
}

impl<'a> ErrorSubdocument<'a> {
    /// The document as it came.
    #[must_use]
    pub fn raw(&self) -> &'a Map<String, Value> {
        self.raw
    }

    /// A member of it.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&'a Value> {
        self.raw.get(name)
    }

    /// Its code, if that is a text.
    #[must_use]
    pub fn code(&self) -> Option<&'a str> {
        self.get("code")?.as_str()
    }

    /// Its text for people: the first that is there of `message`, `detail` and `title`; in JSON:API `message` means
    /// nothing.
    #[must_use]
    pub fn message(&self) -> Option<&'a str> {
        self.message_fields.iter().find_map(|name| self.get(name)?.as_str())
    }
}

/// Its code alone.
impl fmt::Debug for ErrorSubdocument<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ErrorSubdocument({})", plain(self.code().unwrap_or_default()))
    }
}

/// What an error says beyond code and messages (the SDK's `ErrorInfoContainer`). [`to_gare`](crate::gare::to_gare) knows more forms and
/// checks types.
#[derive(Clone, Copy)]
pub struct ErrorInfo<'a> {
    pub(super) document: Option<&'a Map<String, Value>>,
}

impl<'a> ErrorInfo<'a> {
    /// The scopes that the person has to consent to, when the code is `ConsentRequired` and there are any: of
    /// `required_scopes`, or else the one of `required_scope`.
    #[must_use]
    pub fn consent_required(&self) -> Option<Vec<&'a str>> {
        let document = self.document?;
        if document.get("code")?.as_str()? != "ConsentRequired" {
            return None;
        }
        let list = document.get("required_scopes").and_then(Value::as_array);
        let list: Option<Vec<_>> = list.and_then(|scopes| scopes.iter().map(Value::as_str).collect());
        let scopes = match list {
            Some(scopes) => scopes,
            None => vec![document.get("required_scope")?.as_str()?],
        };
        (!scopes.is_empty()).then_some(scopes)
    }

    /// The member `authorization_parameters` as it came, when it is an object.
    #[must_use]
    pub fn authorization_parameters(&self) -> Option<&'a Map<String, Value>> {
        self.document?.get("authorization_parameters")?.as_object()
    }
}

/// What there is, and none of its texts.
impl fmt::Debug for ErrorInfo<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ErrorInfo")
            .field("consent_required", &self.consent_required().is_some())
            .field("authorization_parameters", &self.authorization_parameters().is_some())
            .finish()
    }
}
