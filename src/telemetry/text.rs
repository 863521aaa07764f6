//! Makes log lines safe: no characters that control a terminal or split a line, and a maximum length. Every line passes
//! through here, in both formats.

use std::{borrow::Cow, fmt::Write as _};

use serde_json::Value;

use crate::settings::LogFormat;

/// The longest line, in bytes. Longer ones are shortened.
const MAX_LINE: usize = 4 << 10;
/// The longest text within a shortened JSON line, in characters.
const MAX_TEXT: usize = 1000;

/// A text of at most `most` characters. A longer one is cut and ends in an ellipsis.
pub(crate) fn shortened(text: &str, most: usize) -> Cow<'_, str> {
    match text.char_indices().nth(most) {
        Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
        None => Cow::Borrowed(text),
    }
}

/// The safe form of a line. With `colours`, colour codes are the formatter's own and stay.
pub(super) fn safe_line(line: &str, format: LogFormat, colours: bool) -> Cow<'_, str> {
    let bounded = if line.len() <= MAX_LINE {
        Cow::Borrowed(line)
    } else {
        match format {
            LogFormat::Pretty => shortened(line, MAX_LINE),
            LogFormat::Json => Cow::Owned(shortened_json(line)),
        }
    };
    if bounded.chars().any(is_unsafe) { Cow::Owned(escaped(&bounded, format, colours)) } else { bounded }
}

fn shortened_json(line: &str) -> String {
    let mut value =
        serde_json::from_str(line).unwrap_or_else(|_| serde_json::json!({ "message": line, "level": "ERROR" }));
    shorten_texts(&mut value);
    value.to_string()
}

fn shorten_texts(value: &mut Value) {
    match value {
        Value::String(text) => {
            if let Cow::Owned(shorter) = shortened(text, MAX_TEXT) {
                *text = shorter;
            }
        }
        Value::Array(items) => items.iter_mut().for_each(shorten_texts),
        Value::Object(members) => members.values_mut().for_each(shorten_texts),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Control characters (C0, DEL, C1), line and paragraph separators, and characters that are invisible or change the direction
/// of text.
fn is_unsafe(c: char) -> bool {
    let invisible = matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}');
    invisible || c.is_control()
}

fn escaped(line: &str, format: LogFormat, colours: bool) -> String {
    let mut safe = String::with_capacity(line.len() + 32);
    let mut rest = line;
    while let Some(c) = rest.chars().next() {
        let colour = if colours { colour_code(rest) } else { None };
        let taken = colour.map_or(c.len_utf8(), str::len);
        match format {
            _ if colour.is_some() || !is_unsafe(c) => safe.push_str(&rest[..taken]),
            LogFormat::Pretty => safe.extend(c.escape_default()),
            LogFormat::Json => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    // Writing to a String cannot fail.
                    let _ = write!(safe, "\\u{unit:04x}");
                }
            }
        }
        rest = &rest[taken..];
    }
    safe
}

/// The colour code at the start of a text: `ESC [ 1;31 m`.
fn colour_code(text: &str) -> Option<&str> {
    let parameters = text.strip_prefix("\u{1b}[")?;
    let end = parameters.find(|c: char| !c.is_ascii_digit() && c != ';')?;
    parameters[end..].starts_with('m').then(|| &text[..end + 3])
}

#[cfg(test)]
mod tests {
    use super::{MAX_LINE, safe_line};
    use crate::settings::LogFormat;

    const HOSTILE: &str =
        "a\u{1b}[31mb\u{7f}\u{85}\u{9b}2J\u{2028}\u{2029}\u{202e}\u{2066}\u{200f}\u{61c}\u{feff}\u{e0041}\u{0}\r\n\tz";

    #[test]
    fn nothing_that_steers_a_terminal_or_ends_a_line_is_in_a_line() {
        for format in [LogFormat::Pretty, LogFormat::Json] {
            let json = serde_json::json!({ "path": HOSTILE }).to_string();
            let line = if format == LogFormat::Json { &json } else { HOSTILE };
            let safe = safe_line(line, format, false);
            assert!(safe.bytes().all(|byte| (b' '..0x7f).contains(&byte)), "{safe:?}");
            if format == LogFormat::Json {
                let read: serde_json::Value = serde_json::from_str(&safe).unwrap();
                assert_eq!(read["path"], HOSTILE);
            }
        }
        assert_eq!(safe_line("Zoë 李 \u{1f600} \\u0085", LogFormat::Json, false), "Zoë 李 \u{1f600} \\u0085");
    }

    #[test]
    fn colours_of_the_formatter_stay_and_other_sequences_do_not() {
        let line = "\u{1b}[2m2026\u{1b}[0m \u{1b}[1;33m WARN\u{1b}[0m \u{1b}[2J \u{1b}]0;title\u{7} \u{1b}[";
        let safe = safe_line(line, LogFormat::Pretty, true);
        let expected = "\u{1b}[2m2026\u{1b}[0m \u{1b}[1;33m WARN\u{1b}[0m \\u{1b}[2J \\u{1b}]0;title\\u{7} \\u{1b}[";
        assert_eq!(safe, expected);
        assert!(!safe_line(line, LogFormat::Pretty, false).contains('\u{1b}'));
    }

    #[test]
    fn a_line_is_bounded_and_json_stays_json() {
        let long = "é".repeat(70_000);
        let json = serde_json::json!({ "level": "INFO", "span": { "name": long }, "list": [long] }).to_string();
        let safe = safe_line(&json, LogFormat::Json, false);
        let read: serde_json::Value = serde_json::from_str(&safe).unwrap();
        assert_eq!(read["level"], "INFO");
        assert!(read["span"]["name"].as_str().unwrap().chars().count() <= 1001, "{safe}");
        assert!(safe.len() < 2 * MAX_LINE && safe_line(&long, LogFormat::Pretty, false).len() < 3 * MAX_LINE);
    }
}
