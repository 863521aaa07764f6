//! Reads which paths a file names.

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
