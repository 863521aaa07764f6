//! A scope with its dependencies.

use std::fmt::{self, Display, Write as _};

use serde::{Deserialize, Serialize};

use super::error::ScopeParseError;

const SPECIAL: [char; 4] = ['[', ']', '*', ' '];

/// One scope with the scopes it depends on, in [normal form](super#normal-form).
///
/// It is made from a name ([`Scope::new`]) or from text (`parse`), and printed with `to_string`. In JSON it is its text.
///
/// ```
/// use globus_sdk::scopes::{Scope, ScopeParseError};
///
/// let scope: Scope = "flow[*transfer[*data]]".parse()?;
/// assert_eq!(scope.scope_string(), "flow");
/// assert!(scope.dependencies()[0].is_optional());
/// assert_eq!(scope, Scope::new("flow")?.with_dependency("*transfer[*data]".parse()?)?);
/// assert_eq!(scope.to_string(), "flow[*transfer[*data]]");
///
/// assert_eq!("flow[flow]".parse::<Scope>(), Err(ScopeParseError::Cycle("flow".into())));
/// # Ok::<(), ScopeParseError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Scope {
    scope_string: String,
    optional: bool,
    dependencies: Vec<Scope>,
}

impl Scope {
    /// A scope without dependencies, from its name alone.
    ///
    /// # Errors
    /// [`ScopeParseError::Name`] when the text is not a name: use `parse` for text with brackets.
    pub fn new(scope_string: impl Into<String>) -> Result<Self, ScopeParseError> {
        let scope_string = scope_string.into();
        if scope_string.is_empty() || scope_string.contains(SPECIAL) || scope_string.trim() != scope_string {
            return Err(ScopeParseError::Name);
        }
        Ok(Self { scope_string, optional: false, dependencies: Vec::new() })
    }

    /// Puts a scope together from parts that are in normal form.
    pub(super) fn from_parts(scope_string: &str, optional: bool, dependencies: Vec<Self>) -> Self {
        Self { scope_string: scope_string.to_owned(), optional, dependencies }
    }

    /// The name, without mark and dependencies.
    #[must_use]
    pub fn scope_string(&self) -> &str {
        &self.scope_string
    }

    /// Whether it is marked as optional (atomically revocable).
    #[must_use]
    pub fn is_optional(&self) -> bool {
        self.optional
    }

    /// The scopes it depends on.
    #[must_use]
    pub fn dependencies(&self) -> &[Self] {
        &self.dependencies
    }

    /// The same scope, marked as optional.
    #[must_use]
    pub fn optional(self) -> Self {
        Self { optional: true, ..self }
    }

    /// The same scope, not marked as optional.
    #[must_use]
    pub fn required(self) -> Self {
        Self { optional: false, ..self }
    }
}

/// The text of the scope. It recurses no deeper than [`MAX_DEPTH`](super::MAX_DEPTH).
impl Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.optional {
            f.write_char('*')?;
        }
        f.write_str(&self.scope_string)?;
        for (place, dependency) in self.dependencies.iter().enumerate() {
            f.write_char(if place == 0 { '[' } else { ' ' })?;
            dependency.fmt(f)?;
        }
        if self.dependencies.is_empty() { Ok(()) } else { f.write_char(']') }
    }
}

impl From<Scope> for String {
    fn from(scope: Scope) -> Self {
        scope.to_string()
    }
}
