//! The last login of each browser, remembered for a short time. Logins that one browser completes at the same moment, as when
//! it restores many tabs, do not know each other's sessions, and all but the last session would be left over.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use super::{login_attempt::BrowserBinding, store::SessionKey};

/// Logins that began at the same time return within this time.
const REMEMBERED: Duration = Duration::from_secs(30 * 60);
/// How many browsers are remembered at most. A browser that is forgotten may keep one session too many.
const BROWSERS: usize = 10_000;

/// The sessions that browsers were given last.
#[derive(Debug, Default)]
pub struct RecentLogins(Mutex<HashMap<[u8; 32], (SessionKey, Instant)>>);

impl RecentLogins {
    /// Records the session that a browser gets. Returns its previous one, whose cookie the new one replaces.
    pub fn replace(&self, browser: &BrowserBinding, session: SessionKey) -> Option<SessionKey> {
        let mut logins = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if logins.len() >= BROWSERS {
            logins.retain(|_, (_, at)| at.elapsed() < REMEMBERED);
        }
        if logins.len() >= BROWSERS {
            logins.clear();
        }
        logins.insert(browser.hash(), (session, Instant::now())).map(|(before, _)| before)
    }
}
