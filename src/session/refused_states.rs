//! States of logins that Globus has refused. No code is exchanged for them afterwards. This process remembers a bounded number
//! of them: anyone can cause refusals for free, so they must not fill the store.

use std::{
    collections::{HashSet, VecDeque},
    sync::{Mutex, PoisonError},
};

/// How many are remembered; the oldest goes first.
const REMEMBERED: usize = 10_000;

/// The states that were refused last.
#[derive(Debug, Default)]
pub struct RefusedStates(Mutex<Remembered>);

#[derive(Debug, Default)]
struct Remembered {
    known: HashSet<[u8; 32]>,
    in_order: VecDeque<[u8; 32]>,
}

impl RefusedStates {
    /// Records that Globus has refused the login with this state.
    pub fn add(&self, state: [u8; 32]) {
        let mut remembered = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !remembered.known.insert(state) {
            return;
        }
        remembered.in_order.push_back(state);
        if remembered.in_order.len() > REMEMBERED
            && let Some(oldest) = remembered.in_order.pop_front()
        {
            remembered.known.remove(&oldest);
        }
    }

    /// Whether the login with this state was refused.
    #[must_use]
    pub fn contains(&self, state: &[u8; 32]) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).known.contains(state)
    }
}

#[cfg(test)]
mod tests {
    use super::{REMEMBERED, RefusedStates};

    #[test]
    fn the_oldest_of_too_many_is_forgotten() {
        let refused = RefusedStates::default();
        let state = |n: usize| -> [u8; 32] { std::array::from_fn(|i| n.to_be_bytes().get(i).copied().unwrap_or(0)) };
        for n in 0..=REMEMBERED {
            refused.add(state(n));
            refused.add(state(n));
        }
        assert!(!refused.contains(&state(0)) && refused.contains(&state(1)) && refused.contains(&state(REMEMBERED)));
        assert_eq!(refused.0.lock().unwrap().known.len(), REMEMBERED);
    }
}
