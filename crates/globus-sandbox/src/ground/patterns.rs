//! Patterns with `*` and `?`.

/// Whether a pattern matches a text, in time proportional to the product of their lengths at most.
pub(crate) fn fits(text: &str, pattern: &str) -> bool {
    let (text, pattern): (Vec<char>, Vec<char>) = (text.chars().collect(), pattern.chars().collect());
    let (mut at, mut wanted) = (0, 0);
    // The position of the last star, and the position in the text up to which it matches.
    let mut star: Option<(usize, usize)> = None;
    while at < text.len() {
        match pattern.get(wanted) {
            Some('*') => {
                star = Some((wanted, at));
                wanted += 1;
            }
            Some(&character) if character == '?' || character == text[at] => {
                at += 1;
                wanted += 1;
            }
            _ => match star {
                Some((back, swallowed)) => {
                    star = Some((back, swallowed + 1));
                    at = swallowed + 1;
                    wanted = back + 1;
                }
                None => return false,
            },
        }
    }
    pattern[wanted..].iter().all(|character| *character == '*')
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn patterns_have_stars_and_question_marks() {
        for (text, pattern, fit) in [
            ("abc", "a*c", true),
            ("abc", "?b?", true),
            ("abc", "*", true),
            ("", "*", true),
            ("aXbXc", "*X?", true),
            ("abc", "ab", false),
            ("", "?", false),
        ] {
            assert_eq!(fits(text, pattern), fit, "{text} {pattern}");
        }
        assert!(!fits(&"a".repeat(1000), &format!("{}b", "*a".repeat(500))));
    }
}
