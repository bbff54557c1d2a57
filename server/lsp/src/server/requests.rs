//! Requests that wait for a job, by id, so that `$/cancelRequest` stops the job and the request
//! still gets its outcome.
//!
//! tower-lsp's own cancellation answers with an error instead and drops what waits for the job.
//! A request is entered while it is read: however soon its cancellation follows, it is found.

use std::collections::HashMap;
use std::sync::Arc;

use fbuild_loader::cancel::CancelToken;
use serde_json::Value;

use crate::locked::Locked;

tokio::task_local! {
    /// Raised when the client cancels the request that the current handler serves.
    pub(super) static CANCEL: CancelToken;
}

/// Raised when the client cancels the request that the calling handler serves.
pub(crate) fn current_cancel() -> CancelToken {
    CANCEL.try_with(Clone::clone).unwrap_or_default()
}

/// Tokens of the requests under way, by the JSON text of their id.
#[derive(Debug, Default)]
pub(crate) struct Requests(Locked<HashMap<String, CancelToken>>);

/// A request's entry, until it is dropped.
#[derive(Debug)]
pub(crate) struct Entry {
    requests: Arc<Requests>,
    id: String,
    pub(crate) cancel: CancelToken,
}

impl Requests {
    /// Enters a request; `None` if the client uses this id for another one.
    pub(crate) fn enter(self: &Arc<Self>, id: &Value) -> Option<Entry> {
        let id = id.to_string();
        let cancel = CancelToken::new();
        let mut table = self.0.lock();
        if table.contains_key(&id) {
            return None;
        }
        table.insert(id.clone(), cancel.clone());
        Some(Entry {
            requests: self.clone(),
            id,
            cancel,
        })
    }

    /// Stops the job of a request, if there is such a request.
    pub(crate) fn cancel(&self, id: &Value) -> bool {
        let table = self.0.lock();
        let found = table.get(&id.to_string());
        found.inspect(|token| token.cancel()).is_some()
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.requests.0.lock().remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_request_can_be_cancelled_while_it_is_under_way() {
        let requests = Arc::new(Requests::default());
        let (first, second) = (requests.enter(&json!(1)), requests.enter(&json!("1")));
        assert!(requests.enter(&json!(1)).is_none());
        assert!(requests.cancel(&json!("1")));
        assert!(second.unwrap().cancel.is_cancelled());
        assert!(!first.as_ref().unwrap().cancel.is_cancelled());
        assert!(!requests.cancel(&json!("1")));
        assert!(!requests.cancel(&json!(2)));
        drop(first);
        assert!(!requests.cancel(&json!(1)));
    }
}
