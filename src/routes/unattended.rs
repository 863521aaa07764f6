//! Requests that continue after their clients have left. Their number is limited, in total and per address, so that clients
//! that come and go cannot pile up work. Other requests are limited by the number of connections.

use std::{convert::Infallible, net::IpAddr};

use crate::session::per_client::{Counted, PerClient};

/// The number at which no further request is accepted.
const MAX: usize = 2048;
/// The limit for one address.
const OF_ONE: usize = MAX / 4;

/// The requests that continue without a client. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(super) struct Unattended(PerClient);

impl Unattended {
    /// Whether another request from this address may begin.
    pub(super) fn admits(&self, peer: IpAddr) -> bool {
        let (total, of_client) = self.0.counts(peer);
        total < MAX && of_client < OF_ONE
    }

    /// A client has left its request, which counts until the returned value is dropped.
    pub(super) fn note(&self, peer: IpAddr) -> Counted {
        let Ok(counted) = self.0.count(peer, |_, _| Ok::<_, Infallible>(()));
        counted
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
        assert!(unattended.admits(address(1)));
    }
}
