//! Work that must run for as long as the process does: the sweep, the listeners, the accept loop. A panic ends one round
//! of it and not the work.

use std::{any::Any, panic::AssertUnwindSafe, time::Duration};

use futures_util::FutureExt as _;
use tokio::task::JoinHandle;

/// The pause before work that has panicked is started again.
const PAUSE: Duration = if cfg!(test) { Duration::from_millis(1) } else { Duration::from_secs(1) };

/// Runs `start()` in a task of its own, and starts it again whenever it panics. Work that returns is done. When an aborted
/// task has ended, so has the work, with all that it owns. `what` names the work in the log. Called within a runtime.
pub fn keep_running<Work>(what: &'static str, mut start: impl FnMut() -> Work + Send + 'static) -> JoinHandle<()>
where
    Work: Future<Output = ()> + Send + 'static,
{
    tokio::spawn(async move {
        while let Err(panic) = AssertUnwindSafe(start()).catch_unwind().await {
            tracing::error!(what, panic = message(&*panic), "a background task panicked; restarting it");
            tokio::time::sleep(PAUSE).await;
        }
    })
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without a text")
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };

    use super::keep_running;

    /// On another thread than the work's, so that an abort and the work's end are not one step.
    #[tokio::test(flavor = "multi_thread")]
    async fn what_aborted_work_owns_is_gone_when_its_task_has_ended() {
        for _ in 0..200 {
            let owned = Arc::new(());
            let given = owned.clone();
            let running = keep_running("a test", move || {
                let given = given.clone();
                async move {
                    let _given = given;
                    loop {
                        tokio::task::yield_now().await;
                    }
                }
            });
            while Arc::strong_count(&owned) < 3 {
                tokio::task::yield_now().await;
            }
            running.abort();
            let _ = running.await;
            assert_eq!(Arc::strong_count(&owned), 1);
        }
    }

    #[tokio::test]
    async fn work_that_panics_is_started_again_and_work_that_returns_is_done() {
        let rounds = Arc::new(AtomicUsize::new(0));
        let counted = rounds.clone();
        let running = keep_running("a test", move || {
            let round = counted.fetch_add(1, Ordering::SeqCst);
            async move {
                assert!(round >= 2, "round {round}");
            }
        });
        running.await.unwrap();
        assert_eq!(rounds.load(Ordering::SeqCst), 3);
    }
}
