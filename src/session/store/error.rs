//! Why a store cannot do what it was asked to do.

use std::{borrow::Cow, error::Error, fmt, sync::Arc};

/// The store cannot do what was asked: it is down, slow, read-only or full. Nothing is known about the session.
///
/// Its text is complete, for a log line: it includes the words of its cause. The cause itself is its
/// [`source`](Error::source), where there is one.
#[derive(Clone, Debug)]
pub struct StoreError {
    text: Cow<'static, str>,
    source: Option<Arc<dyn Error + Send + Sync>>,
}

impl StoreError {
    /// An error with this text, which must not contain a secret.
    pub fn new(text: impl Into<Cow<'static, str>>) -> Self {
        Self { text: text.into(), source: None }
    }

    /// An error whose text is that of its cause.
    pub fn from_cause(cause: impl Error + Send + Sync + 'static) -> Self {
        Self::new(cause.to_string()).with_source(cause)
    }

    /// The same error, and what caused it.
    #[must_use]
    pub fn with_source(self, source: impl Error + Send + Sync + 'static) -> Self {
        Self { source: Some(Arc::new(source)), ..self }
    }

    /// The same error, with what could not be done in front: `what: text`.
    #[must_use]
    pub fn within(self, what: &str) -> Self {
        Self { text: format!("{what}: {}", self.text).into(), ..self }
    }

    /// What happened, without the words that name the store.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the session store: {}", self.text)
    }
}

impl Error for StoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
