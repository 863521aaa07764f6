//! From text to scopes and back, and scopes put together.

use std::str::FromStr;

use super::{error::ScopeParseError, graph::Graph, scope::Scope, text::Scopes, tokens::tokenize};

impl Scope {
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
    pub fn with_dependencies(self, dependencies: impl Into<Scopes>) -> Result<Self, ScopeParseError> {
        let more = parse(dependencies)?;
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

/// Parses any number of scopes, including none, and gives them in [normal form](super#normal-form) (the SDK's
/// `ScopeParser.parse`).
///
/// # Errors
/// [`ScopeParseError`].
pub fn parse(scopes: impl Into<Scopes>) -> Result<Vec<Scope>, ScopeParseError> {
    Graph::from_tokens(&tokenize(scopes.into().as_str())?)?.scopes()
}

/// Merges two lists of scopes into one, in [normal form](super#normal-form) (the SDK's `ScopeParser.merge_scopes`): what an app
/// needs anyway together with what an error asked for, say.
///
/// # Errors
/// [`ScopeParseError`]: two valid lists can form a cycle together.
///
/// ```
/// use globus_sdk::scopes::{merge, serialize};
///
/// let merged = merge("openid transfer[*a]", ["transfer[*b]", "email"])?;
/// assert_eq!(serialize(merged)?, "openid transfer[*a *b] email");
/// # Ok::<(), globus_sdk::scopes::ScopeParseError>(())
/// ```
pub fn merge(first: impl Into<Scopes>, second: impl Into<Scopes>) -> Result<Vec<Scope>, ScopeParseError> {
    let (first, second) = (parse(first)?, parse(second)?);
    let mut graph = Graph::default();
    for scope in first.iter().chain(&second) {
        graph.add_tree(None, scope)?;
    }
    graph.scopes()
}

/// The text of a `scope` parameter that must not be empty: the scopes as they are, joined with spaces (the SDK's
/// `ScopeParser.serialize`).
///
/// # Errors
/// [`ScopeParseError::Empty`] when that gives an empty text.
pub fn serialize(scopes: impl Into<Scopes>) -> Result<String, ScopeParseError> {
    let text = scopes.into().to_string();
    if text.is_empty() { Err(ScopeParseError::Empty) } else { Ok(text) }
}
