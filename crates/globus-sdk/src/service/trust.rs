//! Whom TLS connections trust: `GLOBUS_SDK_VERIFY_SSL`.

use std::path::Path;

use reqwest::Certificate;

/// Whom TLS connections trust.
#[derive(Clone, Debug)]
pub enum Trust {
    /// The CAs of this machine.
    System,
    /// These CAs alone.
    Only(Vec<Certificate>),
    /// The CAs of this machine, and on loopback anyone: nobody else is on the way there.
    AnyoneOnLoopback,
}

impl Trust {
    /// What `GLOBUS_SDK_VERIFY_SSL` says: `true`, the path of a PEM file with CA certificates, or `false`.
    ///
    /// The Python SDK switches verification off for `false`. Here that works only where all services are on loopback:
    /// anywhere else, whoever is on the way could take every token and every secret.
    ///
    /// # Errors
    /// What was expected.
    pub fn parse(text: &str, all_on_loopback: bool) -> Result<Self, String> {
        match text.trim().to_ascii_lowercase().as_str() {
            "y" | "yes" | "t" | "true" | "on" | "1" => Ok(Self::System),
            "n" | "no" | "f" | "false" | "off" | "0" if all_on_loopback => Ok(Self::AnyoneOnLoopback),
            "n" | "no" | "f" | "false" | "off" | "0" => Err(
                "certificates are always verified, except on loopback; to trust your own CA, set this to the path of a PEM file with its certificate"
                    .to_owned(),
            ),
            _ => certificates(Path::new(text.trim())).map(Self::Only),
        }
    }
}

fn certificates(path: &Path) -> Result<Vec<Certificate>, String> {
    let expected = || format!("expected true, or the path of a PEM file with certificates, not {:?}", path.display());
    let pem = std::fs::read(path).map_err(|error| format!("{}: {error}", expected()))?;
    let certificates = Certificate::from_pem_bundle(&pem).map_err(|_| expected())?;
    if certificates.is_empty() { Err(expected()) } else { Ok(certificates) }
}
