//! What is too long to be read at once: no file of `src/` has more than 400 lines, and no function more than 50.

use std::path::Path;

use super::code::{code, files};

const MOST_OF_A_FILE: usize = 400;
const MOST_OF_A_FUNCTION: usize = 50;

/// The functions of some code: their names, and their lines from `fn` to the closing brace.
fn functions(code: &str) -> Vec<(&str, usize)> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let begins = |(at, _): &(usize, &str)| !code[..*at].ends_with(is_word);
    let function = |(at, _): (usize, &str)| {
        let text = &code[at..];
        let name = text["fn ".len()..].split(|c| !is_word(c)).next().filter(|name| !name.is_empty())?;
        Some((name, text[..end_of_body(text)?].lines().count()))
    };
    code.match_indices("fn ").filter(begins).filter_map(function).collect()
}

/// Where the body of a function ends; `None` for one without a body.
fn end_of_body(text: &str) -> Option<usize> {
    let (mut brackets, mut braces) = (0, 0);
    for (at, c) in text.char_indices() {
        match c {
            '(' | '[' => brackets += 1,
            ')' | ']' => brackets -= 1,
            '{' => braces += 1,
            '}' if braces == 1 && brackets == 0 => return Some(at + 1),
            '}' => braces -= 1,
            ';' if braces == 0 && brackets == 0 => return None,
            _ => {}
        }
    }
    panic!("a body has no end: {}", text.lines().next().unwrap_or_default());
}

#[test]
fn no_file_and_no_function_of_the_portal_is_too_long() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    files(&src, &mut found);
    let mut too_long = Vec::new();
    let mut seen = 0;
    for file in found {
        let name = file.strip_prefix(&src).unwrap().display();
        let text = std::fs::read_to_string(&file).unwrap();
        let lines = text.lines().count();
        if lines > MOST_OF_A_FILE {
            too_long.push(format!("src/{name} has {lines} lines"));
        }
        let code = code(&text);
        let functions = functions(&code);
        seen += functions.len();
        let long = functions.into_iter().filter(|(_, lines)| *lines > MOST_OF_A_FUNCTION);
        too_long.extend(long.map(|(function, lines)| format!("src/{name}: {function} has {lines} lines")));
    }
    assert!(seen > 500, "{seen} functions were found");
    assert!(too_long.is_empty(), "{}", too_long.join("\n"));
}

#[test]
fn a_function_is_measured_whatever_its_text_holds() {
    let text = r##"
        // fn of_a_comment() {
        /* fn of_a_block() { /* } */ } */
        trait T<'a> {
            fn without_body(&self, of: [u8; 4]) -> &'a str;
            fn two(&self) -> char { // }
                '{' }
        }
        const F: fn (u8) -> u8 = one;
        pub(crate) const fn four<const N: usize>(of: [u8; N]) -> &'static str {
            let _ = ('\'', '"', b'\\', '}');
            "} \" fn of_a_text() {
            " }
        fn one() { r#"" } fn of_a_raw_text() {"#; }
        fn three() {
            fn inside() {} if x { y(|z| { z }) } else {
            } let r#fn = br"\"; }
    "##;
    let expected = [("two", 2), ("four", 4), ("one", 1), ("three", 3), ("inside", 1)];
    assert_eq!(functions(&code(text)), expected);
}
