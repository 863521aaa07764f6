//! How extensive a test is: small by default, larger if the environment asks for it.

/// A number from the environment, or a default.
pub fn number(name: &str, default: usize) -> usize {
    std::env::var(name).ok().map_or(default, |text| text.parse().unwrap())
}
