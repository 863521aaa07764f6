//! Counts what is under way, in total and for each client, so that one client cannot take every place.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// How many things are under way. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct PerClient(Arc<Mutex<Counts>>);

#[derive(Debug, Default)]
struct Counts {
    total: usize,
    of_client: HashMap<IpAddr, usize>,
}

/// One thing under way: it counts until it is dropped.
#[derive(Debug)]
pub struct Counted {
    counts: PerClient,
    client: IpAddr,
}

impl PerClient {
    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many there are in total, and how many for the client at this address.
    #[must_use]
    pub fn counts(&self, address: IpAddr) -> (usize, usize) {
        self.lock().now(client_of(address))
    }

    /// Counts one more for the client at this address, if `allowed` agrees: it gets the counts so far, as
    /// [`counts`](Self::counts) returns them, and nothing changes meanwhile.
    ///
    /// # Errors
    /// The error of `allowed`.
    pub fn count<E>(&self, address: IpAddr, allowed: impl FnOnce(usize, usize) -> Result<(), E>) -> Result<Counted, E> {
        let client = client_of(address);
        let mut counts = self.lock();
        let (total, of_client) = counts.now(client);
        allowed(total, of_client)?;
        counts.total = total + 1;
        counts.of_client.insert(client, of_client + 1);
        Ok(Counted { counts: self.clone(), client })
    }
}

impl Counts {
    fn now(&self, client: IpAddr) -> (usize, usize) {
        (self.total, self.of_client.get(&client).copied().unwrap_or_default())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut counts = self.counts.lock();
        let (total, of_client) = counts.now(self.client);
        counts.total = total - 1;
        if of_client > 1 {
            counts.of_client.insert(self.client, of_client - 1);
        } else {
            counts.of_client.remove(&self.client);
        }
    }
}

/// The client behind an address: an IPv6 client usually has the whole 64-bit network.
pub(super) fn client_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::PerClient;

    #[test]
    fn counts_are_by_client_and_end_with_what_was_counted() {
        let counts = PerClient::default();
        let count = |address: &str| counts.count(address.parse().unwrap(), |_, _| Ok::<_, Infallible>(())).unwrap();
        let now = |address: &str| counts.counts(address.parse().unwrap());
        let counted = [count("192.0.2.1"), count("::ffff:192.0.2.1"), count("2001:db8::1"), count("2001:db8::ffff:2")];
        assert_eq!((now("192.0.2.1"), now("2001:db8::3"), now("192.0.2.2")), ((4, 2), (4, 2), (4, 0)));
        assert_eq!(
            counts.count("192.0.2.1".parse().unwrap(), |total, own| Err::<(), _>((total, own))).unwrap_err(),
            (4, 2)
        );
        drop(counted);
        assert_eq!(now("192.0.2.1"), (0, 0));
        assert!(counts.lock().of_client.is_empty());
    }
}
