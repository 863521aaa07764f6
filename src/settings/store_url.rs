//! URLs of stores, which may hold a password: what a message may show of an invalid one.

/// What to do about a user name or password that reads as another part of the URL.
pub const ENCODE: &str = "there is an @ after the host, so a user name or password has a character that must be \
                          percent-encoded: @ is %40, / is %2F, : is %3A, ? is %3F, # is %23, % is %25";

/// Whether there is an `@` after the authority. Then a part of the password may have been taken for the host, the port or the
/// path, and none of them may be shown.
#[must_use]
pub fn has_stray_at(url: &str) -> bool {
    let after_scheme = url.split_once("://").map_or(url, |(_, rest)| rest);
    let end = after_scheme.find(['/', '?', '#']).unwrap_or(after_scheme.len());
    after_scheme[end..].contains('@')
}
