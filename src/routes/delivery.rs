//! Things that must not exist unless the client has received the response.

use std::sync::{Arc, Mutex, PoisonError};

use axum::response::Response;

/// Undoes something if its response is dropped before it reaches the client's connection.
#[derive(Clone)]
pub(super) struct IfUndelivered(Arc<TakeBack>);

struct TakeBack(Mutex<Option<Box<dyn FnOnce() + Send>>>);

impl TakeBack {
    fn take(&self) -> Option<Box<dyn FnOnce() + Send>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Drop for TakeBack {
    fn drop(&mut self) {
        if let Some(take_back) = self.take() {
            take_back();
        }
    }
}

impl IfUndelivered {
    /// Attaches `take_back` to a response.
    pub(super) fn put_on(response: &mut Response, take_back: impl FnOnce() + Send + 'static) {
        let this = Self(Arc::new(TakeBack(Mutex::new(Some(Box::new(take_back))))));
        response.extensions_mut().insert(this);
    }

    /// Call this when the connection has the response: from then on nothing is undone.
    pub(super) fn is_delivered(mut response: Response) -> Response {
        if let Some(Self(take_back)) = response.extensions_mut().remove::<Self>() {
            drop(take_back.take());
        }
        response
    }
}
