//! Code exchanges with Globus that are in progress: a bounded number, in total and for one address.
//!
//! Anyone can get a state for free, and an exchange that has begun outlives its browser. Without a bound, strangers could make
//! the portal keep any number of requests to Globus open.

use std::net::IpAddr;

use super::per_client::{Counted, PerClient};

/// One address may have a quarter of all places, so that it takes several addresses to keep everyone else out.
const SHARE: usize = 4;

/// The exchanges in progress. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Exchanges {
    max: usize,
    in_progress: PerClient,
}

/// Too many exchanges are in progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TooMany {
    /// In total.
    #[error("too many logins are exchanging codes with Globus (MAX_EXCHANGES)")]
    InAll,
    /// From this address.
    #[error("too many logins from one address are exchanging codes with Globus (a quarter of MAX_EXCHANGES)")]
    FromOneAddress,
}

impl Exchanges {
    /// At most `max` at the same time.
    #[must_use]
    pub fn new(max: usize) -> Self {
        Self { max, in_progress: PerClient::default() }
    }

    /// Begins an exchange for the client at this address. It is in progress until the returned value is dropped.
    ///
    /// # Errors
    /// [`TooMany`].
    pub fn begin(&self, address: IpAddr) -> Result<Counted, TooMany> {
        self.in_progress.count(address, |total, of_client| {
            if total >= self.max {
                return Err(TooMany::InAll);
            }
            if of_client >= self.max.div_ceil(SHARE) { Err(TooMany::FromOneAddress) } else { Ok(()) }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Exchanges, TooMany};

    #[test]
    fn an_address_has_a_quarter_of_all_places_and_gives_them_back() {
        let exchanges = Exchanges::new(8);
        let begin = |address: &str| exchanges.begin(address.parse().unwrap());
        let first = (begin("192.0.2.1").unwrap(), begin("::ffff:192.0.2.1").unwrap());
        assert_eq!(begin("192.0.2.1").unwrap_err(), TooMany::FromOneAddress);
        let network = (begin("2001:db8::1").unwrap(), begin("2001:db8::ffff:2").unwrap());
        assert_eq!(begin("2001:db8::3").unwrap_err(), TooMany::FromOneAddress);
        let others: Vec<_> = (1..=4).map(|n| begin(&format!("198.51.100.{n}")).unwrap()).collect();
        assert_eq!(begin("203.0.113.1").unwrap_err(), TooMany::InAll);
        drop((first, network, others));
        assert!(begin("203.0.113.1").is_ok());
    }
}
