//! Exchanges of codes at Globus that are under way: a bounded number, in all and for one address.
//!
//! A state costs a stranger nothing, and an exchange that has begun outlives its browser, so without a bound strangers
//! could make the portal hold as many requests to Globus as they like.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// One address has at most this part of all places, so that it takes several to keep everybody else out.
const SHARE: usize = 4;

/// The exchanges under way. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Exchanges {
    max: usize,
    under_way: Arc<Mutex<UnderWay>>,
}

#[derive(Debug, Default)]
struct UnderWay {
    all: usize,
    by_client: HashMap<IpAddr, usize>,
}

/// The place of one exchange, until it is dropped.
#[derive(Debug)]
pub struct Exchange {
    exchanges: Exchanges,
    client: IpAddr,
}

/// Too many exchanges are under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TooMany {
    /// In all.
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
        Self { max, under_way: Arc::default() }
    }

    fn lock(&self) -> MutexGuard<'_, UnderWay> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins one for a client at this address.
    ///
    /// # Errors
    /// [`TooMany`].
    pub fn begin(&self, address: IpAddr) -> Result<Exchange, TooMany> {
        let client = client_of(address);
        let mut under_way = self.lock();
        if under_way.all >= self.max {
            return Err(TooMany::InAll);
        }
        let of_client = under_way.by_client.entry(client).or_default();
        if *of_client >= self.max.div_ceil(SHARE) {
            return Err(TooMany::FromOneAddress);
        }
        *of_client += 1;
        under_way.all += 1;
        Ok(Exchange { exchanges: self.clone(), client })
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let mut under_way = self.exchanges.lock();
        under_way.all -= 1;
        if let Some(of_client) = under_way.by_client.get_mut(&self.client) {
            *of_client -= 1;
            if *of_client == 0 {
                under_way.by_client.remove(&self.client);
            }
        }
    }
}

/// The client behind an address: an IPv6 client usually has the whole 64-bit network.
#[must_use]
pub fn client_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
        v4 @ IpAddr::V4(_) => v4,
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
        assert!(exchanges.lock().by_client.is_empty());
        assert!(begin("203.0.113.1").is_ok());
    }
}
