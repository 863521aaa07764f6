//! Hand-overs: a session that began at the portal is used on the host of an app, which does not get the session cookie.
//!
//! ```text
//! browser          the app's host H (its /oauth2/ is the portal)            the portal's own host
//!    │ /oauth2/start?rd=PAGE ──> sets a binding, for H only
//!    │ /oauth2/hand-over?to=REQUEST ─────────────────────────────────────>  logs the person in, if need be
//!    │ /oauth2/hand-over?ticket=TICKET ──> spends it, compares the binding,
//!    │                                     sets the gate's cookie, for H only
//!    │ PAGE ──> the gate finds the session by that cookie
//! ```
//!
//! - A [`Request`] names the host, the page and the hash of the binding. It is sealed, so only the portal writes one; it is not
//!   secret, and worth nothing without the binding.
//! - A [`Ticket`] names the session, the page and the same hash. It is sealed for its host, good for a minute and spent in the
//!   store by whoever brings it first, with the right binding or without. So a ticket of an attacker logs nobody in as the
//!   attacker, and one that was seen on its way is worth nothing without the cookie that only its browser has.
//! - The [cookie](seal_cookie) on H holds the session's key in the store, sealed for the domain of H. Nobody but the portal can read
//!   it, and nothing but the gate on that domain takes it: it is neither the session's id nor can the id be had from it. It has no
//!   end of its own: the session is looked up with each request, so one logout ends all hosts.
//! - A request names the session that the host has a cookie of already, because the gate sends somebody here who has one only if it
//!   cannot let that session in. The portal then gives no ticket for the same session, but logs the person in again.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use time::{Duration, OffsetDateTime};

use super::{
    login_attempt::{BrowserBinding, MAX_AGE},
    return_path::ReturnPath,
    seal::{KeyRing, Purpose, SealError, hash},
    store::SessionKey,
};
use crate::{
    secret::equal,
    settings::{AppHost, AppHosts},
};

/// How long a browser may take from the portal to the app's host.
pub const TICKET_FOR: Duration = Duration::minutes(1);

const TIME: usize = 8;
const HASH: usize = 32;

/// What the host of an app asks the portal for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Where to go afterwards, on that host.
    pub page: ReturnPath,
    /// The hash of the browser's binding there.
    binding: [u8; HASH],
    /// A session that the host has already, and that does not do.
    pub other_than: Option<SessionKey>,
}

impl Request {
    /// A request of this browser for a page on an app's host.
    #[must_use]
    pub fn new(page: ReturnPath, browser: &BrowserBinding, other_than: Option<SessionKey>) -> Self {
        Self { page, binding: browser.hash(), other_than }
    }

    /// Seals it, as text for a URL.
    ///
    /// # Errors
    /// [`SealError`].
    pub fn seal(&self, keys: &KeyRing, now: OffsetDateTime) -> Result<String, SealError> {
        let other_than = self.other_than.map_or([0; HASH], |key| key.0);
        let page = self.page.as_str().as_bytes();
        let plain = [&now.unix_timestamp().to_be_bytes()[..], &self.binding, &other_than, page].concat();
        Ok(URL_SAFE_NO_PAD.encode(keys.seal(Purpose::HandOver, b"", &plain)?))
    }

    /// Opens one, with its host. `None` if the portal did not seal it, if it is older than a login may be, or if its host is not
    /// allowed any more.
    #[must_use]
    pub fn open<'a>(
        keys: &KeyRing,
        text: &str,
        hosts: &'a AppHosts,
        now: OffsetDateTime,
    ) -> Option<(Self, &'a AppHost)> {
        let sealed = URL_SAFE_NO_PAD.decode(text).ok()?;
        let opened = keys.open(Purpose::HandOver, b"", &sealed)?;
        let (began, rest) = time(&opened.plain)?;
        let (binding, rest) = rest.split_first_chunk::<HASH>()?;
        let (other_than, page) = rest.split_first_chunk::<HASH>()?;
        let (host, path) = hosts.split(std::str::from_utf8(page).ok()?)?;
        let page = ReturnPath::on(host, path)?;
        let other_than = (*other_than != [0; HASH]).then_some(SessionKey(*other_than));
        let is_in_time = now < began.saturating_add(MAX_AGE);
        is_in_time.then_some((Self { page, binding: *binding, other_than }, host))
    }

    /// The ticket for it: for this session, on this host, as text for a URL.
    ///
    /// # Errors
    /// [`SealError`].
    pub fn ticket(
        &self,
        keys: &KeyRing,
        host: &AppHost,
        session: SessionKey,
        now: OffsetDateTime,
    ) -> Result<String, SealError> {
        let page = self.page.as_str().as_bytes();
        let plain = [&now.unix_timestamp().to_be_bytes()[..], &session.0, &self.binding, page].concat();
        Ok(URL_SAFE_NO_PAD.encode(keys.seal(Purpose::Ticket, host.origin().as_bytes(), &plain)?))
    }
}

/// A ticket that the portal gave for a host.
#[derive(Debug)]
pub struct Ticket {
    /// The session.
    pub session: SessionKey,
    /// Where to go.
    pub page: ReturnPath,
    /// Identifies it in the list of spent states.
    pub hash: [u8; HASH],
    /// When it expires.
    pub expires: OffsetDateTime,
    /// Until when it is remembered as spent: as long as the state of a login, so that many logins do not crowd it out.
    pub spent_until: OffsetDateTime,
    binding: [u8; HASH],
}

impl Ticket {
    /// Opens one of this host; `None` for anything else. It may have expired.
    #[must_use]
    pub fn open(keys: &KeyRing, host: &AppHost, text: &str) -> Option<Self> {
        let sealed = URL_SAFE_NO_PAD.decode(text).ok()?;
        let opened = keys.open(Purpose::Ticket, host.origin().as_bytes(), &sealed)?;
        let (given, rest) = time(&opened.plain)?;
        let (session, rest) = rest.split_first_chunk::<HASH>()?;
        let (binding, page) = rest.split_first_chunk::<HASH>()?;
        let page = std::str::from_utf8(page).ok()?.strip_prefix(host.origin())?;
        Some(Self {
            session: SessionKey(*session),
            page: ReturnPath::on(host, page)?,
            hash: hash(&[b"ticket", &sealed]),
            expires: given.saturating_add(TICKET_FOR),
            spent_until: given.saturating_add(MAX_AGE),
            binding: *binding,
        })
    }

    /// Whether it was given to this browser.
    #[must_use]
    pub fn is_of(&self, browser: &BrowserBinding) -> bool {
        equal(&self.binding, &browser.hash())
    }
}

fn time(plain: &[u8]) -> Option<(OffsetDateTime, &[u8])> {
    let (time, rest) = plain.split_first_chunk::<TIME>()?;
    Some((OffsetDateTime::from_unix_timestamp(i64::from_be_bytes(*time)).ok()?, rest))
}

/// The value of the cookie with which a session passes the gate on a host.
///
/// # Errors
/// [`SealError`].
pub fn seal_cookie(keys: &KeyRing, host: &AppHost, session: SessionKey) -> Result<String, SealError> {
    Ok(URL_SAFE_NO_PAD.encode(keys.seal(Purpose::GateCookie, host.domain().as_bytes(), &session.0)?))
}

/// The session of such a cookie; `None` for one of another domain, or anything else.
#[must_use]
pub fn open_cookie(keys: &KeyRing, host: &AppHost, cookie: &str) -> Option<SessionKey> {
    let sealed = URL_SAFE_NO_PAD.decode(cookie).ok()?;
    let opened = keys.open(Purpose::GateCookie, host.domain().as_bytes(), &sealed)?;
    opened.plain.try_into().ok().map(SessionKey)
}
