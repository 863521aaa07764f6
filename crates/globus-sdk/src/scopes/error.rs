//! Why scopes cannot be parsed, and the bounds on scopes.

use crate::text::plain;

/// How deep scopes may be nested; one without dependencies is one deep. Real ones are two or three deep.
pub const MAX_DEPTH: usize = 64;
/// How many scopes a text or list may hold, with all their dependencies. A short text can stand for very many, since
/// each place where a name stands gets all dependencies of that name.
pub const MAX_SCOPES: usize = 10_000;

/// Why scopes cannot be parsed or combined. The messages are those of the Globus Python SDK where it
/// has one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
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
