//! From text to scopes and back, and scopes put together.

use std::{fmt::Display, str::FromStr};

use super::{error::ScopeParseError, graph::Graph, scope::Scope, tokens::tokenize};

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
