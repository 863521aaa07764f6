//! Logins under way, without a store.
//!
//! One small cookie binds the browser: a random value, the same for every tab. `state` is itself sealed: the time, the
//! path to return to, a hash of that cookie, a random salt, and what came before it ([`Past`]).
//! The nonce and the code verifier are derived from the
//! cookie and the salt with the secret key. So any number of tabs works, the cookie never grows, and visitors who only look cost
//! nothing.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use time::{Duration, OffsetDateTime};

use super::{
    return_path::ReturnPath,
    seal::{KeyRing, Purpose, SealError, hash},
};
use crate::secret::{CodeVerifier, equal, random_bytes, random_text};

/// How long a person may take at Globus: registering there can take a while.
pub const MAX_AGE: Duration = Duration::minutes(30);

const BINDING: usize = 24;
const TIME: usize = 8;
const HASH: usize = 32;
const SALT: usize = 16;
/// Rounds are counted so far.
const MAX_ROUNDS: u8 = 9;
/// Beside the rounds, in the same byte.
const ENDED: u8 = 0x10;

/// The value of the cookie that ties logins to one browser.
#[derive(Clone, PartialEq, Eq)]
pub struct BrowserBinding(String);

impl BrowserBinding {
    /// A new one: 192 random bits.
    #[must_use]
    pub fn random() -> Self {
        Self(random_text::<BINDING>())
    }

    /// The one a browser sent, when it has the form of ours.
    #[must_use]
    pub fn parse(value: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(value).ok()?;
        (bytes.len() == BINDING).then(|| Self(value.to_owned()))
    }

    /// The cookie's value.
    #[must_use]
    pub fn expose_secret(&self) -> &str {
        &self.0
    }

    pub(super) fn hash(&self) -> [u8; HASH] {
        hash(&[b"browser binding", self.0.as_bytes()])
    }
}

impl std::fmt::Debug for BrowserBinding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("BrowserBinding([REDACTED])")
    }
}

/// What a login comes after.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Past {
    /// How many rounds the browser had been through: logins that were completed and came to nothing.
    pub rounds: u8,
    /// Whether the session before was ended by somebody else, so that Globus has to ask who it is.
    pub ended_elsewhere: bool,
}

impl Past {
    /// In one byte, below that of a slash.
    fn byte(self) -> u8 {
        self.rounds.min(MAX_ROUNDS) | if self.ended_elsewhere { ENDED } else { 0 }
    }

    fn of_byte(byte: u8) -> Self {
        Self { rounds: byte & !ENDED, ended_elsewhere: byte & ENDED != 0 }
    }
}

/// The random values of one login.
pub struct FlowSecrets {
    /// Given back with the code: ties the answer to the browser that asked (RFC 6749 section 10.12).
    pub state: String,
    /// Given back in the id_token: ties it to this login (OpenID Connect Core section 3.1.2.1).
    pub nonce: String,
    /// Proves at the exchange who asked for the code (RFC 7636).
    pub verifier: CodeVerifier,
}

impl std::fmt::Debug for FlowSecrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FlowSecrets([REDACTED])")
    }
}

/// A login that came back in the browser that began it, in time.
#[derive(Debug)]
pub struct Attempt {
    /// Where to go afterwards.
    pub next: ReturnPath,
    /// What it came after.
    pub past: Past,
    /// The random values it began with.
    pub secrets: FlowSecrets,
    /// Names the state in the list of spent ones.
    pub state_hash: [u8; 32],
    /// When the state stops opening, and so need not be remembered as spent any longer.
    pub expires: OffsetDateTime,
}

/// Why a login cannot go on with a `state`.
#[derive(Debug, thiserror::Error)]
pub enum AttemptError {
    /// It is not ours.
    #[error("the state is not one of this portal's, or was sealed with another SECRET_KEY")]
    Unknown,
    /// The browser has nothing that ties a login to it.
    #[error(
        "the browser sent no login cookie: it blocks cookies, the login was begun in another browser or under another \
         address, or a proxy changes our cookies (SameSite=Strict, another path or domain)"
    )]
    NoCookie {
        /// Where the login wanted to go.
        next: ReturnPath,
    },
    /// It was begun in another browser.
    #[error("the state is not one that this browser was given")]
    Foreign {
        /// Where the login wanted to go.
        next: ReturnPath,
    },
    /// It was begun too long ago.
    #[error("the login was begun too long ago")]
    Expired {
        /// Where the login wanted to go.
        next: ReturnPath,
    },
}

impl AttemptError {
    /// Where the login wanted to go, as far as that is known: a path of this site, whoever began the login.
    #[must_use]
    pub fn next(&self) -> Option<&ReturnPath> {
        match self {
            Self::Unknown => None,
            Self::NoCookie { next } | Self::Foreign { next } | Self::Expired { next } => Some(next),
        }
    }
}

/// Begins logins, and recognises them when they come back.
#[derive(Debug)]
pub struct LoginAttempts {
    root: String,
}

impl LoginAttempts {
    /// For a portal whose pages are below `root` (empty, or a path without a slash at its end).
    #[must_use]
    pub fn new(root: String) -> Self {
        Self { root }
    }

    /// Begins a login.
    ///
    /// # Errors
    /// [`SealError`].
    pub fn begin(
        &self,
        keys: &KeyRing,
        browser: &BrowserBinding,
        next: &ReturnPath,
        now: OffsetDateTime,
    ) -> Result<FlowSecrets, SealError> {
        self.begin_after(Past::default(), keys, browser, next, now)
    }

    /// Begins a login that comes after something.
    ///
    /// # Errors
    /// [`SealError`].
    pub fn begin_after(
        &self,
        past: Past,
        keys: &KeyRing,
        browser: &BrowserBinding,
        next: &ReturnPath,
        now: OffsetDateTime,
    ) -> Result<FlowSecrets, SealError> {
        let (time, binding, salt) = (now.unix_timestamp().to_be_bytes(), browser.hash(), random_bytes::<SALT>());
        let past: &[u8] = if past == Past::default() { &[] } else { &[past.byte()] };
        let plain = [&time[..], &binding, &salt, past, next.as_str().as_bytes()].concat();
        let state = URL_SAFE_NO_PAD.encode(keys.seal(Purpose::LoginState, b"", &plain)?);
        secrets(keys, browser, &salt, state, 0).ok_or(SealError)
    }

    /// Opens a `state` that came back to a browser.
    ///
    /// # Errors
    /// [`AttemptError`].
    pub fn open(
        &self,
        keys: &KeyRing,
        browser: Option<&BrowserBinding>,
        state: &str,
        now: OffsetDateTime,
    ) -> Result<Attempt, AttemptError> {
        let sealed = URL_SAFE_NO_PAD.decode(state).map_err(|_| AttemptError::Unknown)?;
        let opened = keys.open(Purpose::LoginState, b"", &sealed).ok_or(AttemptError::Unknown)?;
        let Plain { began, binding, salt, past, next } = Plain::read(&opened.plain).ok_or(AttemptError::Unknown)?;
        // Judged again where it is used: the rules may have changed since, or the root.
        let next = ReturnPath::parse(next, &self.root).unwrap_or_else(|| ReturnPath::front(&self.root));
        let Some(browser) = browser else { return Err(AttemptError::NoCookie { next }) };
        if !equal(binding, &browser.hash()) {
            return Err(AttemptError::Foreign { next });
        }
        let expires = began.saturating_add(MAX_AGE);
        if now >= expires {
            return Err(AttemptError::Expired { next });
        }
        let state_hash = hash(&[b"state", state.as_bytes()]);
        let secrets = secrets(keys, browser, salt, state.to_owned(), opened.key).ok_or(AttemptError::Unknown)?;
        Ok(Attempt { next, past, secrets, state_hash, expires })
    }
}

/// What is sealed in a `state`.
struct Plain<'a> {
    began: OffsetDateTime,
    binding: &'a [u8],
    salt: &'a [u8],
    past: Past,
    next: &'a str,
}

impl<'a> Plain<'a> {
    fn read(plain: &'a [u8]) -> Option<Self> {
        let (time, rest) = plain.split_first_chunk::<TIME>()?;
        let (binding, rest) = rest.split_at_checked(HASH)?;
        let (salt, rest) = rest.split_at_checked(SALT)?;
        let (past, next) = match rest.split_first()? {
            // Left out where there is nothing to say: then the path begins here.
            (b'/', _) => (Past::default(), rest),
            (byte, next) => (Past::of_byte(*byte), next),
        };
        let began = OffsetDateTime::from_unix_timestamp(i64::from_be_bytes(*time)).ok()?;
        Some(Self { began, binding, salt, past, next: std::str::from_utf8(next).ok()? })
    }
}

fn secrets(keys: &KeyRing, browser: &BrowserBinding, salt: &[u8], state: String, key: usize) -> Option<FlowSecrets> {
    let derive =
        |label| keys.derive(key, label, &[salt, browser.0.as_bytes()]).map(|secret| URL_SAFE_NO_PAD.encode(secret));
    let (nonce, verifier) = (derive(b"nonce")?, derive(b"code verifier")?);
    Some(FlowSecrets { state, nonce, verifier: CodeVerifier::new(verifier) })
}
