//! What a store reports about changes that other processes make.

use std::time::Instant;

use tokio::sync::mpsc::UnboundedSender;

use super::rows::SessionKey;

/// A report about changes that other processes make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// This session has ended.
    Ended(SessionKey),
    /// Any session may have ended: nothing cached may be trusted.
    Changed,
    /// Notifications are down: from now on sessions may end unreported.
    Disconnected,
    /// Notifications are up: from now on every end is reported.
    Connected,
    /// From a store that looks for changes from time to time: after this moment, what is cached may not be used before the
    /// next look is reported.
    TrustedUntil(Instant),
}

/// Reports [`News::Disconnected`] when dropped, so that even a listener that panics leaves no cache in use.
pub(super) struct DisconnectedAtEnd(pub(super) UnboundedSender<News>);

impl Drop for DisconnectedAtEnd {
    fn drop(&mut self) {
        // It fails only if the receiver is gone.
        let _ = self.0.send(News::Disconnected);
    }
}
