//! The tokens of a session: kept sealed, refreshed once for all callers, and revoked when the session ends.
//!
//! From the ground up:
//!
//! | module | what it holds |
//! |---|---|
//! | `kept` | rows of tokens, written and read |
//! | `revocation` | tokens of sessions that have ended, until Globus has revoked them |
//! | `renewal` | one refresh at a time, in this process and everywhere |
//! | `adopted` | tokens of a step-up, which join those of the session |
//! | `fresh` | a valid token for a caller, and for a client whose token was rejected |

mod adopted;
mod fresh;
mod kept;
mod renewal;
mod revocation;

pub use self::{
    fresh::SessionToken,
    kept::{TokenFacts, TokenUnavailable, Tokens},
};
