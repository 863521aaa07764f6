use std::{
    fmt::{self, Display, Write as _},
    str::FromStr,
};

use serde::{Deserialize, Serialize};

use super::{graph::Graph, tokens::tokenize};
use crate::error::plain;

/// How deep scopes may be nested; one without dependencies is one deep. Real ones are two or three deep.
pub const MAX_DEPTH: usize = 64;
/// How many scopes a text or list may hold, with all their dependencies. A short text can stand for very many, since
/// each place where a name stands gets all dependencies of that name.
pub const MAX_SCOPES: usize = 10_000;

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

/// Why a text is no scope, or why scopes do not go together. The messages are those of the Globus Python SDK where it
/// has one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScopeParseError {
    /// `a[]`.
    #[error("found empty brackets")]
    EmptyBrackets,
    /// `a[[b]]`.
    #[error("found double left-bracket")]
    DoubleLeftBracket,
    /// `a[`.
    #[error("ended in left bracket")]
    EndedInLeftBracket,
    /// `a[b`.
    #[error("unclosed brackets, missing ']'")]
    UnclosedBrackets,
    /// `[a]`.
    #[error("found '[' without a preceding scope string")]
    BracketWithoutScope,
    /// `a]`.
    #[error("found ']' with no matching '[' preceding it")]
    UnmatchedRightBracket,
    /// `a [b]`.
    #[error("'[' cannot have a preceding space")]
    SpaceBeforeBracket,
    /// `a[b]c`.
    #[error("']' may only be followed by a space or ']'")]
    TextAfterBracket,
    /// `* a`.
    #[error("'*' must not be followed by a space")]
    SpaceAfterOptional,
    /// `**a`.
    #[error("a scope string must always follow an optional marker")]
    OptionalWithoutScope,
    /// `a *`.
    #[error("ended in optional marker")]
    EndedInOptional,
    /// A scope that depends on itself (the SDK's `ScopeCycleError`); with its name.
    #[error("A cycle was found involving '{}'", plain(.0))]
    Cycle(String),
    /// Something else than one scope, where one is wanted; with the number found.
    #[error("`Scope.parse()` did not get exactly one scope. Instead got {0}")]
    NotOne(usize),
    /// A name that cannot be one: it is empty, has a special character, or begins or ends with white space.
    #[error("Scope instances may not contain the special characters '[]* '. Use Scope.parse instead.")]
    Name,
    /// No scope, where some are wanted.
    #[error("'scopes' cannot be the empty string or empty collection.")]
    Empty,
    /// Scopes nested deeper than [`MAX_DEPTH`].
    #[error("scopes are nested deeper than {MAX_DEPTH}")]
    TooDeep,
    /// More scopes than [`MAX_SCOPES`].
    #[error("there are more than {MAX_SCOPES} scopes")]
    TooMany,
}

impl Scope {
    /// A scope without dependencies, from its name alone.
    ///
    /// # Errors
    /// [`ScopeParseError::Name`] when the text is no name: use `parse` for text with brackets.
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
        self.with_optional(true)
    }

    /// The same scope, marked as optional or not.
    #[must_use]
    pub fn with_optional(self, optional: bool) -> Self {
        Self { optional, ..self }
    }

    /// The same scope with one dependency more. One that is there already is united with it.
    ///
    /// # Errors
    /// [`ScopeParseError::Cycle`], [`ScopeParseError::TooDeep`] or [`ScopeParseError::TooMany`].
    pub fn with_dependency(self, dependency: Self) -> Result<Self, ScopeParseError> {
        self.with_dependencies([dependency])
    }

    /// The same scope with more dependencies, as [`Scope::with_dependency`].
    ///
    /// # Errors
    /// As [`Scope::with_dependency`].
    pub fn with_dependencies(self, dependencies: impl IntoIterator<Item = Self>) -> Result<Self, ScopeParseError> {
        let more: Vec<Self> = dependencies.into_iter().collect();
        let mut graph = Graph::default();
        let node = graph.add_tree(None, &self)?;
        for dependency in &more {
            graph.add_tree(Some(node), dependency)?;
        }
        one(graph.scopes()?)
    }
}

fn one(scopes: Vec<Scope>) -> Result<Scope, ScopeParseError> {
    let [scope]: [Scope; 1] = scopes.try_into().map_err(|scopes: Vec<Scope>| ScopeParseError::NotOne(scopes.len()))?;
    Ok(scope)
}

/// The text of the scope. It recurses no deeper than [`MAX_DEPTH`].
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

/// Reads a text with exactly one scope; [`parse`] reads one with several.
impl FromStr for Scope {
    type Err = ScopeParseError;

    fn from_str(text: &str) -> Result<Self, ScopeParseError> {
        one(parse(text)?)
    }
}

impl TryFrom<String> for Scope {
    type Error = ScopeParseError;

    fn try_from(text: String) -> Result<Self, ScopeParseError> {
        text.parse()
    }
}

impl From<Scope> for String {
    fn from(scope: Scope) -> Self {
        scope.to_string()
    }
}

/// Reads a text with any number of scopes, also none, and gives them in [normal form](super#normal-form) (the SDK's
/// `ScopeParser.parse`).
///
/// # Errors
/// [`ScopeParseError`].
pub fn parse(text: &str) -> Result<Vec<Scope>, ScopeParseError> {
    Graph::from_tokens(&tokenize(text)?)?.scopes()
}

/// Two lists of scopes as one, in [normal form](super#normal-form) (the SDK's `ScopeParser.merge_scopes`): what an app
/// needs anyway together with what an error asked for, say.
///
/// # Errors
/// [`ScopeParseError`]: scopes that are fine by themselves can make a cycle together.
///
/// ```
/// use globus_sdk::scopes::{merge, parse, serialize};
///
/// let merged = merge(&parse("openid transfer[*a]")?, &parse("transfer[*b] email")?)?;
/// assert_eq!(serialize(&merged)?, "openid transfer[*a *b] email");
/// # Ok::<(), globus_sdk::scopes::ScopeParseError>(())
/// ```
pub fn merge(first: &[Scope], second: &[Scope]) -> Result<Vec<Scope>, ScopeParseError> {
    let mut graph = Graph::default();
    for scope in first.iter().chain(second) {
        graph.add_tree(None, scope)?;
    }
    graph.scopes()
}

/// The text of a `scope` parameter: scopes or texts joined with spaces, as they are, without reading or merging them
/// (the SDK's `ScopeParser.serialize`).
///
/// # Errors
/// [`ScopeParseError::Empty`] when that gives an empty text.
pub fn serialize(scopes: impl IntoIterator<Item = impl Display>) -> Result<String, ScopeParseError> {
    let texts: Vec<String> = scopes.into_iter().map(|scope| scope.to_string()).collect();
    let text = texts.join(" ");
    if text.is_empty() { Err(ScopeParseError::Empty) } else { Ok(text) }
}
