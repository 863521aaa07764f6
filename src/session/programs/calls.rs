//! Calls under way, one for each token: whoever asks meanwhile gets the same outcome, a failure included.

use std::{
    collections::HashMap,
    fmt,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use futures_util::{
    FutureExt as _,
    future::{Shared, WeakShared},
};

use super::token::TokenHash;

type Boxed<V> = Pin<Box<dyn Future<Output = V> + Send>>;
/// A call that any number wait for. It goes on as long as one of them does.
type Call<V> = Shared<Boxed<V>>;
type Map<V> = HashMap<TokenHash, WeakShared<Boxed<V>>>;

/// The calls under way. Clones share them.
pub(super) struct Calls<V>(Arc<Mutex<Map<V>>>);

impl<V> Default for Calls<V> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<V> Clone for Calls<V> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<V> fmt::Debug for Calls<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Calls")
    }
}

/// Takes a call off the list when it has ended, or when nobody waits for it any more.
struct Listed<V> {
    calls: Calls<V>,
    token: TokenHash,
}

impl<V> Drop for Listed<V> {
    fn drop(&mut self) {
        self.calls.lock().remove(&self.token);
    }
}

impl<V: Clone + Send + Sync + 'static> Calls<V> {
    /// The call for this token: the one under way, or else the one that `begin` gives, which it may decline to.
    ///
    /// # Errors
    /// What `begin` gives in place of a call.
    pub(super) fn join<E, F: Future<Output = V> + Send + 'static>(
        &self,
        token: TokenHash,
        begin: impl FnOnce() -> Result<F, E>,
    ) -> Result<Call<V>, E> {
        let mut calls = self.lock();
        if let Some(call) = calls.get(&token).and_then(WeakShared::upgrade) {
            return Ok(call);
        }
        let call = begin()?;
        let listed = Listed { calls: self.clone(), token };
        let call = async move {
            let _listed = listed;
            call.await
        };
        let call = (Box::pin(call) as Boxed<V>).shared();
        calls.extend(call.downgrade().map(|weak| (token, weak)));
        Ok(call)
    }
}

impl<V> Calls<V> {
    fn lock(&self) -> MutexGuard<'_, Map<V>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures_util::FutureExt as _;
    use tokio::sync::oneshot;

    use super::{super::token::BearerToken, Calls};

    #[test]
    fn those_who_ask_meanwhile_share_a_call_and_one_that_nobody_waits_for_is_forgotten() {
        let (calls, token) = (Calls::default(), BearerToken::parse("a").unwrap().hash);
        let (send, receive) = oneshot::channel();
        let mut first = calls.join(token, || Ok::<_, Infallible>(receive.map(Result::unwrap))).unwrap();
        let mut second = calls.join(token, || Err::<futures_util::future::Ready<i32>, _>(())).unwrap();
        assert!((&mut first).now_or_never().is_none());
        drop(first);
        send.send(7).unwrap();
        assert_eq!((&mut second).now_or_never(), Some(7));
        assert!(calls.lock().is_empty(), "it has ended");
        let left = calls.join(token, || Ok::<_, Infallible>(std::future::pending::<i32>())).unwrap();
        assert_eq!(calls.lock().len(), 1);
        drop(left);
        assert!(calls.lock().is_empty(), "nobody waits for it");
    }
}
