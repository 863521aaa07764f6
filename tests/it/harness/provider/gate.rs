//! Holds calls back until the test lets them continue.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tokio::sync::Semaphore;

#[derive(Debug)]
pub struct Gate {
    arrived: Semaphore,
    open: Semaphore,
    waiting: AtomicUsize,
}

/// A call that waits at a gate, until it continues or its caller leaves.
struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Gate {
    pub fn closed() -> Arc<Self> {
        Arc::new(Self { arrived: Semaphore::new(0), open: Semaphore::new(0), waiting: AtomicUsize::new(0) })
    }

    /// Ready when a call has come in and waits.
    pub async fn arrival(&self) {
        self.arrived.acquire().await.unwrap().forget();
    }

    /// Lets this and every later call continue.
    pub fn open(&self) {
        self.open.close();
    }

    /// How many calls wait, without those whose callers have left.
    pub fn waiting(&self) -> usize {
        self.waiting.load(Ordering::SeqCst)
    }

    pub async fn pass(&self) {
        self.waiting.fetch_add(1, Ordering::SeqCst);
        let _waiting = Waiting(&self.waiting);
        self.arrived.add_permits(1);
        // Opening the gate closes its semaphore, which then gives no permit.
        drop(self.open.acquire().await);
    }
}
