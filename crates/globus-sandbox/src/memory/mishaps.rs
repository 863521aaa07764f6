//! What goes wrong with tasks: codes and descriptions of Transfer.

/// Something that goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mishap {
    pub(crate) code: &'static str,
    pub(crate) description: &'static str,
}

const fn mishap(code: &'static str, description: &'static str) -> Mishap {
    Mishap { code, description }
}

pub(crate) const CANCELED: Mishap = mishap("CANCELED", "canceled");
pub(crate) const CONNECT_FAILED: Mishap = mishap("CONNECT_FAILED", "connect failed");
pub(crate) const CONNECTION_RESET: Mishap = mishap("CONNECTION_RESET", "connection reset");
pub(crate) const EXISTS: Mishap = mishap("EXISTS", "already exists");
pub(crate) const FILE_NOT_FOUND: Mishap = mishap("FILE_NOT_FOUND", "file not found");
pub(crate) const IS_A_DIRECTORY: Mishap = mishap("IS_A_DIRECTORY", "is a directory");
pub(crate) const LOGIN_DENIED: Mishap = mishap("LOGIN_DENIED", "login denied");
pub(crate) const NOT_A_DIRECTORY: Mishap = mishap("NOT_A_DIRECTORY", "not a directory");
pub(crate) const NO_SPACE_LEFT: Mishap = mishap("NO_SPACE_LEFT", "no space left");
pub(crate) const PERMISSION_DENIED: Mishap = mishap("PERMISSION_DENIED", "permission denied");

/// Those that can be asked for.
pub(crate) const KNOWN: [Mishap; 18] = [
    CONNECT_FAILED,
    CONNECTION_RESET,
    EXISTS,
    FILE_NOT_FOUND,
    IS_A_DIRECTORY,
    LOGIN_DENIED,
    NOT_A_DIRECTORY,
    NO_SPACE_LEFT,
    PERMISSION_DENIED,
    mishap("CONNECTION_BROKEN", "connection broken"),
    mishap("DEADLINE", "deadline exceeded"),
    mishap("ENDPOINT_ERROR", "endpoint error"),
    mishap("EXPIRED", "expired"),
    mishap("GC_NOT_CONNECTED", "not connected"),
    mishap("GC_PAUSED", "paused"),
    mishap("QUOTA_EXCEEDED", "quota exceeded"),
    mishap("TIMEOUT", "timeout"),
    mishap("VERIFY_CHECKSUM", "checksum verification failed"),
];

impl Mishap {
    pub(crate) fn named(code: &str) -> Option<Self> {
        KNOWN.into_iter().find(|known| known.code == code)
    }

    /// What the endpoint says about it.
    pub(crate) fn details(self) -> String {
        let words = self.description;
        format!("Error ({words})\nServer: 198.51.100.7:443\nMessage: {words}")
    }
}
