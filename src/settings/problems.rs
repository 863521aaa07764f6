//! What is wrong with the settings.

use std::fmt;

/// One problem: where it is and how to fix it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The key, as it was written.
    pub key: String,
    /// Where the value came from; `None` for a missing key.
    pub origin: Option<String>,
    /// What was expected, and how to fix it.
    pub text: String,
}

/// Everything that is wrong with the settings.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.0.len() == 1 { "" } else { "s" };
        write!(f, "{} problem{plural} in the settings:", self.0.len())?;
        for Problem { key, origin, text } in &self.0 {
            match origin {
                Some(origin) => write!(f, "\n  {key} (from {origin}): {text}")?,
                None => write!(f, "\n  {key}: {text}")?,
            }
        }
        Ok(())
    }
}
