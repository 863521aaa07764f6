//! Reads which paths a file names.

use std::path::{Path, PathBuf};

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

/// The code of a file: no comment, and no text between quotes.
pub fn code(text: &str) -> String {
    let lines = text.lines().map(|line| {
        let mut kept = String::new();
        let mut quoted = false;
        let mut rest = line.chars().peekable();
        while let Some(c) = rest.next() {
            match c {
                '\\' if quoted => drop(rest.next()),
                '\'' if !quoted && rest.peek() == Some(&'"') => drop(rest.next()),
                '"' => quoted = !quoted,
                '/' if !quoted && rest.peek() == Some(&'/') => break,
                _ if !quoted => kept.push(c),
                _ => {}
            }
        }
        kept
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The paths that stand behind `crate::` in some code, groups in braces taken apart: `globus::auth::AuthClient`, …
pub fn crate_paths(code: &str) -> Vec<String> {
    paths_from("crate", code)
}

/// The same for any other first name of a path, such as `super`: what stands behind it.
pub fn paths_from(first: &str, code: &str) -> Vec<String> {
    let start = format!("{first}::");
    let begins_a_path =
        |(at, _): &(usize, &str)| !code[..*at].ends_with(|c: char| c.is_alphanumeric() || "_$:".contains(c));
    code.match_indices(&start)
        .filter(begins_a_path)
        .flat_map(|(at, _)| expand(&mut code[at + start.len()..].chars().peekable()))
        .collect()
}

/// One path, or all that a group in braces stands for.
fn expand(rest: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Vec<String> {
    let mut path = String::new();
    loop {
        match rest.peek() {
            Some('{') => {
                rest.next();
                return group(rest).into_iter().map(|tail| format!("{path}{tail}")).collect();
            }
            Some(c) if c.is_alphanumeric() || matches!(c, '_' | ':' | '*') => path.extend(rest.next()),
            _ => return vec![path],
        }
    }
}

fn group(rest: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Vec<String> {
    let mut all = Vec::new();
    loop {
        match rest.peek() {
            None => return all,
            Some('}') => {
                rest.next();
                return all;
            }
            Some(c) if c.is_whitespace() || *c == ',' => drop(rest.next()),
            Some(_) => {
                all.extend(expand(rest).into_iter().filter(|path| !path.is_empty()));
                // `as another_name`, or a character that no path has.
                while rest.next_if(|c| !",}".contains(*c)).is_some() {}
            }
        }
    }
}
