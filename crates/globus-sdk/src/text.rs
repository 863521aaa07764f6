//! Text that comes from another machine and goes into logs.

/// At most 80 plain characters: what comes from another machine and goes into logs.
pub(crate) fn plain(text: &str) -> String {
    text.chars().filter(|c| c.is_ascii_graphic() || *c == ' ').take(80).collect()
}
