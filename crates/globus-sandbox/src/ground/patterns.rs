//! Patterns with `*` and `?`.

/// Whether a pattern matches a text, in time proportional to the product of their lengths at most.
pub(crate) fn fits(text: &str, pattern: &str) -> bool {
    if text.is_ascii() && pattern.is_ascii() {
        return fit(text.as_bytes(), pattern.as_bytes(), b'*', b'?');
    }
    let (text, pattern): (Vec<char>, Vec<char>) = (text.chars().collect(), pattern.chars().collect());
    fit(&text, &pattern, '*', '?')
}

fn fit<T: Copy + PartialEq>(text: &[T], pattern: &[T], any: T, one: T) -> bool {
    let (mut at, mut wanted) = (0, 0);
    // The position of the last star, and the position in the text up to which it matches.
    let mut star: Option<(usize, usize)> = None;
    while at < text.len() {
        match pattern.get(wanted) {
            Some(&wild) if wild == any => {
                star = Some((wanted, at));
                wanted += 1;
            }
            Some(&character) if character == one || character == text[at] => {
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
    pattern[wanted..].iter().all(|character| *character == any)
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
            ("é🔬", "??", true),
            ("é🔬", "*é", false),
        ] {
            assert_eq!(fits(text, pattern), fit, "{text} {pattern}");
        }
        assert!(!fits(&"a".repeat(1000), &format!("{}b", "*a".repeat(500))));
    }
}
