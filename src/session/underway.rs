//! Work that goes on though nobody may wait for it any more: what Globus has begun to answer must not be lost. A process
//! that stops lets it finish first.

use std::sync::Arc;

use tokio::{sync::watch, task::JoinHandle};

/// How much of it there is. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Underway(Arc<watch::Sender<usize>>);

impl Default for Underway {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(0)))
    }
}

/// One piece of work, until it is dropped.
struct Piece(Underway);

impl Drop for Piece {
    fn drop(&mut self) {
        self.0.0.send_modify(|count| *count -= 1);
    }
}

impl Underway {
    /// Does some work in a task of its own.
    pub fn spawn<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
        self.0.send_modify(|count| *count += 1);
        let piece = Piece(self.clone());
        tokio::spawn(async move {
            let _piece = piece;
            work.await
        })
    }

    /// Waits until there is none.
    pub async fn finished(&self) {
        // The sender is here, so the channel does not close.
        let _ = self.0.subscribe().wait_for(|count| *count == 0).await;
    }
}
