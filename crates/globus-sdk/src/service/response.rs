//! The successful answer to a raw call.

use serde::de::DeserializeOwned;

use super::answer::Answer;
use crate::error::CallError;

/// The successful answer to a raw call. `{:?}` prints its status and length only: headers and body may hold secrets.
#[derive(Debug)]
pub struct Response(Answer);

impl From<Answer> for Response {
    fn from(answer: Answer) -> Self {
        Self(answer)
    }
}

impl Response {
    /// The status: 200 to 299.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.0.status.as_u16()
    }

    /// A header by its name, in any case of its letters; `None` where it is missing or not text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.0.headers.get(name)?.to_str().ok()
    }

    /// The body as it came.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.0.body
    }

    /// The body, read as JSON, be it an object, a list or anything else: into [`serde_json::Value`] or a type of the
    /// caller's.
    ///
    /// # Errors
    /// [`CallError::Malformed`], which names the call and the member that is missing or odd.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, CallError> {
        self.0.read()
    }
}
