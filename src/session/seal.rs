//! Sealing: a sealed value opens only with the key that sealed it, for the same purpose and in the same place.
//!
//! Keys are derived from `SECRET_KEY`, one per purpose (HKDF-SHA256, RFC 5869), so a value that was sealed for one purpose
//! does not open for another. A sealed value is a version byte, the id of the key, a random nonce and the output of
//! AES-256-GCM-SIV (RFC 8452), which stays safe even if a nonce repeats.

use aws_lc_rs::{
    aead::{AES_256_GCM_SIV, Aad, LessSafeKey, Nonce, UnboundKey},
    digest,
    hkdf::{HKDF_SHA256, KeyType, Prk, Salt},
    hmac::{self, HMAC_SHA256},
};

use crate::secret::{SecretKey, random_bytes};

const VERSION: u8 = 1;
const KEY_ID: usize = 4;
const NONCE: usize = 12;
const HEAD: usize = 1 + KEY_ID + NONCE;

/// What a value is sealed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// The `state` of a login in progress.
    LoginState,
    /// The record of a session.
    Session,
    /// The tokens of one resource server.
    Token,
    /// What a step-up asks for.
    StepUp,
    /// The fields of a form that waits for a step-up.
    KeptForm,
    /// What a choice in Globus's web app is for.
    Choice,
    /// What an app's host asks the portal for in a hand-over.
    HandOver,
    /// The ticket that the portal gives for it.
    Ticket,
    /// The cookie with which a session passes the gate on that host.
    GateCookie,
}

impl Purpose {
    fn info(self) -> &'static [u8] {
        match self {
            Self::LoginState => b"globus-portal/1/login-state",
            Self::Session => b"globus-portal/1/session",
            Self::Token => b"globus-portal/1/token",
            Self::StepUp => b"globus-portal/1/step-up",
            Self::KeptForm => b"globus-portal/1/kept-form",
            Self::Choice => b"globus-portal/1/choice",
            Self::HandOver => b"globus-portal/1/hand-over",
            Self::Ticket => b"globus-portal/1/ticket",
            Self::GateCookie => b"globus-portal/1/gate-cookie",
        }
    }
}

/// The keys: the first seals and opens, the others only open.
#[derive(Debug)]
pub struct KeyRing {
    keys: Vec<Key>,
}

struct Key {
    id: [u8; KEY_ID],
    deriving: hmac::Key,
    login_state: LessSafeKey,
    session: LessSafeKey,
    token: LessSafeKey,
    step_up: LessSafeKey,
    kept_form: LessSafeKey,
    choice: LessSafeKey,
    hand_over: LessSafeKey,
    ticket: LessSafeKey,
    gate_cookie: LessSafeKey,
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Key({:02x?})", self.id)
    }
}

/// An opened value.
#[derive(Debug)]
pub struct Opened {
    /// The plain text.
    pub plain: Vec<u8>,
    /// The index of the key that sealed it: 0 is the current key, others are fallbacks.
    pub key: usize,
}

impl Opened {
    /// Whether a fallback key sealed it, so that it should be re-sealed.
    #[must_use]
    pub fn is_stale(&self) -> bool {
        self.key > 0
    }
}

/// Sealing failed: the plain text is too long for the cipher.
#[derive(Debug, thiserror::Error)]
#[error("the value cannot be sealed")]
pub struct SealError;

struct Length(usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

impl KeyRing {
    /// Derives the keys from `SECRET_KEY` and `SECRET_KEY_FALLBACKS`.
    #[must_use]
    pub fn new(current: &SecretKey, fallbacks: &[SecretKey]) -> Self {
        Self { keys: std::iter::once(current).chain(fallbacks).map(Key::derive).collect() }
    }

    /// Seals `plain` for a purpose and a place. It opens only with the same `place`.
    ///
    /// # Errors
    /// [`SealError`].
    pub fn seal(&self, purpose: Purpose, place: &[u8], plain: &[u8]) -> Result<Vec<u8>, SealError> {
        let key = self.keys.first().ok_or(SealError)?;
        let nonce = random_bytes::<NONCE>();
        let mut body = plain.to_vec();
        key.of(purpose)
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(place), &mut body)
            .map_err(|_| SealError)?;
        Ok([&[VERSION][..], &key.id, &nonce, &body].concat())
    }

    /// Opens a value that any of the keys sealed for this purpose and place; else `None`.
    #[must_use]
    pub fn open(&self, purpose: Purpose, place: &[u8], sealed: &[u8]) -> Option<Opened> {
        let (head, body) = sealed.split_at_checked(HEAD)?;
        let (&version, rest) = head.split_first()?;
        let (id, nonce) = rest.split_at(KEY_ID);
        if version != VERSION {
            return None;
        }
        self.keys.iter().enumerate().filter(|(_, key)| key.id == id).find_map(|(index, key)| {
            let mut body = body.to_vec();
            let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
            let plain = key.of(purpose).open_in_place(nonce, Aad::from(place), &mut body).ok()?;
            Some(Opened { plain: plain.to_vec(), key: index })
        })
    }

    /// Derives a secret from `parts` with the key at this index (0 is the current one; HMAC-SHA256, RFC 2104). It need not
    /// be stored, because it can be derived again. `label` separates uses.
    #[must_use]
    pub fn derive(&self, key: usize, label: &[u8], parts: &[&[u8]]) -> Option<[u8; 32]> {
        let mut context = hmac::Context::with_key(&self.keys.get(key)?.deriving);
        for part in std::iter::once(&label).chain(parts) {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part);
        }
        context.sign().as_ref().try_into().ok()
    }
}

impl Key {
    fn derive(secret: &SecretKey) -> Self {
        let root = root(secret);
        let sealing = |purpose: Purpose| sealing_key(&expand::<32>(&root, &[purpose.info()]));
        Self {
            id: expand(&root, &[b"globus-portal/1/key-id"]),
            login_state: sealing(Purpose::LoginState),
            session: sealing(Purpose::Session),
            token: sealing(Purpose::Token),
            step_up: sealing(Purpose::StepUp),
            kept_form: sealing(Purpose::KeptForm),
            choice: sealing(Purpose::Choice),
            hand_over: sealing(Purpose::HandOver),
            ticket: sealing(Purpose::Ticket),
            gate_cookie: sealing(Purpose::GateCookie),
            deriving: hmac::Key::new(HMAC_SHA256, &expand::<32>(&root, &[b"globus-portal/1/derive"])),
        }
    }

    fn of(&self, purpose: Purpose) -> &LessSafeKey {
        match purpose {
            Purpose::LoginState => &self.login_state,
            Purpose::Session => &self.session,
            Purpose::Token => &self.token,
            Purpose::StepUp => &self.step_up,
            Purpose::KeptForm => &self.kept_form,
            Purpose::Choice => &self.choice,
            Purpose::HandOver => &self.hand_over,
            Purpose::Ticket => &self.ticket,
            Purpose::GateCookie => &self.gate_cookie,
        }
    }
}

#[expect(clippy::expect_used, reason = "this cipher takes 32 bytes")]
fn sealing_key(bytes: &[u8; 32]) -> LessSafeKey {
    LessSafeKey::new(UnboundKey::new(&AES_256_GCM_SIV, bytes).expect("32 bytes are a key"))
}

/// What all keys of a secret are derived from (HKDF-Extract, RFC 5869 section 2.2).
pub(super) fn root(secret: &SecretKey) -> Prk {
    Salt::new(HKDF_SHA256, b"globus-portal").extract(secret.expose_secret().as_bytes())
}

/// A key of this many bytes for what `info` names (HKDF-Expand, RFC 5869 section 2.3).
#[expect(clippy::expect_used, reason = "HKDF-SHA256 gives up to 8160 bytes")]
pub(super) fn expand<const N: usize>(root: &Prk, info: &[&[u8]]) -> [u8; N] {
    let mut bytes = [0; N];
    let okm = root.expand(info, Length(N)).expect("a short output");
    okm.fill(&mut bytes).expect("the length asked for");
    bytes
}

/// SHA-256 over parts, each preceded by its length, so that no two lists of parts give the same input.
#[must_use]
pub fn hash(parts: &[&[u8]]) -> [u8; 32] {
    let mut text = Vec::with_capacity(128);
    for part in parts {
        text.extend_from_slice(&(part.len() as u64).to_be_bytes());
        text.extend_from_slice(part);
    }
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest::digest(&digest::SHA256, &text).as_ref());
    bytes
}
