//! Requests that continue after their clients have left. Their number is limited, in total and per address, so that clients
//! that come and leave cannot pile up work. Other requests are limited by the number of connections.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::session::exchanges::client_of;

/// The number at which no further request is accepted.
const MAX: usize = 2048;
/// The limit for one address.
const OF_ONE: usize = MAX / 4;

/// The requests that go on without a client. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(super) struct Unattended(Arc<Mutex<Counts>>);

#[derive(Debug, Default)]
struct Counts {
    all: usize,
    by_client: HashMap<IpAddr, usize>,
}

/// One of them, until it is done.
pub(super) struct Left {
    unattended: Unattended,
    client: IpAddr,
}

impl Unattended {
    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether another request from this address may begin.
    pub(super) fn admits(&self, peer: IpAddr) -> bool {
        let counts = self.lock();
        // In the usual case the address does not matter.
        counts.all < OF_ONE
            || (counts.all < MAX && counts.by_client.get(&client_of(peer)).is_none_or(|left| *left < OF_ONE))
    }

    /// A client has left its request.
    pub(super) fn note(&self, peer: IpAddr) -> Left {
        let client = client_of(peer);
        let mut counts = self.lock();
        counts.all += 1;
        *counts.by_client.entry(client).or_default() += 1;
        drop(counts);
        Left { unattended: self.clone(), client }
    }
}

impl Drop for Left {
    fn drop(&mut self) {
        let mut counts = self.unattended.lock();
        counts.all -= 1;
        if let Some(left) = counts.by_client.get_mut(&self.client) {
            *left -= 1;
            if *left == 0 {
                counts.by_client.remove(&self.client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::{MAX, OF_ONE, Unattended};

    #[test]
    fn one_address_that_leaves_requests_keeps_no_other_out() {
        let unattended = Unattended::default();
        let address = |last: usize| IpAddr::from([192, 0, 2, u8::try_from(last).unwrap()]);
        let mut left: Vec<_> = (0..OF_ONE).map(|_| unattended.note(address(1))).collect();
        assert!(!unattended.admits(address(1)) && unattended.admits(address(2)));
        left.extend((2..=4).flat_map(|last| (0..OF_ONE).map(move |_| last)).map(|last| unattended.note(address(last))));
        assert_eq!(left.len(), MAX);
        assert!(!unattended.admits(address(5)));
        left.clear();
        assert!(unattended.admits(address(1)) && unattended.lock().by_client.is_empty());
    }
}
