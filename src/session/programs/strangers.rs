//! Tokens that Globus did not accept, counted for each client: whoever invents tokens must not keep Globus busy.

use std::{collections::HashMap, net::IpAddr};

use time::{Duration, OffsetDateTime};

use crate::session::per_client::client_of;

/// The counts begin anew after this.
const WINDOW: Duration = Duration::MINUTE;
/// How many of one client are asked about in that time.
const OF_ONE: u32 = 60;
/// How many in total.
const MOST: u32 = 600;

/// The counts of this minute. Tokens that were accepted before do not need them, so programs that are at work go on.
#[derive(Debug)]
pub(super) struct Strangers {
    since: OffsetDateTime,
    total: u32,
    of_client: HashMap<IpAddr, u32>,
}

impl Strangers {
    pub(super) fn new(now: OffsetDateTime) -> Self {
        Self { since: now, total: 0, of_client: HashMap::new() }
    }

    /// Whether Globus may be asked about another unknown token of this client.
    pub(super) fn admits(&mut self, client: IpAddr, now: OffsetDateTime) -> bool {
        let age = now - self.since;
        if age.is_negative() || age >= WINDOW {
            *self = Self::new(now);
        }
        let of_client = self.of_client.get(&client_of(client)).copied().unwrap_or_default();
        self.total < MOST && of_client < OF_ONE
    }

    /// Counts one that was not accepted.
    pub(super) fn note(&mut self, client: IpAddr) {
        self.total += 1;
        *self.of_client.entry(client_of(client)).or_default() += 1;
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use time::{Duration, OffsetDateTime};

    use super::{MOST, OF_ONE, Strangers};

    #[test]
    fn a_client_has_a_share_of_all_and_a_new_one_every_minute() {
        let now = OffsetDateTime::UNIX_EPOCH;
        let address = |last: u32| IpAddr::from([192, 0, 2, u8::try_from(last).unwrap()]);
        let mut strangers = Strangers::new(now);
        (0..OF_ONE).for_each(|_| strangers.note(address(1)));
        assert!(!strangers.admits(address(1), now) && strangers.admits(address(2), now));
        (OF_ONE..MOST).for_each(|place| strangers.note(address(2 + place % 200)));
        assert!(!strangers.admits(address(250), now));
        let later = now + Duration::seconds(60);
        assert!(strangers.admits(address(1), later) && strangers.of_client.is_empty());
    }
}
