//! From text to tokens. What may stand next to what is checked here for characters and in the graph for tokens, in the
//! SDK's order, so that a text with several mistakes gets the same error.

use super::error::{MAX_SCOPES, ScopeParseError};

/// A scope has at most its mark, its name and two brackets.
const MAX_TOKENS: usize = 4 * MAX_SCOPES;

/// A piece of a scope text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token<'a> {
    Open,
    Close,
    Optional,
    /// A name: never empty.
    Name(&'a str),
}

/// Takes a text apart. White space around a name is no part of it; only the space separates names.
pub(super) fn tokenize(text: &str) -> Result<Vec<Token<'_>>, ScopeParseError> {
    let mut tokens = Vec::new();
    let mut start = 0;
    for (at, character) in text.char_indices() {
        let mark = match character {
            '[' => Some(Token::Open),
            ']' => Some(Token::Close),
            '*' => Some(Token::Optional),
            ' ' => None,
            _ => continue,
        };
        let end = at + character.len_utf8();
        check_neighbours(character, text[end..].chars().next())?;
        tokens.extend(name(&text[start..at]));
        tokens.extend(mark);
        if tokens.len() > MAX_TOKENS {
            return Err(ScopeParseError::TooMany);
        }
        start = end;
    }
    tokens.extend(name(&text[start..]));
    Ok(tokens)
}

fn name(text: &str) -> Option<Token<'_>> {
    let name = text.trim();
    (!name.is_empty()).then_some(Token::Name(name))
}

fn check_neighbours(character: char, next: Option<char>) -> Result<(), ScopeParseError> {
    match (character, next) {
        ('*', Some(' ')) => Err(ScopeParseError::SpaceAfterOptional),
        (']', Some(next)) if next != ' ' && next != ']' => Err(ScopeParseError::TextAfterBracket),
        (' ', Some('[')) => Err(ScopeParseError::SpaceBeforeBracket),
        _ => Ok(()),
    }
}
