//! Step-ups: a login of a person who is logged in already, because something at Globus needs more: a consent, an identity, a
//! policy. What it asks for travels in URLs, sealed and bound to the session; the server stores nothing.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};

use super::{
    return_path::ReturnPath,
    seal::{KeyRing, Purpose, SealError, hash},
    store::SessionKey,
};
use crate::{globus::flow::AuthorizeParameters, secret::equal, settings::AppHosts};

/// The largest packed [`Ask`], in bytes: it travels in URLs, twice encoded at worst, and proxies take 8 KiB.
const MAX_PACKED: usize = 2048;
/// The largest before it is packed: the authorize URL repeats most of it.
const MAX_UNPACKED: usize = 6 << 10;
/// How long the fields of a form are kept.
const FORM_FOR: Duration = Duration::hours(1);
/// How long the same demand, after a login that was to meet it, is not met by another login.
const RECENT: Duration = Duration::minutes(2);
/// How many recent step-ups a browser remembers.
const REMEMBERED: usize = 4;
const FINGERPRINT: usize = 12;
const TIME: usize = 8;
const MAC: usize = 16;

/// What a login asks for beyond the usual.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct Ask {
    /// Scopes that need the person's consent, as a service wrote them.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// Everything else.
    #[serde(default)]
    pub authorize: AuthorizeParameters,
    /// The path of the page it leads back to.
    pub next: String,
    /// The form that was being sent.
    #[serde(default)]
    pub form: Option<KeptForm>,
    /// Whether there was a form that is too long to be kept.
    #[serde(default)]
    pub form_lost: bool,
    /// Whether the person chose it by a link; else the portal began it by itself.
    #[serde(default)]
    pub by_person: bool,
}

/// The fields of a form, kept while its person is at Globus.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct KeptForm {
    /// Where it was sent to: path and query.
    pub path: String,
    /// Its fields, form-encoded.
    pub fields: String,
}

impl Ask {
    /// Seals it for a session, as text for a URL.
    ///
    /// # Errors
    /// [`SealError`], also where it is too large for a URL.
    pub fn seal(&self, keys: &KeyRing, session: SessionKey) -> Result<String, SealError> {
        Ok(URL_SAFE_NO_PAD.encode(keys.seal(Purpose::StepUp, &session.0, &self.pack()?)?))
    }

    /// Opens what was sealed for this session; `None` for anything else.
    #[must_use]
    pub fn open(keys: &KeyRing, session: SessionKey, text: &str) -> Option<Self> {
        let sealed = URL_SAFE_NO_PAD.decode(text).ok()?;
        Self::unpack(&keys.open(Purpose::StepUp, &session.0, &sealed)?.plain)
    }

    /// In few bytes.
    pub(super) fn pack(&self) -> Result<Vec<u8>, SealError> {
        let packed = pack(self)?;
        if packed.len() <= MAX_PACKED { Ok(packed) } else { Err(SealError) }
    }

    pub(super) fn unpack(packed: &[u8]) -> Option<Self> {
        unpack(packed)
    }

    /// What it leads back to, by today's rules.
    #[must_use]
    pub fn next(&self, root: &str, hosts: &AppHosts) -> ReturnPath {
        ReturnPath::parse_with(&self.next, root, hosts).unwrap_or_else(|| ReturnPath::front(root))
    }

    /// Tells demands apart: equal for equal needs, whatever their messages say and wherever they lead.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        let mut scopes = self.scopes.clone();
        scopes.sort_unstable();
        let mut needs = self.authorize.clone();
        needs.session_message = None;
        let text = serde_json::to_vec(&(scopes, needs)).unwrap_or_default();
        let hash = hash(&[b"step-up", &text]);
        let mut short = [0; FINGERPRINT];
        short.copy_from_slice(&hash[..FINGERPRINT]);
        Fingerprint(short)
    }
}

impl KeptForm {
    /// Seals it for a session, as text for a URL, for an hour.
    ///
    /// # Errors
    /// [`SealError`].
    pub fn seal(&self, keys: &KeyRing, session: SessionKey, now: OffsetDateTime) -> Result<String, SealError> {
        let plain = [&now.unix_timestamp().to_be_bytes()[..], &pack(self)?].concat();
        Ok(URL_SAFE_NO_PAD.encode(keys.seal(Purpose::KeptForm, &session.0, &plain)?))
    }

    /// Opens what was sealed for this session within the last hour.
    #[must_use]
    pub fn open(keys: &KeyRing, session: SessionKey, text: &str, now: OffsetDateTime) -> Option<Self> {
        let sealed = URL_SAFE_NO_PAD.decode(text).ok()?;
        let opened = keys.open(Purpose::KeptForm, &session.0, &sealed)?;
        let (at, packed) = opened.plain.split_first_chunk::<TIME>()?;
        let at = OffsetDateTime::from_unix_timestamp(i64::from_be_bytes(*at)).ok()?;
        if now - at < FORM_FOR { unpack(packed) } else { None }
    }
}

fn pack(value: &impl Serialize) -> Result<Vec<u8>, SealError> {
    let json = serde_json::to_vec(value).map_err(|_| SealError)?;
    if json.len() > MAX_UNPACKED {
        return Err(SealError);
    }
    Ok(lz4_flex::block::compress_prepend_size(&json))
}

fn unpack<T: for<'a> Deserialize<'a>>(packed: &[u8]) -> Option<T> {
    let (size, _) = lz4_flex::block::uncompressed_size(packed).ok()?;
    let json = (size <= MAX_UNPACKED).then(|| lz4_flex::block::decompress_size_prepended(packed))?;
    serde_json::from_slice(&json.ok()?).ok()
}

/// A demand, in a few bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint([u8; FINGERPRINT]);

/// The step-ups that a session has been through a moment ago. The browser keeps them in a cookie.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecentStepUps(Vec<(OffsetDateTime, Fingerprint)>);

impl RecentStepUps {
    /// Reads a cookie of this session; nothing from any other.
    #[must_use]
    pub fn read(keys: &KeyRing, session: SessionKey, cookie: &str, now: OffsetDateTime) -> Self {
        Self::parse(keys, session, cookie, now).unwrap_or_default()
    }

    fn parse(keys: &KeyRing, session: SessionKey, cookie: &str, now: OffsetDateTime) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(cookie).ok()?;
        let (entries, mac) = bytes.split_at_checked(bytes.len().checked_sub(MAC)?)?;
        if !equal(mac, &proof(keys, session, entries)?) {
            return None;
        }
        let entry = |bytes: &[u8]| {
            let (at, fingerprint) = bytes.split_first_chunk::<TIME>()?;
            let at = OffsetDateTime::from_unix_timestamp(i64::from_be_bytes(*at)).ok()?;
            Some((at, Fingerprint(fingerprint.try_into().ok()?)))
        };
        let entries: Option<Vec<_>> = entries.chunks(TIME + FINGERPRINT).map(entry).collect();
        Some(Self(entries?.into_iter().filter(|(at, _)| (now - *at).abs() < RECENT).collect()))
    }

    /// Whether another login for this demand would go in circles: it has just been through one, or through many others.
    #[must_use]
    pub fn would_go_in_circles(&self, demand: Fingerprint) -> bool {
        self.0.len() >= REMEMBERED || self.0.iter().any(|(_, known)| *known == demand)
    }

    /// The cookie with one more.
    #[must_use]
    pub fn with(
        mut self,
        demand: Fingerprint,
        keys: &KeyRing,
        session: SessionKey,
        now: OffsetDateTime,
    ) -> Option<String> {
        self.0.retain(|(_, known)| *known != demand);
        self.0.push((now, demand));
        let from = self.0.len().saturating_sub(REMEMBERED);
        let mut entries = Vec::new();
        for (at, fingerprint) in &self.0[from..] {
            entries.extend(at.unix_timestamp().to_be_bytes());
            entries.extend(fingerprint.0);
        }
        let mac = proof(keys, session, &entries)?;
        entries.extend(mac);
        Some(URL_SAFE_NO_PAD.encode(entries))
    }
}

fn proof(keys: &KeyRing, session: SessionKey, entries: &[u8]) -> Option<[u8; MAC]> {
    let proof = keys.derive(0, b"recent step-ups", &[&session.0, entries])?;
    proof[..MAC].try_into().ok()
}
