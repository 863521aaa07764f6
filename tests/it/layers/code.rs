//! Reads the code of a file: without comments, and without what stands between quotes.

use std::path::{Path, PathBuf};

/// The Rust files below a folder.
pub fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The code of a file, on the same lines.
pub fn code(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let in_a_word = kept.ends_with(|c: char| c.is_alphanumeric() || c == '_');
        let passed = comment(rest).or_else(|| raw_text(rest, in_a_word)).or_else(|| quoted(rest));
        match passed {
            Some(length) => kept.extend(rest[..length].matches('\n')),
            None => kept.push(c),
        }
        rest = &rest[passed.unwrap_or(c.len_utf8())..];
    }
    kept
}

/// The length of the comment that a text begins with. Block comments nest.
fn comment(text: &str) -> Option<usize> {
    if text.starts_with("//") {
        return Some(text.find('\n').unwrap_or(text.len()));
    }
    let mut rest = text.strip_prefix("/*")?;
    let mut depth = 1;
    while depth > 0 {
        let closes = rest.find("*/").unwrap();
        let opens = rest.find("/*").filter(|opens| *opens < closes);
        depth = if opens.is_some() { depth + 1 } else { depth - 1 };
        rest = &rest[opens.unwrap_or(closes) + 2..];
    }
    Some(text.len() - rest.len())
}

/// The length of the raw string that a text begins with: `r"…"`, `br##"…"##`.
fn raw_text(text: &str, in_a_word: bool) -> Option<usize> {
    let after = ["r", "br", "cr"].iter().find_map(|prefix| text.strip_prefix(prefix)).filter(|_| !in_a_word)?;
    let hashes = after.bytes().take_while(|byte| *byte == b'#').count();
    let inner = after[hashes..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    Some(text.len() - inner.len() + inner.find(&end).unwrap() + end.len())
}

/// The length of the string or the character that a text begins with. A lifetime is neither.
fn quoted(text: &str) -> Option<usize> {
    let quote = text.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let inner = &text[1..];
    if quote == '\'' && !inner.starts_with('\\') {
        let character = inner.chars().next()?.len_utf8();
        return inner[character..].starts_with('\'').then_some(character + 2);
    }
    let mut escaped = false;
    let end = inner.find(|c| {
        let ends = c == quote && !escaped;
        escaped = c == '\\' && !escaped;
        ends
    });
    Some(end.unwrap() + 2)
}
