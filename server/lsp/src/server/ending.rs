//! Why and when the session ends. The first reason counts.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::watch;

/// What ended the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    /// The client sent `exit`.
    Exit,
    /// The client closed its end of the pipe.
    InputClosed,
    /// Nobody reads this process's answers any more.
    OutputClosed,
    /// The client's process is gone.
    ParentGone,
    /// The operating system asked this process to end.
    Signal,
}

/// Raised once by the first to notice, waited for by [`super::serve`].
#[derive(Debug, Clone)]
pub(crate) struct Ending {
    reason: Arc<watch::Sender<Option<Reason>>>,
    shut_down: Arc<AtomicBool>,
}

impl Ending {
    pub(crate) fn new() -> Self {
        Self {
            reason: Arc::new(watch::Sender::new(None)),
            shut_down: Arc::new(AtomicBool::new(false)),
        }
    }

    /// The session ends for `reason`, unless it already ends for another.
    pub(crate) fn raise(&self, reason: Reason) {
        self.reason.send_if_modified(|current| {
            let first = current.is_none();
            current.get_or_insert(reason);
            first
        });
    }

    /// The reason, as soon as there is one.
    pub(crate) async fn wait(&self) -> Reason {
        let mut receiver = self.reason.subscribe();
        // `wait_for` fails only without a sender, and `self` is one.
        match receiver
            .wait_for(Option::is_some)
            .await
            .map(|reason| *reason)
        {
            Ok(Some(reason)) => reason,
            Ok(None) | Err(_) => Reason::InputClosed,
        }
    }

    /// The client sent `shutdown`, so what follows is an orderly end.
    pub(crate) fn note_shutdown(&self) {
        self.shut_down.store(true, Ordering::Release);
    }

    /// Whether the client sent `shutdown`.
    pub(crate) fn was_shut_down(&self) -> bool {
        self.shut_down.load(Ordering::Acquire)
    }
}
