//! What a shell would have processed but an env file keeps: quotes around a value, and references to variables. Also values
//! that are not UTF-8.

/// Pairs of quotes, including typographic ones.
const QUOTES: [(char, char); 7] =
    [('"', '"'), ('\'', '\''), ('`', '`'), ('“', '”'), ('„', '“'), ('‘', '’'), ('«', '»')];

/// What is wrong with a value that still has its quotes or a reference to a variable, and what to do. The text shows nothing
/// of the value, which may be a secret. A secret that really looks like that belongs in a file (`<KEY>_FILE`).
pub(super) fn problem(text: &str) -> Option<String> {
    let text = text.trim();
    if text.contains(char::REPLACEMENT_CHARACTER) {
        return Some("it is not UTF-8 text".to_owned());
    }
    if is_quoted(text) {
        return Some(
            "the quotes around it are part of the value: write it without them (env files keep quotes)".to_owned(),
        );
    }
    has_reference(text).then(|| {
        "it holds a reference to a variable, such as ${NAME}, which is not expanded here: write the value itself"
            .to_owned()
    })
}

/// What is wrong with a variable's value that still has a comment after it. Within a string of the settings file, `#` is an
/// ordinary character.
pub(super) fn comment(text: &str) -> Option<String> {
    let has_comment = text.contains(" # ") || text.contains("\t# ");
    has_comment.then(|| "what follows # is part of the value: write the comment on a line of its own".to_owned())
}

fn is_quoted(text: &str) -> bool {
    QUOTES.iter().any(|(open, close)| {
        let inner = text.strip_prefix(*open).and_then(|rest| rest.strip_suffix(*close));
        inner.is_some_and(|inner| !inner.contains([*open, *close]))
    })
}

/// Whether a text refers to a variable: `${NAME}` anywhere, `$NAME` alone or between separators, or as the whole text `$(…)`,
/// `%NAME%` or `{{ … }}`. A `$` in the middle of a random key does not count.
fn has_reference(text: &str) -> bool {
    let between = |open: &str, close: &str| {
        text.strip_prefix(open).and_then(|rest| rest.strip_suffix(close)).is_some_and(|inner| !inner.is_empty())
    };
    let percent = text.strip_prefix('%').and_then(|rest| rest.strip_suffix('%')).is_some_and(is_name);
    percent
        || between("$(", ")")
        || between("{{", "}}")
        || text.strip_prefix('$').is_some_and(is_name)
        || text.match_indices('$').any(|(at, _)| is_reference(&text[..at], &text[at + 1..]))
}

/// Whether a `$` between these two texts begins a reference.
fn is_reference(before: &str, after: &str) -> bool {
    if let Some(braced) = after.strip_prefix('{') {
        return braced.split_once('}').is_some_and(|(inner, _)| {
            let name = inner.split([':', '-', '?', '+']).next().unwrap_or_default();
            is_name(name)
        });
    }
    if let Some(parenthesized) = after.strip_prefix('(') {
        return parenthesized.split_once(')').is_some_and(|(inner, _)| is_name(inner));
    }
    let end = after.find(|c: char| !c.is_ascii_uppercase() && !c.is_ascii_digit() && c != '_').unwrap_or(after.len());
    let separates = |c: Option<char>| c.is_none_or(|c| " \t\n:/@,;=?&.".contains(c));
    end > 1 && is_name(&after[..end]) && separates(before.chars().last()) && separates(after[end..].chars().next())
}

/// The name of a variable.
fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::{comment, problem};

    #[test]
    fn quotes_and_variables_are_found() {
        for text in [
            "\"localhost:5000\"",
            "'a b'",
            " \"a\" ",
            "“a”",
            "`a`",
            "\"\"",
            "${SECRET}",
            "${SECRET:-default}",
            "${secret-}",
            "prefix-${X}-suffix",
            "$SECRET",
            "$secret",
            "$(cat /run/secrets/key)",
            "postgres://u:$(PASSWORD)@db/p",
            "postgres://u:$PASSWORD@db/p",
            "$HOST:5000",
            "openid $SCOPES",
            "{{ .Values.key }}",
            "%SECRET%",
            "not\u{fffd}text",
        ] {
            assert!(problem(text).is_some(), "{text}");
        }
    }

    #[test]
    fn a_comment_behind_a_value_is_found() {
        assert!(comment("json # for the collector").is_some() && comment("5\t# seconds").is_some());
        assert!(comment("a#b").is_none() && comment("Lab #5").is_none() && comment("#").is_none());
    }

    #[test]
    fn what_a_key_or_a_name_may_hold_is_not_taken_for_them() {
        for text in [
            "localhost:5000",
            "it's 5 o'clock",
            "Smith's \"Lab\"",
            "\"One\" and \"Two\"",
            "a$b",
            "p$ABCd{x}",
            "=.DKwWzDd}!3}6yeAY+WTF#W:zt5msTI7]2`o}Y!ziU!#CYD+;T9JpW$ud|5C_3",
            "costs $100",
            "$",
            "$$",
            "${}",
            "${1}",
            "100%",
            "{{}}",
            "\"",
            "a{{b}}c",
            "",
        ] {
            assert_eq!(problem(text), None, "{text}");
        }
    }
}
