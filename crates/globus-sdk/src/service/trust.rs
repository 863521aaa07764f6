//! Whom TLS connections trust.

use reqwest::Certificate;

/// Whom TLS connections trust.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Trust {
    /// The CAs of this machine.
    System,
    /// These CAs alone.
    Only(Vec<Certificate>),
    /// The CAs of this machine; on loopback, any certificate.
    AnyoneOnLoopback,
}
