//! Logins in progress, kept in the browser rather than in a store.
//!
//! One small cookie identifies the browser: a random value, the same for every tab. `state` is a sealed value: the time, the
//! path to return to, a hash of that cookie, a random salt, and what preceded the login ([`Past`]). The nonce and the code
//! verifier are derived from the cookie and the salt with the secret key. So any number of tabs works, the cookie never
//! grows, and visitors who do not log in leave nothing on the server.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use time::{Duration, OffsetDateTime};

use super::{
    return_path::ReturnPath,
    seal::{KeyRing, Purpose, SealError, hash},
    step_up::Ask,
    store::SessionKey,
};
use crate::{
    secret::{CodeVerifier, equal, random_bytes, random_text},
    settings::AppHosts,
};

/// How long a person may take at Globus. Registering there can take a while.
pub const MAX_AGE: Duration = Duration::minutes(30);

const BINDING: usize = 24;
const TIME: usize = 8;
const HASH: usize = 32;
const SALT: usize = 16;
/// Rounds are counted up to this number.
const MAX_ROUNDS: u8 = 9;
/// The bit for `ended_elsewhere`, in the same byte as the rounds.
const ENDED: u8 = 0x10;
/// The bit for a step-up, in the same byte: its length, its session and what it asks for follow.
const STEP_UP: u8 = 0x20;

/// The value of the cookie that ties logins to one browser.
#[derive(Clone, PartialEq, Eq)]
pub struct BrowserBinding(String);

impl BrowserBinding {
    /// A new binding: 192 random bits.
    #[must_use]
    pub fn random() -> Self {
        Self(random_text::<BINDING>())
    }

    /// The value a browser sent, if it has the right form.
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

/// What preceded a login.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Past {
    /// How many logins in a row this browser has completed without being logged in afterwards.
    pub rounds: u8,
    /// Whether the previous session was ended from elsewhere, so that Globus must authenticate the person again.
    pub ended_elsewhere: bool,
}

impl Past {
    /// As one byte, always less than that of a slash.
    fn byte(self) -> u8 {
        self.rounds.min(MAX_ROUNDS) | if self.ended_elsewhere { ENDED } else { 0 }
    }

    fn of_byte(byte: u8) -> Self {
        Self { rounds: byte & !(ENDED | STEP_UP), ended_elsewhere: byte & ENDED != 0 }
    }
}

/// A login for a session that there is, because something at Globus needs more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepUp {
    /// The session.
    pub session: SessionKey,
    /// What it asks for.
    pub ask: Ask,
}

impl StepUp {
    fn bytes(&self) -> Result<Vec<u8>, SealError> {
        let packed = self.ask.pack()?;
        let length = u16::try_from(packed.len()).map_err(|_| SealError)?.to_be_bytes();
        Ok([&length[..], &self.session.0, &packed].concat())
    }

    /// Reads one, and returns what follows it.
    fn read(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (length, rest) = bytes.split_first_chunk::<2>()?;
        let (session, rest) = rest.split_first_chunk::<HASH>()?;
        let (packed, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        Some((Self { session: SessionKey(*session), ask: Ask::unpack(packed)? }, rest))
    }
}

/// The random values of one login.
pub struct FlowSecrets {
    /// Returned with the code: ties the response to the browser that sent the request (RFC 6749 section 10.12).
    pub state: String,
    /// Returned in the id_token: ties it to this login (OpenID Connect Core section 3.1.2.1).
    pub nonce: String,
    /// Proves at the code exchange that the same client requested the code (RFC 7636).
    pub verifier: CodeVerifier,
}

impl std::fmt::Debug for FlowSecrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FlowSecrets([REDACTED])")
    }
}

/// A login that returned in time, to the browser that began it.
#[derive(Debug)]
pub struct Attempt {
    /// Where to go afterwards.
    pub next: ReturnPath,
    /// What preceded it.
    pub past: Past,
    /// The session that it is for, and what it asks for; `None` for a login that begins a session.
    pub step_up: Option<StepUp>,
    /// The random values it began with.
    pub secrets: FlowSecrets,
    /// Identifies the state in the list of spent states.
    pub state_hash: [u8; 32],
    /// When the state expires. After that it need not be remembered as spent.
    pub expires: OffsetDateTime,
}

/// Why a login cannot continue with a `state`.
#[derive(Debug, thiserror::Error)]
pub enum AttemptError {
    /// This portal did not issue it.
    #[error("the state is not one of this portal's, or was sealed with another SECRET_KEY")]
    Unknown,
    /// The browser sent no login cookie.
    #[error(
        "the browser sent no login cookie: it blocks cookies, the login began in another browser or under another \
         address, or a proxy changes our cookies (SameSite=Strict, another path or domain)"
    )]
    NoCookie {
        /// The path to return to.
        next: ReturnPath,
    },
    /// It began in another browser.
    #[error("the state was issued to another browser")]
    Foreign {
        /// The path to return to.
        next: ReturnPath,
    },
    /// It began too long ago.
    #[error("the login began too long ago")]
    Expired {
        /// The path to return to.
        next: ReturnPath,
    },
}

impl AttemptError {
    /// Where to return to, if known, whoever began the login.
    #[must_use]
    pub fn next(&self) -> Option<&ReturnPath> {
        match self {
            Self::Unknown => None,
            Self::NoCookie { next } | Self::Foreign { next } | Self::Expired { next } => Some(next),
        }
    }
}

/// Begins logins, and recognises them when they return.
#[derive(Debug)]
pub struct LoginAttempts {
    root: String,
    hosts: AppHosts,
}

impl LoginAttempts {
    /// For a portal whose pages are below `root` (empty, or a path without a trailing slash).
    #[must_use]
    pub fn new(root: String) -> Self {
        Self { root, hosts: AppHosts::default() }
    }

    /// The same, whose logins may lead to the hosts of apps too.
    #[must_use]
    pub fn with_hosts(self, hosts: AppHosts) -> Self {
        Self { hosts, ..self }
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

    /// Begins a login that something preceded.
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
        let is_left_out = past == Past::default() && next.as_str().starts_with('/');
        let past: &[u8] = if is_left_out { &[] } else { &[past.byte()] };
        begin(keys, browser, now, &[past, next.as_str().as_bytes()].concat())
    }

    /// Begins a login for a session that there is.
    ///
    /// # Errors
    /// [`SealError`].
    pub fn begin_step_up(
        &self,
        step_up: &StepUp,
        keys: &KeyRing,
        browser: &BrowserBinding,
        now: OffsetDateTime,
    ) -> Result<FlowSecrets, SealError> {
        let next = step_up.ask.next(&self.root, &self.hosts);
        begin(keys, browser, now, &[&[STEP_UP][..], &step_up.bytes()?, next.as_str().as_bytes()].concat())
    }

    /// Opens a `state` that returned to a browser.
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
        let Plain { began, binding, salt, past, step_up, next } =
            Plain::read(&opened.plain).ok_or(AttemptError::Unknown)?;
        // Checked again, because the rules or the root may have changed since.
        let next = ReturnPath::parse_with(next, &self.root, &self.hosts);
        let next = next.unwrap_or_else(|| ReturnPath::front(&self.root));
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
        Ok(Attempt { next, past, step_up, secrets, state_hash, expires })
    }
}

/// The contents of a `state`.
struct Plain<'a> {
    began: OffsetDateTime,
    binding: &'a [u8],
    salt: &'a [u8],
    past: Past,
    step_up: Option<StepUp>,
    next: &'a str,
}

impl<'a> Plain<'a> {
    fn read(plain: &'a [u8]) -> Option<Self> {
        let (time, rest) = plain.split_first_chunk::<TIME>()?;
        let (binding, rest) = rest.split_at_checked(HASH)?;
        let (salt, rest) = rest.split_at_checked(SALT)?;
        let (past, step_up, next) = match rest.split_first()? {
            // The byte is left out for the default; then the path begins here.
            (b'/', _) => (Past::default(), None, rest),
            (byte, rest) if byte & STEP_UP != 0 => {
                let (step_up, next) = StepUp::read(rest)?;
                (Past::of_byte(*byte), Some(step_up), next)
            }
            (byte, next) => (Past::of_byte(*byte), None, next),
        };
        let began = OffsetDateTime::from_unix_timestamp(i64::from_be_bytes(*time)).ok()?;
        Some(Self { began, binding, salt, past, step_up, next: std::str::from_utf8(next).ok()? })
    }
}

/// Seals a state; `rest` is what it holds beyond time, browser and salt.
fn begin(keys: &KeyRing, browser: &BrowserBinding, now: OffsetDateTime, rest: &[u8]) -> Result<FlowSecrets, SealError> {
    let (time, binding, salt) = (now.unix_timestamp().to_be_bytes(), browser.hash(), random_bytes::<SALT>());
    let plain = [&time[..], &binding, &salt, rest].concat();
    let state = URL_SAFE_NO_PAD.encode(keys.seal(Purpose::LoginState, b"", &plain)?);
    secrets(keys, browser, &salt, state, 0).ok_or(SealError)
}

fn secrets(keys: &KeyRing, browser: &BrowserBinding, salt: &[u8], state: String, key: usize) -> Option<FlowSecrets> {
    let derive =
        |label| keys.derive(key, label, &[salt, browser.0.as_bytes()]).map(|secret| URL_SAFE_NO_PAD.encode(secret));
    let (nonce, verifier) = (derive(b"nonce")?, derive(b"code verifier")?);
    Some(FlowSecrets { state, nonce, verifier: CodeVerifier::new(verifier) })
}
