//! Our cookies: read strictly, set with every attribute they need, and removed with the same attributes.

use std::str::FromStr as _;

use axum::http::{HeaderMap, HeaderValue, header};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use time::OffsetDateTime;
use tower_sessions::session::Id;

use crate::{
    error::AppError,
    session::{login_attempt::BrowserBinding, session_key, store::SessionKey},
    settings::Settings,
};

/// How many session cookies of a request are considered.
const MAX_SESSIONS: usize = 8;
/// How long a browser keeps the count of rounds, in seconds. In a loop the next login begins at once.
const COUNT_FOR: u64 = 30;
/// How long a browser keeps its choices in Globus's web app, in seconds.
const CHOICES_FOR: u64 = 3600;
/// How long a browser keeps its recent step-ups, in seconds.
const STEP_UPS_FOR: u64 = 120;

/// Ends a cookie.
pub(super) const REMOVED: &str = "; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT";

/// The values of the cookies of this name, as the browser stores them: not decoded, and trimmed only of the characters that
/// separate cookies.
pub(super) fn cookies<'a>(headers: &'a HeaderMap, name: &str) -> impl Iterator<Item = &'a str> {
    let lines = headers.get_all(header::COOKIE).iter();
    let cookies = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b';'));
    let values = cookies.filter_map(move |cookie| {
        let after_name = trim(cookie).strip_prefix(name.as_bytes())?;
        trim(after_name).strip_prefix(b"=")
    });
    // A value that is not text cannot be read, but it counts.
    values.map(|value| std::str::from_utf8(trim(value)).unwrap_or_default())
}

/// Without the spaces around it.
fn trim(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = text {
        text = rest;
    }
    while let [rest @ .., b' ' | b'\t'] = text {
        text = rest;
    }
    text
}

/// A `Set-Cookie` header with the attributes of all our cookies.
fn set_cookie(name: &str, value: &str, expiry: &str, settings: &Settings) -> Option<HeaderValue> {
    set_cookie_at(settings.cookie_path(), name, value, expiry, settings)
}

/// The same for any path, and with more attributes.
pub(super) fn set_cookie_at(
    path: &str,
    name: &str,
    value: &str,
    more: &str,
    settings: &Settings,
) -> Option<HeaderValue> {
    let secure = if settings.is_https() { "; Secure" } else { "" };
    let text = format!("{name}={value}; HttpOnly; SameSite=Lax; Path={path}{more}{secure}");
    let mut value = HeaderValue::from_str(&text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// The value that ties logins to this browser, if it has one.
pub(super) fn browser_binding(headers: &HeaderMap, settings: &Settings) -> Option<BrowserBinding> {
    cookies(headers, &settings.cookie_names.login).find_map(BrowserBinding::parse)
}

/// The header that gives a browser its binding.
pub(super) fn set_browser_binding(binding: &BrowserBinding, settings: &Settings) -> Option<HeaderValue> {
    set_cookie(&settings.cookie_names.login, binding.expose_secret(), "", settings)
}

/// The session cookies that a browser sent. There should be at most one; with plain http another program on the same host
/// can add a second one, and there is no way to tell which one is ours.
#[derive(Clone, Debug, Default)]
pub(super) struct SentSessions {
    /// The first few that have the right form.
    ids: Vec<Id>,
    /// How many there were, whatever their form.
    count: usize,
}

impl SentSessions {
    pub(super) fn of(headers: &HeaderMap, settings: &Settings) -> Self {
        let mut sent = Self::default();
        for value in cookies(headers, &settings.session_cookie_name) {
            sent.count += 1;
            if let Ok(id) = Id::from_str(value)
                && sent.ids.len() < MAX_SESSIONS
                && !sent.ids.contains(&id)
            {
                sent.ids.push(id);
            }
        }
        sent
    }

    /// The session that a page may show.
    ///
    /// # Errors
    /// If there are two: either may belong to another person, whose data a page would then show. Login and logout still work.
    pub(super) fn only(&self) -> Result<Option<SessionKey>, AppError> {
        if self.count < 2 {
            return Ok(self.keys().next());
        }
        Err(AppError::StartAgain {
            message: "Your browser sent two session cookies for this site, so neither can be trusted. Please sign in again. If this page comes back, delete this site's cookies in your browser and sign in again: another program on this host uses the same cookie name.".into(),
            cause: "the browser sent two session cookies: if another program on this host uses the same name, choose another SESSION_COOKIE_NAME".into(),
            next: None,
        })
    }

    /// Whether there is no session cookie.
    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Whether there is exactly one, and it has the right form.
    pub(super) fn is_one_of_ours(&self) -> bool {
        self.count == 1 && self.ids.len() == 1
    }

    /// All that may be our sessions. A login or a logout ends them.
    pub(super) fn keys(&self) -> impl Iterator<Item = SessionKey> {
        self.ids.iter().map(|id| session_key(*id))
    }
}

/// The header that gives a browser its session. The cookie lasts until the browser closes; how long the session lasts is up to
/// the store and our clock.
pub(super) fn set_session(id: Id, settings: &Settings) -> Option<HeaderValue> {
    session_cookie(&id.to_string(), "", settings.app_hosts.cookie_domain.as_deref(), settings)
}

/// The header that removes the session cookie, with every attribute that it was set with: a browser ignores the removal of a
/// `__Host-` cookie without `Secure`.
pub(super) fn remove_session(settings: &Settings) -> Option<HeaderValue> {
    session_cookie("", REMOVED, settings.app_hosts.cookie_domain.as_deref(), settings)
}

/// The session cookie; one for a whole domain is for all paths there too.
fn session_cookie(value: &str, expiry: &str, domain: Option<&str>, settings: &Settings) -> Option<HeaderValue> {
    let path = if settings.app_hosts.cookie_domain.is_some() { "/" } else { settings.cookie_path() };
    let domain = domain.map(|domain| format!("; Domain={domain}")).unwrap_or_default();
    set_cookie_at(path, &settings.session_cookie_name, value, &format!("{domain}{expiry}"), settings)
}

/// The headers that remove the session cookies which a browser has beside the one of `COOKIE_DOMAIN`: of the portal's host alone,
/// and of every other domain that the host is in. There are some if the domain was another before, or if a neighbour sets one.
pub(super) fn remove_strays(sent: &SentSessions, settings: &Settings) -> Vec<HeaderValue> {
    let Some(own) = settings.app_hosts.cookie_domain.as_deref().filter(|_| sent.count > 1) else { return Vec::new() };
    let host = settings.server_name.split(':').next().unwrap_or_default();
    let domains = std::iter::successors(Some(host), |domain| Some(domain.split_once('.')?.1));
    let others = domains.filter(|domain| *domain != own && domain.contains('.')).map(Some);
    others.chain([None]).filter_map(|domain| session_cookie("", REMOVED, domain, settings)).collect()
}

/// How many rounds the browser has just been through, according to its own cookie: completed logins in a row after which it
/// was not logged in. Forging the cookie only shows or hides an error page.
pub(super) fn rounds(headers: &HeaderMap, settings: &Settings, now: OffsetDateTime) -> Option<u8> {
    cookies(headers, &settings.cookie_names.rounds).find_map(|value| {
        let bytes: [u8; 9] = URL_SAFE_NO_PAD.decode(value).ok()?.try_into().ok()?;
        let (&[count], at) = bytes.split_first_chunk()?;
        let age = now.unix_timestamp().checked_sub(i64::from_be_bytes(at.try_into().ok()?))?;
        (age.unsigned_abs() <= COUNT_FOR).then_some(count)
    })
}

/// The header that keeps that count.
pub(super) fn set_rounds(count: u8, settings: &Settings, now: OffsetDateTime) -> Option<HeaderValue> {
    set_rounds_at(settings.cookie_path(), count, settings, now)
}

/// The same for any path.
pub(super) fn set_rounds_at(path: &str, count: u8, settings: &Settings, now: OffsetDateTime) -> Option<HeaderValue> {
    let bytes = [&[count][..], &now.unix_timestamp().to_be_bytes()].concat();
    let value = URL_SAFE_NO_PAD.encode(bytes);
    set_cookie_at(path, &settings.cookie_names.rounds, &value, &format!("; Max-Age={COUNT_FOR}"), settings)
}

/// The header that resets the count, if the browser has one.
pub(super) fn forget_rounds(headers: &HeaderMap, settings: &Settings) -> Option<HeaderValue> {
    cookies(headers, &settings.cookie_names.rounds).next()?;
    set_cookie(&settings.cookie_names.rounds, "", REMOVED, settings)
}

/// The cookie with the step-ups that the browser has just been through.
pub(super) fn recent_step_ups<'a>(headers: &'a HeaderMap, settings: &Settings) -> Option<&'a str> {
    cookies(headers, &settings.cookie_names.step_ups).next()
}

/// The header that keeps them.
pub(super) fn set_recent_step_ups(value: &str, settings: &Settings) -> Option<HeaderValue> {
    set_cookie(&settings.cookie_names.step_ups, value, &format!("; Max-Age={STEP_UPS_FOR}"), settings)
}

/// The cookie with the choices that the browser has under way in Globus's web app.
pub(super) fn choices<'a>(headers: &'a HeaderMap, settings: &Settings) -> Option<&'a str> {
    cookies(headers, &settings.cookie_names.choices).next()
}

/// The header that keeps them; without any, the cookie goes.
pub(super) fn set_choices(value: &str, settings: &Settings) -> Option<HeaderValue> {
    let expiry = if value.is_empty() { REMOVED.to_owned() } else { format!("; Max-Age={CHOICES_FOR}") };
    set_cookie(&settings.cookie_names.choices, value, &expiry, settings)
}
