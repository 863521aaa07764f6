//! How heavy a proof is: small by default, and as heavy as the environment asks for.

/// A number from the environment, or what it is otherwise.
pub fn number(name: &str, default: usize) -> usize {
    std::env::var(name).ok().map_or(default, |text| text.parse().unwrap())
}
